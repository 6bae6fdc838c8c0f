"""How far fine-tuning has moved an encoder: its states, layer by layer, and its weights.

- `similarity_by_layer`: RSA and CKA of each layer's states before and after, on the same texts.
- `matched_for_length`: two sets of texts, thinned so that their lengths are alike.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from isomorph.measure.represent import represent
from isomorph.measure.similarity import linear_cka, rsa

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from isomorph.measure.stream import Tokenizers

TOKENS = 2000  # compared; RSA has as many pairs as their square


def similarity_by_layer(
    before: PreTrainedModel,
    after: PreTrainedModel,
    tokenizer: Tokenizers,
    texts: Sequence[str],
    *,
    language: str | None = None,
    tokens: int = TOKENS,
    seed: int = 0,
    max_length: int | None = None,
) -> dict[str, dict[int, float]]:
    """{"rsa", "cka"} -> layer -> how alike the tokens' states are before and after, at most 1.

    Layer 0 is what the embeddings give. Of all tokens of the texts so many are drawn, the same at
    each layer; RSA is the Pearson correlation of their tables of cosines, and CKA is debiased. Where
    the encoder after has fewer layers, those it has are compared.
    Raises ValueError when there are fewer than 4 tokens.
    Source: Merchant et al. 2020 compare by RSA; CKA of Kornblith et al. 2019 beside it.
    """
    read = [
        represent(own, tokenizer, texts, language=language, level="token", max_length=max_length)
        for own in (before, after)
    ]
    generator = torch.Generator().manual_seed(seed)
    count = len(read[0].texts)
    if count < 4:
        raise ValueError(f"texts has {count} tokens; at least 4 are needed.")
    chosen = torch.randperm(count, generator=generator)[:tokens]
    found: dict[str, dict[int, float]] = {"rsa": {}, "cka": {}}
    for layer in sorted(set(read[0].layers) & set(read[1].layers)):
        x, y = (own[layer][chosen] for own in read)
        found["rsa"][layer] = rsa(x, y)
        found["cka"][layer] = linear_cka(x, y)
    return found


def matched_for_length(
    first: Sequence[str], second: Sequence[str], *, bin_words: int = 5
) -> tuple[list[str], list[str]]:
    """As many texts of each of two sets as can be, of like lengths: of each bin of so many words the
    same number, in the order given.

    Raises ValueError when no bin has a text of both, or bin_words is below 1.
    """
    if bin_words < 1:
        raise ValueError(f"bin_words is {bin_words}; it must be at least 1.")
    bins: list[dict[int, list[str]]] = []
    for texts in (first, second):
        own = defaultdict(list)
        for text in texts:
            own[len(text.split()) // bin_words].append(text)
        bins.append(own)
    kept: tuple[list[str], list[str]] = ([], [])
    for length in sorted(bins[0].keys() & bins[1].keys()):
        count = min(len(own[length]) for own in bins)
        for side, own in zip(kept, bins, strict=True):
            side.extend(own[length][:count])
    if not kept[0]:
        raise ValueError("first and second have no texts of like length; allowed are sets that do.")
    return kept
