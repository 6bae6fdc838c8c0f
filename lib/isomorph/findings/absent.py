"""A word that never occurs, live: planted in the plane, and beside a trained model's states.

in_the_plane     states on either side, with the path of an absent word's vector
lengths          its length along the way, for a figure
directions       where an absent word of a trained model may go, and where its own went
beside_states    how well each of these directions is negative for all states
descent          a free vector, moved by the loss alone, beside these directions
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from numpy import ndarray
    from pandas import DataFrame
    from torch import Tensor

    from isomorph.findings.language_models import Trained
    from isomorph.measure.degeneration import Path

# Of the plane's states, which are the same cloud at both.
CENTRES = {"origin outside the hull": (2.2, 1.1), "origin inside the hull": (0.5, 0.25)}
WIDEST, WEIGHTS, MEAN = "largest margin", "last normalisation's weights", "opposite to the mean"


class Plane(NamedTuple):
    """Planted states (n, 2) and what training makes of an absent word's vector."""

    states: ndarray
    path: Path


def in_the_plane(*, count: int = 40, steps: int = 600, seed: int = 0) -> dict[str, Plane]:
    """The same cloud at two places, one with the origin inside; five other words, drawn once."""
    import torch

    from isomorph.measure.degeneration import absent_word

    generator = torch.Generator().manual_seed(seed)
    cloud = 0.7 * torch.randn(count, 2, generator=generator, dtype=torch.float64)
    others = torch.randn(5, 2, generator=generator, dtype=torch.float64)
    found = {}
    for name, centre in CENTRES.items():
        states = cloud - cloud.mean(0) + torch.tensor(centre, dtype=torch.float64)
        log_rest = (states @ others.T).logsumexp(1)
        path = absent_word(states, log_rest, steps=steps, rate=0.02, marks=60)
        found[name] = Plane(states.numpy(), path)
    return found


def lengths(planes: Mapping[str, Plane]) -> DataFrame:
    """The length of the vector at each mark. Columns steps, condition, metric and value."""
    import pandas as pd

    lines = [
        {"steps": step, "condition": name, "metric": "length of the vector", "value": float(norm)}
        for name, plane in planes.items()
        for step, norm in zip(
            plane.path.steps.tolist(), plane.path.vectors.norm(dim=1), strict=True
        )
    ]
    return pd.DataFrame(lines)


def directions(trained: Trained, hidden: Tensor) -> dict[str, Tensor]:
    """Directions (width,) of length 1 in float64, by name.

    The one with the largest margin, if the origin is outside; the one that the last
    normalisation's weights give, if there is one; opposite to the mean state; and where the
    vectors of the words that were never to be predicted have gone.
    """
    from isomorph.measure.degeneration import hull, layer_norm_direction
    from isomorph.runs.geometry import never_read
    from isomorph.text.vocab import SPECIAL

    found = {}
    decided = hull(hidden, widest=True)
    if not decided.contains_origin:
        found[WIDEST] = decided.direction
    norm = trained.model.encoder.final_norm
    if hasattr(norm, "weight"):
        found[WEIGHTS] = layer_norm_direction(norm.weight.cpu(), norm.bias.cpu())[0]
    mean = hidden.double().mean(0)
    found[MEAN] = -mean / mean.norm()
    for word in never_read():
        vector = trained.vectors[word].double()
        found[f"vector of {SPECIAL[word]}"] = vector / vector.norm()
    return found


def beside_states(of: Mapping[str, Tensor], hidden: Tensor) -> DataFrame:
    """A line a direction, from the states alone: "negative, %" of the states; "margin", the
    smallest length by which a state lies on the negative side over the mean length of a state;
    and the cosine with the first direction."""
    import pandas as pd

    states = hidden.double()
    length, first = float(states.norm(dim=1).mean()), next(iter(of.values()))
    lines = []
    for name, direction in of.items():
        products = states @ direction
        lines.append({
            "direction": name,
            "negative, %": 100 * float((products < 0).double().mean()),
            "margin": -float(products.max()) / length,
            f"cosine with: {next(iter(of))}": float(direction @ first),
        })  # fmt: skip
    return pd.DataFrame(lines)


def descent(
    hidden: Tensor, log_rest: Tensor, of: Mapping[str, Tensor], *, steps: int = 1000,
    rate: float = 0.05,
) -> tuple[DataFrame, Path]:  # fmt: skip
    """A free vector moved by the absent word's loss alone, from the origin: its cosine with some
    directions at each mark, as columns steps, metric, value, direction; and its path."""
    import pandas as pd

    from isomorph.measure.degeneration import absent_word

    path = absent_word(hidden, log_rest, steps=steps, rate=rate)
    lines = [
        {"steps": step, "direction": name, "metric": "cosine with the vector",
         "value": float(vector @ direction / vector.norm())}
        for step, vector in zip(path.steps.tolist(), path.vectors, strict=True)
        if step > 0
        for name, direction in of.items()
    ]  # fmt: skip
    return pd.DataFrame(lines), path
