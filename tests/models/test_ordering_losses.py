"""Losses of an order against their definitions, and scores of orders against slow ones."""

import math
from functools import partial
from itertools import permutations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau

from isomorph.measure.scores import order_scores
from isomorph.models.inputs import IGNORED
from isomorph.models.ordering import list_mle, margin_loss


def draw_probability(scores: list[float], places: list[int]) -> float:
    """Of drawing the true order one after another, each in proportion to exp(score)."""
    left, probability = sorted(range(len(scores)), key=lambda i: places[i]), 1.0
    while left:
        weights = [math.exp(scores[i]) for i in left]
        probability *= weights[0] / sum(weights)
        left = left[1:]
    return probability


def test_list_mle_is_a_probability_over_orders():
    scores = [0.3, -1.2, 2.0, 0.0]
    losses = {
        order: float(list_mle(torch.tensor([scores]), torch.tensor([order])))
        for order in permutations(range(4))
    }
    for order, loss in losses.items():
        assert loss == pytest.approx(-math.log(draw_probability(scores, order)), abs=1e-5)
    assert sum(math.exp(-loss) for loss in losses.values()) == pytest.approx(1, abs=1e-5)
    best = tuple(np.argsort(np.argsort(-np.array(scores))).tolist())
    assert min(losses, key=losses.get) == best


def test_losses_by_hand():
    places = torch.tensor([[1, 0, 2, 4, 3]])
    level = torch.full((1, 5), 0.7)
    assert float(list_mle(level, places)) == pytest.approx(math.log(120), abs=1e-5)
    assert float(margin_loss(level, places, 0.5)) == pytest.approx(math.log(120) + 10 * 0.5)
    # Far enough apart, the hinge is nothing; too near, what lacks.
    wide = -2.0 * places
    assert float(margin_loss(wide, places, 2.0) - list_mle(wide, places)) == pytest.approx(0)
    assert float(margin_loss(wide, places, 3.0) - list_mle(wide, places)) == pytest.approx(4)
    wrong = torch.tensor([[0.0, 1.5]])
    hinge = margin_loss(wrong, torch.tensor([[0, 1]]), 1) - list_mle(wrong, torch.tensor([[0, 1]]))
    assert float(hinge) == pytest.approx(2.5)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 7), st.floats(-5, 5))
def test_losses_see_neither_the_order_of_reading_nor_the_level_nor_padding(seed, count, level):
    generator = np.random.default_rng(seed)
    scores = torch.tensor(generator.normal(size=(1, count)))
    places = torch.tensor(generator.permutation(count))[None]
    shuffled = torch.tensor(generator.permutation(count))
    for loss in (list_mle, partial(margin_loss, margin=1.0)):
        value = loss(scores, places)
        torch.testing.assert_close(loss(scores[:, shuffled], places[:, shuffled]), value)
        torch.testing.assert_close(loss(scores + level, places), value)
        padded = torch.cat([scores, torch.tensor([[9.0, -9.0]])], 1).requires_grad_()
        answers = torch.cat([places, torch.full((1, 2), IGNORED)], 1)
        torch.testing.assert_close(loss(padded, answers), value)
        loss(padded, answers).backward()
        assert padded.grad.isfinite().all() and not padded.grad[0, count:].any()
        two = torch.cat([padded.detach(), torch.zeros(1, count + 2)])
        both = torch.cat([answers, answers])
        expected = (value + loss(two[1:], both[1:])) / 2  # the mean over texts
        torch.testing.assert_close(loss(two, both), expected)


def test_scores_of_orders_by_hand():
    right, turned, one_swap = (0, 1, 2, 3, 4), (4, 3, 2, 1, 0), (1, 0, 2, 3, 4)
    assert order_scores([right], [right]) == {"accuracy": 1.0, "pmr": 1.0, "tau": 1.0}
    assert order_scores([right], [turned]) == {"accuracy": 0.2, "pmr": 0.0, "tau": -1.0}
    found = order_scores([right], [one_swap])
    assert found == {"accuracy": 0.6, "pmr": 0.0, "tau": pytest.approx(0.8)}
    mixed = order_scores([right, (1, 0)], [turned, (1, 0)])  # each text counts once
    assert mixed == {"accuracy": 0.6, "pmr": 0.5, "tau": 0.0}


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.lists(st.integers(2, 9), min_size=1, max_size=6))
def test_tau_is_scipys_and_counts_inversions(seed, sizes):
    generator = np.random.default_rng(seed)
    gold, found = ([generator.permutation(n).tolist() for n in sizes] for _ in range(2))
    expected = [kendalltau(a, b).statistic for a, b in zip(gold, found, strict=True)]
    assert order_scores(gold, found)["tau"] == pytest.approx(np.mean(expected))
    slow = []
    for true, guessed in zip(gold, found, strict=True):
        n = len(true)
        inversions = sum(
            (true[i] < true[j]) != (guessed[i] < guessed[j]) for i in range(n) for j in range(i)
        )
        slow.append(1 - 2 * inversions / math.comb(n, 2))
    assert order_scores(gold, found)["tau"] == pytest.approx(np.mean(slow))


def test_chance_is_what_it_says():
    orders = list(permutations(range(4)))
    found = order_scores([(0, 1, 2, 3)] * len(orders), orders)
    assert found == {k: pytest.approx(v) for k, v in
                     {"accuracy": 1 / 4, "pmr": 1 / 24, "tau": 0}.items()}  # fmt: skip


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="predicted has 1 texts and gold 2"):
        order_scores([(0, 1), (0, 1)], [(0, 1)])
    with pytest.raises(ValueError, match=r"predicted has the places \(0, 0\)"):
        order_scores([(0, 1)], [(0, 0)])
    with pytest.raises(ValueError, match=r"predicted has the places \(0, 1, 2\)"):
        order_scores([(0, 1)], [(0, 1, 2)])
    with pytest.raises(ValueError, match="predicted has 0 texts"):
        order_scores([], [])
