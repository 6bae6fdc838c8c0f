"""Isotropic batch normalisation of [CLS] vectors, and plain normalisations to compare it with.

IsoBN of Zhou, Lin and Ren (AAAI 2021), step by step as in the authors' code
(github.com/INK-USC/IsoBN): coordinates that vary much and correlate with many others are scaled
down, so that no few directions dominate what the classifier reads. The authors apply it to the
pooled [CLS] vector, before dropout and a linear classifier.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from isomorph.text.corpora import require

NORMALISATIONS = ("none", "isobn", "batch", "layer")


class IsoBN(nn.Module):
    """Scales each coordinate by a factor that running statistics of past batches decide.

    width: of the vectors. momentum: the weight of a new batch in the running estimates, which
    start at 0. beta: how strongly to even out; 0 leaves vectors as they are but for a constant
    close to 1. eps keeps powers and quotients finite.

    It neither subtracts the mean nor rotates. So correlations between coordinates stay what they
    are, and only variances change: measure the effect by eigenvalues of the covariance.
    As both estimates start at 0, the estimated correlation of t like batches is the true one
    divided by 1 - (1 - momentum)^t, before it is clipped: early on, nearly all are 1 or -1.
    """

    def __init__(self, width: int, *, momentum: float = 0.05, beta: float = 0.5, eps: float = 1e-3):
        super().__init__()
        if width < 1:
            raise ValueError(f"width is {width}; allowed is a number from 1.")
        if not 0 < momentum <= 1:
            raise ValueError(f"momentum is {momentum}; allowed is above 0 and at most 1.")
        if eps <= 0:
            raise ValueError(f"eps is {eps}; allowed is a number above 0.")
        self.momentum, self.beta, self.eps = momentum, beta, eps
        self.register_buffer("std", torch.zeros(width))
        self.register_buffer("covariance", torch.zeros(width, width))
        self.register_buffer("batches", torch.tensor(0))

    def forward(self, x: Tensor) -> Tensor:
        """(rows, width) to the same. In training the rows first enter the running estimates.

        No gradient passes through the factors. Before the first training batch there are no
        estimates, and vectors pass as they are.
        Raises ValueError for another shape.
        """
        width = len(self.std)
        if x.ndim != 2 or x.shape[1] != width:
            raise ValueError(f"x has the shape {tuple(x.shape)}; allowed is (rows, {width}).")
        if self.training:
            self.update(x)
        return x * self.scale().to(x.dtype) if self.batches else x

    @torch.no_grad()
    def update(self, x: Tensor) -> None:
        """Let a batch (rows, width) enter the running estimates, both divided by its rows."""
        with torch.autocast(x.device.type, enabled=False):  # bf16 has too few digits for these
            centred = x.to(self.std.dtype) - x.to(self.std.dtype).mean(0)
            self.std.lerp_(centred.square().mean(0).sqrt(), self.momentum)
            self.covariance.lerp_(centred.T @ centred / len(x), self.momentum)
            self.batches += 1

    @torch.no_grad()
    def scale(self) -> Tensor:
        """(width,) the factors, which keep the total of the running variances."""
        products = torch.outer(self.std, self.std)
        # A coordinate that never varies correlates with nothing.
        correlation = torch.where(products > 0, self.covariance / products, 0).clamp(-1, 1)
        gamma = correlation.square().mean(1)
        theta = (gamma * self.std + self.eps) ** -self.beta
        variance = self.covariance.diagonal()
        return theta * (variance.sum() / ((variance * theta**2).sum() + self.eps)).sqrt()


def cls_normalisation(name: str, width: int) -> nn.Module:
    """A module (rows, width) to the same that normalises [CLS] vectors, by name.

    "none"; "isobn"; "batch": standardise each coordinate by the batch, in evaluation by running
    statistics (needs two rows in training); "layer": standardise each vector over its own
    coordinates. None has weights, so what is compared is the normalisation alone. In front of the
    classifier of a `PairHead` it goes by
    ``head.out = nn.Sequential(cls_normalisation("isobn", head.width), head.out)``; the head's own
    dropout then comes before it, not after it as the authors have it.
    "batch" and "layer" are our choice: Zhou, Du and Ren (arXiv 1911.03918, withdrawn by its first
    author) report on several normalisations of [CLS], but of that paper we know the abstract only.
    Raises ValueError for another name.
    """
    require("name", name, NORMALISATIONS)
    if name == "isobn":
        return IsoBN(width)
    if name == "batch":
        return nn.BatchNorm1d(width, affine=False)
    return nn.LayerNorm(width, elementwise_affine=False) if name == "layer" else nn.Identity()
