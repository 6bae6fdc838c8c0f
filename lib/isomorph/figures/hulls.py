"""States in the plane, their hull, and the way of a word that never occurs (Gao et al. 2019)."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from .theme import INK, blank, legend_above, palette, theme

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy import ndarray


def negative_sector(states: "ndarray") -> tuple[float, float] | None:
    """The angles in degrees, from and to, of all directions in the plane that have a negative
    product with every state; None where there is none. states: (n, 2), none of them at the origin.
    """
    import numpy as np

    angles = np.sort(np.degrees(np.arctan2(states[:, 1], states[:, 0])))
    gaps = np.diff(np.append(angles, angles[0] + 360))
    widest = int(gaps.argmax())
    if gaps[widest] <= 180:
        return None
    # Seen from the origin, the states begin after the widest gap and end where it begins.
    return float(angles[widest] + 90), float(angles[widest] + gaps[widest] - 90)


def hull_planes(cases: Mapping[str, tuple["ndarray", "ndarray"]], reach: float = 4.0) -> "Figure":
    """A panel a case: the states, their convex hull, the origin, the directions with a negative
    product with every state (shaded), and the path of the absent word's vector, with a square at its
    end where that is in the panel.

    cases: name -> (states (n, 2), path (steps, 2)). reach: how far from the origin a panel goes.
    Raises ValueError when something is not in the plane.
    """
    import numpy as np
    from matplotlib.patches import Polygon, Wedge
    from scipy.spatial import ConvexHull

    for name, (states, path) in cases.items():
        if states.ndim != 2 or states.shape[1] != 2 or path.shape[1:] != (2,):
            raise ValueError(
                f"{name!r} has states {states.shape} and a path {path.shape}; both must be (n, 2)"
            )
    figure, axes = blank(3.6 * len(cases), 4.3, len(cases))
    blue, orange, green, *_ = palette(3)
    with theme():
        for axis, (name, (states, path)) in zip(axes, cases.items(), strict=True):
            sector = negative_sector(states)
            if sector:
                axis.add_patch(
                    Wedge((0, 0), math.hypot(reach, reach), *sector, color=green, alpha=0.18,
                          linewidth=0, label="negative for every state", zorder=0)
                )  # fmt: skip
            corners = states[ConvexHull(states).vertices]
            axis.add_patch(
                Polygon(corners, closed=True, facecolor=(*blue, 0.12), edgecolor=blue,
                        linewidth=1.2, label="convex hull", zorder=1)
            )  # fmt: skip
            axis.scatter(*states.T, s=14, color=[blue], label="hidden states", zorder=2)
            axis.plot(*path.T, color=orange, linewidth=2.2, label="path of the absent word")
            if np.abs(path[-1]).max() <= reach:
                axis.scatter(*path[-1], s=44, marker="s", color=[orange], zorder=4)
            axis.scatter(0, 0, s=70, marker="+", color=INK, linewidth=1.8, label="origin", zorder=5)
            axis.set(xlim=(-reach, reach), ylim=(-reach, reach), xticks=[], yticks=[], aspect=1)
            axis.set_title(name, fontsize="medium")
            axis.grid(False)
        legend_above(figure)
    return figure
