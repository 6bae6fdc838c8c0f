"""Word translation: what counts as a query and a hit, and a reference by explicit loops."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from isomorph.measure.retrieval import translation, translation_both_ways

from .test_retrieval import SCORINGS, gaussian, quick, reference_scores, seeds, with_constant

# Three source words and four target words in the plane, so that every answer can be seen:
# god is nearest to dieu, then ciel; sky to dieu, then ciel; sea to mer.
SOURCE = ["god", "sky", "sea"]
TARGET = ["dieu", "ciel", "mer", "main"]
SOURCE_VECTORS = torch.tensor([[1.0, 0.0], [1.0, 0.3], [0.0, 1.0]])
TARGET_VECTORS = torch.tensor([[1.0, 0.1], [1.0, 0.9], [0.1, 1.0], [-1.0, 0.0]])


def test_translation_counts_each_source_word_once():
    pairs = [("god", "dieu"), ("god", "seigneur"), ("sky", "ciel"), ("sea", "mer"), ("sea", "ciel")]
    found = translation(SOURCE_VECTORS, TARGET_VECTORS, pairs, SOURCE, TARGET, k=(1, 2))
    assert found["p1"] == pytest.approx(2 / 3)  # sky finds dieu first
    assert found["p2"] == 1.0
    hit: dict[str, float] = {}
    translation(SOURCE_VECTORS, TARGET_VECTORS, pairs, SOURCE, TARGET, k=(1, 2), by_word=hit)
    assert hit == {"god": 1.0, "sky": 0.0, "sea": 1.0}
    assert (found["queries"], found["coverage"], found["candidates"]) == (3, 1.0, 4)
    assert found["chance"] == pytest.approx((1 + 1 + 2) / 3 / 4)


def test_words_without_a_vector_are_coverage_not_misses():
    pairs = [("god", "dieu"), ("earth", "terre"), ("sky", "firmament"), ("sea", "mer")]
    found = translation(SOURCE_VECTORS, TARGET_VECTORS, pairs, SOURCE, TARGET)
    assert (found["p1"], found["queries"], found["coverage"]) == (1.0, 2, 0.5)
    nothing = translation(SOURCE_VECTORS, TARGET_VECTORS, [("a", "b")], SOURCE, TARGET)
    assert math.isnan(nothing["p1"]) and nothing["queries"] == nothing["coverage"] == 0
    empty = translation(torch.ones(0, 2), torch.ones(0, 2), [("a", "b")], [], [])
    assert math.isnan(empty["p5"]) and empty["candidates"] == 0


def test_words_spelt_alike_are_not_asked():
    source, vectors = [*SOURCE, "main"], torch.cat([SOURCE_VECTORS, -torch.eye(1, 2)])
    pairs = [("god", "dieu"), ("main", "main"), ("paris", "paris")]
    found = translation(vectors, TARGET_VECTORS, pairs, source, TARGET)
    assert (found["queries"], found["coverage"]) == (1, 1.0)
    # A false friend: its own string would always be found first, so it is not asked either.
    pairs = [("main", "mer"), ("god", "dieu")]
    assert translation(vectors, TARGET_VECTORS, pairs, source, TARGET)["queries"] == 1


@quick
@given(seed=seeds, scoring=st.sampled_from(SCORINGS), center=st.booleans())
def test_translation_agrees_with_the_slow_reference(seed, scoring, center):
    random = np.random.default_rng(seed)
    source_words, target_words = [f"s{i}" for i in range(14)], [f"t{i}" for i in range(11)]
    source, target = gaussian(14, 4, seed), gaussian(11, 4, seed + 1)
    pairs = [
        (source_words[i], target_words[j]) for i, j in random.integers(0, (9, 11), size=(15, 2))
    ]
    with with_constant("SCORES_AT_ONCE", 4 * 11):
        fast = translation(
            source, target, pairs, source_words, target_words,
            scoring=scoring, center=center, k=(1, 5),
        )  # fmt: skip
    if center:
        source, target = source - source.mean(0), target - target.mean(0)
    scores = reference_scores(source, target, scoring)
    for k in (1, 5):
        hit = []
        for word in sorted({pair[0] for pair in pairs}):
            row = scores[source_words.index(word)]
            best = sorted(range(11), key=lambda j, row=row: -row[j])[:k]
            hit.append(any((word, target_words[j]) in pairs for j in best))
        assert fast[f"p{k}"] == pytest.approx(sum(hit) / len(hit), abs=1e-9)


@pytest.mark.parametrize("scoring", SCORINGS)
def test_a_lexicon_translates_into_its_own_copy(scoring):
    vectors = gaussian(60, 8, 4)
    words = [f"w{i}" for i in range(60)]
    copy = ["::" + word for word in words]
    pairs = list(zip(words, copy, strict=True))
    found = translation_both_ways(vectors, 3 * vectors, pairs, words, copy, scoring=scoring)
    assert found["p1"] == found["p1_forward"] == found["p1_backward"] == 1.0
    alike = translation_both_ways(
        torch.ones(60, 8), torch.ones(60, 8), pairs, words, copy, scoring=scoring
    )
    assert alike["p1"] == pytest.approx(alike["chance"]) == pytest.approx(1 / 60)
    assert alike["p5"] == pytest.approx(5 / 60)


def test_pairs_known_otherwise_are_right_on_the_way_back():
    # "ciel" is nearest to "sky", and the pair (sky, ciel) is known from the training part.
    pairs, known = [("god", "ciel")], [("sky", "ciel"), ("sea", "mer")]
    vectors = (SOURCE_VECTORS, TARGET_VECTORS)
    without = translation_both_ways(*vectors, pairs, SOURCE, TARGET)
    found = translation_both_ways(*vectors, pairs, SOURCE, TARGET, known=known)
    assert (without["p1_backward"], found["p1_backward"]) == (0.0, 1.0)
    assert found["queries"] == without["queries"] == 1
    assert found["p1_forward"] == without["p1_forward"] == 0.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"source_words": ["god"]}, "source_words has 1 words for 3 vectors"),
        ({"target_words": ["dieu", "ciel", "mer", "mer"]}, "target_words lists a word twice"),
        ({"k": (0,)}, r"k is \(0,\)"),
        ({"k": ()}, r"k is \(\)"),
        ({"scoring": "dot"}, "scoring is 'dot'"),
    ],
)
def test_bad_input_to_translation_is_named(change, message):
    arguments = {"source_words": SOURCE, "target_words": TARGET} | change
    with pytest.raises(ValueError, match=message):
        translation(SOURCE_VECTORS, TARGET_VECTORS, [("god", "dieu")], **arguments)
