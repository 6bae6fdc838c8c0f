"""How evenly vectors fill the directions of their space.

- `average_cosine`: of two different vectors; 0 when directions are spread evenly, and near 1 in a
  narrow cone. It sees the mean that all have in common.
- `isoscore`: 1 when the variance is the same in all directions, 0 when there is one direction only
  (Rudman et al. 2022). It does not see the mean, so report both.
- `partition_ratio`: of Mu & Viswanath 2018.

vectors: (n, width). Everything is computed in float64, on the device of the vectors, in time linear
in n. All raise ValueError when a shape is not (n, width) or a value is not finite.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from isomorph.measure.neighbours import unit_rows


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
    vectors = vectors.detach().double()
    if not vectors.isfinite().all():
        raise ValueError("vectors has values that are not finite.")
    variances = torch.linalg.eigvalsh(vectors.T.cov(correction=1)).clamp(min=0)
    length = float(variances.norm())
    if not length > 0:
        return math.nan
    even = variances * math.sqrt(width) / length
    defect = float((even - 1).norm()) / math.sqrt(2 * (width - math.sqrt(width)))
    kept = width - defect**2 * (width - math.sqrt(width))
    return (kept**2 - width) / (width * (width - 1))


def partition_ratio(vectors: Tensor) -> float:
    """min Z(c) / max Z(c) with Z(c) = sum over vectors w of exp(c'w); 1 when isotropic.

    c runs over the eigenvectors of W'W, columns of the matrix that eigh gives, of length 1 and in
    both signs, because an eigenvector has none of its own.
    Source: Mu & Viswanath 2018, after Arora et al. 2016.
    """
    if vectors.ndim != 2 or 0 in vectors.shape or not vectors.isfinite().all():
        raise ValueError(f"vectors is {tuple(vectors.shape)}; it must be (n, width) and finite.")
    vectors = vectors.detach().double()
    directions = torch.linalg.eigh(vectors.T @ vectors).eigenvectors  # (width, directions)
    along = vectors @ directions  # (n, directions)
    logs = torch.cat([torch.logsumexp(sign * along, dim=0) for sign in (1, -1)])
    return math.exp(float(logs.min() - logs.max()))
