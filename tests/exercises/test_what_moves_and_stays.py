"""The exercises on what fine-tuning moves and what it leaves: what is right, and what is said."""

from itertools import pairwise

import pytest
import torch

from isomorph.exercises import check
from isomorph.measure.similarity import rsa


def test_rsa_of_distances():
    def right(x, y):
        return torch.corrcoef(torch.stack([torch.pdist(s) for s in (x, y)]))[0, 1].item()

    assert check("what_moves.1", right).state == "right"
    assert check("what_moves.1", rsa).state == "wrong"

    def with_diagonal(x, y):
        tables = torch.stack([torch.cdist(s, s).flatten() for s in (x, y)])
        return torch.corrcoef(tables)[0, 1].item()

    said = check("what_moves.1", with_diagonal)
    assert said.state == "wrong" and "no row with itself" in said.hint
    assert check("what_moves.1", lambda x, y: ...).state == "unanswered"


def test_the_block_of_the_fall():
    def right(curve):
        falls = [below - above for below, above in pairwise(curve)]
        return falls.index(max(falls)) + 1

    assert check("what_moves.2", right).state == "right"
    assert check("what_moves.2", lambda curve: right(curve) - 1).state == "wrong"
    assert check("what_moves.2", lambda curve: curve.index(min(curve))).state == "wrong"


@pytest.mark.parametrize("answer", ["RSA", "CKA", "neither"])
def test_states_turned_round_are_seen_by_both(answer):
    assert check("what_moves.3", "both").state == "right"
    assert check("what_moves.3", answer).state == "wrong"


def test_the_root_under_a_map():
    def right(h, b):
        return int((h @ b.T).square().sum(1).argmin())

    assert check("what_stays.1", right).state == "right"
    said = check("what_stays.1", lambda h, b: int((h @ b.T).square().sum(1).argmax()))
    assert said.state == "wrong" and "shortest" in said.hint
    assert check("what_stays.1", lambda h, b: int(h.square().sum(1).argmin())).state == "wrong"
    assert check("what_stays.1", lambda h, b: ...).state == "unanswered"


@pytest.mark.parametrize(
    ("share", "state", "word"),
    [(0.75, "right", ""), (0.6, "wrong", "one fewer"), (3, "wrong", ""), (75, "wrong", "percent")],
)
def test_edges_of_a_chain(share, state, word):
    said = check("what_stays.2", share)
    assert said.state == state and word in said.hint


def test_what_follows_from_a_probe_that_loses_nothing():
    assert check("what_stays.3", "relations can still be read off the states").state == "right"
    assert check("what_stays.3", "the states have not moved").state == "wrong"
    said = check("what_stays.3", "the model uses relations to judge inference")
    assert said.state == "wrong"
