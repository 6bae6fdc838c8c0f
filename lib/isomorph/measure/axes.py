"""Maps and axes that the data leave open, chosen by a rule: the same on every processor.

What `svd` and `eigh` return where values are zero or equal, and every sign, is the choice of the
processor's library. Here it is the choice nearest to the identity.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

FAINT = 1e-6  # of the identity beside a unit vector: what it says there rests on few digits
EQUAL = 32  # eigenvalues are equal within so many eps of the largest, which is what eigh leaves


def nearest_map(table: Tensor, smallest: float = FAINT) -> Tensor:
    """The W (p, q) with orthonormal rows or columns that maximises tr(W' table), chosen by a rule.

    With table = U S V' it is U1 V1' on the directions whose value is above `smallest`, and only
    there it is unique (the polar factor): the optima are U1 V1' + U2 Q V2' for all orthogonal Q,
    since the trace sees nothing of Q. Among them the one nearest to the identity is taken: as

        |W - I|^2 = const - 2 tr(W' I),    Q maximises tr(Q' U2' I V2)

    which is this very problem for the identity as seen by the free directions alone, and so depends
    on their spans and not on their bases. Where the identity is silent too, at right angles between
    the spans, a fixed table of random numbers takes its place.
    """
    p, q = table.shape
    return _polar((table, smallest), (torch.eye(p, q).to(table), FAINT), (_fixed(p, q, table), 0.0))


def _polar(*asked: tuple[Tensor, float]) -> Tensor:
    """The polar factor of the first table, and of the next on the directions which that leaves free.

    asked: tables of one shape, each with the value at which a direction of it is none.
    """
    rank, found = 0, torch.zeros_like(asked[0][0])
    for table, least in asked:
        if rank == min(table.shape):
            break
        if rank:
            table = table - found @ (found.T @ table)
            table = table - (table @ found.T) @ found
        left, values, right = torch.linalg.svd(table, full_matrices=False)
        more = min(min(table.shape) - rank, int((values > least).sum()))
        rank, found = rank + more, found + left[:, :more] @ right[:more]
    return found


def _fixed(rows: int, columns: int, like: Tensor) -> Tensor:
    return torch.from_numpy(np.random.default_rng(0).standard_normal((rows, columns))).to(like)


def principal_axes(table: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues (width,) of a symmetric table, the largest first, and their axes, columns.

    Axes by the rule of `settled`.
    """
    values, axes = torch.linalg.eigh(table)
    return values.flip(0), settled(values.flip(0), axes.flip(1))


def settled(values: Tensor, axes: Tensor) -> Tensor:
    """Orthonormal axes (m, k), columns, each of a value (k,) in falling order, chosen by a rule.

    Axes of equal values are turned among themselves to where they are nearest to the first axes of
    coordinates, and each axis has the sign that makes its largest entry positive, the first of
    several that are as large.
    """
    axes = axes.clone()
    near = EQUAL * torch.finfo(values.dtype).eps * float(values.abs().max())
    ends = ((values[:-1] - values[1:] > near).nonzero()[:, 0] + 1).tolist()
    for start, end in zip([0, *ends], [*ends, len(values)], strict=True):
        if end - start > 1:
            own, count = axes[:, start:end], end - start
            fixed = _fixed(len(axes), count, axes)
            axes[:, start:end] = own @ _polar((own[:count].T, FAINT), (own.T @ fixed, 0.0))
    sizes = axes.abs()
    largest = (sizes >= (1 - FAINT) * sizes.amax(0)).int().argmax(0)
    return axes * axes.gather(0, largest[None]).sign()
