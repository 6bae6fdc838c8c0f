"""Flows: there and back, the likelihood by hand, and what they do to a cone."""

import math

import pytest
import torch

from isomorph.measure import cures
from isomorph.measure.isotropy import average_cosine

from .clouds import gaussian

WIDTH = 6


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
    flow = fit_flow(correlated, EPOCHS=60, BATCH=50, HIDDEN=())
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


def test_what_is_refused(flow, vectors):
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
