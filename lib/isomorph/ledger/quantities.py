"""Quantities: one seed's rows of one selection become one number.

Every quantity takes rows of one seed (`isomorph.ledger.records.Record`), the metrics selected, and the part
of the rule, and returns a float. It returns nan where the number does not exist for that seed (a
score which never rose has no half-way point).
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from isomorph.ledger.intervals import does_not_vary
from isomorph.ledger.records import Record
from isomorph.metrics import metric

if TYPE_CHECKING:
    from isomorph.ledger.schema import Part

Metrics = tuple[str, ...]
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


def _final(rows: list[Record]) -> list[Record]:
    """Only the last checkpoint of every condition, place, layer and metric."""
    last: dict[tuple, float] = {}
    for row in rows:
        last[row.cell] = max(last.get(row.cell, -math.inf), _reached(row))
    return [row for row in rows if _reached(row) == last[row.cell]]


def _reached(row: Record) -> float:
    return -math.inf if row.tokens is None else row.tokens


def _curve(rows: list[Record], metrics: Metrics, along: str) -> tuple[np.ndarray, np.ndarray]:
    """Each layer (of the last checkpoint) or token count, and the mean value of the metrics there."""
    rows = [row for row in rows if row.metric in metrics]
    at: dict[int, list[float]] = {}
    for row in _final(rows) if along == "layer" else rows:
        if (place := getattr(row, along)) is not None and not math.isnan(row.value):
            at.setdefault(place, []).append(row.value)
    places = sorted(at)
    return np.array(places, float), np.array([np.mean(at[place]) for place in places])


def _value(rows: list[Record], metrics: Metrics, part: "Part") -> float:
    """Mean of the values at the last checkpoint."""
    return float(np.mean([row.value for row in _final(rows) if row.metric in metrics]))


def _half_rise(rows: list[Record], metrics: Metrics, part: "Part") -> float:
    """Log tokens at half of the metric's rise."""
    return half_rise(*_curve(rows, metrics, "tokens"))


def _half_rise_lag(rows: list[Record], metrics: Metrics, part: "Part") -> float:
    """Log ratio of the token counts at half-rise: the metric's over the second metric's.

    Above 0 the metric comes later; log 2 means after twice as many tokens.
    """
    return _half_rise(rows, metrics, part) - _half_rise(rows, (part.beside,), part)


def _spearman(rows: list[Record], metrics: Metrics, part: "Part") -> float:
    """Rank correlation of the metric with layer or tokens: +1 rises all along, -1 falls."""
    return _correlation(*(_ranks(side) for side in _curve(rows, metrics, part.along)))


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks of (n,); numbers that only rounding tells apart are tied."""
    largest = np.abs(values).max(initial=0) or 1.0
    return pd.Series(np.round(values / largest, 12)).rank().to_numpy()


def _pearson(rows: list[Record], metrics: Metrics, part: "Part") -> float:
    """Correlation of two metrics over layers or over tokens."""
    first = dict(zip(*_curve(rows, metrics, part.along), strict=True))
    second = dict(zip(*_curve(rows, (part.beside,), part.along), strict=True))
    shared = sorted(first.keys() & second.keys())
    return _correlation(*(np.array([side[place] for place in shared]) for side in (first, second)))


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Of two (n,); nan with fewer than 3, or where either does not vary."""
    if len(first) < 3 or does_not_vary(first) or does_not_vary(second):
        return math.nan
    return float(np.corrcoef(first, second)[0, 1])


def _peak_depth(rows: list[Record], metrics: Metrics, part: "Part") -> float:
    """Layer of the highest value over the deepest layer: 0 at the embeddings, 1 at the last."""
    layers, values = _curve(rows, metrics, "layer")
    return float(layers[values.argmax()] / layers[-1]) if len(layers) > 1 else math.nan


@dataclass(frozen=True)
class Quantity:
    compute: Callable[[list[Record], Metrics, "Part"], float]
    relates_two: bool = False  # does it need the second metric of `beside`?


QUANTITIES = {
    "value": Quantity(_value),
    "half_rise": Quantity(_half_rise),
    "half_rise_lag": Quantity(_half_rise_lag, relates_two=True),
    "spearman": Quantity(_spearman),
    "pearson": Quantity(_pearson, relates_two=True),
    "peak_depth": Quantity(_peak_depth),
}
