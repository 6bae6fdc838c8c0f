"""Figures: one theme, the shapes that several chapters share, and one way to show them.

Filled marks are runs made live and hollow ones are recorded, save in `forest`:
there hollow ones are means of too few seeds for an interval.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from .display import provenance_note, show, show_table
from .effects import forest
from .grids import show_grids
from .layers import layer_grid
from .seeds import along_a_dial, every_run
from .space import show_space
from .theme import (
    DASHES,
    MARKERS,
    axis_name,
    blank,
    legend,
    legend_above,
    level_line,
    palette,
    require,
    theme,
)
from .turning import show_turning

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy import ndarray
    from pandas import DataFrame

MANY_POINTS = 3000  # beyond this a scatter is stored as pixels: its vectors would weigh megabytes

__all__ = [
    "along_a_dial",
    "blank",
    "every_run",
    "forest",
    "layer_grid",
    "learning_curve",
    "lexicon_scatter",
    "palette",
    "provenance_note",
    "show",
    "show_grids",
    "show_space",
    "show_table",
    "show_turning",
    "theme",
]


def learning_curve(
    rows: "DataFrame",
    *,
    metric: str,
    x: str = "tokens",
    group: str = "condition",
    chance: float | None = None,
    chance_name: str = "chance",
    log_x: bool = False,
) -> "Figure":
    """A metric along training (or along layers): a line a group, a mark a row.

    `rows` is the long table with the columns metric, value, `x` and `group`, and where there is
    one provenance. The line is the mean over seeds. `chance` draws the level of guessing, or of
    another floor that `chance_name` names.
    Raises ValueError when a column or the metric is not there.
    """
    require(rows, "metric", "value", x, group)
    chosen = rows[rows["metric"] == metric]
    if chosen.empty:
        raise ValueError(f"metric is {metric!r}, but the rows hold {sorted(set(rows['metric']))}")
    names = list(dict.fromkeys(chosen[group]))
    figure, (axis,) = blank()
    with theme():
        for name, colour, marker, dash in zip(
            names, palette(len(names)), MARKERS, DASHES, strict=False
        ):
            own = chosen[chosen[group] == name]
            mean = own.groupby(x, observed=True)["value"].mean()
            axis.plot(mean.index, mean, color=colour, linestyle=dash, label=str(name))
            for fill, part in _live_and_recorded(own, colour):
                axis.scatter(
                    part[x],
                    part["value"],
                    s=26,
                    marker=marker,
                    facecolor=fill,
                    edgecolor=[colour],
                    linewidth=1.2,
                    zorder=3,
                )
        if chance is not None:
            level_line(axis.axhline, chance, chance_name)
        if log_x:
            axis.set_xscale("log")
        if x == "layer":
            axis.xaxis.get_major_locator().set_params(integer=True)
        axis.set_xlabel(axis_name(x, width=100))
        # A longer line would not fit beside the axis and stand out into the legend.
        axis.set_ylabel(axis_name(metric, chosen, 30))
        legend_above(figure)
    return figure


def lexicon_scatter(
    points: "ndarray",
    languages: Sequence[str],
    *,
    pairs: Sequence[tuple[int, int]] = (),
    words: Sequence[str] | None = None,
    title: str | None = None,
    axis: "Axes | None" = None,
) -> "Figure":
    """Word vectors brought down to the plane: a colour and a mark a language.

    `points` is (words, 2) and `languages` names the language of each. `pairs` are positions of a
    word and its translation, joined by a thin line: short lines mean that the two lexicons have
    merged. `words` writes each word beside its point. Raises ValueError when lengths differ.
    """
    import numpy as np

    points, languages = np.asarray(points), np.asarray(languages)
    if points.ndim != 2 or points.shape[1] != 2 or len(points) != len(languages):
        raise ValueError(
            f"points have shape {points.shape} for {len(languages)} languages; "
            "they must be (words, 2), with one language a word"
        )
    figure, (axis,) = (axis.figure, [axis]) if axis is not None else blank(5.6, 5.0)
    names = list(dict.fromkeys(languages.tolist()))
    with theme():
        for first, second in pairs:
            axis.plot(*points[[first, second]].T, color="#8c8c8c", linewidth=0.6, zorder=1)
        for name, colour, marker in zip(names, palette(len(names)), MARKERS, strict=False):
            axis.scatter(
                *points[languages == name].T,
                s=22,
                color=[colour],
                marker=marker,
                label=str(name),
                alpha=0.85,
                linewidth=0,
                zorder=2,
                rasterized=len(points) > MANY_POINTS,
            )
        for word, (left, up) in zip(words or (), points, strict=False):
            axis.annotate(str(word), (left, up), xytext=(3, 3), textcoords="offset points", size=7)
        axis.set(xticks=[], yticks=[], title=title or "")
        axis.grid(False)
        legend(axis)
    return figure


def _live_and_recorded(table: "DataFrame", colour) -> Iterator[tuple[object, "DataFrame"]]:
    """The fill and the rows of what was run live (or here before), then of what was recorded."""
    if "provenance" not in table.columns:
        yield [colour], table
        return
    recorded = table["provenance"] == "recorded"
    yield [colour], table[~recorded]
    yield "white", table[recorded]
