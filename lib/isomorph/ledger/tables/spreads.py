"""Tables of a paper that print a mean and a standard deviation over seeds, several a file.

    load(name)   the tables of a YAML file, with their paper

Where two tables of one paper print other numbers for one run, both stand as printed.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field

from isomorph.ledger.schema import LedgerError, Paper, Source, validated

if TYPE_CHECKING:
    from pandas import DataFrame

NAMES = ("few_sample",)
METRIC = "score"  # what our own rows call it

Score = Annotated[float, Field(ge=0, le=100)]
Set = Annotated[str, Field(pattern=r"^[a-z0-9]+$")]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Row(_Frozen):
    """One condition's scores, times 100: a data set -> a number."""

    condition: str = Field(pattern=r"^[a-z0-9_]+$")
    name: str = Field(min_length=2)  # what the paper calls it
    mean: Mapping[Set, Score]
    std: Mapping[Set, Score] = {}


class Table(_Frozen):
    name: str = Field(min_length=5)
    source: Source
    rows: tuple[Row, ...] = Field(min_length=1)


class Tables(_Frozen):
    """Tables of one paper, and what each data set is scored by."""

    paper: Paper
    scores: Mapping[Set, str]
    tables: tuple[Table, ...] = Field(min_length=1)

    def frame(self) -> DataFrame:
        """Columns table, condition, name, metric, task (the data set), score (what it is), value,
        std (nan where none is printed): a row a number, times 100."""
        import pandas as pd

        cells = [
            (table.name, row.condition, row.name, METRIC, task, self.scores[task], value,
             row.std.get(task))
            for table in self.tables for row in table.rows for task, value in row.mean.items()
        ]  # fmt: skip
        names = ["table", "condition", "name", "metric", "task", "score", "value", "std"]
        return pd.DataFrame(cells, columns=names).astype({"std": float})


def parse(text: str, name: str) -> Tables:
    """Tables from YAML; `name` is used in messages.

    Raises LedgerError with one sentence which names the file, the field and what is allowed.
    """
    found = validated(Tables, text, name)
    for table in found.tables:
        names = [row.condition for row in table.rows]
        for row in table.rows:
            if names.count(row.condition) > 1:
                raise LedgerError(
                    f"{name}: condition {row.condition!r} must stand once in {table.name}."
                )
            if row.std and set(row.std) != set(row.mean):
                raise LedgerError(
                    f"{name}: std of {row.condition!r} in {table.name} must be of the data sets "
                    "that mean is of."
                )
            if not set(row.mean) <= set(found.scores):
                raise LedgerError(
                    f"{name}: {row.condition!r} in {table.name} has a data set without an entry "
                    "in scores."
                )
    return found


@cache
def load(name: str) -> Tables:
    """The tables of that file (`NAMES`), with their paper and their provenance."""
    if name not in NAMES:
        raise ValueError(f"name is {name!r}, but must be one of {', '.join(NAMES)}.")
    file = f"{name}.yaml"
    return parse((resources.files(__package__) / file).read_text("utf-8"), file)
