"""What every configuration has in common: frozen, complete, and of values that mean one thing; and the
five sizes at which everything runs, the same code with other configurations (see `presets`)."""

import re
from collections.abc import Iterator
from typing import Literal, Self, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError, model_validator

LARGEST = 2**63  # whole numbers are below it, as wherever they are stored
Size = Literal["smoke", "laptop", "reference", "hub", "paper"]
SIZES: tuple[Size, ...] = get_args(Size)  # from the smallest to the largest


def known(size: str) -> Size:
    """The size. Raises ValueError, in one sentence, when there is none of that name."""
    if size not in SIZES:
        raise ValueError(f"size is {size!r}, but it must be one of {', '.join(SIZES)}.")
    return size


def public_seed(encoder: object) -> int | None:
    """The seed of its pretraining that a public encoder's name tells, as those of the MultiBERTs do
    (Sellam et al. 2022); None for any other."""
    found = re.match(r"google/multiberts-seed_(\d+)", str(encoder))
    return int(found[1]) if found else None


class Config(BaseModel):
    """A frozen configuration. Raises a validation error for a field that it does not have, for an
    infinite number, and for a value that is not of its field's own type: no truth value or text is
    a number, and a set, which has no order, is no tuple; and for the first of its `problems`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _of_their_types(cls, values: object) -> object:
        for name, value in values.items() if isinstance(values, dict) else ():
            if name in cls.model_fields:
                problem = _problem(cls.model_fields[name].annotation, value)
                if problem:
                    raise ValueError(f"{name} {problem}.")
        return values

    @model_validator(mode="after")
    def _without_problems(self) -> Self:
        if problem := next(self.problems(), None):
            raise ValueError(problem)
        return self

    def problems(self) -> Iterator[str]:
        """As a subclass says: a sentence for each two fields that contradict each other."""
        return iter(())


def _problem(annotation: object, value: object) -> str | None:
    kinds = {annotation, *get_args(annotation)}
    if kinds & {int, float} and isinstance(value, bool | str | bytes):
        return f"is {value!r}, but it must be a number"
    if kinds & {int, float} and isinstance(value, int) and abs(value) >= LARGEST:
        return "is too large"
    if bool in kinds and not isinstance(value, bool):
        return f"is {value!r}, but it must be True or False"
    if str in kinds and isinstance(value, bytes | bytearray):
        return f"is {value!r}, but it must be text"
    if isinstance(value, set | frozenset):
        return "is a set, which has no order; it must be a tuple"
    return None


def _distinct(values: tuple) -> tuple:
    if len(set(values)) < len(values):
        raise ValueError(f"it is {values}, but nothing may be there twice.")
    return values


Distinct = AfterValidator(_distinct)


def sentence(error: ValidationError) -> str:
    """The first thing wrong, in one sentence: the field, its value and what is allowed."""
    first = error.errors()[0]
    field = ".".join(map(str, first["loc"]))
    reason = first["msg"].removeprefix("Value error, ")
    if not field:  # of the whole entry, which is too long to be told
        return f"{reason}."
    return f"{field} is {first['input']!r}, but {reason[0].lower()}{reason[1:]}."
