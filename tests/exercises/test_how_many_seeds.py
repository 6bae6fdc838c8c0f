"""The exercises on how many seeds are enough: what is right, and what is said."""

from itertools import combinations

import pytest
from chapters.fine_tuning.checks.how_many_seeds import needed

from isomorph.exercises import check


def test_the_best_of_some():
    def right(scores, n):
        drawn = [max(chosen) for chosen in combinations(scores, n)]
        return sum(drawn) / len(drawn)

    assert check("how_many_seeds.1", right).state == "right"
    for wrong in (
        lambda scores, n: max(scores),
        lambda scores, n: sum(scores) / len(scores),
        lambda scores, n: sum(sorted(scores)[-n:]) / n,
    ):
        said = check("how_many_seeds.1", wrong)
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
    said = check("how_many_seeds.2", answer)
    assert said.state == state and word in said.hint


def test_what_is_right_comes_from_the_paper_s_table():
    assert (needed("standard_1k"), needed("reinit_1k")) == (18, 1)
    assert needed("standard_1k", points=2.1) == 4
