"""What fine-tuning studies change of the optimiser: BERT's Adam, mixout, and pulls to the start.

After Zhang et al. (ICLR 2021), who compare them, and Lee et al. (ICLR 2020).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

Origins = Mapping[nn.Parameter, Tensor]  # of each weight, the value that it started from


class BertAdam(torch.optim.Optimizer):
    """Adam without bias correction, the optimiser that BERT came with (Zhang et al. 2021).

    m and v are the running means of the gradient g and its square, from 0 and never corrected:

        m = b1 m + (1 - b1) g,  v = b2 v + (1 - b2) g²,  w = w - lr (m / (√v + eps) + decay w)

    so that the first steps are too long: against Adam's, where eps does not count, step t (from 1)
    by the factor (1 - b1^t) / √(1 - b2^t), see `overstep`. Weight decay is decoupled, as AdamW's.
    The default eps is BERT's.
    """

    BETAS = (0.9, 0.999)

    def __init__(self, params, lr: float, *, eps: float = 1e-6, weight_decay: float = 0.0):
        super().__init__(params, {"lr": lr, "eps": eps, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self) -> None:
        """Move every weight that has a gradient."""
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            if not weights:
                continue
            for weight in weights:
                if not self.state[weight]:
                    self.state[weight] = {name: torch.zeros_like(weight) for name in ("m", "v")}
            first, second = self.BETAS
            gradients = [weight.grad for weight in weights]
            means = [self.state[weight]["m"] for weight in weights]
            squares = [self.state[weight]["v"] for weight in weights]
            torch._foreach_lerp_(means, gradients, 1 - first)
            torch._foreach_mul_(squares, second)
            torch._foreach_addcmul_(squares, gradients, gradients, 1 - second)
            scales = torch._foreach_sqrt(squares)
            torch._foreach_add_(scales, group["eps"])
            if group["weight_decay"]:
                torch._foreach_mul_(weights, 1 - group["lr"] * group["weight_decay"])
            torch._foreach_addcdiv_(weights, means, scales, -group["lr"])


def overstep(step: int, betas: tuple[float, float] = BertAdam.BETAS) -> float:
    """How many times as long `BertAdam`'s step is as Adam's; steps count from 1."""
    return (1 - betas[0] ** step) / (1 - betas[1] ** step) ** 0.5


@contextmanager
def mixout(origins: Origins, probability: float) -> Iterator[None]:
    """For one forward and backward pass, mix weights with those they started from (Lee et al. 2020).

    Each entry w of a weight is replaced by its origin u with this probability, and the others are
    moved away from it, to u + (w - u) / (1 - probability), so that the expectation stays w; with
    probability 1 all are u. Afterwards the weights are what they were, and the gradients in them
    are those for w: so they must have none when it begins. Draws from the global generator of the
    weights' device, unless the probability is 0.
    Raises ValueError when the probability is outside 0 to 1.
    """
    if not 0 <= probability <= 1:
        raise ValueError(f"probability is {probability}; allowed are 0 to 1.")
    if probability == 0:
        yield
        return
    before, slopes = {}, {}
    with torch.no_grad():
        for weight, origin in origins.items():
            slope = (torch.rand_like(weight) >= probability).to(weight.dtype)
            if probability < 1:
                slope /= 1 - probability
            before[weight], slopes[weight] = weight.data, slope
            # The tensor that optimisers and others hold stays the same; only what it shows changes.
            weight.data = torch.addcmul(origin, slope, weight - origin)
    try:
        yield
    finally:
        for weight, values in before.items():
            weight.data = values
    for weight, slope in slopes.items():
        if weight.grad is not None:
            weight.grad *= slope


@torch.no_grad()
def pull(optimiser: torch.optim.Optimizer, origins: Origins, decay: float) -> None:
    """Weight decay towards where the weights started: w = w - lr decay (w - origin), decoupled.

    Goes before the optimiser's step, and moves what that will move: weights that have a gradient.
    """
    for group in optimiser.param_groups:
        for weight in group["params"]:
            if weight.grad is not None and weight in origins:
                weight.lerp_(origins[weight], group["lr"] * decay)


def origins_of(encoder: nn.Module) -> dict[nn.Parameter, Tensor]:
    """Copies of an encoder's matrices that are to be tuned; like other decay, that towards them
    spares biases and layer normalisations."""
    return {
        weight: weight.detach().clone()
        for weight in encoder.parameters()
        if weight.requires_grad and weight.ndim > 1
    }


def linear_weights(encoder: nn.Module, origins: Origins) -> dict[nn.Parameter, Tensor]:
    """Of the origins those of linear layers, which mixout mixes; embeddings are not mixed."""
    return {
        module.weight: origins[module.weight]
        for module in encoder.modules()
        if isinstance(module, nn.Linear) and module.weight in origins
    }
