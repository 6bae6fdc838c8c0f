"""Clouds of vectors for the tests of measures."""

import torch


def gaussian(n, width, seed):
    """(n, width) in float64, the same at every call."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, width, generator=generator, dtype=torch.float64)
