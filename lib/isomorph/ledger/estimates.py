"""From rows to a number: one a unit, with an interval over units (`isomorph.ledger.intervals`)."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from isomorph.ledger.intervals import NOTHING, Estimate, of_means, of_spreads
from isomorph.ledger.quantities import QUANTITIES
from isomorph.ledger.subjects import ITEMS, ROLES, about_config
from isomorph.rows import PLACE, is_main, with_sample

if TYPE_CHECKING:
    from pandas import DataFrame, Series

    from isomorph.ledger.schema import Part, Selection

COARSE = ("spearman", "peak_depth")  # they take few values, so that units may well agree on one


def estimate(part: Part, rows: DataFrame) -> Estimate:
    """The number of a part with its interval, from the rows of one place and size."""
    rows = rows if "sample" in rows else with_sample(rows)
    plus, minus = part.terms()
    terms, signs = (*plus, *minus), [1] * len(plus) + [-1] * len(minus)
    selected = [select(rows, term, part.beside) for term in terms]
    if any(frame.empty for frame in selected):
        return NOTHING
    if part.learnt:
        selected = [_learnt(frame, rows) for frame in selected]
    comparable = _comparable(selected, terms)
    measured = [_per_unit(f, t, part) for f, t in zip(comparable, terms, strict=True)]
    samples, paired = _samples(measured, part.least)
    least = math.inf if of_items(selected[0]) else part.least
    if part.over_seeds == "std":
        return of_spreads(samples, least=least)
    found = of_means(samples, signs, paired=paired, least=least)
    if part.quantity in COARSE and found.kind == "range" and found.units >= least:
        found = replace(found, kind="interval", error=0.0, freedom=found.units - 1)
    return found


def of_items(rows: DataFrame) -> bool:
    """Whether only the items of one model vary, so that nothing was drawn anew. Rows that are not
    placed say so by their configuration."""
    if "unit" in rows:
        return rows["unit"].iloc[0] == ITEMS
    configs = rows["config"].dropna().unique() if "config" in rows else ()
    return any(about_config(config).unit == ITEMS for config in configs if config)


def _learnt(chosen: DataFrame, rows: DataFrame) -> DataFrame:
    """Without the units whose run failed: a spread of runs that learnt nothing says nothing."""
    failed = rows[(rows["metric"] == "failed_run") & (rows["value"] > 0)]
    cell = ["condition", *PLACE, "sample"]
    return chosen[~chosen.set_index(cell).index.isin(failed.set_index(cell).index)]


def _samples(measured: list[Series], needed: int) -> tuple[list[np.ndarray], bool]:
    """Each term's numbers, of the same seeds in the same order where enough seeds are shared."""
    shared = sorted(set.intersection(*(set(term.index) for term in measured)))
    paired = len(shared) >= needed or all(len(term) == len(shared) for term in measured)
    return [(term[shared] if paired else term).to_numpy(float) for term in measured], paired


def select(rows: DataFrame, term: Selection, beside: str | None) -> DataFrame:
    """The rows of a selection, with those of the second metric which go with them.

    A row of the second metric without languages or a layer (a loss, say) goes with all of them.
    """
    second = rows["metric"].isin([beside] if beside else [])
    kept = rows["metric"].isin(term.metric) | second
    if term.condition is not None:
        kept &= rows["condition"].isin(term.condition)
    if term.languages is not None:
        named = [each for name in term.languages for each in ROLES.get(name, (name,))]
        kept &= rows["languages"].isin(named) | (second & rows["languages"].isna())
    else:  # the far world is a language of its own, and counts only where it is asked for
        kept &= rows["languages"] != "far"
    if term.task is not None:
        kept &= rows["task"].isin(term.task)
    kept &= is_main(rows) if term.split is None else rows["split"].isin(term.split)
    if term.layer is not None:
        own = rows["layer"].where(rows["metric"].isin(term.metric))
        deepest = own.groupby(rows["condition"]).transform("max")
        layers = [deepest + 1 + layer if layer < 0 else layer for layer in term.layer]
        chosen = sum((rows["layer"] == layer).fillna(False).astype(int) for layer in layers) > 0
        kept &= chosen | (second & rows["layer"].isna())
    chosen_rows = rows[kept]
    return chosen_rows if chosen_rows["metric"].isin(term.metric).any() else rows.iloc[:0]


def _comparable(frames: list[DataFrame], terms: tuple[Selection, ...]) -> list[DataFrame]:
    """Only the places and layers which all terms have: else a contrast compares unlike things."""
    for column in (*PLACE, "layer"):
        if any(getattr(term, column) is not None for term in terms):
            continue
        if column == "task" and len({term.metric for term in terms}) > 1:
            continue  # scores of two tasks are compared, each has its own
        # What has none at all, such as word vectors beside a model's layers, goes with any.
        values = [own for frame in frames if (own := set(frame[column].dropna()))]
        shared = set.intersection(*values) if values else set()
        frames = [frame[frame[column].isin(shared) | frame[column].isna()] for frame in frames]
    return frames


def _per_unit(rows: DataFrame, term: Selection, part: Part) -> Series:
    """The quantity of each sample, averaged over its conditions and places.

    Only of the samples which have every condition, place, layer and metric that any has.
    """
    if part.quantity == "value" and part.beside is None:
        return _last_values(rows)
    is_main = rows["metric"].isin(term.metric)
    main, second = rows[is_main], rows[~is_main]
    cells = main.groupby(["condition", *PLACE, "layer", "metric"], dropna=False).ngroup()
    complete = cells.groupby(main["sample"]).nunique() == cells.nunique()
    compute, found = QUANTITIES[part.quantity].compute, {}
    places = main.groupby(["sample", "condition", *PLACE], dropna=False)
    for (sample, condition, languages, _), own in places:
        if len(second):  # those which go with this condition and these languages, or with any
            goes = second["languages"].isna() | (second["languages"] == languages)
            goes &= (second["sample"] == sample) & (second["condition"] == condition)
            own = pd.concat([own, second[goes]])
        found.setdefault(sample, []).append(compute(own, term.metric, part))
    means = {sample: float(np.mean(values)) for sample, values in found.items()}
    return pd.Series(means, dtype=float)[complete].dropna()


def _last_values(rows: DataFrame) -> Series:
    """The quantity "value" of every complete sample: the mean at the last checkpoint.

    The same as the general way, in a tenth of its time: the ledger asks for some five hundred.
    """
    columns = ["condition", *PLACE, "layer", "metric", "sample", "tokens", "value"]
    lists = [rows[name].to_numpy(object, na_value=None).tolist() for name in columns]
    found: dict[tuple, dict] = {}
    for *named, sample, tokens, value in zip(*lists, strict=True):
        curve = found.setdefault(sample, {}).setdefault(tuple(named), {})
        curve.setdefault(tokens, []).append(math.nan if value is None else value)
    cells = {named for own in found.values() for named in own}
    means = {}
    for sample, own in found.items():
        if len(own) == len(cells):
            by_place: dict[tuple, list[float]] = {}
            for named, curve in own.items():
                last = curve[None] if None in curve else curve[max(curve)]
                by_place.setdefault(named[:3], []).extend(last)
            means[sample] = float(np.mean([np.mean(values) for values in by_place.values()]))
    return pd.Series(means, dtype=float).sort_index().dropna()
