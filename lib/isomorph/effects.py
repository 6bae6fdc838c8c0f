"""Effects: what a condition changes in a score, with its interval over seeds, in percent points.

The numbers are those of the ledger's own rule (`isomorph.ledger.verdicts`): the last checkpoint,
the mean over languages, seed by seed; seeds that lack some of them are left out. So
an effect that is drawn and what the ledger says of it cannot disagree. `rows` is the long table of runs of
one size; its scores are fractions, and everything here is in percent points.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from isomorph.ledger.estimates import estimate
from isomorph.ledger.schema import Part

if TYPE_CHECKING:
    from pandas import DataFrame

    from isomorph.ledger import intervals as interval

PERCENT = 100
CONTRAST_COLUMNS = ("heading", "label", "metric", "plus", "minus")
NUMBERS = ("value", "low", "high", "seeds", "paired", "languages", "paper", "paper_languages")
COLUMNS = (
    "condition",
    "languages",
    "task",
    "split",
    "layer",
    "seed",
    "fold",
    "metric",
    "value",
    "tokens",
)


@dataclass(frozen=True)
class Estimate:
    """A change of a score in percent points, averaged over `languages`.

    low and high bound the 95% interval over seeds, nan with fewer than five, where all agree, or
    where they are parts of one model's items;
    value is nan too with none. `paired`: the change was taken within each seed.
    """

    value: float
    low: float
    high: float
    seeds: int
    paired: bool
    languages: tuple[str, ...]


@dataclass(frozen=True)
class Contrast:
    """One factor's question: the metric under `plus` less the metric under `minus`.

    `paper` names the two conditions in the paper's table where they are not ours.
    """

    label: str
    metric: str
    plus: str
    minus: str
    heading: str = ""
    languages: tuple[str, ...] | None = None
    paper: tuple[str, str] | None = None


def effects(
    rows: DataFrame, contrasts: Iterable[Contrast], *, table: DataFrame | None = None
) -> DataFrame:
    """A row a contrast, in percent points.

    Columns heading, label, metric, plus, minus, value, low, high, seeds, paired,
    languages, paper, paper_languages. value is nan where nothing was measured. `paper` is the same change in `table`
    (`isomorph.ledger.tables`) over the same languages; over all of its own where it lacks one of ours;
    nan where it has none.
    Raises ValueError for rows of several sizes and for a metric that is nowhere.
    """
    import pandas as pd

    contrasts = list(contrasts)
    _require(rows, [contrast.metric for contrast in contrasts], table)
    found = []
    for contrast in contrasts:
        ours = _estimate(rows, contrast.metric, (contrast.plus, contrast.minus), contrast.languages)
        theirs = contrast.paper or (contrast.plus, contrast.minus)
        named = {name: getattr(contrast, name) for name in CONTRAST_COLUMNS}
        found.append(named | _cells(ours) | _paper(table, contrast.metric, theirs, ours))
    return pd.DataFrame(found, columns=[*CONTRAST_COLUMNS, *NUMBERS])


def _estimate(rows, metric: str, conditions: tuple[str, ...], languages) -> Estimate:
    """The first condition less the second; nan where nothing was measured."""
    wanted = (rows["metric"] == metric) & rows["condition"].isin(conditions)
    # The columns that it reads; of runs that were recorded with what they are about.
    measured = rows.loc[wanted, [*COLUMNS, *rows.columns.intersection(["config"])]]
    of_each = [
        set(measured.loc[measured["condition"] == name, "languages"].dropna())
        for name in conditions
    ]
    shared = set.intersection(*of_each)
    used = tuple(sorted(shared)) if languages is None else tuple(languages)
    if not used or not set(used) <= shared:
        # A mean over some of those that were asked for would pass for one over all.
        return Estimate(math.nan, math.nan, math.nan, 0, False, used)
    part = Part(
        metric=metric, languages=used, plus=conditions[:1], minus=conditions[1:], direction="above"
    )
    return in_points(estimate(part, measured.reset_index(drop=True)), used)


def in_points(found: interval.Estimate, languages: tuple[str, ...] = ()) -> Estimate:
    """The ledger's estimate in percent points; without an interval its ends are nan."""
    ends = (found.low, found.high) if found.kind == "interval" else (None, None)
    points = [math.nan if x is None else PERCENT * x for x in (found.value, *ends)]
    return Estimate(*points, found.units, found.paired, languages)


def _paper(table: DataFrame | None, metric: str, conditions: Sequence[str], ours: Estimate) -> dict:
    """A paper's change between two conditions, and the languages it is a mean of."""
    unknown = {"paper": math.nan, "paper_languages": ""}
    if table is None:
        return unknown
    own = table[table["metric"] == metric]
    cells = own.pivot(index="condition", columns="languages", values="value")
    if not set(conditions) <= set(cells.index):
        return unknown
    values = cells.loc[conditions[0]] - cells.loc[conditions[1]]
    same = [each for each in ours.languages if each in cells.columns]
    values = values[same] if same and len(same) == len(ours.languages) else values.dropna()
    if values.isna().any() or values.empty:
        return unknown
    return {"paper": float(values.mean()), "paper_languages": ", ".join(values.index)}


def _cells(found: Estimate) -> dict:
    return asdict(found) | {"languages": ", ".join(found.languages)}


def _require(rows: DataFrame, metrics: Iterable[str], table: DataFrame | None = None) -> None:
    for column in COLUMNS:
        if column not in rows.columns:
            raise ValueError(f"the rows lack the column {column!r}; they have {list(rows)}")
    # `unique` first: a column of strings is slow to walk through in Python.
    sizes = sorted(rows["size"].unique()) if "size" in rows.columns else []
    if len(sizes) > 1:
        raise ValueError(f"the rows are of the sizes {sizes}, but must be of one")
    known = set(rows["metric"].unique()) | (set() if table is None else set(table["metric"]))
    for metric in metrics:
        if metric not in known:
            raise ValueError(f"metric is {metric!r}, but the rows hold {sorted(known)}")
