"""What the chapters on alignment and similarity read off the rows: a measure, layer by layer.

    curves          rows of one measure for a figure, a line a condition
    by_layer        the same as a table, with intervals over seeds
    of_words        measures of words without contexts, condition by condition
    cka_grids       CKA of layers against layers
    apart           how far two conditions lie apart, in words
    best_layers     at which depth a measure is highest, seed by seed
    together        how two measures go with each other over layers

The models behind the rows, for what is done live, are in `isomorph.findings.aligned_models`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from isomorph import effects
from isomorph.candidates import among
from isomorph.findings.tables import NOT_RUN, with_seeds, written

if TYPE_CHECKING:
    from pandas import DataFrame

    from isomorph.findings import Found

NAMES = {
    "monolingual": "two monolingual models",
    "bilingual": "one bilingual model",
    "random": "one side untrained",
    "same_language": "two models of one language",
    "far_monolingual": "two monolingual models, distant pair",
    "far_bilingual": "one bilingual model, distant pair",
    "word_vectors": "skip-gram vectors",
    "e5": "multilingual E5",
}


def curves(
    found: Found, metric: str, names: Sequence[str] | None = None, pair: str | None = None
) -> DataFrame:
    """The rows of one measure at each layer, its conditions in plain words and in the given order.

    pair: of languages; None for all there are.
    """
    names = list(found.names if names is None else names)
    rows = found.rows
    own = rows[(rows["metric"] == metric) & rows["condition"].isin(names) & rows["layer"].notna()]
    own = own if pair is None else own[own["pair"] == pair]
    order = own["condition"].map(names.index)
    own = own.iloc[order.argsort(kind="stable")]
    return own.assign(condition=own["condition"].map(lambda name: NAMES.get(name, name)))


def by_layer(
    found: Found,
    metric: str,
    names: Sequence[str] | None = None,
    *,
    pairs: Sequence[str] | None = None,
    percent: bool = True,
) -> DataFrame:
    """A line a condition, a column a layer: the mean over seeds with its interval, to read.

    percent: shares in percent, "52.1 [50.3, 54.0]"; else as they are, "0.52 [0.50, 0.54]".
    """
    import pandas as pd

    rows = found.rows[found.rows["metric"] == metric]
    layers = sorted(rows["layer"].dropna().unique())
    lines = []
    for name in found.names if names is None else names:
        line = {}
        for layer in layers:
            own = rows[(rows["layer"] == layer) & (rows["condition"] == name)]
            line[f"layer {layer}"] = NOT_RUN, 0, own
            if len(own):
                (level,) = effects.levels(own, metric, [name], pairs=pairs).itertuples()
                line[f"layer {layer}"] = written(level, percent=percent), level.seeds, own
        named = {"condition": NAMES.get(name, name)}
        lines.append(named | with_seeds(line) | _candidates(found, metric, name, pairs))
    return pd.DataFrame(lines)


def of_words(
    found: Found,
    measures: Mapping[str, str],
    names: Sequence[str],
    *,
    pairs: Sequence[str] | None = None,
) -> DataFrame:
    """A line a condition, a column a measure of words without contexts: percent with intervals.

    measures: metric -> what the column is called. Layer 0 of a model, and vectors without layers.
    """
    import pandas as pd

    rows = found.rows[found.rows["layer"].fillna(0) == 0]
    lines = []
    for name in names:
        line = {}
        for metric, label in measures.items():
            own = rows[(rows["metric"] == metric) & (rows["condition"] == name)]
            line[label] = NOT_RUN, 0, own
            if len(own):
                (level,) = effects.levels(own, metric, [name], pairs=pairs).itertuples()
                line[label] = written(level), level.seeds, own
        named = {"condition": NAMES.get(name, name)}
        lines.append(
            named | with_seeds(line) | _candidates(found, next(iter(measures)), name, pairs)
        )
    return pd.DataFrame(lines)


def _candidates(
    found: Found, metric: str, name: str, pairs: Sequence[str] | None = None
) -> dict[str, str]:
    """The cell of a condition's line that says among how many its score is, where it is such one."""
    rows = found.rows
    own = rows["condition"] == name
    own &= True if pairs is None else rows["pair"].isin(pairs)
    return {"candidates": among(rows[own], metric)} if among(rows, metric) else {}


def best_layers(found: Found, metric: str, name: str, pair: str | None = None) -> list[int]:
    """The layer at which each run of a condition has the highest value, in the order of seeds."""
    rows = found.rows[(found.rows["metric"] == metric) & (found.rows["condition"] == name)]
    rows = rows if pair is None else rows[rows["pair"] == pair]
    rows = rows.dropna(subset=["layer"])
    highest = rows.loc[rows.groupby("digest")["value"].idxmax()]
    return highest.sort_values(["pair", "seed"])["layer"].astype(int).tolist()


def cka_grids(found: Found, names: Sequence[str], pair: str | None = None) -> dict[str, DataFrame]:
    """CKA of each layer of the source (rows) with each of the target (columns), mean over seeds.

    One table a condition that was run, by its name in plain words.
    """
    rows = found.rows[found.rows["metric"].str.startswith("cka_to_")]
    rows = rows if pair is None else rows[rows["pair"] == pair]
    rows = rows.assign(column=rows["metric"].str.removeprefix("cka_to_").astype(int))
    return {
        NAMES[name]: own.pivot_table(index="layer", columns="column", values="value")
        for name in names
        if len(own := rows[rows["condition"] == name])
    }


def apart(found: Found, metric: str, one: str, other: str, *, percent: bool = True) -> str:
    """How far `one` lies above `other` at the embeddings and at the last layer, in words.

    percent: in points of percent, else in the measure itself. Says so where one was not run.
    """
    rows = found.rows[found.rows["metric"] == metric]
    unit, told = " points" if percent else "", []
    for place, layer in (("at the embeddings", 0), ("at the last layer", rows["layer"].max())):
        own = rows[(rows["layer"] == layer) & rows["condition"].isin([one, other])]
        if own["condition"].nunique() < 2:
            return f"{NAMES[one]} against {NAMES[other]}: {NOT_RUN}"
        of_each = own.groupby("condition")["pair"].agg(set)
        if not of_each[one] & of_each[other]:  # a language with itself is a pair of its own
            own = own.assign(pair="any")
        change = written(effects.effect(own, metric, one, other), sign=True, percent=percent)
        told.append(f"{change}{unit} {place}")
    return f"{NAMES[one]} against {NAMES[other]}: {', '.join(told)}"


def together(found: Found, metric: str, beside: str, names: Sequence[str]) -> DataFrame:
    """The correlation of two measures over the layers of each run: a line a condition and pair.

    Columns condition, pair, of each seed.
    """
    import numpy as np
    import pandas as pd

    lines = []
    rows = found.rows[found.rows["metric"].isin([metric, beside]) & found.rows["layer"].notna()]
    for (name, pair), own in rows[rows["condition"].isin(names)].groupby(["condition", "pair"]):
        values = []
        for _, run in own.groupby("seed"):
            table = run.pivot(index="layer", columns="metric", values="value")
            values.append(float(np.corrcoef(table[metric], table[beside])[0, 1]))
        each = ", ".join(f"{value:.2f}" for value in values)
        lines.append({"condition": NAMES[name], "pair": pair, "of each seed": each})
    return pd.DataFrame(lines, columns=["condition", "pair", "of each seed"])
