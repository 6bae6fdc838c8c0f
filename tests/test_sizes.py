"""A size that does not exist is refused wherever one is asked for."""

from pathlib import Path

import pytest
from book import build as book
from typer.testing import CliRunner

from isomorph import claims, presets, results, sweep
from isomorph.cli import app
from isomorph.config import SIZES, known
from isomorph.experiment import Experiment
from isomorph.presets import EXPERIMENTS, conditions

UNKNOWN = ["Laptop", "LAPTOP", "", " laptop", "large", None, 3, ("laptop",), ["laptop"]]
FIRST = conditions("theorems", "smoke")[0]
EVERYWHERE = {
    **EXPERIMENTS,
    "conditions": lambda size: conditions("factors", size),
    "gather": lambda size: results.gather("theorems", [FIRST], size=size),
    "gather nothing": lambda size: results.gather("theorems", [], size=size),
    "live": lambda size: results.live("theorems", FIRST, size=size),
    "record": lambda size: results.record("theorems", [FIRST], size=size),
    "sweep": lambda size: sweep.sweep("theorems", size=size),
    "listing": lambda size: sweep.listing("theorems", size=size),
    "export": lambda size: sweep.export("theorems", Path("rows.csv"), size=size),
    "experiment": lambda size: Experiment("factors", size),
    "rows": lambda size: Experiment("factors", "smoke").rows("default", at=str(size)),
    "book": lambda size: book.build(size),
}


@pytest.mark.parametrize("size", UNKNOWN, ids=repr)
@pytest.mark.parametrize("asked", EVERYWHERE)
def test_an_unknown_size_is_refused(asked, size):
    with pytest.raises((ValueError, book.BadRequest), match="size is .* one of smoke, laptop"):
        EVERYWHERE[asked](size)


@pytest.mark.parametrize("size", [size for size in UNKNOWN if size is not None], ids=repr)
def test_verdicts_of_an_unknown_size_are_refused(size):
    with pytest.raises(ValueError, match="size is .* one of smoke, laptop"):
        claims.as_json(size=size)


def test_a_function_of_presets_imported_by_itself_refuses_too():
    from isomorph.presets.degeneration import geometry, language_model

    for ask in (lambda: geometry("Laptop", 0, "mle"), lambda: language_model("Laptop", 0)):
        with pytest.raises(ValueError, match="size is 'Laptop'"):
            ask()


def test_every_experiment_keeps_its_name_and_description():
    for name, function in presets.EXPERIMENTS.items():
        assert function.__name__ == name and function.__doc__


@pytest.mark.parametrize("size", SIZES)
def test_known_sizes_are_known(size):
    assert known(size) == size


@pytest.mark.parametrize("command", [["run", "theorems"], ["claims"], ["book"]])
def test_the_command_refuses_with_a_sentence(command):
    ended = CliRunner().invoke(app, [*command, "--size", "Laptop"])
    assert ended.exit_code == 2 and "'Laptop', but it must be one of smoke" in ended.stderr
