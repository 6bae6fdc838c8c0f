"""An encoder's Transformer blocks: frozen, cut off, put back, drawn anew, and how far they moved.

What Merchant et al. (BlackboxNLP 2020) do to see how deep fine-tuning acts, with the lower blocks
frozen or none but those kept, and the re-initialisation of Zhang et al. (ICLR 2021). Blocks count
from 0, bottom first: block i gives hidden state i + 1. All of it works in place, on our encoder and
on those of Hugging Face that are built as BERT is.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from isomorph.models.encoder import BilingualEncoder

DEVIATION = 0.02  # of BERT's initial weights, and of ours


def blocks_of(encoder: nn.Module) -> nn.ModuleList:
    """The blocks, bottom first; one of ours holds the layer of every language.

    Raises ValueError for an encoder that is built otherwise.
    """
    if isinstance(encoder, BilingualEncoder):
        return encoder.layers
    found = getattr(getattr(encoder, "encoder", None), "layer", None)
    if found is None:
        raise ValueError(
            f"encoder is a {type(encoder).__name__}, whose blocks are not known; allowed are "
            "BilingualEncoder and encoders with blocks in encoder.layer, such as BertModel."
        )
    return found


def pooler_of(encoder: nn.Module) -> nn.Module | None:
    """What stands between the top block and a classifier, or None where nothing does.

    In BERT's family the pooler, a linear layer and tanh on the first token, which a head reads only
    with `pooling="pooler"`. In our encoder the last layer normalisation, which every head reads and
    only a stack with `norm="pre"` has.
    """
    if isinstance(encoder, BilingualEncoder):
        return encoder.final_norm if isinstance(encoder.final_norm, nn.LayerNorm) else None
    return getattr(encoder, "pooler", None)


def levels(encoder: nn.Module) -> dict[nn.Parameter, int]:
    """The level of each weight: 0 in the embeddings, i + 1 in block i, and above them the pooler."""
    blocks, pooler = blocks_of(encoder), pooler_of(encoder)
    found = dict.fromkeys(encoder.parameters(), 0)
    for level, part in enumerate([*blocks, *([pooler] if pooler is not None else [])], start=1):
        found |= dict.fromkeys(part.parameters(), level)
    return found


def freeze(encoder: nn.Module, blocks: int) -> None:
    """Exempt the embeddings and the lowest blocks from training; 0 blocks is to freeze nothing.

    Raises ValueError when the encoder has not so many blocks.
    """
    _check(encoder, blocks)
    for parameter, level in levels(encoder).items():
        if blocks and level <= blocks:
            parameter.requires_grad_(False)


def truncate(encoder: nn.Module, blocks: int) -> None:
    """Keep the lowest blocks only; what came after the top block comes after the last one kept.

    Raises ValueError when that is none, or the encoder has not so many blocks.
    """
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
    """Put some blocks back to the weights that they have in the original.

    Raises ValueError when either encoder has no such block.
    """
    own, theirs = blocks_of(encoder), blocks_of(original)
    count = min(len(own), len(theirs))
    unknown = [i for i in blocks if not 0 <= i < count]
    if unknown:
        raise ValueError(f"blocks has {unknown}; allowed are 0 to {count - 1}.")
    for i in blocks:
        own[i].load_state_dict(theirs[i].state_dict())


@torch.no_grad()
def reinitialise(encoder: nn.Module, blocks: int, *, pooler: bool, seed: int) -> None:
    """Draw the top blocks anew and, with `pooler`, what `pooler_of` finds (Zhang et al. 2021).

    Weights are normal with standard deviation 0.02, biases 0, layer normalisations 1 and 0. The
    seed alone decides, on every device, and global randomness is left alone.
    Raises ValueError when the encoder has not so many blocks, has no pooler, or has weights of a
    kind that is not known there.
    """
    _check(encoder, blocks)
    own = blocks_of(encoder)
    parts = list(own[len(own) - blocks :])
    if pooler:
        if pooler_of(encoder) is None:
            raise ValueError(
                f"pooler is True, but this {type(encoder).__name__} has nothing between its top "
                "block and a classifier; allowed is False."
            )
        parts.append(pooler_of(encoder))
    modules = [module for part in parts for module in part.modules()]
    for module in modules:
        # Before anything is drawn, so that a refusal leaves the encoder as it was.
        if not isinstance(module, nn.Linear | nn.Embedding | nn.LayerNorm):
            names = [name for name, _ in module.named_parameters(recurse=False)]
            if names:
                raise ValueError(
                    f"encoder has {names} in a {type(module).__name__}; only the weights of linear "
                    "layers, embeddings and layer normalisations can be drawn anew."
                )
    generator = np.random.default_rng(seed)
    for module in modules:
        if isinstance(module, nn.Linear | nn.Embedding):
            drawn = generator.standard_normal(module.weight.shape, dtype=np.float32)
            module.weight.copy_(DEVIATION * torch.from_numpy(drawn))
        elif isinstance(module, nn.LayerNorm):
            module.weight.fill_(1)
        if getattr(module, "bias", None) is not None and isinstance(
            module, nn.Linear | nn.LayerNorm
        ):
            module.bias.zero_()


@torch.no_grad()
def weight_distances(encoder: nn.Module, original: nn.Module) -> list[float]:
    """How far each block's weights are from the original's, bottom first: the L2 norm of all their
    differences together (Zhang et al. 2021, study of re-initialisation).

    Where blocks were drawn anew, the original is the encoder as it was drawn.
    Raises ValueError when the two have not as many blocks.
    """
    own, theirs = blocks_of(encoder), blocks_of(original)
    if len(own) != len(theirs):
        raise ValueError(f"original has {len(theirs)} blocks; the encoder has {len(own)}.")
    return [
        math.sqrt(
            sum(
                float((a.double() - b.to(a).double()).square().sum())
                for a, b in zip(mine.parameters(), other.parameters(), strict=True)
            )
        )
        for mine, other in zip(own, theirs, strict=True)
    ]


def _check(encoder: nn.Module, blocks: int, *, least: int = 0) -> None:
    count = len(blocks_of(encoder))
    if not least <= blocks <= count:
        raise ValueError(f"blocks is {blocks}; this encoder allows {least} to {count}.")
