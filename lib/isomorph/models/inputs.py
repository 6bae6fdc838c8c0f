"""What an encoder can take: how long a text, whether it asks for the language, and where it runs."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

    from isomorph.models.settings import Device


def device_named(device: Device) -> torch.device:
    """The device of that name; "auto" is a GPU where there is one.

    Raises ValueError when it is not there.
    """
    there = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if device == "auto":
        return torch.device(next(name for name in there if there[name]))
    if not there.get(device):
        raise ValueError(
            f"device is {device!r}; here there is {['auto', *(d for d in there if there[d])]}."
        )
    return torch.device(device)


def takes_language(forward: Callable) -> bool:
    return "language" in inspect.signature(forward).parameters


def encoder_of(model: PreTrainedModel) -> PreTrainedModel:
    """The part that computes hidden states, without a head that would score a whole vocabulary."""
    from transformers import PreTrainedModel

    if getattr(model.config, "is_encoder_decoder", False):
        return model.get_encoder()
    base = model.base_model
    return base if isinstance(base, PreTrainedModel) else model


def longest_input(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, most: int | None = None
) -> int | None:
    """The most tokens, special ones included, that both read, and no more than `most`; None when
    there is no limit."""
    limits = [positions(model), tokenizer.model_max_length, most]
    return min((limit for limit in limits if limit and 0 < limit < 10**9), default=None)


def positions(model: PreTrainedModel) -> int | None:
    """How many tokens a model has positions for; None where it counts none."""
    config = model.config
    count = getattr(config, "max_position_embeddings", None) or getattr(config, "length", None)
    if count and any(
        hasattr(module, "create_position_ids_from_input_ids") for module in model.modules()
    ):
        count -= config.pad_token_id + 1  # RoBERTa and its kin count positions from there
    return count
