"""What a result depends on, in a copy of the library whose modules are edited."""

import shutil

import pytest

from isomorph.runs import cache as code

MODEL = ("isomorph.runs.pretraining", ("text", "models", "runs"))
RUNS = {
    "model": MODEL,
    **{name: (f"isomorph.runs.{name}",) for name in
       ("pretraining", "comparison", "geometry", "cures", "transfer", "theorem")},
}  # fmt: skip


@pytest.fixture
def edited(tmp_path, monkeypatch):
    """A function that edits a module of a copy and says whose hashes that changes."""
    original = code.ROOT
    for room in code.ROOMS:
        shutil.copytree(original / room, tmp_path / "isomorph" / room)
    monkeypatch.setattr(code, "ROOT", tmp_path / "isomorph")

    def hashes() -> dict[str, str]:
        code._hash.cache_clear()
        code._read.cache_clear()
        return {name: code.code_version(*asked) for name, asked in RUNS.items()}

    before = hashes()

    def edit(module: str, old: str, new: str) -> set[str]:
        path = tmp_path / "isomorph" / module
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))
        after = hashes()
        path.write_text(text)
        return {name for name in RUNS if before[name] != after[name]}

    yield edit
    code._hash.cache_clear()
    code._read.cache_clear()


def test_wording_changes_no_hash(edited):
    assert edited("models/pretrain.py", "\nimport ", "\n# Slowly.\n\nimport ") == set()
    assert edited("models/pretrain.py", '"""', '"""Slowly. ') == set()
    assert edited("text/vocab.py", "\n\n\n", "\n\n\n\n\n") == set()


def test_a_measure_trains_no_model_and_changes_what_is_measured_with_it(edited):
    line = "from torch import Tensor\n"
    assert edited("measure/cures.py", line, line + "MORE = 1\n") == {"cures"}
    assert edited("measure/degeneration.py", line, line + "MORE = 1\n") == {"geometry", "theorem"}
    line = "import torch\n"
    read_in_training = {"pretraining", "comparison", "geometry", "cures", "transfer"}
    assert edited("measure/retrieval.py", line, line + "MORE = 1\n") == read_in_training


def test_what_trains_a_model_changes_it_and_all_that_starts_from_it(edited):
    for module in ("models/encoder.py", "text/vocab.py", "runs/pretraining.py"):
        assert edited(module, "\n\n\n", "\n\n\nMORE = 1\n") >= set(RUNS) - {"theorem"}
    assert edited("models/heads.py", "\n\n\n", "\n\n\nMORE = 1\n") == {"transfer"}


def test_an_import_inside_of_a_function_counts_and_one_for_types_does_not(edited):
    inside = "    import torch\n\n"
    new = inside + "    from isomorph.measure import cures\n"
    assert edited("runs/theorem.py", inside, new) == {"theorem"}
    for_types = "if TYPE_CHECKING:\n"
    new = for_types + "    from isomorph.models import parser\n"
    assert edited("runs/theorem.py", for_types, new) == set()
