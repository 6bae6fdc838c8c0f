"""Texts as tokens: the one place where texts, and words, are handed to a tokeniser.

- A list of words is read as the text that single spaces make of it. A byte-level or sentence-piece
  tokeniser writes a word together with the space before it, so that a word cut by itself would get
  other pieces than it has in its sentence.
- Which tokens are a word's is told by the characters that they cover: alike for every tokeniser.
- Text is text: the spelling of a special token in it, such as [MASK] or </s>, is never that token.

Here alone, too, is decided what is the same word: a dictionary may be in lower case where a text has
capitals, and a tokeniser may write a word with the space before it, in bytes, or without accents.
"""

from __future__ import annotations

import json
import re
import reprlib
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer
    from transformers import PreTrainedTokenizerFast

Text = str | Sequence[str]
Place = tuple[int, int]  # (first character, end), from 0, end exclusive
HAN = (
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002a6df\U0002a700-\U0002b81f"
    "\U0002b920-\U0002ceaf\U0002f800-\U0002fa1f"
)
_SURROGATE = re.compile("[\ud800-\udfff]")
# A word of a script that is written without spaces: Thai to Khmer, Japanese, Chinese.
_UNSPACED = re.compile(f"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff{HAN}]")


def check_text(text: object, place: str, *, empty: bool = False) -> None:
    """Raises ValueError, which names the place, unless it is a string or a list of strings, its words.

    empty: whether a text may be without a word.
    """
    parts = [(place, text)]
    if isinstance(text, Sequence | np.ndarray) and not isinstance(text, str | bytes | bytearray):
        parts = [(f"{place}[{number}]", word) for number, word in enumerate(text)]
    wanted = "every text needs at least one word"
    for where, part in parts:
        problem = f"{wanted}, as a string or a list of strings"
        if isinstance(part, str):
            half = _SURROGATE.search(part)
            problem = half and f"character {half.start()}, counted from 0, is half of one"
        if problem:
            raise ValueError(f"{where} is {reprlib.repr(part)}; {problem}.")
    if not empty and not any(part.strip() for _, part in parts):
        raise ValueError(f"{place} is {reprlib.repr(text)}; {wanted}.")


def check_texts(texts: Iterable, name: str = "texts[{}]", *, empty: bool = False) -> None:
    """`check_text` of each, `name` being filled with its number, from 0.

    Raises TypeError for one string, and for an iterator, of which this would leave nothing.
    """
    if isinstance(texts, str | Iterator):
        kind = f"one string, {texts[:40]!r}," if isinstance(texts, str) else "read once only"
        raise TypeError(f"{name.partition('[')[0]} is {kind} but must be a list.")
    for number, text in enumerate(texts):
        if not (isinstance(text, str) and text.isascii() and text.strip()):  # nearly all are
            check_text(text, name.format(number), empty=empty)


def encodings(
    tokenizer: PreTrainedTokenizerFast,
    texts: Sequence[Text],
    seconds: Sequence[Text] | None = None,
    *,
    longest: int | None = None,
    special: bool = True,
    cut: str = "longest_first",
    names: tuple[str, str] = ("texts[{}]", "seconds[{}]"),
) -> list[Encoding]:
    """How a tokeniser reads each text, or each pair of texts; the tokeniser is left as it was.

    longest: in tokens, special ones included; None to cut nothing. special: whether [CLS] and the
    like are written. cut: of pairs, as in `tokenizers.Tokenizer.enable_truncation`. names: what a
    text is called in errors. An empty text is read as nothing.

    Raises ValueError, naming the text, for what is no text, and for one that spells a special token
    where the tokeniser can read nothing else.
    """
    check_texts(texts, names[0], empty=True)
    rows = [joined(text) for text in texts]
    if seconds is not None:
        check_texts(seconds, names[1], empty=True)
        rows = list(zip(rows, map(joined, seconds), strict=True))

    def read(backend: Tokenizer, rows: list) -> list[Encoding]:
        with _set(backend, longest, cut, tokenizer.truncation_side):
            return backend.encode_batch(rows, add_special_tokens=special)

    every, reserved = read(tokenizer.backend_tokenizer, rows), _special_ids(tokenizer)
    again = [row for row, encoding in enumerate(every) if _has_special(encoding, reserved)]
    plain = read(_without_special(tokenizer), [rows[row] for row in again]) if again else []
    for row, encoding in zip(again, plain, strict=True):
        if _has_special(encoding, reserved):
            raise ValueError(
                f"{names[0].format(row)} is {reprlib.repr(rows[row])}, which spells a special token "
                "that this tokeniser cannot read as text."
            )
        every[row] = encoding
    return every


def joined(text: Text) -> str:
    """The text that single spaces make of words; a string as it is."""
    return text if isinstance(text, str) else " ".join(text)


def word_places(text: Text) -> list[Place]:
    """Where the words of a text are, in characters of `joined(text)`.

    Those of a list are as given. A string is split at spaces and punctuation, each of which is a
    word, and around each Chinese character: as BERT does, whatever the tokeniser, so no combining
    mark parts a word.
    """
    if isinstance(text, str):
        return [place for _, place in _splitter().pre_tokenize_str(text)]
    places, at = [], 0
    for word in text:
        places.append((at, at + len(word)))
        at += len(word) + 1
    return places


def token_places(encoding: Encoding, text: str, side: int = 0) -> Iterator[tuple[int, int, int]]:
    """(token, first character, end) of each token of a text, spaces around it left out.

    A token that is nothing but a space is the beginning of what follows it, and so is counted to
    its first character. One at the end of a text, which begins nothing, is left out.
    """
    own = zip(encoding.sequence_ids, encoding.special_tokens_mask, encoding.offsets, strict=True)
    for token, (of, special, (start, end)) in enumerate(own):
        if of != side or special:
            continue
        while start < len(text) and text[start].isspace():
            start += 1
        if start < len(text):
            while end > start + 1 and text[end - 1].isspace():
                end -= 1
            yield token, start, max(end, start + 1)


def word_tokens(encoding: Encoding, text: Text, side: int = 0) -> list[list[int]]:
    """The tokens of each of `word_places(text)`: those that cover a character of it.

    Empty where a word is cut off, or the tokeniser leaves nothing of it. A token that covers two
    words is of both. side: which of a pair the text is.
    """
    places = word_places(text)
    found: list[list[int]] = [[] for _ in places]
    for word, token in _owned(encoding, joined(text), places, side):
        found[word].append(token)
    return found


def _owned(
    encoding: Encoding, text: str, places: list[Place], side: int = 0
) -> Iterator[tuple[int, int]]:
    """(word, token) of each token that covers a character of a word at `places`."""
    for token, start, end in token_places(encoding, text, side):
        word = bisect_right(places, start, key=itemgetter(1))
        while word < len(places) and places[word][0] < end:
            if places[word][0] < places[word][1]:
                yield word, token
            word += 1


def read_words(encoding: Encoding, text: Text) -> list[tuple[int, list[int], str]]:
    """The words of a text that are read whole: (position, tokens, as written).

    In a string, words that share a token are one; positions count what has a token. In a list they
    are those of the list, and words that share a token have none of their own and are left out.
    """
    whole, places = joined(text), word_places(text)
    cut = {word for rest in encoding.overflowing for word, _ in _owned(rest, whole, places)}
    units: list[tuple[list[int], list[int]]] = []
    for word, tokens in enumerate(word_tokens(encoding, text)):
        if tokens and units and tokens[0] <= units[-1][1][-1]:
            units[-1][0].append(word)
            units[-1][1].extend(token for token in tokens if token > units[-1][1][-1])
        elif tokens:
            units.append(([word], tokens))
    given = not isinstance(text, str)
    return [
        (words[0] if given else number, tokens, whole[places[words[0]][0] : places[words[-1]][1]])
        for number, (words, tokens) in enumerate(units)
        if cut.isdisjoint(words) and not (given and len(words) > 1)
    ]


@cache
def _splitter():
    from tokenizers import Regex, pre_tokenizers

    return pre_tokenizers.Sequence(
        [pre_tokenizers.BertPreTokenizer(), pre_tokenizers.Split(Regex(f"[{HAN}]"), "isolated")]
    )


def single_tokens(tokenizer: PreTrainedTokenizerFast, words: Sequence[str]) -> list[int | None]:
    """The token that each word is, as it stands within a text: after a space, or in a script that
    has none, such as Chinese, right after what comes before.

    None for a word that is several tokens or unknown; a byte is no word.
    """
    # A full stop, because every vocabulary has one or reads it apart.
    lead = ["." if _UNSPACED.match(word) else ". " for word in words]
    check_texts(words, "words[{}]", empty=True)
    texts = [before + word for before, word in zip(lead, words, strict=True)]
    single: list[int | None] = []
    read = encodings(tokenizer, texts, special=False)
    for before, text, encoding in zip(lead, texts, read, strict=True):
        (token, start, _), *more = [
            place for place in token_places(encoding, text) if place[2] > len(before)
        ] or [(0, -1, 0)]
        whole = not more and start >= len(before)
        byte = whole and re.fullmatch("<0x[0-9A-F]{2}>", encoding.tokens[token])
        known = whole and not byte and encoding.ids[token] != tokenizer.unk_token_id
        single.append(encoding.ids[token] if known else None)
    return single


def spelt(tokenizer: PreTrainedTokenizerFast, words: Sequence[str]) -> list[str]:
    """Each word in the letter case in which it is one token: as given, else with a capital, else in
    capitals; as given where it is one in none.

    So "paris" of a dictionary in lower case is the "Paris" of a vocabulary that keeps capitals.
    """
    cases = (words, [word[:1].upper() + word[1:] for word in words], list(map(str.upper, words)))
    known = zip(
        *(zip(case, single_tokens(tokenizer, case), strict=True) for case in cases), strict=True
    )
    return [
        next((case for case, token in tries if token is not None), word)
        for word, tries in zip(words, known, strict=True)
    ]


def word_key(tokenizer: PreTrainedTokenizerFast) -> Callable[[str], str]:
    """What words have in common that a dictionary does not tell apart, as a function of the word.

    Words are the same whatever their letter case, by Unicode's case folding, which makes one of
    "straße" and "STRASSE"; however accents are encoded (NFC or NFD); and after what the tokeniser
    itself drops, such as accents.
    """
    normalizer = tokenizer.backend_tokenizer.normalizer
    # One that writes bytes says nothing of letters.
    if (
        normalizer is not None
        and normalizer.normalize_str("\u00e9").removeprefix("Ġ") == "\u00c3\u00a9"
    ):
        normalizer = None

    @cache
    def key(word: str) -> str:
        if normalizer is not None:
            word = normalizer.normalize_str(word)
        # Without spaces and their mark: a normaliser may put some around every Chinese character.
        word = "".join(word.replace("\u2581", " ").split())
        return unicodedata.normalize("NFC", unicodedata.normalize("NFC", word).casefold())

    return key


@contextmanager
def _set(backend: Tokenizer, longest: int | None, cut: str, side: str) -> Iterator[None]:
    """The tokeniser cuts, pads nothing and reads text as text; afterwards it is as it was."""
    truncation, padding = backend.truncation, backend.padding
    splits = backend.encode_special_tokens
    backend.no_padding()
    backend.encode_special_tokens = True
    if longest is None:
        backend.no_truncation()
    else:
        backend.enable_truncation(longest, strategy=cut, direction=side)
    try:
        yield
    finally:
        backend.encode_special_tokens = splits
        backend.enable_truncation(**truncation) if truncation else backend.no_truncation()
        if padding:
            backend.enable_padding(**padding)


def _special_ids(tokenizer: PreTrainedTokenizerFast) -> frozenset[int]:
    """All but the unknown token's, which text may well be read as."""
    added = tokenizer.backend_tokenizer.get_added_tokens_decoder().items()
    special = {number for number, token in added if token.special}
    return frozenset(special | set(tokenizer.all_special_ids)) - {tokenizer.unk_token_id}


def _has_special(encoding: Encoding, reserved: frozenset[int]) -> bool:
    """Whether there is a special token in the place of text."""
    ids, mask = encoding.ids, encoding.special_tokens_mask
    if sum(map(reserved.__contains__, ids)) == sum(mask):
        return False
    return any(number in reserved and not own for number, own in zip(ids, mask, strict=True))


@lru_cache(maxsize=4)
def _without_special(tokenizer: PreTrainedTokenizerFast) -> Tokenizer:
    """The tokeniser with special tokens that no text can spell, under the same numbers.

    A vocabulary of sentence pieces has them among its pieces, and so reads them out of any text.
    """
    from tokenizers import Tokenizer

    record = json.loads(tokenizer.backend_tokenizer.to_str())
    model = record["model"]
    spelt = {token["content"] for token in record["added_tokens"] if token["special"]}
    spelt -= {model.get("unk_token")}
    pieces = model["vocab"] if isinstance(model["vocab"], dict) else dict(model["vocab"])
    renamed = {
        ("\uffff" + piece if piece in spelt else piece): own for piece, own in pieces.items()
    }
    model["vocab"] = renamed if isinstance(model["vocab"], dict) else list(renamed.items())
    record["added_tokens"] = [
        token for token in record["added_tokens"] if token["content"] not in spelt & pieces.keys()
    ]
    return Tokenizer.from_str(json.dumps(record))
