"""From (model, texts) to vectors of tokens, words and sentences at every layer.

Every measure starts here, so padding and special tokens are removed once, in one place, for this
package's encoders and any Hugging Face encoder with a fast tokeniser. Sentence vectors are the mean over
subwords without special tokens, and a word's vector is the mean over its subwords (Conneau, Wu et al.
2020, section 5.1). Layer 0 is what the embeddings give.
"""

import itertools
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from tokenizers import Encoding
from torch import Tensor
from tqdm import tqdm
from transformers import PreTrainedModel, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from isomorph.models.inputs import encoder_of, longest_input, positions, takes_language
from isomorph.text.examples import require
from isomorph.text.tokens import Text, check_text, check_texts, encodings, read_words

Tokenizers = (
    PreTrainedTokenizerFast
    | Mapping[str, PreTrainedTokenizerFast]
    | Callable[[str], PreTrainedTokenizerFast]
)
LEVELS = ("sentence", "word", "token")
POOLINGS = ("mean", "all", "first", "last")
# Texts are sorted by length within so many batches, and those of a stream are never held together.
SORTED_BATCHES = 32
# What one vector is the mean of: its row in the batch, its position in the text, its tokens' in the row.
Unit = tuple[int, int, list[int]]


@dataclass(frozen=True)
class Representation:
    """Vectors of texts, words or tokens, on the CPU in float32, in the order of the texts.

    layers: layer -> (n, width).
    texts: (n,), which text each vector belongs to.
    positions: (n,), which word or token of that text it is, without special tokens; 0 for sentences.
        Words are counted as given when the texts are lists of words, and otherwise as they stand
        between spaces, punctuation and Chinese characters, those that share a token being one. A given
        word that the tokeniser erased, or that shares a token with another, has no vector.
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
    level: str = "sentence",
    pooling: str = "mean",
    **options,
) -> Representation:
    """Vectors of each sentence, word or token at each layer.

    texts: strings, or lists of words, which are read as the text that single spaces make of them.
    pooling: for sentences, "mean" over tokens; with special ones, as sentence-transformers has it, over
        "all"; or the "first" token of the input, usually [CLS], or the "last".
    Other arguments and errors are those of `stream`. Memory is one batch of hidden states beside the
    vectors returned.
    """
    require("level", level, LEVELS)
    require("pooling", pooling, POOLINGS)
    if pooling != "mean" and level != "sentence":
        raise ValueError(f"pooling is {pooling!r}, which is for sentences; level is {level!r}.")
    pieces: dict[int, list[Tensor]] = {}
    places: list[tuple[int, int]] = []  # the text and the position of each vector
    truncated = 0
    for batch in stream(model, tokenizer, texts, **options):
        truncated += batch.truncated
        units = _units(batch, level, pooling)
        if not units:
            continue  # every word of the batch was cut in two
        index = unit_index(units)
        places += [(batch.indices[row], place) for row, place, _ in units]
        for layer, hidden in batch.hidden_states.items():
            pieces.setdefault(layer, []).append(unit_means(hidden, index).cpu())
    if not places:
        raise ValueError(
            "texts has no word that is read whole; the longest input cuts each in two."
        )
    owners, positions = torch.tensor(places).T
    order = torch.argsort(owners, stable=True)
    # One layer after another, so that no two copies of everything exist at once.
    together = {layer: torch.cat(pieces.pop(layer))[order] for layer in sorted(pieces)}
    return Representation(together, owners[order], positions[order], truncated)


def _units(batch: "Batch", level: str, pooling: str) -> list[Unit]:
    units = []
    of_input = {"all": slice(None), "first": slice(1), "last": slice(-1, None)}
    for row, (text, encoding) in enumerate(zip(batch.texts, batch.encodings, strict=True)):
        if level == "word":
            units += [(row, word, tokens) for word, tokens, _ in read_words(encoding, text)]
            continue
        if pooling in of_input:
            units.append((row, 0, list(range(len(encoding)))[of_input[pooling]]))
            continue
        special = encoding.special_tokens_mask
        tokens = [token for token in range(len(encoding)) if not special[token]]
        if level == "sentence":
            units.append((row, 0, tokens))
        else:
            units += [(row, place, [token]) for place, token in enumerate(tokens)]
    return units


def unit_index(units: Sequence[Unit]) -> tuple[Tensor, ...]:
    """Where the tokens of all units are: row, position in the row, and unit, (tokens,) each."""
    places = [(row, time, unit) for unit, (row, _, tokens) in enumerate(units) for time in tokens]
    return torch.tensor(places, dtype=torch.long).view(-1, 3).unbind(1)


def unit_means(hidden: Tensor, index: tuple[Tensor, ...]) -> Tensor:
    """The mean vector of each unit in float32: (batch, time, width) to (units, width)."""
    rows, times, owners = (part.to(hidden.device) for part in index)
    flat = hidden[rows, times].float()  # (tokens of all units, width)
    sums = flat.new_zeros(int(owners[-1]) + 1, flat.shape[1]).index_add_(0, owners, flat)
    return sums / owners.bincount()[:, None]


@dataclass(frozen=True)
class Batch:
    """Hidden states of some texts, with what is needed to tell their tokens apart. indices: the
    position of each text among all. encodings: one a text, not padded. hidden_states: layer ->
    (batch, time, width), in the model's dtype and on its device."""

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
    Raises ValueError when a mapping has no such language, or the tokeniser is not a fast one."""
    if isinstance(tokenizer, Mapping) and not isinstance(tokenizer, PreTrainedTokenizerBase):
        if language not in tokenizer:
            raise ValueError(f"language is {language!r}; tokenizer has {list(tokenizer)}.")
        tokenizer = tokenizer[language]
    elif not isinstance(tokenizer, PreTrainedTokenizerBase):
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
    progress: bool = False,
) -> Iterator[Batch]:
    """Hidden states of the texts, one batch at a time, longest texts first within a stretch: for
    measures that keep sums only, so that memory does not grow with the number of texts.

    texts: any iterable; a few batches of it are read at a time.
    language: for models that read one language at a time; others ignore it.
    layers: which to keep, 0 being the embeddings' output; None for all.
    max_length: in tokens with special ones; None for the longest the model reads. Longer texts
        are cut, with a warning that says how many. A word that is cut in two is left out.
    The model runs in evaluation mode and is left in the mode it was in.
    Raises ValueError when a text is none or has no token (naming it), or when an argument is not
    allowed, and TypeError for a single string.
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
    keywords = {"language": language} if takes_language(model.forward) else {}
    total = len(texts) if isinstance(texts, Sequence) else None
    # Only ever switched off here, so that TQDM_DISABLE in the environment can do so too.
    hidden = {} if progress else {"disable": True}
    bar = tqdm(total=total, desc="reading", unit="text", leave=False, **hidden)

    def batches() -> Iterator[Batch]:
        truncated = 0
        with bar:
            for stretch in _tokenized(tokenizer, texts, batch_size, max_length):
                for start in range(0, len(stretch), batch_size):
                    rows = stretch[start : start + batch_size]
                    indices, those, read = (list(column) for column in zip(*rows, strict=True))
                    batch = Batch(indices, those, read, _run(model, read, wanted, keywords))
                    truncated += batch.truncated
                    bar.update(len(indices))
                    yield batch
        if truncated:
            warnings.warn(
                f"{truncated} texts were longer than {max_length} tokens and were cut.",
                stacklevel=3,
            )

    return batches()


def _run(model, read: list[Encoding], wanted, keywords) -> dict[int, Tensor]:
    shape, place = (len(read), max(map(len, read))), next(model.parameters()).device
    ids, attention = torch.full(shape, model.config.pad_token_id or 0), torch.zeros(shape).long()
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
        rows = [(*pair, encoding) for pair, encoding in zip(stretch, read, strict=True)]
        for index, text, encoding in rows:
            if all(encoding.special_tokens_mask):
                raise ValueError(
                    f"texts[{index}] is {text!r}, of which the tokeniser left nothing."
                )
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
