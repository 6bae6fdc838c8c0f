"""The four sizes at which everything runs: the same code, other configs. See `presets`."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Literal, ParamSpec, TypeVar, get_args

P, R = ParamSpec("P"), TypeVar("R")
Size = Literal["smoke", "laptop", "reference", "paper"]
SIZES: tuple[Size, ...] = get_args(Size)  # from the smallest to the largest


def known(size: str) -> Size:
    """The size. Raises ValueError, in one sentence, when there is none of that name."""
    if size not in SIZES:
        raise ValueError(f"size is {size!r}, but it must be one of {', '.join(SIZES)}.")
    return size


def sized(function: Callable[P, R]) -> Callable[P, R]:
    """Let a function of `size` refuse an unknown one before it does anything."""
    signature = inspect.signature(function)

    @wraps(function)
    def of_known_size(*args: P.args, **kwargs: P.kwargs) -> R:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        known(bound.arguments["size"])
        return function(*args, **kwargs)

    return of_known_size
