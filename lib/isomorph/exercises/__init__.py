"""Checks of the answers to a chapter's exercises.

A chapter calls `check("<chapter>.<number>", answer)`. What is right is known to a function that lies
beside the chapter, in `chapters/<part>/checks/<chapter>.py`:

    @exercise("example.2")
    def words_alike(answer):
        return number(answer, truth(), tolerance=0.5)

A check never says what is right, and never fails a notebook.
"""

import importlib.util
import inspect
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

from .kinds import (
    PUT,
    Feedback,
    choice,
    equals,
    every,
    function,
    number,
    ranking,
    satisfies,
    seal,
    unanswered,
)

__all__ = [
    "Feedback",
    "check",
    "checks",
    "choice",
    "equals",
    "every",
    "exercise",
    "function",
    "number",
    "ranking",
    "satisfies",
    "seal",
]

Checker = Callable[..., Feedback]
CHECKOUT = Path(__file__).resolve().parents[3]
IDENTIFIER = re.compile(r"(?P<chapter>[a-z]\w*)\.(?P<number>[1-9]\d*)")


def exercise(identifier: str) -> Callable[[Checker], Checker]:
    """Mark the function that checks the answer to `<chapter>.<number>`.

    Its first argument is the answer. Others carry what the chapter has at hand, such as rows, and
    need a default. Raises ValueError when `identifier` or the arguments are of another form, or when
    the file is not the chapter's.
    """

    def mark(checker: Checker) -> Checker:
        form = IDENTIFIER.fullmatch(identifier)
        module = checker.__module__.rpartition(".")[2]
        if not form or form["chapter"] != module:
            raise ValueError(f"exercise is {identifier!r}, but it must be {module}.<number>.")
        first, *others = inspect.signature(checker).parameters.values()
        if any(other.default is other.empty for other in others):
            raise ValueError(f"{identifier}: every argument after {first.name!r} needs a default.")
        checker.exercise = identifier
        return checker

    return mark


@cache
def checks(path: Path) -> dict[str, Checker]:
    """The checkers in the file at `path`, by exercise and in order; none when there is no file.

    Raises ValueError when two of them check the same exercise.
    """
    if not path.is_file():
        return {}
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    by_number: dict[int, Checker] = {}
    for checker in filter(inspect.isfunction, vars(module).values()):
        if identifier := getattr(checker, "exercise", None):
            first = by_number.setdefault(int(identifier.partition(".")[2]), checker)
            if first is not checker:
                names = f"{first.__name__} and {checker.__name__}"
                raise ValueError(f"exercise {identifier!r} is checked by {names} in {path}.")
    return {by_number[number].exercise: by_number[number] for number in sorted(by_number)}


def _file(chapter: str) -> Path | None:
    """The file of a chapter's checks: in the checkout one works in, else in the library's own."""
    here = Path.cwd()
    for root in (here, *here.parents, CHECKOUT):
        for path in root.glob(f"chapters/*/checks/{chapter}.py"):
            return path
    return None


def check(identifier: str, answer: object, *context: object, **named: object) -> Feedback:
    """Say whether `answer` is right, and if not what kind of thing is wrong.

    `context` and `named` go to the checker. Three dots, or None, are an answer not yet given.
    Raises ValueError when there is no exercise of that name.
    """
    form = IDENTIFIER.fullmatch(identifier)
    if not form:
        raise ValueError(f"exercise is {identifier!r}, but it must be <chapter>.<number>.")
    path = _file(form["chapter"])
    if path is None:
        return Feedback("unchecked", NOWHERE.format(form["chapter"]))
    known = checks(path)
    if identifier not in known:
        told = ", ".join(known)
        raise ValueError(f"exercise is {identifier!r}, but there are {told}.")
    if unanswered(answer):
        return Feedback("unanswered", PUT)
    return known[identifier](answer, *context, **named)


NOWHERE = (
    "The checks are in chapters/*/checks/{}.py of Isomorph's repository: open the notebook within a "
    "checkout of it, or install the library from one with `pip install --editable`."
)
