"""From (model, texts) to vectors of tokens, words and sentences at every layer.

Every measure starts here, so padding and special tokens are removed once, in one place. It works
for this package's encoders and for any Hugging Face encoder with a fast tokeniser.

Sentence vectors are the mean over subwords without special tokens, and a word's vector is the mean
over its subwords (Conneau, Wu et al. 2020, section 5.1). Layer 0 is what the embeddings give.

- `represent` returns the vectors of all texts.
- `stream` yields the hidden states a batch at a time, for measures that keep sums only, such as
  `isomorph.measure.words.word_averages`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from isomorph.measure.stream import Batch, stream
from isomorph.text.tokens import read_words

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from isomorph.measure.stream import Tokenizers
    from isomorph.text.tokens import Text

LEVELS = ("sentence", "word", "token")
POOLINGS = ("mean", "first")
# One unit is what one vector is the mean of: its row in the batch, its position in the text, and
# the positions of its tokens in the row.
Unit = tuple[int, int, list[int]]


@dataclass(frozen=True)
class Representation:
    """Vectors of texts, words or tokens, on the CPU in float32, in the order of the texts.

    layers: layer -> (n, width).
    texts: (n,), which text each vector belongs to.
    positions: (n,), which word or token of that text it is; 0 for sentences. Tokens are counted
        without special tokens. Words are counted as given when the texts are lists of words, and
        otherwise as they stand between spaces, punctuation and Chinese characters, those that share
        a token being one. A given word that the tokeniser erased, or that shares a token with
        another, has no vector.
    truncated: how many texts were too long for the model and lost their end.
    """

    layers: dict[int, Tensor]
    texts: Tensor
    positions: Tensor
    truncated: int

    def __getitem__(self, layer: int) -> Tensor:
        return self.layers[layer]


def represent(
    model: PreTrainedModel,
    tokenizer: Tokenizers,
    texts: Iterable[Text],
    *,
    language: str | None = None,
    layers: Sequence[int] | None = None,
    level: str = "sentence",
    pooling: str = "mean",
    batch_size: int = 64,
    max_length: int | None = None,
    device: str | torch.device = "auto",
    progress: bool = False,
) -> Representation:
    """Vectors of each sentence, word or token at each layer.

    texts: strings, or lists of words, which are read as the text that single spaces make of them.
    language: for models that read one language at a time; others ignore it.
    layers: which to keep, 0 being the embeddings' output; None for all.
    level: "sentence" (n_texts, width), "word" (n_words, width) or "token" (n_tokens, width).
    pooling: for sentences, "mean" over tokens or the "first" token of the input, usually [CLS].
    max_length: in tokens with special ones; None for the longest the model reads. Longer texts
        are cut, with a warning that says how many. A word that is cut in two is left out.
    device: "auto" leaves the model where it is; otherwise the model is moved there.

    Memory is one batch of hidden states beside the vectors returned.
    Raises ValueError when a text is none or has no token (naming it), or when an argument is not
    allowed.
    Source: Conneau, Wu et al. 2020, section 5.1.
    """
    if level not in LEVELS:
        raise ValueError(f"level is {level!r}; allowed are {', '.join(LEVELS)}.")
    if pooling not in POOLINGS:
        raise ValueError(f"pooling is {pooling!r}; allowed are {', '.join(POOLINGS)}.")
    if pooling != "mean" and level != "sentence":
        raise ValueError(f"pooling is {pooling!r}, which is for sentences; level is {level!r}.")
    pieces: dict[int, list[Tensor]] = {}
    owners: list[int] = []
    positions: list[int] = []
    truncated = 0
    batches = stream(
        model,
        tokenizer,
        texts,
        language=language,
        layers=layers,
        batch_size=batch_size,
        max_length=max_length,
        device=device,
        progress=progress,
    )
    for batch in batches:
        truncated += batch.truncated
        units = _units(batch, level)
        if not units:
            continue  # every word of the batch was cut in two
        index = unit_index(units)
        owners += [batch.indices[row] for row, _, _ in units]
        positions += [position for _, position, _ in units]
        for layer, hidden in batch.hidden_states.items():
            if pooling == "first":
                vectors = hidden[:, 0].float().clone()  # a view would keep all of `hidden`
            else:
                vectors = unit_means(hidden, index)
            pieces.setdefault(layer, []).append(vectors.cpu())
    if not owners:
        raise ValueError(
            "texts has no word that is read whole; the longest input cuts each in two."
        )
    order = torch.argsort(torch.tensor(owners), stable=True)
    # One layer after another, so that no two copies of everything exist at once.
    together = {layer: torch.cat(pieces.pop(layer))[order] for layer in sorted(pieces)}
    return Representation(
        together, torch.tensor(owners)[order], torch.tensor(positions)[order], truncated
    )


def _units(batch: Batch, level: str) -> list[Unit]:
    units = []
    for row, (text, encoding) in enumerate(zip(batch.texts, batch.encodings, strict=True)):
        if level == "word":
            units += [(row, word, tokens) for word, tokens, _ in read_words(encoding, text)]
            continue
        special = encoding.special_tokens_mask
        tokens = [token for token in range(len(encoding)) if not special[token]]
        if level == "sentence":
            units.append((row, 0, tokens))
        else:
            units += [(row, position, [token]) for position, token in enumerate(tokens)]
    return units


def unit_index(units: Sequence[Unit]) -> tuple[Tensor, Tensor, Tensor]:
    """Where the tokens of all units are: row, position in the row, and unit, (tokens,) each."""
    rows = torch.tensor([row for row, _, tokens in units for _ in tokens])
    times = torch.tensor([time for _, _, tokens in units for time in tokens])
    owners = torch.tensor([unit for unit, (_, _, tokens) in enumerate(units) for _ in tokens])
    return rows, times, owners


def unit_means(hidden: Tensor, index: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """The mean vector of each unit in float32: (batch, time, width) to (units, width)."""
    rows, times, owners = (part.to(hidden.device) for part in index)
    flat = hidden[rows, times].float()  # (tokens of all units, width)
    sums = flat.new_zeros(int(owners[-1]) + 1, flat.shape[1]).index_add_(0, owners, flat)
    return sums / owners.bincount()[:, None]
