"""Clouds of vectors for the tests of measures."""

import torch

from isomorph.measure.retrieval import nearest


def gaussian(n, width, seed):
    """(n, width) in float64, the same at every call."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, width, generator=generator, dtype=torch.float64)


def csls(source, target):
    """All CSLS scores, (n_source, n_target), from the library's search of them all."""
    scores, columns = nearest(source, target, k=len(target), scoring="csls")
    return torch.empty_like(scores).scatter_(1, columns, scores)
