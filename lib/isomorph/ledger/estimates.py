"""From rows to a number: a quantity of each unit, with an interval over units (`intervals`).

A quantity takes the records of one unit (`isomorph.ledger.evidence.Record`), the metrics selected and
the part of the rule, and returns a float, nan where the number does not exist for that unit: a score
which never rose has no half-way point.
"""

from __future__ import annotations

import math
from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from isomorph.ledger.evidence import Record, of_items, records, select
from isomorph.ledger.intervals import NOTHING, Estimate, does_not_vary, of_means, of_spreads
from isomorph.rows import PLACE

if TYPE_CHECKING:
    from pandas import DataFrame

    from isomorph.ledger.schema import Part, Selection

Metrics = tuple[str, ...]
# Both scores (fractions) and losses (nats) move less than this by noise alone, and the half-way
# point of noise means nothing.
SMALLEST_RISE = 0.02


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
    earlier, later = math.log(tokens[reached - 1]), math.log(tokens[reached])
    return earlier + (0.5 - before) / (after - before) * (later - earlier)


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


def _value(rows: list[Record], metrics: Metrics, part: Part) -> float:
    """Mean of the values at the last checkpoint."""
    return float(np.mean([row.value for row in _final(rows) if row.metric in metrics]))


def _half_rise(rows: list[Record], metrics: Metrics, part: Part) -> float:
    """Log tokens at half of the metric's rise."""
    return half_rise(*_curve(rows, metrics, "tokens"))


def _half_rise_lag(rows: list[Record], metrics: Metrics, part: Part) -> float:
    """Log ratio of the token counts at half-rise: the metric's over the second metric's.

    Above 0 the metric comes later; log 2 means after twice as many tokens.
    """
    return _half_rise(rows, metrics, part) - _half_rise(rows, (part.beside,), part)


def _spearman(rows: list[Record], metrics: Metrics, part: Part) -> float:
    """Rank correlation of the metric with layer or tokens: +1 rises all along, -1 falls."""
    return _correlation(*(_ranks(side) for side in _curve(rows, metrics, part.along)))


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks of (n,); numbers that only rounding tells apart are tied."""
    largest = np.abs(values).max(initial=0) or 1.0
    return pd.Series(np.round(values / largest, 12)).rank().to_numpy()


def _pearson(rows: list[Record], metrics: Metrics, part: Part) -> float:
    """Correlation of two metrics over layers or over tokens."""
    first, second = (
        dict(zip(*_curve(rows, names, part.along), strict=True))
        for names in (metrics, (part.beside,))
    )
    shared = sorted(first.keys() & second.keys())
    return _correlation(*(np.array([side[place] for place in shared]) for side in (first, second)))


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Of two (n,); nan with fewer than 3, or where either does not vary."""
    if len(first) < 3 or does_not_vary(first) or does_not_vary(second):
        return math.nan
    return float(np.corrcoef(first, second)[0, 1])


def _peak_depth(rows: list[Record], metrics: Metrics, part: Part) -> float:
    """Layer of the highest value over the deepest layer: 0 at the embeddings, 1 at the last."""
    layers, values = _curve(rows, metrics, "layer")
    return float(layers[values.argmax()] / layers[-1]) if len(layers) > 1 else math.nan


QUANTITIES = {
    "value": _value,
    "half_rise": _half_rise,
    "half_rise_lag": _half_rise_lag,
    "spearman": _spearman,
    "pearson": _pearson,
    "peak_depth": _peak_depth,
}
RELATING_TWO = ("half_rise_lag", "pearson")  # they need the second metric of `beside`
COARSE = ("spearman", "peak_depth")  # they take few values, so that units may well agree on one


def estimate(part: Part, rows: DataFrame | list[Record]) -> Estimate:
    """The number of a part with its interval, from the rows of one body and size.

    Raises ValueError for a spread over seeds of several tasks or languages, whose mean spreads less.
    """
    rows = records(rows)
    plus, minus = part.terms()
    terms, signs = (*plus, *minus), [1] * len(plus) + [-1] * len(minus)
    selected = [select(rows, term, part.beside) for term in terms]
    if not all(map(_whole, selected, terms)):
        return NOTHING
    if part.learnt:
        selected = [_learnt(chosen, rows) for chosen in selected]
    comparable = _comparable(selected, terms)
    if part.over_seeds == "std" and len(found := {r.place for rs in comparable for r in rs}) > 1:
        raise ValueError(
            f"over_seeds is std, of {sorted(found, key=str)}; each of them has its own."
        )
    measured = [_per_unit(f, t, part) for f, t in zip(comparable, terms, strict=True)]
    # Each term's numbers, of the same units in the same order where enough are shared.
    shared = sorted(set.intersection(*map(set, measured)))
    paired = len(shared) >= part.least or all(len(term) == len(shared) for term in measured)
    samples = [np.array([term[s] for s in (shared if paired else term)]) for term in measured]
    least = math.inf if selected[0] and of_items(selected[0]) else part.least
    if part.over_seeds == "std":
        return of_spreads(samples, least=least)
    estimated = of_means(samples, signs, paired=paired, least=least)
    if part.quantity in COARSE and estimated.kind == "range" and estimated.units >= least:
        return replace(estimated, kind="interval", error=0.0, freedom=estimated.units - 1)
    return estimated


def _whole(chosen: list[Record], term: Selection) -> bool:
    """Whether there are rows, and of each condition that is named: one cannot speak for others."""
    return bool(chosen) and {*(term.condition or ())} <= {row.condition for row in chosen}


def _learnt(chosen: list[Record], rows: list[Record]) -> list[Record]:
    """Without the units whose run failed: a spread of runs that learnt nothing says nothing."""
    failed = {_run(row) for row in rows if row.metric == "failed_run" and row.value > 0}
    return [row for row in chosen if _run(row) not in failed]


def _run(row: Record) -> tuple:
    return row.condition, *row.place, row.sample


def _comparable(chosen: list[list[Record]], terms: tuple[Selection, ...]) -> list[list[Record]]:
    """Only the places and layers which all terms have: else a contrast compares unlike things."""
    for column in (*PLACE, "layer"):
        if any(getattr(term, column) is not None for term in terms):
            continue
        if column == "task" and len({term.metric for term in terms}) > 1:
            continue  # scores of two tasks are compared, each has its own
        of = attrgetter(column)
        # What has none at all, such as word vectors beside a model's layers, goes with any.
        values = [held for rows in chosen if (held := set(map(of, rows)) - {None})]
        shared = {None}.union(set.intersection(*values) if values else ())
        chosen = [[row for row in rows if of(row) in shared] for rows in chosen]
    return chosen


def _per_unit(rows: list[Record], term: Selection, part: Part) -> dict[int, float]:
    """The quantity of each sample in their order, averaged over its conditions and places.

    Only of the samples which have every condition, place, layer and metric that any has.
    """
    places: dict[int, dict[tuple, list[Record]]] = {}
    for row in rows:
        if row.metric in term.metric:
            of_sample = places.setdefault(row.sample, {})
            of_sample.setdefault((row.condition, *row.place), []).append(row)
    second = [row for row in rows if row.metric not in term.metric]
    cells = {
        sample: {row.cell for held in places[sample].values() for row in held}
        for sample in sorted(places)
    }
    every = set().union(*cells.values())
    numbers = {}
    for sample in (sample for sample, held in cells.items() if held == every):
        values = []
        for (condition, languages, _), held in places[sample].items():
            # Of the second metric what goes with this condition and these languages, or with any.
            beside = [row for row in second if row.languages in (languages, None)
                      and (row.sample, row.condition) == (sample, condition)]  # fmt: skip
            values.append(QUANTITIES[part.quantity](held + beside, term.metric, part))
        numbers[sample] = float(np.mean(values))
    return {sample: number for sample, number in numbers.items() if not math.isnan(number)}
