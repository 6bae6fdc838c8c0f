"""Pretraining several seeds of one condition at once, their weights stacked: a prototype.

Every parameter of S models is one tensor with a first dimension of S. Seeds share no number, so a
stacked run must give what each single run of `isomorph.models.pretrain` gives. Two ways to the
losses: `transformed` lets `torch.func.vmap` turn our own model into a stacked one, `by_hand` is
written in batched matrix products.

Covers what the default worlds train: pre-norm, everything shared, no dropout, AdamW in fp32.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, vmap

from isomorph.models.encoder import ACTIVATIONS, BilingualConfig
from isomorph.models.inputs import IGNORED
from isomorph.models.masked_lm import Batch, BilingualMaskedLM
from isomorph.models.settings import TrainingConfig

WORDS = "encoder.embeddings.shared.weight"
BIAS = "softmax.shared.bias"


@dataclass(frozen=True)
class StackedBatch:
    """One batch of each seed, padded to the most predicted positions of any.

    input_ids, positions: (seeds, batch, time). mask: (seeds, batch, time, time). predicted:
    (seeds, most), indices into a seed's batch * time positions. labels: (seeds, most), -100 where
    padded.
    """

    input_ids: Tensor
    positions: Tensor
    mask: Tensor
    predicted: Tensor
    labels: Tensor


def stack_batches(batches: Sequence[Batch]) -> StackedBatch:
    inputs = [batch.inputs("cpu") for batch in batches]
    chosen = [batch.labels.flatten() != IGNORED for batch in batches]
    predicted = [each.nonzero().squeeze(1) for each in chosen]
    labels = [b.labels.flatten()[each] for b, each in zip(batches, chosen, strict=True)]
    return StackedBatch(
        torch.stack([each["input_ids"] for each in inputs]),
        torch.stack([each["position_ids"] for each in inputs]),
        torch.stack([each["attention_mask"] for each in inputs]),
        nn.utils.rnn.pad_sequence(predicted, batch_first=True),
        nn.utils.rnn.pad_sequence(labels, batch_first=True, padding_value=IGNORED),
    )


class Stack:
    """S models as one: `parameters` by name, each (seeds, ...), padded to the largest vocabulary.

    `absent` is (seeds, vocabulary), minus infinity at the words that a seed's vocabulary lacks.

    Raises ValueError for a model that this prototype does not cover.
    """

    def __init__(self, models: Sequence[BilingualMaskedLM]):
        for config in (model.config for model in models):
            if config.specific or config.norm != "pre" or config.dropout or config.transform:
                raise ValueError(
                    "Only pre-norm models without language-specific parts, dropout or transform "
                    "are stacked here."
                )
        self.sizes = [model.config.vocabulary for model in models]
        words = max(self.sizes)
        self.config = BilingualConfig(**models[0].config.to_dict() | {"vocabulary": words})
        states = [dict(model.named_parameters()) for model in models]
        self.parameters = {
            name: nn.Parameter(
                torch.stack([_padded(state[name], name, words).detach() for state in states])
            )
            for name in states[0]
        }
        self.absent = torch.zeros(len(models), words)
        for row, size in zip(self.absent, self.sizes, strict=True):
            row[size:] = -torch.inf

    def single(self, seed: int) -> dict[str, Tensor]:
        """One seed's parameters, in the shapes of its own model."""
        size = self.sizes[seed]
        return {
            name: stacked[seed][:size] if name in (WORDS, BIAS) else stacked[seed]
            for name, stacked in self.parameters.items()
        }


def _padded(parameter: Tensor, name: str, words: int) -> Tensor:
    if name not in (WORDS, BIAS):
        return parameter
    missing = words - len(parameter)
    return F.pad(parameter, (0, missing) if parameter.ndim == 1 else (0, 0, 0, missing))


class _Loss(nn.Module):
    """A single model's loss, with positions chosen by index: vmap allows no varying shape."""

    def __init__(self, config: BilingualConfig):
        super().__init__()
        with torch.device("meta"):
            self.model = BilingualMaskedLM(config).eval()

    def forward(self, ids, positions, mask, predicted, labels, absent) -> Tensor:
        output = self.model.encoder(ids, mask, position_ids=positions)
        hidden = output.last_hidden_state.flatten(0, 1)[predicted]  # (most, width)
        scores = self.model.scores(hidden, self.model.config.languages[0]) + absent
        return F.cross_entropy(scores, labels, ignore_index=IGNORED)


def transformed(stack: Stack) -> Callable[[StackedBatch], Tensor]:
    """Our own model under `torch.func.vmap`: from a batch to the losses, (seeds,)."""
    module = _Loss(stack.config)

    def one(parameters, *inputs):
        return functional_call(module, {f"model.{n}": p for n, p in parameters.items()}, inputs)

    every = vmap(one)
    return lambda b: every(
        stack.parameters, b.input_ids, b.positions, b.mask, b.predicted, b.labels, stack.absent
    )


def by_hand(stack: Stack) -> Callable[[StackedBatch], Tensor]:
    """The same in batched matrix products: from a batch to the losses, (seeds,)."""
    p, config = stack.parameters, stack.config
    seeds, _, width = p[WORDS].shape
    seed = torch.arange(seeds)

    def embed(name: str, indices: Tensor) -> Tensor:
        table = p[name]  # (seeds, rows, width), looked up as one long table
        rows = indices + seed[:, None, None] * table.shape[1]
        return F.embedding(rows, table.flatten(0, 1)).flatten(1, 2)

    def norm(x: Tensor, name: str) -> Tensor:  # (seeds, batch * time, width)
        weight, bias = p[f"{name}.weight"][:, None], p[f"{name}.bias"][:, None]
        return torch.addcmul(bias, F.layer_norm(x, (width,), eps=1e-12), weight)

    def linear(x: Tensor, name: str) -> Tensor:
        return torch.baddbmm(p[f"{name}.bias"][:, None], x, p[f"{name}.weight"].transpose(1, 2))

    def attention(x: Tensor, unseen: Tensor, shape: torch.Size, name: str) -> Tensor:
        head = width // config.heads
        q, k, v = (
            linear(x, f"{name}.qkv")
            .view(seeds * shape[1], shape[2], 3, config.heads, head)
            .permute(2, 0, 3, 1, 4)
        )  # each (seeds * batch, head, time, width of a head)
        scores = (q * head**-0.5) @ k.transpose(-1, -2)
        scores = scores.masked_fill(unseen, torch.finfo(scores.dtype).min)
        attended = (scores.softmax(-1) @ v).transpose(1, 2).reshape(seeds, -1, width)
        return linear(attended, f"{name}.out")

    def losses(batch: StackedBatch) -> Tensor:
        shape, unseen = batch.input_ids.shape, ~batch.mask.flatten(0, 1)[:, None]
        x = embed(WORDS, batch.input_ids)
        x = x + embed("encoder.positions.shared.weight", batch.positions)
        x = norm(x, "encoder.embedding_norm")
        for i in range(config.layers):
            layer = f"encoder.layers.{i}.shared"
            normed = norm(x, f"{layer}.attention_norm")
            x = x + attention(normed, unseen, shape, f"{layer}.attention")
            up = linear(norm(x, f"{layer}.output_norm"), f"{layer}.up")
            active = F.gelu(up, approximate=ACTIVATIONS[config.activation])
            x = x + linear(active, f"{layer}.down")
        x = norm(x, "encoder.final_norm")
        rows = batch.predicted + seed[:, None] * x.shape[1]
        hidden = x.flatten(0, 1).index_select(0, rows.flatten()).view(seeds, -1, width)
        bias = (p[BIAS] + stack.absent)[:, None]
        scores = torch.baddbmm(bias, hidden, p[WORDS].transpose(1, 2))
        each = F.cross_entropy(
            scores.flatten(0, 1), batch.labels.flatten(), ignore_index=IGNORED, reduction="none"
        ).view(seeds, -1)
        return each.sum(1) / (batch.labels != IGNORED).sum(1)

    return losses


def clip_each(parameters: Sequence[Tensor], largest: float) -> None:
    """Clip the norm of each seed's gradient, as a single run would its own."""
    squares = sum(p.grad.flatten(1).square().sum(1) for p in parameters)  # (seeds,)
    factor = (largest / (squares.sqrt() + 1e-6)).clamp(max=1.0)
    for p in parameters:
        p.grad.mul_(factor.view(-1, *[1] * (p.ndim - 1)))


def train_stacked(
    stack: Stack,
    make_losses: Callable[[Stack], Callable[[StackedBatch], Tensor]],
    batches: Sequence,
    config: TrainingConfig,
    marks: Sequence[int] = (),
    measure: Callable[[], None] | None = None,
) -> None:
    """Train a stack in place, seed i on batches[i]; `measure` is called at `marks` and the end."""
    losses, parameters = make_losses(stack), stack.parameters
    plain, rest = [], []  # decayed or not, as in `isomorph.models.pretrain.make_optimisers`
    for name, parameter in parameters.items():
        (plain if ".layers." in name and parameter.ndim == 3 else rest).append(parameter)
    optimiser = torch.optim.AdamW(
        [{"params": plain, "weight_decay": config.weight_decay},
         {"params": rest, "weight_decay": 0.0}],
        lr=config.learning_rate, eps=1e-6, fused=True,
    )  # fmt: skip
    for step in range(config.steps):
        for group in optimiser.param_groups:
            group["lr"] = config.learning_rate * config.rate(step)
        batch = stack_batches([each[step] for each in batches])
        losses(batch).sum().backward()
        clip_each([*plain, *rest], config.clip)
        optimiser.step()
        optimiser.zero_grad()
        if measure and step + 1 in (*marks, config.steps):
            measure()
