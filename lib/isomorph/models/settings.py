"""What a run may set of its model and its training; light enough to validate before any work."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from isomorph.config import Config, Distinct

if TYPE_CHECKING:
    import torch

    from isomorph.models.encoder import BilingualConfig

Device = Literal["auto", "cpu", "cuda", "mps"]
FP32 = "ISOMORPH_FP32"  # how a GPU trains what a config has in fp32: see `isomorph.models.steps`


def device_named(device: Device) -> torch.device:
    """The device of that name; "auto" is a GPU where there is one.

    Raises ValueError when it is not there.
    """
    import torch

    there = [
        *(["cuda"] if torch.cuda.is_available() else []),
        *(["mps"] if torch.backends.mps.is_available() else []),
        "cpu",
    ]
    if device not in ("auto", *there):
        raise ValueError(f"device is {device!r}; here there is {['auto', *there]}.")
    return torch.device(there[0] if device == "auto" else device)


class EncoderConfig(Config):
    """The shape of the encoder; see `isomorph.models.encoder.BilingualConfig`."""

    layers: int = Field(default=4, ge=1, le=1000)
    width: int = Field(default=128, ge=8)
    heads: int = Field(default=4, ge=1)
    norm: Literal["post", "pre"] = "pre"  # trains without long warm-up; the papers' is "post"
    activation: Literal["gelu", "gelu_tanh"] = "gelu_tanh"  # neither is faster everywhere
    dropout: float = Field(default=0.0, ge=0, lt=1)  # small models underfit; the papers have 0.1
    transform: bool = False  # XLM has none before the softmax, BERT has one
    causal: bool = False  # a language model: a position sees earlier ones and predicts the next
    softmax_bias: bool = True  # theorems on word vectors have none
    final_norm: bool = True  # of a pre-norm stack: its last layer normalisation
    # The parts that belong to one language only.
    specific: Annotated[tuple[str, ...], Distinct] = ()

    def judge(self) -> None:
        """Raises ValueError when there is no such encoder; as `shaped`, without making anything."""
        judge_shape(self.layers, self.width, self.heads, self.specific)

    def shaped(self, vocabulary: int, languages: tuple[str, ...], length: int) -> BilingualConfig:
        from isomorph.models.encoder import BilingualConfig

        return BilingualConfig(
            vocabulary=vocabulary, languages=languages, length=length, **self.model_dump()
        )


def judge_shape(layers: int, width: int, heads: int, specific: Iterable[str]) -> None:
    """Raises ValueError when `specific` names a part that no encoder has, or the heads do not divide
    the width."""
    parts = ["embeddings", "special", "positions", "softmax"]
    parts += [f"layer.{i}" for i in range(layers)]
    unknown = sorted(set(specific) - set(parts))
    if unknown:
        raise ValueError(f"specific names {unknown}; allowed parts are {parts}.")
    if width % heads:
        raise ValueError(f"width is {width}, which {heads} heads do not divide evenly.")


class TrainingConfig(Config):
    """Everything about optimisation that changes the weights."""

    tokens: int = Field(ge=1)  # seen in training, both languages together
    batch: int = Field(default=32, ge=1)  # blocks; small, since updates matter more than noise here
    length: int = Field(default=128, ge=8)  # tokens a block; 256 in the paper
    continuous: bool = False  # rows are stretches of text, as in the paper; else each sentence is
    # read alone, from position 0: common positions are what a small model first aligns by
    masking: float = Field(default=0.15, gt=0, lt=1)
    # "same" language where embeddings are separate (sec. 4.3); "none" as Dufter & Schütze (2020)
    random_words: Literal["any", "same", "none"] = "any"
    # Share of what is masked that shows a near word of the other language in the place of [MASK]: the
    # "knn-replace" of Dufter & Schütze (2020), who have 0.3.
    neighbours: float = Field(default=0.0, ge=0, le=0.8)
    # Of the language sampling (sec. 3.1): 1 as much as there is of each, 0 as much of one as another.
    exponent: float = Field(default=0.7, ge=0, le=1)
    optimiser: Literal["adamw", "muon"] = "muon"
    learning_rate: float = Field(default=4e-3, gt=0)  # of AdamW
    muon_rate: float = Field(default=0.02, gt=0)  # of Muon, on the layers' matrices
    weight_decay: float = Field(default=0.01, ge=0)
    warmup: int = Field(default=100, ge=0)  # steps of linear warm-up; the last may come before
    schedule: Literal["linear", "inverse-sqrt", "constant"] = "linear"
    # Weight of the cosine regulariser (MLE-CosReg) of Gao et al. 2019, who have 1.
    cosine: float = Field(default=0.0, ge=0)
    clip: float = Field(default=1.0, gt=0)  # largest gradient norm
    precision: Literal["fp32", "bf16"] = "fp32"  # bf16 differs from CPU to CPU, fp32 hardly

    @property
    def steps(self) -> int:
        return max(1, self.tokens // (self.batch * self.length))

    def rate(self, step: int) -> float:
        """The learning rate of a step, as a share of its peak."""
        if step < self.warmup:
            return (step + 1) / self.warmup
        if self.schedule == "inverse-sqrt":
            return math.sqrt(max(1, self.warmup) / (step + 1))
        if self.schedule == "linear":
            return (self.steps - step) / max(1, self.steps - self.warmup)
        return 1.0


class TuningConfig(Config):
    """How a pretrained encoder and a task's head are tuned together."""

    epochs: int = Field(default=3, ge=1)  # the paper has 10, and 200 for inference
    batch: int = Field(default=32, ge=1)
    learning_rate: float = Field(default=1e-3, gt=0)  # of the encoder; small ones bear a high one
    head_rate: float = Field(default=1e-3, gt=0)
    weight_decay: float = Field(default=0.01, ge=0)
    warmup: float = Field(default=0.1, ge=0, lt=1)  # share of the steps, as in the paper (sec. 3.2)
    schedule: Literal["linear", "constant"] = "linear"  # the paper's, for tagging and parsing
    clip: float = Field(default=1.0, gt=0)
    dropout: float = Field(default=0.0, ge=0, lt=1)  # before the head
    # Of a pair's tokens; the paper takes the first, and BERT sends that through a pooler it has learnt.
    pooling: Literal["first", "mean", "pooler"] = "first"
    precision: Literal["fp32", "bf16"] = "fp32"
    # What follows is varied by studies of fine-tuning (Zhang et al. 2021, Merchant et al. 2020).
    optimiser: Literal["adamw", "bert_adam"] = "adamw"  # the latter does not correct Adam's bias
    layer_decay: float = Field(default=1.0, gt=0, le=1)  # of the rate, from a block to that below
    # Of the encoder towards where it started, in place of weight_decay, which the head keeps.
    pretrained_decay: float = Field(default=0.0, ge=0)
    # Chance of a weight of the encoder to be, for a step, what it started from (Lee et al. 2020), in
    # place of the encoder's own dropout.
    mixout: float = Field(default=0.0, ge=0, le=1)
    kept: int | None = Field(default=None, ge=1)  # lowest blocks; those above are cut off
    reinit: int = Field(default=0, ge=0)  # top blocks that are drawn anew
    reinit_pooler: bool = False  # so is the pooler, or what has its place: `blocks.pooler_of`
    frozen: int = Field(default=0, ge=0)  # lowest blocks that stay as they are, and the embeddings
    steps: int | None = Field(default=None, ge=1)  # in place of epochs
    checks: int = Field(default=0, ge=0)  # on development examples; the best one's weights are kept

    def rate(self, step: int, steps: int) -> float:
        """The learning rate of a step, as a share of its peak."""
        rising = round(self.warmup * steps)
        if step < rising:
            return (step + 1) / rising
        return 1.0 if self.schedule == "constant" else (steps - step) / max(1, steps - rising)
