"""What hidden states hold, by edge probing: a light classifier on vectors that stay as they are.

- `fit_probe`: a probe of labelled spans, on one layer or on a learnt mix of layers.
- `Probe.centre`: at which layers the mix looks (Tenney, Das & Pavlick 2019, section 3).

Spans are of `isomorph.measure.probe_spans`, scores and the layer at which they are gained in
`isomorph.measure.probe_scores`, and what a probe learns by heart is measured in
`isomorph.measure.selectivity`. Unlike Tenney et al. (2019), a span has one label, so the
loss is that of a softmax and not of many sigmoids; vectors are not projected to 256 dimensions
before pooling; and a probe is linear unless a hidden layer is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from isomorph.measure.probe_scores import LabelScores, label_scores
from isomorph.measure.probe_spans import Spans
from isomorph.measure.probe_training import Training, check, train_until_it_stops

POOLINGS = ("mean", "attention")
TRAINING = Training(learning_rate=0.003, batch=256, epochs=60, patience=4)
SCORED_AT_ONCE = 4096  # spans; bounds memory outside training
MIX_RATE = 10  # how much faster than the rest the mix learns: it has few, large parameters


@dataclass(frozen=True)
class Probe:
    """A fitted classifier of spans.

    layers: which it reads. mix: (layers,) its weights of them, from 0 to 1, the sum being 1; they
        are of layers brought to the same scale.
    names: the labels. pooling: "mean" or "attention" over the words of a span.
    parameters: its weights. shift (layers, width), scale (layers,): what is subtracted from each
        layer and then divides it.
    dev_loss: mean cross-entropy on dev in nats, at the epoch that was kept. epochs: how many ran.
    """

    layers: tuple[int, ...]
    mix: Tensor
    names: tuple[str, ...]
    pooling: str
    parameters: dict[str, Tensor]
    shift: Tensor
    scale: Tensor
    dev_loss: float
    epochs: int

    @property
    def centre(self) -> float:
        """The centre of gravity of the mix: the mean layer, in layers, weighted by the mix."""
        return float(torch.tensor(self.layers, dtype=self.mix.dtype) @ self.mix)

    def logits(self, spans: Spans) -> Tensor:
        """Scores of each label, (n, names) in float32. Raises ValueError for spans that do not fit."""
        _fits(spans, self.layers, self.names, self.shift.shape[1], self.two)
        with torch.no_grad():
            parts = [
                _forward(self.parameters, self, spans, rows)
                for rows in torch.arange(len(spans)).split(SCORED_AT_ONCE)
            ]
        logits = torch.cat(parts)
        if not logits.isfinite().all():
            raise ValueError("spans has vectors that are not finite; allowed are finite ones.")
        return logits

    @property
    def two(self) -> bool:
        """Whether it is of pairs of spans."""
        inner = "inner" if "inner" in self.parameters else "outer"
        return self.parameters[inner].shape[1] == 2 * self.shift.shape[1]

    def predict(self, spans: Spans) -> Tensor:
        """The number of each span's most probable label, (n,), on the CPU."""
        return self.logits(spans).argmax(1).cpu()

    def accuracy(self, spans: Spans) -> float:
        """The share of spans whose label is right, from 0 to 1."""
        return float((self.predict(spans) == spans.labels).double().mean())

    def scores(self, spans: Spans, *, without: Sequence[str] = ()) -> LabelScores:
        """Accuracy and F1. without: labels that F1 does not count, such as "O" of entity tags.

        Raises ValueError for a label that is not among the names.
        """
        return label_scores(spans.labels, self.predict(spans), self.names, without=without)


def fit_probe(
    train: Spans,
    dev: Spans,
    *,
    layers: int | Sequence[int] | None = None,
    pooling: str = "mean",
    hidden: int = 0,
    seed: int = 0,
    training: Training = TRAINING,
) -> Probe:
    """A classifier of the labels of spans, fitted on train and stopped where dev gets worse.

    With the vectors h_l of layer l, brought to mean 0 and a mean square of 1, a word is

        h = sum over l of s_l h_l,  s = softmax(a)

    a span is the mean of its words, or their mean weighted by softmax(w h) over the span, and the
    label is read off the span, or both spans one after the other, linearly or through one layer of
    `hidden` units with tanh. Layers are brought to one scale so that the mix does not read their
    lengths; each by one number, so that a rotation of the vectors changes nothing but chance.
    layers: one, several to mix, or None for all that train has.
    pooling: "mean", or "attention" (Tenney et al. 2019), which has weights of its own for each span.
    hidden: units of the hidden layer; 0 for a linear probe.
    seed: of first weights and the order of the spans; the global generators are left alone.
    Computes in float32 on the device of the vectors. Raises ValueError when train and dev do not go
    together, a layer is not there, a value is not finite, or an argument is not allowed.
    Source: Tenney et al. 2019; for the mix, Tenney, Das & Pavlick 2019, section 3.
    """
    if pooling not in POOLINGS:
        raise ValueError(f"pooling is {pooling!r}; allowed are {', '.join(POOLINGS)}.")
    check("hidden", hidden, 0)
    chosen = _chosen(train, layers)
    _fits(dev, chosen, train.names, train.layers[chosen[0]].shape[1], train.second is not None)
    shift, scale = _standard(train, chosen)
    width, device = shift.shape[1], shift.device
    generator = torch.Generator().manual_seed(seed)
    spans = 1 if train.second is None else 2

    def drawn(rows: int, columns: int) -> Tensor:
        return torch.randn(rows, columns, generator=generator) / math.sqrt(columns)

    parameters = {"mix": torch.zeros(len(chosen))}
    if pooling == "attention":
        parameters["attention"] = torch.zeros(spans, width)  # at first the mean
    if hidden:
        parameters["inner"] = drawn(hidden, spans * width)
        parameters["inner_bias"] = torch.zeros(hidden)
    # At first a label is as likely as it is frequent: what vectors that hold nothing should give.
    parameters["outer"] = torch.zeros(len(train.names), hidden or spans * width)
    counts = train.shares * len(train) + 1
    parameters["outer_bias"] = (counts / counts.sum()).log().float()
    parameters = {name: value.to(device).requires_grad_() for name, value in parameters.items()}
    frame = _Frame(chosen, pooling, shift, scale)

    def loss(spans: Spans, rows: Tensor) -> Tensor:
        logits = _forward(parameters, frame, spans, rows)
        return F.cross_entropy(logits, spans.labels[rows].to(device))

    def dev_loss() -> float:
        parts = torch.arange(len(dev)).split(SCORED_AT_ONCE)
        return sum(float(loss(dev, rows)) * len(rows) for rows in parts) / len(dev)

    rest = [value for name, value in parameters.items() if name not in ("mix", "outer_bias")]
    groups = [
        {"params": rest},
        {"params": [parameters["outer_bias"]], "weight_decay": 0.0},
        {
            "params": [parameters["mix"]],
            "weight_decay": 0.0,
            "lr": MIX_RATE * training.learning_rate,
        },
    ]
    best, epochs = train_until_it_stops(
        groups, len(train), lambda rows: loss(train, rows), dev_loss, generator, training
    )
    fitted = {name: value.detach() for name, value in parameters.items()}
    return Probe(
        layers=chosen,
        mix=fitted["mix"].softmax(0).cpu(),
        names=train.names,
        pooling=pooling,
        parameters=fitted,
        shift=shift,
        scale=scale,
        dev_loss=best,
        epochs=epochs,
    )


@dataclass(frozen=True)
class _Frame:
    """What a probe has that is not learnt."""

    layers: tuple[int, ...]
    pooling: str
    shift: Tensor
    scale: Tensor


def _forward(parameters: dict[str, Tensor], frame, spans: Spans, rows: Tensor) -> Tensor:
    """Logits of some rows of spans, (rows, names)."""
    # Standardising and mixing are one weighted sum of layers and one shift.
    weights = parameters["mix"].softmax(0) / frame.scale
    shift, device = weights @ frame.shift, frame.shift.device
    pooled = []
    for side, bounds in enumerate((spans.first, spans.second)):
        if bounds is None:
            continue
        words, owners, along = (part.to(device) for part in _words(bounds[rows]))
        stacked = torch.stack([spans.layers[l].index_select(0, words) for l in frame.layers])
        mixed = (weights @ stacked.float().flatten(1)).view(len(words), -1) - shift
        if len(words) == len(rows):
            pooled.append(mixed)  # one word a span
            continue
        score = mixed.new_zeros(len(words))
        if frame.pooling == "attention":
            score = mixed @ parameters["attention"][side]
        table = mixed.new_full((len(rows), int(along.max()) + 1), -torch.inf)
        share = table.index_put((owners, along), score).softmax(1)[owners, along]
        empty = mixed.new_zeros(len(rows), mixed.shape[1])
        pooled.append(empty.index_add(0, owners, mixed * share[:, None]))
    features = torch.cat(pooled, 1)
    if "inner" in parameters:
        features = F.linear(features, parameters["inner"], parameters["inner_bias"]).tanh()
    return F.linear(features, parameters["outer"], parameters["outer_bias"])


def _words(bounds: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of the words of all spans: their rows, which span each is in, and its place there from 0."""
    lengths = bounds[:, 1] - bounds[:, 0]
    owners = torch.repeat_interleave(torch.arange(len(bounds)), lengths)
    along = torch.arange(len(owners)) - (lengths.cumsum(0) - lengths)[owners]
    return bounds[owners, 0] + along, owners, along


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


def _chosen(spans: Spans, layers: int | Sequence[int] | None) -> tuple[int, ...]:
    chosen = sorted(spans.layers) if layers is None else layers
    chosen = (chosen,) if isinstance(chosen, int) else tuple(chosen)
    if not chosen or len(set(chosen)) < len(chosen) or not set(chosen) <= set(spans.layers):
        raise ValueError(
            f"layers is {layers!r}; allowed are different ones of {sorted(spans.layers)}."
        )
    return chosen


def _fits(spans: Spans, layers: Sequence[int], names: tuple[str, ...], width: int, two: bool):
    """Raises ValueError unless a probe of such layers, labels and width can read the spans."""
    if spans.names != names:
        raise ValueError(f"spans has the names {spans.names}; allowed are the probe's, {names}.")
    if missing := [layer for layer in layers if layer not in spans.layers]:
        raise ValueError(
            f"spans lacks the layers {missing}; the probe reads {list(layers)}, spans has "
            f"{sorted(spans.layers)}."
        )
    if (found := spans.layers[layers[0]].shape[1]) != width:
        raise ValueError(f"spans has vectors of width {found}; allowed is the probe's, {width}.")
    if (spans.second is not None) != two:
        raise ValueError(
            f"spans has {'one span' if two else 'two spans'} a label; allowed is "
            f"{'two, as' if two else 'one, as'} the probe has."
        )
