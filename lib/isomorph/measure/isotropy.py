"""How evenly vectors fill the directions of their space.

- `average_cosine`: of two different vectors; 0 when directions are spread evenly, and near 1 in a
  narrow cone. It sees the mean that all have in common. `sampled_cosines` for a histogram.
- `isoscore`: 1 when the variance is the same in all directions, 0 when there is one direction only
  (Rudman et al. 2022). It does not see the mean, so report both.
- `partition_ratio`: of Mu & Viswanath 2018.
- `singular_values`, `variance_evenness`: how fast the spectrum falls.
- `intrinsic_dimension`: of how many dimensions the cloud is where one looks closely.

vectors: (n, width). Everything is computed in float64, on the device of the vectors, in time linear
in n but for neighbours, which cost n for each vector that is asked; memory is a copy of the vectors
and one block. All raise ValueError when a shape is not (n, width) or a value is not finite.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from isomorph.measure.axes import principal_axes
from isomorph.measure.neighbours import SCORES_AT_ONCE, unit_rows
from isomorph.measure.pairs import ROUNDING, centred, checked

RANKS = (0, 100, 500, 5000)  # where the bins of Li et al. 2020, table 1, begin


def average_cosine(vectors: Tensor) -> float:
    """The mean cosine of all pairs of different vectors, exactly, from their sum.

    For unit vectors |sum|^2 = n + the sum over pairs, so no table of n by n is needed. Zero vectors
    are left out. nan with fewer than two others.
    Source: the measure of Liang et al. 2021 and Gao et al. 2019, section 3.
    """
    unit = unit_rows(vectors, "vectors")
    n = int((unit.norm(dim=1) > 0).sum())
    return (float(unit.sum(0).square().sum()) - n) / (n * (n - 1)) if n > 1 else math.nan


def isoscore(vectors: Tensor) -> float:
    """IsoScore, 0 to 1, from the variances along the principal axes.

    nan where nothing varies. Raises ValueError with fewer than 2 vectors or a width of 1.
    Source: Rudman et al. 2022, steps of the authors' code.
    """
    n, width = vectors.shape if vectors.ndim == 2 else (0, 0)
    if n < 2 or width < 2:
        raise ValueError(
            f"vectors is {tuple(vectors.shape)}; IsoScore needs (n, width), both 2 up."
        )
    moved, _ = centred(vectors, "vectors")
    variances = torch.linalg.eigvalsh(moved.T @ moved / (n - 1)).clamp(min=0)
    length = float(variances.norm())
    if not length > 0:
        return math.nan
    even = variances * math.sqrt(width) / length
    defect = float((even - 1).norm()) / math.sqrt(2 * (width - math.sqrt(width)))
    kept = width - defect**2 * (width - math.sqrt(width))
    return (kept**2 - width) / (width * (width - 1))


def partition_ratio(vectors: Tensor) -> float:
    """min Z(c) / max Z(c) with Z(c) = sum over vectors w of exp(c'w); 1 when isotropic.

    c runs over the eigenvectors of W'W, columns, of length 1 and in both signs, because an
    eigenvector has none of its own. Those of equal eigenvalues are the ones of
    `isomorph.measure.axes.settled`; another choice would give another ratio.
    Source: Mu & Viswanath 2018, after Arora et al. 2016.
    """
    vectors = checked(vectors, "vectors")
    _, directions = principal_axes(vectors.T @ vectors)  # (width, directions)
    along = vectors @ directions  # (n, directions)
    logs = torch.cat([torch.logsumexp(sign * along, dim=0) for sign in (1, -1)])
    return math.exp(float(logs.min() - logs.max()))


def sampled_cosines(vectors: Tensor, *, pairs: int = 100_000, seed: int = 0) -> Tensor:
    """Cosines of random pairs of different vectors, (pairs,), drawn with replacement.

    Raises ValueError with fewer than two vectors that are not zero, or `pairs` below 1.
    Source: the IsoScore authors' code has as many pairs.
    """
    if pairs < 1:
        raise ValueError(f"pairs is {pairs}; it must be at least 1.")
    unit = unit_rows(vectors, "vectors")
    unit = unit[unit.norm(dim=1) > 0]
    n = len(unit)
    if n < 2:
        raise ValueError(f"vectors has {n} that are not zero; a pair needs two.")
    generator = torch.Generator().manual_seed(seed)
    first = torch.randint(n, (pairs,), generator=generator)
    other = (first + torch.randint(1, n, (pairs,), generator=generator)) % n  # never the same one
    return (unit[first.to(unit.device)] * unit[other.to(unit.device)]).sum(1)


def singular_values(vectors: Tensor, *, center: bool = False) -> Tensor:
    """Singular values, the largest first, over the largest: (min(n, width),).

    From the width by width table of products, which loses those below some 1e-8.
    """
    vectors = centred(vectors, "vectors")[0] if center else checked(vectors, "vectors")
    squares = torch.linalg.eigvalsh(vectors.T @ vectors).flip(0).clamp(min=0)
    values = squares.sqrt()[: min(vectors.shape)]
    return values / values[0] if values[0] > 0 else values


def variance_evenness(vectors: Tensor, *, share: float = 0.1) -> float:
    """What the first principal components would hold of the variance if it were even, over what
    they do hold: 1 when isotropic, `share` when they hold all of it.

    share: of the components, rounded up to whole ones. nan where nothing varies.
    Raises ValueError when share is not above 0 and at most 1.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share is {share}; allowed is above 0 and up to 1.")
    moved, _ = centred(vectors, "vectors")
    variances = torch.linalg.eigvalsh(moved.T @ moved).flip(0).clamp(min=0)
    total, count = float(variances.sum()), math.ceil(share * len(variances))
    if not total > 0:
        return math.nan
    return count / len(variances) / (float(variances[:count].sum()) / total)


def intrinsic_dimension(vectors: Tensor, *, neighbours: int = 20, asked: int = 5000) -> float:
    """The maximum likelihood estimate of the dimension, from distances to nearest neighbours.

        1 / mean over vectors and j < K of log(T_K / T_j),   T_j the distance to the j-th nearest

    Divide it by the width for a measure that is 1 when isotropic. At the edge of a cloud neighbours
    are missing on one side, so many dimensions with few vectors are told too few.
    asked: how many vectors, evenly spaced, have their neighbours looked up among all. Those with a
    copy among their neighbours are left out; nan where that leaves none.
    Raises ValueError when there are not more vectors than neighbours, or neighbours is below 3.
    Source: Levina & Bickel 2004, averaged as in MacKay & Ghahramani's comment.
    """
    vectors = checked(vectors, "vectors")
    if not 3 <= neighbours < len(vectors):
        raise ValueError(
            f"neighbours is {neighbours}; with {len(vectors)} vectors allowed is 3 to one less."
        )
    distances, _ = _nearest_others(vectors, _evenly(0, len(vectors), asked), neighbours)
    copies = distances <= ROUNDING * vectors.norm(dim=1).max()
    distances = distances[~copies.any(1)]
    if not len(distances):
        return math.nan
    logs = (distances[:, -1:] / distances[:, :-1]).log()
    mean = float(logs.mean())
    return 1 / mean if mean > 0 else math.nan


def nearest_distances(vectors: Tensor, rows: Tensor, neighbours: int) -> Tensor:
    """The distances of some rows to their nearest others, nearest first, (rows, neighbours).

    Raises ValueError when there are not more vectors than neighbours.
    """
    vectors = checked(vectors, "vectors")
    if not 1 <= neighbours < len(vectors):
        raise ValueError(
            f"neighbours is {neighbours}; with {len(vectors)} vectors allowed is 1 to one less."
        )
    return _nearest_others(vectors, rows, neighbours)[0]


def _evenly(start: int, end: int, count: int) -> Tensor:
    """Row numbers from start up to end, all of them or so many, evenly spaced."""
    return torch.linspace(start, end - 1, min(count, end - start), dtype=torch.float64).long()


def _nearest_others(vectors: Tensor, rows: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Of some rows the distances to their nearest others, nearest first, and which these are."""
    distances, others = [], []
    for part in rows.to(vectors.device).split(
        max(1, SCORES_AT_ONCE // (len(vectors) + count * vectors.shape[1]))
    ):
        table = torch.cdist(vectors[part], vectors)
        table[torch.arange(len(part)), part] = torch.inf  # not its own neighbour
        near = table.topk(count, dim=1, largest=False).indices
        # The table comes from products, which leave 1e-8 of a length where two are the same.
        exact, order = (vectors[part, None] - vectors[near]).norm(dim=-1).sort(dim=1, stable=True)
        distances.append(exact)
        others.append(near.gather(1, order))
    return torch.cat(distances), torch.cat(others)


def cone(vectors: Tensor) -> dict[str, float]:
    """average_cosine, isoscore and partition_ratio of some vectors, (n, width)."""
    return {
        "average_cosine": average_cosine(vectors),
        "isoscore": isoscore(vectors),
        "partition_ratio": partition_ratio(vectors),
    }
