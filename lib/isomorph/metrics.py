"""What every measured quantity and every condition is called, and how a quantity is printed.

One registry for tables, figures and the ledger: `metrics.csv` and `conditions.csv`, a line a name.
`metric(name)` finds the line of a name; of a name with a longer ending, such as `las_source`, it is the
line of the longest beginning that has one.
"""

from __future__ import annotations

import csv
import textwrap
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True)
class Metric:
    """A measured quantity: `label` in a table, `axis` in a figure, and how it is printed.

    unit: "%" for a share, which rows hold as a fraction and which is printed in percent; "" or
    another unit for a number that is printed as it is. better: which way is better, "" for neither.
    """

    label: str
    axis: str = ""
    unit: str = ""
    better: Literal["higher", "lower", ""] = ""

    @property
    def scale(self) -> int:
        return 100 if self.unit == "%" else 1


@cache
def _lines(name: str) -> dict[str, list[str]]:
    """The other columns of a table of this package, by its first."""
    with (resources.files(__package__) / f"{name}.csv").open(encoding="utf-8") as file:
        return {key: values for key, *values in list(csv.reader(file))[1:]}


# What an ending says of the quantity before it.
ENDINGS = {
    "source": "first language", "lost": "lost topics", "kept": "kept topics",
    "majority": "majority answer", "premise": "premise alone", "chance": "chance",
    "csls": "by CSLS", "cosine": "by cosine", "random": "a random rotation", "unmapped": "no map",
    "mix": "all layers mixed", "before": "untuned", "scaled": "normalised",
    "scaled_before": "untuned and normalised", "out": "out of domain",
    "gain": "above untreated vectors", "low": "lower end", "high": "upper end",
    "other": "two pretrainings", "target": "second language", "centred": "centred",
}  # fmt: skip
# Along what a figure is drawn.
AXES = {
    "tokens": "tokens seen in training",
    "layer": "layer (0: embeddings)",
    "pairs": "pairs that the map was learnt on",
    "similarity": "similarity of the two models",
    "isotropy": "isotropy",
    "topic_overlap": "topic overlap of the two languages",
}
# Answers that use no encoder, by the ending of the metrics that a run has of them.
WITHOUT_ENCODER = {"majority": "_majority", "premise_alone": "_premise"}
# Of a condition's name; "1k" is 1,000 examples, and three epochs where nothing is said.
CONDITION_ENDINGS = {"_1k": ", 1k", "_longer": ", longer", "_full_data": ", full data"}


@cache
def metric(name: str) -> Metric:
    """The line of a metric. Raises ValueError for one that has none, not even by its beginning."""
    lines = _lines("metrics")
    if name in lines:
        return Metric(*lines[name])
    head, ending = name, ""
    while "_" in head:
        head, _, last = head.rpartition("_")
        ending = f"{last}_{ending}" if ending else last
        if head in lines:
            known = metric(head)
            what = f" ({ENDINGS.get(ending, ending.replace('_', ' '))})"
            return replace(known, label=known.label + what, axis=known.axis and known.axis + what)
    raise ValueError(f"metric is {name!r}, which isomorph.metrics does not know: give it a line.")


def label(name: str) -> str:
    """A metric in a table or a sentence; what is none is left as it is."""
    try:
        return metric(name).label
    except ValueError:
        return name


def axis(name: str, rows: DataFrame | None = None, width: int = 34) -> str:
    """A metric, or what a figure is drawn along, in lines of `width` characters.

    Rows with the column `among` (`isomorph.rows.with_candidates`) say among how many candidates it is.
    """
    try:
        known = AXES.get(name) or metric(name).axis or metric(name).label
    except ValueError:  # a figure may draw what the chapter has just thought of
        known = name
    numbers = () if rows is None else rows.loc[rows["metric"] == name].get("among", ())
    among = " or ".join(filter(None, dict.fromkeys(numbers)))
    return textwrap.fill(f"{known}, {among}" if among else known, width)


def condition_label(name: str) -> str:
    """A condition, or a task, in plain words: its line, those of its parts, or the name itself."""
    lines = _lines("conditions")
    if name in lines:
        return lines[name][0]
    if name.startswith("far_"):
        return f"distant pair, {condition_label(name.removeprefix('far_'))}"
    for ending, words in CONDITION_ENDINGS.items():
        if name.endswith(ending):
            return condition_label(name.removesuffix(ending)) + words
    return name.replace("_", " ")
