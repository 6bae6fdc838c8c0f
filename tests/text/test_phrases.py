"""Phrases of two translations: how they are aligned and re-paired, and examples made of them."""

from collections import Counter

import pytest

from isomorph.text.examples import PHRASES, PhraseExample
from isomorph.text.parallel import load_parallel
from isomorph.text.shipped import read_table
from isomorph.text.shipped_tasks import (
    FEWEST,
    FUNCTION_WORDS,
    LONGEST,
    aligned,
    re_paired,
    split_words,
)
from isomorph.text.tasks import examples


def phrases_of(first: str, second: str) -> list[tuple[str, str]]:
    words = [split_words(text, "en") for text in (first, second)]
    return [
        tuple(" ".join(side[slice(*span)]) for side, span in zip(words, pair, strict=True))
        for pair in aligned(*words)
    ]


def texts_of(item: PhraseExample, span) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return tuple(
        tuple(word.lower() for word in side[slice(*part)])
        for side, part in zip((item.first, item.second), span[:2], strict=True)
    )


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (
            "He took the measure of the wall, and put up the tower.",
            "He measured the wall; and built the tower.",
            [("took the measure of", "measured"), ("put up", "built")],
        ),
        # Marks at the ends are cut off, letter case does not count.
        ("Ann said, (Truly) he is here.", 'Ann said, "Surely, He is here.', [("Truly", "Surely")]),
        # Function words alone, marks alone and the very same words are no phrases.
        ("it will be given to me, and to you", "it shall be given to me; and to you", []),
        ("the sons saw the town", "the sons saw the town", []),
        # One equal word on both sides does not hold a phrase, one and the text's edge do.
        (
            "ann likes one sees two hears bob",
            "lee likes three sees four hears kim",
            [("ann", "lee"), ("bob", "kim")],
        ),
        # Too long, or with a mark inside.
        ("say one two three four five six seven now to us", "say nothing now to us", []),
        ("say one, two now to us", "say nothing now to us", []),
        # Not twice the same.
        (
            "to the Lord of the land and the Lord of all things",
            "to Yahweh of the land and Yahweh of all things",
            [("the Lord", "Yahweh")],
        ),
        ("", "", []),
        ("a town", "", []),
    ],
)  # fmt: skip
def test_what_differs_between_equal_words_is_aligned(first, second, expected):
    assert phrases_of(first, second) == expected
    assert phrases_of(second, first) == [pair[::-1] for pair in expected]


@pytest.mark.parametrize("count", [2, 3, 4, 5, 8])
def test_re_paired_phrases_are_each_used_once_and_never_as_before(count):
    pairs = [((i, i + 1), (2 * i, 2 * i + 1)) for i in range(count)]
    found = re_paired(pairs)
    assert {own for own, _ in found} == {own for own, _ in pairs}
    assert {other for _, other in found} == {other for _, other in pairs}
    assert len(found) == count and not set(found) & set(pairs)
    assert all(abs(own[0] - other[0] // 2) <= 2 for own, other in found)


@pytest.mark.parametrize(("split", "fewest"), [("train", 7000), ("dev", 300), ("test", 600)])
def test_examples_are_balanced_and_phrases_are_within_their_texts(split, fewest):
    found = examples("phrases", "en", split)
    assert (found.task, found.names, found.source) == (PHRASES, (), f"phrases bible en {split}")
    assert len(found.items) >= fewest
    assert abs(sum(item.same for item in found.items) - len(found.items) / 2) <= 0.5
    right = {texts_of(item, span) for item in found.items for span in item.spans if span[2]}
    for item in found.items:
        assert all(0 < end - start <= LONGEST for span in item.spans for start, end in span[:2])
        for span in item.spans:
            one, other = texts_of(item, span)
            assert not set(one) <= FUNCTION_WORDS and not set(other) <= FUNCTION_WORDS
            assert span[2] or (one, other) not in right
    inside = [span for item in found.items if item.same for span in item.spans]
    assert 0.49 < sum(span[2] for span in inside) / len(inside) < 0.52
    assert not any(span[2] for item in found.items if not item.same for span in item.spans)
    assert all(sum(s[2] for s in item.spans) >= FEWEST for item in found.items if item.same)


def test_the_second_text_is_the_same_verse_or_one_near_it():
    rows = [
        row for row in read_table("tasks/paraphrases.parquet").to_list() if row["split"] == "dev"
    ]
    first, second = (
        {tuple(split_words(row[side], "en")): row["id"] for row in rows}
        for side in ("first", "second")
    )
    for item in examples("phrases", "en", "dev").items:
        assert (first[item.first] == second[item.second]) == item.same


def test_a_phrase_alone_tells_nothing_inside_a_verse():
    for item in examples("phrases", "en", "dev").items:
        if item.same:
            for side in (0, 1):
                used = Counter((span[side], span[2]) for span in item.spans)
                wrong = sum(not answer for _, answer in used)
                assert set(used.values()) == {1} and wrong >= len(used) / 2 - 1


def test_the_shipped_pairs_are_verses_in_two_translations():
    verses = {row["id"]: row for row in load_parallel("bible").to_list()}
    rows = read_table("tasks/paraphrases.parquet").to_list()
    assert Counter(row["split"] for row in rows)["train"] == 12_000
    assert [row["id"] for row in rows] == sorted({row["id"] for row in rows})
    for row in rows:
        verse = verses[row["id"]]
        assert (row["split"], row["first"]) == (verse["split"], verse["en"])
        assert row["second"] and row["second"] != row["first"]
        assert not set(row["second"]) & set("[]<>`*")


def test_fewer_are_among_more():
    every = examples("phrases", "en", "dev").items
    ten, forty = (examples("phrases", "en", "dev", count).items for count in (10, 40))
    assert len(ten) == 10 and set(ten) < set(forty) < set(every)
    assert sum(item.same for item in ten) == 5
    assert [item for item in every if item in forty] == list(forty)
    for count in (0, len(every) + 1, True, 2.0):
        with pytest.raises(ValueError, match=f"count is {count}; phrases bible en dev allows 1 to"):
            examples("phrases", "en", "dev", count)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="phrases has 1 pair; allowed are none or at least 2"):
        re_paired([((0, 1), (0, 1))])
    for span in ((0, 0), (2, 4), (-1, 1)):
        with pytest.raises(
            ValueError, match="for the second text; allowed is a start below its end"
        ):
            PhraseExample(("a",), ("b", "c", "d"), True, (((0, 1), span, True),))
