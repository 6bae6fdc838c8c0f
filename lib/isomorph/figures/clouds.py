"""Clouds of vectors: flat pictures of several side by side, their cosines, their spectra."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from .theme import DASHES, FREQUENCY, INK, WIDTH, blank, legend_above, level_line, palette, theme

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy import ndarray
    from torch import Tensor

COLUMNS = 3
DRAWN = 1500  # points a panel: more hide each other


def cloud_panels(clouds: "Mapping[str, Tensor]", *, rank: str = "frequency rank") -> "Figure":
    """Each cloud along its two largest singular directions, the origin marked, a panel a cloud.

    clouds: a name -> vectors (n, width), the first row the most frequent word: blue dots are
    frequent, orange ones rare, by hue since a dark page turns lightness round. Not centred, so a cone stands to one side of the origin; each panel has
    its own scale, the same along both axes. Of more than 1,500 vectors as many are drawn, evenly
    spaced. Raises ValueError when there is no cloud.
    """
    import numpy as np

    if not clouds:
        raise ValueError("clouds is empty; it must have a name and vectors for each panel")
    lines = -(-len(clouds) // COLUMNS)
    columns = min(COLUMNS, len(clouds))
    with theme():
        from matplotlib.colors import LinearSegmentedColormap
        from matplotlib.figure import Figure

        figure = Figure(figsize=(WIDTH, 2.5 * lines + 0.4), layout="constrained")
        axes = figure.subplots(lines, columns, squeeze=False).ravel()
        colours = LinearSegmentedColormap.from_list("frequency", FREQUENCY)
        for axis, (name, vectors) in zip(axes, clouds.items(), strict=False):
            points, ranks = plane(vectors)
            shown = axis.scatter(
                *points.T, c=np.log10(ranks + 1) / np.log10(len(vectors) + 1), cmap=colours,
                s=6 if len(points) > 100 else 30, vmin=0, vmax=1, linewidth=0, rasterized=True,
            )  # fmt: skip
            axis.plot(0, 0, marker="+", markersize=13, markeredgewidth=2.2, color="#c00000")
            axis.set_title(textwrap.fill(name, 24), fontsize="small", color=INK)
            axis.set(xticks=[], yticks=[], aspect="equal", adjustable="datalim")
            axis.grid(False)
        for axis in axes[len(clouds) :]:
            axis.set_axis_off()
        bar = figure.colorbar(shown, ax=list(axes), location="bottom", shrink=0.5, aspect=40)
        bar.set_ticks([0, 1], labels=["most frequent", "rarest"])
        bar.set_label(rank, fontsize="small")
    return figure


def plane(vectors: "Tensor") -> "tuple[ndarray, ndarray]":
    """Coordinates (n, 2) along the two largest singular directions, and the rows they are of.

    The mean lies on the positive side of both. At most `DRAWN` rows, evenly spaced.
    """
    import torch

    from isomorph.measure.axes import principal_axes

    vectors = vectors.detach().double().cpu()
    directions = principal_axes(vectors.T @ vectors)[1][:, :2]
    along = vectors @ directions
    along = along * torch.where(along.mean(0) < 0, -1.0, 1.0)
    rows = torch.linspace(0, len(along) - 1, min(DRAWN, len(along)), dtype=torch.float64).long()
    return along[rows].numpy(), rows.numpy()


def cosine_histograms(cosines: "Mapping[str, Tensor]", *, bins: int = 60) -> "Figure":
    """How often two vectors have which cosine: an outline a cloud, and a dashed line at 0."""
    import numpy as np

    figure, (axis,) = blank()
    edges = np.linspace(-1, 1, bins + 1)
    with theme():
        for (name, values), colour, dash in zip(
            cosines.items(), palette(len(cosines)), DASHES, strict=False
        ):
            heights, _ = np.histogram(np.asarray(values), edges, density=True)
            axis.stairs(heights, edges, color=colour, linestyle=dash, linewidth=1.8, label=name)
        level_line(axis.axvline, 0, None)
        axis.set_xlabel("cosine of two vectors")
        axis.set_ylabel("density")
        legend_above(figure)
    return figure


def spectra(values: "Mapping[str, Tensor]") -> "Figure":
    """Singular values over the largest, by rank over the width: a line a cloud."""
    import numpy as np

    figure, (axis,) = blank()
    with theme():
        for (name, own), colour, dash in zip(
            values.items(), palette(len(values)), DASHES, strict=False
        ):
            own = np.asarray(own)
            axis.plot(np.arange(1, len(own) + 1) / len(own), own, color=colour, linestyle=dash,
                      label=name)  # fmt: skip
        axis.set_ylim(0, 1.02)
        axis.set_xlabel("rank of the singular value, over the width")
        axis.set_ylabel("singular value, over the largest")
        legend_above(figure)
    return figure


def rank_lines(
    bins: Sequence[str], values: Mapping[str, Sequence[float]], *, quantity: str
) -> "Figure":
    """A quantity by bin of frequency ranks, a line a model."""
    from .theme import MARKERS

    figure, (axis,) = blank()
    with theme():
        for (name, own), colour, dash, marker in zip(
            values.items(), palette(len(values)), DASHES, MARKERS, strict=False
        ):
            axis.plot(range(len(own)), own, color=colour, linestyle=dash, marker=marker, label=name)
        axis.set_xticks(range(len(bins)), list(bins))
        axis.set_xlabel("frequency rank")
        axis.set_ylabel(textwrap.fill(quantity, 30))
        legend_above(figure)
    return figure
