"""How alike two texts are, held against what people say of them.

Correlations say nan, and do not warn, where there is nothing to correlate.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from isomorph.measure.neighbours import unit_rows
from isomorph.measure.pairs import snapped, varies


def spearman(found: Sequence[float] | Tensor, gold: Sequence[float] | Tensor) -> float:
    """Rank correlation of two (n,); nan with fewer than 3, or where either does not vary.

    Numbers that only rounding tells apart are tied.
    """
    return _correlation(lambda *sides: stats.spearmanr(*map(snapped, sides)), found, gold)


def pearson(found: Sequence[float] | Tensor, gold: Sequence[float] | Tensor) -> float:
    """Correlation of two (n,); nan with fewer than 3, or where either does not vary."""
    return _correlation(stats.pearsonr, found, gold)


def _correlation(function, found, gold) -> float:
    sides = [
        side.detach().cpu() if isinstance(side, Tensor) else torch.from_numpy(np.array(side, float))
        for side in (found, gold)
    ]
    if len(sides[0]) < 3 or not all(map(varies, sides)):
        return math.nan
    return float(function(*(side.double() for side in sides)).statistic)


def cosines(first: Tensor, second: Tensor) -> Tensor:
    """The cosine of each row of the one with the same row of the other, (n,) in float64."""
    return (unit_rows(first, "first") * unit_rows(second, "second")).sum(1)


def edit_distances(first: Sequence[str], second: Sequence[str]) -> Tensor:
    """Levenshtein distance in characters of each text to its partner, letter case aside, (n,).

    Source: Li et al. 2020, table 6.
    """
    from rapidfuzz.distance import Levenshtein

    pairs = zip(first, second, strict=True)
    return torch.tensor([float(Levenshtein.distance(a.casefold(), b.casefold())) for a, b in pairs])


def matching_auc(scores: Tensor, matches: Tensor) -> float:
    """Share of (match, other) pairs of pairs of which the match has the higher score.

    scores (n,), matches (n,) of bool. 0.5 is chance. Raises ValueError where one class is missing.
    Source: the unsupervised matching of Li et al. 2020, table 4.
    """
    from sklearn.metrics import roc_auc_score

    if matches.all() or not matches.any():
        raise ValueError("matches is all of one class; both are needed.")
    return float(roc_auc_score(matches.numpy(), scores.numpy()))
