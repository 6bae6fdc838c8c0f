"""Word vectors of several origins, side by side, the most frequent word first.

words_of        a trained language model's words
side_by_side    that model's, our masked one's, MiniLM's, and vectors that no softmax is tied to
measured        every measure of each cloud, as a table
planted         clouds that are made to fool one measure and not another
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from isomorph import effects
from isomorph.findings.tables import NOT_MEASURED, NOT_RUN, with_seeds, written
from isomorph.findings.words import condition_name
from isomorph.measure.geometry import of_words
from isomorph.measure.isotropy import (
    average_cosine,
    isoscore,
    partition_ratio,
    variance_evenness,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pandas import DataFrame
    from torch import Tensor

    from isomorph.findings import Found
    from isomorph.findings.language_models import Trained

# What of `of_words` a reader should see of a cloud, and what to call it.
MEASURES = {
    "average_cosine": "average cosine",
    "positive_cosine_share": "share of positive cosines",
    "mean_vector_share": "length of the mean, over the mean length",
    "isoscore": "IsoScore",
    "partition_ratio": "partition ratio",
    "variance_evenness": "variance evenness",
    "intrinsic_dimension_share": "intrinsic dimension, over the width",
    "singular_value_second": "second singular value, over the first",
}


MOST = 10_000  # words of a cloud, the most frequent: all that a figure needs


@dataclass(frozen=True)
class Cloud:
    """Words and their vectors (words, width), the most frequent word first."""

    words: list[str]
    vectors: Tensor


def words_of(model: Trained) -> Cloud:
    """The words that occur in a language model's training text."""
    ids, _ = model.by_frequency
    return Cloud([model.words[i] for i in ids], model.vectors[torch.as_tensor(ids)])


def skipgrams(model: Trained, *, epochs: int = 5) -> Cloud:
    """Skip-gram vectors of the same text and width, of the words that the model has."""
    from isomorph.models.skipgram import skipgram_vectors
    from isomorph.text.vocab import words_in

    words = words_of(model).words
    backend = model.vocabulary.tokenizer(model.language).backend_tokenizer
    sentences = [words_in(backend, text) for text in model.corpus.train[model.language]]
    vectors = skipgram_vectors(
        sentences, words, width=model.vectors.shape[1], epochs=epochs, seed=model.run.seed
    )
    return Cloud(words, vectors)


def encoder(name: str, most: int = MOST) -> Cloud:
    """The words of an encoder that ships, of MiniLM, or of GloVe ("glove"), as GloVe ranks them."""
    from isomorph.runs.encoder_words import ranked_words

    words, vectors = ranked_words(name)
    return Cloud(words[:most], vectors[:most])


def digit_classifier() -> Cloud:
    """The rows of a softmax classifier of handwritten digits, one a digit, as wide as an image."""
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression

    images, digits = load_digits(return_X_y=True)
    fitted = LogisticRegression(max_iter=2000).fit(images / 16, digits)
    return Cloud([str(digit) for digit in fitted.classes_], torch.from_numpy(fitted.coef_))


def measured(clouds: dict[str, Cloud], measures: dict[str, str] = MEASURES) -> DataFrame:
    """A line a cloud, a column a measure. Clouds of fewer than 25 vectors have the cosines only."""
    import pandas as pd

    lines = []
    for name, cloud in clouds.items():
        if len(cloud.words) >= 25:
            found = of_words(cloud.vectors)
        else:
            found = {"average_cosine": average_cosine(cloud.vectors)}
        line = {"vectors": name, "words": len(cloud.words), "width": cloud.vectors.shape[1]}
        lines.append(line | {label: found.get(key) for key, label in measures.items()})
    return pd.DataFrame(lines)


def levels(
    found: Found, measures: Mapping[str, str], names: Sequence[str] | None = None
) -> DataFrame:
    """A line a condition, a column a measure: the mean over seeds with its interval, as numbers."""
    import pandas as pd

    lines = []
    for name in found.names if names is None else names:
        line, run = {}, (found.rows["condition"] == name).any()
        for metric, label in measures.items():
            own = found.rows[(found.rows["metric"] == metric) & (found.rows["condition"] == name)]
            line[label] = NOT_MEASURED if run else NOT_RUN, 0, own
            if len(own):
                (level,) = effects.levels(own, metric, [name]).itertuples()
                line[label] = written(level, percent=False), level.seeds, own
        lines.append({"vectors": condition_name(name)} | with_seeds(line))
    return pd.DataFrame(lines)


def planted(width: int = 64, count: int = 2000) -> DataFrame:
    """Clouds whose shape is known, and what each measure says of them."""
    import pandas as pd

    generator = torch.Generator().manual_seed(0)
    ball = torch.randn(count, width, generator=generator, dtype=torch.float64) / width**0.5
    away = torch.zeros(width, dtype=torch.float64)
    away[0] = 3.0
    loud = torch.ones(width, dtype=torch.float64)
    loud[0] = 8.0
    shapes = {
        "a ball": ball,
        "the ball, three times as large": 3 * ball,
        "the ball, moved away": ball + away,
        "the ball, stretched along one axis": ball * loud,
        "both": ball * loud + away,
    }
    functions = {
        "average cosine": average_cosine, "IsoScore": isoscore,
        "variance evenness": variance_evenness, "partition ratio": partition_ratio,
    }  # fmt: skip
    return pd.DataFrame(
        [{"cloud": name} | {label: round(f(x), 2) + 0.0 for label, f in functions.items()}
         for name, x in shapes.items()]
    )  # fmt: skip
