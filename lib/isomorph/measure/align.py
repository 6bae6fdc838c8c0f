"""Maps that carry the vectors of one model onto those of another, learnt from pairs of rows.

- `procrustes`: the best rotation, which changes no distance (Conneau, Wu et al. 2020, section 5.1).
- `ridge`: a linear map of any kind, but one that stays small. It may bend the space, so what it
  reaches and a rotation does not is no likeness of shape.
- `iterative_normalisation`: rows of length 1 and mean 0, which a rotation needs to fit both sides
  (Zhang et al. 2019, "Are Girls Neko or Shojo?").

A map is a matrix (width of the source, width of the target): `source @ map` lies where the target
does. Everything is computed in float64, on the device of the source; a map is float64.
Scores of what a map reaches are in `isomorph.measure.retrieval`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from isomorph.measure.axes import nearest_map
from isomorph.measure.neighbours import unit_rows
from isomorph.measure.pairs import ROUNDING, paired

ROUNDS = 10  # of normalisation: lengths are then within 1e-3 of 1 on every model tried


def procrustes(source: Tensor, target: Tensor) -> Tensor:
    """The orthogonal map W that minimises the distance of `source @ W` to `target`.

    source (n, p), target (n, q): rows are pairs. W is (p, q); with X = source and Y = target,

        W = U V',  U S V' = svd(X' Y)

    Where p and q differ, W has orthonormal rows (p < q) or columns (p > q); the latter keep no
    distance, and what W maximises is the inner product of `source @ W` and `target`.
    With fewer independent pairs than dimensions there are many such maps. Of these it is the one
    nearest to the identity, by `isomorph.measure.axes.nearest_map`, where the proof is: what the
    pairs say nothing of stays in its place, in so far as it can.
    Raises ValueError when the two do not pair or a value is not finite.
    Source: Schönemann 1966; Conneau, Wu et al. 2020, section 5.1, who write columns as pairs.
    """
    source, target = paired(source, target, ("source", "target"))
    rounding = ROUNDING * float(source.norm() * target.norm())
    return nearest_map(source.T @ target, rounding)


def ridge(source: Tensor, target: Tensor, *, penalty: float = 0.1) -> Tensor:
    """The linear map (p, q) that minimises the squared distance plus a penalty on its own norm.

    source (n, p), target (n, q): rows are pairs.
    penalty: as a share of the source's mean squared singular value, so that it means the same at
        every scale and number of pairs. Towards 0 the map is that of least squares; a large one
        shrinks it towards a multiple of X' Y.
    Raises ValueError as `procrustes`, and when the penalty is not above 0.
    """
    if not penalty > 0:
        raise ValueError(f"penalty is {penalty!r}; allowed is a number above 0.")
    source, target = paired(source, target, ("source", "target"))
    gram = source.T @ source
    width = len(gram)
    size = gram.diagonal().mean()
    damping = penalty * torch.where(size > 0, size, 1.0)  # of zeros the map is 0 with any
    return torch.linalg.solve(gram + damping * torch.eye(width).to(gram), source.T @ target)


def iterative_normalisation(vectors: Tensor, *, rounds: int = ROUNDS) -> Tensor:
    """Rows brought to length 1, then to mean 0, again and again: (n, width), float64.

    The last step is the mean, so that it is 0 and lengths are 1 but for what a round changes.
    Raises ValueError when `vectors` is not (n, width) or not finite, or `rounds` below 1.
    Source: Zhang et al. 2019, as in Conneau, Wu et al. 2020, section 5.1.
    """
    return normalise(vectors, normalising_means(vectors, rounds=rounds))


def normalising_means(vectors: Tensor, *, rounds: int = ROUNDS) -> list[Tensor]:
    """The mean that each round of `iterative_normalisation` subtracts, (width,) each.

    Learnt on some vectors, they normalise others of the same model in the same way (`normalise`).
    """
    if rounds < 1:
        raise ValueError(f"rounds is {rounds}; it must be at least 1.")
    means = []
    for _ in range(rounds):
        vectors = unit_rows(vectors, "vectors")
        means.append(vectors.mean(0))
        vectors = vectors - means[-1]
    return means


def normalise(vectors: Tensor, means: Sequence[Tensor]) -> Tensor:
    """Vectors (n, width) through the rounds whose means were learnt by `normalising_means`."""
    for mean in means:
        vectors = unit_rows(vectors, "vectors") - mean
    return vectors


def part_way(rotation: Tensor, share: float) -> Tensor:
    """A rotation gone only part of the way: 0 is none of it, 1 is all, (d, d) in float64.

    Every plane that it turns is turned by the same share of its angle. What it mirrors instead goes
    through 0 half-way: a mirror cannot be reached by turning.
    Raises ValueError when the map is not orthogonal.
    """
    import numpy as np
    from scipy.linalg import schur

    matrix = rotation.detach().cpu().double().numpy()
    if matrix.ndim != 2 or not np.allclose(matrix @ matrix.T, np.eye(len(matrix)), atol=1e-6):
        raise ValueError(f"rotation is {tuple(rotation.shape)}; it must be square and orthogonal.")
    blocks, basis = schur(matrix, output="real")  # planes and axes, each left in its place
    gone, at, mirrored = np.eye(len(matrix)), 0, []
    while at < len(matrix):
        if at + 1 < len(matrix) and abs(blocks[at + 1, at]) > 1e-9:
            angle = share * np.arctan2(blocks[at + 1, at], blocks[at, at])
            gone[at : at + 2, at : at + 2] = _turned(angle)
            at += 2
        else:
            mirrored += [at] if blocks[at, at] < 0 else []
            at += 1
    for first, second in zip(mirrored[::2], mirrored[1::2], strict=False):  # two make half a turn
        gone[np.ix_((first, second), (first, second))] = _turned(share * np.pi)
    if len(mirrored) % 2:
        gone[mirrored[-1], mirrored[-1]] = 1 - 2 * share
    return torch.from_numpy(basis @ gone @ basis.T)


def _turned(angle: float) -> list[list[float]]:
    cosine, sine = math.cos(angle), math.sin(angle)
    return [[cosine, -sine], [sine, cosine]]
