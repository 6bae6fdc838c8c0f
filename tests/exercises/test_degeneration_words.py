"""The exercises on words that are never or rarely seen: what is right, and what is said."""

import pytest
from chapters.degeneration.checks.words_rarely_seen import LOSSES, strongly_convex

from isomorph.exercises import check
from isomorph.measure.degeneration import rare_word_bound


def test_the_margin_of_a_normalisation():
    def right(gain, offset):
        return float((offset / gain).sum().abs() / (1 / gain).norm())

    assert check("words_never_seen.1", right).state == "right"
    longer = check("words_never_seen.1", lambda g, b: float((b / g).sum().abs()))
    assert longer.state == "wrong" and "how long" in longer.hint
    assert check("words_never_seen.1", lambda g, b: ...).state == "unanswered"


@pytest.mark.parametrize(
    ("degrees", "state", "word"),
    [(70, "right", ""), (110, "wrong", "spread"), (250, "wrong", "no state"), (60, "wrong", "")],
)
def test_how_wide_the_way_out_is(degrees, state, word):
    said = check("words_never_seen.2", degrees)
    assert said.state == state and word in said.hint


@pytest.mark.parametrize(
    ("weights", "state", "word"),
    [
        ([1 / 3, 1 / 2, 1 / 6], "right", ""),
        ((0.333, 0.5, 0.167), "right", ""),
        ([1, 1.5, 0.5], "wrong", "sum to 1"),
        ([1.5, -1, 0.5], "wrong", "negative"),
        ([0.4, 0.4, 0.2], "wrong", "another point"),
        ([0.5, 0.5], "wrong", "Three numbers"),
    ],
)
def test_a_certificate_by_hand(weights, state, word):
    said = check("words_never_seen.3", weights)
    assert said.state == state and word in said.hint


def test_one_more_state():
    assert check("words_never_seen.4", "it may come to rest").state == "right"
    assert check("words_never_seen.4", "it must return to the origin").state == "wrong"


@pytest.mark.parametrize(
    ("share", "state", "word"),
    [
        (0.25, "right", ""),
        (1 / 3, "wrong", "ratio"),
        (0.75, "wrong", "left over"),
        (2, "wrong", ""),
    ],
)
def test_the_largest_share(share, state, word):
    said = check("words_rarely_seen.1", share)
    assert said.state == state and word in said.hint


def test_the_share_that_a_distance_allows():
    def right(a, b, largest, most):
        return a * most / (4 * largest + (a + b) * most)

    assert check("words_rarely_seen.2", right).state == "right"
    assert check("words_rarely_seen.2", rare_word_bound).state == "wrong"


def test_half_as_often():
    assert check("words_rarely_seen.3", "it falls to a quarter").state == "right"
    assert check("words_rarely_seen.3", "it halves").state == "wrong"


def test_which_losses_curve():
    right = {name for name in LOSSES if strongly_convex(name)}
    assert right == {"square", "softplus with decay"}
    assert check("words_rarely_seen.4", sorted(right)).state == "right"
    said = check("words_rarely_seen.4", ["square", "fourth power"])
    assert said.state == "wrong" and said.hint.startswith("2 of the 5 are")
    assert "must be a list" in check("words_rarely_seen.4", ["sine"]).hint
