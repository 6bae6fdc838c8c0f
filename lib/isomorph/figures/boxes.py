"""Boxes over seeds, with every run as a dot: how far runs that differ in chance alone lie apart."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from .theme import (
    INK,
    LEVEL_DASHES,
    MARKERS,
    WIDTH,
    axis_name,
    blank,
    legend_above,
    level_line,
    palette,
    require,
    theme,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

FEWEST = 5  # values for a box: of fewer, quartiles would be made up
STEPS = 60  # into which the axis is cut, to see which dots would hide each other
TALL = 0.34  # lines: half the height of a box, and all that dots may use


def box_dots(
    table: "DataFrame",
    *,
    label: str = "condition",
    quantity: str = "value",
    group: str | None = None,
    levels: Mapping[str, float] | None = None,
) -> "Figure":
    """A line a condition: its runs as dots, and behind five or more a box.

    The box holds the middle half of the runs, its line is the median, and its whiskers reach the
    lowest and the highest run. `table` has a row a run, with the columns `label` and value, and
    where there is one provenance; values that are nan are left out. `group` names a column that
    gives each line a colour and a mark. `levels` maps a name to a value, a dashed line.
    Raises ValueError when a column is missing, no run is left, a line has runs of several groups,
    or there are more groups or levels than can be told apart.
    """
    require(table, label, "value", *([group] if group else []))
    table = table[table["value"].notna()]
    if table.empty:
        raise ValueError("the table has no value to draw; it must have one of at least one run")
    groups = list(dict.fromkeys(table[group])) if group else [None]
    if len(levels or {}) > len(LEVEL_DASHES):
        raise ValueError(
            f"there are {len(levels)} levels, but a figure may hold {len(LEVEL_DASHES)}"
        )
    looks = dict(zip(groups, zip(palette(len(groups)), MARKERS, strict=False), strict=False))
    lines = list(dict.fromkeys(table[label]))
    step = (table["value"].max() - table["value"].min()) / STEPS
    figure, (axis,) = blank(WIDTH, 1.1 + 0.46 * len(lines))
    with theme():
        for up, name in enumerate(lines):
            own = table[table[label] == name]
            kinds = set(own[group]) if group else {None}
            if len(kinds) > 1:
                raise ValueError(f"{name!r} has runs of {len(kinds)} groups, but must be of one")
            _line(axis, up, own, *looks[kinds.pop()], step=step)
        for kind in groups if group else []:
            colour, marker = looks[kind]
            axis.plot([], [], marker, color=colour, label=str(kind))
        for dash, (name, at) in zip(LEVEL_DASHES, (levels or {}).items(), strict=False):
            level_line(axis.axvline, at, name, dash)
        axis.set_yticks(range(len(lines)), [str(name) for name in lines])
        axis.set_ylim(len(lines) - 0.5, -0.5)
        axis.tick_params(axis="y", length=0)
        axis.set_xlabel(axis_name(quantity, width=100))
        axis.grid(False, axis="y")
        legend_above(figure)
    return figure


def _line(axis: "Axes", up: int, own: "DataFrame", colour, marker: str, *, step: float) -> None:
    values = own["value"].to_numpy(float)
    if len(values) >= FEWEST:
        low, first, middle, third, high = np.quantile(values, (0, 0.25, 0.5, 0.75, 1))
        axis.hlines([up, up], [low, third], [first, high], color=INK, linewidth=1.0, zorder=1)
        axis.barh(
            up, third - first, height=2 * TALL, left=first, color=[(*colour[:3], 0.18)],
            edgecolor=INK, linewidth=1.0, zorder=2,
        )  # fmt: skip
        axis.vlines(middle, up - TALL, up + TALL, color=INK, linewidth=1.8, zorder=3)
    heights = up + apart(values, step)
    live = (
        (own["provenance"] != "recorded").to_numpy()
        if "provenance" in own.columns
        else np.ones(len(values), bool)
    )
    # Recorded dots are hollow, and the few live ones stand above them.
    for chosen, fill, size in ((~live, "white", 16), (live, [colour], 26)):
        axis.scatter(
            values[chosen], heights[chosen], s=size, marker=marker, facecolor=fill,
            edgecolor=[colour], linewidth=1.0, zorder=4,
        )  # fmt: skip


def apart(values: "np.ndarray", step: float) -> "np.ndarray":
    """How far above or below its line each dot stands, so that those within a step of each other
    do not hide each other: (n,), from -TALL to TALL, 0 for a dot alone."""
    places = np.round(values / step).astype(int) if step > 0 else np.zeros(len(values), int)
    shift = np.zeros(len(values))
    for place in set(places.tolist()):
        own = np.flatnonzero(places == place)
        pace = min(0.13, 2 * TALL / max(1, len(own) - 1))
        shift[own] = pace * (np.arange(len(own)) - (len(own) - 1) / 2)
    return shift
