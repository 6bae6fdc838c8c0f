"""The exercises on words that are never or rarely seen: what is right, and what is said."""

import pytest
import torch
from chapters.degeneration.checks.words_rarely_seen import LOSSES, strongly_convex

from isomorph.exercises import check
from isomorph.measure.degeneration import rare_word_bound


def test_a_direction_for_free():
    def right(gain, offset):
        direction = -torch.sign((offset / gain).sum()) / gain
        return direction / direction.norm()

    assert check("words_never_seen.1", right).state == "right"
    unsigned = check("words_never_seen.1", lambda g, b: (1 / g) / (1 / g).norm())
    assert unsigned.state == "wrong" and "sign" in unsigned.hint
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


def test_the_bound_with_both_curvatures():
    def right(a, b, largest, s):
        return 4 * s * largest / (a - s * (a + b) + (1 - s) * a)

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
