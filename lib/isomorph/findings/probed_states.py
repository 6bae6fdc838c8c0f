"""What probes find in an encoder before and after fine-tuning: rows of `changes`.

curves        one score by layer, a line before tuning and one after each task, for a figure
changed       each score before, and what each task changed in it
once          scores that are no curve: of the mix of all layers, and selectivity
told          a sentence on what a score lost, and where
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from isomorph.effects import PERCENT, Estimate, in_points
from isomorph.findings.tables import written
from isomorph.findings.words import TUNED_FOR as TASKS
from isomorph.findings.words import score_name

if TYPE_CHECKING:
    from pandas import DataFrame

    from isomorph.findings import Found

BEFORE = "before tuning"
COLUMNS = ["encoder", "layer", "seed", "metric", "value", "provenance"]
ONCE = {
    "relation_accuracy_mix": "relation, from the mix of all layers",
    "relation_selectivity": "relation, selectivity at the last layer",
    "relation_centre": "relation, centre of the mix (in layers)",
    "entity_accuracy_mix": "entity, from the mix of all layers",
    "entity_selectivity": "entity, selectivity at the last layer",
    "entity_centre": "entity, centre of the mix (in layers)",
    "pos_accuracy_mix": "part of speech, from the mix of all layers",
    "pos_selectivity": "part of speech, selectivity at the last layer",
    "pos_centre": "part of speech, centre of the mix (in layers)",
}


def curves(found: Found, metric: str, *, name: str) -> DataFrame:
    """A score of every layer and seed, before tuning and after each task: the columns of COLUMNS.

    name: what the score is called on a figure's axis.
    """
    rows = found.rows[(found.rows["metric"] == metric) & found.rows["layer"].notna()]
    order = [BEFORE, *(_after(pair) for pair in TASKS)]
    rows = rows.assign(encoder=[_encoder(*key) for key in _keys(rows)])
    rows = rows[rows["encoder"].isin(order)]
    rows = rows.assign(place=rows["encoder"].map(order.index))
    rows = rows.sort_values(["place", "layer", "seed"])
    own = rows.assign(metric=name, layer=rows["layer"].astype(int))
    return own[COLUMNS].reset_index(drop=True)


def changed(found: Found, metrics: Sequence[str]) -> DataFrame:
    """A line a score: its mean over layers before tuning, and the change after each task.

    Shares are in percent and their changes in points; correlations in hundredths as well.
    """
    import pandas as pd

    lines = []
    for metric in found.has(*metrics):
        line = {"score": score_name(metric), BEFORE: written(_less(found, metric))}
        for pair in TASKS:
            line[_after(pair)] = written(_less(found, metric, pair), sign=True)
        lines.append(line | {"seeds": _less(found, metric).seeds})
    return pd.DataFrame(lines, columns=["score", BEFORE, *map(_after, TASKS), "seeds"])


def once(found: Found) -> DataFrame:
    """A line a score of ONCE that was measured: before tuning and after each task, as they are."""
    import pandas as pd

    lines = []
    for metric, name in ONCE.items():
        if not found.has(metric):
            continue
        line = {"score": name, BEFORE: written(_level(found, metric), percent=False)}
        for pair in TASKS:
            line[_after(pair)] = written(_level(found, metric, pair), percent=False)
        lines.append(line)
    return pd.DataFrame(lines, columns=["score", BEFORE, *map(_after, TASKS)])


def told(found: Found, metric: str) -> str:
    """A sentence: the largest loss of a score that a task brought, averaged over layers; and at the
    one layer where most was lost. Empty where no task was run."""
    losses = {pair: _less(found, metric, pair) for pair in TASKS}
    losses = {pair: own for pair, own in losses.items() if not math.isnan(own.value)}
    if not losses:
        return ""
    worst = min(losses, key=lambda pair: losses[pair].value)
    own = losses[worst]
    interval = "" if math.isnan(own.low) else f" [{own.low:+.1f}, {own.high:+.1f}]"
    gap = _gap_by_layer(found, metric, worst)
    layer = int(gap.idxmin())
    return (
        f"{score_name(metric).capitalize()}: the task that costs most, or gives least, is "
        f"*{TASKS[worst]}*, {own.value:+.1f} points{interval} over all layers, and at layer {layer} "
        f"{PERCENT * gap[layer]:+.1f}."
    )


_BEFORE = ("untuned", "no task")  # condition and pair of an encoder that was not tuned


def _less(found: Found, metric: str, pair: str | None = None) -> Estimate:
    """A score over all layers before tuning; or with a task what it changed in it, seed by seed."""
    from isomorph.ledger.schema import Selection

    before = Selection(condition=_BEFORE[0], pair=_BEFORE[1])
    if pair is None:
        return _judged(found, metric, (before,), ())
    return _judged(found, metric, (Selection(condition="probed", pair=pair),), (before,))


def _level(found: Found, metric: str, pair: str | None = None) -> Estimate:
    from isomorph.ledger.schema import Selection

    condition, pair = ("probed", pair) if pair else _BEFORE
    return _judged(found, metric, (Selection(condition=condition, pair=pair),), ())


def _judged(found: Found, metric: str, plus: tuple, minus: tuple) -> Estimate:
    from isomorph.ledger.schema import Part
    from isomorph.ledger.verdicts import estimate

    part = Part(metric=metric, plus=plus, minus=minus, direction="above")
    return in_points(estimate(part, found.rows.reset_index(drop=True)))


def _gap_by_layer(found: Found, metric: str, pair: str):
    """What a task changed in a score at each layer, the mean over the seeds that have both."""
    own = found.rows[found.rows["metric"] == metric]
    sides = [
        own[(own["condition"] == condition) & (own["pair"] == of)].set_index(["seed", "layer"])
        for condition, of in (("probed", pair), _BEFORE)
    ]
    after, before = (side["value"] for side in sides)
    return (after - before).dropna().groupby("layer").mean()


def _keys(rows: DataFrame):
    return zip(rows["condition"], rows["pair"], strict=True)


def _encoder(condition: str, pair: str) -> str:
    if (condition, pair) == _BEFORE:
        return BEFORE
    return _after(pair) if condition == "probed" else ""


def _after(pair: str) -> str:
    return f"after {TASKS.get(pair, pair)}"
