"""The exercises on few samples and many seeds: what is right, and what is said."""

from itertools import combinations

import pytest
from chapters.fine_tuning.checks.few_samples_many_seeds import needed

from isomorph.exercises import check


def test_the_rate_that_undoes_the_missing_correction():
    def right(t, b1, b2):
        return (1 - b2**t) ** 0.5 / (1 - b1**t)

    assert check("few_samples_many_seeds.1", right).state == "right"
    upside_down = check("few_samples_many_seeds.1", lambda t, b1, b2: 1 / right(t, b1, b2))
    assert upside_down.state == "wrong" and "which size" in upside_down.hint
    from_zero = check("few_samples_many_seeds.1", lambda t, b1, b2: right(t - 1 or 1, b1, b2))
    assert from_zero.state == "wrong"
    assert check("few_samples_many_seeds.1", lambda t, b1, b2: ...).state == "unanswered"


def test_the_best_of_some():
    def right(scores, n):
        drawn = [max(chosen) for chosen in combinations(scores, n)]
        return sum(drawn) / len(drawn)

    assert check("few_samples_many_seeds.2", right).state == "right"
    for wrong in (
        lambda scores, n: max(scores),
        lambda scores, n: sum(scores) / len(scores),
        lambda scores, n: sum(sorted(scores)[-n:]) / n,
    ):
        said = check("few_samples_many_seeds.2", wrong)
        assert said.state == "wrong" and "all different" in said.hint


@pytest.mark.parametrize(
    ("answer", "state", "word"),
    [
        ([18, 1], "right", ""),
        ((18, 1), "right", ""),
        ([5, 1], "wrong", "root"),
        ([17, 1], "wrong", "just above"),
        ([1, 18], "wrong", "Part 1"),
        ([18, 0], "wrong", "Part 2"),
        (18, "wrong", "Two numbers"),
        ([18, ...], "unanswered", ""),
    ],
)
def test_how_many_seeds(answer, state, word):
    said = check("few_samples_many_seeds.3", answer)
    assert said.state == state and word in said.hint


def test_what_is_right_comes_from_the_paper_s_table():
    assert (needed("standard_1k"), needed("reinit_1k")) == (18, 1)
    assert needed("standard_1k", points=2.1) == 4
