"""BERT's Adam steps as its formula says, mixout keeps the expectation, and decay has its target."""

import numpy as np
import pytest
import torch
from torch import nn

from isomorph.models.finetune import (
    BertAdam,
    linear_weights,
    mixout,
    origins_of,
    overstep,
    pull,
)
from tests.models import toy


def slowly(weight, gradients, lr, decay, betas=(0.9, 0.999), eps=1e-6) -> list[np.ndarray]:
    """BERT's Adam, entry by entry, after each step."""
    weight, path = np.array(weight, dtype=float), []
    m, v = np.zeros_like(weight), np.zeros_like(weight)
    for gradient in gradients:
        for i in range(len(weight)):
            m[i] = betas[0] * m[i] + (1 - betas[0]) * gradient[i]
            v[i] = betas[1] * v[i] + (1 - betas[1]) * gradient[i] ** 2
            weight[i] -= lr * (m[i] / (v[i] ** 0.5 + eps) + decay * weight[i])
        path.append(weight.copy())
    return path


def walk(make, start: torch.Tensor, gradients) -> list[torch.Tensor]:
    weight, path = nn.Parameter(start.clone()), []
    optimiser = make([weight])
    for gradient in gradients:
        weight.grad = gradient.clone()
        optimiser.step()
        path.append(weight.detach().clone())
    return path


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_steps_are_those_of_a_slow_loop(decay):
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(5, generator=generator, dtype=torch.float64)
    gradients = torch.randn(40, 5, generator=generator, dtype=torch.float64)
    path = walk(lambda w: BertAdam(w, lr=0.01, weight_decay=decay), start, gradients)
    expected = slowly(start.numpy(), gradients.numpy(), 0.01, decay)
    assert np.allclose(torch.stack(path).numpy(), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("constant", [True, False])
def test_each_step_is_adams_times_the_overstep(constant):
    generator = torch.Generator().manual_seed(0)
    gradients = torch.randn(1 if constant else 300, 4, generator=generator, dtype=torch.float64)
    gradients = gradients.expand(300, 4)
    start = torch.zeros(4, dtype=torch.float64)
    paths = [
        torch.stack([start, *walk(make, start, gradients)]).diff(dim=0)
        for make in (
            lambda w: BertAdam(w, lr=0.01, eps=1e-15),
            lambda w: torch.optim.AdamW(w, lr=0.01, eps=1e-15, weight_decay=0.0),
        )
    ]
    factors = torch.tensor([overstep(t) for t in range(1, 301)], dtype=torch.float64)
    assert torch.allclose(paths[0], paths[1] * factors[:, None], rtol=1e-9, atol=0)
    if constant:
        assert torch.allclose(paths[0].abs(), 0.01 * factors[:, None].expand(-1, 4), rtol=1e-9)


def test_the_overstep_has_known_values():
    known = {1: 3.162, 10: 6.528, 12: 6.569, 96: 3.304, 230: 2.206, 1000: 1.258, 5000: 1.003}
    assert {t: round(overstep(t), 3) for t in known} == known
    assert max(range(1, 200), key=overstep) == 12


def test_groups_have_their_own_rates_and_weights_without_a_gradient_stay():
    still, slow, fast = (nn.Parameter(torch.ones(2)) for _ in range(3))
    optimiser = BertAdam([{"params": [still, slow]}, {"params": [fast], "lr": 0.2}], lr=0.1)
    slow.grad, fast.grad = torch.ones(2), torch.ones(2)
    optimiser.step()
    assert torch.equal(still, torch.ones(2))
    assert torch.allclose(1 - fast, 2 * (1 - slow)) and (slow < 1).all()
    saved = optimiser.state_dict()
    again = BertAdam([{"params": [still, slow]}, {"params": [fast], "lr": 0.2}], lr=0.1)
    again.load_state_dict(saved)
    assert torch.equal(again.state[fast]["m"], optimiser.state[fast]["m"])


def test_mixout_keeps_the_expectation_and_its_entries_are_of_two_kinds():
    torch.manual_seed(0)
    weight, origin = nn.Parameter(torch.tensor([[1.0, -2.0]])), torch.tensor([[0.5, 3.0]])
    seen = []
    for _ in range(4000):
        with mixout({weight: origin}, 0.3):
            seen.append(weight.detach().clone())
    seen = torch.cat(seen)
    replaced = seen == origin
    moved = origin + (weight.detach() - origin) / 0.7
    assert torch.allclose(seen[~replaced], moved.expand_as(seen)[~replaced])
    assert torch.allclose(replaced.double().mean(0), torch.tensor(0.3).double(), atol=0.03)
    # Four standard errors of a mean of 4000.
    bound = 4 * seen.std(0) / 4000**0.5
    assert ((seen.mean(0) - weight.detach()).abs() < bound).all()


def test_the_gradient_is_that_for_the_weights_before_mixing():
    torch.manual_seed(0)
    weight, origin = nn.Parameter(torch.randn(6, 5)), torch.randn(6, 5)
    held, values = weight.data_ptr(), weight.detach().clone()
    x = torch.randn(3, 5)
    torch.manual_seed(1)
    with mixout({weight: origin}, 0.4):
        (x @ weight.T).square().sum().backward()
    assert weight.data_ptr() == held and torch.equal(weight, values)
    torch.manual_seed(1)  # the same, as its formula stands, with the gradient left to autograd
    again = values.clone().requires_grad_()
    kept = (torch.rand(6, 5) >= 0.4).float()
    mixed = ((1 - kept) * origin + kept * again - 0.4 * origin) / 0.6
    (x @ mixed.T).square().sum().backward()
    assert torch.allclose(weight.grad, again.grad, rtol=1e-4, atol=1e-4)
    assert (weight.grad == 0).any()


def test_mixout_with_nothing_or_everything_replaced():
    weight, origin = nn.Parameter(torch.randn(4, 4)), torch.randn(4, 4)
    before, random = weight.detach().clone(), torch.get_rng_state()
    with mixout({weight: origin}, 0.0):
        assert torch.equal(weight, before)
        weight.sum().backward()
    assert torch.equal(weight.grad, torch.ones(4, 4))
    assert torch.equal(random, torch.get_rng_state())
    weight.grad = None
    with mixout({weight: origin}, 1.0):
        assert torch.equal(weight, origin)
        weight.sum().backward()
    assert torch.equal(weight, before) and torch.equal(weight.grad, torch.zeros(4, 4))


def test_weights_are_put_back_when_something_fails_within():
    weight = nn.Parameter(torch.randn(4, 4))
    before = weight.detach().clone()
    with pytest.raises(RuntimeError, match="out of memory"), mixout({weight: -before}, 0.5):
        raise RuntimeError("out of memory")
    assert torch.equal(weight, before)
    with pytest.raises(ValueError, match=r"probability is 1.5; allowed are 0 to 1"):
        mixout({weight: before}, 1.5).__enter__()


def test_decay_pulls_to_where_weights_started():
    weight, other = nn.Parameter(torch.full((2, 2), 3.0)), nn.Parameter(torch.full((2, 2), 3.0))
    optimiser = torch.optim.SGD([{"params": [weight]}, {"params": [other]}], lr=0.5)
    origins = {weight: torch.ones(2, 2), other: torch.ones(2, 2)}
    weight.grad = torch.zeros(2, 2)
    pull(optimiser, origins, 0.1)
    assert torch.allclose(weight, torch.full((2, 2), 3.0 - 0.5 * 0.1 * 2.0))
    assert torch.equal(other, torch.full((2, 2), 3.0))  # it has no gradient
    for _ in range(400):
        pull(optimiser, origins, 0.1)
    assert torch.allclose(weight, torch.ones(2, 2), atol=1e-4)


@pytest.mark.parametrize("kind", ["ours", "bert"])
def test_matrices_that_are_tuned_have_origins_and_linear_ones_are_mixed(kind):
    encoder = toy.model(kind).base_model
    frozen = next(encoder.parameters()).requires_grad_(False)  # the embeddings of words
    origins = origins_of(encoder)
    tuned = [p for p in encoder.parameters() if p.ndim == 2 and p is not frozen]
    assert list(origins) == tuned
    assert all(torch.equal(p, q) and p.data_ptr() != q.data_ptr() for p, q in origins.items())
    names = {
        name for name, p in encoder.named_parameters() if p in linear_weights(encoder, origins)
    }
    assert names and not any("embedding" in name or "positions" in name for name in names)
    linear = [m for m in encoder.modules() if isinstance(m, nn.Linear)]
    assert len(names) == len(linear)
