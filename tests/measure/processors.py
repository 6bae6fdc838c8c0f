"""Other processors, played: what `svd` and `eigh` leave open, answered in another way that is right.

Signs are turned round, vectors of equal values are turned among themselves, rounding moves the last
digits. A measure that the data determine, or that chooses by a rule, gives the same.
"""

import contextlib
from unittest import mock

import torch

EQUAL = 1e-10  # beside the largest value


def _turned(values, vectors, generator):
    """Columns, those of equal values turned by one random turn; and the turn."""
    turn = torch.zeros(vectors.shape[1], vectors.shape[1], dtype=vectors.dtype)
    near, start = EQUAL * values.abs().amax() if len(values) else 0.0, 0
    while start < len(turn):
        end = start + int(((values[start:] - values[start]).abs() <= near).long().cumprod(0).sum())
        drawn = torch.randn(end - start, end - start, generator=generator, dtype=turn.dtype)
        turn[start:end, start:end] = torch.linalg.qr(drawn).Q
        start = end
    return vectors @ turn, turn


@contextlib.contextmanager
def other_processor(seed):
    """torch.linalg's svd and eigh as another library might answer."""
    generator = torch.Generator().manual_seed(seed)
    svd, eigh, pinv = torch.linalg.svd, torch.linalg.eigh, torch.linalg.pinv

    def other_svd(table, full_matrices=True):
        left, values, right = svd(table, full_matrices=full_matrices)
        rank = int((values > EQUAL * values.max()).sum()) if values.numel() else 0
        own, turn = _turned(values[:rank], left[:, :rank], generator)
        beside = turn.T @ right[:rank]  # equal values turn together, and zeros each by itself
        rest = [
            _turned(torch.zeros(side.shape[1]), side, generator)[0]
            for side in (left[:, rank:], right[rank:].T)
        ]
        return torch.return_types.linalg_svd(
            (torch.cat([own, rest[0]], 1), values, torch.cat([beside, rest[1].T]))
        )

    def other_eigh(table):
        values, vectors = eigh(table)
        return torch.return_types.linalg_eigh((values, _turned(values, vectors, generator)[0]))

    def other_pinv(table):
        left, values, right = other_svd(table, full_matrices=False)
        kept = values > max(table.shape) * torch.finfo(table.dtype).eps * values.max()
        return right[kept].T / values[kept] @ left[:, kept].T

    with (
        mock.patch.object(torch.linalg, "svd", other_svd),
        mock.patch.object(torch.linalg, "eigh", other_eigh),
        mock.patch.object(torch.linalg, "pinv", other_pinv),
    ):
        yield
    assert torch.linalg.svd is svd and torch.linalg.pinv is pinv
