"""The exercises on phrasal paraphrase and on sentence ordering: what is right, and what is said."""

import math

import pytest
import torch

from isomorph.exercises import check


def test_the_size_of_the_layer():
    assert check("phrasal_paraphrase.1", lambda d: 8 * d + 2).state == "right"
    said = check("phrasal_paraphrase.1", lambda d: 8 * d)
    assert said.state == "wrong" and "bias" in said.hint
    assert check("phrasal_paraphrase.1", lambda d: ...).state == "unanswered"


def test_where_to_look():
    assert check("phrasal_paraphrase.2", lambda one, n, m: sum(one) / 2 / n * m).state == "right"
    start = check("phrasal_paraphrase.2", lambda one, n, m: one[0] / n * m)
    assert start.state == "wrong" and "half of start" in start.hint


@pytest.mark.parametrize(
    ("weights", "state", "word"),
    [
        ([1, 2, 3, 4, 1, 2, 3, 4, 5, 6, 7, 8, -1, 0, 1, 0], "right", ""),
        (torch.ones(16), "right", ""),
        ([1, 2, 3, 4, 4, 3, 2, 1, 5, 6, 7, 8, -1, 0, 1, 0], "wrong", "change places"),
        ([0] * 8 + [1] * 8, "wrong", "Every block"),
        ([1] * 8, "wrong", "16 numbers"),
        ([math.nan] * 16, "wrong", "16 numbers"),
    ],
)
def test_no_favourite(weights, state, word):
    said = check("phrasal_paraphrase.3", weights)
    assert said.state == state and word in said.hint


def test_the_beginning_of_a_list():
    def right(scores, k):
        return sum(scores[i:].logsumexp(0) - scores[i] for i in range(k))

    assert check("sentence_ordering.1", right).state == "right"
    said = check("sentence_ordering.1", lambda s, k: right(s[:k], k))
    assert said.state == "wrong" and "still there" in said.hint


@pytest.mark.parametrize(
    ("tau", "state", "word"),
    [
        (-0.4, "right", ""),
        (0.6, "wrong", "accuracy"),
        (0.8, "wrong", "between"),
        (0.3, "wrong", "twice"),
        (0.4, "wrong", "sign"),
        (3, "wrong", "between -1 and 1"),
    ],
)
def test_first_and_last(tau, state, word):
    said = check("sentence_ordering.2", tau)
    assert said.state == state and word in said.hint


@pytest.mark.parametrize(
    ("order", "state", "word"),
    [
        ([1, 0, 3, 4, 2], "right", ""),
        ((1, 2, 0, 4, 3), "right", ""),
        ([1, 2, 3, 4, 0], "wrong", "wrong order"),
        ([1, 0, 2, 4, 3], "wrong", "at its place"),
        ([0, 1, 2], "wrong", "0 to 4"),
        ([0.0, 1, 2, 3, 4], "wrong", "0 to 4"),
    ],
)
def test_all_wrong(order, state, word):
    said = check("sentence_ordering.3", order)
    assert said.state == state and word in said.hint
