"""States in and out of a task's domain, before and after tuning: rows of `changes`.

curves        rows for a figure: similarity by layer, in domain and out of it
by_layer      the same as a table
gaps          the difference by layer, with its interval over seeds
in_total      the same over all layers, as the claim asks it, a line a task
compared      how many texts were compared, a line a task
reading       how in_total answers the claim, in a sentence
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from isomorph import effects
from isomorph.effects import Estimate
from isomorph.findings.tables import NOT_RUN, without_interval, written
from isomorph.findings.words import TUNED_FOR as TASKS

if TYPE_CHECKING:
    from pandas import DataFrame

    from isomorph.findings import Found

SIDES = {"": "in domain", "_out": "out of domain"}
MEASURES = {"rsa": "RSA, hundredths", "cka": "CKA, hundredths"}
NONE = Estimate(math.nan, math.nan, math.nan, 0, False, ())


def tasks_of(found: Found, pairs: Iterable[str] = tuple(TASKS)) -> dict[str, str]:
    """Those of the tasks that have states out of domain, by pair."""
    measured = set(found.rows.loc[found.rows["metric"] == "rsa_out", "pair"])
    return {pair: TASKS[pair] for pair in pairs if pair in measured}


def curves(found: Found, pair: str) -> DataFrame:
    """Rows of one task with a column "text", in or out of domain, and MEASURES as their metrics."""
    import pandas as pd

    own = found.rows[(found.rows["condition"] == "tuned") & (found.rows["pair"] == pair)]
    parts = [
        own[own["metric"] == metric + suffix].assign(metric=label, text=side)
        for metric, label in MEASURES.items()
        for suffix, side in SIDES.items()
    ]
    return pd.concat(parts, ignore_index=True).astype({"layer": int})


def by_layer(rows: DataFrame) -> DataFrame:
    """RSA and CKA of each layer, in domain and out of it: a line a layer, means over seeds."""
    names = {
        metric + suffix: f"{metric.upper()}, {side}"
        for metric in MEASURES
        for suffix, side in SIDES.items()
    }
    own = rows[rows["metric"].isin(names)]
    own = own.assign(metric=own["metric"].map(names), layer=own["layer"].map(_layer))
    table = own.groupby(["layer", "metric"], sort=False)["value"].mean().unstack("metric")
    return table[[name for name in names.values() if name in table]].round(3).reset_index()


def gaps(found: Found, pairs: Iterable[str], metric: str = "rsa") -> DataFrame:
    """Out of domain less in domain, a line a task and layer, in hundredths of the measure.

    Columns heading (the task), label (the layer), value, low, high, seeds.
    """
    import pandas as pd

    lines = []
    for pair, task in tasks_of(found, pairs).items():
        own = _sides(found, pair, metric)
        for layer in sorted(set(own["layer"])):
            change = effects.effect(own[own["layer"] == layer], metric, "_out", "")
            lines.append(
                {"heading": task, "label": _layer(layer), "value": change.value,
                 "low": change.low, "high": change.high, "seeds": change.seeds}
            )  # fmt: skip
    return pd.DataFrame(lines, columns=["heading", "label", "value", "low", "high", "seeds"])


def in_total(found: Found, pairs: Iterable[str]) -> DataFrame:
    """In domain, out of domain and the difference, over all layers, as numbers to read."""
    import pandas as pd

    lines = []
    for pair in pairs:
        for metric in MEASURES:
            own, line = _sides(found, pair, metric), {"tuned for": TASKS[pair]}
            line |= {"similarity": metric.upper()}
            for suffix, side in SIDES.items():
                line[side] = written(_of(own, metric, suffix), percent=False)
            change = difference(found, pair, metric)
            line["out less in, hundredths"] = written(change, sign=True)
            lines.append(line | {"seeds": change.seeds})
    return pd.DataFrame(lines)


def difference(found: Found, pair: str, metric: str = "rsa") -> Estimate:
    """Out of domain less in domain, over all layers, in hundredths; nan where it was not run."""
    own = _sides(found, pair, metric)
    if set(own["condition"]) != set(SIDES):
        return NONE
    return effects.effect(own, metric, "_out", "")


def compared(found: Found, pairs: Iterable[str]) -> DataFrame:
    """How many texts of each domain were compared, after they were matched for length."""
    import pandas as pd

    lines = []
    for pair in pairs:
        own = found.rows[(found.rows["metric"] == "texts") & (found.rows["pair"] == pair)]
        counts = own.loc[own["condition"] == "tuned", "value"].astype(int)
        told = " to ".join(dict.fromkeys(str(n) for n in (counts.min(), counts.max())))
        told = NOT_RUN if counts.empty else told
        lines.append({"tuned for": TASKS[pair], "texts of each domain": told, "seeds": len(counts)})
    return pd.DataFrame(lines)


def reading(found: Found, pairs: Iterable[str], where: str) -> str:
    """A sentence a task: do states out of domain change less?"""
    told = []
    for pair in pairs:
        change = difference(found, pair)
        what = f"{where}, tuned for {TASKS[pair]}: "
        if math.isnan(change.value):
            told.append(f"{what}not run.")
            continue
        size = f"{written(change, sign=True)} hundredths of RSA, out of domain less in domain"
        if math.isnan(change.low):
            said = without_interval(change)
        elif change.low > 0:
            said = "states **out of domain change less**, as claimed"
        elif change.high < 0:
            said = "states **out of domain change more**, against the claim"
        else:
            said = "the two are **not told apart**"
        told.append(f"{what}{said} ({size}).")
    return " ".join(told)


def _sides(found: Found, pair: str, metric: str) -> DataFrame:
    """The rows of a measure of one task, its two sides as conditions: "" and "_out"."""
    own = found.rows[(found.rows["condition"] == "tuned") & (found.rows["pair"] == pair)]
    names = {metric + suffix: suffix for suffix in SIDES}
    own = own[own["metric"].isin(names)]
    return own.assign(condition=own["metric"].map(names), metric=metric)


def _of(rows: DataFrame, metric: str, condition: str) -> Estimate:
    if not (rows["condition"] == condition).any():
        return NONE
    return effects.level(rows, metric, condition)


def _layer(layer: int) -> str:
    return "embeddings" if layer == 0 else f"layer {layer}"
