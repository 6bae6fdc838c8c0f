"""Correlations that say nan, and do not warn, where there is nothing to correlate."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from scipy import stats
from torch import Tensor

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
