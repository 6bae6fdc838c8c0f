"""Every seed in sight: scores along a dial, and runs of several conditions line by line."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from isomorph import metrics

from .theme import blank, level_line, require

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame


def along_a_dial(
    rows: "DataFrame", metrics: Mapping[str, str], levels: Mapping[str, float] | None = None
) -> tuple["Figure", "DataFrame"]:
    """Scores at the places of a dial: a panel a metric, a thin line a seed, and their mean in a band.

    rows: a row a metric, seed and place, which is in the column "x". metrics: each with the title of
    its panel. levels: of a metric, a dashed level, such as a floor. In percent, with the mean's 95%
    interval over seeds (Student's); the table holds both. Raises ValueError when a column is missing,
    or a seed has two values at one place.
    """
    import pandas as pd
    from scipy import stats

    require(rows, "metric", "value", "seed", "x")
    figure, axes = blank(5.4, 2.5 * len(metrics), rows=len(metrics))
    parts = []
    for axis, (metric, title) in zip(axes, metrics.items(), strict=True):
        own = rows[rows["metric"] == metric]
        scores = 100 * own.pivot(index="x", columns="seed", values="value")
        mean = scores.mean(axis=1)
        half = scores.sem(axis=1) * stats.t.ppf(0.975, scores.shape[1] - 1)
        axis.plot(scores, color="C0", alpha=0.3, linewidth=0.8)
        axis.plot(mean, "o-", color="C0")
        axis.fill_between(scores.index, mean - half, mean + half, alpha=0.2, color="C0")
        if levels is not None and metric in levels:
            level_line(axis.axhline, 100 * levels[metric], None)
        axis.set_title(title)
        found = {"score": title, "mean": mean, "low": mean - half, "high": mean + half}
        parts.append(pd.DataFrame(found).reset_index())
    axes[0].set_ylabel("percent")
    return figure, pd.concat(parts, ignore_index=True)


def every_run(
    places: Mapping[str, "DataFrame"],
    names: Mapping[str, str],
    metric: str = "score",
    *,
    level: str | None = None,
) -> "Figure":
    """A dot a run and a bar for the mean: a panel a place, a line a condition that has rows there.

    places: the rows of each, by its title. names: conditions, each with its label. level: a metric
    whose mean is a dashed level, such as "floor". In the metric's unit.
    """
    scale = metrics.metric(metric).scale
    figure, axes = blank(6, 1.6 + 0.75 * len(names), rows=len(places))
    for axis, (place, rows) in zip(axes, places.items(), strict=True):
        runs = {
            label: scale
            * rows.loc[(rows["metric"] == metric) & (rows["condition"] == name), "value"]
            for name, label in names.items()
        }
        runs = {label: scores for label, scores in runs.items() if len(scores)}
        for line, scores in enumerate(runs.values()):
            axis.plot(scores, [line] * len(scores), "o", alpha=0.5, color="C0")
            axis.plot(scores.mean(), line, "|", color="C3", markersize=16)
        if level is not None:
            at = scale * rows.loc[rows["metric"] == level, "value"].mean()
            level_line(axis.axvline, at, None)
        axis.set_yticks(range(len(runs)), runs)
        axis.set(title=place, ylim=(max(1, len(runs)) - 0.5, -0.5))
    return figure
