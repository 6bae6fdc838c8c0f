"""Which rows are taken where not all are: at random, the same ones for everybody."""

from __future__ import annotations

import numpy as np

CHOICE_SEED = 0  # part of the definition of what is taken, like the order of a file


def drawn(available: int, count: int | None, source: str) -> np.ndarray:
    """The places of `count` of so many rows, in the order of the draw; of all for None.

    Fewer begin more, and files of the same length give the same places. At random and not from the
    start, since files are ordered, by genre for example.
    source: what the rows are, for the message.
    Raises ValueError when count is none from 1 to what there is.
    """
    whole = isinstance(count, int) and not isinstance(count, bool)
    if count is not None and not (whole and 1 <= count <= available):
        raise ValueError(f"count is {count!r}; {source} allows 1 to {available}.")
    return np.random.default_rng(CHOICE_SEED).permutation(available)[:count]
