"""One vector a word type, three ways: as embedded, alone, and averaged over its contexts.

- `embedding_words`: rows of the input embedding, for words that are a single subword (Conneau, Wu
  et al. 2020, section 5.1, non-contextual).
- `isolated_word_vectors`: each word encoded alone, `[CLS] word [SEP]` (Dufter and Schütze 2020,
  word translation).
- `word_averages`: the mean over all occurrences of a word in a text, its subwords averaged
  (Conneau, Wu et al. 2020, section 5.1, contextual).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from isomorph.measure.represent import represent, unit_index, unit_means, word_spans
from isomorph.measure.stream import stream, tokenizer_of

if TYPE_CHECKING:
    from tokenizers import Encoding
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

    from isomorph.measure.stream import Text, Tokenizers

# Languages written without spaces, in which words are found by looking them up.
UNSPACED = frozenset({"zh", "ja", "th", "lo", "km", "my"})


@dataclass(frozen=True)
class WordVectors:
    """Mean vectors of word types.

    layers: layer -> (n_words, width) on the CPU in float32; zeros where a word was never met.
    counts: (n_words,), how many occurrences each mean is over.
    """

    layers: dict[int, Tensor]
    counts: Tensor

    def __getitem__(self, layer: int) -> Tensor:
        return self.layers[layer]


def input_embedding(model: PreTrainedModel, language: str | None = None) -> Tensor:
    """The embedding matrix that a language reads through, (vocabulary, width)."""
    getter = model.get_input_embeddings
    if "language" in inspect.signature(getter).parameters:
        return getter(language).weight
    return getter().weight


def embedding_words(
    tokenizer: PreTrainedTokenizerFast, embedding_matrix: Tensor, words: Sequence[str]
) -> tuple[Tensor, list[str], list[str]]:
    """Embedding rows of the words that are one subword, as the tokeniser starts a word.

    embedding_matrix: (vocabulary, width).
    Returns the rows (n_kept, width) in float32, the words kept, and the words left out because
    they are several subwords or unknown. A repeated word is kept once.
    """
    words = list(dict.fromkeys(words))
    if not words:
        return embedding_matrix.new_zeros(0, embedding_matrix.shape[1]).float(), [], []
    encoded = tokenizer(
        [[word] for word in words], is_split_into_words=True, add_special_tokens=False
    )["input_ids"]
    single = [len(ids) == 1 and ids[0] != tokenizer.unk_token_id for ids in encoded]
    kept = [word for word, keep in zip(words, single, strict=True) if keep]
    left_out = [word for word, keep in zip(words, single, strict=True) if not keep]
    rows = [ids[0] for ids, keep in zip(encoded, single, strict=True) if keep]
    rows = torch.tensor(rows, dtype=torch.long, device=embedding_matrix.device)
    return embedding_matrix.detach()[rows].float(), kept, left_out


def isolated_word_vectors(
    model: PreTrainedModel,
    tokenizer: Tokenizers,
    words: Sequence[str],
    *,
    language: str | None = None,
    layers: Sequence[int] | None = None,
    batch_size: int = 256,
) -> dict[int, Tensor]:
    """Each word encoded alone as `[CLS] word [SEP]`, special tokens removed.

    Returns layer -> (n_words, width) in float32; several subwords are averaged.
    Source: Dufter and Schütze 2020, who do this for every item of the vocabulary.
    """
    alone = [[word] for word in words]
    return represent(
        model, tokenizer, alone, language=language, layers=layers, batch_size=batch_size
    ).layers


def word_averages(
    model: PreTrainedModel,
    tokenizer: Tokenizers,
    texts: Iterable[Text],
    words: Sequence[str],
    *,
    language: str | None = None,
    layers: Sequence[int] | None = None,
    spaced: bool | None = None,
    batch_size: int = 64,
    max_length: int | None = None,
    device: str | torch.device = "auto",
    progress: bool = False,
) -> WordVectors:
    """The mean contextual vector of each word over its occurrences in the texts.

    A word's subwords are averaged, then its occurrences. Only sums are kept, (n_words, width) a
    layer, so the texts may be a stream of any length. Words are compared after the tokeniser's own
    normalisation (for example to lower case); an occurrence with an unknown subword is passed over.
    In strings, words are what the tokeniser splits; in a language written without spaces they are
    looked up as they stand, longest first. `spaced` says which; None decides by `language`. Other
    arguments and errors are those of `represent`.

    Source: Conneau, Wu et al. 2020, section 5.1.
    """
    tokenizer = tokenizer_of(tokenizer, language)
    normalise = normaliser(tokenizer)
    keys = [normalise(word) for word in words]
    index = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    if spaced is None:
        spaced = language not in UNSPACED
    find = _spaced(index, normalise) if spaced else _looked_up(index, normalise)
    counts = torch.zeros(len(index), dtype=torch.long)
    sums: dict[int, Tensor] = {}
    for batch in stream(
        model,
        tokenizer,
        texts,
        language=language,
        layers=layers,
        batch_size=batch_size,
        max_length=max_length,
        device=device,
        progress=progress,
    ):
        units = [
            (row, word, tokens)
            for row, (text, encoding) in enumerate(zip(batch.texts, batch.encodings, strict=True))
            for word, tokens in find(text, encoding)
            if not any(encoding.ids[token] == tokenizer.unk_token_id for token in tokens)
        ]
        found = torch.tensor([word for _, word, _ in units], dtype=torch.long)
        counts += torch.bincount(found, minlength=len(index))
        where = unit_index(units, batch.mask.device)
        for layer, hidden in batch.hidden_states.items():
            if layer not in sums:
                # Float64: a frequent word is a sum of many.
                sums[layer] = torch.zeros(len(index), hidden.shape[2], dtype=torch.float64)
            if units:
                sums[layer].index_add_(0, found, unit_means(hidden, where).cpu().double())
    rows = torch.tensor([index[key] for key in keys], dtype=torch.long)
    means = {
        layer: (total / counts.clamp(min=1)[:, None]).float()[rows]
        for layer, total in sorted(sums.items())
    }
    return WordVectors(means, counts[rows])


def keyed_dictionary(
    tokenizers: Sequence[PreTrainedTokenizerFast],
    dictionary: Mapping[str, Sequence[tuple[str, str]]],
) -> tuple[list[dict[str, str]], dict[str, list[tuple[str, str]]]]:
    """The words of a dictionary's two sides, as their tokenisers tell them apart -> as written.

    Second, its pairs in these terms, part by part, "train" and "test". Where a tokeniser drops
    capitals or accents, words that become the same are one word.
    """
    sides: list[dict[str, str]] = [{}, {}]
    pairs: dict[str, list[tuple[str, str]]] = {"train": [], "test": []}
    normalise = [normaliser(tokenizer) for tokenizer in tokenizers]
    for part, keyed in pairs.items():
        for pair in dictionary.get(part, []):
            keys = tuple(make(word) for make, word in zip(normalise, pair, strict=True))
            for side, key, word in zip(sides, keys, pair, strict=True):
                side.setdefault(key, word)
            keyed.append(keys)
    return sides, pairs


def normaliser(tokenizer: PreTrainedTokenizerFast) -> Callable[[str], str]:
    normalizer = tokenizer.backend_tokenizer.normalizer
    if normalizer is None:
        return str.strip
    known: dict[str, str] = {}

    def normalise(word: str) -> str:
        if word not in known:
            # Without spaces: a normaliser may put some around every Chinese character.
            known[word] = "".join(normalizer.normalize_str(word).split())
        return known[word]

    return normalise


def _spaced(index: dict[str, int], normalise: Callable[[str], str]) -> Callable:
    def find(text: Text, encoding: Encoding) -> list[tuple[int, list[int]]]:
        found = []
        for position, tokens in word_spans(encoding):
            if isinstance(text, str):
                word = text[encoding.offsets[tokens[0]][0] : encoding.offsets[tokens[-1]][1]]
            else:
                word = text[position]
            number = index.get(normalise(word))
            if number is not None:
                found.append((number, tokens))
        return found

    return find


def _looked_up(index: dict[str, int], normalise: Callable[[str], str]) -> Callable:
    """Words by forward maximum matching: at each character, the longest word that starts there."""
    longest = max(map(len, index), default=0)
    in_list = _spaced(index, normalise)

    def find(text: Text, encoding: Encoding) -> list[tuple[int, list[int]]]:
        if not isinstance(text, str):
            return in_list(text, encoding)
        starts: dict[int, int] = {}
        ends: dict[int, int] = {}
        for token, (start, end) in enumerate(encoding.offsets):
            if not encoding.special_tokens_mask[token]:
                starts.setdefault(start, token)
                ends[end] = token
        found, at = [], 0
        while at < len(text):
            step = 1
            for size in range(min(longest, len(text) - at), 0, -1):
                number = index.get(text[at : at + size])
                if number is not None:
                    # A word whose edges fall inside a subword has no vector of its own.
                    if at in starts and at + size in ends:
                        tokens = range(starts[at], ends[at + size] + 1)
                        found.append((number, list(tokens)))
                    step = size
                    break
            at += step
        return found

    return find
