"""The exercises on text outside the task's domain: what is right, and what is said."""

import pytest
from chapters.fine_tuning.checks.out_of_domain import LEANS, after_one_step

from isomorph.exercises import check


def test_one_step():
    def say(answer):
        return check("out_of_domain.1", answer)

    assert say(after_one_step).state == "right"
    assert say(lambda g, x, new: -(g * (x @ new)[:, None]).sum(0)).state == "right"
    assert say(lambda g, x, new: g.T @ (x @ new)).state == "wrong", "descent goes down"
    assert "shape" in say(lambda g, x, new: x @ new).hint
    assert say(lambda g, x, new: ...).state == "unanswered"


@pytest.mark.parametrize(
    ("count", "state", "word"),
    [
        (3, "right", ""),
        (5, "wrong", "partner"),
        (6, "wrong", "together"),
        (2, "wrong", "more than one"),
    ],
)
def test_matched_by_hand(count, state, word):
    said = check("out_of_domain.2", count)
    assert said.state == state and word in said.hint


def test_which_way_it_leans():
    states = [check("out_of_domain.3", option).state for option in LEANS]
    assert states == ["right", "wrong", "wrong"]
