"""Sums over examples from which linear CKA follows exactly, however the examples come in batches.

With k_i = |x_i|^2 and l_i = |y_i|^2, all that the estimators of HSIC need of the Gram matrices
X X' and Y Y' are sums over i, so examples can be streamed and memory does not grow with them:
three matrices of width by width. Averaging the CKA of batches instead would give another number,
which depends on the batch size (Nguyen, Raghu & Kornblith 2021 average the terms, and divide once;
here not even the terms depend on the batches).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from isomorph.measure.pairs import ROUNDING, centred, paired

FEWEST = 4  # examples: the unbiased estimator divides by n (n - 3)


@dataclass(frozen=True)
class CrossProducts:
    """The sums for two sets of vectors of the same examples; add those of batches together.

    shift_x, shift_y: what was subtracted from every vector first. It changes no result, and keeps
    the sums small where vectors have a large mean in common. Only equal shifts can be added.
    All others are sums over the examples: of x (p,), of x x' (p, p), of k x (p,), and so on.
    """

    shift_x: Tensor
    shift_y: Tensor
    n: int
    x: Tensor
    y: Tensor
    xx: Tensor
    yy: Tensor
    xy: Tensor
    k: Tensor
    l: Tensor
    kk: Tensor
    ll: Tensor
    kl: Tensor
    kx: Tensor
    lx: Tensor
    ky: Tensor
    ly: Tensor

    @classmethod
    def of(
        cls, x: Tensor, y: Tensor, shift_x: Tensor | None = None, shift_y: Tensor | None = None
    ) -> CrossProducts:
        """The sums over one batch: x (n, p) and y (n, q), in float64 on the device of x.

        Shifts (p,) and (q,); left out, the batch's own means. Give a later batch those of the first.
        Raises ValueError when the two do not pair or a value is not finite.
        """
        own, others = paired(x, y, ("x", "y"))
        x, shift_x = _shifted(x, own, shift_x)
        y, shift_y = _shifted(y, others, shift_y)
        k, l = (x * x).sum(1), (y * y).sum(1)
        return cls(
            shift_x, shift_y, len(x),
            x.sum(0), y.sum(0), x.T @ x, y.T @ y, x.T @ y,
            k.sum(), l.sum(), k @ k, l @ l, k @ l,
            k @ x, l @ x, k @ y, l @ y,
        )  # fmt: skip

    def and_batch(self, x: Tensor, y: Tensor) -> CrossProducts:
        """These sums with those of another batch."""
        return self + CrossProducts.of(x, y, self.shift_x, self.shift_y)

    def __add__(self, other: CrossProducts) -> CrossProducts:
        return self._combined(other, 1)

    def __sub__(self, other: CrossProducts) -> CrossProducts:
        """The sums without those of some of the examples."""
        return self._combined(other, -1)

    def _combined(self, other: CrossProducts, sign: int) -> CrossProducts:
        for side in ("shift_x", "shift_y"):
            if not torch.equal(getattr(self, side), getattr(other, side)):
                raise ValueError(f"{side} differs between the two; only equal shifts can be added.")
        sums = [part.name for part in fields(self) if not part.name.startswith("shift")]
        added = {name: getattr(self, name) + sign * getattr(other, name) for name in sums}
        return CrossProducts(self.shift_x, self.shift_y, **added)

    def cka(self, *, debiased: bool = True) -> float:
        """Linear CKA, as `isomorph.measure.similarity.linear_cka`.

        nan where one side does not vary. Raises ValueError with fewer than four examples.
        """
        check_number(self.n)
        for squares, shift in ((self.k, self.shift_x), (self.l, self.shift_y)):
            if squares <= self.n * ROUNDING**2 * (shift @ shift):
                return math.nan
        return ratio(*self.hsic(debiased=debiased))

    def hsic(self, *, debiased: bool = True) -> tuple[float, float, float]:
        """HSIC of the two sides, of x with itself and of y with itself.

        debiased: the unbiased estimator (Song et al. 2007; Nguyen, Raghu & Kornblith 2021, eq. 3),
        else tr(K H L H) / (n - 1)^2 (Kornblith et al. 2019).
        """
        sides = (
            (self.xy, self.x, self.y, self.k, self.l, self.kl, self.ky, self.lx),
            (self.xx, self.x, self.x, self.k, self.k, self.kk, self.kx, self.kx),
            (self.yy, self.y, self.y, self.l, self.l, self.ll, self.ly, self.ly),
        )
        estimate = self._unbiased if debiased else self._biased
        return tuple(estimate(*side) for side in sides)

    def _unbiased(self, ab, a, b, k, l, kl, kb, la) -> float:
        n = self.n
        trace = (ab * ab).sum() - kl
        sums = (a @ a - k) * (b @ b - l)  # 1'K1 times 1'L1, diagonals 0
        both = a @ ab @ b - b @ kb - a @ la + kl  # 1'KL1
        total = trace + sums / ((n - 1) * (n - 2)) - 2 * both / (n - 2)
        return float(total) / (n * (n - 3))

    def _biased(self, ab, a, b, *_) -> float:
        centred = ab - torch.outer(a, b) / self.n
        return float((centred * centred).sum()) / (self.n - 1) ** 2


def _shifted(given: Tensor, vectors: Tensor, shift: Tensor | None) -> tuple[Tensor, Tensor]:
    """Vectors (n, width), as given and on their device, less a shift (width,), which is the mean."""
    if shift is None:
        return tuple(part.to(vectors) for part in centred(given, "vectors"))
    return vectors - shift.to(vectors), shift.to(vectors)


def ratio(xy: float, xx: float, yy: float) -> float:
    """HSIC of the two over the geometric mean of each with itself; nan where that is not above 0."""
    return xy / math.sqrt(xx * yy) if min(xx, yy, xx * yy) > 0 else math.nan


def check_number(n: int) -> None:
    if n < FEWEST:
        raise ValueError(f"x and y have {n} rows; CKA needs at least {FEWEST}.")
