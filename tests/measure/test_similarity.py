"""CKA and RSA: the authors' own values, slow references, invariances, planted cases."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ortho_group, pearsonr

from isomorph.measure import similarity
from isomorph.measure.similarity import cka_interval, cka_null, cka_table, linear_cka, rsa

from .clouds import gaussian

seeds = st.integers(0, 2**32 - 1)
quick = settings(max_examples=20, deadline=None)


def related(n, seed, p=5, q=7):
    x = gaussian(n, p, seed)
    return x, x @ gaussian(p, q, seed + 1) + gaussian(n, q, seed + 2)


@pytest.fixture(scope="module")
def demo():
    """The vectors of the authors' demo notebook (Kornblith et al. 2019)."""
    generator = np.random.RandomState(1337)
    x = generator.randn(100, 10)
    return torch.tensor(x), torch.tensor(generator.randn(100, 10) + x)


def test_the_values_that_the_authors_print(demo):
    assert linear_cka(*demo, debiased=False) == pytest.approx(0.55761, abs=5e-6)
    assert linear_cka(*demo) == pytest.approx(0.51346, abs=5e-6)


def biased_hsic(k, l):
    """tr(K H L H) / (n - 1)^2 of two kernels (n, n)."""
    centred = k - k.mean(0) - k.mean(1, keepdim=True) + k.mean()
    return float((centred * l).sum()) / (len(k) - 1) ** 2


def unbiased_hsic(k, l):
    """Of two kernels (n, n), whose diagonals do not count (Song et al. 2007)."""
    n = len(k)
    k, l = (kernel - torch.diag(kernel.diagonal()) for kernel in (k, l))
    trace, sums, both = (k * l).sum(), k.sum() * l.sum(), k.sum(0) @ l.sum(1)
    total = trace + sums / ((n - 1) * (n - 2)) - 2 * both / (n - 2)
    return float(total) / (n * (n - 3))


def slow_cka(x, y, debiased=True):
    """By the Gram matrices, as the definition says."""
    k, l = x @ x.T, y @ y.T
    estimate = unbiased_hsic if debiased else biased_hsic
    below = estimate(k, k) * estimate(l, l)
    return estimate(k, l) / math.sqrt(below) if below > 0 else math.nan


def slowest_unbiased_hsic(k, l):
    """The U-statistic of HSIC over all quadruples of different examples (Song et al. 2007)."""
    n, total = len(k), 0.0
    for i, j, q, r in itertools.permutations(range(n), 4):
        total += k[i, j] * (l[i, j] + l[q, r] - 2 * l[i, q])
    return float(total) / math.perm(n, 4)


def test_the_unbiased_estimator_is_the_u_statistic():
    x, y = related(7, 3)
    k, l = x @ x.T, y @ y.T
    assert unbiased_hsic(k, l) == pytest.approx(slowest_unbiased_hsic(k, l), rel=1e-9)


@quick
@given(seed=seeds, n=st.integers(4, 30), debiased=st.booleans(), far=st.sampled_from([0.0, 1e4]))
def test_the_fast_cka_agrees_with_the_definition(seed, n, debiased, far):
    x, y = related(n, seed)
    fast = linear_cka(x + far, y - far, debiased=debiased)
    slow = slow_cka(x, y, debiased)
    assert fast == pytest.approx(slow, abs=1e-7, nan_ok=True)


MEASURES = {
    "linear": linear_cka,
    "linear, biased": lambda x, y: linear_cka(x, y, debiased=False),
}


@pytest.mark.parametrize("name", MEASURES)
@quick
@given(seed=seeds)
def test_rotation_shift_scale_and_order_change_nothing(name, seed):
    measure, (x, y) = MEASURES[name], related(40, seed)
    straight = measure(x, y)
    turn = torch.tensor(ortho_group.rvs(5, random_state=seed))
    order = torch.randperm(40, generator=torch.Generator().manual_seed(seed))
    moved = measure((3.0 * x @ turn + 2.0)[order], (0.1 * y - 1.0)[order])
    assert moved == pytest.approx(straight, abs=1e-8)
    assert measure(y, x) == pytest.approx(straight, abs=1e-8)
    assert measure(x, x @ turn) == pytest.approx(1.0, abs=1e-8)


def test_rsa_bears_rotation_and_scale_but_not_shift():
    x, y = related(40, 2)
    turn = torch.tensor(ortho_group.rvs(5, random_state=0))
    assert rsa(4.0 * x @ turn, 0.5 * y) == pytest.approx(rsa(x, y), abs=1e-10)
    assert abs(rsa(x + 5.0, y) - rsa(x, y)) > 0.01


def test_rsa_agrees_with_a_slow_reference_and_in_any_block(monkeypatch):
    x, y = related(23, 4)
    cosines = []
    for side in (x, y):
        unit = side / side.norm(dim=1, keepdim=True)
        pairs = itertools.combinations(range(23), 2)
        cosines.append([float(unit[i] @ unit[j]) for i, j in pairs])
    slow = pearsonr(*cosines).statistic
    assert rsa(x, y) == pytest.approx(slow, abs=1e-10)
    monkeypatch.setattr(similarity, "PAIRS_AT_ONCE", 23 * 4)
    assert rsa(x, y) == pytest.approx(slow, abs=1e-10)


def test_unrelated_vectors_look_alike_to_the_biased_estimator_only():
    x, y = gaussian(64, 256, 0), gaussian(64, 256, 1)
    assert linear_cka(x, y, debiased=False) > 0.7
    assert abs(linear_cka(x, y)) < 0.05


def test_the_debiased_value_does_not_drift_with_the_number_of_examples():
    x, y = related(4000, 5, p=40, q=40)
    of_few = [linear_cka(x[i : i + 50], y[i : i + 50]) for i in range(0, 4000, 50)]
    plain = [linear_cka(x[i : i + 50], y[i : i + 50], debiased=False) for i in range(0, 4000, 50)]
    whole = linear_cka(x, y)
    assert np.mean(of_few) == pytest.approx(whole, abs=0.03)
    assert np.mean(plain) > whole + 0.1


def test_the_table_of_layers():
    layers_x, layers_y = (
        [gaussian(30, 4, s) for s in (0, 1)],
        [gaussian(30, 6, s) for s in (2, 3, 4)],
    )
    table = cka_table(layers_x, layers_y)
    assert table.shape == (2, 3)
    assert float(table[1, 2]) == linear_cka(layers_x[1], layers_y[2])


def test_the_interval_holds_the_truth_about_as_often_as_it_says(monkeypatch):
    """The population value of x and x + noise, both of 5 independent dimensions, is 1/2 in HSIC's
    terms: CKA = |C|^2 / (|I| |2 I|) = 5 / (sqrt(5) * 2 sqrt(5)) = 0.5."""
    monkeypatch.setattr(similarity, "GROUPS", 20)
    held = 0
    for seed in range(40):
        x = gaussian(200, 5, 2 * seed)
        interval = cka_interval(x, x + gaussian(200, 5, 2 * seed + 1))
        held += interval.low <= 0.5 <= interval.high
    assert held >= 34


def test_the_interval_is_that_of_leaving_groups_out(monkeypatch):
    monkeypatch.setattr(similarity, "GROUPS", 30)
    x, y = related(30, 6)
    interval = cka_interval(x, y)
    left = [linear_cka(*(torch.cat([s[:i], s[i + 1 :]]) for s in (x, y))) for i in range(30)]
    error = math.sqrt(29 / 30 * sum((v - np.mean(left)) ** 2 for v in left))
    assert interval.value == linear_cka(x, y)
    assert interval.high - interval.value == pytest.approx(2.045 * error, rel=1e-3)


def test_the_null_is_about_zero_and_below_what_is_related():
    x, y = related(80, 7)
    null = cka_null(x, y, seed=0, permutations=100)
    assert null.shape == (100,) and abs(float(null.mean())) < 0.03
    assert float(null.max()) < linear_cka(x, y)
    assert torch.equal(null, cka_null(x, y, seed=0, permutations=100))


@pytest.mark.parametrize("measure", [*MEASURES.values(), rsa])
def test_what_cannot_be_compared_is_refused_in_one_sentence(measure):
    x = gaussian(10, 3, 0)
    with pytest.raises(ValueError, match="x has 10 rows and y 9"):
        measure(x, x[:9])
    with pytest.raises(ValueError, match="y has values that are not finite"):
        measure(x, x.clone().fill_(math.nan))
    with pytest.raises(ValueError, match=r"x is \(10,\)"):
        measure(x[:, 0], x)


def test_values_outside_what_is_allowed():
    x = gaussian(10, 3, 0)
    for call, said in (
        (lambda: linear_cka(x[:3], x[:3]), "at least 4"),
        (lambda: rsa(x[:2], x[:2]), "at least 3"),
        (lambda: cka_interval(x, x), "needs at least 50"),
        (lambda: cka_null(x, x, seed=0, permutations=0), "at least 1"),
    ):
        with pytest.raises(ValueError, match=said):
            call()


def test_a_side_that_does_not_vary_has_no_similarity():
    x, flat = gaussian(10, 3, 0), torch.full((10, 3), 0.1, dtype=torch.float64)
    assert math.isnan(linear_cka(x, flat)) and math.isnan(linear_cka(x, flat, debiased=False))
    assert math.isnan(rsa(x, flat))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_a_gpu_gives_the_same():
    x, y = related(100, 11)
    for measure in (*MEASURES.values(), rsa):
        assert measure(x.cuda(), y.cuda()) == pytest.approx(measure(x, y), abs=1e-9)
