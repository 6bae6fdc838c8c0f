"""What an encoder can take: how long a text, and whether it asks for the language."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast


def takes_language(forward: Callable) -> bool:
    return "language" in inspect.signature(forward).parameters


def longest_input(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> int | None:
    """The most tokens, special ones included, that both read; None when there is no limit."""
    config = model.config
    positions = getattr(config, "max_position_embeddings", None) or getattr(config, "length", None)
    if positions and any(
        hasattr(module, "create_position_ids_from_input_ids") for module in model.modules()
    ):
        positions -= config.pad_token_id + 1  # RoBERTa and its kin count positions from there
    limits = [positions, tokenizer.model_max_length]
    limits = [limit for limit in limits if limit and 0 < limit < 10**9]
    return min(limits, default=None)
