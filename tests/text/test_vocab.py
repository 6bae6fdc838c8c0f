"""Vocabularies: what two languages share under each anchor policy, fixed-length packing, and
code-switching: the paper's rates, and words of every language and script."""

import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isomorph.text.corpora import load_corpus
from isomorph.text.packed import pack
from isomorph.text.vocab import (
    CAP,
    MASK,
    SEPARATOR,
    SPECIAL,
    START,
    Vocabulary,
    VocabularyConfig,
    by_word,
    code_switch,
    learn,
    split_words,
)

TEXTS = {
    "en": ["The animal is on the table.", "An important nation; a large animal?"] * 3,
    "fr": ["L'animal est sur la table.", "Une nation importante; un grand animal?"] * 3,
}
SCRIPTS = {
    "ru": ["В начале сотворил Бог небо и землю."] * 3,
    "zh": ["起初，神创造天地。", "神说：要有光，就有了光。"] * 3,
}
POLICIES = ["none", "default", "joint", "extra"]


def vocabulary(anchors: str = "joint", texts=TEXTS, size: int = 200, **changes) -> Vocabulary:
    return learn(VocabularyConfig(anchors=anchors, size=size, **changes), texts)


@pytest.mark.parametrize("anchors", POLICIES)
def test_every_policy_reads_and_writes_its_text(anchors):
    learnt = vocabulary(anchors)
    for language, sentences in TEXTS.items():
        tokenizer = learnt.tokenizer(language)
        for sentence, ids in zip(sentences, learnt.encode(language, sentences), strict=True):
            assert tokenizer(sentence)["input_ids"] == [START, *ids, SEPARATOR]
            assert 1 not in ids, "no letter of the text is unknown"
            assert max(ids) < learnt.size
            written = tokenizer.decode(ids).replace(" ", "")
            assert written == sentence.lower().replace(" ", "")
        assert tokenizer.mask_token_id == MASK


@pytest.mark.parametrize("anchors", POLICIES)
def test_special_tokens_are_common_to_all_languages(anchors):
    learnt = vocabulary(anchors)
    for language in TEXTS:
        assert [learnt.ids[language][piece] for piece in SPECIAL] == list(range(5))


def test_none_shares_nothing_and_default_shares_identical_strings():
    apart, union = vocabulary("none"), vocabulary("default")
    assert not set(apart.language_ids("en")) & set(apart.language_ids("fr"))
    for piece in set(union.ids["en"]) & set(union.ids["fr"]):
        assert union.ids["en"][piece] == union.ids["fr"][piece]
    only = set(union.ids["en"]) ^ set(union.ids["fr"])
    assert only and "animal" in union.ids["en"]
    assert union.size < apart.size


def test_joint_is_one_vocabulary():
    joint = vocabulary("joint")
    assert joint.ids["en"] == joint.ids["fr"]
    assert joint.size <= 200


@pytest.mark.parametrize("anchors", POLICIES)
def test_subwords_are_shared_unless_none_may_be(anchors):
    learnt = vocabulary(anchors)
    counts = {
        language: Counter(i for s in texts for i in learnt.encode(language, [s])[0])
        for language, texts in TEXTS.items()
    }
    both = [i for i in counts["en"] if i in counts["fr"]]
    either = set(counts["en"]) | set(counts["fr"])
    occurrences = sum(c for language in counts for i, c in counts[language].items() if i in both)
    assert (occurrences == 0) == (anchors == "none") and len(both) < len(either)


def test_chinese_is_split_into_characters_and_russian_into_words():
    learnt = vocabulary("joint", SCRIPTS)
    assert learnt.tokenizer("zh").tokenize("神创造天地。") == ["神", "创", "造", "天", "地", "。"]
    words = learnt.tokenizer("ru")("в начале сотворил бог").word_ids()
    assert max(w for w in words if w is not None) == 3
    assert "бог" in learnt.ids["ru"]


def test_the_same_text_gives_the_same_vocabulary_in_another_process():
    program = (
        "import json,sys; from isomorph.text.vocab import *; texts=json.load(sys.stdin);"
        "print(json.dumps(learn(VocabularyConfig(size=90), texts).ids['en']))"
    )
    import json

    answers = {
        subprocess.run(
            [sys.executable, "-c", program],
            input=json.dumps(TEXTS), capture_output=True, text=True, check=True,
        ).stdout
        for _ in range(3)
    }  # fmt: skip
    assert len(answers) == 1


@pytest.mark.parametrize("anchors", POLICIES)
def test_save_and_load(anchors, tmp_path):
    learnt = vocabulary(anchors)
    learnt.save(tmp_path)
    again = Vocabulary.load(tmp_path)
    for language, sentences in TEXTS.items():
        assert again.encode(language, sentences) == learnt.encode(language, sentences)
    from transformers import AutoTokenizer

    folder = tmp_path if anchors in ("joint", "extra") else tmp_path / "fr"
    ids = AutoTokenizer.from_pretrained(folder)(TEXTS["fr"][0])["input_ids"]
    assert ids == learnt.tokenizer("fr")(TEXTS["fr"][0])["input_ids"]


@given(
    st.lists(st.lists(st.integers(5, 99), min_size=1, max_size=20), min_size=1, max_size=30),
    st.integers(8, 16),
    st.booleans(),
)
def test_packing_against_one_token_at_a_time(sentences, length, continuous):
    stream = []  # (id, position in its sentence, sentence)
    for number, sentence in enumerate(sentences):
        row = [START, *sentence[: length - 2], SEPARATOR]
        stream += [(i, position, number) for position, i in enumerate(row)]
    if len(stream) < length:
        with pytest.raises(ValueError, match="do not fill"):
            pack(sentences, length)
        return
    packed = pack(sentences, length, continuous=continuous)
    assert len(packed) == len(stream) // length
    assert packed.ids.shape == packed.positions.shape == packed.segments.shape
    for at, (i, position, number) in enumerate(stream[: packed.ids.size]):
        block, column = divmod(at, length)
        assert packed.ids[block, column] == i
        assert packed.positions[block, column] == (column if continuous else position)
        expected = [continuous or other == number for _, _, other in stream[block * length :]]
        same = packed.segments[block] == packed.segments[block, column]
        assert same.tolist() == expected[:length]


def test_case_can_be_kept():
    assert "The" in vocabulary(lowercase=False).tokenizer("en").tokenize("The animal")
    assert "the" in vocabulary().tokenizer("en").tokenize("The animal")


def test_whole_words_by_frequency():
    rare = " ".join(f"rare{letter}" for letter in "zyxwvutsrqponmlkjihgfedcba")
    words = learn(VocabularyConfig(size=32, units="words"), {"en": ["the cat. The dog", rare]})
    found = list(words.ids["en"])[len(SPECIAL) :]
    # Ties in the order of the alphabet; what does not fit is unknown.
    assert found[:4] == ["the", ".", "cat", "dog"] and found[-1] == "rarew" and words.size == 32
    assert words.tokenizer("en").tokenize("the rarex cat") == ["the", "[UNK]", "cat"]
    assert words.tokenizer("en").tokenize("thecat") == ["[UNK]"]


def test_bad_requests_are_one_sentence():
    with pytest.raises(ValueError, match=r"language is 'de'; this vocabulary has \['en', 'fr'\]"):
        vocabulary().tokenizer("de")
    with pytest.raises(ValueError, match="no text in 'fr'"):
        learn(VocabularyConfig(), {"en": ["a"], "fr": []})
    with pytest.raises(ValueError, match="no text in 'en'"):
        learn(VocabularyConfig(), {"en": [" ", ""]})
    with pytest.raises(TypeError, match="read once only"):
        learn(VocabularyConfig(), {"en": iter(["a"])})
    with pytest.raises(ValueError, match="no language"):
        learn(VocabularyConfig(), {})
    with pytest.raises(ValueError, match=r"vocabulary.size is 32 .* letters"):
        vocabulary(size=32)
    with pytest.raises(ValueError, match="anchors"):
        VocabularyConfig(anchors="some")


def test_code_switching_follows_the_papers_rates():
    sentences = ["dog " * 10 + "sees cat"] * 200
    generator = np.random.default_rng(0)
    switched = code_switch(sentences, {"cat": ["chat", "minou"]}, generator)
    last = Counter(s.split()[-1] for s in switched)
    assert last["cat"] / 200 == pytest.approx(0.7, abs=0.1)
    assert last["chat"] > 10 and last["minou"] > 10
    every = code_switch(sentences, {"dog": ["chien"], "cat": ["chat"]}, generator)
    changed = sum(s.split().count("chien") + s.split().count("chat") for s in every)
    assert changed == int(CAP * 200 * 12), "more than the cap were drawn, so the cap decides"


def test_code_switching_keeps_punctuation_and_leaves_other_words():
    generator = np.random.default_rng(0)
    switched = code_switch(["See the Cat, now!"] * 50, {"cat": ["chat"]}, generator, 0.0, 1.0)
    assert set(switched) == {"See the chat, now!"}
    kept = code_switch(["See the Cat, now!"] * 50, {"cat": ["chat"]}, generator, 1.0)
    assert set(kept) == {"See the Cat, now!"}


@pytest.mark.parametrize(
    ("sentence", "pair", "expected"),
    [
        ("Der Hund sieht das Meer.", ("Hund", "dog"), "Der dog sieht das Meer."),
        ("Il dit à l'homme: va!", ("homme", "man"), "Il dit à l'man: va!"),
        ("起初，神创造天地。", ("创造", "make"), "起初，神 make 天地。"),
        ("В начале сотворил Бог небо", ("бог", "god"), "В начале сотворил god небо"),
    ],
)
def test_words_of_every_language_are_found(sentence, pair, expected):
    generator = np.random.default_rng(0)
    assert code_switch([sentence], by_word([pair]), generator, keep=0.0, cap=1.0) == [expected]


def test_the_longest_dictionary_word_is_taken():
    words = split_words("天地玄黄", by_word([("天", "sky"), ("天地", "world")]))
    assert words == ["天地", "玄", "黄"]


@pytest.mark.parametrize("language", ["fr", "de", "ru", "zh", "es"])
def test_both_sides_of_shipped_text_change(language):
    corpus = load_corpus(("en", language), ("bible", "bible"))
    pairs = corpus.dictionary["train"]
    generator = np.random.default_rng(0)
    for name, words in (("en", by_word(pairs)), (language, by_word((b, a) for a, b in pairs))):
        sentences = corpus.train[name][:300]
        assert ["".join(split_words(s, words)) for s in sentences] == sentences
        switched = code_switch(sentences, words, generator)
        changed = sum(a != b for a, b in zip(sentences, switched, strict=True))
        assert changed > 60, f"only {changed} of 300 sentences changed"
