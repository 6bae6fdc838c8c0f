"""Pairs of sentences and of words that people have scored for similarity, by name.

Sentence pairs come from the hub or a mirror. Word pairs have no place on the hub that may be named:
they come from a mirror, as its "local" sets.
"""

from __future__ import annotations

from typing import NamedTuple

from isomorph.text import judged
from isomorph.text.fetch import load_hub, named

# The seven sets of Li et al. 2020, table 2: name -> (id, split). STS-B's own validation is "stsb_dev".
SENTENCES = {
    "stsb": ("sentence-transformers/stsb", "test"),
    "sickr": ("mteb/sickr-sts", "test"),
    **{f"sts{year}": (f"mteb/sts{year}-sts", "test") for year in range(12, 17)},
}
EXTRA = {"stsb_dev": ("sentence-transformers/stsb", "validation")}
WORDS = ("rg65", "simlex999", "wordsim353", "men", "mturk771", "rareword")


class ScoredPairs(NamedTuple):
    """first, second: texts, row by row; scores: higher is more alike, in the set's own scale."""

    first: list[str]
    second: list[str]
    scores: list[float]


def sentence_pairs(name: str) -> ScoredPairs:
    """One of `SENTENCES`, or "stsb_dev". Raises ValueError for another, DataUnavailable."""
    sets = SENTENCES | EXTRA
    if name not in sets:
        raise ValueError(f"name is {name!r}; allowed are {', '.join(sets)}.")
    dataset, split = sets[name]
    return _scored(dataset, "default", split, ("sentence1", "sentence2"))


def word_pairs(name: str) -> ScoredPairs:
    """One of `WORDS`. Raises ValueError for another, DataUnavailable where no mirror has it."""
    if name not in WORDS:
        raise ValueError(f"name is {name!r}; allowed are {', '.join(WORDS)}.")
    return _scored("local/word-similarity", name, "test", ("word1", "word2"))


def _scored(dataset: str, config: str, split: str, columns: tuple[str, str]) -> ScoredPairs:
    def made(row: dict) -> tuple[str, str, float]:
        return *(judged.text(row, column) for column in columns), judged.score(row, "score")

    rows = load_hub(dataset, config, split)
    found = judged.examples_of(rows, (*columns, "score"), made, named(dataset, config, split))
    return ScoredPairs(*map(list, zip(*found, strict=True)))
