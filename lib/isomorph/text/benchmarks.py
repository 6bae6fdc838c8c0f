"""Small English benchmarks of GLUE (Wang et al. 2019), each with what it is scored by.

Divided as Zhang et al. (ICLR 2021, table 3) have it: the labels of GLUE's test sets are not public,
so half of its validation set is there to choose on and half to report.
"""

from __future__ import annotations

import numpy as np

from isomorph.text import judged
from isomorph.text.corpora import require
from isomorph.text.examples import (
    PAIR,
    SCORE,
    SPLITS,
    Examples,
    PairExample,
    ScoredExample,
)
from isomorph.text.fetch import load_hub, named
from isomorph.text.tables import drawn

ID = "nyu-mll/glue"
# The columns of the texts, and the labels by number; None where the label is a number from 0 to 5.
COLUMNS = {
    "rte": (("sentence1", "sentence2"), ("entailment", "not_entailment")),
    "mrpc": (("sentence1", "sentence2"), ("not_equivalent", "equivalent")),
    "stsb": (("sentence1", "sentence2"), None),
    "cola": (("sentence",), ("unacceptable", "acceptable")),
    "sst2": (("sentence",), ("negative", "positive")),
}
# What the benchmark reports; F1 is that of "equivalent", label 1.
METRICS = {
    "rte": "accuracy",
    "mrpc": "f1",
    "stsb": "spearman",
    "cola": "matthews",
    "sst2": "accuracy",
}


def benchmark_examples(name: str, split: str, count: int | None = None) -> Examples:
    """Examples of a benchmark, from the mirror or the hub.

    name: "rte" (does the first text entail the second), "mrpc" (do both say the same), "stsb" (how
    alike are they, from 0 to 5), "cola" (is the sentence acceptable) or "sst2" (its sentiment).
    split: "train", "dev" (a half of the hub's validation set, drawn at random) or "test" (the other).
    count: how many to take; they are chosen at random, fewer are among more, and None takes all.
    Raises ValueError for anything else or more than there are, hub.DataUnavailable.
    """
    require("name", name, tuple(COLUMNS))
    require("split", split, SPLITS)
    columns, labels = COLUMNS[name]
    there = "train" if split == "train" else "validation"
    rows, where = load_hub(ID, name, there), named(ID, name, there)
    places = np.arange(len(rows))
    if split != "train":
        if len(rows) < 2:
            raise ValueError(f"{where} has {len(rows)} rows; dev and test need one each.")
        order, half = drawn(len(rows), None, name), len(rows) // 2
        places = np.sort(order[:half] if split == "dev" else order[half:])
    places = places[np.sort(drawn(len(places), count, f"{name} {split}"))]
    own = labels and judged.declared(rows, "label", labels, where)

    def made(row: dict) -> PairExample | ScoredExample:
        first, second = ([judged.text(row, column) for column in columns] + [None])[:2]
        if labels is None:
            return ScoredExample(first, second, judged.score(row, "label", 0, 5))
        return PairExample(first, second, judged.label(row, "label", own))

    items = judged.examples_of(rows, (*columns, "label"), made, where, places)
    return Examples(PAIR if labels else SCORE, labels or (), items, f"{name} {split}")
