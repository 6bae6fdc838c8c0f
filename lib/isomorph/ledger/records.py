"""The rows of one place as rules read them: records, of which selecting takes no table's time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from isomorph.ledger.subjects import ITEMS, ROLES, about_config
from isomorph.rows import with_sample

if TYPE_CHECKING:
    from pandas import DataFrame, Series

    from isomorph.ledger.schema import Selection


class Record(NamedTuple):
    """A row; None where its run does not say. The columns are those of `isomorph.rows`."""

    condition: str | None
    languages: str | None
    task: str | None
    split: str | None
    layer: int | None
    sample: int
    metric: str
    tokens: int | None
    value: float
    unit: str | None
    subject: str | None
    model: str | None
    recorded: str | None

    @property
    def place(self) -> tuple:
        return self.languages, self.task

    @property
    def cell(self) -> tuple:
        """Where it stands among the rows of its sample."""
        return self.condition, self.languages, self.task, self.layer, self.metric


def records(rows: DataFrame | list[Record]) -> list[Record]:
    """The rows of a table in their order; records as they are. Rows that are not placed have the
    unit of their configuration."""
    if isinstance(rows, list):
        return rows
    rows = rows if "sample" in rows else with_sample(rows)
    columns = {name: _plain(rows[name]) for name in Record._fields if name in rows}
    if "unit" not in columns and "config" in rows:
        columns["unit"] = [c and about_config(c).unit for c in _plain(rows["config"])]
    columns["value"] = [math.nan if value is None else value for value in columns["value"]]
    empty = [None] * len(rows)
    lists = (columns.get(name, empty) for name in Record._fields)
    return [*map(Record._make, zip(*lists, strict=True))]


def _plain(column: Series) -> list:
    return column.to_numpy(object, na_value=None).tolist()


def of_items(rows: DataFrame | list[Record]) -> bool:
    """Whether only the items of one model vary, so that nothing was drawn anew."""
    return any(row.unit == ITEMS for row in records(rows))


def select(rows: list[Record], term: Selection, beside: str | None) -> list[Record]:
    """The rows of a selection, with those of the second metric which go with them.

    A row of the second metric without languages or a layer (a loss, say) goes with all of them.
    """
    languages = None
    if term.languages is not None:
        languages = {each for name in term.languages for each in ROLES.get(name, (name,))}
    splits = (None, "test") if term.split is None else term.split
    deepest: dict[str | None, int] = {}
    for row in rows if term.layer else ():
        if row.layer is not None and row.metric in term.metric:
            deepest[row.condition] = max(row.layer, deepest.get(row.condition, 0))

    def selected(row: Record) -> bool:
        second = row.metric == beside
        if not second and row.metric not in term.metric or row.split not in splits:
            return False
        if term.condition is not None and row.condition not in term.condition:
            return False
        if term.task is not None and row.task not in term.task:
            return False
        if languages is None:  # the far world is one of its own, and counts only where asked for
            if row.languages == "far":
                return False
        elif row.languages not in languages and not (second and row.languages is None):
            return False
        if term.layer is None or row.layer is None:
            return term.layer is None or second
        end = deepest.get(row.condition, -1) + 1
        return any(row.layer == (end + layer if layer < 0 else layer) for layer in term.layer)

    chosen = [row for row in rows if selected(row)]
    return chosen if any(row.metric in term.metric for row in chosen) else []
