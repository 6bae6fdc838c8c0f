"""The exercises on which layers matter: what is right, and what is said."""

import pytest
from chapters.fine_tuning.checks.which_layers_matter import FOLLOWS, reverted

from isomorph.exercises import check


@pytest.mark.parametrize(
    ("share", "state", "word"),
    [
        (2 / 3, "right", ""),
        (5 / 6, "wrong", "one block"),
        (1 / 3, "wrong", "wrong"),
        (66.7, "wrong", "hundred"),
        (1.5, "wrong", "between 0 and 1"),
    ],
)
def test_two_of_three_put_back(share, state, word):
    said = check("which_layers_matter.1", share)
    assert said.state == state and word in said.hint


def test_what_freezing_says():
    states = {option: check("which_layers_matter.2", option).state for option in FOLLOWS}
    assert [name for name, state in states.items() if state == "right"] == [FOLLOWS[1]]
    assert "never free" in check("which_layers_matter.2", FOLLOWS[0]).hint


def by_beginning(dot):
    """A solution that takes every name that begins like a block's."""

    def put_back(tuned, original, blocks):
        wanted = tuple(f"block.{number}{dot}" for number in blocks)
        return {n: original[n] if n.startswith(wanted) else w for n, w in tuned.items()}

    return put_back


def test_put_back_by_name():
    def say(answer):
        return check("which_layers_matter.3", answer)

    assert say(reverted).state == say(by_beginning(".")).state == "right"
    assert "mind 1, 10 and 11" in say(by_beginning("")).hint
    assert "no blocks" in say(lambda tuned, original, blocks: original).hint
    assert "still as it was tuned" in say(lambda tuned, original, blocks: tuned).hint
    assert "dictionary" in say(lambda tuned, original, blocks: list(tuned)).hint
    assert say(lambda tuned, original, blocks: ...).state == "unanswered"
