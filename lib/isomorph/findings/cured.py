"""What the chapter on cures reads off the rows, and the clouds that it lets a reader turn.

gains       how much each cure adds to a score, with its interval
levels      measures of each cure, as a table
behind      how many runs, since one run has many cures
cured       one cloud of words under every cure
regularised what the regulariser does, weight by weight
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from isomorph import effects
from isomorph.findings.clouds import levels as levels_of
from isomorph.findings.tables import NOT_RUN, written
from isomorph.findings.words import condition_name, score_name
from isomorph.measure.cures import CURES
from isomorph.measure.isotropy import cone

if TYPE_CHECKING:
    from pandas import DataFrame
    from torch import Tensor

    from isomorph.findings import Found

PROVENANCE = ("live", "cached", "recorded")
WEIGHTS = {"mle": 0.0, "cosreg_01": 0.1, "cosreg": 1.0, "cosreg_10": 10.0, "cosreg_100": 100.0}
DRAWN = 400  # words of a cloud to turn: more would weigh megabytes
SHOWN = {name: condition_name(name) for name in CURES} | {"original": "as trained"}


def gains(
    found: Found, metric: str, names: Sequence[str], *, beside: str, prefix: str = ""
) -> DataFrame:
    """How many percent points each cure scores above the untreated vectors, a line a cure.

    Columns cure, value, low, high, score, seeds and provenance. Intervals are paired, over chapters,
    words or sentences where that was recorded (`isomorph.measure.items`); fifths of one model's items
    give none, and low and high are nan. Cures that were not run are left out. beside: the condition
    of the untreated vectors.
    """
    import pandas as pd

    lines = []
    for name in names:
        keys = (prefix + name, prefix + beside)
        own = found.rows[(found.rows["metric"] == metric) & found.rows["condition"].isin(keys)]
        if name == beside or set(own["condition"]) != set(keys):
            continue
        change = effects.effect(own, metric, *keys)
        if not _bounds(found, f"{metric}_gain", keys[1]):  # which has none over itself
            change = replace(change, **_bounds(found, f"{metric}_gain", keys[0]))
        level = _level(found, metric, keys[0])
        lines.append(
            {"cure": condition_name(name), "value": change.value, "low": change.low,
             "high": change.high, "score": written(level), "seeds": change.seeds,
             "provenance": own["provenance"].iloc[0]}
        )  # fmt: skip
    columns = ["cure", "value", "low", "high", "score", "seeds", "provenance"]
    return pd.DataFrame(lines, columns=columns)


def levels(
    found: Found, measures: Mapping[str, str], names: Sequence[str], *, prefix: str = ""
) -> DataFrame:
    """A line a cure, a column a measure: the mean over folds, as numbers, with an interval as of
    `gains` where there is one."""
    table = levels_of(found, measures, [prefix + name for name in names])
    for metric, label in measures.items():
        for line, name in enumerate(names):
            if _bounds(found, metric, prefix + name):
                table.loc[line, label] = written(
                    _level(found, metric, prefix + name), percent=False
                )
    table["vectors"] = [condition_name(name) for name in names]
    return table.rename(columns={"seeds": "folds"})


def _level(found: Found, metric: str, condition: str) -> effects.Estimate:
    own = found.rows[found.rows["metric"] == metric]
    return replace(effects.level(own, metric, condition), **_bounds(found, metric, condition))


def _bounds(found: Found, metric: str, condition: str) -> dict[str, float]:
    """The interval over items that was recorded, in percent; {} where none was."""
    own = found.rows[found.rows["condition"] == condition].set_index("metric")["value"]
    names = {end: f"{metric}_{end}" for end in ("low", "high")}
    return {end: 100 * float(own[name]) for end, name in names.items() if name in own}


def behind(found: Found) -> str:
    """A sentence that counts the runs; each has every cure, on the same vectors."""
    if found.rows.empty:
        return "No run of this is recorded yet."
    origin = found.rows.groupby("digest")["provenance"].first().value_counts()
    how = ", ".join(f"{origin[kind]} {kind}" for kind in PROVENANCE if kind in origin)
    over = "in fifths of the items, which give no interval"
    if found.rows["metric"].str.endswith("_gain_low").any():
        over = "with its interval over the chapters, words or sentences of the items where that was recorded"
    return f"{found.runs} of {found.asked} runs ({how}), each with every cure, {over}."


class Views(NamedTuple):
    """Words of one model in several clouds, for `isomorph.figures.show_space`.

    clouds: a name -> (drawn, width). told: a sentence a cloud on its shape, over all words; table: the
    same as numbers. rows: which words were drawn, evenly by rank.
    """

    clouds: dict[str, Tensor]
    told: dict[str, str]
    table: DataFrame
    rows: list[int]


def cured(vectors: Tensor, others: Mapping[str, Tensor] | None = None) -> Views:
    """Words of one model under every cure that leaves them apart, and under no cure.

    vectors: (words, width), the most frequent first. others: further clouds of the same words, as
    another training made them.
    """
    import pandas as pd
    import torch

    clouds = {SHOWN[name]: fit(vectors)(vectors) for name, fit in CURES.items()}
    clouds |= dict(others or {})
    rows = torch.linspace(0, len(vectors) - 1, min(DRAWN, len(vectors)), dtype=torch.float64).long()
    shapes = {name: cone(cloud) for name, cloud in clouds.items()}
    told = {
        name: f"{name}: average cosine {shape['average_cosine']:.2f}, IsoScore {shape['isoscore']:.2f}"
        for name, shape in shapes.items()
    }
    lines = [
        {"vectors": name} | {score_name(key): value for key, value in shape.items()}
        for name, shape in shapes.items()
    ]
    views = {name: cloud[rows] for name, cloud in clouds.items()}
    return Views(views, told, pd.DataFrame(lines), rows.tolist())


def regularised(found: Found, measures: Sequence[str]) -> DataFrame:
    """A line a weight of the cosine regulariser: each measure, and its change against weight 0."""
    import pandas as pd

    lines = []
    for name, weight in WEIGHTS.items():
        line = {"weight": f"{weight:g}"}
        for metric in measures:
            own = found.rows[found.rows["metric"] == metric]
            label = score_name(metric)
            line[label] = line[f"change of {label}"] = NOT_RUN
            if name not in set(own["condition"]):
                continue
            (level,) = effects.levels(own, metric, [name]).itertuples()
            line[label] = written(level, percent=False)
            line[f"change of {label}"] = ""
            if name != "mle" and "mle" in set(own["condition"]):
                change = effects.effect(own, metric, name, "mle")
                line[f"change of {label}"] = written(change, sign=True, percent=False)
            line["seeds"] = level.seeds
        lines.append(line)
    return pd.DataFrame(lines)


def printed(claim, names: Sequence[str] | None = None) -> str:
    """What a claim's paper prints, in words; those of the given labels only."""
    chosen = {n: v for n, v in (claim.paper_value or {}).items() if names is None or n in names}
    return "; ".join(f"{name}: {value:g}" for name, value in chosen.items() if _is_number(value))


def _is_number(value) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
