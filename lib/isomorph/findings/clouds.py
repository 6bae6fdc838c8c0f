"""The words of a language model with their vectors, and measures as a table.

words_of        a trained language model's words
levels          means over seeds with their intervals, a line a condition
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from isomorph import effects
from isomorph.findings.tables import NOT_MEASURED, NOT_RUN, with_seeds, written
from isomorph.findings.words import condition_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pandas import DataFrame
    from torch import Tensor

    from isomorph.findings import Found
    from isomorph.findings.language_models import Trained


@dataclass(frozen=True)
class Cloud:
    """Words and their vectors (words, width), the most frequent word first."""

    words: list[str]
    vectors: Tensor


def words_of(model: Trained) -> Cloud:
    """The words that occur in a language model's training text."""
    ids, _ = model.by_frequency
    return Cloud([model.words[i] for i in ids], model.vectors[torch.as_tensor(ids)])


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
