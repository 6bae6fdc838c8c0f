"""Words read as the text has them, whatever the tokeniser; and text that is only ever text."""

import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models

from isomorph.text import tokens
from isomorph.text.parallel import load_parallel
from isomorph.text.shipped_tasks import split_words
from isomorph.text.tokens import check_text, encodings, read_words, word_tokens
from isomorph.text.vocab import VocabularyConfig, learn

from .tokenisers import MAKERS, SPELT, tokeniser, wrapped

SENTENCE = ["God", "made", "the", "earth"]
KINDS = tuple(MAKERS)


def tokens_of(tokenizer, encoding):
    return [tokenizer.convert_ids_to_tokens(number) for number in encoding.ids]


@pytest.mark.parametrize("kind", KINDS)
def test_words_get_the_pieces_that_they_have_in_the_text(kind):
    tokenizer = tokeniser(kind)
    listed, whole = encodings(tokenizer, [SENTENCE, " ".join(SENTENCE)])
    assert listed.ids == whole.ids
    assert read_words(listed, SENTENCE) == read_words(whole, " ".join(SENTENCE))
    assert [word for _, _, word in read_words(listed, SENTENCE)] == SENTENCE
    # Those of RoBERTa begin with the space before them; the first has none.
    if kind == "roberta":
        assert "Ġearth" in tokens_of(tokenizer, listed) and "ĠGod" not in tokens_of(
            tokenizer, listed
        )


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25, deadline=None)
@given(
    words=st.lists(st.text("abeGTrthé\u0301上帝д, 'x\u200d👩\U0001f1eb", max_size=6), max_size=6)
)
def test_any_words_are_read_as_their_text(kind, words):
    tokenizer = tokeniser(kind)
    alone, whole = encodings(tokenizer, [words, " ".join(words)], special=False)
    assert alone.ids == whole.ids
    found = word_tokens(alone, words)
    assert len(found) == len(words)
    # Every token that is not a space at the end is of a word, and words follow one another.
    flat = [token for own in found for token in own]
    assert flat == sorted(flat)
    covered = {token for token, (a, b) in enumerate(alone.offsets) if " ".join(words)[a:b].strip()}
    assert covered <= set(flat)


@pytest.mark.parametrize("kind", KINDS)
def test_pairs_of_words_are_read_as_pairs_of_texts(kind):
    tokenizer = tokeniser(kind)
    words = [SENTENCE, ["the", "house", ",", "God"]]
    texts = [" ".join(own) for own in words]
    (listed,) = encodings(tokenizer, words[:1], words[1:], longest=9)
    (whole,) = encodings(tokenizer, texts[:1], texts[1:], longest=9)
    assert (listed.ids, listed.type_ids) == (whole.ids, whole.type_ids) and len(listed) <= 9
    for side, own in enumerate(words):
        assert word_tokens(listed, own, side) == word_tokens(whole, texts[side], side)


@pytest.mark.parametrize("kind", ["ours", "cased"])
def test_tokenisers_that_split_at_spaces_read_as_they_always_did(kind):
    """Rows were recorded when these were handed words one by one."""
    rows, tokenizer = load_parallel("bible")[:200], tokeniser(kind)
    for language in ("en", "fr", "zh", "ru"):
        if kind == "ours":
            tokenizer = learn(VocabularyConfig(size=3000), {language: rows[language]}).tokenizer(
                language
            )
        words = [split_words(text, language) for text in rows[language]]
        before = tokenizer(words, is_split_into_words=True, truncation=True, max_length=24)
        now = encodings(tokenizer, words, longest=24)
        for old, new, own in zip(before.encodings, now, words, strict=True):
            assert old.ids == new.ids
            expected = [[] for _ in own]
            for token, word in enumerate(old.word_ids):
                if word is not None:
                    expected[word].append(token)
            assert word_tokens(new, own) == expected
        strings = tokenizer(rows[language]).encodings
        for old, new, text in zip(
            strings, encodings(tokenizer, rows[language]), rows[language], strict=True
        ):
            expected = [word for word in dict.fromkeys(old.word_ids) if word is not None]
            assert [number for number, _, _ in read_words(new, text)] == expected


def test_a_word_that_is_cut_in_two_is_not_read():
    tokenizer = tokeniser("roberta")
    words = ["God", "Zzyzx", "made"]
    whole = encodings(tokenizer, [words])[0]
    second = word_tokens(whole, words)[1]
    assert len(second) > 1
    (cut,) = encodings(tokenizer, [words], longest=second[1] + 1)  # with one for </s>
    assert word_tokens(cut, words)[1] and not word_tokens(cut, words)[2]
    assert [word for _, _, word in read_words(cut, words)] == ["God"]


def test_words_without_a_token_keep_their_turn():
    words = ["God", "", "\u0000", "earth"]
    (read,) = encodings(tokeniser("ours"), [words])
    assert [bool(own) for own in word_tokens(read, words)] == [True, False, False, True]
    assert [place for place, _, _ in read_words(read, words)] == [0, 3]


def test_words_that_share_a_token_are_one_in_a_text_and_none_in_a_list():
    whole = Tokenizer(models.WordLevel({"<unk>": 0, "上帝 a": 1}, unk_token="<unk>"))
    tokenizer = wrapped(whole)
    (text, listed) = encodings(tokenizer, ["上帝 a", ["上帝", "a"]])
    assert text.ids == listed.ids == [1]
    assert read_words(text, "上帝 a") == [(0, [0], "上帝 a")]
    assert word_tokens(listed, ["上帝", "a"]) == [[0], [0]]
    assert read_words(listed, ["上帝", "a"]) == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mark", [*SPELT, "[MASK]", "[CLS]", "[SEP]", "[PAD]"])
def test_the_spelling_of_a_special_token_is_text(kind, mark):
    tokenizer = tokeniser(kind)
    special = set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}
    texts = [f"God {mark} the{mark}earth", ["God", mark], mark, "God made the earth"]
    for encoding in encodings(tokenizer, texts):
        own = zip(encoding.ids, encoding.special_tokens_mask, strict=True)
        assert not any(number in special for number, is_special in own if not is_special)
    # The other texts and the tokeniser itself are as before.
    assert encodings(tokenizer, texts)[-1].ids == encodings(tokenizer, texts[-1:])[0].ids
    if mark in SPELT and kind != "ours":
        assert tokenizer.convert_tokens_to_ids(mark) in tokenizer(mark)["input_ids"]


def test_our_own_tokeniser_never_reads_a_special_token():
    vocabulary = learn(VocabularyConfig(size=100), {"en": ["a [MASK] b [CLS] c"] * 9})
    assert min(vocabulary.encode("en", ["[MASK] [CLS]", "[PAD]"])[0]) > 4
    assert min(vocabulary.tokenizer("en")("[MASK]", add_special_tokens=False)["input_ids"]) > 4
    words = learn(VocabularyConfig(size=100, units="words"), {"en": ["a [MASK] b"]})
    assert min(words.encode("en", ["[MASK]"])[0]) > 4


def test_the_tokeniser_is_left_as_it_was():
    tokenizer = MAKERS["xlm-r"]()
    backend = tokenizer.backend_tokenizer
    backend.enable_truncation(7)
    backend.enable_padding(length=9, pad_id=3)
    before = (backend.truncation, backend.padding, backend.encode_special_tokens)
    (read,) = encodings(tokenizer, ["God made the earth " * 4], longest=12)
    assert len(read) == 12
    assert (backend.truncation, backend.padding, backend.encode_special_tokens) == before
    with pytest.raises(ValueError):
        encodings(tokenizer, ["God"], [])
    assert (backend.truncation, backend.padding, backend.encode_special_tokens) == before


@pytest.mark.parametrize(
    "text", ["re\u0301sume\u0301", "हिन्दी", "x\ufe0fy", "👩\u200d👧", "كِتَاب", "بِسْمِ"]
)
@pytest.mark.parametrize("kind", KINDS)
def test_no_combining_mark_parts_a_word_or_loses_one(kind, text):
    text = f"the {text} of"
    (read,) = encodings(tokeniser(kind), [text])
    assert [word for _, _, word in read_words(read, text)] == text.split()


def test_our_vocabulary_reads_composed_and_decomposed_accents_alike():
    texts = ["le résumé était là", "Ещё один мой"]
    vocabulary = learn(VocabularyConfig(size=100), {"fr": texts * 3})
    apart = [unicodedata.normalize("NFD", text) for text in texts]
    assert apart != texts
    assert vocabulary.encode("fr", apart) == vocabulary.encode("fr", texts)
    again = learn(VocabularyConfig(size=100), {"fr": apart * 3})
    assert again.ids == vocabulary.ids


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, r"^texts\[1\] is None; every text needs at least one word"),
        (float("nan"), r"^texts\[1\] is nan;"),
        (3, r"^texts\[1\] is 3;"),
        (b"a", r"^texts\[1\] is b'a';"),
        ({"a": 1}, r"^texts\[1\] is {'a': 1};"),
        ("b \ud800", r"^texts\[1\] is 'b \\ud800'; character 2"),
        (["a", None], r"^texts\[1\]\[1\] is None;"),
        (["a", np.nan], r"^texts\[1\]\[1\] is nan;"),
    ],
)
def test_what_is_no_text_is_named_by_its_number(text, message):
    with pytest.raises(ValueError, match=message):
        encodings(tokeniser("ours"), ["a", text])
    with pytest.raises(ValueError, match=message):
        learn_and_encode(["a", text])


def learn_and_encode(texts):
    vocabulary = learn(VocabularyConfig(size=100), {"en": ["a b c"] * 3})
    with pytest.raises(ValueError, match=r"texts\['en'\]\[1\]"):
        learn(VocabularyConfig(size=100), {"en": texts})
    vocabulary.encode("en", texts)


def test_a_text_may_be_any_sequence_of_strings():
    for text in (("a", "b"), ["a"], np.array(["a", "b"]), np.str_("a b")):
        check_text(text, "texts[0]")
    with pytest.raises(ValueError, match=r"texts\[0\] is '  '"):
        check_text("  ", "texts[0]")
    check_text("  ", "texts[0]", empty=True)
    with pytest.raises(TypeError, match="texts is one string, 'the cat'"):
        encodings(tokeniser("ours"), "the cat")


def test_a_long_text_is_split_into_words_once(monkeypatch):
    text = "ab " * 3000
    whole = read_words(encodings(tokeniser("ours"), [text])[0], text)
    (cut,) = encodings(tokeniser("ours"), [text], longest=20)
    assert len(cut.overflowing) > 100
    calls = []
    split = tokens.word_places
    monkeypatch.setattr(tokens, "word_places", lambda text: calls.append(text) or split(text))
    found = read_words(cut, text)
    assert found and [word for *_, word in found] == [word for *_, word in whole[: len(found)]]
    assert len(calls) <= 2, "and not once for each part that was cut off"
