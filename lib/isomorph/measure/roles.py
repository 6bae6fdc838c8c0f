"""Which kind of word stands where: the neighbours of a controlled world's words, by category.

Two languages may share a space and still not agree in it: what nouns are in one place for one
language may be verbs for the other. A score of transfer then falls below that of guessing, and
measures of translation only say that nothing is found.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from isomorph.measure.neighbours import nearest
from isomorph.measure.words import word_averages

if TYPE_CHECKING:
    from pandas import DataFrame
    from transformers import PreTrainedModel

    from isomorph.measure.stream import Tokenizers
    from isomorph.text.worlds import World


def nearest_categories(
    model: PreTrainedModel,
    tokenizer: Tokenizers,
    world: World,
    *,
    layer: int,
    sentences: int = 500,
) -> DataFrame:
    """How many words of each category of "b" have their nearest word of "a" in each category.

    A square table: rows are the categories of "b", columns those of "a", in the lexicon's order,
    the full stop last. Words are averaged over their contexts in so many training sentences of each
    language, at one layer (0 is the embeddings), and each language's mean is subtracted; near is by
    cosine. Words that do not occur there are left out. Raises ValueError when `sentences` is none.
    """
    import pandas as pd

    if sentences < 1:
        raise ValueError(f"sentences is {sentences}, but must be at least 1.")
    lexicon, corpus = world.lexicon(), world.corpus()
    names = [*lexicon.concepts, "full stop"]
    category = {int(i): name for name, own in lexicon.concepts.items() for i in own}
    vectors, categories = {}, {}
    for language, words in lexicon.words.items():
        with warnings.catch_warnings():
            # A sentence in a thousand may be too long for a small model; its beginning will do.
            warnings.filterwarnings("ignore", message=".* were cut")
            found = word_averages(
                model, tokenizer, corpus.train[language][:sentences], list(words),
                language=language, layers=[layer],
            )  # fmt: skip
        met = found.counts > 0
        vectors[language] = found[layer][met]
        categories[language] = [category.get(i, "full stop") for i in range(len(words)) if met[i]]
    places = nearest(vectors["b"], vectors["a"], center=True)[1][:, 0].tolist()
    table = pd.DataFrame(0, index=pd.Index(names, name="b"), columns=pd.Index(names, name="a"))
    for own, place in zip(categories["b"], places, strict=True):
        table.loc[own, categories["a"][place]] += 1
    return table


def same_category(table: DataFrame) -> tuple[float, float]:
    """The share of words whose nearest word is of their own category, and what chance would give.

    Chance pairs the words of the table's rows at random with words as frequent in each category as
    the rows are; fractions of 1. Raises ValueError for an empty table.
    """
    counts = table.to_numpy(dtype=float)
    total = counts.sum()
    if not total:
        raise ValueError("the table counts no word, but a share needs at least one.")
    shares = counts.sum(1) / total
    return float(np.trace(counts) / total), float((shares**2).sum())
