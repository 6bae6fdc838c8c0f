"""Code-switching: the paper's rates, and words of every language and script."""

from collections import Counter

import numpy as np
import pytest

from isomorph.text.anchors import CAP, by_word, code_switch, split_words
from isomorph.text.corpora import load_corpus


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
