"""Word vectors without contexts: skip-grams with subwords, fastText's, by gensim."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def skipgram_vectors(
    sentences: Sequence[Sequence[str]],
    words: Sequence[str],
    *,
    width: int,
    epochs: int,
    seed: int,
    window: int = 5,
    subwords: bool = True,
) -> Tensor:
    """Vectors of some words, (n_words, width) in float32, learnt from sentences split into words.

    A word that is not in the sentences gets the mean of its subwords' vectors. Without `subwords` it
    is word2vec (Mikolov et al. 2013), and every word must be there. One thread, so that the same seed
    gives the same vectors.
    Raises ValueError when there is no sentence, or a number is below 1.
    Source: Bojanowski et al. 2017.
    """
    from gensim.models import FastText

    for name, value in (("width", width), ("epochs", epochs), ("window", window)):
        if value < 1:
            raise ValueError(f"{name} is {value}; it must be at least 1.")
    if not sentences:
        raise ValueError("sentences is empty; at least one is needed to learn from.")
    model = FastText(
        vector_size=width, window=window, min_count=1, sg=1, seed=seed, workers=1, epochs=epochs,
        max_n=6 if subwords else 0,  # 0 switches subwords off
        bucket=50_000,  # of subwords; the 2 million that are usual cost 800 MB
    )  # fmt: skip
    sentences = [list(sentence) for sentence in sentences]
    model.build_vocab(corpus_iterable=sentences)
    model.train(corpus_iterable=sentences, total_examples=len(sentences), epochs=epochs)
    return torch.from_numpy(model.wv[list(words)]).float()
