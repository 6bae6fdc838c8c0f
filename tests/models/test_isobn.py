"""IsoBN against its steps written out slowly, its invariants, and the plain normalisations."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from isomorph.models.finetune import finetune, predict
from isomorph.models.heads import NORMALISATIONS, IsoBN, cls_normalisation
from isomorph.models.settings import TuningConfig
from isomorph.text.examples import PAIR
from tests.models import toy

WIDTH = 6


def cloud(rows: int = 40, seed: int = 0, width: int = WIDTH) -> torch.Tensor:
    """Vectors off the origin, whose coordinates vary unequally and correlate."""
    generator = torch.Generator().manual_seed(seed)
    base = torch.randn(rows, width, generator=generator, dtype=torch.float64)
    spread = torch.linspace(0.2, 3, width, dtype=torch.float64)
    return (base + 2 * base[:, :1]) * spread + torch.arange(width)


def trained(batches: int = 30, **settings) -> IsoBN:
    module = IsoBN(WIDTH, **settings).double()
    for seed in range(batches):
        module(cloud(seed=seed))
    return module


def variance(rows: torch.Tensor) -> torch.Tensor:
    return rows.var(0, correction=0)


def slowly(batches, momentum=0.05, eps=1e-3, beta=0.5) -> np.ndarray:
    """The seven steps in loops over coordinates; the output for the last batch."""
    width = len(batches[0][0])
    std, covariance = [0.0] * width, [[0.0] * width for _ in range(width)]
    for batch in batches:
        n = len(batch)
        mean = [sum(row[i] for row in batch) / n for i in range(width)]
        for i in range(width):
            own = (sum((row[i] - mean[i]) ** 2 for row in batch) / n) ** 0.5
            std[i] += momentum * (own - std[i])
            for j in range(width):
                both = sum((row[i] - mean[i]) * (row[j] - mean[j]) for row in batch) / n
                covariance[i][j] += momentum * (both - covariance[i][j])
    theta = []
    for i in range(width):
        rho = [
            max(-1.0, min(1.0, covariance[i][j] / (std[i] * std[j]))) if std[i] * std[j] else 0.0
            for j in range(width)
        ]
        gamma = sum(r**2 for r in rho) / width
        theta.append((gamma * std[i] + eps) ** -beta)
    before = sum(covariance[i][i] for i in range(width))
    after = sum(covariance[i][i] * theta[i] ** 2 for i in range(width))
    factor = (before / (after + eps)) ** 0.5
    return np.array([[theta[i] * factor * row[i] for i in range(width)] for row in batches[-1]])


@pytest.mark.parametrize("count", [1, 3, 40])
@pytest.mark.parametrize("beta", [0.5, 1.0])
def test_the_steps_written_out_give_the_same(count, beta):
    batches = [cloud(rows=8 + seed, seed=seed) for seed in range(count)]
    module = IsoBN(WIDTH, beta=beta).double()
    for batch in batches:
        found = module(batch)
    np.testing.assert_allclose(found, slowly([b.tolist() for b in batches], beta=beta), rtol=1e-9)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 30), st.floats(0.5, 3))
def test_the_total_of_the_running_variances_is_kept(seed, batches, stretch):
    module = IsoBN(WIDTH).double()
    for i in range(batches):
        module(cloud(seed=seed + i) * stretch)
    running = module.covariance.diagonal()
    kept = (running * module.scale() ** 2).sum() / running.sum()
    assert 0.98 < kept <= 1  # the eps of the quotient takes a little


def test_correlations_stay_and_the_mean_is_only_scaled():
    module, rows = trained(), cloud(seed=100)
    found = module.eval()(rows)
    np.testing.assert_allclose(np.corrcoef(found.T), np.corrcoef(rows.T), atol=1e-9)
    torch.testing.assert_close(found.mean(0), rows.mean(0) * module.scale())
    assert found.mean(0).abs().max() > 0.1


def test_variances_become_more_alike():
    module, rows = trained(), cloud(rows=500, seed=100)
    found = module.eval()(rows)
    spread = [variance(part).max() / variance(part).min() for part in (rows, found)]
    assert spread[1] < spread[0] / 4
    # Of the covariance, its eigenvalues: the first has less of the whole.
    share = [torch.linalg.eigvalsh(part.T.cov()) for part in (rows, found)]
    assert share[1][-1] / share[1].sum() < share[0][-1] / share[0].sum()


def test_large_coordinates_shrink_the_more_the_more_they_correlate():
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(4000, 5, generator=generator, dtype=torch.float64)
    rows[:, 1] = rows[:, 0]  # 0 and 1 are one; 2 varies as much, alone; 3 and 4 vary little
    rows *= torch.tensor([3.0, 3.0, 3.0, 0.3, 0.3])
    module = IsoBN(5, momentum=1.0).double()  # so that the estimates are those of this batch
    module(rows)
    factors = module.scale()
    assert factors[0] < 1 and factors[0] < factors[2] < factors[3]
    torch.testing.assert_close(factors[0], factors[1])
    # gamma is 2/5 of the twins and 1/5 of the others, up to chance.
    expected = ((0.2 * 3 + 1e-3) / (0.4 * 3 + 1e-3)) ** 0.5
    assert float(factors[0] / factors[2]) == pytest.approx(expected, rel=0.01)


def test_without_beta_it_is_the_identity_up_to_a_constant_near_one():
    module, rows = trained(beta=0.0), cloud(seed=100)
    factors = module.eval()(rows) / rows
    torch.testing.assert_close(factors, factors[:1, :1].expand_as(factors))
    assert 0.999 < float(factors[0, 0]) < 1


def test_correlations_are_overestimated_at_first():
    module = IsoBN(WIDTH).double()
    rows = cloud(rows=200)
    true = torch.corrcoef(rows.T)
    for steps in range(1, 80):
        module(rows)
        found = module.covariance / torch.outer(module.std, module.std)
        torch.testing.assert_close(found, true / (1 - 0.95**steps))


def test_no_gradient_passes_through_the_statistics():
    module, rows = trained(), cloud(seed=100).requires_grad_()
    module(rows).square().sum().backward()
    with torch.no_grad():
        torch.testing.assert_close(rows.grad, 2 * rows * module.scale() ** 2)
    assert not any(buffer.requires_grad for buffer in module.buffers())
    assert not list(module.parameters())


def test_evaluation_reads_the_estimates_and_leaves_them():
    module = trained().eval()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    rows = cloud(seed=100) * 50
    found = module(rows)
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())
    torch.testing.assert_close(found[:1], module(rows[:1]))  # no row reads another
    module.train()(rows)
    assert not torch.equal(before["std"], module.std)
    again = IsoBN(WIDTH).double().eval()
    again.load_state_dict(before)
    torch.testing.assert_close(again(rows), found)


def test_before_the_first_batch_vectors_pass_as_they_are():
    assert torch.equal(IsoBN(WIDTH).eval()(cloud().float()), cloud().float())


def test_coordinates_that_never_vary_do_no_harm():
    rows = cloud()
    rows[:, 2] = 1.0
    found = IsoBN(WIDTH).double()(rows)
    assert found.isfinite().all()
    np.testing.assert_allclose(found, slowly([rows.tolist()]), rtol=1e-9)


def test_statistics_keep_their_digits_under_autocast():
    rows, exact, rough = cloud().float(), IsoBN(WIDTH), IsoBN(WIDTH)
    exact(rows)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert rough(rows.bfloat16()).dtype == torch.bfloat16
        rough.load_state_dict(IsoBN(WIDTH).state_dict())
        rough(rows)
    torch.testing.assert_close(rough.covariance, exact.covariance)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"x has the shape \(2, 5\); allowed is \(rows, 6\)"):
        IsoBN(WIDTH)(torch.zeros(2, 5))
    with pytest.raises(ValueError, match="momentum is 0"):
        IsoBN(WIDTH, momentum=0)
    with pytest.raises(ValueError, match="width is 0"):
        IsoBN(0)
    with pytest.raises(ValueError, match="name is 'white'; allowed are 'none', 'isobn', 'batch'"):
        cls_normalisation("white", WIDTH)


def test_the_plain_normalisations_by_hand():
    rows = cloud().float()
    assert torch.equal(cls_normalisation("none", WIDTH)(rows), rows)
    assert isinstance(cls_normalisation("isobn", WIDTH), IsoBN)
    by_batch = (rows - rows.mean(0)) / rows.std(0, correction=0)
    torch.testing.assert_close(
        cls_normalisation("batch", WIDTH)(rows), by_batch, rtol=1e-3, atol=1e-3
    )
    by_row = (rows - rows.mean(1, keepdim=True)) / rows.std(1, correction=0, keepdim=True)
    torch.testing.assert_close(
        cls_normalisation("layer", WIDTH)(rows), by_row, rtol=1e-3, atol=1e-3
    )
    assert not any(list(cls_normalisation(name, WIDTH).parameters()) for name in NORMALISATIONS)


@pytest.mark.parametrize("name", NORMALISATIONS)
def test_a_pair_head_learns_behind_each(name):
    head = toy.head(PAIR)
    head.out = nn.Sequential(cls_normalisation(name, head.width), head.out)
    config = TuningConfig(epochs=4, batch=16, learning_rate=5e-3, head_rate=5e-3)
    finetune(
        head, toy.examples(PAIR, count=208), toy.tokenizer("ours"), config,
        language="a", device="cpu", progress=False,
    )  # fmt: skip
    held_out = toy.examples(PAIR, count=60, seed=1)
    found = predict(head, held_out, toy.tokenizer("ours"), language="a")
    right = sum(item.label == label for item, label in zip(held_out.items, found, strict=True))
    assert right > 0.9 * len(found)
