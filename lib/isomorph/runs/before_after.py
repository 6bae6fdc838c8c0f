"""An encoder before and after tuning, as everything that looks at both of them takes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

    from isomorph.models.heads import Head
    from isomorph.runs.downstream import Downstream
    from isomorph.text.examples import Examples
    from isomorph.text.worlds import World


@dataclass(frozen=True)
class State:
    """An encoder before and after tuning, and what it was tuned on (None, {}: nothing)."""

    original: PreTrainedModel
    other: PreTrainedModel | None
    encoder: PreTrainedModel
    head: Head | None
    tokenizer: PreTrainedTokenizerFast
    language: str
    world: World | None
    task: Downstream | None
    seed: int
    examples: dict[str, Examples]
