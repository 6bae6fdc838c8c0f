"""English and its copy: a bijection, disjoint halves, and gold that carries over."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isomorph.measure.scores import span_scores
from isomorph.presets.ablations import vary
from isomorph.runs import CopyText, Pretraining, ShippedText, Task, run_from_json
from isomorph.runs.texts import COPIED, LETTERS, text_checksum
from isomorph.text.examples import (
    PAIR,
    SPEECH,
    TAG,
    TREE,
    Examples,
    PairExample,
    TaggedExample,
    TreeExample,
)
from isomorph.text.tasks import examples
from tests.text.test_shipped_tasks import spans

BACK = str.maketrans(COPIED + COPIED.upper(), LETTERS + LETTERS.upper())
HALF = CopyText(domains=("help", "help"), anchors=0.3, seed=4)
RUN = re.compile(r"[^\W\d_]+")


@given(st.text(st.sampled_from(LETTERS + LETTERS.upper() + "é’'.,- 09")))
def test_a_copy_is_read_back_letter_by_letter(text):
    assert len(set(COPIED)) == len(LETTERS) and not set(COPIED) & set(LETTERS)
    for copier in (CopyText(), HALF):
        copied = copier.text(text)
        assert copied.translate(BACK) == text
        assert copied.lower() == copier.text(text.lower()), "case is kept"
    assert not set(CopyText().text(text)) & set(LETTERS + LETTERS.upper())


def test_anchors_are_whole_words_the_same_everywhere():
    words = [
        "lord",
        "walk",
        "walked",
        "walking",
        "unheardofword",
        *(f"w{'x' * i}" for i in range(995)),
    ]
    kept = {word for word in words if HALF.word(word) == word}
    assert 0.25 < len(kept) / len(words) < 0.35
    assert all(HALF.word(word).upper() == HALF.word(word.upper()) for word in words)
    for word in words:
        assert HALF.word(word) == word or not set(HALF.word(word)) & set(LETTERS)
        assert HALF.text(f"the {word}, then").split()[1] == HALF.word(word) + ","
    other = {word for word in words if CopyText(anchors=0.3, seed=5).word(word) == word}
    assert other != kept
    more = {word for word in words if CopyText(anchors=0.6, seed=4).word(word) == word}
    assert kept < more, "more anchors are those and others"
    assert {word for word in words if CopyText(anchors=1.0).word(word) == word} == set(words)


@pytest.fixture(scope="module")
def corpus():
    return HALF.corpus()


def test_the_halves_are_disjoint_and_held_out_sentences_parallel(corpus):
    own, other = corpus.train["en"], [text.translate(BACK) for text in corpus.train["copy"]]
    both = ShippedText(languages=("en",), domains=("help",), half="both").corpus().train["en"]
    even = ShippedText(languages=("en",), domains=("help",), half="even").corpus().train["en"]
    assert own == even and set(other) <= set(both)
    repeated = set(own) & set(other)
    assert not repeated, "what stands in both halves is a near copy"
    for part in (corpus.dev, corpus.test):
        assert [HALF.text(text) for text in part["en"]] == part["copy"] and len(part["en"]) > 100


def test_a_parallel_copy_is_of_what_english_reads(corpus):
    parallel = CopyText(**HALF.model_dump() | {"parallel": True})
    train = parallel.corpus().train
    assert train["en"] == corpus.train["en"]
    assert train["copy"] == [*map(HALF.text, corpus.train["en"])]
    assert parallel.corpus().test == corpus.test
    with pytest.raises(ValueError, match="parallel is True, which needs one domain"):
        CopyText(domains=("bible", "help"), parallel=True)


def test_the_dictionary_has_every_word_that_both_read(corpus):
    train, test = corpus.dictionary["train"], corpus.dictionary["test"]
    asked = [{word for word, _ in part} for part in (train, test)]
    assert not asked[0] & asked[1] and min(map(len, asked)) > 200
    read = {side: set(RUN.findall(" ".join(corpus.train[side]).lower())) for side in ("en", "copy")}
    for word, copy in (*train, *test):
        assert copy == HALF.word(word) and word in read["en"] and copy in read["copy"]
    assert any(word == copy for word, copy in test), "anchors are words too"
    plain = CopyText(domains=("help", "help")).corpus().dictionary["test"]
    assert [word for word, _ in plain] == [word for word, _ in test]


def test_domains_and_checksums():
    apart = CopyText(domains=("bible", "help"))
    mixed = apart.corpus()
    assert (
        mixed.test["en"]
        == ShippedText(languages=("en",), domains=("bible",), overlap="dropped").corpus().test["en"]
    )
    assert mixed.train["copy"] == CopyText(domains=("help", "help")).corpus().train["copy"]
    sums = {
        text_checksum(CopyText(domains=(a, b)))
        for a in ("bible", "help")
        for b in ("bible", "help")
    }
    assert len(sums) == 4 and "" not in sums


TREES = Examples(TREE, ("root", "obj", "det"), (
    TreeExample(("See", "the", "sea"), (0, 3, 1), ("root", "det", "obj")),
), "by hand")  # fmt: skip
TAGS = ("B-PER", "I-PER", "O", "B-LOC", "B-LOC", "I-LOC", "I-LOC", "O", "I-ORG", "I-PER")


def test_gold_is_the_same_in_the_copy():
    (tree,) = HALF.copied(TREES).items
    assert (tree.heads, tree.relations) == ((0, 3, 1), ("root", "det", "obj"))
    assert tree.words == tuple(map(HALF.word, TREES.items[0].words)) != TREES.items[0].words
    tagged = Examples(TAG, (), (TaggedExample(tuple("abcdefghij"), TAGS),), "by hand")
    assert HALF.copied(tagged).items[0].tags == TAGS
    pairs = Examples(
        PAIR, ("x",), (PairExample("one", "two", "x"), PairExample("one", None, "x")), ""
    )
    copied = HALF.copied(pairs).items
    assert copied[0] == PairExample(HALF.text("one"), HALF.text("two"), "x")
    assert copied[1].second is None


def test_a_reversed_copy_has_its_gold_reversed():
    copier = CopyText(order="reversed")
    assert copier.text("See the sea, he said.").translate(BACK) == ".said he ,sea the See"
    (tree,) = copier.copied(TREES).items
    assert "".join(tree.words).translate(BACK) == "seatheSee"
    assert (tree.heads, tree.relations) == ((3, 1, 0), ("obj", "det", "root"))
    words = tuple("abcdefghij")
    (tagged,) = copier.copied(Examples(TAG, (), (TaggedExample(words, TAGS),), "")).items
    there, back = spans(list(TAGS)), spans(list(tagged.tags))
    count = len(TAGS)
    assert {(count - end, count - start, kind) for start, end, kind in there} == set(back)
    assert tagged.tags[0] == "B-PER", "the last word, which was a person by itself"
    again = copier.copied(Examples(TAG, (), (tagged,), "")).items[0].tags
    assert span_scores([list(again)], [list(TAGS)])["f1"] == 1
    spoken = TaggedExample(("see", "sea"), ("VERB", "NOUN"))
    assert copier.copied(Examples(SPEECH, (), (spoken,), "")).items[0].tags == ("NOUN", "VERB")


def test_a_task_is_told_in_the_copy():
    text, task = CopyText(anchors=0.3, seed=4), Task(source="interface_terms", test=20)
    train, tests = task.material(text, text.languages)
    assert train == examples("interface_terms", "en", "train")
    assert tests["copy"] == HALF.copied(tests["en"]) != tests["en"]
    assert tests["en"] == examples("interface_terms", "en", "test", 20)
    assert task.examples("dev", "copy", text) == HALF.copied(task.examples("dev", "en", text))


def test_conditions_change_the_copy(recipe):
    changed = {
        "domain_mismatch": CopyText(domains=("bible", "help")), "anchors_15": CopyText(anchors=0.15),
        "order_reversed": CopyText(order="reversed"),
    }  # fmt: skip
    for name, text in changed.items():
        assert vary(recipe, name).text == text
        run = vary(recipe, name)
        assert run_from_json(run.config_json()).digest == run.digest != recipe.digest
    with pytest.raises(ValueError, match="of text of the kind 'copy' allowed are"):
        vary(recipe, "topics_50")


@pytest.fixture
def recipe():
    return Pretraining(text=CopyText(), training={"tokens": 1000})


@pytest.mark.parametrize("fields", [{"anchors": 1.5}, {"anchors": float("nan")}, {"seed": -1},
                                    {"order": "random"}, {"domains": ("bible", "web")},
                                    {"domains": ("bible",)}])  # fmt: skip
def test_impossible_copies_are_refused(fields):
    (name,) = fields
    with pytest.raises(ValueError, match=name):
        CopyText(**fields)
