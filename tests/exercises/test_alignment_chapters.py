"""The exercises on words, sentences and CKA: what they take as right, and what they say."""

import pytest
import torch
from chapters.cross_lingual.checks.similarity_by_cka import CHANGES, survives

from isomorph.exercises import check
from isomorph.measure.similarity import linear_cka


def test_the_best_stretch_of_a_rotation():
    def right(x, y):
        return float(torch.linalg.svdvals(x.T @ y).sum() / x.square().sum())

    assert check("sentence_alignment.1", right).state == "right"
    said = check("sentence_alignment.1", lambda x, y: float(y.norm() / x.norm()))
    assert said.state == "wrong" and "another value" in said.hint
    assert check("sentence_alignment.1", lambda x, y: ...).state == "unanswered"


def test_the_way_back():
    assert check("sentence_alignment.2", "its transpose").state == "right"
    assert check("sentence_alignment.2", "the same rotation").state == "wrong"


@pytest.mark.parametrize(
    ("answer", "state", "word"),
    [
        ((946, 2816), "right", ""),
        ((990, 2816), "wrong", "counts the conditions"),
        ((2016, 2816), "wrong", "before any pair"),
        ((946, 4096), "wrong", "Part 2"),
        (946, "wrong", "Two numbers"),
    ],
)
def test_what_pairs_leave_free(answer, state, word):
    said = check("sentence_alignment.3", answer)
    assert said.state == state and word in said.hint


def test_a_rotation_keeps_neighbours_within():
    assert check("word_alignment.1", "the nearest neighbours within a").state == "right"
    assert check("word_alignment.1", "both").state == "wrong"


def test_cosines_over_their_surroundings():
    def right(cosines, k):
        rows = cosines.topk(k, dim=1).values.mean(1, keepdim=True)
        return 2 * cosines / (rows + cosines.topk(k, dim=0).values.mean(0, keepdim=True))

    assert check("word_alignment.2", right).state == "right"
    swapped = check("word_alignment.2", lambda c, k: right(c.T, k))
    assert swapped.state == "wrong" and "shape" in swapped.hint
    assert check("word_alignment.2", lambda c, k: right(c, k) / 2).state == "wrong"


def test_directions_left_open():
    assert check("word_alignment.3", lambda n, d: max(0, d - n)).state == "right"
    assert check("word_alignment.3", lambda n, d: d - n).state == "wrong"


def test_cka_in_feature_space():
    def right(x, y):
        return linear_cka(x, y, debiased=False)

    assert check("similarity_by_cka.1", right).state == "right"
    assert check("similarity_by_cka.1", linear_cka).state == "wrong"

    def not_centred(x, y):
        return ((y.T @ x).norm() ** 2 / ((x.T @ x).norm() * (y.T @ y).norm())).item()

    said = check("similarity_by_cka.1", not_centred)
    assert said.state == "wrong" and "mean 0" in said.hint


def test_what_leaves_cka_as_it_is():
    assert {name: survives(name) for name in CHANGES} == CHANGES
    right = [name for name, same in CHANGES.items() if same]
    assert check("similarity_by_cka.2", right[::-1]).state == "right"
    said = check("similarity_by_cka.2", right[1:])
    assert said.state == "wrong" and said.hint.startswith("1 of the 6 is")
    assert "must be a list" in check("similarity_by_cka.2", ["melt x"]).hint


@pytest.mark.parametrize(
    ("answer", "state", "word"),
    [(300, "right", ""), (350, "right", ""), (64, "wrong", "more"), (1500, "wrong", "fewer"),
     (6.5, "wrong", "whole number"), (3, "wrong", "from 4")],
)  # fmt: skip
def test_noise_that_looks_alike(answer, state, word):
    said = check("similarity_by_cka.3", answer)
    assert said.state == state and word in said.hint


def test_why_the_lower_layers_are_frozen():
    right = "because tuned states would not be where the rotation was learnt"
    assert check("contextual_alignment.1", right).state == "right"
    assert check("contextual_alignment.1", "to save time").state == "wrong"


def test_the_error_rate_of_mutual_links():
    def right(scores, gold, both=True):
        there, back = scores.argmax(1).tolist(), scores.argmax(0).tolist()
        links = {(i, j) for i, j in enumerate(there) if back[j] == i or not both}
        return 1 - 2 * len(links & gold) / (len(links) + len(gold))

    assert check("contextual_alignment.2", right).state == "right"
    one_way = check("contextual_alignment.2", lambda s, g: right(s, g, both=False))
    assert one_way.state == "wrong" and "both sides" in one_way.hint
    assert check("contextual_alignment.2", lambda s, g: 1 - right(s, g)).state == "wrong"


@pytest.mark.parametrize(("answer", "state"), [(0.2, "right"), (0.4, "wrong"), (20, "wrong")])
def test_the_floor_of_a_parser(answer, state):
    assert check("contextual_alignment.3", answer).state == state
