"""The spectra of several clouds of vectors."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from .theme import DASHES, blank, legend_above, palette, theme

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import Tensor


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
