"""The exercises on domain similarity: what they take as right, and what they say of mistakes."""

import numpy as np
import pytest
from chapters.cross_lingual.checks.domain_similarity import (
    COMPARISONS,
    difference_of_drops,
)

from isomorph.exercises import check
from isomorph.text.worlds import World


def test_the_shares_on_the_first_topics_follow_the_dial():
    assert check("domain_similarity.1", (0.9, 0.1)).state == "right"
    assert check("domain_similarity.1", [0.75, 0.25], overlap=0.5, topics=4).state == "right"
    for answer, hint in (
        ((0.9, 0.9), "Part 2"),
        ((0.1, 0.9), "Part 1"),
        ((0.5, 0.5), "common to both"),
        ((1.0, 0.0), "no topic"),
        ((90, 10), "percent"),
        (0.9, "Two numbers"),
    ):
        said = check("domain_similarity.1", answer)
        assert said.state == "wrong" and hint in said.hint, said


def test_a_world_is_judged_by_its_texts():
    assert check("domain_similarity.2", World(topic_overlap=0.7)).state == "right"
    for world, hint in (
        (World(), "more words"),
        (World(topic_overlap=0.2), "fewer words"),
        (World(topic_overlap=0.7, anchors=0.3), "alone"),
        (0.7, "must be a World"),
    ):
        said = check("domain_similarity.2", world)
        assert said.state == "wrong" and hint in said.hint, said


def test_a_difference_of_drops_is_that_of_lost_less_that_of_kept():
    default, mismatch = {"lost": [0.9, 0.7], "kept": [0.8]}, {"lost": [0.5], "kept": [0.7]}
    assert difference_of_drops(default, mismatch) == pytest.approx(0.3 - 0.1)
    assert check("domain_similarity.3", difference_of_drops).state == "right"
    for wrong in (
        lambda a, b: difference_of_drops(b, a),
        lambda a, b: np.mean(a["lost"]) - np.mean(b["lost"]),
        lambda a, b: np.mean(b["kept"]) - np.mean(b["lost"]),
    ):
        assert check("domain_similarity.3", wrong).state == "wrong"


def test_one_comparison_leaves_the_second_language_as_it_is():
    told = {option: check("domain_similarity.4", option).state for option in COMPARISONS}
    right = [option for option, state in told.items() if state == "right"]
    assert len(right) == 1
    # Each side is "first / second"; what the second reads has to be the same on both.
    sides = [[side.split(" / ")[1] for side in option.split(" against ")] for option in right]
    assert all(first == second for first, second in sides)
