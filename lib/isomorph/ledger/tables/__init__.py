"""Result tables of the papers, as data: their numbers, to set beside ours.

    table_one()         zero-shot transfer, Table 1 of Conneau, Wu et al. (2020)
    order_and_depth()   word order and depth, K et al. (2020)
    few_sample()        few-sample fine-tuning, Tables 1 to 3 of Zhang et al. (2021)
    load(name)          a table with its paper, and how its numbers came to be known

One YAML file a table. Conditions, pairs and metrics have the names of our own rows, so that a
paper's number and ours meet by name. Scores stay in the papers' unit, percent.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field

from isomorph.ledger.schema import LedgerError, Paper, Source, validated
from isomorph.ledger.tables import spreads

if TYPE_CHECKING:
    from pandas import DataFrame

NAMES = ("table_one", "order_and_depth")
METRICS = ("nli_accuracy", "nli_accuracy_source", "ner_f1", "las")

Percent = Annotated[float, Field(ge=0, le=100)]
Pair = Annotated[str, Field(pattern=r"^[a-z]{2}-[a-z]{2}$")]
Cells = tuple[Percent | None, ...] | None


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Row(_Frozen):
    """One condition's scores in percent, a number a pair; None where it is not known."""

    condition: str = Field(pattern=r"^[a-z0-9_]+$")
    name: str = Field(min_length=3)  # what the paper calls it
    nli_accuracy: Cells = None
    nli_accuracy_source: Cells = None
    ner_f1: Cells = None
    las: Cells = None


class Table(_Frozen):
    """A table of a paper: where it stands, the pairs of its columns, and its rows."""

    paper: Paper
    source: Source
    pairs: tuple[Pair, ...] = Field(min_length=1)
    rows: tuple[Row, ...] = Field(min_length=1)

    def frame(self) -> DataFrame:
        """Columns condition, name, metric, languages, value (percent): a row a number that is known."""
        import pandas as pd

        cells = [
            (row.condition, row.name, metric, pair, value)
            for row in self.rows
            for metric in METRICS
            for pair, value in zip(self.pairs, getattr(row, metric) or (), strict=False)
            if value is not None
        ]
        return pd.DataFrame(cells, columns=["condition", "name", "metric", "languages", "value"])


def parse(text: str, name: str) -> Table:
    """A table from YAML; `name` is used in messages.

    Raises LedgerError with one sentence which names the file, the field and what is allowed.
    """
    table = validated(Table, text, name)
    names = [row.condition for row in table.rows]
    for row in table.rows:
        if names.count(row.condition) > 1:
            raise LedgerError(f"{name}: condition {row.condition!r} must stand in one row only.")
        for metric in METRICS:
            cells = getattr(row, metric)
            if cells is not None and len(cells) != len(table.pairs):
                raise LedgerError(
                    f"{name}: {metric} of {row.condition!r} has {len(cells)} numbers, but must "
                    f"have one for each of the {len(table.pairs)} pairs."
                )
    return table


@cache
def load(name: str) -> Table:
    """The table of that name (`NAMES`), with its paper and its provenance."""
    if name not in NAMES:
        raise ValueError(f"name is {name!r}, but must be one of {', '.join(NAMES)}.")
    file = f"{name}.yaml"
    return parse((resources.files(__package__) / file).read_text("utf-8"), file)


def table_one() -> DataFrame:
    """Zero-shot transfer of ten conditions to French, Russian and Chinese, in percent.

    Columns condition, name (the paper's own), metric (nli_accuracy, ner_f1, las), languages, value.
    Conneau, Wu et al. (2020), Table 1.
    """
    return load("table_one").frame()


def order_and_depth() -> DataFrame:
    """XNLI accuracy with permuted words and at several depths, in percent; columns as `table_one`.

    K et al. (2020), known from notes by others.
    """
    return load("order_and_depth").frame()


def few_sample() -> DataFrame:
    """Mean and standard deviation of test scores over 20 seeds of fine-tuning, times 100.

    Columns table ("Table 1" to "Table 3"), condition, name (the paper's own), metric, task (the
    data set), score (what it is), value, std. Tables 1 and 2 share conditions, and in two cells do
    not agree: take one of them. Zhang et al. (2021).
    """
    return spreads.load("few_sample").frame()
