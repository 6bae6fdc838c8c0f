"""The four sizes at which everything runs: the same code, other configs. See `presets`."""

from typing import Literal, get_args

Size = Literal["smoke", "laptop", "reference", "paper"]
SIZES: tuple[Size, ...] = get_args(Size)  # from the smallest to the largest


def known(size: str) -> Size:
    """The size. Raises ValueError, in one sentence, when there is none of that name."""
    if size not in SIZES:
        raise ValueError(f"size is {size!r}, but it must be one of {', '.join(SIZES)}.")
    return size
