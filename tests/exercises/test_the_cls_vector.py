"""The exercises on the [CLS] vector: what is right, and what is said."""

import pytest
import torch

from isomorph.exercises import check


def factors(std, covariance, power=0.5, kept=True):
    correlation = covariance / torch.outer(std, std)
    theta = (correlation.square().mean(1) * std) ** -power
    variance = covariance.diagonal()
    return theta * (variance.sum() / (variance * theta**2).sum()).sqrt() if kept else theta


def test_the_factors():
    assert check("the_cls_vector.1", factors).state == "right"
    assert check("the_cls_vector.1", lambda s, c: factors(s, c, kept=False)).state == "wrong"
    said = check("the_cls_vector.1", lambda s, c: factors(s, c, power=1.0))
    assert said.state == "wrong" and "gamma" in said.hint
    assert check("the_cls_vector.1", lambda s, c: ...).state == "unanswered"


@pytest.mark.parametrize(
    ("batches", "state", "word"),
    [(14, "right", ""), (13, "wrong", "last batch"), (1, "wrong", "momentum"), (0, "wrong", "possible"),
     (13.51, "wrong", "whole")],
)  # fmt: skip
def test_when_to_believe_it(batches, state, word):
    said = check("the_cls_vector.2", batches)
    assert said.state == state and word in said.hint


def test_what_stays():
    assert check("the_cls_vector.3", "the correlation of two coordinates").state == "right"
    assert check("the_cls_vector.3", "the cosine of two vectors").state == "wrong"


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
