"""Correlations that say nan, and do not warn, where there is nothing to correlate."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from scipy import stats
from torch import Tensor


def spearman(found: Sequence[float] | Tensor, gold: Sequence[float] | Tensor) -> float:
    """Rank correlation of two (n,); nan with fewer than 3, or where either does not vary."""
    return _correlation(stats.spearmanr, found, gold)


def pearson(found: Sequence[float] | Tensor, gold: Sequence[float] | Tensor) -> float:
    """Correlation of two (n,); nan with fewer than 3, or where either does not vary."""
    return _correlation(stats.pearsonr, found, gold)


def _correlation(function, found, gold) -> float:
    found, gold = (torch.as_tensor(side).double().cpu() for side in (found, gold))
    if len(found) < 3 or float(found.std()) == 0 or float(gold.std()) == 0:
        return math.nan
    return float(function(found.numpy(), gold.numpy()).statistic)
