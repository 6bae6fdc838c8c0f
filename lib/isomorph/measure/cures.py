"""Cures for vectors that crowd into a cone: each is learnt on some vectors and applies to any.

- `all_but_the_top`: less the mean and the top principal components (Mu & Viswanath 2018).
- `removal`, `learn_removal`: less a weighted part of each top component (Liang et al. 2021).
- `conceptor_negation`: every direction shrunk, the more the louder it is.
- `whitening`: decorrelated, of variance 1, perhaps the first k only (Su et al. 2021).
- `standardisation`, `null_top`: the two cheap ones of Li et al. 2020, table 5.
- `CURES` has each by its name, and `isomorph.measure.flow`, the one that bends.

vectors: (n, width). All of these are affine, so a `Cure` is a matrix and an offset, and two make a third.
Axes of equal variance, and their signs, are those of `isomorph.measure.axes.settled`.
Everything is in float64; costs n width^2. All raise ValueError when `vectors` is not (n, width) or
not finite, or when more directions are asked for than there are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from isomorph.measure.axes import principal_axes
from isomorph.measure.flow import fit_flow
from isomorph.measure.pairs import ROUNDING, centred, checked, paired

FAINT = 1e-10  # a variance this small beside the largest has too few digits to be divided by


@dataclass(frozen=True)
class Cure:
    """x -> x @ matrix + offset; matrix (width, kept), offset (kept,)."""

    matrix: Tensor
    offset: Tensor

    def __call__(self, vectors: Tensor) -> Tensor:
        """(n, width) to (n, kept), float64, on the device of the vectors; rounding is left as 0."""
        matrix, offset = self.matrix.to(vectors.device), self.offset.to(vectors.device)
        vectors = vectors.double()
        found, size = vectors @ matrix + offset, vectors.abs() @ matrix.abs() + offset.abs()
        return found.masked_fill_(found.abs() <= ROUNDING * size, 0.0)

    def then(self, other: Cure) -> Cure:
        """This one and then another, which was learnt on what this one gives."""
        return Cure(self.matrix @ other.matrix, self.offset @ other.matrix + other.offset)


def all_but_the_top(vectors: Tensor, directions: int | None = None) -> Cure:
    """Subtract the mean and the projections on the top principal components.

    directions: how many; left out, a hundredth of the width, at least one (the authors' rule).
    Source: Mu & Viswanath 2018.
    """
    vectors = checked(vectors, "vectors")
    if directions is None:
        directions = max(1, round(vectors.shape[1] / 100))
    top = components(vectors, directions)
    return _about(vectors.mean(0), _without(top, torch.ones(directions)))


def removal(vectors: Tensor, weights: Sequence[float] | Tensor) -> Cure:
    """Subtract from each vector a share of its projection on each top principal component.

    weights: one a component, from the top; 1 removes it. The mean is not subtracted.
    Source: Liang et al. 2021 (weighted removal); with all weights 1, their all-but-the-top.
    """
    vectors, weights = checked(vectors, "vectors"), torch.as_tensor(weights)
    top = components(vectors, len(weights))
    return _about(0 * vectors[0], _without(top, weights))


def learn_removal(
    vectors: Tensor,
    first: Tensor,
    second: Tensor,
    similarity: Tensor,
    *,
    directions: int,
    epochs: int = 200,
    batch: int = 32,
    learning_rate: float = 2e-4,
    seed: int = 0,
) -> Cure:
    """`removal` with weights learnt from pairs, so that cosines come close to similarities.

    first, second (pairs, width): vectors of the words of a pair, of the same space as `vectors`, to
    which the components belong. similarity (pairs,), between -1 and 1. Weights begin at 1; Adam on
    the mean squared error, gradients clipped to 1, as in the authors' code.
    Raises ValueError too when the pairs do not pair.
    Source: Liang et al. 2021.
    """
    vectors = checked(vectors, "vectors")
    first, second = paired(first, second, ("first", "second"))
    if similarity.shape != first.shape[:1]:
        raise ValueError(
            f"similarity is {tuple(similarity.shape)}; with {len(first)} pairs it must be "
            f"({len(first)},)."
        )
    top, similarity = components(vectors, directions), similarity.double()
    along = [side @ top for side in (first, second)]  # (pairs, directions)
    weights = torch.ones(directions, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.Adam([weights], lr=learning_rate)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        for rows in torch.randperm(len(first), generator=generator).split(batch):
            one, other = (
                side[rows] - (part[rows] * weights) @ top.T
                for side, part in zip((first, second), along, strict=True)
            )
            loss = F.mse_loss(F.cosine_similarity(one, other), similarity[rows])
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_([weights], 1.0)
            optimiser.step()
    return removal(vectors, weights.detach())


def conceptor_negation(vectors: Tensor, *, regulariser: float = 0.25) -> Cure:
    """x (I - C) with C = R (R + regulariser I)^-1 and R the mean of x'x, uncentred.

    Raises ValueError too when the regulariser is not above 0.
    Source: as the baseline of Liang et al. 2021.
    """
    if not regulariser > 0:
        raise ValueError(f"regulariser is {regulariser}; allowed is a number above 0.")
    vectors = checked(vectors, "vectors")
    values, axes = principal_axes(vectors.T @ vectors / len(vectors))
    # What rounding leaves of none may be far above the regulariser.
    values = torch.where(values > ROUNDING * values[0], values, 0.0)
    return _about(0 * vectors[0], axes * (regulariser / (values + regulariser)) @ axes.T)


def whitening(vectors: Tensor, k: int | None = None) -> Cure:
    """(x - mean) U L^(-1/2), with U L U' the covariance: uncorrelated and of variance 1.

    k: how many of the components, the largest first; left out, all that vary. No distance or cosine
        depends on which axes were taken where variances are equal, unless k is among these.
    Raises ValueError too when fewer than k directions vary.
    Source: Su et al. 2021.
    """
    moved, mean = centred(vectors, "vectors")
    variances, axes = principal_axes(moved.T @ moved / len(moved))
    varying = int((variances > FAINT * variances[0]).sum()) if variances[0] > 0 else 0
    k = varying if k is None else k
    if not 1 <= k <= varying:
        raise ValueError(f"k is {k}; of {len(variances)} directions {varying} vary, so 1 to that.")
    return _about(mean, axes[:, :k] / variances[:k].sqrt())


def standardisation(vectors: Tensor) -> Cure:
    """Each dimension less its mean, over its standard deviation; one that does not vary stays 0.

    Source: Li et al. 2020, table 5 (SN).
    """
    moved, mean = centred(vectors, "vectors")
    deviation = moved.square().mean(0).sqrt()
    scale = torch.where(deviation > 0, 1 / deviation, 0.0)
    return _about(mean, torch.diag(scale))


def null_top(vectors: Tensor, k: int) -> Cure:
    """Less the projections on the top k singular vectors; the mean stays, in so far as it can.

    Source: Li et al. 2020, table 5 (NATSV).
    """
    vectors = checked(vectors, "vectors")
    _enough(k, vectors.shape[1], "k")
    top = principal_axes(vectors.T @ vectors)[1][:, :k]
    return _about(0 * vectors[0], _without(top, torch.ones(k)))


def components(vectors: Tensor, count: int) -> Tensor:
    """The top principal components, (width, count), the largest first."""
    moved, _ = centred(vectors, "vectors")
    _enough(count, moved.shape[1], "directions")
    return principal_axes(moved.T @ moved)[1][:, :count]


def _about(origin: Tensor, matrix: Tensor) -> Cure:
    """x -> (x - origin) @ matrix."""
    return Cure(matrix, -origin @ matrix)


def _without(directions: Tensor, weights: Tensor) -> Tensor:
    identity = torch.eye(len(directions)).to(directions)
    return identity - (directions * weights.to(directions)) @ directions.T


def _enough(count: int, width: int, name: str) -> None:
    if not 1 <= count <= width:
        raise ValueError(f"{name} is {count}; with a width of {width} allowed is 1 to {width}.")


Fitted = Callable[[Tensor], Tensor]
# A cure by name: from the vectors it is fitted on to the function that it is.
CURES: dict[str, Callable[[Tensor], Fitted]] = {
    "original": lambda _: lambda vectors: vectors.double(),
    "all_but_the_top": all_but_the_top,
    "null_top": lambda vectors: null_top(vectors, 1),
    "standardisation": standardisation,
    "conceptor_negation": conceptor_negation,
    "whitening": whitening,
    # Of the directions that can vary: fewer vectors than dimensions leave some flat.
    "whitening_third": lambda vectors: whitening(
        vectors, max(1, min(vectors.shape[1], len(vectors) - 1) // 3)
    ),
    "flow": fit_flow,
}
