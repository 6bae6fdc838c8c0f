"""The exercises on the [CLS] vector: what is right, and what is said."""

import pytest
import torch

from isomorph.exercises import check


def test_choir_and_soloist():
    def right(d, m, rho):
        return (1 + (m - 1) * rho**2) / d, 1 / d

    assert check("the_cls_vector.1", right).state == "right"
    said = check("the_cls_vector.1", lambda d, m, rho: ((m - 1) * rho**2 / d, 0.0))
    assert said.state == "wrong" and "itself" in said.hint
    assert check("the_cls_vector.1", lambda d, m, rho: ...).state == "unanswered"


@pytest.mark.parametrize(
    ("batches", "state", "word"),
    [(14, "right", ""), (13, "wrong", "last batch"), (1, "wrong", "momentum"), (0, "wrong", "possible"),
     (13.51, "wrong", "whole")],
)  # fmt: skip
def test_when_to_believe_it(batches, state, word):
    said = check("the_cls_vector.2", batches)
    assert said.state == state and word in said.hint


def test_a_common_scale_passes_through():
    assert check("the_cls_vector.3", "about ten times as long").state == "right"
    assert check("the_cls_vector.3", "as long").state == "wrong"


def cloud(solo, noise=0.1):
    generator = torch.Generator().manual_seed(1)
    loud, common = torch.randn(2, 500, 1, generator=generator)
    own = torch.randn(500, 9, generator=generator)
    return torch.cat([solo * loud, common + noise * own], 1)


def test_a_case_against_it():
    assert check("the_cls_vector.4", cloud(3)).state == "right"
    assert "does not rise" in check("the_cls_vector.4", cloud(1)).hint
    assert "vary" in check("the_cls_vector.4", cloud(0)).hint
    assert "10 wide" in check("the_cls_vector.4", cloud(3)[:, :4]).hint
