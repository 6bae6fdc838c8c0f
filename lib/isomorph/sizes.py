"""The four sizes at which everything runs: the same code, other configs. See `presets`."""

from typing import Literal, get_args

Size = Literal["smoke", "laptop", "reference", "paper"]
SIZES: tuple[Size, ...] = get_args(Size)  # from the smallest to the largest
