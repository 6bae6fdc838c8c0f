"""Checks of the answers to a chapter's exercises.

A chapter calls `exercises.check("<chapter>.<number>", answer)`. What is right is known to a function
in the module of the chapter's name beside this one, `isomorph/exercises/<chapter>.py`:

    @exercise("example.2")
    def words_alike(answer):
        return number(answer, truth(), tolerance=0.5)

`example.py` has one of each kind. A check never says what is right, and never fails a notebook.
"""

import importlib
import importlib.util
import inspect
import re
from collections.abc import Callable

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
    "choice",
    "equals",
    "every",
    "exercise",
    "function",
    "in_chapter",
    "number",
    "ranking",
    "satisfies",
    "seal",
]

Checker = Callable[..., Feedback]
IDENTIFIER = re.compile(r"(?P<chapter>[a-z]\w*)\.(?P<number>[1-9]\d*)")
_known: dict[str, Checker] = {}


def exercise(identifier: str) -> Callable[[Checker], Checker]:
    """Register the function that checks the answer to `<chapter>.<number>`.

    Its first argument is the answer. Others carry what the chapter has at hand, such as rows, and
    need a default. Raises ValueError when `identifier` or the arguments are of another form, when
    the module is not the chapter's, or when the number is taken.
    """

    def register(checker: Checker) -> Checker:
        form = IDENTIFIER.fullmatch(identifier)
        module = checker.__module__.rpartition(".")[2]
        if not form or form["chapter"] != module:
            raise ValueError(f"exercise is {identifier!r}, but it must be {module}.<number>.")
        first, *others = inspect.signature(checker).parameters.values()
        if any(other.default is other.empty for other in others):
            raise ValueError(f"{identifier}: every argument after {first.name!r} needs a default.")
        taken = _known.get(identifier)
        if taken and taken.__qualname__ != checker.__qualname__:
            raise ValueError(f"exercise {identifier!r} is already {taken.__qualname__}.")
        _known[identifier] = checker
        return checker

    return register


def in_chapter(chapter: str) -> dict[str, Checker]:
    """The exercises of a chapter, by identifier and in order; none when it has no module."""
    name = f"{__name__}.{chapter}"
    if not chapter.isidentifier() or importlib.util.find_spec(name) is None:
        return {}
    importlib.import_module(name)
    own = [known for known in _known if known.partition(".")[0] == chapter]
    return {known: _known[known] for known in sorted(own, key=lambda k: int(k.split(".")[1]))}


def check(identifier: str, answer: object, *context: object, **named: object) -> Feedback:
    """Say whether `answer` is right, and if not what kind of thing is wrong.

    `context` and `named` go to the checker. Three dots, or None, are an answer not yet given.
    Raises ValueError when there is no exercise of that name.
    """
    known = in_chapter(identifier.partition(".")[0])
    if identifier not in known:
        told = ", ".join(known) or "none of that chapter"
        raise ValueError(f"exercise is {identifier!r}, but there are {told}.")
    if unanswered(answer):
        return Feedback("unanswered", PUT)
    return known[identifier](answer, *context, **named)
