"""Exercises: the kinds of answer they ask for, and the checks of a chapter's answers.

A chapter calls `check("<chapter>.<number>", answer)`. What is right is known to a function that lies
beside the chapter, in `chapters/<part>/checks/<chapter>.py`:

    @exercise("example.2")
    def words_alike(answer):
        return number(answer, truth(), tolerance=0.5)

A check never fails a notebook, and its feedback never holds the right answer: it says what kind of
thing is wrong, the type, the sign, a share given in percent, a shape. Where rows or a world decide what
is right, pass what is computed from them; where nothing can be computed, pass a `seal`.
"""

import hashlib
import importlib.util
import inspect
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Literal

WORDS = {
    "right": "Right.",
    "wrong": "Not right.",
    "unanswered": "Not answered yet.",
    "unchecked": "Not checked.",
}
PUT = "Put your answer in the place of the three dots, run that cell, then this one."
NOWHERE = (
    "The checks are in chapters/*/checks/{}.py of Isomorph's repository: open the notebook within a "
    "checkout of it, or install the library from one with `pip install --editable`."
)
CHECKOUT = Path(__file__).resolve().parents[2]
IDENTIFIER = re.compile(r"(?P<chapter>[a-z]\w*)\.(?P<number>[1-9]\d*)")


@dataclass(frozen=True)
class Feedback:
    """What a check says of an answer: `state`, and a `hint` of one or two sentences."""

    state: Literal["right", "wrong", "unanswered", "unchecked"]
    hint: str = ""

    def __repr__(self) -> str:
        return f"{WORDS[self.state]} {self.hint}".strip()

    def _repr_markdown_(self) -> str:
        return f"**{WORDS[self.state]}** {self.hint}".strip()


Checker = Callable[..., Feedback]


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
    """The file of a chapter's checks: in the checkout one works in, else in the library's own, else
    in the installed library."""
    here = Path.cwd()
    for root in (here, *here.parents, CHECKOUT, Path(__file__).parent):
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
        raise ValueError(f"exercise is {identifier!r}, but there are {', '.join(known)}.")
    if unanswered(answer):
        return Feedback("unanswered", PUT)
    return known[identifier](answer, *context, **named)


def unanswered(answer: object) -> bool:
    """Whether the three dots are still there: on their own, or within a collection."""
    if isinstance(answer, Mapping):
        return any(unanswered(value) for value in answer.values())
    if isinstance(answer, list | tuple | set):
        return any(unanswered(value) for value in answer)
    return answer is None or answer is ...


def number(
    answer: object,
    truth: float,
    *,
    tolerance: float,
    between: tuple[float, float] | None = None,
    mistakes: Mapping[str, float] | None = None,
    hint: str = "",
) -> Feedback:
    """A number, right when it is within `tolerance` of `truth`.

    between: the lowest and the highest possible value, such as (0, 1) of a share.
    mistakes: values that a likely mistake gives, each by the sentence that answers it.
    hint: where to look, said when nothing better is known.
    """
    value = _as_number(answer)
    if value is None:
        return _wrong(f"The answer is {_a(answer)}, but one number is asked for.")
    if not math.isfinite(value):
        return _wrong(
            "The answer is not finite: look for a division by 0 or a value that is missing."
        )
    if abs(value - truth) <= tolerance:
        return Feedback("right")
    for sentence, wrong in (mistakes or {}).items():
        if abs(value - wrong) <= tolerance:
            return _wrong(sentence)
    if abs(truth) > tolerance:
        if abs(value + truth) <= tolerance:
            return _wrong("The size fits and the sign does not: what is subtracted from what?")
        if min(abs(value / 100 - truth), abs(value * 100 - truth)) <= tolerance:
            return _wrong("It is a hundred times too large or too small: a share, or percent?")
    if between and not between[0] <= value <= between[1]:
        return _wrong(
            f"No such value is possible: it lies between {between[0]:g} and {between[1]:g}."
        )
    if abs(value - truth) <= 3 * tolerance:
        return _wrong("It is close, but not close enough: was something rounded or left out?", hint)
    return _wrong("The value is another one.", hint)


def choice(answer: object, options: Sequence[str], right: str, *, hint: str = "") -> Feedback:
    """One of some options; `right` is an option that was computed, or the `seal` of one.

    Raises ValueError when `right` is neither.
    """
    seals = [seal(option, options) for option in options]
    if right not in (*options, *seals):
        raise ValueError(f"right is {right!r}, but it must be one of {list(options)} or its seal.")
    chosen = answer.strip().lower() if isinstance(answer, str) else None
    option = next((each for each in options if each.lower() == chosen), None)
    if option is None:
        allowed = ", ".join(f'"{each}"' for each in options)
        return _wrong(f"The answer is {_a(answer)}, but it must be one of {allowed}.")
    if right in (option, seal(option, options)):
        return Feedback("right")
    return _wrong(hint or "Think again, or look at the figures once more.")


def seal(option: str, options: Sequence[str]) -> str:
    """A digest of an option among `options`, so that the source does not show which is right.

    It keeps the answer out of sight. It does not keep it secret: options can be tried one by one.
    """
    if option not in options:
        raise ValueError(f"option is {option!r}, but it must be one of {list(options)}.")
    return hashlib.sha256("\n".join([*options, "", option]).encode()).hexdigest()[:16]


def ranking(answer: object, values: Mapping[str, float], *, hint: str = "") -> Feedback:
    """The names of `values` from the largest value to the smallest."""
    names = list(values)
    if not isinstance(answer, list | tuple) or sorted(map(str, answer)) != sorted(names):
        return _wrong(f"The answer must be a list of {', '.join(names)}, each of them once.")
    pairs = [(values[str(first)], values[str(later)]) for first, later in combinations(answer, 2)]
    kept = sum(first >= later for first, later in pairs)
    if kept == len(pairs):
        return Feedback("right")
    return _wrong(f"Of {len(pairs)} pairs, {kept} stand in the right order.", hint)


def function(
    answer: object, cases: Iterable[tuple], judge: Callable[..., str], *, hint: str = ""
) -> Feedback:
    """A function, tried on `cases` that the learner does not see, each a tuple of arguments.

    judge: called with the function's result and the arguments; returns "" where all is well, else a
        sentence on what kind of thing is wrong. See `equals`.
    """
    if not callable(answer):
        return _wrong(f"The answer is {_a(answer)}, but a function is asked for: its name alone.")
    if not (cases := list(cases)):
        raise ValueError("cases is empty, but a function needs at least one case to be tried on.")
    for case in cases:
        try:
            result = answer(*deepcopy(case))  # a function that changes its input must not mislead
        except Exception as error:  # noqa: BLE001 - whatever the learner's function does, it is said
            return _wrong(f"The function raised {type(error).__name__}: {error}")
        if unanswered(result):
            return Feedback("unanswered", f"The function returns nothing. {PUT}")
        if said := judge(result, *case):
            return _wrong(said, hint)
    return Feedback("right")


def equals(reference: Callable, tolerance: float = 1e-6) -> Callable[..., str]:
    """A judge for `function`: the result has to be that of `reference`, numbers within `tolerance`."""
    import numpy as np

    def judge(result: object, *case: object) -> str:
        expected = np.asarray(reference(*case))
        try:
            values = np.asarray(result.detach() if hasattr(result, "detach") else result)
        except (TypeError, ValueError):
            return f"The function returns {_a(result)} that is no array."
        numeric = expected.dtype.kind in "biufc"
        if numeric != (values.dtype.kind in "biufc"):
            return f"The function returns {_a(result)}: that is another type than asked for."
        if values.shape != expected.shape:
            return f"The result has the shape {values.shape}, but should have {expected.shape}."
        if not numeric:
            return "" if (values == expected).all() else "A result is another one."
        if np.isfinite(expected).all() and not np.isfinite(values).all():
            return "A result is not finite. Is there an input for which something is 0 or missing?"
        near = np.allclose(values, expected, rtol=tolerance, atol=tolerance, equal_nan=True)
        return "" if near else "The result has the right form, and on some input another value."

    return judge


def satisfies(answer: object, conditions: Mapping[str, Callable[[object], bool]]) -> Feedback:
    """Anything that meets some conditions, such as a configuration.

    conditions: what has to hold of the answer, each by the sentence that is said when it does not,
    in order. An answer of a type on which a condition raises does not meet it.
    """
    for sentence, holds in conditions.items():
        try:
            met = bool(holds(answer))
        except Exception:  # noqa: BLE001 - the answer may be anything at all
            met = False
        if not met:
            return _wrong(sentence)
    return Feedback("right")


def every(*parts: Feedback) -> Feedback:
    """An answer in several parts: right when all are; else what is said of the first that is not."""
    for place, part in enumerate(parts, start=1):
        if part.state != "right":
            return Feedback(part.state, f"Part {place} of {len(parts)}: {part.hint}")
    return Feedback("right")


def _wrong(*sentences: str) -> Feedback:
    return Feedback("wrong", " ".join(filter(None, sentences)))


def _as_number(answer: object) -> float | None:
    if isinstance(answer, bool | str | bytes):
        return None
    try:
        return float(answer)
    except (TypeError, ValueError, RuntimeError):
        return None


def _a(answer: object) -> str:
    """The answer itself where it is short and plain, else its type."""
    if isinstance(answer, str | int | float):
        return repr(answer) if len(repr(answer)) < 40 else f"a long {type(answer).__name__}"
    return f"something of type {type(answer).__name__}"
