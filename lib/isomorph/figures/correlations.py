"""Correlations of the coordinates of vectors, as shaded squares side by side."""

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING

from .theme import INK, WIDTH, theme

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import Tensor


def correlation_panels(
    matrices: "Mapping[str, Tensor]", *, order: str = "coordinates, the one that varies most first"
) -> "Figure":
    """Each correlation matrix as a square of shades from -1 (blue) to 1 (red), a panel a matrix.

    matrices: a name -> coefficients (width, width). order: in which order coordinates stand.
    Raises ValueError when there is none.
    """
    if not matrices:
        raise ValueError("matrices is empty; it must have a name and coefficients for each panel")
    with theme():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(WIDTH, 8.0 / len(matrices) + 0.7), layout="constrained")
        axes = figure.subplots(1, len(matrices), squeeze=False)[0]
        for axis, (name, own) in zip(axes, matrices.items(), strict=True):
            # As pixels: a shape for every pair of coordinates would weigh megabytes.
            shown = axis.imshow(
                own.cpu().numpy(), cmap="RdBu_r", vmin=-1, vmax=1, interpolation="nearest"
            )
            axis.set_title(textwrap.fill(name, 24), fontsize="small", color=INK)
            axis.set(xticks=[], yticks=[])
            axis.grid(False)
        bar = figure.colorbar(shown, ax=list(axes), location="bottom", shrink=0.5, aspect=40)
        bar.set_ticks([-1, 0, 1])
        bar.set_label(f"correlation coefficient; {order}", fontsize="small")
    return figure
