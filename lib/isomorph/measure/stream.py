"""Hidden states of a stream of texts, a batch at a time, for any encoder with a fast tokeniser.

The machinery below `isomorph.measure.represent`. Use it directly for a measure that keeps sums
only, so that memory does not grow with the number of texts.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from tqdm import tqdm

from isomorph.models.inputs import encoder_of, longest_input, positions, takes_language
from isomorph.models.settings import device_named
from isomorph.text.tokens import check_text, check_texts, encodings

if TYPE_CHECKING:
    from tokenizers import Encoding
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

    from isomorph.text.tokens import Text

    Tokenizers = (
        PreTrainedTokenizerFast
        | Mapping[str, PreTrainedTokenizerFast]
        | Callable[[str], PreTrainedTokenizerFast]
    )

# Texts are sorted by length within so many batches: enough to make padding rare, and the texts of
# a long stream are never held together.
SORTED_BATCHES = 32


@dataclass(frozen=True)
class Batch:
    """Hidden states of some texts, with what is needed to tell their tokens apart.

    indices: the position of each text among all texts.
    texts: the texts themselves.
    encodings: one `tokenizers.Encoding` a text, not padded.
    hidden_states: layer -> (batch, time, width), in the model's dtype and on its device.
    """

    indices: list[int]
    texts: list[Text]
    encodings: list[Encoding]
    hidden_states: dict[int, Tensor]

    @property
    def truncated(self) -> int:
        """How many of the texts were too long and have lost their end."""
        return sum(bool(encoding.overflowing) for encoding in self.encodings)


def tokenizer_of(tokenizer: Tokenizers, language: str | None) -> PreTrainedTokenizerFast:
    """The tokeniser of a language, from one tokeniser, a mapping or a function of the language.

    Raises ValueError when a mapping has no such language, or the tokeniser is not a fast one.
    """
    from transformers import PreTrainedTokenizerBase

    if not isinstance(tokenizer, PreTrainedTokenizerBase):
        if isinstance(tokenizer, Mapping):
            if language not in tokenizer:
                raise ValueError(f"language is {language!r}; tokenizer has {list(tokenizer)}.")
            tokenizer = tokenizer[language]
        else:
            tokenizer = tokenizer(language)
    if not tokenizer.is_fast:
        raise ValueError(
            f"tokenizer is a {type(tokenizer).__name__}, which cannot tell words apart; "
            "use a fast one (PreTrainedTokenizerFast)."
        )
    return tokenizer


def stream(
    model: PreTrainedModel,
    tokenizer: Tokenizers,
    texts: Iterable[Text],
    *,
    language: str | None = None,
    layers: Sequence[int] | None = None,
    batch_size: int = 64,
    max_length: int | None = None,
    device: str | torch.device = "auto",
    progress: bool = False,
) -> Iterator[Batch]:
    """Hidden states of the texts, one batch at a time, longest texts first within a stretch.

    Arguments and errors are those of `represent`; a single string raises TypeError. `texts` may be
    any iterable: a few batches of it are read at a time. The model runs in evaluation mode and is
    left in the mode it was in.
    """
    if isinstance(texts, str | None):
        kind = f"one string, {texts[:40]!r}" if texts else repr(texts)
        raise TypeError(f"texts is {kind}; it must be a list of texts.")
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}; it must be at least 1.")
    if isinstance(texts, Sequence):
        if not texts:
            raise ValueError("texts is empty; at least one text is needed.")
        check_texts(texts)
    tokenizer = tokenizer_of(tokenizer, language)
    model = encoder_of(model)
    wanted = _checked_layers(layers, getattr(model.config, "num_hidden_layers", None))
    if max_length is None:
        max_length = longest_input(model, tokenizer)
    if max_length is not None and (most := positions(model)) and max_length > most:
        raise ValueError(f"max_length is {max_length}; this model has positions for {most} tokens.")
    room = tokenizer.num_special_tokens_to_add()
    if max_length is not None and max_length <= room:
        raise ValueError(
            f"max_length is {max_length}; of a text with {room} special tokens allowed is {room + 1} up."
        )
    if device != "auto":
        model = model.to(device_named(device) if isinstance(device, str) else device)
    keywords = {"language": language} if takes_language(model.forward) else {}
    stretches = _tokenized(tokenizer, texts, batch_size, max_length)
    total = len(texts) if isinstance(texts, Sequence) else None
    # Only ever switched off here, so that TQDM_DISABLE in the environment can do so too.
    hidden = {} if progress else {"disable": True}
    bar = tqdm(total=total, desc="reading", unit="text", leave=False, **hidden)
    return _batches(model, stretches, wanted, batch_size, max_length, keywords, bar)


def _batches(model, stretches, wanted, batch_size, max_length, keywords, bar) -> Iterator[Batch]:
    pad = model.config.pad_token_id or 0
    place = next(model.parameters()).device
    truncated = 0
    with bar:
        for stretch in stretches:
            for start in range(0, len(stretch), batch_size):
                rows = stretch[start : start + batch_size]
                indices, texts, read = (list(column) for column in zip(*rows, strict=True))
                states = _run(model, read, wanted, pad, place, keywords)
                batch = Batch(indices, texts, read, states)
                truncated += batch.truncated
                bar.update(len(indices))
                yield batch
    if truncated:
        warnings.warn(
            f"{truncated} texts were longer than {max_length} tokens and were cut.", stacklevel=3
        )


def _run(model, read, wanted, pad, place, keywords) -> dict[int, Tensor]:
    shape = (len(read), max(map(len, read)))
    ids, attention = torch.full(shape, pad), torch.zeros(shape).long()
    for row, encoding in enumerate(read):
        ids[row, : len(encoding)] = torch.tensor(encoding.ids)
        attention[row, : len(encoding)] = 1
    with _evaluating(model), torch.inference_mode():
        states = model(
            input_ids=ids.to(place),
            attention_mask=attention.to(place),
            output_hidden_states=True,
            **keywords,
        ).hidden_states
    chosen = range(len(states)) if wanted is None else _checked_layers(wanted, len(states) - 1)
    return {layer: states[layer] for layer in chosen}


def _tokenized(tokenizer, texts, batch_size, max_length) -> Iterator[list]:
    """Stretches of (index, text, encoding), longest first."""
    numbered = enumerate(texts)
    index = -1
    while stretch := list(itertools.islice(numbered, batch_size * SORTED_BATCHES)):
        for index, text in stretch:
            check_text(text, f"texts[{index}]")
        words = {not isinstance(text, str) for _, text in stretch}
        if len(words) == 2:
            raise ValueError("texts mixes strings and lists of words; it must be one of the two.")
        read = encodings(tokenizer, [text for _, text in stretch], longest=max_length)
        for (index, text), encoding in zip(stretch, read, strict=True):
            if all(encoding.special_tokens_mask):
                raise ValueError(
                    f"texts[{index}] is {text!r}, of which the tokeniser left nothing."
                )
        rows = [(*pair, encoding) for pair, encoding in zip(stretch, read, strict=True)]
        yield sorted(rows, key=lambda row: -len(row[2]))
    if index < 0:
        raise ValueError("texts is empty; at least one text is needed.")


def _checked_layers(layers: Sequence[int] | None, count: int | None) -> Sequence[int] | None:
    if layers is None or count is None:
        return layers
    for layer in layers:
        if isinstance(layer, bool | float | str) or not 0 <= layer <= count:
            raise ValueError(f"layers names {layer!r}; this model has 0 (embeddings) to {count}.")
    return layers


@contextmanager
def _evaluating(model: torch.nn.Module):
    """Evaluation mode inside, and afterwards each module in the mode it was in."""
    training = [module for module in model.modules() if module.training]
    for module in training:
        module.training = False
    try:
        yield
    finally:
        for module in training:
            module.training = True
