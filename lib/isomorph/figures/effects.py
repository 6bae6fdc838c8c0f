"""The figure of effects: every factor against none.

It draws what `isomorph.effects` computes, in percent and percent points. A filled mark has an
interval over seeds, a hollow one is a mean of too few seeds for one, and a black cross is a
paper's number. Groups differ in mark as well as in colour.
"""

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING

from .theme import (
    INK,
    MARKERS,
    axis_name,
    blank,
    legend_above,
    marks,
    name_below,
    palette,
    require,
    theme,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

NARROW = 5.4  # inches: on a telephone, where a figure shrinks to the page, its words still read
Line = tuple[str, str | None]  # a heading and a label; a heading's own line has no label


def forest(
    table: "DataFrame",
    *,
    label: str = "label",
    paper_name: str = "the paper",
    quantity: str = "change of the score, percent points",
) -> "Figure":
    """All effects against none at all: a line a factor, under its heading.

    `table` has the columns `label`, value, low and high (nan where there is none), as
    `isomorph.effects.effects` gives them. Where it has them, heading groups the lines, source
    (worlds, real text) gives a mark each, metric a panel each with its own scale, one below the
    other, and paper is the paper's own effect, a cross.
    Raises ValueError when a column is missing, an interval does not hold its value, a mark stands
    twice, or the paper has two numbers for one line.
    """
    table = _complete(table, label)
    lines, has_paper = _headed(table), table["paper"].notna().any()
    metrics, sources = (list(dict.fromkeys(table[name])) for name in ("metric", "source"))
    lanes = len(sources) + has_paper
    height = 0.8 + (0.13 + 0.09 * max(2, lanes)) * len(lines)
    figure, axes = blank(NARROW, 0.6 + height * len(metrics), rows=len(metrics))
    with theme():
        for axis, metric in zip(axes, metrics, strict=True):
            own = table[table["metric"] == metric]
            own = own.assign(up=[lines.index(line) for line in _keys(own)])
            for lane, (source, *style) in enumerate(
                zip(sources, palette(len(sources)), MARKERS, strict=False)
            ):
                _lane(axis, own[own["source"] == source], _shift(lane, lanes), style, source)
            if has_paper:
                _papers(axis, own, _shift(lanes - 1, lanes), paper_name)
            axis.axvline(0, color=INK, linewidth=1.0, zorder=1)
            _name_lines(axis, lines)
            axis.set_title(axis_name(metric, width=50))
        name_below(axes, quantity)
        legend_above(figure)
    return figure


def _complete(table: "DataFrame", label: str) -> "DataFrame":
    """The table with every column that lines are drawn from, checked; `line` is the label."""
    require(table, label, "value", "low", "high")
    usual = {"heading": "", "source": "ours, 95% interval", "metric": "", "paper": float("nan")}
    absent = {name: value for name, value in usual.items() if name not in table.columns}
    table = table.assign(line=table[label].map(str), **absent).reset_index(drop=True)
    outside = table[(table["low"] > table["value"]) | (table["high"] < table["value"])]
    for row in outside.itertuples():
        raise ValueError(
            f"the interval [{row.low}, {row.high}] of {row.line!r} "
            f"does not hold its value {row.value}"
        )
    place = ["heading", "line", "metric"]
    for row in table[table.duplicated([*place, "source"])].itertuples():
        raise ValueError(f"{row.line!r} stands twice with source {row.source!r}, but must once")
    spread = table.groupby(place)["paper"].agg(lambda own: own.max() - own.min())
    for (_, line, _), apart in spread.items():
        if apart > 1e-9:
            raise ValueError(f"the paper has two numbers for {line!r}, but may have one a line")
    return table


def _keys(table: "DataFrame") -> Iterator[Line]:
    return zip(table["heading"], table["line"], strict=True)


def _headed(table: "DataFrame") -> list[Line]:
    """The lines from the top: each heading, then all that stands under it."""
    keys, lines = list(dict.fromkeys(_keys(table))), []
    for heading in dict.fromkeys(heading for heading, _ in keys):
        lines += [(heading, None)] if heading else []
        lines += [key for key in keys if key[0] == heading]
    return lines


def _shift(lane: int, lanes: int) -> float:
    """How far below the middle of its line a lane runs, in lines."""
    return 0.75 * ((lane + 0.5) / lanes - 0.5)


def _lane(axis: "Axes", rows: "DataFrame", shift: float, style: list, name: str) -> None:
    colour, marker = style
    up, has_interval = rows["up"] + shift, rows["low"].notna()
    sure = rows[has_interval]
    look = {"color": colour, "linewidth": 2.4, "alpha": 0.6, "zorder": 3}
    axis.hlines(up[has_interval], sure["low"], sure["high"], **look)
    marks(axis, rows["value"], up, has_interval, colour=colour, marker=marker, label=name)


def _papers(axis: "Axes", rows: "DataFrame", shift: float, name: str) -> None:
    cited = rows[rows["paper"].notna()].drop_duplicates("up")
    look = {"s": 30, "marker": "x", "color": INK, "linewidth": 1.7}
    axis.scatter(cited["paper"], cited["up"] + shift, zorder=4, label=name, **look)


def _name_lines(axis: "Axes", lines: list[Line]) -> None:
    """Labels beside the axis, headings in bold, and a shade behind every second line."""
    axis.set_ylim(len(lines) - 0.5, -0.5)
    told = [heading if text is None else textwrap.fill(text, 26) for heading, text in lines]
    axis.set_yticks(range(len(lines)), told)
    axis.grid(False, axis="y")
    for up, (tick, (_, text)) in enumerate(zip(axis.get_yticklabels(), lines, strict=True)):
        if text is None:
            tick.set_fontweight("bold")
        elif up % 2:
            axis.axhspan(up - 0.5, up + 0.5, color="#f3f3f3", linewidth=0, zorder=0)
    axis.tick_params(axis="y", length=0)
