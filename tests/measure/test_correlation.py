"""Influences against leaving items out, and intervals against samples drawn again.

What cures are scored by: folds do not meet, scores against slow ones, every cure by name.
"""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.metrics import roc_auc_score

from isomorph.measure.correlation import (
    Score,
    clusters_of_pairs,
    edit_distances,
    folds,
    intervals,
    matching_auc,
    mean_score,
    over_folds,
    pearson,
    spearman,
    standard_error,
)
from isomorph.measure.cures import CURES
from isomorph.measure.isotropy import cone
from isomorph.measure.numerics import cosines
from tests.measure.clouds import gaussian


def sides(count: int, seed: int, tied: bool = False):
    first, noise = gaussian(count, 2, seed).T
    second = first.tanh() + noise
    return ((first * 2).round(), second.round()) if tied else (first, second)


MEASURES = {
    "mean": (lambda x, y: float(y.mean()), lambda x, y: mean_score(y)),
    "pearson": (lambda x, y: stats.pearsonr(x, y).statistic, pearson),
    "spearman": (lambda x, y: stats.spearmanr(x, y).statistic, spearman),
    "auc": (lambda x, y: roc_auc_score(y > 0, x), lambda x, y: matching_auc(x, y > 0)),
}


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("name", list(MEASURES))
def test_influence_is_what_leaving_an_item_out_takes_away(name, tied):
    slow, fast = MEASURES[name]
    x, y = sides(400, 3, tied)
    found = fast(x, y)
    assert found.value == pytest.approx(slow(x, y), abs=1e-12)
    assert found.influence.sum() == pytest.approx(0, abs=1e-9)
    rest = [np.delete(np.arange(400), i) for i in range(400)]
    left_out = np.array([found.value - slow(x[r], y[r]) for r in rest])
    error = np.abs(left_out - left_out.mean() - found.influence).max()
    assert error < 0.05 * np.abs(found.influence).max()
    naive, _ = standard_error(found.influence, range(400))
    jackknife = math.sqrt(399 / 400 * np.square(left_out - left_out.mean()).sum())
    assert naive == pytest.approx(jackknife, rel=0.03)


def slow_variance(influence, *members) -> float:
    """Over all pairs of items that share a label."""
    owned = [set(labels) for labels in zip(*members, strict=True)]
    clusters = len(set().union(*owned))
    found = sum(
        influence[i] * influence[j]
        for i in range(len(owned))
        for j in range(len(owned))
        if owned[i] & owned[j]
    )
    return max(found, 0) * clusters / (clusters - 1)


def test_the_error_counts_all_items_that_share_a_label():
    draw = np.random.default_rng(0)
    influence = draw.normal(size=60)
    one = draw.integers(0, 9, 60).tolist()
    two = [["w", "x", "y", "z", "u", "v"][i] for i in draw.integers(0, 6, 60)]
    more = [["w", "x", "y", "z", "u", "v"][i] for i in draw.integers(0, 6, 60)]
    for members in ((one,), (two, more)):
        error, clusters = standard_error(influence, *members)
        assert error**2 == pytest.approx(slow_variance(influence, *members))
        assert clusters == len(set().union(*map(set, members)))


def test_intervals_hold_the_truth_where_items_go_together():
    """Items of a chapter, and pairs of words: a chapter's and a word's own part is in all its items."""
    draw = np.random.default_rng(1)
    held = {"chapters": 0, "each by itself": 0, "words": 0, "each pair by itself": 0}
    for _ in range(200):
        chapter = np.repeat(np.arange(30), 20)
        values = draw.normal(size=600) + draw.normal(size=30)[chapter]
        first, second = draw.integers(0, 60, (2, 600))
        of_word = draw.normal(size=60)
        pairs = draw.normal(size=600) + of_word[first] + of_word[second]
        for name, items, members in (
            ("chapters", values, (chapter,)),
            ("each by itself", values, (range(600),)),
            ("words", pairs, (first, second)),
            ("each pair by itself", pairs, (range(600),)),
        ):
            score = mean_score(torch.from_numpy(items))
            (found,) = intervals({"a": score}, *members, reference="a").values()
            held[name] += found["low"] <= 0 <= found["high"]
    assert 180 <= held["chapters"] <= 198 and 176 <= held["words"] <= 198, held
    assert held["each by itself"] < 140 and held["each pair by itself"] < 150, held


def test_small_families_of_pairs_go_together_and_one_large_one_goes_by_its_ends():
    first, second = ["a", "b", "c", "e", "g"], ["b", "c", "d", "f", "h"]
    assert clusters_of_pairs(first, second) == (first, second), "three of five are linked"
    more = [[f"{text} {i}" for i in range(4) for text in side] for side in (first, second)]
    (family,) = clusters_of_pairs(*more)
    assert len(set(family)) == 12 and [family.count(f) for f in family[:5]] == [3, 3, 3, 1, 1]


def test_a_difference_is_paired():
    items = gaussian(300, 1, 4)[:, 0]
    scores = {"plain": mean_score(items), "better": mean_score(items + 0.1)}
    found = intervals(scores, range(300), reference="plain")["better"]
    assert [found[name] for name in ("gain", "gain_low", "gain_high")] == pytest.approx([0.1] * 3)
    assert found["high"] - found["low"] > 0.1


def test_folds_are_put_together():
    found = over_folds(
        [([0, 2], Score(1.0, np.array([1, -1]))), ([1], Score(3.0, np.array([4.0])))], 3
    )
    assert found.value == 2 and found.influence.tolist() == [0.5, 2, -0.5]


def test_what_does_not_vary_or_does_not_fit():
    flat, x = torch.ones(9), gaussian(9, 1, 0)[:, 0]
    for measure in (pearson, spearman):
        assert math.isnan(measure(flat, x).value) and np.isnan(measure(x, flat).influence).all()
        assert math.isnan(measure(x[:2], x[:2]).value)
    for members, said in (
        (([0] * 9,), "1 clusters"),
        ((range(8),), "of \\[8\\] items"),
        ((range(9), range(3)), "the 9 items"),
    ):
        with pytest.raises(ValueError, match=said):
            standard_error(x.numpy(), *members)


def test_folds_part_the_items():
    rows = [row for own in folds(23) for row in range(23)[own]]
    assert sorted(rows) == list(range(23))


@pytest.mark.parametrize("name", list(CURES))
def test_every_cure_takes_the_cone_away_or_leaves_it(name):
    vectors = gaussian(300, 12, 0) * torch.linspace(0.5, 3, 12) + 4
    fitted = CURES[name](vectors)
    cured = fitted(vectors)
    before, after = cone(vectors), cone(cured)
    assert cured.dtype == torch.float64 and len(cured) == 300 and cured.isfinite().all()
    assert before["average_cosine"] > 0.6
    if name == "original":
        assert after == before
    else:
        assert abs(after["average_cosine"]) < 0.2
    torch.testing.assert_close(fitted(vectors[:7]), cured[:7], rtol=1e-5, atol=1e-6)


def test_a_third_of_the_directions_is_kept():
    assert CURES["whitening_third"](gaussian(100, 9, 1))(gaussian(4, 9, 2)).shape == (4, 3)


def test_cosines_row_by_row():
    found = cosines(torch.eye(3), torch.tensor([[2.0, 0, 0], [0, -1, 0], [1, 0, 0]]))
    assert found.tolist() == pytest.approx([1, -1, 0])


def test_correlations_and_what_does_not_vary():
    assert spearman([1, 2, 3, 4], [1, 4, 9, 16]).value == pytest.approx(1)
    assert pearson([1, 2, 3, 4], [1, 4, 9, 16]).value < 1
    assert math.isnan(spearman([1, 1, 1], [1, 2, 3]).value) and math.isnan(
        pearson([1.0, 2], [1, 2]).value
    )


def test_matching_counts_pairs():
    scores, matches = torch.tensor([0.9, 0.2, 0.4, 0.1]), torch.tensor([1, 0, 1, 0]).bool()
    assert matching_auc(scores, matches).value == 1
    slow = [a > b for a in scores[~matches] for b in scores[matches]]
    assert matching_auc(scores, ~matches).value == sum(map(float, slow)) / len(slow)
    with pytest.raises(ValueError, match="all of one class"):
        matching_auc(scores, torch.ones(4).bool())


def test_edit_distance_of_known_words():
    found = edit_distances(["kitten", "Flaw", "same"], ["sitting", "lawn", "SAME"])
    assert found.tolist() == [3, 2, 0]
