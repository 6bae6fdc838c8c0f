"""How a vocabulary spells words, and when a dictionary's word and a text's are the same.

A dictionary may be in lower case where a text has capitals, and a tokeniser may write a word with
the space before it, in bytes, or without accents. Here alone is decided what is the same word.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING

from isomorph.text.tokens import HAN, check_texts, encodings, token_places

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

# A word of a script that is written without spaces: Thai to Khmer, Japanese, Chinese.
_UNSPACED = re.compile(f"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff{HAN}]")


def single_tokens(tokenizer: PreTrainedTokenizerFast, words: Sequence[str]) -> list[int | None]:
    """The token that each word is, as it stands within a text: after a space, or in a script that
    has none, such as Chinese, right after what comes before.

    None for a word that is several tokens or unknown; a byte is no word.
    """
    # A full stop, because every vocabulary has one or reads it apart.
    lead = ["." if _UNSPACED.match(word) else ". " for word in words]
    check_texts(words, "words[{}]", empty=True)
    texts = [before + word for before, word in zip(lead, words, strict=True)]
    unknown, found = tokenizer.unk_token_id, []
    for before, text, encoding in zip(
        lead, texts, encodings(tokenizer, texts, special=False), strict=True
    ):
        own = [place for place in token_places(encoding, text) if place[2] > len(before)]
        token = encoding.ids[own[0][0]] if len(own) == 1 and own[0][1] >= len(before) else None
        byte = token is not None and re.fullmatch("<0x[0-9A-F]{2}>", encoding.tokens[own[0][0]])
        found.append(None if byte or token == unknown else token)
    return found


def spelt(tokenizer: PreTrainedTokenizerFast, words: Sequence[str]) -> list[str]:
    """Each word in the letter case in which it is one token: as given, else with a capital, else in
    capitals; as given where it is one in none.

    So "paris" of a dictionary in lower case is the "Paris" of a vocabulary that keeps capitals.
    """
    cases = [[word, word[:1].upper() + word[1:], word.upper()] for word in words]
    single = iter(single_tokens(tokenizer, [case for own in cases for case in own]))
    return [
        next(
            (case for case, token in [(c, next(single)) for c in own] if token is not None), own[0]
        )
        for own in cases
    ]


def word_key(tokenizer: PreTrainedTokenizerFast) -> Callable[[str], str]:
    """What words have in common that a dictionary does not tell apart, as a function of the word.

    Words are the same whatever their letter case, by Unicode's case folding, which makes one of
    "straße" and "STRASSE"; however accents are encoded (NFC or NFD); and after what the tokeniser
    itself drops, such as accents.
    """
    normalizer = tokenizer.backend_tokenizer.normalizer
    # One that writes bytes says nothing of letters.
    if normalizer is not None and normalizer.normalize_str("\u00e9") in (
        "\u00c3\u00a9",
        "Ġ\u00c3\u00a9",
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
