"""What the README, the guide for contributors and the how-tos say is so."""

import re
import runpy
import shlex
import subprocess
import textwrap
from itertools import takewhile
from pathlib import Path

import pytest
import typer
import yaml
from book import build as book
from book.build import solutions
from book.build.chapters import checks_of
from book.build.notebook import derive, role
from typer.testing import CliRunner

from isomorph import exercises
from isomorph.cli import app
from isomorph.config import SIZES
from isomorph.ledger.schema import parse
from isomorph.presets import EXPERIMENTS

DOCUMENTS = [
    book.ROOT / "README.md",
    book.ROOT / "CONTRIBUTING.md",
    book.ROOT / "book" / "how_to_reproduce.md",
    book.ROOT / "book" / "how_to_teach.md",
]
OWN = [book.ROOT / "book" / f"bring_your_own_{what}.md" for what in ("model", "text")]
BLOCK = re.compile(r"^[ ]*```(\w+)\n(.*?)^[ ]*```", re.DOTALL | re.MULTILINE)


def blocks(path, language):
    return [text for kind, text in BLOCK.findall(path.read_text()) if kind == language]


def commands(path):
    """The arguments of every `isomorph` command in the shell blocks of a document."""
    for line in "".join(blocks(path, "bash") + blocks(path, "sh")).splitlines():
        words = shlex.split(line, comments=True)
        for name in ("isomorph", ".venv/bin/isomorph", "isomorph.cli"):
            if name in words:
                yield words[words.index(name) + 1 :]


def accept(arguments):
    """Parse the arguments of `isomorph` as far as its command, and run nothing."""
    command, arguments = typer.main.get_command(app), list(arguments)
    while hasattr(command, "commands"):
        command = command.commands[arguments.pop(0)]
    return command.make_context("isomorph", arguments).params


@pytest.mark.parametrize("path", [*DOCUMENTS, *OWN], ids=lambda path: path.stem)
def test_the_commands_in_a_document_exist(path):
    for arguments in commands(path):
        asked = accept(arguments)
        assert asked.get("size") in (None, *SIZES)
        assert asked.get("experiment") in (None, "EXPERIMENT", "all", *EXPERIMENTS)


def test_a_command_that_does_not_exist_is_found():
    with pytest.raises(Exception, match="No such option: --everywhere"):
        accept(["run", "learning_curve", "--everywhere"])
    with pytest.raises(KeyError):
        accept(["walk"])


def test_the_jobs_for_other_clusters_run_commands_that_exist():
    page = book.ROOT / "book" / "how_to_reproduce.md"
    sky, pod = map(yaml.safe_load, blocks(page, "yaml"))
    (container,) = pod["spec"]["template"]["spec"]["containers"]
    for command in (sky["run"].split(), [*container["command"], *container["args"]]):
        asked = accept(command[command.index("isomorph.cli") + 1 :])
        assert (asked["experiment"], asked["size"]) == ("factors", "paper")
    assert sky["envs"]["ISOMORPH_CACHE"] == container["env"][0]["value"] == "/kept/runs"


def test_the_map_of_the_repository_names_folders_that_exist():
    text = (book.ROOT / "README.md").read_text()
    rows = text[text.index("## What is where") :].splitlines()[2:]
    named = re.findall(r"`([^`]+)/` \|", "\n".join(takewhile(str.strip, rows)))
    assert len(named) > 5
    assert [folder for folder in named if not (book.ROOT / folder).is_dir()] == []


def test_the_example_of_a_claim_is_a_claim():
    (example,) = blocks(book.ROOT / "CONTRIBUTING.md", "yaml")
    (claim,) = parse(example, "the example")
    assert claim.paper.key == yaml.safe_load(example)["paper"]["key"]
    assert claim.rule.primary.direction == "within" and claim.rule.requires and claim.history


def test_the_example_of_an_exercise_is_an_exercise(tmp_path, monkeypatch):
    examples = blocks(book.ROOT / "CONTRIBUTING.md", "python")
    (shown,) = [example for example in examples if "{exercise}" in example]
    (checks,) = [example for example in examples if "@exercise" in example]
    source = tmp_path / "part" / "example.py"
    beside = checks_of(source)
    beside.parent.mkdir(parents=True)
    source.write_text(shown)
    beside.write_text(textwrap.dedent(checks))
    known = exercises.checks(beside)
    assert known["example.1"]("rises").state == "right"
    assert known["example.2"](19 / 64).state == "right"
    monkeypatch.setattr(solutions, "checks", lambda path: {"example.1": None})
    assert [role(cell) for cell in derive(source).cells][-1] == "solved"


@pytest.mark.filterwarnings("ignore:.* were cut")
@pytest.mark.parametrize("path", OWN, ids=lambda path: path.stem)
def test_a_page_on_ones_own_works_from_an_empty_folder(path, tmp_path, monkeypatch, capsys):
    """Its blocks in Python and bash, one after the other; those marked "sh" need the hub."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ISOMORPH_CACHE", str(tmp_path / "cache"))
    for kind, text in BLOCK.findall(path.read_text()):
        if kind == "python":
            (tmp_path / "block.py").write_text(text)
            runpy.run_path("block.py")
        for line in text.splitlines() if kind == "bash" else ():
            words = [Path("model.txt").read_text() if word == "$(cat model.txt)" else word
                     for word in shlex.split(line)]  # fmt: skip
            done = CliRunner().invoke(app, words[1:])
            assert done.exit_code == 0, f"{line}: {done.output}"
            assert Path(words[-1], "report.html").stat().st_size > 10_000
    told = capsys.readouterr().out.splitlines()
    if path.stem == "bring_your_own_text":
        ends = {line.split()[1]: float(line.split()[2]) for line in told}
        assert ends["perplexity_en"] < 500 and 0 <= ends["multilinguality"] <= 1
        assert "Word translation" in Path("words", "report.html").read_text("utf-8")
    else:
        alike = {line.split()[2]: float(line.split()[3]) for line in told if line[:4] == "rsa "}
        assert alike["0"] == alike["2"] == 1 > alike["4"]  # two blocks are frozen
        assert any(line.startswith("layer") for line in told)
        assert float(dict(line.split() for line in told if line[:5] == "words")["words"]) > 1000


@pytest.mark.parametrize("size", [*SIZES, "huge"])
def test_make_knows_the_same_sizes(size):
    asked = ["make", "--dry-run", "clean", f"SIZE={size}"]
    told = subprocess.run(asked, cwd=book.ROOT, capture_output=True, text=True, check=False)
    assert (told.returncode == 0) == (size in SIZES), told.stderr
    if size not in SIZES:
        assert f"must be one of {', '.join(SIZES)}" in told.stderr
