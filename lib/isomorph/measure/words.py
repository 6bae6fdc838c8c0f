"""One vector a word type, as embedded or averaged over its contexts; and which word of a sentence is
which of its translation.

As Conneau, Wu et al. 2020, section 5.1. Vectors that are learnt without any encoder are in
`isomorph.measure.static`.
"""

import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from tokenizers import Encoding
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from isomorph.measure.numerics import best_first, unit_rows
from isomorph.measure.represent import (
    Representation,
    Tokenizers,
    represent,
    stream,
    tokenizer_of,
    unit_index,
    unit_means,
)
from isomorph.models.inputs import encoder_of, longest_input, takes_language
from isomorph.text.tokens import (
    Text,
    check_text,
    check_texts,
    read_words,
    single_tokens,
    spelt,
    token_places,
    word_key,
)

Link = tuple[int, int, int]  # a text, a word's position in it, and one in its translation
Lexicon = tuple[list[str], Tensor]  # one language's words and their vectors, (n_words, width)
# Languages written without spaces, in which words are found by looking them up.
UNSPACED = frozenset({"zh", "ja", "th", "lo", "km", "my"})


@dataclass(frozen=True)
class Reader:
    """An encoder, what splits its text, and the language that it reads here; and of sentences, how
    they are pooled, what is put before each, and after how many tokens they are cut, None being the
    most that it reads (`isomorph.models.sentences`)."""

    model: PreTrainedModel
    tokenizer: Tokenizers
    language: str | None
    pooling: str = "mean"
    prompt: str = ""
    longest: int | None = None

    @property
    def splitter(self) -> PreTrainedTokenizerFast:
        """The tokeniser of its language."""
        return tokenizer_of(self.tokenizer, self.language)

    def represent(self, texts: Iterable[Text], **options) -> Representation:
        """`isomorph.measure.represent.represent`, in its language."""
        return represent(self.model, self.tokenizer, texts, language=self.language, **options)

    def sentences(self, texts: Sequence[str], **options) -> Representation:
        """Of sentences, as it pools them."""
        whole = [self.prompt + text for text in texts] if self.prompt else texts
        most = longest_input(encoder_of(self.model), self.splitter, self.longest)
        return self.represent(whole, pooling=self.pooling, max_length=most, **options)


def input_embedding(model: PreTrainedModel, language: str | None = None) -> Tensor:
    """The embedding matrix that a language reads through, (vocabulary, width)."""
    getter = model.get_input_embeddings
    return (getter(language) if takes_language(getter) else getter()).weight


def embedding_words(
    tokenizer: PreTrainedTokenizerFast, embedding_matrix: Tensor, words: Sequence[str]
) -> tuple[Tensor, list[str]]:
    """Embedding rows of the words that are one subword within a text (`spelling.single_tokens`).

    embedding_matrix: (vocabulary, width). words: in the letter case that is meant.
    Returns the rows (n_kept, width) in float32, and the words kept. A repeated word is kept once.
    """
    check_texts(words, "words[{}]", empty=True)
    words = list(dict.fromkeys(words))
    tokens = single_tokens(tokenizer, words) if words else []
    kept = [(word, token) for word, token in zip(words, tokens, strict=True) if token is not None]
    rows = torch.tensor([token for _, token in kept], dtype=torch.long)
    rows = embedding_matrix.detach()[rows.to(embedding_matrix.device)].float()
    return rows, [word for word, _ in kept]


def embedded(reader: Reader, spellings: Mapping[str, str]) -> Lexicon:
    """Which words are one subword, and their input embeddings. spellings: of `keyed_dictionary`."""
    key_of = {word: key for key, word in spellings.items()}
    matrix = input_embedding(reader.model, reader.language)
    rows, kept = embedding_words(reader.splitter, matrix, list(key_of))
    return [key_of[word] for word in kept], rows


def in_context(
    reader: Reader, texts: Iterable[Text], spellings: Mapping[str, str], **options
) -> dict[int, Lexicon]:
    """Layer -> the words that the texts have, and their `word_averages`. spellings: as of
    `embedded`."""
    averages, counts = word_averages(reader, texts, list(spellings.values()), **options)
    met = counts > 0
    keys = [key for key, there in zip(spellings, met.tolist(), strict=True) if there]
    return {layer: (keys, vectors[met]) for layer, vectors in averages.items()}


def word_averages(
    reader: Reader, texts: Iterable[Text], words: Sequence[str], **options
) -> tuple[dict[int, Tensor], Tensor]:
    """The mean contextual vector of each word over its occurrences in the texts: layer -> (n_words,
    width) on the CPU in float32, zeros where a word was never met; and the occurrences, (n_words,).

    A word's subwords are averaged, then its occurrences. Only sums are kept, so the texts may be a
    stream of any length. Words are compared by `spelling.word_key`; an occurrence with an unknown
    subword is passed over. In strings, words are what `represent` has; in a language written without
    spaces they are looked up as they stand, longest first. Options and errors as of `represent.stream`.
    Source: Conneau, Wu et al. 2020, section 5.1.
    """
    check_texts(words, "words[{}]", empty=True)
    tokenizer, language = reader.splitter, reader.language
    key_of = word_key(tokenizer)
    keys = [key_of(word) for word in words]
    index = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    find = (_looked_up if language in UNSPACED else _spaced)(index, key_of)
    counts = torch.zeros(len(index), dtype=torch.long)
    sums: dict[int, Tensor] = {}
    for batch in stream(reader.model, tokenizer, texts, language=language, **options):
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
    return means, counts[rows]


def keyed_dictionary(
    tokenizers: Sequence[PreTrainedTokenizerFast],
    dictionary: Mapping[str, Sequence[tuple[str, str]]],
) -> tuple[list[dict[str, str]], dict[str, list[tuple[str, str]]]]:
    """The words of a dictionary's two sides, by `spelling.word_key` -> as `spelling.spelt` finds
    them in the tokeniser's vocabulary; and its pairs by their keys, part by part, "train" and
    "test".

    Raises ValueError, naming the pair, for what is no pair and for a word that is no string.
    """
    sides: list[dict[str, str]] = [{} for _ in tokenizers]
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
            sizes = range(min(longest, len(keys) - at), 0, -1)
            size = next((n for n in sizes if "".join(keys[at : at + n]) in index), 0)
            last = at + max(size, 1) - 1
            # A word whose edges fall inside a subword has no vector of its own.
            if size and at in starts and last in ends:
                tokens = range(starts[at], ends[last] + 1)
                hits.append((index["".join(keys[at : last + 1])], list(tokens)))
            at = last + 1
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
    """Links between words that are each other's nearest by cosine, text by text, after each side's
    mean is subtracted. Ties go to the earlier word.

    source, target: words of parallel texts, in the same order, by any encoder of both languages.
    Source: the "Argmax" method of SimAlign, Jalili Sabet et al. 2020.
    """
    vectors = [unit_rows(side[layer], "vectors", center=True) for side in (source, target)]
    links = []
    for text in sorted(set(source.texts.tolist()) & set(target.texts.tolist())):
        rows, columns = ((side.texts == text).nonzero()[:, 0] for side in (source, target))
        scores = vectors[0][rows] @ vectors[1][columns].T
        there, back = (best_first(table)[1][:, 0].tolist() for table in (scores, scores.T))
        places = source.positions[rows].tolist(), target.positions[columns].tolist()
        links += [(text, places[0][i], places[1][j]) for i, j in enumerate(there) if back[j] == i]
    return links


def linked_vectors(
    source: Representation, target: Representation, links: Iterable[Link], layer: int
) -> tuple[Tensor, Tensor]:
    """(links, width) of each side; links of which a word has no vector are left out. Raises
    ValueError when none is left."""
    rows = [
        {
            place: row
            for row, place in enumerate(zip(s.texts.tolist(), s.positions.tolist(), strict=True))
        }
        for s in (source, target)
    ]
    pairs = [
        (rows[0][text, i], rows[1][text, j])
        for text, i, j in links
        if (text, i) in rows[0] and (text, j) in rows[1]
    ]
    if not pairs:
        raise ValueError("links has no pair of words of which both have a vector.")
    one, other = torch.tensor(pairs).T
    return source[layer][one], target[layer][other]
