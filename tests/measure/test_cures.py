"""Cures: what each takes away, what each leaves, and what they are learnt on.

Flows: there and back, the likelihood by hand, and what they do to a cone.
"""

import math

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


def skewed(n, seed):
    """A bent cloud about a big common mean: the later dimensions hang on squares of the first."""
    cloud = gaussian(n, WIDTH, seed)
    cloud[:, 3:] = 0.3 * cloud[:, 3:] + cloud[:, :3].square()
    return cloud + 9


def fit_flow(vectors, **constants):
    """A flow with other constants, to be quick."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in constants.items():
            patch.setattr(cures, name, value)
        return cures.fit_flow(vectors)


def inverse(flow, z):
    return flow.model().transform.inv(z)


def log_likelihood(flow, vectors):
    return flow.model().log_prob(vectors)


@pytest.fixture(scope="module")
def vectors():
    return skewed(2000, 0)


@pytest.fixture(scope="module")
def flow(vectors):
    return fit_flow(vectors, EPOCHS=25, HIDDEN=(64,))


def test_there_and_back(flow, vectors):
    z = flow(vectors)
    assert z.dtype == torch.float64 and z.shape == vectors.shape
    assert not z.requires_grad
    assert torch.allclose(inverse(flow, z), vectors, atol=1e-10)
    assert torch.allclose(flow(inverse(flow, z)), z, atol=1e-10)
    assert torch.allclose(flow(vectors.float()[:3]), z[:3], atol=1e-4)


def test_the_likelihood_is_that_of_the_latents_times_the_volume():
    cloud = skewed(50, 1)
    flow = fit_flow(cloud, EPOCHS=20, COUPLINGS=2, HIDDEN=(8,))
    transform = flow.model().transform
    for vector, found in zip(cloud[:5], log_likelihood(flow, cloud[:5]), strict=True):
        z = transform(vector)
        normal = -float(z @ z) / 2 - WIDTH / 2 * math.log(2 * math.pi)
        jacobian = torch.autograd.functional.jacobian(transform, vector)
        volume = float(torch.linalg.slogdet(jacobian).logabsdet)
        assert float(found) == pytest.approx(normal + volume, abs=1e-9)
        off_diagonal = jacobian - jacobian.diag().diag()
        assert off_diagonal.abs().max() > 1e-3, "couplings have learnt something"


def test_it_is_the_same_every_time_and_torchs_own_random_state_stays(vectors):
    latents, states = [], []
    for seed in (5, 6):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        latents.append(fit_flow(vectors[:100], EPOCHS=2, HIDDEN=(8,))(vectors))
        states.append(torch.equal(torch.get_rng_state(), before))
    assert all(states) and torch.equal(*latents)


def test_a_cone_opens_and_is_told_better_than_by_a_diagonal_gaussian(flow, vectors):
    held_out = skewed(1000, 1)
    diagonal = torch.distributions.Normal(vectors.mean(0), vectors.std(0))
    theirs = float(diagonal.log_prob(held_out).sum(1).mean())
    assert float(log_likelihood(flow, held_out).mean()) > theirs + 1
    assert average_cosine(held_out) > 0.9
    assert abs(average_cosine(flow(held_out))) < 0.02


def test_couplings_may_be_linear(vectors):
    correlated = gaussian(500, WIDTH, 2) @ gaussian(WIDTH, WIDTH, 3)
    flow = fit_flow(correlated, EPOCHS=30, BATCH=50, HIDDEN=())
    z = flow(correlated)
    assert torch.allclose(inverse(flow, z), correlated, atol=1e-9)

    def correlation(cloud):
        return float((cloud.T.corrcoef() - torch.eye(WIDTH)).abs().mean())

    assert correlation(z) < correlation(correlated) / 2


def test_what_does_not_vary_does_no_harm(vectors):
    flat = torch.cat([vectors, torch.full((len(vectors), 1), 7.1)], dim=1)
    flow = fit_flow(flat, EPOCHS=2)
    other = flat.clone()
    other[:, -1] += 0.5
    for cloud in (flat, other):
        assert flow(cloud).abs().max() < 100
        assert log_likelihood(flow, cloud).isfinite().all()
        assert torch.allclose(inverse(flow, flow(cloud)), cloud, atol=1e-9)
    assert fit_flow(torch.ones(3, 2))(torch.zeros(3, 2)).isfinite().all()


def test_what_a_flow_refuses(flow, vectors):
    with pytest.raises(ArithmeticError, match="a likelihood that has run off"):
        fit_flow(vectors, RATE=1000)
    for cloud in (vectors[:1], vectors[:, :1]):
        with pytest.raises(ValueError, match="both 2 and up"):
            fit_flow(cloud)
    with pytest.raises(ValueError, match=r"vectors is \(6,\)"):
        fit_flow(vectors[0])
    with pytest.raises(ValueError, match="vectors has values that are not finite"):
        fit_flow(vectors / 0)
    with pytest.raises(ValueError, match="vectors has a width of 5; the flow's is 6"):
        flow(vectors[:, :5])
