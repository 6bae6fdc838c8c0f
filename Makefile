# Two commands: `make book` and `make test`. Everything else is the `isomorph` command.
PYTHON    ?= python3
SIZE      ?= laptop
CHAPTER   ?=
RECOMPUTE ?=
PORT      ?= 8000
KEEP      ?=

BIN   := .venv/bin
# Keyed on content, not on time: a fresh checkout of the same files installs nothing again.
STAMP := .venv/installed-$(shell cat requirements.txt pyproject.toml | cksum | tr ' ' '-')

# To the shell by the environment, as they stand: neither a quote nor a $ in them does anything.
override CHAPTER := $(value CHAPTER)
override PORT    := $(value PORT)
export CHAPTER PORT

ifneq ($(words $(SIZE))$(filter-out smoke laptop reference hub paper,$(SIZE)),1)
$(error SIZE is '$(SIZE)', but it must be one of smoke, laptop, reference, hub, paper)
endif

.PHONY: book test environment serve lock clean

book: $(STAMP)
	@$(BIN)/isomorph book --size $(SIZE) $${CHAPTER:+--chapter "$$CHAPTER"} $(if $(filter-out 0 no false,$(RECOMPUTE)),--recompute)

test: $(STAMP)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist worksteal

environment: $(STAMP)

serve: $(STAMP)
	@test -f _build/html/index.html || { echo "There is no book yet: run make book first."; exit 1; }
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory _build/html "$$PORT"

$(STAMP):
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11, 5) <= sys.version_info < (3, 15))' 2>/dev/null || { \
	  echo "Isomorph needs Python from 3.11.5 to 3.14, and '$(PYTHON)' is" \
	  "$$($(PYTHON) -c 'import platform; print(platform.python_version())' 2>/dev/null || echo missing): name another, for example make PYTHON=python3.12."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --requirement requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	@rm -f .venv/installed-*
	@touch $@

# The lock, from an empty environment. KEEP=1 holds every version that is already locked and only
# adds what is new. Accelerator packages and local suffixes such as +cpu depend on the machine that
# locks, and pip adds the right ones on the machine that installs: they stay out.
lock:
	rm -rf _build/lock
	$(PYTHON) -m venv _build/lock
	_build/lock/bin/python -m pip install --quiet $(if $(KEEP),--constraint requirements.txt) --editable '.[book,models,test]'
	_build/lock/bin/python -m pip freeze --exclude-editable > _build/lock/frozen.txt
	sed -E -e '/^(nvidia-|cuda-|triton)/d' -e 's/\+[a-z0-9.]+$$//' \
	  -e "s/^gensim==.*/&; python_version < '3.14'/" _build/lock/frozen.txt > requirements.txt
	rm -rf _build/lock

# Not while a build is at work in it.
clean:
	@$(PYTHON) -I lib/isomorph/files.py _build
