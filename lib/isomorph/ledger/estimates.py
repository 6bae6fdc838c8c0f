"""From rows to a number: one a unit, with an interval over units (`isomorph.ledger.intervals`)."""

from __future__ import annotations

import math
from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np

from isomorph.ledger.intervals import NOTHING, Estimate, of_means, of_spreads
from isomorph.ledger.quantities import QUANTITIES
from isomorph.ledger.records import Record, of_items, records, select
from isomorph.rows import PLACE

if TYPE_CHECKING:
    from pandas import DataFrame

    from isomorph.ledger.schema import Part, Selection

COARSE = ("spearman", "peak_depth")  # they take few values, so that units may well agree on one


def estimate(part: Part, rows: DataFrame | list[Record]) -> Estimate:
    """The number of a part with its interval, from the rows of one place and size."""
    rows = records(rows)
    plus, minus = part.terms()
    terms, signs = (*plus, *minus), [1] * len(plus) + [-1] * len(minus)
    selected = [select(rows, term, part.beside) for term in terms]
    if not all(selected):
        return NOTHING
    if part.learnt:
        selected = [_learnt(chosen, rows) for chosen in selected]
    comparable = _comparable(selected, terms)
    measured = [_per_unit(f, t, part) for f, t in zip(comparable, terms, strict=True)]
    samples, paired = _samples(measured, part.least)
    least = math.inf if selected[0] and of_items(selected[0]) else part.least
    if part.over_seeds == "std":
        return of_spreads(samples, least=least)
    found = of_means(samples, signs, paired=paired, least=least)
    if part.quantity in COARSE and found.kind == "range" and found.units >= least:
        found = replace(found, kind="interval", error=0.0, freedom=found.units - 1)
    return found


def _learnt(chosen: list[Record], rows: list[Record]) -> list[Record]:
    """Without the units whose run failed: a spread of runs that learnt nothing says nothing."""
    failed = {_run(row) for row in rows if row.metric == "failed_run" and row.value > 0}
    return [row for row in chosen if _run(row) not in failed]


def _run(row: Record) -> tuple:
    return row.condition, *row.place, row.sample


def _samples(measured: list[dict[int, float]], needed: int) -> tuple[list[np.ndarray], bool]:
    """Each term's numbers, of the same seeds in the same order where enough seeds are shared."""
    shared = sorted(set.intersection(*map(set, measured)))
    paired = len(shared) >= needed or all(len(term) == len(shared) for term in measured)
    return [np.array([term[s] for s in (shared if paired else term)]) for term in measured], paired


def _comparable(chosen: list[list[Record]], terms: tuple[Selection, ...]) -> list[list[Record]]:
    """Only the places and layers which all terms have: else a contrast compares unlike things."""
    for column in (*PLACE, "layer"):
        if any(getattr(term, column) is not None for term in terms):
            continue
        if column == "task" and len({term.metric for term in terms}) > 1:
            continue  # scores of two tasks are compared, each has its own
        of = attrgetter(column)
        # What has none at all, such as word vectors beside a model's layers, goes with any.
        values = [own for rows in chosen if (own := set(map(of, rows)) - {None})]
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
        sample: {row.cell for own in places[sample].values() for row in own}
        for sample in sorted(places)
    }
    every = set().union(*cells.values())
    compute, found = QUANTITIES[part.quantity].compute, {}
    for sample in (sample for sample, own in cells.items() if own == every):
        numbers = []
        for (condition, languages, _), own in places[sample].items():
            # Of the second metric what goes with this condition and these languages, or with any.
            beside = [row for row in second if row.languages in (languages, None)
                      and (row.sample, row.condition) == (sample, condition)]  # fmt: skip
            numbers.append(compute(own + beside, term.metric, part))
        found[sample] = float(np.mean(numbers))
    return {sample: number for sample, number in found.items() if not math.isnan(number)}
