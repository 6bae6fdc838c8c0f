"""An encoder's Transformer blocks: frozen, cut off, put back, drawn anew, and new ones on top.

What Merchant et al. (BlackboxNLP 2020) do to see how deep fine-tuning acts, and the
re-initialisation of Zhang et al. (ICLR 2021): in place, on our encoder and on those of Hugging
Face that are built as BERT is. Blocks count from 0, bottom first: block i gives hidden state i +
1. All raise ValueError when an encoder has not so many blocks.
"""

import copy
import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from transformers.modeling_outputs import BaseModelOutput

from isomorph.models.encoder import BilingualEncoder, Layer, seeded
from isomorph.models.heads import Head
from isomorph.models.settings import TuningConfig

DEVIATION = 0.02  # of BERT's initial weights, and of ours


def blocks_of(encoder: nn.Module) -> nn.ModuleList:
    """The blocks, bottom first; one of ours holds the layer of every language.

    Raises ValueError for an encoder that is built otherwise.
    """
    if isinstance(encoder, BilingualEncoder):
        return encoder.layers
    blocks = getattr(getattr(encoder, "encoder", None), "layer", None)
    if blocks is None:
        raise ValueError(
            f"encoder is a {type(encoder).__name__}, whose blocks are not known; allowed are "
            "BilingualEncoder and encoders with blocks in encoder.layer, such as BertModel."
        )
    return blocks


def pooler_of(encoder: nn.Module) -> nn.Module | None:
    """What stands between the top block and a classifier, or None: in BERT's family the pooler,
    which a head reads only with `pooling="pooler"`; in our encoder the last layer normalisation,
    which every head reads and only a stack with `norm="pre"` has."""
    if isinstance(encoder, BilingualEncoder):
        return encoder.final_norm if isinstance(encoder.final_norm, nn.LayerNorm) else None
    return getattr(encoder, "pooler", None)


def levels(encoder: nn.Module) -> dict[nn.Parameter, int]:
    """The level of each weight: 0 in the embeddings, i + 1 in block i, and above them the pooler."""
    by_weight = dict.fromkeys(encoder.parameters(), 0)
    for level, part in enumerate([*blocks_of(encoder), pooler_of(encoder)], start=1):
        if part is not None:
            by_weight |= dict.fromkeys(part.parameters(), level)
    return by_weight


def freeze(encoder: nn.Module, blocks: int) -> None:
    """Exempt the embeddings and the lowest blocks from training; 0 blocks is to freeze nothing."""
    _check(encoder, blocks)
    for parameter, level in levels(encoder).items():
        if blocks and level <= blocks:
            parameter.requires_grad_(False)


def truncate(encoder: nn.Module, blocks: int) -> None:
    """Keep the lowest blocks only, at least one; what came after the top block comes after the
    last kept."""
    _check(encoder, blocks, least=1)
    kept = blocks_of(encoder)[:blocks]
    config = copy.deepcopy(encoder.config)  # another model may have been made from the same
    if isinstance(encoder, BilingualEncoder):
        encoder.layers = kept
        gone = {f"layer.{i}" for i in range(blocks, config.layers)}
        config.specific = [part for part in config.specific if part not in gone]
    else:
        encoder.encoder.layer = kept
    config.num_hidden_layers = blocks
    encoder.config = config


@torch.no_grad()
def revert(encoder: nn.Module, original: nn.Module, blocks: Sequence[int]) -> None:
    """Put some blocks back to the weights that they have in the original."""
    tuned, before = blocks_of(encoder), blocks_of(original)
    count = min(len(tuned), len(before))
    unknown = [i for i in blocks if not 0 <= i < count]
    if unknown:
        raise ValueError(f"blocks has {unknown}; allowed are 0 to {count - 1}.")
    for i in blocks:
        tuned[i].load_state_dict(before[i].state_dict())


@torch.no_grad()
def reinitialise(encoder: nn.Module, blocks: int, *, pooler: bool, seed: int) -> None:
    """Draw the top blocks anew and, with `pooler`, what `pooler_of` finds (Zhang et al. 2021).

    Weights are normal with standard deviation 0.02, biases 0, layer normalisations 1 and 0. The
    seed alone decides, on every device, and global randomness is left alone. Raises ValueError
    when the encoder has no pooler, or has weights of a kind that is not known there.
    """
    _check(encoder, blocks)
    every = blocks_of(encoder)
    parts = list(every[len(every) - blocks :])
    if pooler:
        if pooler_of(encoder) is None:
            raise ValueError(
                f"pooler is True, but this {type(encoder).__name__} has nothing between its top "
                "block and a classifier; allowed is False."
            )
        parts.append(pooler_of(encoder))
    modules = [m for part in parts for m in part.modules() if list(m.parameters(recurse=False))]
    # Before anything is drawn, so that a refusal leaves the encoder as it was.
    strange = [m for m in modules if not isinstance(m, nn.Linear | nn.Embedding | nn.LayerNorm)]
    if strange:
        names = [name for name, _ in strange[0].named_parameters(recurse=False)]
        raise ValueError(
            f"encoder has {names} in a {type(strange[0]).__name__}; only the weights of linear "
            "layers, embeddings and layer normalisations can be drawn anew."
        )
    generator = np.random.default_rng(seed)
    for module in modules:
        if isinstance(module, nn.LayerNorm):
            module.weight.fill_(1)
        else:
            drawn = generator.standard_normal(module.weight.shape, dtype=np.float32)
            module.weight.copy_(DEVIATION * torch.from_numpy(drawn))
        if getattr(module, "bias", None) is not None:
            module.bias.zero_()


@torch.no_grad()
def weight_distances(encoder: nn.Module, original: nn.Module) -> list[float]:
    """How far each block's weights are from the original's, bottom first: the L2 norm of all their
    differences together (Zhang et al. 2021)."""
    moved, start = blocks_of(encoder), blocks_of(original)
    if len(moved) != len(start):
        raise ValueError(f"original has {len(start)} blocks; the encoder has {len(moved)}.")
    squares = [
        [
            float((a.double() - b.to(a).double()).square().sum())
            for a, b in zip(after.parameters(), before.parameters(), strict=True)
        ]
        for after, before in zip(moved, start, strict=True)
    ]
    return [math.sqrt(sum(block)) for block in squares]


def _check(encoder: nn.Module, blocks: int, *, least: int = 0) -> None:
    count = len(blocks_of(encoder))
    if not least <= blocks <= count:
        raise ValueError(f"blocks is {blocks}; this encoder allows {least} to {count}.")


def prepare(head: Head, config: TuningConfig, *, seed: int) -> None:
    """Make a head's encoder what the config asks for before it is tuned, in place.

    The top is cut off (`kept`), then the top of what is left drawn anew (`reinit`,
    `reinit_pooler`), then the bottom frozen. `finetune` begins with this. Raises ValueError when
    the head reads nothing in the place of the pooler.
    """
    if config.kept is not None:
        truncate(head.encoder, config.kept)
    reads_pooler = getattr(head, "pooling", None) == "pooler"
    if config.reinit_pooler and not (reads_pooler or isinstance(head.encoder, BilingualEncoder)):
        # It would change nothing, and look like a finding.
        raise ValueError(
            "reinit_pooler is True, but the head reads no pooler; allowed is False, or pooling "
            "'pooler' of a pair."
        )
    if config.reinit or config.reinit_pooler:
        reinitialise(head.encoder, config.reinit, pooler=config.reinit_pooler, seed=seed)
    if config.frozen:
        freeze(head.encoder, config.frozen)


class LayerStack(nn.Module):
    """An encoder for a head: frozen layers of one, whose states may be mapped, and new ones on
    top.

    For the transfer of Conneau, Wu et al. (ACL 2020, section 5.1): a task is learnt on the states
    of an English model's layer i; at test time those of another model's layer i take their place.

    lower: whose states are read, after `depth` of its layers (0: what the embeddings give). top:
    how many new layers; their random weights depend on the seed alone. means: as
    `similarity.normalise`; none to leave the states as they are. Raises ValueError when `lower`
    has not so many layers or `top` is below 1.
    """

    def __init__(
        self,
        lower: BilingualEncoder,
        depth: int,
        *,
        top: int,
        seed: int,
        means: Sequence[Tensor] = (),
    ):
        super().__init__()
        if top < 1:
            raise ValueError(f"top is {top}; at least 1 new layer is needed.")
        self.depth, self.config = depth, lower.config
        self.read(lower, means=means)
        with seeded(seed):
            self.layers = nn.ModuleList(Layer(lower.config) for _ in range(top))
            self.layers.apply(lower._init_weights)
        before = lower.config.norm == "pre"  # such a stack leaves its sum unnormalised
        self.final_norm = nn.LayerNorm(lower.config.width, eps=1e-12) if before else nn.Identity()

    def read(
        self,
        lower: BilingualEncoder,
        *,
        means: Sequence[Tensor] = (),
        rotation: Tensor | None = None,
    ) -> None:
        """Take the states of another encoder from now on, normalised by `means` and rotated.

        rotation: (width, width), for rows; None for none.
        """
        if not 0 <= self.depth <= len(lower.layers):
            raise ValueError(
                f"depth is {self.depth}; an encoder of {len(lower.layers)} layers allows 0 to as many."
            )
        self.lower = copy.deepcopy(lower).requires_grad_(False).eval()
        if self.depth < len(lower.layers):
            # Below the last layer, states are those that `represent` gives: before the last norm.
            self.lower.layers = self.lower.layers[: self.depth]
            self.lower.final_norm = nn.Identity()
        place = next(lower.parameters())
        self.means = [mean.to(place) for mean in means]
        self.rotation = None if rotation is None else rotation.to(place)

    @property
    def base_model(self) -> "LayerStack":
        return self  # as a head asks of a model of transformers

    def train(self, mode: bool = True) -> "LayerStack":
        super().train(mode)
        self.lower.eval()
        return self

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        language: str | None = None,
        **ignored,
    ) -> BaseModelOutput:
        """As `BilingualEncoder.forward`; last_hidden_state is (batch, time, width)."""
        with torch.no_grad():
            x = self.lower(input_ids, attention_mask, language).last_hidden_state
            for mean in self.means:
                x = x / x.norm(dim=-1, keepdim=True).clamp(min=1e-12) - mean
            if self.rotation is not None:
                x = x @ self.rotation
        mask = None if attention_mask is None else attention_mask[:, None, None].bool()
        for layer in self.layers:
            x = layer(x, mask)
        return BaseModelOutput(self.final_norm(x))
