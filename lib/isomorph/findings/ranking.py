"""Ranking: which factor weighs most, and how often another draw of seeds would say so.

    by_seed(rows, contrasts)   each factor's effect in each seed, in percent points
    by_pair(table, contrasts)  the same of a paper's table, for each of its pairs of languages
    in_order(weights)          the factors from the heaviest down, as one line of text
    orders(weights)            every order that resampled seeds give, and how often
    places(weights)            how often each factor takes each place
    seeds_to_settle(values)    how many such seeds would tell an effect from none

A bootstrap over seeds draws as many seeds as there are, with replacement. Few seeds allow few such
draws (126 different ones of five), so all are gone through and nothing is left to chance. The
shares say how far an order hangs on the seeds at hand; they are no probabilities of its truth.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from itertools import combinations_with_replacement, groupby
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from isomorph.effects import PERCENT, Contrast
from isomorph.ledger.intervals import CONFIDENCE

if TYPE_CHECKING:
    from pandas import DataFrame, Series

MOST_SEEDS = 10  # 92,378 different draws
MOST_TO_SETTLE = 1000
TIE = 1e-9  # points; equal effects differ by rounding only


def by_seed(rows: DataFrame, contrasts: Sequence[Contrast]) -> DataFrame:
    """Each contrast in each seed, in percent points: (seeds, contrasts), columns by label.

    Only seeds that have every contrast over all its pairs of languages, by the ledger's own rule:
    none where one was not measured. Raises ValueError when two contrasts have one label.
    """
    import pandas as pd

    labels, found = _distinct(contrasts), {}
    for contrast in contrasts:
        measured = rows[rows["metric"] == contrast.metric]
        sides = [measured[measured["condition"] == c] for c in (contrast.plus, contrast.minus)]
        shared = set.intersection(*(set(own["pair"].dropna()) for own in sides))
        plus, minus = (_scores(own, contrast.pairs or shared) for own in sides)
        found[contrast.label] = PERCENT * (plus - minus)
    return pd.DataFrame(found, columns=labels, dtype=float).rename_axis("seed").dropna()


def by_pair(table: DataFrame, contrasts: Sequence[Contrast]) -> DataFrame:
    """Each contrast in each pair of languages of a paper's table: (pairs, contrasts), in points.

    Only pairs that have every contrast. `table` is one of `isomorph.ledger.tables`. Raises
    ValueError when two contrasts have one label or the table lacks a condition.
    """
    import pandas as pd

    _distinct(contrasts)
    found = {}
    for contrast in contrasts:
        own = table[table["metric"] == contrast.metric]
        cells = own.set_index(["condition", "pair"])["value"]
        plus, minus = contrast.paper or (contrast.plus, contrast.minus)
        for condition in (plus, minus):
            if condition not in set(own["condition"]):
                raise ValueError(
                    f"condition is {condition!r}, but the table holds "
                    f"{sorted(set(own['condition']))}"
                )
        found[contrast.label] = cells[plus] - cells[minus]
    return pd.DataFrame(found).dropna()


def in_order(weights: Series) -> str:
    """The names from the largest weight down: "sharing > anchors = domain" where two are equal."""
    ranks = _ranks(weights.to_numpy(float)[None])[0]
    order = np.argsort(ranks, kind="stable")
    told = [
        " = ".join(str(weights.index[i]) for i in group)
        for _, group in groupby(order, key=lambda i: ranks[i])
    ]
    return " > ".join(told)


def orders(weights: DataFrame) -> DataFrame:
    """Every order of the factors that resampled seeds give: columns order, share; the most first.

    weights: (seeds, factors), such as `by_seed` gives. A draw's order is that of the factors' means
    over the seeds drawn. Raises ValueError for no seeds, more than ten, or a weight that is missing.
    """
    import pandas as pd

    shares: dict[str, float] = {}
    for means, share in _resampled(weights):
        order = in_order(pd.Series(means, index=weights.columns))
        shares[order] = shares.get(order, 0.0) + share
    found = pd.DataFrame(shares.items(), columns=["order", "share"])
    return found.sort_values("share", ascending=False, kind="stable").reset_index(drop=True)


def places(weights: DataFrame) -> DataFrame:
    """How often each factor takes each place over resampled seeds: (factors, places).

    Columns 1, 2, ...; equal factors share the better place. Weights and errors as in `orders`.
    """
    import pandas as pd

    count = weights.shape[1]
    drawn = list(_resampled(weights))
    ranks = _ranks(np.array([means for means, _ in drawn]))
    share = np.array([share for _, share in drawn])
    taken = np.stack([share @ (ranks == place) for place in range(count)], axis=1)
    return pd.DataFrame(taken, index=weights.columns, columns=range(1, count + 1))


def seeds_to_settle(values: Sequence[float]) -> int | None:
    """The least number of seeds at which a 95% t interval would leave out 0.

    For a mean and a spread over seeds as those of `values`. At least 2; None when they are fewer
    than two, when their mean is 0, or when 1,000 seeds would not do.
    """
    values = np.asarray(values, float)
    if len(values) < 2 or values.mean() == 0:
        return None
    ratio = float(values.std(ddof=1) / abs(values.mean()))
    for seeds in range(2, MOST_TO_SETTLE + 1):
        if stats.t.ppf((1 + CONFIDENCE) / 2, seeds - 1) * ratio < math.sqrt(seeds):
            return seeds
    return None


def _ranks(means: np.ndarray) -> np.ndarray:
    """(draws, factors) -> how many factors weigh more, by more than rounding."""
    return (means[:, None, :] > means[:, :, None] + TIE).sum(axis=-1)


def _resampled(weights: DataFrame) -> Iterator[tuple[np.ndarray, float]]:
    """The factors' means over every different draw of seeds, and the share of draws that are it."""
    values = weights.to_numpy(float)
    seeds = len(values)
    if not 1 <= seeds <= MOST_SEEDS:
        raise ValueError(f"weights have {seeds} seeds, but may have 1 to {MOST_SEEDS}")
    if not np.isfinite(values).all():
        raise ValueError("weights lack a value, but need one for each seed and factor")
    for drawn in combinations_with_replacement(range(seeds), seeds):
        times = np.bincount(drawn, minlength=seeds)
        ways = math.factorial(seeds) // math.prod(math.factorial(int(n)) for n in times)
        yield times @ values / seeds, ways / seeds**seeds


def _scores(rows: DataFrame, pairs: Collection[str]) -> Series:
    """One condition's score by seed: the last checkpoint, a mean over layers and then pairs.

    Only of seeds with every pair and layer that any seed has.
    """
    own = rows[rows["pair"].isin(pairs)]
    last = own.groupby(["pair", "layer", "seed"], dropna=False)["tokens"].transform("max")
    own = own[own["tokens"] == last]
    named = own.assign(layer=own["layer"].astype("Float64").fillna(-1))
    cells = named.pivot_table(index="seed", columns=["pair", "layer"], values="value").dropna()
    if not set(pairs) <= set(own["pair"]):
        return cells.iloc[:0].sum(axis=1)
    return cells.T.groupby(level="pair").mean().mean()


def _distinct(contrasts: Sequence[Contrast]) -> list[str]:
    labels = [contrast.label for contrast in contrasts]
    for label in labels:
        if labels.count(label) > 1:
            raise ValueError(f"label {label!r} stands for two contrasts, but must for one")
    return labels
