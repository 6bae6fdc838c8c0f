"""The training that all probes share: AdamW, a rate that halves, and the best epoch on dev."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

RATE_FALLS_TO = 0.5  # after an epoch that was no better on dev
LEAST_GAIN = 1e-3  # in nats or edges of dev loss; below it an epoch is no better


@dataclass(frozen=True)
class Training:
    """How a probe is fitted.

    learning_rate: of AdamW at first. batch: examples a step. epochs: at most so many.
    patience: epochs in a row that are no better on dev, after which it ends.
    weight_decay: AdamW's.
    """

    learning_rate: float
    batch: int
    epochs: int
    patience: int
    weight_decay: float = 0.01

    def __post_init__(self):
        for name in ("batch", "epochs", "patience"):
            check(name, getattr(self, name), 1)
        if not self.learning_rate > 0:
            raise ValueError(
                f"learning_rate is {self.learning_rate!r}; allowed is a number above 0."
            )
        if not self.weight_decay >= 0:
            raise ValueError(f"weight_decay is {self.weight_decay!r}; allowed is a number from 0.")


def check(name: str, value: int, least: int) -> None:
    """Raises ValueError unless the value is a whole number from `least`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{name} is {value!r}; allowed is a whole number from {least}.")


def train_until_it_stops(
    groups: list[dict],
    count: int,
    loss: Callable[[Tensor], Tensor],
    dev_loss: Callable[[], float],
    generator: torch.Generator,
    training: Training,
) -> tuple[float, int]:
    """Fits the parameters in place and leaves those of the best epoch: its dev loss, epochs run.

    groups: of parameters, as AdamW takes them. count: of training examples. loss: the mean of the
    examples whose numbers it gets. dev_loss: of the parameters as they are. generator: draws the
    order of the examples.
    Raises ValueError when the dev loss is not finite at first, as the vectors then are not.
    """
    optimiser = torch.optim.AdamW(
        groups, lr=training.learning_rate, weight_decay=training.weight_decay
    )
    parameters = [value for group in groups for value in group["params"]]
    with torch.no_grad():
        best = dev_loss()
    if not math.isfinite(best):
        raise ValueError("the loss on dev is not finite; allowed are finite vectors.")
    kept, worse, ran = [value.detach().clone() for value in parameters], 0, 0
    while ran < training.epochs and worse < training.patience:
        ran += 1
        for rows in torch.randperm(count, generator=generator).split(training.batch):
            optimiser.zero_grad()
            loss(rows).backward()
            optimiser.step()
        with torch.no_grad():
            reached = dev_loss()
        worse = 0 if reached < best - LEAST_GAIN else worse + 1
        if reached < best:
            best, kept = reached, [value.detach().clone() for value in parameters]
        if worse:
            for group in optimiser.param_groups:
                group["lr"] *= RATE_FALLS_TO
    with torch.no_grad():
        for value, good in zip(parameters, kept, strict=True):
            value.copy_(good)
    return best, ran
