"""What hidden states hold, by edge probing: a light classifier on vectors that stay as they are.

Unlike Tenney et al. (2019), a span of `isomorph.measure.probe_data` has one label, so the loss is that
of a softmax and not of many sigmoids; vectors are not projected to 256 dimensions before pooling; a
span is the mean of its words; and a probe is linear.
"""

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from isomorph.measure.probe_data import Spans

RATE_FALLS_TO = 0.5  # after an epoch that was no better on dev
LEAST_GAIN = 1e-3  # in nats or edges of dev loss; below it an epoch is no better
SCORED_AT_ONCE = 4096  # spans; bounds memory outside training
MIX_RATE = 10  # how much faster than the rest the mix learns: it has few, large parameters
BYTES = 8  # of a digest: the draw of a word type is a number with 53 bits


class Training(NamedTuple):
    """How a probe is fitted: AdamW, until `patience` epochs in a row are no better on dev, at most
    `epochs`."""

    learning_rate: float
    batch: int
    epochs: int
    patience: int
    weight_decay: float = 0.01


TRAINING = Training(learning_rate=0.003, batch=256, epochs=60, patience=4)


def train_until_it_stops(
    groups: list[dict],
    count: int,
    loss: Callable[[Tensor], Tensor],
    dev_loss: Callable[[], float],
    generator: torch.Generator,
    training: Training,
) -> float:
    """Fits the parameters in place and leaves those of the best epoch: its dev loss.

    groups: of parameters, as AdamW takes them. count: of training examples. loss: the mean of the
    examples whose numbers it gets. generator: draws the order of the examples.
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
    return best


@dataclass(frozen=True)
class Probe:
    """A classifier of spans. layers: which it reads. names: the labels. mix (layers,): weights of
    the layers, before their softmax. weight (names, width, or twice that of pairs of spans) and
    bias (names,): the linear map. shift (layers, width), scale (layers,): what is subtracted from
    each layer and then divides it."""

    layers: tuple[int, ...]
    names: tuple[str, ...]
    mix: Tensor
    weight: Tensor
    bias: Tensor
    shift: Tensor
    scale: Tensor

    @property
    def shares(self) -> Tensor:
        """(layers,) how much of each layer the mix takes, of layers brought to one scale; sum 1."""
        return self.mix.softmax(0).cpu()

    @property
    def centre(self) -> float:
        """The centre of gravity of the mix: the mean layer, in layers, weighted by the mix."""
        return float(torch.tensor(self.layers, dtype=self.mix.dtype) @ self.shares)

    def logits(self, spans: Spans) -> Tensor:
        """Scores of each label, (n, names) in float32. Raises ValueError for spans that do not fit."""
        self._check(spans)
        with torch.no_grad():
            parts = torch.arange(len(spans)).split(SCORED_AT_ONCE)
            logits = torch.cat([self._forward(spans, rows) for rows in parts])
        if not logits.isfinite().all():
            raise ValueError("spans has vectors that are not finite; allowed are finite ones.")
        return logits

    def predict(self, spans: Spans) -> Tensor:
        """The number of each span's most probable label, (n,), on the CPU."""
        return self.logits(spans).argmax(1).cpu()

    def accuracy(self, spans: Spans) -> float:
        """The share of spans whose label is right, from 0 to 1."""
        return float((self.predict(spans) == spans.labels).double().mean())

    def _check(self, spans: Spans) -> None:
        if missing := [layer for layer in self.layers if layer not in spans.layers]:
            raise ValueError(f"spans lacks the layers {missing}, which the probe reads.")
        width = self.shift.shape[1]
        mine = (self.names, width, self.weight.shape[1] // width)
        other = spans.layers[self.layers[0]].shape[1]
        theirs = (spans.names, other, 1 if spans.second is None else 2)
        if mine != theirs:
            had, wanted = (
                f"the names {names}, width {size} and {sides} span{'s' * (sides > 1)} a label"
                for names, size, sides in (theirs, mine)
            )
            raise ValueError(f"spans has {had}; allowed are the probe's, {wanted}.")

    def _forward(self, spans: Spans, rows: Tensor) -> Tensor:
        """Logits of some rows of spans, (rows, names)."""
        # Standardising and mixing are one weighted sum of layers and one shift.
        weights = self.mix.softmax(0) / self.scale
        shift, device, pooled = weights @ self.shift, self.shift.device, []
        for bounds in (spans.first, spans.second):
            if bounds is None:
                continue
            starts, lengths = bounds[rows, 0], bounds[rows, 1] - bounds[rows, 0]
            owners = torch.repeat_interleave(torch.arange(len(rows)), lengths)
            along = torch.arange(len(owners)) - (lengths.cumsum(0) - lengths)[owners]
            words, share = (starts[owners] + along).to(device), (1 / lengths)[owners].to(device)
            stacked = torch.stack([spans.layers[l].index_select(0, words) for l in self.layers])
            mixed = (weights @ stacked.float().flatten(1)).view(len(words), -1) - shift
            empty = mixed.new_zeros(len(rows), mixed.shape[1])
            pooled.append(empty.index_add(0, owners.to(device), mixed * share[:, None]))
        return F.linear(torch.cat(pooled, 1), self.weight, self.bias)


def fit_probe(
    train: Spans, dev: Spans, *, layers: int | Sequence[int] | None = None, seed: int = 0
) -> Probe:
    """A classifier of the labels of spans, fitted on train and stopped where dev gets worse.

    With the vectors h_l of layer l, brought to mean 0 and a mean square of 1, a word is

        h = sum over l of s_l h_l,  s = softmax(a)

    a span is the mean of its words, and the label is read off the span, or both spans one after the
    other. Each layer is brought to scale by one number, so that a rotation changes nothing but chance.
    layers: one, several to mix, or None for all that train has.
    seed: of the order of the spans; the global generators are left alone.
    Computes in float32 on the device of the vectors. Raises ValueError when train and dev do not go
    together, a layer is not there, or a value is not finite.
    Source: Tenney et al. 2019; for the mix, Tenney, Das & Pavlick 2019, section 3.
    """
    chosen = sorted(train.layers) if layers is None else layers
    chosen = (chosen,) if isinstance(chosen, int) else tuple(chosen)
    if not chosen or len(set(chosen)) < len(chosen) or not set(chosen) <= set(train.layers):
        raise ValueError(
            f"layers is {layers!r}; allowed are different ones of {sorted(train.layers)}."
        )
    shift, scale = _standard(train, chosen)
    width, device = shift.shape[1], shift.device
    # At first a label is as likely as it is frequent: what vectors that hold nothing should give.
    counts = train.shares * len(train) + 1
    learnt = {
        "mix": torch.zeros(len(chosen)),
        "weight": torch.zeros(len(train.names), width if train.second is None else 2 * width),
        "bias": (counts / counts.sum()).log().float(),
    }
    learnt = {name: value.to(device).requires_grad_() for name, value in learnt.items()}
    probe = Probe(chosen, train.names, **learnt, shift=shift, scale=scale)
    probe._check(dev)

    def loss(spans: Spans, rows: Tensor) -> Tensor:
        return F.cross_entropy(probe._forward(spans, rows), spans.labels[rows].to(device))

    def dev_loss() -> float:
        parts = torch.arange(len(dev)).split(SCORED_AT_ONCE)
        return sum(float(loss(dev, rows)) * len(rows) for rows in parts) / len(dev)

    faster = {"weight_decay": 0.0, "lr": MIX_RATE * TRAINING.learning_rate}
    groups = [
        {"params": [probe.weight]},
        {"params": [probe.bias], "weight_decay": 0.0},
        {"params": [probe.mix], **faster},
    ]
    generator = torch.Generator().manual_seed(seed)
    train_until_it_stops(
        groups, len(train), lambda rows: loss(train, rows), dev_loss, generator, TRAINING
    )
    return replace(probe, **{name: value.detach() for name, value in learnt.items()})


def _standard(train: Spans, layers: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """The mean of each layer, (layers, width), and the root mean square about it, (layers,)."""
    shifts, scales = [], []
    for layer in layers:
        vectors = train.layers[layer].float()
        if not vectors.isfinite().all():
            raise ValueError(f"layer {layer} has values that are not finite.")
        shifts.append(vectors.mean(0))
        scales.append((vectors - shifts[-1]).square().mean().sqrt())
    # A layer whose vectors are all the same says nothing, at any scale.
    scale = torch.stack(scales)
    return torch.stack(shifts), torch.where(scale > 0, scale, torch.ones_like(scale))


class Selectivity(NamedTuple):
    """Shares from 0 to 1, on test: of the probe of the true labels, and of that of random ones."""

    accuracy: float
    control: float

    @property
    def selectivity(self) -> float:
        """The accuracy less that of the control task; about 0 for vectors that hold nothing."""
        return self.accuracy - self.control


def selectivity(
    train: Spans, dev: Spans, test: Spans, *, layers: int | None = None, seed: int = 0
) -> Selectivity:
    """A probe's accuracy on test, and that of the same probe on a control task: a probe that is
    strong enough learns any label of a word type from vectors that only tell the types apart.

    seed: of the random labels and of both probes. Errors as of `fit_probe`. Source: Hewitt & Liang
    2019.
    """
    parts = (train, dev, test)
    controls = [control_task(part, train.shares, seed=seed) for part in parts]
    return Selectivity(
        *(
            fit_probe(*pair, layers=layers, seed=seed).accuracy(scored)
            for *pair, scored in (parts, controls)
        )
    )


def control_task(spans: Spans, shares: Tensor, *, seed: int) -> Spans:
    """The same spans, each word type with a label of its own that means nothing.

    shares: (names,) how frequent labels are to be among types; take `Spans.shares` of train for
    all splits, so that a word has the same label in each. Source: Hewitt & Liang 2019.
    """
    upto = np.cumsum(shares.double().numpy())
    draws = {word: _uniform(word, seed) for word in set(spans.types)}
    at = np.array([draws[word] for word in spans.types]) * upto[-1]
    labels = torch.from_numpy(np.searchsorted(upto, at, side="right"))
    return replace(spans, labels=labels)


def _uniform(word: str, seed: int) -> float:
    """A number from 0, below 1, that is fixed for a word and a seed on every machine."""
    digest = hashlib.blake2b(f"{seed}\0{word}".encode(), digest_size=BYTES).digest()
    return (int.from_bytes(digest, "big") >> 11) / 2**53
