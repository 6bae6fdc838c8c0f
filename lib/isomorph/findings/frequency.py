"""Geometry by frequency: what the chapter on it reads off clouds of words and recorded rows.

by_rank         norm, neighbours and cosine in four bins of frequency ranks, a line a bin
beside_paper    one of these, model by model, over its mean, next to the paper's
by_model        what each model's rows say of a claim, model by model
extremes        the shortest and the longest vectors, in words
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from isomorph import claims
from isomorph.findings.words import condition_name
from isomorph.measure.isotropy import RANKS
from isomorph.measure.isotropy import by_rank as bins_of

if TYPE_CHECKING:
    from pandas import DataFrame

    from isomorph.findings import Found
    from isomorph.findings.clouds import Cloud

NEAREST = 3
BINS = [f"{start} to {end}" for start, end in pairwise(RANKS)]
BINS.append(f"{RANKS[-1]} up")
QUANTITIES = {
    "norm": "length", f"distance_{NEAREST}": "distance to the 3 nearest", "cosine": "average cosine",
}  # fmt: skip
# Claims on how a quantity goes with the rank: claim -> the metric that its rule reads.
TRENDS = {
    "3.1": ("rank_norm_spearman", "length"),
    "3.2": ("rank_neighbour_distance_spearman", "distance to the 3 nearest"),
    "": ("rank_cosine_spearman", "average cosine"),
}


def by_rank(clouds: Mapping[str, Cloud]) -> DataFrame:
    """A line a model and bin: columns vectors, ranks, words, and those of `QUANTITIES`."""
    import pandas as pd

    lines = []
    for name, cloud in clouds.items():
        table = bins_of(cloud.vectors, neighbours=(NEAREST,))
        for _, bin in table.iterrows():
            line = {"vectors": name, "ranks": BINS[RANKS.index(int(bin["first"]))]}
            line["words"] = int(bin["words"])
            lines.append(line | {label: bin[key] for key, label in QUANTITIES.items()})
    return pd.DataFrame(lines)


def over_mean(table: DataFrame, quantity: str) -> dict[str, list[float]]:
    """A quantity by bin over the mean of the bins, a list a model: scales differ, trends compare."""
    found = {}
    for name, own in table.groupby("vectors", sort=False):
        found[name] = (own[quantity] / own[quantity].mean()).tolist()
    return found


def beside_paper(table: DataFrame, quantity: str, claim: str) -> DataFrame:
    """A line a model, a column a bin, as measured; the first line is the paper's, of BERT."""
    import pandas as pd

    (known,) = [entry for entry in claims.ledger() if entry.id == claim]
    (printed,) = known.paper_value.values()
    lines = [{"vectors": "BERT, in the paper"} | dict(zip(BINS, printed, strict=True))]
    for name, own in table.groupby("vectors", sort=False):
        lines.append({"vectors": name} | dict(zip(own["ranks"], own[quantity], strict=True)))
    return pd.DataFrame(lines).astype(object).fillna("")


def by_model(found: Mapping[str, Found]) -> DataFrame:
    """What the rows say of each trend, a line a model: the rank correlation with its interval, and
    what the claim's prediction would come to, were the claim on this model.

    found: where the rows come from, in words -> rows.
    """
    import pandas as pd

    from isomorph.ledger.schema import Part
    from isomorph.ledger.verdicts import estimate, outcome_of

    lines = []
    for where, one in found.items():
        for name in one.names:
            line = {"vectors": condition_name(name), "where": where}
            for claim, (metric, label) in TRENDS.items():
                part = Part(metric=metric, condition=name, direction="above")
                own = one.rows[(one.rows["metric"] == metric) & (one.rows["condition"] == name)]
                seen = estimate(part, own.reset_index(drop=True))
                told = "not run"
                if seen.value is not None:
                    told = f"{seen.value:+.2f}"
                    if seen.kind == "interval":
                        told += f" [{seen.low:+.2f}, {seen.high:+.2f}]"
                line[f"rank and {label}"] = told
                if claim:
                    line[f"claim {claim}"] = outcome_of(part, seen)
            lines.append(line)
    return pd.DataFrame(lines)


def extremes(cloud: Cloud, count: int = 12) -> dict[str, list[str]]:
    """The words with the shortest vectors and those with the longest, in order."""
    order = cloud.vectors.norm(dim=1).argsort().tolist()
    return {
        "shortest": [cloud.words[i] for i in order[:count]],
        "longest": [cloud.words[i] for i in order[: -count - 1 : -1]],
    }


def ranks_of(cloud: Cloud, words: Sequence[str]) -> list[int]:
    """The frequency ranks of some words, from 1."""
    place = {word: rank for rank, word in enumerate(cloud.words, start=1)}
    return [place[word] for word in words]
