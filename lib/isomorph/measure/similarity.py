"""How alike two sets of vectors of the same examples are, whatever rotation lies between them.

- `linear_cka`, `rbf_cka`: centred kernel alignment (Kornblith et al. 2019). Debiased by default:
  the plain one is near 1 for unrelated vectors wherever widths are large beside the examples.
- `cka_table`: of all layers against all layers.
- `cka_interval`, `cka_null`: how sure a value is, and what unrelated vectors give.
- `rsa`: representational similarity analysis, the correlation of two tables of similarities.
- `mean_squared_cca`, `svcca`, `pwcca`: canonical correlations, which any linear map leaves as they
  are (Raghu et al. 2017; Morcos et al. 2018).

Rows are examples, (n, p) and (n, q), in any widths; results are Python floats unless said otherwise.
Everything is computed in float64 on the device of the first. For a stream of examples see
`isomorph.measure.cross_products.CrossProducts`, of which linear CKA is made.
All raise ValueError when the two do not pair or a value is not finite.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from isomorph.measure.axes import settled
from isomorph.measure.cross_products import CrossProducts, check_number, ratio
from isomorph.measure.neighbours import unit_rows
from isomorph.measure.pairs import ROUNDING, paired, paired_deviations

PAIRS_AT_ONCE = 2**24  # 128 MiB of similarities


class Interval(NamedTuple):
    """A value with its 95% interval."""

    value: float
    low: float
    high: float


def linear_cka(x: Tensor, y: Tensor, *, debiased: bool = True) -> float:
    """CKA with the inner product as its kernel: 1 for vectors that differ by a rotation and scale.

    debiased: with the unbiased estimator of HSIC, about 0 for unrelated vectors and sometimes
    below; else the one of Kornblith et al. 2019, which grows with the widths over the examples.
    Costs n p q; nan where a side does not vary. Raises ValueError with fewer than 4 examples.
    Source: Kornblith et al. 2019; Nguyen, Raghu & Kornblith 2021, eq. 3.
    """
    return CrossProducts.of(x, y).cka(debiased=debiased)


def cka_table(
    layers_x: Sequence[Tensor], layers_y: Sequence[Tensor], *, debiased: bool = True
) -> Tensor:
    """`linear_cka` of each layer of one model with each of another, (layers of x, layers of y)."""
    table = [[linear_cka(x, y, debiased=debiased) for y in layers_y] for x in layers_x]
    return torch.tensor(table, dtype=torch.float64)


def rbf_cka(x: Tensor, y: Tensor, *, fraction: float = 0.5, debiased: bool = True) -> float:
    """CKA with the kernel exp(-d^2 / (2 fraction^2 median(d^2))), d the distance of two examples.

    The median is over all n x n entries, as in the authors' code. Needs tables of n by n. nan where a
    side does not vary.
    Raises ValueError with fewer than 4 examples or a fraction not above 0.
    Source: Kornblith et al. 2019, section 3 and demo.
    """
    if not fraction > 0:
        raise ValueError(f"fraction is {fraction!r}; allowed is a number above 0.")
    x, y = paired_deviations(x, y, ("x", "y"))  # which changes no distance
    check_number(len(x))
    if not (x.any() and y.any()):
        return math.nan
    first, second = (_rbf(side, fraction) for side in (x, y))
    estimate = unbiased_hsic if debiased else biased_hsic
    return ratio(estimate(first, second), estimate(first, first), estimate(second, second))


def _rbf(x: Tensor, fraction: float) -> Tensor:
    squares = (x * x).sum(1)
    distances = (squares[:, None] + squares - 2 * x @ x.T).clamp(min=0)
    middle = max(float(np.median(distances.cpu().numpy())), torch.finfo(x.dtype).tiny)
    return torch.exp(-distances / (2 * fraction**2 * middle))


def biased_hsic(k: Tensor, l: Tensor) -> float:
    """tr(K H L H) / (n - 1)^2 of two kernels (n, n). Source: Kornblith et al. 2019."""
    centred = k - k.mean(0) - k.mean(1, keepdim=True) + k.mean()
    return float((centred * l).sum()) / (len(k) - 1) ** 2


def unbiased_hsic(k: Tensor, l: Tensor) -> float:
    """The U-statistic of HSIC of two kernels (n, n), whose diagonals do not count.

    Source: Song et al. 2007; Nguyen, Raghu & Kornblith 2021, eq. 3.
    """
    n = len(k)
    k, l = (kernel - torch.diag(kernel.diagonal()) for kernel in (k, l))
    trace, sums, both = (k * l).sum(), k.sum() * l.sum(), k.sum(0) @ l.sum(1)
    total = trace + sums / ((n - 1) * (n - 2)) - 2 * both / (n - 2)
    return float(total) / (n * (n - 3))


def cka_interval(
    x: Tensor,
    y: Tensor,
    *,
    debiased: bool = True,
    groups: int | Sequence[Hashable] | Tensor = 50,
    confidence: float = 0.95,
) -> Interval:
    """Linear CKA with its interval over examples, by leaving out one group of them at a time.

    groups: a label a row, such as its chapter (column `group` of `corpora.load_parallel`):
    rows of one label are left out together. A number deals the rows out to so many groups, which
    is for independent rows only: where the sentences of a page are alike, the interval is several
    times too narrow.

    The interval is Student's t with one degree of freedom less than groups, around the value. It
    says how far another sample of such groups might lie, and nothing of other seeds.
    Raises ValueError with too few examples or groups, or not one label a row.
    Source: the delete-group jackknife, Efron & Tibshirani 1993, chapter 11.
    """
    x, y = paired_deviations(x, y, ("x", "y"))
    group = _groups(groups, len(x)).to(x.device)
    sizes = group.bincount()
    check_number(len(x) - int(sizes.max()))
    every, left_out = CrossProducts.of(x, y), []
    for g in range(len(sizes)):
        own = CrossProducts.of(x[group == g], y[group == g], every.shift_x, every.shift_y)
        left_out.append((every - own).cka(debiased=debiased))
    spread = float(np.square(np.subtract(left_out, np.mean(left_out))).mean())
    reach = float(stats.t.ppf((1 + confidence) / 2, len(sizes) - 1)) * math.sqrt(
        (len(sizes) - 1) * spread
    )
    value = every.cka(debiased=debiased)
    return Interval(value, value - reach, value + reach)


def _groups(groups: int | Sequence[Hashable] | Tensor, count: int) -> Tensor:
    """(count,) the number of each row's group, from 0."""
    if isinstance(groups, int):
        if not 2 <= groups <= count:
            raise ValueError(f"groups is {groups}; with {count} examples allowed is 2 to as many.")
        return torch.arange(count) % groups
    labels = groups.tolist() if isinstance(groups, Tensor) else list(groups)
    number = {label: place for place, label in enumerate(dict.fromkeys(labels))}
    if len(labels) != count or len(number) < 2:
        raise ValueError(
            f"groups has {len(labels)} labels, {len(number)} of them different; with {count} "
            "examples allowed is one label a row, of two or more groups."
        )
    return torch.tensor([number[label] for label in labels])


def cka_null(
    x: Tensor, y: Tensor, *, seed: int, permutations: int = 200, debiased: bool = True
) -> Tensor:
    """Linear CKA when the examples of y are shuffled, so that nothing pairs: (permutations,).

    The share of these at or above the true value, counting that one among them, is the chance that
    unrelated vectors look so alike. Errors as of `linear_cka`; permutations below 1 raise ValueError.
    """
    if permutations < 1:
        raise ValueError(f"permutations is {permutations}; it must be at least 1.")
    x, y = paired_deviations(x, y, ("x", "y"))
    check_number(len(x))
    generator = torch.Generator().manual_seed(seed)
    orders = [torch.randperm(len(y), generator=generator).to(y.device) for _ in range(permutations)]
    null = [CrossProducts.of(x, y[order]).cka(debiased=debiased) for order in orders]
    return torch.tensor(null, dtype=torch.float64)


def rsa(x: Tensor, y: Tensor, *, correlation: str = "pearson") -> float:
    """The correlation of the cosines within x with those within y, over all pairs of examples.

    correlation: "pearson", in blocks of bounded memory, or "spearman", which holds all n (n - 1) / 2
    pairs. nan where the cosines of a side do not vary.
    Raises ValueError with fewer than 3 examples or an unknown correlation.
    Source: Kriegeskorte, Mur & Bandettini 2008; with cosines, as is usual for vectors of words.
    """
    if correlation not in ("pearson", "spearman"):
        raise ValueError(f"correlation is {correlation!r}; allowed are 'pearson', 'spearman'.")
    x, y = paired(x, y, ("x", "y"))
    if len(x) < 3:
        raise ValueError(f"x and y have {len(x)} rows; RSA needs at least 3.")
    x, y = unit_rows(x, "x"), unit_rows(y, "y")
    if correlation == "spearman":
        upper = torch.triu_indices(len(x), len(x), 1, device=x.device)
        cosines = ((s @ s.T)[upper[0], upper[1]].cpu() for s in (x, y))
        # Cosines that only rounding tells apart have one rank.
        ranks = (stats.rankdata((c / ROUNDING).round().numpy()) for c in cosines)
        first, second = (torch.from_numpy(r - r.mean()) for r in ranks)
        return _pearson(_moments(first, second))
    # Less about their mean, the cosines keep their digits in the sums.
    means = [(s.sum(0) @ s.sum(0) - s.square().sum()) / (len(x) * (len(x) - 1)) for s in (x, y)]
    block = max(1, PAIRS_AT_ONCE // len(x))
    total = torch.zeros(6, dtype=torch.float64, device=x.device)
    for start in range(0, len(x), block):
        rows = slice(start, start + block)
        upper = torch.ones(len(x[rows]), len(x) - start, device=x.device).triu(1).bool()
        cosines = ((s[rows] @ s[start:].T)[upper] - m for s, m in zip((x, y), means, strict=True))
        total += _moments(*cosines)
    return _pearson(total)


def _moments(a: Tensor, b: Tensor) -> Tensor:
    one = torch.tensor(float(len(a))).to(a)
    return torch.stack([one, a.sum(), b.sum(), a @ a, b @ b, a @ b])


def _pearson(moments: Tensor) -> float:
    n, a, b, aa, bb, ab = moments.tolist()
    spreads = aa - a * a / n, bb - b * b / n
    # A cosine is at most 1, so that is what the deviations do not vary beside; ranks are larger.
    return math.nan if min(spreads) <= n * ROUNDING**2 else ratio(ab - a * b / n, *spreads)


def mean_squared_cca(x: Tensor, y: Tensor, *, center: bool = True) -> float:
    """The mean of the squared canonical correlations, 0 to 1, over min(p, q) of them.

    The same for every invertible linear map of a side, and 1 where n is at most a width: then any
    two sets of vectors correlate wholly. nan where a side does not vary. Source: Kornblith et al. 2019 (R^2_CCA); their code does
    not centre.
    """
    x, y = _sides(x, y, center)
    left, right = _basis(x), _basis(y)
    if not (left.numel() and right.numel()):
        return math.nan
    return float(((left.T @ right) ** 2).sum()) / min(x.shape[1], y.shape[1])


def svcca(x: Tensor, y: Tensor, *, variance: float = 0.99) -> float:
    """The mean canonical correlation of the directions that hold so much of each side's variance.

    nan where a side does not vary.
    Raises ValueError when the variance is not above 0 and at most 1. Source: Raghu et al. 2017.
    """
    if not 0 < variance <= 1:
        raise ValueError(f"variance is {variance!r}; allowed is a share above 0, at most 1.")
    left, right = (_leading(side, variance) for side in _sides(x, y))
    return float(_correlations(left, right)[1].mean())


def pwcca(x: Tensor, y: Tensor) -> float:
    """The canonical correlations of x with y, weighted by how much of x each direction accounts for.

    Not symmetric: the weights are those of x. They are sums over its single coordinates, so that a
    rotation of x changes them a little; and so does the choice of directions that correlate alike,
    which is that of `isomorph.measure.axes.settled`. nan where a side does not vary.
    Source: Morcos, Raghu & Bengio 2018.
    """
    x, y = _sides(x, y)
    left, right = _basis(x), _basis(y)
    if not (left.numel() and right.numel()):
        return math.nan
    turn, correlations = _correlations(left, right)
    weights = (settled(correlations, left @ turn).T @ x).abs().sum(1)  # of each direction in x
    return float((weights * correlations).sum() / weights.sum())


def _sides(x: Tensor, y: Tensor, center: bool = True) -> tuple[Tensor, Tensor]:
    return (paired_deviations if center else paired)(x, y, ("x", "y"))


def _basis(x: Tensor) -> Tensor:
    """Orthonormal directions (n, rank) of what the columns span; rank 0 where nothing varies."""
    return _leading(x, 1.0)


def _leading(x: Tensor, variance: float) -> Tensor:
    left, values, _ = torch.linalg.svd(x, full_matrices=False)
    smallest = values[0] * max(x.shape) * torch.finfo(x.dtype).eps
    kept = int((values > smallest).sum())
    if variance < 1 and kept:
        share = (values**2).cumsum(0) / (values**2).sum()
        kept = min(kept, 1 + int((share < variance).sum()))
    return left[:, :kept]


def _correlations(left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
    """The turn of the left basis to canonical directions, and the canonical correlations."""
    turn, values, _ = torch.linalg.svd(left.T @ right, full_matrices=False)
    return turn, values.clamp(max=1)
