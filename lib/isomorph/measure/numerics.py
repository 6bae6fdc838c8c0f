"""Vectors checked and brought to float64, what does not vary, and what the data leave open.

Numbers *do not vary* where the largest less the smallest is no more than rounding makes of one
number: 4 units in the last place of the type they come in, or `ROUNDING` beside the largest value
of all that are computed with. A measure that needs variation then says nan, and a transform raises
ValueError.

What `svd` and `eigh` return where values are zero or equal, and every sign, is the choice of the
processor's library. Here it is the choice nearest to the identity: the same on every processor.
"""

import numpy as np
import torch
from torch import Tensor

ROUNDING = 1e-12  # far above what float64 arithmetic leaves, far below what float32 resolves
LARGEST = 1e70  # HSIC multiplies four: far above any number of a float32, and 1 / LARGEST far below
UNITS = 4  # in the last place: neighbours of a rounded number, and theirs
FAINT = 1e-6  # of the identity beside a unit vector: what it says there rests on few digits
EQUAL = 32  # eigenvalues are equal within so many eps of the largest, which is what eigh leaves


def checked(vectors: Tensor, name: str) -> Tensor:
    """(n, width) in float64. Raises ValueError, with the name given, for other shapes and values."""
    values = _finite(vectors, name, torch.float64)
    largest = float(values.abs().max())
    if largest > LARGEST or 0 < largest < 1 / LARGEST:
        raise ValueError(
            f"{name} has {largest:g} as its largest value, of which products are lost; allowed is "
            f"{1 / LARGEST:g} to {LARGEST:g}, or zeros alone."
        )
    return values


def _finite(vectors: Tensor, name: str, dtype: torch.dtype) -> Tensor:
    if vectors.ndim != 2 or 0 in vectors.shape:
        raise ValueError(f"{name} is {tuple(vectors.shape)}; it must be (n, width), no zero.")
    if vectors.is_complex():
        raise ValueError(f"{name} is {vectors.dtype}; it must hold real numbers.")
    if vectors.device.type == "mps" and dtype == torch.float64:
        vectors = vectors.cpu()  # MPS has no float64
    values = vectors.detach().to(dtype)
    if not values.isfinite().all():
        raise ValueError(f"{name} has values that are not finite.")
    return values


def paired(first: Tensor, second: Tensor, names: tuple[str, str]) -> tuple[Tensor, Tensor]:
    """Both (n, width), widths of their own, in float64 on the device of the first.
    Raises ValueError, with the names given, as `checked`, or when they have not as many rows."""
    first, second = checked(first, names[0]), checked(second, names[1])
    if len(first) != len(second):
        raise ValueError(
            f"{names[0]} has {len(first)} rows and {names[1]} {len(second)}; rows go together."
        )
    return first, second.to(first.device)


def centred(vectors: Tensor, name: str) -> tuple[Tensor, Tensor]:
    """Vectors less their mean, (n, width), and the mean, (width,), in float64. A dimension that
    does not vary is exactly 0, so that its rounding is not taken for variance. Errors as of
    `checked`."""
    values = checked(vectors, name)
    mean = values.mean(0)
    still = ~varies(vectors.to(values.device))
    return (values - mean).masked_fill_(still, 0.0), mean


def unit_rows(
    vectors: Tensor, name: str, center: bool = False, dtype: torch.dtype = torch.float64
) -> Tensor:
    """Rows of length 1, after subtracting their mean when `center`; zeros stay zeros.
    Raises ValueError, with the name given, when `vectors` is not (n, width) or not finite."""
    vectors = _finite(vectors, name, dtype)
    # By the power of two next to the largest: squares are neither infinite nor nothing, and no
    # digit changes.
    reach = 120 if dtype == torch.float32 else 1000
    largest = vectors.abs().amax((0, 1) if center else 1, keepdim=True)
    exponents = torch.frexp(largest).exponent.clamp(-reach, reach)
    vectors, smallest = vectors * torch.pow(2.0, -exponents.to(dtype)), 0.0
    if center:
        # What rounding leaves of a vector that equals the mean has no direction.
        smallest = ROUNDING * vectors.norm(dim=1).max()
        vectors = vectors - vectors.mean(0)
    lengths = vectors.norm(dim=1, keepdim=True)
    return torch.where(lengths > smallest, vectors / lengths, 0.0)


def cosines(first: Tensor, second: Tensor) -> Tensor:
    """The cosine of each row of the one with the same row of the other, (n,) in float64."""
    return (unit_rows(first, "first") * unit_rows(second, "second")).sum(1)


def varies(values: Tensor) -> Tensor:
    """Whether numbers (n, ...) vary along the first dimension, (...) in bool."""
    eps = torch.finfo(values.dtype if values.is_floating_point() else torch.float64).eps
    low, high = (side.double() for side in (values.amin(0), values.amax(0)))
    size = torch.maximum(low.abs(), high.abs())
    return high - low > torch.maximum(UNITS * eps * size, ROUNDING * size.max())


def snapped(values: Tensor) -> Tensor:
    """Numbers as whole multiples of `ROUNDING` beside the largest: equal where rounding told apart."""
    size = values.abs().max().clamp(min=torch.finfo(values.dtype).tiny)
    return (values / size / ROUNDING).round()


def best_first(scores: Tensor, k: int = 1) -> tuple[Tensor, Tensor]:
    """The k largest of each row of scores (n, m) and their columns, (n, k) each, the best first.

    Of scores within `ROUNDING`, or in float32 within 1e-6, the one of the lower column comes
    first.
    """
    tie = ROUNDING if scores.dtype == torch.float64 else 1e-6
    best, columns = scores.topk(min(k + 1, scores.shape[1]), dim=1)
    if best.shape[1] > k:  # where the next one ties with the last, which are among the k?
        rows = (best[:, k - 1] - best[:, k] <= tie).nonzero()[:, 0]
        tables, last = scores[rows], best[rows, k - 1 : k]
        surely = tables > last + tie
        tied = ~surely & (tables >= last - tie)
        room = k - surely.sum(1, keepdim=True)
        kept = surely | (tied & (tied.cumsum(1, dtype=torch.int32) <= room))
        best, columns = best[:, :k].contiguous(), columns[:, :k].contiguous()
        columns[rows] = kept.nonzero()[:, 1].view(-1, k)
        best[rows] = tables.gather(1, columns[rows])
    order = best.argsort(dim=1, descending=True, stable=True)
    best, columns = best.gather(1, order), columns.gather(1, order)
    group = torch.zeros_like(columns)
    group[:, 1:] = (best[:, :-1] - best[:, 1:] > tie).cumsum(1)
    order = (group * scores.shape[1] + columns).argsort(1)
    return best.gather(1, order), columns.gather(1, order)


def nearest_map(table: Tensor, smallest: float = FAINT) -> Tensor:
    """The W (p, q) with orthonormal rows or columns that maximises tr(W' table), chosen by a rule.

    With table = U S V' it is U1 V1' on the directions whose value is above `smallest`, and only
    there it is unique (the polar factor): the optima are U1 V1' + U2 Q V2' for all orthogonal Q,
    since the trace sees nothing of Q. Among them the one nearest to the identity is taken: as

        |W - I|^2 = const - 2 tr(W' I),    Q maximises tr(Q' U2' I V2)

    which is this very problem for the identity as seen by the free directions alone. Where the
    identity is silent too, a fixed table of random numbers takes its place.
    """
    p, q = table.shape
    return _polar((table, smallest), (torch.eye(p, q).to(table), FAINT), (_fixed(p, q, table), 0.0))


def _polar(*tables: tuple[Tensor, float]) -> Tensor:
    """The polar factor of the first table, and of the next on the directions which that leaves free.

    tables: of one shape, each with the value at which a direction of it is none.
    """
    rank, factor = 0, torch.zeros_like(tables[0][0])
    for table, least in tables:
        if rank == min(table.shape):
            break
        if rank:
            table = table - factor @ (factor.T @ table)
            table = table - (table @ factor.T) @ factor
        left, values, right = torch.linalg.svd(table, full_matrices=False)
        more = min(min(table.shape) - rank, int((values > least).sum()))
        rank, factor = rank + more, factor + left[:, :more] @ right[:more]
    return factor


def _fixed(rows: int, columns: int, like: Tensor) -> Tensor:
    return torch.from_numpy(np.random.default_rng(0).standard_normal((rows, columns))).to(like)


def principal_axes(table: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues (width,) of a symmetric table, the largest first, and their axes, columns.

    Axes of equal values are turned among themselves to where they are nearest to the first axes of
    coordinates, and each has the sign that makes its largest entry, the first of equals, positive.
    """
    values, axes = (part.flip(-1) for part in torch.linalg.eigh(table))
    near = EQUAL * torch.finfo(values.dtype).eps * float(values.abs().max())
    ends = ((values[:-1] - values[1:] > near).nonzero()[:, 0] + 1).tolist()
    for start, end in zip([0, *ends], [*ends, len(values)], strict=True):
        if end - start > 1:
            equal, count = axes[:, start:end], end - start
            fixed = _fixed(len(axes), count, axes)
            axes[:, start:end] = equal @ _polar((equal[:count].T, FAINT), (equal.T @ fixed, 0.0))
    sizes = axes.abs()
    largest = (sizes >= (1 - FAINT) * sizes.amax(0)).int().argmax(0)
    return values, axes * axes.gather(0, largest[None]).sign()
