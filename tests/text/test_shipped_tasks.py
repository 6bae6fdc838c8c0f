"""The two tasks: balanced, without shortcuts, the same labels in every language, held out."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isomorph.measure.scores import span_scores
from isomorph.text.examples import SPLITS
from isomorph.text.parallel import load_parallel
from isomorph.text.shipped import DOMAINS, LANGUAGES, read_table
from isomorph.text.shipped_tasks import (
    KINDS,
    TAGS,
    passage_chapters,
    split_words,
)
from isomorph.text.tasks import examples

FOLLOWS, SAME, ELSEWHERE = range(3)


@pytest.fixture(scope="module")
def relations():
    return read_table("tasks/passage_relation.parquet").to_list()


@pytest.fixture(scope="module")
def rows():
    return {domain: {r["id"]: r for r in load_parallel(domain).to_list()} for domain in DOMAINS}


@pytest.fixture(scope="module")
def terms():
    return read_table("tasks/interface_terms.parquet").to_list()


def test_relation_classes_are_balanced(relations):
    counted = Counter((r["domain"], r["split"], r["label"]) for r in relations)
    for domain in DOMAINS:
        for split in SPLITS:
            sizes = {counted[domain, split, label] for label in range(3)}
            assert len(sizes) == 1 and sizes.pop() >= 300


def test_relation_passages_come_from_their_own_split(relations, rows):
    for r in relations:
        for side in ("id_a", "id_b"):
            assert rows[r["domain"]][r[side]]["split"] == r["split"]


def test_relation_labels_are_true(relations, rows):
    for r in relations:
        a, b = (rows[r["domain"]][r[side]] for side in ("id_a", "id_b"))
        step = b["id"] - a["id"]
        if r["label"] == FOLLOWS:
            assert a["group"] == b["group"]
            assert step == 1 if r["domain"] == "bible" else 1 <= step <= 3
        elif r["label"] == SAME:
            assert a["group"] == b["group"] and abs(step) >= 3
        else:
            assert a["document"] != b["document"]


def test_neither_passage_alone_tells_the_label(relations):
    """Each class has exactly the same passages A and the same passages B."""
    for domain in DOMAINS:
        for split in SPLITS:
            part = [r for r in relations if (r["domain"], r["split"]) == (domain, split)]
            for side in ("id_a", "id_b"):
                used = [sorted(r[side] for r in part if r["label"] == n) for n in range(3)]
                assert used[0] == used[1] == used[2]


def test_no_pair_occurs_twice(relations):
    pairs = [(r["domain"], r["id_a"], r["id_b"]) for r in relations]
    assert len(set(pairs)) == len(pairs)


def test_labels_are_in_random_order(relations):
    first = [r["label"] for r in relations[:3000]]
    runs = sum(a != b for a, b in pairwise(first))
    assert 0.6 < runs / len(first) < 0.73  # two in three neighbours differ


def test_relation_loader_gives_the_same_labels_in_every_language(rows):
    english, chinese = (examples("passage_relation_help", code, "test") for code in ("en", "zh"))
    assert english.names == ("follows", "same", "elsewhere")
    translation = {row["en"]: row["zh"] for row in rows["help"].values()}
    for item, other in zip(english.items, chinese.items, strict=True):
        assert (other.label, other.second) == (item.label, translation[item.second])


def test_terms_have_the_same_kinds_in_the_same_order_in_every_language(terms):
    for row in terms:
        kinds = {
            tuple(TAGS[tag] for tag in row[f"tags_{language}"] if TAGS[tag].startswith("B-"))
            for language in LANGUAGES
        }
        assert len(kinds) == 1 and kinds != {()}


def test_terms_are_well_formed(terms):
    for row in terms:
        for language in LANGUAGES:
            tokens, tags = row[f"tokens_{language}"], row[f"tags_{language}"]
            assert len(tokens) == len(tags) and all(token.strip() for token in tokens)
            names = ["O", *(TAGS[tag] for tag in tags)]
            for before, name in pairwise(names):
                assert name[0] != "I" or before[1:] == name[1:]


def test_terms_come_from_their_own_split_and_are_the_text(terms, rows):
    for row in terms:
        paragraph = rows["help"][row["id"]]
        assert paragraph["split"] == row["split"]
        for language in LANGUAGES:
            joined = "".join(row[f"tokens_{language}"])
            assert joined == "".join(paragraph[language].split())


def test_every_kind_of_term_is_in_every_split():
    for split in SPLITS:
        found = {
            tag for item in examples("interface_terms", "en", split).items for tag in item.tags
        }
        assert {f"B-{kind}" for kind in KINDS} <= found <= set(TAGS)


def test_words_of_chinese_are_characters():
    assert split_words("按Enter键。", "zh") == ["按", "Enter", "键", "。"]
    assert split_words("F2键", "zh") == ["F2", "键"]


def test_words_keep_inner_marks_and_part_punctuation():
    assert split_words("Click 'File' - don't.", "en") == (
        ["Click", "'", "File", "'", "-", "don't", "."]
    )
    assert split_words("my_name", "en") == ["my", "_", "name"]


def spans(tags) -> set[tuple[int, int, str]]:
    """(first, last + 1, type) as the script of CoNLL-2000 finds them: the slow, obvious way."""
    found = set()
    for start, tag in enumerate(tags):
        kind = tag[2:]
        begins = tag[0] == "B" or (tag[0] == "I" and (start == 0 or tags[start - 1][2:] != kind))
        if begins:
            end = start + 1
            while end < len(tags) and tags[end] == f"I-{kind}":
                end += 1
            found.add((start, end, kind))
    return found


def f1_of(gold, predicted, kind=None) -> float:
    sides = [
        {
            (i, *span)
            for i, tags in enumerate(side)
            for span in spans(tags)
            if kind in (None, span[2])
        }
        for side in (gold, predicted)
    ]
    return 2 * len(sides[0] & sides[1]) / max(1, len(sides[0]) + len(sides[1]))


@st.composite
def two_taggings(draw):
    tag = st.sampled_from(("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC"))
    lengths = draw(st.lists(st.integers(0, 8), max_size=4))
    # Like each other, so that some spans are right.
    gold = [draw(st.lists(tag, min_size=n, max_size=n)) for n in lengths]
    return gold, [[draw(st.one_of(st.just(t), tag)) for t in tags] for tags in gold]


@settings(max_examples=300, deadline=None)
@given(two_taggings())
def test_span_scores_agree_with_the_obvious_way(taggings):
    gold, predicted = taggings
    scores = span_scores(gold, predicted)
    assert scores.pop("f1") == pytest.approx(f1_of(gold, predicted))
    kinds = {kind for tags in gold for *_, kind in spans(tags)}
    assert set(scores) == {f"f1_{kind}" for kind in kinds}
    for kind in kinds:
        assert scores[f"f1_{kind}"] == pytest.approx(f1_of(gold, predicted, kind))


def test_span_scores_known_values():
    gold = [["B-MENU", "I-MENU", "O", "B-KEY"]]
    assert span_scores(gold, gold) == {"f1": 1.0, "f1_KEY": 1.0, "f1_MENU": 1.0}
    assert span_scores(gold, [["O"] * 4]) == {"f1": 0.0, "f1_KEY": 0.0, "f1_MENU": 0.0}
    half = span_scores(gold, [["B-MENU", "O", "O", "B-KEY"]])
    assert half == pytest.approx({"f1": 0.5, "f1_KEY": 1.0, "f1_MENU": 0.0})
    assert span_scores(gold, [["O", "O", "O", "B-KEY"]])["f1"] == pytest.approx(2 / 3)
    assert span_scores([["O"]], [["B-KEY"]]) == span_scores([], []) == {"f1": 0.0}


def test_broken_spans_are_repaired():
    """An "I" that continues nothing opens a span; so does one of another type."""
    assert span_scores([["B-KEY", "I-KEY", "O"]], [["I-KEY", "I-KEY", "O"]])["f1"] == 1.0
    assert span_scores([["B-MENU", "B-KEY"]], [["B-MENU", "I-KEY"]])["f1"] == 1.0
    assert span_scores([["B-KEY", "I-KEY"]], [["B-KEY", "B-KEY"]])["f1"] == 0.0


def test_words_without_a_prediction_are_outside():
    gold = [["B-KEY", "O", "B-KEY"], ["B-KEY"]]
    assert span_scores(gold, [["B-KEY"], []]) == span_scores(gold, [["B-KEY", "O", "O"], ["O"]])


@pytest.mark.parametrize(
    ("gold", "predicted", "message"),
    [
        ([["O"]], [], "predicted has 0 sentences; allowed are as many sentences as gold has, 1"),
        ([["O"]], [["O", "O"]], "predicted has 2 tags for a sentence; allowed are at most"),
        ([["O"]], [["S-KEY"]], "tag is 'S-KEY'; allowed are 'O', 'B-' or 'I-' and a type"),
        ([["I"]], [["O"]], "tag is 'I'"),
    ],
)
def test_tags_that_cannot_be_scored_are_refused(gold, predicted, message):
    with pytest.raises(ValueError, match=message):
        span_scores(gold, predicted)


def test_chapters_of_passages_are_those_of_their_texts():
    items, chapters = examples("passage_relation", "en", "test").items, passage_chapters("test")
    text = load_parallel("bible")[:]
    chapter_of = dict(zip(text["en"], text["group"], strict=True))
    for side, own in zip(("first", "second"), chapters, strict=True):
        agree = [chapter_of[getattr(t, side)] == c for t, c in zip(items, own, strict=True)]
        assert sum(agree) > 0.99 * len(agree), "a few verses stand in two chapters"
    for item, first, second in zip(items, *chapters, strict=True):
        assert (first == second) == (item.label != "elsewhere")
