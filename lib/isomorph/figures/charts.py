"""Charts that several chapters share: effects against none, every seed, layers.

Groups differ in mark as well as in colour. A filled mark of `forest` has an interval over seeds, a
hollow one is a mean of too few for one, and a black cross is the paper's number.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from isomorph import metrics

from .display import DASHES, INK, MARKERS, blank, palette, theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

LARGEST_WRITTEN = 13  # layers: in a finer grid a number does not fit its cell
SPARSE = (0, (1, 3))  # dots of a floor by layer
NARROW = 5.4  # inches: on a telephone, where a figure shrinks to the page, its words still read
LEVEL = {"color": "#606060", "linewidth": 1.1, "linestyle": (0, (2, 2)), "zorder": 1}  # of a floor
Line = tuple[str, str | None]  # a heading and a label; a heading's own line has no label


def forest(table: DataFrame) -> Figure:
    """All effects against none at all: a line a factor under its heading, a panel a metric.

    `table` is as `isomorph.experiment.effects` gives it: columns label, value, low and high (nan where
    there is none), and where there are any heading, metric, and paper, the paper's own effect.
    Raises ValueError when a column is missing, an interval does not hold its value, or a line
    stands twice.
    """
    table = _complete(table)
    lines, has_paper = _headed(table), table["paper"].notna().any()
    names = list(dict.fromkeys(table["metric"]))
    height = 0.8 + (0.13 + 0.09 * 2) * len(lines)
    figure, axes = blank(NARROW, 0.6 + height * len(names), rows=len(names))
    shift = 0.1875 if has_paper else 0.0  # of a mark from the middle of its line: the paper's below
    with theme():
        for axis, metric in zip(axes, names, strict=True):
            rows = table[table["metric"] == metric]
            keys = zip(rows["heading"], rows["label"], strict=True)
            rows = rows.assign(up=[lines.index(key) for key in keys])
            _effects(axis, rows, rows["up"] - shift)
            if has_paper:
                cited = rows[rows["paper"].notna()]
                axis.scatter(cited["paper"], cited["up"] + shift, s=30, marker="x", color=INK,
                             linewidth=1.7, zorder=4, label="the paper")  # fmt: skip
            axis.axvline(0, color=INK, linewidth=1.0, zorder=1)
            _name_lines(axis, lines)
            axis.set_title(metrics.axis(metric, width=50))
        quantity = "change of the score, percent points"
        if len(axes) == 1:
            axes[0].set_xlabel(quantity)
        else:
            figure.supxlabel(quantity, fontsize=axes[0].xaxis.label.get_size())
        _legend_above(figure)
    return figure


def _complete(table: DataFrame) -> DataFrame:
    """The table with every column that lines are drawn from, checked."""
    _require(table, "label", "value", "low", "high")
    usual = {"heading": "", "metric": "", "paper": float("nan")}
    absent = {name: value for name, value in usual.items() if name not in table.columns}
    table = table.assign(label=table["label"].map(str), **absent).reset_index(drop=True)
    for row in table[
        (table["low"] > table["value"]) | (table["high"] < table["value"])
    ].itertuples():
        raise ValueError(
            f"the interval [{row.low}, {row.high}] of {row.label!r} "
            f"does not hold its value {row.value}"
        )
    for row in table[table.duplicated(["heading", "label", "metric"])].itertuples():
        raise ValueError(f"{row.label!r} stands twice under {row.metric!r}, but must once")
    return table


def _headed(table: DataFrame) -> list[Line]:
    """The lines from the top: each heading, then all that stands under it."""
    keys, lines = list(dict.fromkeys(zip(table["heading"], table["label"], strict=True))), []
    for heading in dict.fromkeys(heading for heading, _ in keys):
        lines += [(heading, None)] if heading else []
        lines += [key for key in keys if key[0] == heading]
    return lines


def _effects(axis: Axes, rows: DataFrame, up) -> None:
    """A mark an effect; those without a number are not drawn."""
    (colour,), name = palette(1), "ours, 95% interval"
    sure = rows["low"].notna()
    axis.hlines(up[sure], rows["low"][sure], rows["high"][sure],
                color=colour, linewidth=2.4, alpha=0.6, zorder=3)  # fmt: skip
    for chosen, fill, label in (
        (sure, [colour], name), (~sure, "white", f"{name}: hollow, no interval over seeds"),
    ):  # fmt: skip
        chosen = chosen & rows["value"].notna()
        if chosen.any():
            axis.scatter(rows["value"][chosen], up[chosen], s=34, marker=MARKERS[0], facecolor=fill,
                         edgecolor=[colour], linewidth=1.3, zorder=4, label=label)  # fmt: skip


def _name_lines(axis: Axes, lines: list[Line]) -> None:
    """Labels beside the axis, headings in bold, and a shade behind every second line."""
    axis.set_ylim(len(lines) - 0.5, -0.5)
    names = [heading if text is None else textwrap.fill(text, 26) for heading, text in lines]
    axis.set_yticks(range(len(lines)), names)
    axis.grid(False, axis="y")
    for up, (tick, (_, text)) in enumerate(zip(axis.get_yticklabels(), lines, strict=True)):
        if text is None:
            tick.set_fontweight("bold")
        elif up % 2:
            axis.axhspan(up - 0.5, up + 0.5, color="#f3f3f3", linewidth=0, zorder=0)
    axis.tick_params(axis="y", length=0)


def along_a_dial(
    rows: DataFrame, titles: Mapping[str, str], levels: Mapping[str, float] | None = None
) -> tuple[Figure, DataFrame]:
    """Scores at the places of a dial: a panel a metric, a thin line a seed, and their mean in a band.

    rows: a row a metric, seed and place, which is in the column "x". titles: each metric with that of
    its panel. levels: of a metric, a dashed level, such as a floor. In percent, with the mean's 95%
    interval over seeds (Student's); the table holds both. Raises ValueError when a column is missing,
    or a seed has two values at one place.
    """
    from scipy import stats

    _require(rows, "metric", "value", "seed", "x")
    figure, axes = blank(5.4, 2.5 * len(titles), rows=len(titles))
    parts = []
    for axis, (metric, title) in zip(axes, titles.items(), strict=True):
        chosen = rows[rows["metric"] == metric]
        scores = 100 * chosen.pivot(index="x", columns="seed", values="value")
        mean = scores.mean(axis=1)
        half = scores.sem(axis=1) * stats.t.ppf(0.975, scores.shape[1] - 1)
        axis.plot(scores, color="C0", alpha=0.3, linewidth=0.8)
        axis.plot(mean, "o-", color="C0")
        axis.fill_between(scores.index, mean - half, mean + half, alpha=0.2, color="C0")
        if levels is not None and metric in levels:
            axis.axhline(100 * levels[metric], **LEVEL)
        axis.set_title(title)
        part = {"score": title, "mean": mean, "low": mean - half, "high": mean + half}
        parts.append(pd.DataFrame(part).reset_index())
    axes[0].set_ylabel("percent")
    return figure, pd.concat(parts, ignore_index=True)


def every_run(
    places: Mapping[str, DataFrame],
    names: Mapping[str, str],
    metric: str = "score",
    *,
    level: str | None = None,
) -> Figure:
    """A dot a run and a bar for the mean: a panel a place, a line a condition that has rows there.

    places: the rows of each, by its title. names: conditions, each with its label. level: a metric
    whose mean is a dashed level, such as "floor". In the metric's unit.
    """
    scale, held = metrics.metric(metric).scale, []
    for rows in places.values():
        own = rows[rows["metric"] == metric].groupby("condition")["value"]
        own = {name: scale * scores for name, scores in own}
        held.append({label: own[name] for name, label in names.items() if name in own})
    heights = [0.8 + 0.375 * max(1, len(runs)) for runs in held]
    figure, axes = blank(6, sum(heights), rows=len(places))
    axes[0].get_gridspec().set_height_ratios(heights)
    for axis, (place, rows), runs in zip(axes, places.items(), held, strict=True):
        for line, scores in enumerate(runs.values()):
            axis.plot(scores, [line] * len(scores), "o", alpha=0.5, color="C0")
            axis.plot(scores.mean(), line, "|", color="C3", markersize=16)
        if level is not None:
            at = scale * rows.loc[rows["metric"] == level, "value"].mean()
            axis.axvline(at, **LEVEL)
        axis.set_yticks(range(len(runs)), runs)
        axis.set(title=place, ylim=(max(1, len(runs)) - 0.5, -0.5))
    return figure


def layer_lines(rows: DataFrame, metric: str, *, level: tuple[str, float] | None = None) -> Figure:
    """A metric along the layers: a line and a mark for each value of the column `line`.

    With columns low and high a line has a band, and with a column floor a dotted line of its colour.
    level: a dashed one with its name, such as chance, in the metric's unit. Raises ValueError when a column or the metric is not there.
    """
    _require(rows, "metric", "value", "layer", "line")
    chosen = rows[rows["metric"] == metric]
    if chosen.empty:
        raise ValueError(f"metric is {metric!r}, but the rows hold {sorted(set(rows['metric']))}")
    names = list(dict.fromkeys(chosen["line"]))
    figure, (axis,) = blank()
    with theme():
        for name, colour, marker, dash in zip(
            names, palette(len(names)), MARKERS, DASHES, strict=False
        ):
            line = chosen[chosen["line"] == name]
            mean = line.groupby("layer")["value"].mean()
            axis.plot(mean.index, mean, color=colour, linestyle=dash, label=str(name))
            axis.scatter(line["layer"], line["value"], s=26, marker=marker, facecolor=[colour],
                         edgecolor=[colour], linewidth=1.2, zorder=3)  # fmt: skip
            if "low" in line:
                axis.fill_between(line["layer"], line["low"], line["high"], color=colour, alpha=0.2)
            if "floor" in line:
                axis.plot(
                    line["layer"], line["floor"], color=colour, linestyle=SPARSE, linewidth=1.6
                )
        if "floor" in chosen:
            axis.plot([], [], color=INK, linestyle=SPARSE, linewidth=1.6, label="fresh weights")
        if level is not None:
            axis.axhline(level[1], **LEVEL, label=level[0])
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.set_xlabel(metrics.axis("layer", width=100))
        # A longer line would not fit beside the axis and stand out into the legend.
        axis.set_ylabel(metrics.axis(metric, chosen, 30))
        _legend_above(figure)
    return figure


def layer_grid(tables: Mapping[str, DataFrame], quantity: str) -> Figure:
    """Values for pairs of layers, a panel a table under its name: a shade from 0 to 1 and, where it
    fits, a number.

    tables: rows are layers of the first model and columns of the second, in order; 0 is the
    embeddings. Values below 0 have the shade of 0. Raises ValueError when a table is empty.
    """
    import seaborn
    from seaborn.utils import relative_luminance

    if not tables or any(table.empty for table in tables.values()):
        raise ValueError("a table is empty; it must have a value for each pair of layers")
    size = max(max(table.shape) for table in tables.values())
    height = min(6.5, 0.9 + 0.5 * size) * len(tables)
    figure, axes = blank(min(7.5, 1.6 + 0.55 * size), height, rows=len(tables))
    with theme():
        for axis, (name, table) in zip(axes, tables.items(), strict=True):
            seaborn.heatmap(
                table.astype(float), vmin=0, vmax=1, cmap="cividis", ax=axis, square=False,
                annot=size <= LARGEST_WRITTEN, fmt=".2f", annot_kws={"size": 8},
                cbar_kws={"label": quantity}, linewidths=0.5, linecolor="white",
            )  # fmt: skip
            shades = axis.collections[0].cmap
            for text in axis.texts:  # seaborn's own choice of ink is grey on grey half way up
                light = relative_luminance(shades(float(text.get_text())))
                text.set_color("black" if light > 0.18 else "white")
            axis.invert_yaxis()  # the embeddings below, as layers are stacked
            axis.set_title(name)
            axis.set_xlabel("layer of the second model", color=INK)
            axis.set_ylabel("layer of the first model", color=INK)
            axis.tick_params(length=0, rotation=0)
    return figure


def _require(table: DataFrame, *columns: str) -> None:
    """Raise ValueError unless the table has the columns."""
    for column in columns:
        if column not in table.columns:
            raise ValueError(f"the rows lack the column {column!r}; they have {list(table)}")


def _legend_above(figure: Figure) -> None:
    """One legend for all axes of a figure, above them, each label once; none for a single one.

    Above, since no place among lines and marks is free in every figure.
    """
    labelled = {}
    for axis in figure.axes:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            labelled.setdefault(label, handle)
    if len(labelled) > 1:
        place = {"loc": "outside upper left", "ncols": 2}
        figure.legend(labelled.values(), labelled.keys(), fontsize="small", **place)
