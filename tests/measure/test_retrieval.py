"""Retrieval and CSLS: references by explicit loops, invariances and known values.

Word translation: what counts as a query and a hit, and a reference by explicit loops.
"""

import math
from unittest import mock

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, ortho_group

from isomorph.measure import retrieval as searched
from isomorph.measure.multilinguality import two_thirds_layer
from isomorph.measure.retrieval import (
    retrieval,
    retrieval_by_row,
    translation,
    translation_both_ways,
)

from .clouds import csls

SCORINGS = ("cosine", "csls")
seeds = st.integers(0, 2**32 - 1)

quick = settings(max_examples=25, deadline=None)


def with_constant(name, value):
    """The module with another constant, inside."""
    return mock.patch.object(searched, name, value)


def gaussian(n, width, seed):
    return torch.randn(n, width, generator=torch.Generator().manual_seed(seed))


def related(n, width, seed, noise=1.0):
    """Two sides that find each other sometimes."""
    source = gaussian(n, width, seed)
    return source, source + noise * gaussian(n, width, seed + 1)


def cosine(x, y):
    lengths = math.sqrt(sum(v * v for v in x)) * math.sqrt(sum(v * v for v in y))
    return sum(a * b for a, b in zip(x, y, strict=True)) / lengths if lengths else 0.0


def reference_scores(source, target, scoring, k=10):
    """Conneau, Lample et al. 2018, section 2.3, one number at a time."""
    source, target = source.double().tolist(), target.double().tolist()
    scores = [[cosine(x, y) for y in target] for x in source]
    if scoring == "cosine":
        return scores
    near_target = [sorted(row)[::-1][: min(k, len(target))] for row in scores]
    columns = [[row[j] for row in scores] for j in range(len(target))]
    near_source = [sorted(column)[::-1][: min(k, len(source))] for column in columns]
    of_source = [sum(best) / len(best) for best in near_target]
    of_target = [sum(best) / len(best) for best in near_source]
    return [
        [2 * scores[i][j] - of_source[i] - of_target[j] for j in range(len(target))]
        for i in range(len(source))
    ]


def reference_retrieval(scores):
    """P@1 and MRR forward, no ties."""
    places = [1 + sum(other > row[i] for other in row) for i, row in enumerate(scores)]
    return sum(p == 1 for p in places) / len(places), sum(1 / p for p in places) / len(places)


@quick
@given(seed=seeds, n=st.integers(1, 25), scoring=st.sampled_from(SCORINGS), k=st.integers(1, 12))
def test_retrieval_agrees_with_the_slow_reference(seed, n, scoring, k):
    source, target = related(n, 5, seed)
    with with_constant("NEIGHBOURS", k):
        fast = retrieval(source, target, scoring=scoring)
    for direction, scores in (
        ("forward", reference_scores(source, target, scoring, k)),
        ("backward", reference_scores(target, source, scoring, k)),
    ):
        p1, mrr = reference_retrieval(scores)
        assert fast[f"p1_{direction}"] == pytest.approx(p1, abs=1e-9)
        assert fast[f"mrr_{direction}"] == pytest.approx(mrr, abs=1e-9)
    assert fast["p1"] == (fast["p1_forward"] + fast["p1_backward"]) / 2
    assert fast["mrr"] == (fast["mrr_forward"] + fast["mrr_backward"]) / 2


@quick
@given(seed=seeds, n=st.integers(1, 15), m=st.integers(1, 15), k=st.integers(1, 20))
def test_csls_agrees_with_the_slow_reference(seed, n, m, k):
    source, target = gaussian(n, 4, seed), gaussian(m, 4, seed + 1)
    with with_constant("NEIGHBOURS", k):
        fast = csls(source, target)
    slow = torch.tensor(reference_scores(source, target, "csls", k), dtype=torch.float64)
    assert fast.shape == (n, m) and torch.allclose(fast, slow, atol=1e-12)


@quick
@given(
    seed=seeds, scoring=st.sampled_from(SCORINGS), center=st.booleans(), block=st.integers(1, 50)
)
def test_rotation_scale_and_blocks_change_nothing(seed, scoring, center, block):
    source, target = (side.double() for side in related(30, 6, seed))
    options = {"scoring": scoring, "center": center}
    straight = retrieval(source, target, **options)
    turn = torch.tensor(ortho_group.rvs(6, random_state=seed))
    with with_constant("SCORES_AT_ONCE", 30 * block):
        turned = retrieval(7.0 * source @ turn, 0.01 * target @ turn, **options)
    assert turned == pytest.approx(straight, abs=1e-12)
    order = torch.randperm(30, generator=torch.Generator().manual_seed(seed))
    assert retrieval(source[order], target[order], **options) == pytest.approx(straight, abs=1e-12)


@pytest.mark.parametrize("scoring", SCORINGS)
def test_a_side_finds_itself(scoring):
    vectors = gaussian(50, 8, 0)
    assert set(retrieval(vectors, vectors, scoring=scoring).values()) == {1.0}
    rolled = retrieval(vectors, vectors.roll(1, 0), scoring=scoring)
    assert rolled["p1"] == 0.0
    assert 0 < rolled["mrr"] <= 0.5  # the place before it is always taken by the vector itself


def test_shifting_one_side_matters_only_without_centring():
    source, target = related(200, 8, 1, noise=0.3)
    shifted = target + 20 * gaussian(1, 8, 9)
    assert retrieval(source, shifted)["p1"] < retrieval(source, target)["p1"] - 0.3
    centred = retrieval(source, shifted, center=True)["p1"]
    assert centred == pytest.approx(retrieval(source, target, center=True)["p1"], abs=0.011)


@pytest.mark.parametrize("scoring", SCORINGS)
@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("value", [0.0, 1.0, 0.1])
def test_vectors_all_alike_score_exactly_chance(scoring, center, value):
    n = 37
    alike = torch.full((n, 12), value)
    with with_constant("SCORES_AT_ONCE", 5 * n):
        found = retrieval(alike, alike, scoring=scoring, center=center)
    assert found["p1"] == pytest.approx(1 / n, abs=1e-12)
    assert found["mrr"] == pytest.approx(sum(1 / rank for rank in range(1, n + 1)) / n, abs=1e-12)


def test_what_rounding_can_do_breaks_no_tie():
    side, rows, none = torch.ones(1, 3, dtype=torch.float64), torch.tensor([0]), torch.zeros(1)
    for error, expected in ((4e-13, (0, 1, 1)), (4e-12, (1, 0, 1))):
        corrections = (none, torch.tensor([error, 0.0], dtype=torch.float64))
        places = searched._places(side, side.expand(2, 3), rows, rows, corrections)
        assert tuple(place.item() for place in places) == expected


def test_what_centring_leaves_of_the_mean_has_no_direction():
    ends = gaussian(2, 7, 4).double() / 3
    vectors = torch.cat([ends, ends.mean(0, keepdim=True)])
    assert (vectors - vectors.mean(0))[2].any()  # zero but for rounding
    found = retrieval(vectors, vectors, center=True)
    assert found["p1"] == pytest.approx((1 + 1 + 1 / 3) / 3)  # the mean itself ties with all


def test_ties_are_the_mean_over_random_orders():
    # Row 0 ties with row 1; row 2 is alone.
    vectors = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    found = retrieval(vectors, vectors)
    assert found["p1"] == pytest.approx((0.5 + 0.5 + 1) / 3)
    assert found["mrr"] == pytest.approx((0.75 + 0.75 + 1) / 3)


@quick
@given(
    above=st.integers(0, 6), wrong=st.integers(0, 6), right=st.integers(1, 4), k=st.integers(1, 8)
)
def test_hits_among_ties_are_counted_combinations(above, wrong, right, k):
    taken = min(max(k - above, 0), wrong + right)
    expected = 1 - math.comb(wrong, taken) / math.comb(wrong + right, taken)
    parts = (torch.tensor([value]) for value in (above, wrong, right))
    assert searched._hits(*parts, k=k).item() == pytest.approx(expected, abs=1e-12)


def test_zero_vectors_do_no_harm():
    vectors = gaussian(20, 6, 2)
    vectors[3] = 0
    for scoring in SCORINGS:
        found = retrieval(vectors, vectors, scoring=scoring)
        assert all(math.isfinite(value) for value in found.values())
        assert found["p1"] >= 19 / 20 - 0.05


@pytest.mark.parametrize("scoring", SCORINGS)
def test_random_vectors_score_near_chance(scoring):
    n = 400
    found = retrieval(gaussian(n, 32, 5), gaussian(n, 32, 6), scoring=scoring)
    for direction in ("forward", "backward"):
        assert found[f"p1_{direction}"] * n <= binom.ppf(1 - 1e-6, n, 1 / n)
        assert found[f"mrr_{direction}"] < 4 * sum(1 / rank for rank in range(1, n + 1)) / n


def test_csls_takes_a_hub_out_of_the_way():
    source = torch.eye(12, 13) + torch.eye(1, 13).roll(12, 1)  # all share the last direction
    target = torch.eye(12, 13)
    hub = torch.zeros(1, 13)
    hub[0, :12], hub[0, 12] = 0.1, 1.0
    source, target = torch.cat([source, hub.roll(1, 1)]), torch.cat([target, hub])
    plain, corrected = (retrieval(source, target, scoring=scoring) for scoring in SCORINGS)
    assert plain["p1_forward"] < 0.2  # the hub is nearest to everything
    assert corrected["p1_forward"] > 0.9


def test_float32_input_is_scored_in_float64():
    # Cosines that differ by 1e-9 are all equal in float32.
    angles = 1e-4 * torch.arange(1, 9, dtype=torch.float64)
    side = torch.stack([angles.cos(), angles.sin()], dim=1)
    assert retrieval(side, side)["p1"] == 1.0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="compares with a GPU, and there is none")
def test_a_gpu_agrees_with_the_cpu():
    source, target = related(300, 16, 3)
    for scoring in SCORINGS:
        there = retrieval(source.cuda(), target.cuda(), scoring=scoring)
        assert there == pytest.approx(retrieval(source, target, scoring=scoring), abs=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"target": torch.ones(3, 5)}, r"source is \(4, 5\) and target \(3, 5\)"),
        ({"source": torch.ones(4), "target": torch.ones(4)}, r"source is \(4,\)"),
        ({"source": torch.full((4, 5), math.nan)}, "source has values that are not finite"),
        ({"scoring": "dot"}, "scoring is 'dot'.*cosine, csls"),
    ],
)
def test_bad_input_to_retrieval_is_named(change, message):
    arguments = {"source": torch.ones(4, 5), "target": torch.ones(4, 5)} | change
    with pytest.raises(ValueError, match=message):
        retrieval(arguments.pop("source"), arguments.pop("target"), **arguments)


def test_the_layer_two_thirds_up():
    assert [two_thirds_layer(layers) for layers in (1, 2, 3, 4, 6, 8, 12)] == [1, 1, 2, 3, 4, 5, 8]


def test_rows_that_are_retrieved_have_the_mean_of_all():
    source = gaussian(30, 4, 0)
    target = source + gaussian(30, 4, 1)
    rows, whole = retrieval_by_row(source, target), retrieval(source, target)
    assert {name: float(own.mean()) for name, own in rows.items()} == pytest.approx(
        {name: whole[name] for name in rows}
    )
    assert len(rows["p1_forward"]) == 30 and set(rows["p1_forward"].tolist()) == {0, 1}


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
