"""Cures: what each takes away, what each leaves, and what they are learnt on."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from isomorph.measure import cures
from isomorph.measure.isotropy import average_cosine, isoscore

from .clouds import gaussian

WIDTH = 6


@pytest.fixture
def cone():
    """A common mean and two loud directions: 400 vectors that nearly all point the same way."""
    return gaussian(400, WIDTH, 0) * torch.tensor([6.0, 3, 1, 1, 1, 1]) + torch.tensor(
        [0.0, 0, 9, 9, 0, 0]
    )


def test_all_but_the_top_is_its_formula(cone):
    cured = cures.all_but_the_top(cone, 2)(cone)
    centred = cone - cone.mean(0)
    axes = torch.from_numpy(PCA(2).fit(cone.numpy()).components_)
    by_hand = centred.clone()
    for axis in axes:
        by_hand -= (centred @ axis)[:, None] * axis
    assert torch.allclose(cured, by_hand, atol=1e-10)
    assert abs(average_cosine(cured)) < 0.01
    assert average_cosine(cone) > 0.5
    assert isoscore(cured) > isoscore(cone)
    default = cures.all_but_the_top(cone)
    assert torch.allclose(default(cone), cures.all_but_the_top(cone, 1)(cone))


def test_removal_takes_away_the_weighted_part_alone(cone):
    axes = torch.from_numpy(PCA(2).fit(cone.numpy()).components_)
    cured = cures.removal(cone, [1.0, 0.25])(cone)
    assert torch.allclose(cured @ axes[0], torch.zeros(400, dtype=torch.float64), atol=1e-9)
    assert torch.allclose(cured @ axes[1], 0.75 * cone @ axes[1], atol=1e-9)
    plain = cures.removal(cone, [0.0, 0.0])(cone)
    assert torch.allclose(plain, cone), "nothing removed, and the mean stays"


def test_learnt_weights_beat_those_they_began_with(cone, monkeypatch):
    """The top component is noise and the second carries the similarity, so it should be kept."""
    rows = torch.randint(400, (2, 300), generator=torch.Generator().manual_seed(1))
    first, second = cone[rows[0]], cone[rows[1]]
    wanted = cures.removal(cone, [1.0, 0.3])
    similarity = torch.nn.functional.cosine_similarity(wanted(first), wanted(second))
    monkeypatch.setattr(cures, "REMOVAL_EPOCHS", 60)
    monkeypatch.setattr(cures, "REMOVAL_RATE", 0.02)
    learnt = cures.learn_removal(cone, first, second, similarity, directions=2)

    def loss(cure):
        cosines = torch.nn.functional.cosine_similarity(cure(first), cure(second))
        return float((cosines - similarity).square().mean())

    assert loss(learnt) < loss(cures.removal(cone, [1.0, 1.0])) / 20
    with pytest.raises(ValueError, match=r"similarity is \(3,\)"):
        cures.learn_removal(cone, first, second, similarity[:3], directions=2)


def test_conceptor_negation_is_its_formula(cone):
    x = cone.numpy().T  # columns are vectors, as in the paper
    r = x @ x.T / x.shape[1]
    c = r @ np.linalg.inv(r + 0.25 * np.eye(WIDTH))
    expected = ((np.eye(WIDTH) - c) @ x).T
    assert torch.allclose(cures.conceptor_negation(cone)(cone), torch.from_numpy(expected))


@pytest.mark.parametrize("k", [None, 2])
def test_whitening_leaves_no_correlation(cone, k):
    white = cures.whitening(cone, k)(cone)
    assert white.shape == (400, k or WIDTH)
    assert torch.allclose(white.T.cov(correction=0), torch.eye(k or WIDTH).double(), atol=1e-9)
    assert torch.allclose(white.mean(0), torch.zeros(k or WIDTH).double(), atol=1e-9)
    by_sklearn = PCA(k, whiten=True).fit_transform(cone.numpy()) * np.sqrt(400 / 399)
    assert np.allclose(abs(white.numpy()), abs(by_sklearn))


def test_what_does_not_vary_is_not_blown_up(cone):
    flat = torch.cat([cone, torch.full((400, 1), 7.0)], dim=1)
    assert cures.whitening(flat)(flat).shape[1] == WIDTH
    with pytest.raises(ValueError, match="k is 7; of 7 directions 6 vary"):
        cures.whitening(flat, 7)
    assert torch.equal(cures.standardisation(flat)(flat)[:, -1], torch.zeros(400).double())


def test_standardisation_and_null_top(cone):
    standard = cures.standardisation(cone)
    assert torch.allclose(standard(cone).std(0, correction=0), torch.ones(WIDTH).double())
    axis = torch.linalg.svd(cone, full_matrices=False).Vh[0]
    cured = cures.null_top(cone)(cone)
    assert torch.allclose(cured @ axis, torch.zeros(400).double(), atol=1e-9)


def test_a_cure_learnt_on_some_vectors_applies_to_others(cone):
    cure = cures.whitening(cone[:200])
    assert torch.allclose(cure(cone)[:200], cure(cone[:200]))
    assert not torch.allclose(cure(cone), cures.whitening(cone)(cone), atol=1e-3)


def test_what_is_refused(cone):
    with pytest.raises(ValueError, match=r"vectors is \(6,\)"):
        cures.standardisation(cone[0])
    with pytest.raises(ValueError, match="directions is 7; with a width of 6 allowed is 1 to 6"):
        cures.all_but_the_top(cone, 7)
