"""Quantities: one seed's rows of one selection become one number.

Every quantity takes `rows` (one seed; columns condition, languages, task, layer, metric, tokens, value), the
metrics selected, and the part of the rule, and returns a float. It returns nan where the number
does not exist for that seed (a score which never rose has no half-way point).
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from isomorph.metrics import metric
from isomorph.rows import PLACE

if TYPE_CHECKING:
    from pandas import DataFrame

    from isomorph.ledger.schema import Part

# Both scores (fractions) and losses (nats) move less than this by noise alone, and the half-way
# point of noise means nothing.
SMALLEST_RISE = 0.02


def is_number(metrics: Iterable[str]) -> bool:
    """Whether some metrics are numbers of a kind of their own, and no shares."""
    return all(metric(name).unit != "%" for name in metrics)


def half_rise(tokens: np.ndarray, values: np.ndarray) -> float:
    """Log of the token count at which a curve first stands half-way from its start to its end.

    `tokens` and `values`: (checkpoints,), in any order; start and end are the first and the last
    checkpoint. Rising and falling curves alike. Linear interpolation in log tokens. A curve already
    half-way at its first trained checkpoint gets that checkpoint, the latest it can have been.
    Natural log; nan when the curve moves by less than `SMALLEST_RISE`.
    """
    order = np.argsort(tokens)
    tokens, values = np.asarray(tokens, float)[order], np.asarray(values, float)[order]
    # Written so that nan among the values gives nan.
    moved = len(tokens) > 1 and abs(values[-1] - values[0]) >= SMALLEST_RISE
    if not moved or tokens[-1] <= 0:
        return math.nan
    progress = (values - values[0]) / (values[-1] - values[0])
    trained = tokens > 0  # zero tokens has no logarithm; it serves as the start only
    tokens, progress = tokens[trained], progress[trained]
    reached = int(np.argmax(progress >= 0.5))
    if reached == 0:
        return math.log(tokens[0])
    before, after = progress[reached - 1], progress[reached]
    share = (0.5 - before) / (after - before)
    earlier, later = math.log(tokens[reached - 1]), math.log(tokens[reached])
    return earlier + share * (later - earlier)


def _final(rows: "DataFrame") -> "DataFrame":
    """Only the last checkpoint of every condition, place, layer and metric."""
    if rows["tokens"].nunique(dropna=False) == 1:
        return rows
    cell = ["condition", *PLACE, "layer", "metric"]
    last = rows.groupby(cell, dropna=False)["tokens"].transform("max")
    return rows[(rows["tokens"] == last) | last.isna()]


def _curve(rows: "DataFrame", metrics: tuple[str, ...], along: str) -> "DataFrame":
    """Mean value of the metrics at each layer (last checkpoint) or at each token count."""
    rows = rows[rows["metric"].isin(metrics)]
    if along == "layer":
        rows = _final(rows)
    return rows.groupby(along)["value"].mean()


def _value(rows: "DataFrame", metrics: tuple[str, ...], part: "Part") -> float:
    """Mean of the values at the last checkpoint."""
    return float(_final(rows[rows["metric"].isin(metrics)])["value"].mean())


def _half_rise(rows: "DataFrame", metrics: tuple[str, ...], part: "Part") -> float:
    """Log tokens at half of the metric's rise."""
    curve = _curve(rows, metrics, "tokens")
    return half_rise(curve.index.to_numpy(), curve.to_numpy())


def _half_rise_lag(rows: "DataFrame", metrics: tuple[str, ...], part: "Part") -> float:
    """Log ratio of the token counts at half-rise: the metric's over the second metric's.

    Above 0 the metric comes later; log 2 means after twice as many tokens.
    """
    return _half_rise(rows, metrics, part) - _half_rise(rows, (part.beside,), part)


def _spearman(rows: "DataFrame", metrics: tuple[str, ...], part: "Part") -> float:
    """Rank correlation of the metric with layer or tokens: +1 rises all along, -1 falls."""
    from isomorph.measure.correlation import spearman

    curve = _curve(rows, metrics, part.along)
    return spearman(curve.to_numpy(float), curve.index.to_numpy(float))


def _pearson(rows: "DataFrame", metrics: tuple[str, ...], part: "Part") -> float:
    """Correlation of two metrics over layers or over tokens."""
    from isomorph.measure.correlation import pearson

    first = _curve(rows, metrics, part.along)
    second = _curve(rows, (part.beside,), part.along)
    shared = first.index.intersection(second.index)
    return pearson(first[shared].to_numpy(float), second[shared].to_numpy(float))


def _peak_depth(rows: "DataFrame", metrics: tuple[str, ...], part: "Part") -> float:
    """Layer of the highest value over the deepest layer: 0 at the embeddings, 1 at the last."""
    curve = _curve(rows, metrics, "layer")
    return float(curve.idxmax()) / float(curve.index.max()) if len(curve) > 1 else math.nan


@dataclass(frozen=True)
class Quantity:
    compute: Callable[["DataFrame", tuple[str, ...], "Part"], float]
    relates_two: bool = False  # does it need the second metric of `beside`?


QUANTITIES = {
    "value": Quantity(_value),
    "half_rise": Quantity(_half_rise),
    "half_rise_lag": Quantity(_half_rise_lag, relates_two=True),
    "spearman": Quantity(_spearman),
    "pearson": Quantity(_pearson, relates_two=True),
    "peak_depth": Quantity(_peak_depth),
}
