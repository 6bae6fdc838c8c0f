"""The ledger: one YAML file a paper, the rules which turn rows into outcomes, and tables of papers.

`schema` says what an entry may hold, `evidence` what a row is about, `estimates` reduces rows to a
number and `verdicts` judges it; use them through `isomorph.claims`. The tables stand beside our rows:
their conditions, languages and metrics have the names of our own, and scores stay in percent. Each
file of `tables/` says where its table stands.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pandas import DataFrame


def table_one() -> DataFrame:
    """Zero-shot transfer of ten conditions to French, Russian and Chinese, in percent.

    Columns condition, name (the paper's own), metric (nli_accuracy, ner_f1, las), languages, value.
    Conneau, Wu et al. (2020), Table 1.
    """
    return _read("table_one").copy()


def order_and_depth() -> DataFrame:
    """XNLI accuracy with permuted words and at several depths, in percent; columns as `table_one`.

    K et al. (2020), known from notes by others.
    """
    return _read("order_and_depth").copy()


def few_sample() -> DataFrame:
    """Mean and standard deviation of test scores over 20 seeds of fine-tuning, times 100.

    Columns table ("Table 1" to "Table 3"), condition, name (the paper's own), metric, task (the
    data set), score (what it is), value, std (nan where none is printed). Tables 1 and 2 share
    conditions, and in two cells do not agree: take one of them. Zhang et al. (2021).
    """
    return _read("few_sample").copy()


@cache
def _read(name: str) -> DataFrame:
    import pandas as pd

    with (resources.files(__package__) / "tables" / f"{name}.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file, comment="#")
