"""How alike two sets of vectors of the same examples are, and the maps that carry one onto the other.

Rows are examples, (n, p) and (n, q), in any widths; similarities are Python floats unless said
otherwise. A map is a matrix (p, q): `source @ map` lies where the target does; scores of what it
reaches are in `isomorph.measure.retrieval`. Everything is computed in float64 on the device of the
first, without a table of n by n. All raise ValueError when the two do not pair or a value is not
finite.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from scipy import stats
from scipy.linalg import schur
from torch import Tensor

from isomorph.measure.numerics import ROUNDING, centred, nearest_map, paired, unit_rows

FEWEST = 4  # examples of a CKA: the unbiased estimator divides by n (n - 3)
GROUPS = 50  # of rows that an interval leaves out in turn
CONFIDENCE = 0.95
PAIRS_AT_ONCE = 2**24  # 128 MiB of similarities
ROUNDS = 10  # of normalisation: lengths are then within 1e-3 of 1 on every model tried
# Of the ridge, as a share of the source's mean squared singular value, so that it means the same at
# every scale and number of pairs.
PENALTY = 0.1


class Interval(NamedTuple):
    """A value with its 95% interval."""

    value: float
    low: float
    high: float


def linear_cka(x: Tensor, y: Tensor, *, debiased: bool = True) -> float:
    """Centred kernel alignment by the inner product: 1 for vectors that differ by a rotation and scale.

    debiased: with the unbiased estimator of HSIC (Song et al. 2007), about 0 for unrelated vectors
    and sometimes below; else with tr(K H L H) / (n - 1)^2, which grows with the widths over the
    examples, to near 1 for unrelated vectors. Costs n p q; nan where a side does not vary.
    Raises ValueError with fewer than 4 examples.
    Source: Kornblith et al. 2019; Nguyen, Raghu & Kornblith 2021, eq. 3.
    """
    paired(x, y, ("x", "y"))
    (x, at_x), (y, at_y) = centred(x, "x"), centred(y.to(x.device), "y")
    if len(x) < FEWEST:
        raise ValueError(f"x and y have {len(x)} rows; CKA needs at least {FEWEST}.")
    for side, mean in ((x, at_x), (y, at_y)):
        if side.square().sum() <= len(x) * ROUNDING**2 * (mean @ mean):
            return math.nan
    hsic = _unbiased_hsic if debiased else _biased_hsic
    return _ratio(hsic(x, y), hsic(x, x), hsic(y, y))


def _unbiased_hsic(x: Tensor, y: Tensor) -> float:
    n, products, a, b = len(x), x.T @ y, x.sum(0), y.sum(0)
    k, l = x.square().sum(1), y.square().sum(1)  # the diagonals, which do not count
    trace = products.square().sum() - k @ l
    sums = (a @ a - k.sum()) * (b @ b - l.sum())
    both = a @ products @ b - k @ (y @ b) - l @ (x @ a) + k @ l
    total = trace + sums / ((n - 1) * (n - 2)) - 2 * both / (n - 2)
    return float(total) / (n * (n - 3))


def _biased_hsic(x: Tensor, y: Tensor) -> float:
    products = x.T @ y - torch.outer(x.sum(0), y.sum(0)) / len(x)
    return float(products.square().sum()) / (len(x) - 1) ** 2


def _ratio(xy: float, xx: float, yy: float) -> float:
    """What two have in common over the geometric mean of each with itself; nan where that is 0."""
    return xy / math.sqrt(xx * yy) if min(xx, yy, xx * yy) > 0 else math.nan


def cka_table(layers_x: Sequence[Tensor], layers_y: Sequence[Tensor]) -> Tensor:
    """`linear_cka` of each layer of one model with each of another, (layers of x, layers of y)."""
    table = [[linear_cka(x, y) for y in layers_y] for x in layers_x]
    return torch.tensor(table, dtype=torch.float64)


def cka_interval(x: Tensor, y: Tensor) -> Interval:
    """Debiased linear CKA with its interval over examples, by leaving out a fiftieth at a time.

    It is for independent rows: where the sentences of a page are alike, the interval is several
    times too narrow. It is Student's t with one degree of freedom less than groups, around the value,
    and says how far another sample might lie, and nothing of other seeds.
    Raises ValueError with fewer than 50 examples.
    Source: the delete-group jackknife, Efron & Tibshirani 1993, chapter 11.
    """
    if len(x) < GROUPS:
        raise ValueError(f"x has {len(x)} rows; an interval needs at least {GROUPS}.")
    value, group = linear_cka(x, y), torch.arange(len(x), device=x.device) % GROUPS
    left_out = [linear_cka(x[group != g], y[(group != g).to(y.device)]) for g in range(GROUPS)]
    spread = float(np.square(np.subtract(left_out, np.mean(left_out))).mean())
    reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, GROUPS - 1)) * math.sqrt((GROUPS - 1) * spread)
    return Interval(value, value - reach, value + reach)


def cka_null(x: Tensor, y: Tensor, *, seed: int, permutations: int = 200) -> Tensor:
    """Debiased linear CKA of y shuffled, so that nothing pairs: (permutations,).

    The share of these at or above the true value, counting that one among them, is the chance that
    unrelated vectors look so alike. Errors as of `linear_cka`; permutations below 1 raise ValueError.
    """
    if permutations < 1:
        raise ValueError(f"permutations is {permutations}; it must be at least 1.")
    generator = torch.Generator().manual_seed(seed)
    orders = [torch.randperm(len(y), generator=generator).to(y.device) for _ in range(permutations)]
    return torch.tensor([linear_cka(x, y[order]) for order in orders], dtype=torch.float64)


def rsa(x: Tensor, y: Tensor) -> float:
    """Representational similarity analysis: Pearson's correlation of the cosines within x with those
    within y, of all pairs of examples.

    In blocks of bounded memory. nan where the cosines of a side do not vary.
    Raises ValueError with fewer than 3 examples.
    Source: Kriegeskorte, Mur & Bandettini 2008; with cosines, as is usual for vectors of words.
    """
    x, y = paired(x, y, ("x", "y"))
    if len(x) < 3:
        raise ValueError(f"x and y have {len(x)} rows; RSA needs at least 3.")
    x, y = unit_rows(x, "x"), unit_rows(y, "y")
    # Less about their mean, the cosines keep their digits in the sums.
    means = [(s.sum(0) @ s.sum(0) - s.square().sum()) / (len(x) * (len(x) - 1)) for s in (x, y)]
    block = max(1, PAIRS_AT_ONCE // len(x))
    moments = torch.zeros(6, dtype=torch.float64, device=x.device)
    for start in range(0, len(x), block):
        rows = slice(start, start + block)
        upper = torch.ones(len(x[rows]), len(x) - start, device=x.device).triu(1).bool()
        a, b = ((s[rows] @ s[start:].T)[upper] - m for s, m in zip((x, y), means, strict=True))
        count = torch.tensor(float(len(a))).to(a)
        moments += torch.stack([count, a.sum(), b.sum(), a @ a, b @ b, a @ b])
    n, a, b, aa, bb, ab = moments.tolist()
    spreads = aa - a * a / n, bb - b * b / n
    # A cosine is at most 1, so that is what the deviations do not vary beside.
    return math.nan if min(spreads) <= n * ROUNDING**2 else _ratio(ab - a * b / n, *spreads)


def procrustes(source: Tensor, target: Tensor) -> Tensor:
    """The orthogonal map W that minimises the distance of `source @ W` to `target`.

    source (n, p), target (n, q): rows are pairs. W is (p, q); with X = source and Y = target,

        W = U V',  U S V' = svd(X' Y)

    Where p and q differ, W has orthonormal rows (p < q) or columns (p > q); the latter keep no
    distance, and what W maximises is the inner product of `source @ W` and `target`.
    With fewer independent pairs than dimensions there are many such maps. Of these it is the one
    nearest to the identity, by `numerics.nearest_map`, where the proof is: what the pairs say
    nothing of stays in its place, in so far as it can.
    Raises ValueError when the two do not pair or a value is not finite.
    Source: Schönemann 1966; Conneau, Wu et al. 2020, section 5.1, who write columns as pairs.
    """
    source, target = paired(source, target, ("source", "target"))
    rounding = ROUNDING * float(source.norm() * target.norm())
    return nearest_map(source.T @ target, rounding)


def ridge(source: Tensor, target: Tensor) -> Tensor:
    """The linear map (p, q) that minimises the squared distance plus `PENALTY` on its own norm.

    It may bend the space, so what it reaches and a rotation does not is no likeness of shape.
    source (n, p), target (n, q): rows are pairs. Raises ValueError as `procrustes`.
    """
    source, target = paired(source, target, ("source", "target"))
    gram = source.T @ source
    size = gram.diagonal().mean()
    damping = PENALTY * torch.where(size > 0, size, 1.0)  # of zeros the map is 0 with any
    return torch.linalg.solve(gram + damping * torch.eye(len(gram)).to(gram), source.T @ target)


def iterative_normalisation(vectors: Tensor) -> Tensor:
    """Rows brought to length 1, then to mean 0, again and again: (n, width), float64.

    The last step is the mean, so that it is 0 and lengths are 1 but for what a round changes.
    Raises ValueError when `vectors` is not (n, width) or not finite.
    Source: Zhang et al. 2019, as in Conneau, Wu et al. 2020, section 5.1.
    """
    return normalise(vectors, normalising_means(vectors))


def normalising_means(vectors: Tensor) -> list[Tensor]:
    """The mean that each round of `iterative_normalisation` subtracts, (width,) each.

    Learnt on some vectors, they normalise others of the same model in the same way (`normalise`).
    """
    means = []
    for _ in range(ROUNDS):
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
    matrix = rotation.detach().cpu().double().numpy()
    if matrix.ndim != 2 or not np.allclose(matrix @ matrix.T, np.eye(len(matrix)), atol=1e-6):
        raise ValueError(f"rotation is {tuple(rotation.shape)}; it must be square and orthogonal.")
    turns, basis = schur(matrix, output="complex")
    angles = np.angle(turns.diagonal())
    mirrored = np.abs(angles) > np.pi - 1e-9
    values = np.where(mirrored, 1 - 2 * share, np.exp(1j * share * angles))
    return torch.from_numpy(((basis * values) @ basis.conj().T).real)
