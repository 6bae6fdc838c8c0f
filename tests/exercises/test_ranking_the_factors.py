"""The exercises of `ranking_the_factors`: right answers, likely mistakes, and odd ones."""

import pytest
from chapters.cross_lingual.checks.ranking_the_factors import (
    ORDERS,
    entity_weights,
    share_kept,
    share_larger,
    share_mirrored,
)

from isomorph.exercises import check

FIRST, SECOND, THIRD = (f"ranking_the_factors.{n}" for n in (1, 2, 3))


def test_the_weights_are_those_of_table_one():
    weights = entity_weights()
    assert weights["sharing"] == pytest.approx((76.8 + 56.3 + 61.2 - 74.0 - 53.3 - 60.8) / 3)
    assert weights["dictionary"] == pytest.approx((76.1 + 59.7 + 66.8 - 79.8 - 60.9 - 63.6) / 3)


def test_the_smaller_step_takes_sharing_from_the_first_place():
    weights = entity_weights()
    right = sorted(weights, key=weights.get, reverse=True)
    assert right[0] != "sharing"
    assert check(FIRST, right).state == "right"
    assert check(FIRST, right[::-1]).state == "wrong"
    moved = ["sharing", *(name for name in right if name != "sharing")]
    assert check(FIRST, moved).state == "wrong"
    assert check(FIRST, ["domain", ...]).state == "unanswered"


def by_signs(first, second):
    """Another way to the same share: of sums of differences."""
    from itertools import product

    apart = [a - b for a, b in zip(first, second, strict=True)]
    sums = [sum(drawn) for drawn in product(apart, repeat=len(apart))]
    return sum(total > 0 for total in sums) / len(sums)


def unpaired(first, second):
    """Wrong: each factor draws seeds of its own."""
    from itertools import product

    means = [list(map(sum, product(own, repeat=len(own)))) for own in (first, second)]
    return sum(a > b for a in means[0] for b in means[1]) / (len(means[0]) * len(means[1]))


def test_a_share_of_draws_by_hand():
    # Of the 27 draws the first is behind in (1, 1, 1) alone, and level in none.
    assert share_larger([3.0, -1.0, 3.0], [0.0, 0.0, 0.0]) == pytest.approx(26 / 27)
    assert share_larger([1.0], [1.0]) == 0


def test_paired_draws_are_right_and_unpaired_ones_are_not():
    assert check(SECOND, by_signs).state == "right"
    assert check(SECOND, unpaired).state == "wrong"
    ties = check(SECOND, lambda a, b: 1 - by_signs(b, a))
    assert ties.state == "wrong"
    assert check(SECOND, lambda a, b: ...).state == "unanswered"
    assert check(SECOND, lambda a: 1.0).state == "wrong"


@pytest.fixture(scope="module")
def kept():
    return {order: share_kept(order) for order in ORDERS}


def test_a_mirror_keeps_no_neighbours_and_mirrors_all(kept):
    assert kept["reversed"] == 0
    assert share_mirrored("reversed") == 1
    assert 0 < kept["verb-final"] < 1


def test_the_shares_have_to_be_measured(kept):
    assert check(THIRD, kept).state == "right"
    assert check(THIRD, dict.fromkeys(ORDERS, 1.0)).state == "wrong"
    assert check(THIRD, list(kept.values())).state == "wrong"
    assert check(THIRD, {"reversed": 0.0}).state == "wrong"
    assert check(THIRD, kept | {"reversed": ...}).state == "unanswered"
    mirrored = check(THIRD, kept | {"reversed": 1.0})
    assert mirrored.state == "wrong" and "Mirrored" in mirrored.hint
