"""Heads for tasks, on our encoder or any Hugging Face encoder, and normalisations before them.

Sentence pairs, tagging and parsing as in Conneau, Wu et al. (ACL 2020, section 3.2). An encoder's
language-specific parts are frozen, so that what is tuned in one language can be used in the other
(section 4.3).
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from isomorph.models.encoder import BilingualEncoder
from isomorph.models.inputs import (
    IGNORED,
    Encoded,
    Features,
    collate,
    encode,
    longest_input,
    takes_language,
)
from isomorph.models.parser import Biaffine
from isomorph.text.examples import Examples, require

Prediction = str | float | tuple[str, ...] | tuple[tuple[int, ...], tuple[str, ...]]


class Head(nn.Module, ABC):
    """An encoder and what a task adds to it; subclasses score and decide.

    model: a `BilingualEncoder`, one with its masked-LM head, or a Hugging Face encoder; it is
    tuned in place. names: the labels, tags or relations, as `Examples.names`. restart: the second
    text of a pair is read from position 1, and each is cut as if it were alone (our encoder only).
    """

    def __init__(
        self,
        model: PreTrainedModel,
        names: Sequence[str] = (),
        *,
        restart: bool = True,
        dropout: float = 0.0,
    ):
        super().__init__()
        self.encoder = model.base_model.float()  # a checkpoint may be in bf16; tuning is in fp32
        self.names = tuple(names)
        ours = isinstance(self.encoder, BilingualEncoder)
        self.restart = restart and ours
        self.asks_language = takes_language(self.encoder.forward)
        self.takes_segments = getattr(self.encoder.config, "type_vocab_size", 0) > 1
        self.dropout = nn.Dropout(dropout)
        # BERT has learnt a vector that marks the second sentence; our encoder learns it in tuning.
        self.second = nn.Parameter(torch.zeros(self.width)) if ours else None
        if ours:
            for part in self.encoder.specific_parts():
                part.requires_grad_(False)

    @property
    def width(self) -> int:
        return self.encoder.config.hidden_size

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    def encode(self, examples: Examples, tokenizer: PreTrainedTokenizerFast) -> list[Encoded]:
        """The examples as numbers, cut to what the encoder can read."""
        longest = longest_input(self.encoder, tokenizer)
        return encode(examples, tokenizer, self.names, longest=longest, each=self.restart)

    def collate(self, rows: Sequence[Encoded], tokenizer: PreTrainedTokenizerFast) -> Features:
        pad = tokenizer.pad_token_id or 0
        return collate(rows, pad, sorted(tokenizer.all_special_ids)).to(self.device)

    def hidden(self, batch: Features, language: str | None) -> Tensor:
        """The last hidden states, (batch, time, width), after dropout."""
        return self.dropout(self.states(batch, language))

    def states(self, batch: Features, language: str | None) -> Tensor:
        """The last hidden states, (batch, time, width)."""
        inputs = {"language": language} if self.asks_language else {}
        if self.second is not None:
            inputs["added"] = batch.segments[:, :, None] * self.second
            # Asked of the rows, since a GPU's answer would have to be waited for.
            if self.restart and any(any(row.segments) for row in batch.rows):
                inputs["position_ids"] = restarted(batch.segments, batch.attention)
        elif self.takes_segments:
            inputs["token_type_ids"] = batch.segments
        read = self.encoder(input_ids=batch.ids, attention_mask=batch.attention, **inputs)
        return read.last_hidden_state

    @abstractmethod
    def loss(self, batch: Features, language: str | None) -> Tensor:
        """Mean loss of the batch, in nats."""

    @abstractmethod
    def decide(self, batch: Features, language: str | None) -> list[Prediction]:
        """The most probable answer for each example."""


def restarted(segments: Tensor, attention: Tensor) -> Tensor:
    """Positions (batch, time) that count the second sentence from 1, as when it is read alone."""
    first = ((segments == 0) & attention.bool()).sum(1, keepdim=True)
    along = torch.arange(segments.shape[1], device=segments.device)
    return torch.where(segments == 1, along - first + 1, along) * attention


def mean_of_text(hidden: Tensor, content: Tensor) -> Tensor:
    """(batch, width): the mean hidden state of each row's tokens of text, 0 where there are none."""
    content = content[:, :, None]
    return (hidden * content).sum(1) / content.sum(1).clamp(min=1)


def mean_inside(hidden: Tensor, inside: Tensor) -> Tensor:
    """(batch, k, width): the mean hidden state where `inside` (batch, k, time) is True, 0 of nothing."""
    inside = inside.to(hidden.dtype)
    return inside @ hidden / inside.sum(2, keepdim=True).clamp(min=1)


def at_words(hidden: Tensor, words: Tensor) -> Tensor:
    """(batch, words, width): the hidden states at some places of each row."""
    return hidden.gather(1, words[:, :, None].expand(-1, -1, hidden.shape[-1]))


def _cross_entropy(scores: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(scores.float(), targets, ignore_index=IGNORED)


class PairHead(Head):
    """A label for one or two texts, from the first token or the mean of all: linear and softmax.

    With pooling "pooler" the first token goes through the encoder's pooler, before dropout, as
    BERT is tuned. Raises ValueError when it has none.
    """

    def __init__(self, model, names, *, pooling: str = "first", **settings):
        super().__init__(model, names, **settings)
        if pooling == "pooler" and getattr(self.encoder, "pooler", None) is None:
            raise ValueError(
                f"pooling is 'pooler', but this {type(self.encoder).__name__} has none; allowed are "
                "'first' and 'mean'."
            )
        self.pooling = pooling
        self.out = nn.Linear(self.width, len(self.names))

    def scores(self, batch: Features, language: str | None) -> Tensor:
        """(batch, labels)"""
        return self.out(self.pooled(batch, language))

    def pooled(self, batch: Features, language: str | None) -> Tensor:
        """(batch, width), after dropout: what the classifier reads."""
        if self.pooling == "pooler":
            return self.dropout(self.encoder.pooler(self.states(batch, language)))
        hidden = self.hidden(batch, language)
        return hidden[:, 0] if self.pooling == "first" else mean_of_text(hidden, batch.content)

    def loss(self, batch, language):
        return _cross_entropy(self.scores(batch, language), batch.targets[:, 0])

    def decide(self, batch, language):
        return [self.names[i] for i in self.scores(batch, language).argmax(-1).tolist()]


class ScoreHead(PairHead):
    """A number for two texts, from the same vector: linear, and the mean squared error as the loss."""

    def __init__(self, model, names=(), **settings):
        super().__init__(model, ("score",), **settings)

    def loss(self, batch, language):
        return F.mse_loss(self.scores(batch, language)[:, 0].float(), batch.targets[:, 0].float())

    def decide(self, batch, language):
        return self.scores(batch, language)[:, 0].float().tolist()


class TagHead(Head):
    """A BIO tag for each word, from its first subword: linear and softmax."""

    def __init__(self, model, names, **settings):
        super().__init__(model, names, **settings)
        self.out = nn.Linear(self.width, len(self.names))

    def scores(self, batch: Features, language: str | None) -> Tensor:
        """(batch, words, tags)"""
        return self.out(at_words(self.hidden(batch, language), batch.words))

    def loss(self, batch, language):
        return _cross_entropy(self.scores(batch, language).flatten(0, 1), batch.targets.flatten())

    def decide(self, batch, language):
        best, lengths = self.scores(batch, language).argmax(-1).tolist(), batch.lengths.tolist()
        return [
            tuple(self.names[i] for i in row[:length])
            for row, length in zip(best, lengths, strict=True)
        ]


class TreeHead(Head):
    """A head and a relation for each word, from its first subword: biaffine, one root."""

    def __init__(self, model, names, **settings):
        super().__init__(model, names, **settings)
        self.biaffine = Biaffine(self.width, len(self.names))

    def scores(self, batch: Features, language: str | None) -> tuple[Tensor, Tensor]:
        words = at_words(self.hidden(batch, language), batch.words)
        # The parser needs a word; of a sentence that has none left, its answer is cut off below.
        arcs, relations = self.biaffine(words, batch.lengths.clamp(min=1))
        return arcs.float(), relations.float()

    def loss(self, batch, language):
        return self.biaffine.loss(*self.scores(batch, language), batch.heads, batch.targets)

    def decide(self, batch, language):
        trees = self.biaffine.decode(*self.scores(batch, language), batch.lengths.clamp(min=1))
        return [
            (tuple(heads[:length]), tuple(self.names[i] for i in numbers[:length]))
            for heads, numbers, length in zip(*trees, batch.lengths.tolist(), strict=True)
        ]


class IsoBN(nn.Module):
    """Isotropic batch normalisation (Zhou, Lin and Ren, AAAI 2021; github.com/INK-USC/IsoBN).

    Each coordinate is scaled by a factor that running statistics of past batches decide: what
    varies much and correlates with many others is scaled down. No mean is subtracted and nothing
    rotated.

    momentum: the weight of a new batch in the running estimates. As these start at 0, the
    estimated correlation of t like batches is the true one divided by 1 - (1 - momentum)^t, before
    it is clipped. beta: how strongly to even out; 0 leaves vectors as they are but for a constant
    close to 1. Raises ValueError for a width below 1 or a momentum outside (0, 1].
    """

    EPS = 1e-3  # keeps powers and quotients finite

    def __init__(self, width: int, *, momentum: float = 0.05, beta: float = 0.5):
        super().__init__()
        if width < 1 or not 0 < momentum <= 1:
            raise ValueError(
                f"width is {width} and momentum is {momentum}; allowed are a width from 1, and a "
                "momentum above 0 and at most 1."
            )
        self.momentum, self.beta = momentum, beta
        self.register_buffer("std", torch.zeros(width))
        self.register_buffer("covariance", torch.zeros(width, width))
        self.register_buffer("batches", torch.tensor(0))

    def forward(self, x: Tensor) -> Tensor:
        """(rows, width) to the same; in training the rows first enter the running estimates, and
        before there are any, vectors pass as they are. No gradient passes through the factors.
        Raises ValueError for another shape."""
        width = len(self.std)
        if x.ndim != 2 or x.shape[1] != width:
            raise ValueError(f"x has the shape {tuple(x.shape)}; allowed is (rows, {width}).")
        if self.training:
            self.update(x)
        return x * self.scale().to(x.dtype) if self.training or self.batches else x

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
        theta = (gamma * self.std + self.EPS) ** -self.beta
        variance = self.covariance.diagonal()
        return theta * (variance.sum() / ((variance * theta**2).sum() + self.EPS)).sqrt()


NORMALISATIONS = {
    "none": nn.Identity,
    "isobn": IsoBN,
    "batch": lambda width: nn.BatchNorm1d(width, affine=False),
    "layer": lambda width: nn.LayerNorm(width, elementwise_affine=False),
}


def cls_normalisation(name: str, width: int) -> nn.Module:
    """A module without weights, (rows, width) to the same, before the classifier of a `PairHead`:
    ``head.out = nn.Sequential(cls_normalisation("isobn", head.width), head.out)``. The head's
    dropout then comes before it, not after it as the authors of IsoBN have it.

    "batch" standardises each coordinate, in evaluation by running statistics; "layer" standardises
    each vector. Both are our choice. Raises ValueError for another name.
    """
    require("name", name, tuple(NORMALISATIONS))
    return NORMALISATIONS[name](width)
