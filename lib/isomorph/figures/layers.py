"""Figures over the layers of two models."""

from typing import TYPE_CHECKING

from .theme import INK, blank, theme

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

LARGEST_WRITTEN = 13  # layers: in a finer grid a number does not fit its cell


def layer_grid(
    table: "DataFrame",
    *,
    quantity: str,
    rows: str = "layer of the first model",
    columns: str = "layer of the second model",
) -> "Figure":
    """A value for each pair of layers, as a shade from 0 to 1 and, where it fits, as a number.

    table: rows are layers of one model and columns of the other, in order; 0 is the embeddings.
    Values below 0 have the shade of 0. Raises ValueError when the table is empty.
    """
    import seaborn

    if table.empty:
        raise ValueError("the table is empty; it must have a value for each pair of layers")
    size = max(table.shape)
    figure, (axis,) = blank(min(7.5, 1.6 + 0.55 * size), min(6.5, 0.9 + 0.5 * size))
    with theme():
        seaborn.heatmap(
            table.astype(float), vmin=0, vmax=1, cmap="cividis", ax=axis, square=False,
            annot=size <= LARGEST_WRITTEN, fmt=".2f", annot_kws={"size": 8},
            cbar_kws={"label": quantity}, linewidths=0.5, linecolor="white",
        )  # fmt: skip
        axis.invert_yaxis()  # the embeddings below, as layers are stacked
        axis.set_xlabel(columns, color=INK)
        axis.set_ylabel(rows, color=INK)
        axis.tick_params(length=0, rotation=0)
    return figure
