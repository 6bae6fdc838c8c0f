"""The one theme of all figures: colours, marks, sizes, names of axes, and small shared parts.

A figure is drawn dark on white, which reads well in any notebook; the site's style sheet inverts
its lightness, hue kept, in dark mode.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from isomorph import metrics

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)), (0, (7, 3)))
INK = "#202020"
# Of words, from frequent to rare: blue to orange, told apart in any colour vision and on a dark page.
FREQUENCY = ("#08306b", "#2171b5", "#6baed6", "#fdae6b", "#e6550d")
WIDTH, HEIGHT = 7.0, 4.2  # inches; at the site's text width one inch is about one inch


def axis_name(metric: str, rows: DataFrame | None = None, width: int = 34) -> str:
    """A metric in plain words, in lines of `width` characters.

    Rows with the column `among` (`isomorph.candidates`) say among how many candidates it is.
    """
    among = ""
    if rows is not None and "among" in rows.columns:
        numbers = dict.fromkeys(filter(None, rows.loc[rows["metric"] == metric, "among"]))
        among = " or ".join(numbers)
    return metrics.axis(metric, among, width)


def palette(count: int) -> list:
    """`count` colours that readers with any colour vision tell apart; at most 8."""
    import seaborn

    if not 1 <= count <= len(MARKERS):
        raise ValueError(f"count is {count}, but a figure may hold 1 to {len(MARKERS)} groups")
    # The pale ones of the ten come last, where few figures get to.
    ordered = seaborn.color_palette("colorblind", 10)
    return [ordered[i] for i in (0, 3, 2, 4, 1, 5, 7, 9)][:count]


@contextmanager
def theme() -> Iterator[None]:
    """Seaborn's ticks style with this project's sizes, restored on leaving."""
    import matplotlib
    import seaborn

    style = seaborn.axes_style("ticks") | seaborn.plotting_context("notebook", font_scale=0.95)
    style |= {
        "axes.grid": True,
        "grid.color": "#d9d9d9",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": "#404040",
        "legend.frameon": False,
        "figure.constrained_layout.use": True,
    }
    with matplotlib.rc_context(style):
        yield


def blank(
    width: float = WIDTH, height: float = HEIGHT, columns: int = 1, rows: int = 1
) -> tuple[Figure, list]:
    """An empty themed figure and its axes, a list of rows times columns; sizes in inches.

    Not registered with pyplot, so a notebook never shows it a second time on its own.
    """
    from matplotlib.figure import Figure

    with theme():
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False)
    return figure, list(axes.ravel())


def require(table: DataFrame, *columns: str) -> None:
    """Raise ValueError unless the table has the columns."""
    for column in columns:
        if column not in table.columns:
            raise ValueError(f"the rows lack the column {column!r}; they have {list(table)}")


def legend(axis: Axes) -> None:
    """A legend where there is more than one thing to tell apart."""
    handles, labels = axis.get_legend_handles_labels()
    if len(labels) > 1:
        axis.legend(handles, labels, fontsize="small")


def legend_above(figure: Figure) -> None:
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
