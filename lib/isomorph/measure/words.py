"""One vector a word type, three ways: as embedded, alone, and averaged over its contexts; and which
word of a sentence is which of its translation.

The first and the last as Conneau, Wu et al. 2020, section 5.1; alone as Dufter and Schütze 2020.
"""

from __future__ import annotations

import inspect
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from isomorph.measure.numerics import best_first, unit_rows
from isomorph.measure.represent import represent, stream, tokenizer_of, unit_index, unit_means
from isomorph.text.spelling import single_tokens, spelt, word_key
from isomorph.text.tokens import check_text, check_texts, read_words, token_places

if TYPE_CHECKING:
    from tokenizers import Encoding
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

    from isomorph.measure.represent import Representation, Tokenizers
    from isomorph.text.tokens import Text

Link = tuple[int, int, int]  # a text, a word's position in it, and one in its translation
Lexicon = tuple[list[str], Tensor]  # one language's words and their vectors, (n_words, width)
# Languages written without spaces, in which words are found by looking them up.
UNSPACED = frozenset({"zh", "ja", "th", "lo", "km", "my"})


@dataclass(frozen=True)
class Reader:
    """An encoder, what splits its text, and the language that it reads here."""

    model: PreTrainedModel
    tokenizer: Tokenizers
    language: str | None


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
    """Embedding rows of the words that are one subword within a text (`spelling.single_tokens`).

    embedding_matrix: (vocabulary, width). words: in the letter case that is meant.
    Returns the rows (n_kept, width) in float32, the words kept, and the words left out because
    they are several subwords or unknown. A repeated word is kept once.
    """
    check_texts(words, "words[{}]", empty=True)
    words = list(dict.fromkeys(words))
    if not words:
        return embedding_matrix.new_zeros(0, embedding_matrix.shape[1]).float(), [], []
    tokens = dict(zip(words, single_tokens(tokenizer, words), strict=True))
    kept = [word for word in words if tokens[word] is not None]
    left_out = [word for word in words if tokens[word] is None]
    rows = torch.tensor(
        [tokens[word] for word in kept], dtype=torch.long, device=embedding_matrix.device
    )
    return embedding_matrix.detach()[rows].float(), kept, left_out


def embedded(reader: Reader, spellings: Mapping[str, str]) -> Lexicon:
    """Which words are one subword, and their input embeddings, (n_words, width) in float32.

    spellings: the words as the tokeniser tells them apart -> as written, of `keyed_dictionary`.
    """
    key_of = {word: key for key, word in spellings.items()}
    matrix = input_embedding(reader.model, reader.language)
    tokenizer = tokenizer_of(reader.tokenizer, reader.language)
    rows, kept, _ = embedding_words(tokenizer, matrix, list(key_of))
    return [key_of[word] for word in kept], rows


def in_context(
    reader: Reader, texts: Iterable[Text], spellings: Mapping[str, str], **options
) -> dict[int, Lexicon]:
    """Layer -> the words that the texts have, and their `word_averages`. spellings: as of `embedded`."""
    averages = word_averages(
        reader.model, reader.tokenizer, texts, list(spellings.values()),
        language=reader.language, **options,
    )  # fmt: skip
    met = averages.counts > 0
    keys = [key for key, there in zip(spellings, met.tolist(), strict=True) if there]
    return {layer: (keys, vectors[met]) for layer, vectors in averages.layers.items()}


def isolated_word_vectors(
    model: PreTrainedModel, tokenizer: Tokenizers, words: Sequence[str], **options
) -> dict[int, Tensor]:
    """Each word encoded alone as `[CLS] word [SEP]`, special tokens removed.

    Returns layer -> (n_words, width) in float32; several subwords are averaged. Options as of
    `represent.stream`.
    Source: Dufter and Schütze 2020, who do this for every item of the vocabulary.
    """
    check_texts(words, "words[{}]")
    return represent(model, tokenizer, [[word] for word in words], batch_size=256, **options).layers


def word_averages(
    model: PreTrainedModel,
    tokenizer: Tokenizers,
    texts: Iterable[Text],
    words: Sequence[str],
    *,
    language: str | None = None,
    **options,
) -> WordVectors:
    """The mean contextual vector of each word over its occurrences in the texts.

    A word's subwords are averaged, then its occurrences. Only sums are kept, (n_words, width) a
    layer, so the texts may be a stream of any length. Words are compared by `spelling.word_key`, so
    letter case does not tell them apart; an occurrence with an unknown subword is passed over.
    In strings, words are what `represent` has; in a language written without spaces they are looked
    up as they stand, longest first. Options and errors are those of `represent.stream`.

    Source: Conneau, Wu et al. 2020, section 5.1.
    """
    tokenizer = tokenizer_of(tokenizer, language)
    check_texts(words, "words[{}]", empty=True)
    key_of = word_key(tokenizer)
    keys = [key_of(word) for word in words]
    index = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    find = (_looked_up if language in UNSPACED else _spaced)(index, key_of)
    counts = torch.zeros(len(index), dtype=torch.long)
    sums: dict[int, Tensor] = {}
    for batch in stream(model, tokenizer, texts, language=language, **options):
        units = [
            (row, word, tokens)
            for row, (text, encoding) in enumerate(zip(batch.texts, batch.encodings, strict=True))
            for word, tokens in find(text, encoding)
            if not any(encoding.ids[token] == tokenizer.unk_token_id for token in tokens)
        ]
        numbers = torch.tensor([word for _, word, _ in units], dtype=torch.long)
        counts += torch.bincount(numbers, minlength=len(index))
        where = unit_index(units)
        for layer, hidden in batch.hidden_states.items():
            if layer not in sums:
                # Float64: a frequent word is a sum of many.
                sums[layer] = torch.zeros(len(index), hidden.shape[2], dtype=torch.float64)
            if units:
                sums[layer].index_add_(0, numbers, unit_means(hidden, where).cpu().double())
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
    """The words of a dictionary's two sides, by `spelling.word_key` -> as a text would spell them.

    Second, its pairs by their keys, part by part, "train" and "test". Words of one key are one
    word; it is spelt as `spelling.spelt` finds it in the tokeniser's vocabulary.
    Raises ValueError, naming the pair, for what is no pair and for a word that is no string.
    """
    sides: list[dict[str, str]] = [{}, {}]
    pairs: dict[str, list[tuple[str, str]]] = {"train": [], "test": []}
    key_of = [word_key(tokenizer) for tokenizer in tokenizers]
    for part, keyed in pairs.items():
        for number, pair in enumerate(dictionary.get(part, [])):
            where = f"dictionary[{part!r}][{number}]"
            if isinstance(pair, str) or len(pair) != 2:
                raise ValueError(f"{where} is {pair!r}; allowed is a pair of words.")
            for side, word in enumerate(pair):
                check_text(word, f"{where}[{side}]")
            keys = tuple(make(word) for make, word in zip(key_of, pair, strict=True))
            for side, key, word in zip(sides, keys, pair, strict=True):
                side.setdefault(key, word)
            keyed.append(keys)
    spellings = [
        dict(zip(side, spelt(tokenizer, list(side.values())), strict=True))
        for tokenizer, side in zip(tokenizers, sides, strict=True)
    ]
    return spellings, pairs


def _spaced(index: dict[str, int], key: Callable[[str], str]) -> Callable:
    def find(text: Text, encoding: Encoding) -> list[tuple[int, list[int]]]:
        read = ((index.get(key(word)), tokens) for _, tokens, word in read_words(encoding, text))
        return [(number, tokens) for number, tokens in read if number is not None]

    return find


def _looked_up(index: dict[str, int], key: Callable[[str], str]) -> Callable:
    """Words by forward maximum matching: at each character, the longest word that starts there."""
    longest = max(map(len, index), default=0)
    in_list = _spaced(index, key)

    def find(text: Text, encoding: Encoding) -> list[tuple[int, list[int]]]:
        if not isinstance(text, str):
            return in_list(text, encoding)
        letters = _letters(text)
        of = [number for number, letter in enumerate(letters) for _ in letter]
        starts: dict[int, int] = {}
        ends: dict[int, int] = {}
        for token, start, end in token_places(encoding, text):
            starts.setdefault(of[start], token)
            ends[of[end - 1]] = token
        # What the key drops parts words, as a space does.
        keys = [key(letter) or " " for letter in letters]
        hits, at = [], 0
        while at < len(keys):
            step = 1
            for size in range(min(longest, len(keys) - at), 0, -1):
                number = index.get("".join(keys[at : at + size]))
                if number is not None:
                    # A word whose edges fall inside a subword has no vector of its own.
                    if at in starts and at + size - 1 in ends:
                        tokens = range(starts[at], ends[at + size - 1] + 1)
                        hits.append((number, list(tokens)))
                    step = size
                    break
            at += step
        return hits

    return find


def _letters(text: str) -> list[str]:
    """The characters of a text, each with the marks that combine with it."""
    letters: list[str] = []
    for character in text:
        if letters and unicodedata.combining(character):
            letters[-1] += character
        else:
            letters.append(character)
    return letters


def mutual_links(source: Representation, target: Representation, layer: int) -> list[Link]:
    """Links between words that are each other's nearest by cosine, text by text.

    source, target: words of parallel texts, in the same order, by any encoder of both languages.
    Each side's mean over all texts is subtracted first. Ties go to the earlier word.
    Source: the "Argmax" method of SimAlign, Jalili Sabet et al. 2020.
    """
    vectors = [unit_rows(side[layer], "vectors", center=True) for side in (source, target)]
    first, second = _rows_by_text(source), _rows_by_text(target)
    links = []
    for text in sorted(first.keys() & second.keys()):
        rows, columns = first[text], second[text]
        scores = vectors[0][rows] @ vectors[1][columns].T
        there, back = (best_first(table)[1][:, 0] for table in (scores, scores.T))
        links += [
            (text, int(source.positions[rows[i]]), int(target.positions[columns[j]]))
            for i, j in enumerate(there.tolist())
            if int(back[j]) == i
        ]
    return links


def linked_vectors(
    source: Representation, target: Representation, links: Iterable[Link], layer: int
) -> tuple[Tensor, Tensor]:
    """(links, width) of each side; links of which a word has no vector are left out.

    Raises ValueError when none is left.
    """
    rows = [
        {(int(t), int(p)): row for row, (t, p) in enumerate(zip(s.texts, s.positions, strict=True))}
        for s in (source, target)
    ]
    pairs = [
        (rows[0][text, i], rows[1][text, j])
        for text, i, j in links
        if (text, i) in rows[0] and (text, j) in rows[1]
    ]
    if not pairs:
        raise ValueError("links has no pair of words of which both have a vector.")
    chosen = torch.tensor(pairs)
    return source[layer][chosen[:, 0]], target[layer][chosen[:, 1]]


def _rows_by_text(words: Representation) -> dict[int, list[int]]:
    rows: dict[int, list[int]] = {}
    for row, text in enumerate(words.texts.tolist()):
        rows.setdefault(text, []).append(row)
    return rows
