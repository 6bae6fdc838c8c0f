"""The exercises on Adam's correction and on re-initialising the top: what is right, and what is said."""

import pytest

from isomorph.exercises import check


def test_the_rate_that_undoes_the_missing_correction():
    def right(t, b1, b2):
        return (1 - b2**t) ** 0.5 / (1 - b1**t)

    assert check("adam_without_correction.1", right).state == "right"
    upside_down = check("adam_without_correction.1", lambda t, b1, b2: 1 / right(t, b1, b2))
    assert upside_down.state == "wrong" and "which size" in upside_down.hint
    from_zero = check("adam_without_correction.1", lambda t, b1, b2: right(t - 1 or 1, b1, b2))
    assert from_zero.state == "wrong"
    assert check("adam_without_correction.1", lambda t, b1, b2: ...).state == "unanswered"


@pytest.mark.parametrize(
    ("step", "state", "word"),
    [(588, "right", ""), (587, "wrong", "still at least"), (0, "wrong", "possible")],
)
def test_long_enough(step, state, word):
    said = check("adam_without_correction.2", step)
    assert said.state == state and word in said.hint


def test_how_strong_a_pull_must_be():
    def right(rate, steps, share):
        return (1 - (1 - share) ** (1 / steps)) / rate

    assert check("the_top_drawn_anew.1", right).state == "right"
    said = check("the_top_drawn_anew.1", lambda rate, steps, share: share / steps / rate)
    assert said.state == "wrong" and "Another share" in said.hint
    upside_down = check("the_top_drawn_anew.1", lambda r, n, s: right(r, n, 1 - s))
    assert upside_down.state == "wrong" and "left after all" in upside_down.hint


def test_mixout_keeps_the_mean():
    assert check("the_top_drawn_anew.2", lambda w, u, p: u + (w - u) / (1 - p)).state == "right"
    said = check("the_top_drawn_anew.2", lambda w, u, p: w / (1 - p))
    assert said.state == "wrong" and "average" in said.hint
