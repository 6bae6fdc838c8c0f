"""Effects: what conditions change in scores, with intervals over seeds, beside a paper's changes.

An effect is the ledger's own estimate (`isomorph.ledger.estimates`), so that what is drawn and what
the ledger says of it cannot disagree. Everything is in percent points.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from isomorph.ledger.estimates import estimate
from isomorph.ledger.schema import Part
from isomorph.rows import where

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True)
class Contrast:
    """One factor's question: the metric under `plus` less the metric under `minus`."""

    label: str
    metric: str
    plus: str
    minus: str
    heading: str = ""


def effects(
    rows: DataFrame, contrasts: Iterable[Contrast], *, table: DataFrame | None = None
) -> DataFrame:
    """A line a contrast: its fields, value, low and high (95% over seeds), seeds, and paper.

    rows: of one size; their scores are fractions. low and high are nan with fewer than five seeds,
    and value is nan where nothing was measured. paper: the same change in `table`
    (`isomorph.ledger.paper_tables`), the mean over its languages; nan where it has none.
    Raises ValueError for rows of several sizes and for a metric that is nowhere.
    """
    import pandas as pd

    if rows["size"].nunique() > 1:
        raise ValueError(
            f"the rows are of the sizes {sorted(rows['size'].unique())}; allowed is one."
        )
    held = set(rows["metric"]) | set(() if table is None else table["metric"])
    lines = []
    for contrast in contrasts:
        if contrast.metric not in held:
            raise ValueError(f"metric is {contrast.metric!r}, but the rows hold {sorted(held)}")
        part = Part(
            metric=contrast.metric, plus=contrast.plus, minus=contrast.minus, direction="above"
        )
        ours = estimate(part, where(rows, metric=contrast.metric))
        ends = (ours.low, ours.high) if ours.kind == "interval" else (None, None)
        value, low, high = (math.nan if x is None else 100 * x for x in (ours.value, *ends))
        paper = math.nan if table is None else _change(table, contrast)
        measured = {"value": value, "low": low, "high": high, "seeds": ours.units, "paper": paper}
        lines.append(asdict(contrast) | measured)
    return pd.DataFrame(lines)


def _change(table: DataFrame, contrast: Contrast) -> float:
    cells = table[table["metric"] == contrast.metric]
    cells = cells.pivot(index="languages", columns="condition", values="value")
    if not {contrast.plus, contrast.minus} <= set(cells):
        return math.nan
    return float((cells[contrast.plus] - cells[contrast.minus]).mean())
