"""The command line: what it accepts, what it says, and the status it leaves."""

import json
import os

import pytest
from book import build as book
from typer.testing import CliRunner

import isomorph
from isomorph import cli, report, sweep
from isomorph.processes import MICRO_BATCH as ROWS


@pytest.fixture
def call():
    runner = CliRunner()
    return lambda *arguments: runner.invoke(cli.app, list(arguments))


def test_help_names_every_command(call):
    told = call("--help")
    assert told.exit_code == 0
    for command in ("book", "run", "course", "claims", "data"):
        assert command in told.output


@pytest.mark.parametrize("command", [["book"], ["run"], ["claims"], ["data"], ["data", "verify"]])
def test_every_command_explains_itself(call, command):
    told = call(*command, "--help")
    assert told.exit_code == 0
    assert "Usage:" in told.output


def test_the_micro_batch_reaches_what_is_run_and_nothing_later(call, monkeypatch):
    said = []
    monkeypatch.setattr(sweep, "sweep", lambda *asked, **more: said.append(os.environ.get(ROWS)))
    monkeypatch.delenv(ROWS, raising=False)
    assert call("run", "factors", "--micro-batch", "96").exit_code == 0
    assert call("run", "factors").exit_code == 0
    assert said == ["96", None] and ROWS not in os.environ
    told = call("run", "factors", "--micro-batch", "0")
    assert told.exit_code == 2 and "micro-batch" in told.stderr


def test_version(call):
    assert call("--version").output == f"isomorph {isomorph.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["book", "--size", "huge"],
            "--size is 'huge', but it must be one of smoke, laptop, reference, hub, paper",
        ),
        (["book", "--size", "smoke", "--chapter", "nowhere"], "no chapter called 'nowhere'"),
        (["run", "anything", "--size", "huge"], "--size is 'huge', but it must be one of"),
        (
            ["run", "anything", "--cluster", "cloud"],
            "--cluster is 'cloud', but it must be one of none, local, slurm",
        ),
        (["run"], "name an experiment, or all, or use --list to see them"),
        (
            ["run", "anything", "--slurm", "partition=gpu"],
            "--slurm is 'partition=gpu', but it goes with --cluster slurm only",
        ),
        (
            ["run", "anything", "--cluster", "slurm", "--slurm", "colour=red"],
            "--slurm is 'colour=red', but it must be KEY=VALUE with one of account,",
        ),
        (["run", "anything", "--export", "rows.xls"], "it must be one of .parquet, .csv, .json"),
        (["claims", "--format", "xml"], "--format is 'xml', but it must be one of text, json"),
        (["claims", "--size", "huge"], "--size is 'huge', but it must be one of"),
    ],
)
def test_a_bad_request_is_one_sentence_and_status_2(call, arguments, sentence):
    told = call(*arguments)
    assert told.exit_code == 2
    assert sentence in told.stderr
    assert len(told.stderr.strip().splitlines()) == 1
    assert told.stdout == ""


def test_an_unknown_option_is_status_2(call):
    assert call("book", "--colour").exit_code == 2


@pytest.mark.parametrize(("complete", "status"), [(True, 0), (False, 1)])
def test_book_passes_its_options_on_and_fails_with_the_build(call, monkeypatch, complete, status):
    asked = []
    monkeypatch.setattr(
        book, "build", lambda *given, **limits: asked.append((*given, limits)) or complete
    )
    monkeypatch.setenv("ISOMORPH_CHAPTER_GIB", "2.5")
    told = call("book", "--size", "smoke", "--chapter", "one", "--recompute", "--minutes", "7")
    assert asked == [("smoke", "one", True, {"minutes": 7, "gib": 2.5})]
    assert told.exit_code == status


def raising(error):
    def build(*_, **__):
        raise error

    return build


def test_an_expected_failure_is_told_without_a_traceback(call, monkeypatch):
    monkeypatch.setattr(book, "build", raising(book.BookError("the site has problems")))
    told = call("book")
    assert told.exit_code == 1
    assert told.stderr == "isomorph: the site has problems\n"


def test_an_interruption_says_how_to_go_on(call, monkeypatch):
    monkeypatch.setattr(book, "build", raising(KeyboardInterrupt()))
    told = call("book")
    assert told.exit_code == 130
    assert "the same command goes on from here" in told.stderr
    monkeypatch.setattr(report, "check_folder", raising(KeyboardInterrupt()))
    told = call("compare", "a", "b")
    assert told.exit_code == 130
    assert told.stderr == "isomorph: stopped; the same command starts anew\n"


def test_claims_as_json_are_one_object_a_claim(call):
    told = call("claims", "--format", "json")
    assert told.exit_code == 0
    entries = json.loads(told.stdout)
    assert {"1.3", "4a.1"} <= {entry["id"] for entry in entries}
    keys = """id paper statement source chapter scope primary outcome ground value low high unit interval n n_of
        ratio paper_value paper_values requires no_control registered rule_after_rows history since places"""
    assert all(list(entry) == keys.split() for entry in entries)


def test_claims_as_text_name_every_claim(call):
    told = call("claims")
    assert told.exit_code == 0
    for number in ("1.1", "2.1", "11.1"):
        assert number in told.stdout


def test_data_verify_finds_a_damaged_file(call, tmp_path, monkeypatch):
    monkeypatch.setenv("ISOMORPH_DATA", str(tmp_path))
    (tmp_path / "text.txt").write_text("damaged")
    manifest = {"files": {"text.txt": {"sha256": "0" * 64}}, "sources": {}}
    (tmp_path / "MANIFEST.json").write_text(json.dumps(manifest))
    told = call("data", "verify")
    assert told.exit_code == 1
    assert "text.txt is damaged" in told.stderr
    assert "isomorph data build" in told.stderr


def test_data_build_runs_the_code_beside_the_data(call, monkeypatch):
    from data.build import SourceUnavailable, everything

    monkeypatch.setattr(everything, "build", lambda: ["apt is now version 2."])
    assert call("data", "build").output == "apt is now version 2.\n"
    monkeypatch.setattr(everything, "build", raising(SourceUnavailable("no such package")))
    told = call("data", "build")
    assert (told.exit_code, told.stderr) == (1, "isomorph: no such package\n")


@pytest.mark.parametrize("command", (["data", "build"], ["book"], ["course", "folder"]))
def test_nothing_is_built_outside_of_a_checkout(call, command, tmp_path, monkeypatch):
    monkeypatch.setattr(cli, "ROOT", tmp_path)
    monkeypatch.setattr(book, "build", raising(AssertionError("the build began")))
    monkeypatch.chdir(tmp_path)
    told = call(*command)
    assert told.exit_code == 2
    assert "is not a checkout of Isomorph: it has no " in told.stderr
    assert told.stderr.endswith("/build\n")
    assert not list(tmp_path.iterdir())
