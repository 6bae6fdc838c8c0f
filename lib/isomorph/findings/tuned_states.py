"""How far fine-tuning moved states and weights, layer by layer, read off the rows of `changes`.

curves            one similarity by layer, a line a task, for a figure
by_task           its mean, its trend over layers and its two ends, a line a task
settings          how each task's encoder was tuned, and what it scores
losses            the training loss of one run, by epoch
along             how a quantity runs over layers, or two of them together, with its interval
weights_by_task   whether weights moved where states did, a line a task
told              sentences on how far states moved, and where

`isomorph.findings.known_changes` has the same measures on changes that are known.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from isomorph.effects import Estimate, in_points
from isomorph.findings.tables import written
from isomorph.findings.words import TUNED_FOR as TASKS

if TYPE_CHECKING:
    from pandas import DataFrame

    from isomorph.findings import Found

# A row's pair is the task that an encoder was tuned on.
OTHER = "two pretrainings"  # what encoders of other seeds share
COLUMNS = ["tuned for", "layer", "seed", "metric", "value", "provenance"]
NOT_ONE = Estimate(math.nan, math.nan, math.nan, 0, False, ())


def curves(found: Found, metric: str, *, name: str, other: bool = True) -> DataFrame:
    """A metric of every layer, task and seed of the condition "tuned": the columns of COLUMNS.

    name: what the metric is called on a figure's axis. other: also the same of two encoders that
    were pretrained apart, where there is such a row, once a seed, as one more line.
    """
    import pandas as pd

    rows = found.rows[(found.rows["condition"] == "tuned") & found.rows["layer"].notna()]
    own = rows[rows["metric"] == metric]
    own = own.assign(**{"tuned for": own["pair"].map(TASKS).fillna(own["pair"])})
    order = [*TASKS.values(), *sorted(set(own["tuned for"]) - set(TASKS.values()))]
    own = own.sort_values(["tuned for", "layer", "seed"], key=_by_place(order))
    parts = [own]
    if other:
        apart = rows[rows["metric"] == f"{metric}_other"]
        # Every task's run of a seed compares the same two encoders on the same texts.
        apart = apart.drop_duplicates(["layer", "seed"]).sort_values(["layer", "seed"])
        parts.append(apart.assign(**{"tuned for": OTHER}))
    table = pd.concat([part[COLUMNS] for part in parts if len(part)] or [own[COLUMNS]])
    # Of whole numbers, since a figure's axis takes no column with a missing value.
    return table.assign(metric=name, layer=table["layer"].astype(int)).reset_index(drop=True)


def by_task(found: Found, metrics: Iterable[str] = ("rsa", "cka")) -> DataFrame:
    """A line a task and metric: the mean over layers, the trend, and the lowest and the top block."""
    import pandas as pd

    lines = []
    for pair, task in TASKS.items():
        for metric in metrics:
            told = {"tuned for": task, "similarity": metric.upper()}
            numbers = {
                "mean over layers": along(found, metric, pair),
                "trend with the layer": along(found, metric, pair, quantity="spearman"),
                "first block": along(found, metric, pair, layer=1),
                "last block": along(found, metric, pair, layer=-1),
            }
            cells = {key: written(value, percent=False) for key, value in numbers.items()}
            lines.append(told | cells | {"seeds": numbers["mean over layers"].seeds})
    return pd.DataFrame(lines)


def settings(found: Found, experiment: str = "changes") -> DataFrame:
    """A line a task: how many examples and steps it was tuned for, at what rate, and its score in
    percent beside that of no encoder."""
    import pandas as pd

    from isomorph.findings import chosen

    lines = {}
    for condition in chosen(experiment, found.size, ["tuned"]):
        task = condition.run.downstream
        if condition.run.pair in lines or task.train is None:
            continue
        tuning = task.tuning
        steps = tuning.steps or tuning.epochs * -(-task.train // tuning.batch)
        score, floor = (along(found, m, condition.run.pair) for m in ("test_score", "floor"))
        lines[condition.run.pair] = {
            "tuned for": TASKS.get(condition.run.pair, condition.run.pair),
            "examples": task.train, "steps": steps, "rate": f"{tuning.learning_rate:g}",
            "score": f"{written(score)} ({task.origin.score})", "no encoder": written(floor),
            "seeds": score.seeds,
        }  # fmt: skip
    return pd.DataFrame(lines.values())


def losses(made: DataFrame) -> DataFrame:
    """The loss of one run by epoch: columns epoch, metric, value, condition, provenance."""
    rows = made[made["metric"] == "loss"]
    rows = rows.assign(epoch=rows["layer"].astype(int) + 1, metric="training loss, nats")
    return rows[["epoch", "metric", "value", "condition", "provenance"]].reset_index(drop=True)


def along(
    found: Found,
    metric: str,
    pair: str,
    *,
    quantity: str = "value",
    beside: str | None = None,
    layer: int | None = None,
) -> Estimate:
    """A quantity of the ledger of one task's layers: its mean, its trend ("spearman"), or its
    correlation with a second metric ("pearson"), with its interval over seeds.

    As an Estimate, so a hundred times the number. Nan where nothing was measured.
    """
    from isomorph.ledger.schema import Part
    from isomorph.ledger.verdicts import estimate

    rows = found.rows[found.rows["condition"] == "tuned"]
    if not len(rows):
        return NOT_ONE
    part = Part(metric=metric, condition="tuned", pair=pair, quantity=quantity, beside=beside,
                layer=layer, direction="above")  # fmt: skip
    return in_points(estimate(part, rows.reset_index(drop=True)), (pair,))


def weights_by_task(found: Found) -> DataFrame:
    """A line a task: how the distance of a block's weights goes with the dissimilarity of the states
    above it, with what that block adds to it, and with the place of the block.

    All are correlations over the blocks, seed by seed, from -1 to 1.
    """
    import pandas as pd

    rows = _with_steps(found)
    lines = []
    for pair, task in TASKS.items():
        numbers = {
            "trend of the weights": along(rows, "weight_distance", pair, quantity="spearman"),
            "weights and states": along(
                rows, "moved", pair, quantity="pearson", beside="weight_distance"
            ),
            "weights and what a block adds": along(
                rows, "added", pair, quantity="pearson", beside="weight_distance"
            ),
        }
        cells = {key: written(value, percent=False) for key, value in numbers.items()}
        lines.append({"tuned for": task} | cells | {"seeds": numbers["weights and states"].seeds})
    return pd.DataFrame(lines)


def told(found: Found, where: str) -> str:
    """How alike states are before and after each task, where they moved most, how alike two encoders
    are that were pretrained apart, and at which layers tuning leaves less than that; of what was run."""
    parts = []
    for pair, task in TASKS.items():
        mean = along(found, "rsa", pair)
        if math.isnan(mean.value):
            continue
        curve = _mean_curve(found, "rsa", pair)
        low = int(curve.idxmin())
        parts.append(
            f"*{task}* {written(mean, percent=False)} on average, least at layer {low} of "
            f"{int(curve.index.max())} ({curve[low]:.2f})"
        )
    if not parts:
        return f"{where}: not run."
    said = f"{where}, RSA before and after tuning for {'; '.join(parts)}."
    apart = found.rows[found.rows["metric"] == "rsa_other"]
    if len(apart):
        apart = apart.drop_duplicates(["layer", "seed"]).groupby("layer")["value"].mean()
        said += f" Two encoders pretrained apart: {apart.mean():.2f}."
        below = {
            task: [
                layer for layer, gap in (_mean_curve(found, "rsa", pair) - apart).items() if gap < 0
            ]
            for pair, task in TASKS.items()
        }
        listed = [f"{task} {', '.join(map(str, own))}" for task, own in below.items() if own]
        said += " Layers that are less like their own start than like another pretraining: "
        said += ("; ".join(f"after {one}" for one in listed) or "none") + "."
    return said


def most_changed(found: Found) -> list[str]:
    """The tasks that were run, in words, the one after which states are least alike first."""
    means = {task: along(found, "rsa", pair).value for pair, task in TASKS.items()}
    return sorted((t for t, value in means.items() if not math.isnan(value)), key=means.get)


def _with_steps(found: Found) -> Found:
    """The rows, and of each layer "moved", 1 less its RSA, and of each block "added", what its layer
    moved more than the one below."""
    from dataclasses import replace

    import pandas as pd

    rows = found.rows[found.rows["metric"] == "rsa"].sort_values("layer")
    rows = rows.assign(value=1 - rows["value"], metric="moved")
    run = ["digest", "condition", "pair", "seed"]
    steps = rows.assign(value=rows.groupby(run)["value"].diff(), metric="added").dropna(
        subset=["value"]
    )
    parts = [part for part in (found.rows, rows, steps) if len(part)]
    return replace(found, rows=pd.concat(parts, ignore_index=True) if parts else found.rows)


def _mean_curve(found: Found, metric: str, pair: str):
    rows = found.rows
    own = rows[(rows["metric"] == metric) & (rows["pair"] == pair) & (rows["condition"] == "tuned")]
    return own.groupby("layer")["value"].mean()


def _by_place(order: list[str]):
    """A key for `sort_values` that puts the first column in the given order."""

    def key(column):
        return column.map(order.index) if column.name == "tuned for" else column

    return key
