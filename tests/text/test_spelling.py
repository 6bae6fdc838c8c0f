"""The words of a vocabulary, and the words of a dictionary in a text."""

import unicodedata

import pytest
from tokenizers import Tokenizer, models, normalizers

from isomorph.text.tokens import single_tokens, spelt, word_key

from .tokenisers import MAKERS, PIECE, tokeniser, wrapped

WORDS = ["the", "house", "earth", "Paris", "Haus", "paris", "zebra", "ouse", "дом", "上帝", "é"]


def written(kind: str, word: str) -> str:
    """How the vocabulary of a kind writes a word that stands within a text."""
    if kind in ("gpt2", "modernbert") or kind.startswith(("roberta", "llama3")):
        table = MAKERS["gpt2"]().backend_tokenizer.pre_tokenizer
        start = "" if word == "上帝" else " "
        return table.pre_tokenize_str(start + word)[0][0]
    if kind in ("llama", "xlm-r", "t5"):
        return word if word == "上帝" else PIECE + word
    return word


@pytest.mark.parametrize("kind", [kind for kind in MAKERS if kind not in ("ours", "words")])
def test_the_words_of_a_vocabulary_are_those_that_a_text_would_spell(kind):
    tokenizer = tokeniser(kind)
    vocabulary = tokenizer.get_vocab()
    found = dict(zip(WORDS, single_tokens(tokenizer, WORDS), strict=True))
    for word in WORDS:
        if word == "上帝" and kind == "cased":
            continue  # it sets each character apart
        expected = vocabulary.get(written(kind, word))
        assert found[word] == expected, word
    assert found["house"] is not None and found["zebra"] is None


def test_the_words_of_our_own_vocabulary():
    tokenizer = tokeniser("ours")
    vocabulary = tokenizer.get_vocab()
    found = single_tokens(tokenizer, ["House", "house", "s", "上", "上帝", "[MASK]", "", " "])
    assert found[:2] == [vocabulary["house"]] * 2
    assert found[2] == vocabulary["s"] and found[3] == vocabulary["上"]
    assert found[4:] == [None] * 4


@pytest.mark.parametrize("kind", ["llama", "gpt2", "xlm-r"])
def test_bytes_ends_of_words_and_special_tokens_are_no_words(kind):
    tokenizer = tokeniser(kind)
    odd = ["##s", "</s>", "<s>", "<mask>", "<0x41>", "\x07", "ß", "ĠGod", ""]
    assert single_tokens(tokenizer, odd) == [None] * len(odd)


@pytest.mark.parametrize("kind", ["roberta", "llama", "xlm-r", "cased"])
def test_a_word_is_spelt_in_the_letter_case_in_which_it_is_one_token(kind):
    tokenizer = tokeniser(kind)
    assert spelt(tokenizer, ["paris", "house", "zebra"]) == ["Paris", "house", "zebra"]
    assert single_tokens(tokenizer, ["Paris", "house"]) != [None, None]


def test_a_tokeniser_without_capitals_needs_no_other_letter_case():
    assert spelt(tokeniser("ours"), ["paris", "Haus", "zebra"]) == ["paris", "Haus", "zebra"]


@pytest.mark.parametrize("kind", list(MAKERS))
def test_words_are_the_same_whatever_their_case_and_encoding(kind):
    key = word_key(tokeniser(kind))
    for group in (
        ("Paris", "paris", "PARIS"),
        ("Été", "été", unicodedata.normalize("NFD", "Été"), "ÉTÉ"),
        ("Дом", "дом", "ДОМ"),
        ("λόγος", "ΛΌΓΟΣ", "Λόγος"),
        ("straße", "Straße", "STRASSE"),
        ("йод", unicodedata.normalize("NFD", "Йод")),
        ("上帝", "上帝"),
        ("हिन्दी", "हिन्दी"),
    ):
        assert len({key(word) for word in group}) == 1, group
    assert key("été") == "été" and key("上帝") == "上帝"
    assert len({key(word) for word in ("mal", "mâl", "man", "上", "god", "")}) == 6


def test_words_that_a_tokeniser_makes_the_same_are_the_same():
    backend = Tokenizer(models.WordLevel({"<unk>": 0}, unk_token="<unk>"))
    backend.normalizer = normalizers.BertNormalizer(lowercase=True)  # which drops accents too
    key = word_key(wrapped(backend))
    assert key("Résumé") == key("resume")


def test_a_tokeniser_that_normalises_to_bytes_still_knows_letters():
    backend = Tokenizer(models.WordLevel({"<unk>": 0}, unk_token="<unk>"))
    backend.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.ByteLevel()])
    key = word_key(wrapped(backend))
    assert key("ÉTÉ") == key("été") == "été"
