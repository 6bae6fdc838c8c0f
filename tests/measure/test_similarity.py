"""CKA and RSA: the authors' own values, slow references, invariances, planted cases.

Maps between spaces: planted rotations, library references and normalisation.
"""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import orthogonal_procrustes
from scipy.stats import ortho_group, pearsonr
from sklearn.linear_model import Ridge

from isomorph.measure import retrieval as searched
from isomorph.measure import similarity
from isomorph.measure.retrieval import nearest, retrieval
from isomorph.measure.similarity import (
    linear_cka,
    normalise,
    normalising_means,
    procrustes,
    ridge,
    rsa,
)

from .clouds import csls, gaussian

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


def nearly_least_squares(source, target):
    return ridge_of(1e-9, source, target)


def ridge_of(penalty, source, target):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(similarity, "PENALTY", penalty)
        return ridge(source, target)


def rotation(width, seed):
    return torch.tensor(ortho_group.rvs(width, random_state=seed))


@quick
@given(seed=seeds, n=st.integers(1, 40), scale=st.floats(1e-3, 1e3))
def test_procrustes_is_scipys_and_orthogonal(seed, n, scale):
    source, target = scale * gaussian(n, 6, seed), gaussian(n, 6, seed + 1)
    found = procrustes(source, target)
    assert torch.allclose(found @ found.T, torch.eye(6).double(), atol=1e-10)
    if n >= 6:  # with fewer the best rotation is not unique
        theirs, _ = orthogonal_procrustes(source.numpy(), target.numpy())
        assert np.allclose(found.numpy(), theirs, atol=1e-6)
    best = float((source @ found - target).norm())
    for other in range(3):
        assert best <= float((source @ rotation(6, other) - target).norm()) + 1e-9


@quick
@given(seed=seeds, noise=st.floats(0, 0.05))
def test_every_map_finds_a_planted_rotation(seed, noise):
    source, planted = gaussian(200, 8, seed), rotation(8, seed)
    target = source @ planted + noise * gaussian(200, 8, seed + 1)
    for learn in (procrustes, nearly_least_squares):
        assert torch.allclose(learn(source, target), planted, atol=0.03 + 1e-6)
    unseen = gaussian(50, 8, seed + 2)
    found = retrieval(unseen @ procrustes(source, target), unseen @ planted)
    assert found["p1"] == 1.0


def test_a_rotation_cannot_bend_and_a_linear_map_can():
    source = gaussian(300, 6, 0)
    bent = source @ torch.diag(torch.tensor([5.0, 4, 3, 2, 1, 0.2], dtype=torch.float64))
    assert torch.allclose(source @ nearly_least_squares(source, bent), bent, atol=1e-6)
    assert float((source @ procrustes(source, bent) - bent).norm()) > 1.0


def test_maps_between_widths_keep_lengths_upwards():
    narrow, wide = gaussian(100, 4, 1), gaussian(100, 7, 2)
    up, down = procrustes(narrow, wide), procrustes(wide, narrow)
    assert up.shape == (4, 7) and torch.allclose(up @ up.T, torch.eye(4).double(), atol=1e-10)
    assert down.shape == (7, 4) and torch.allclose(down.T @ down, torch.eye(4).double(), atol=1e-10)
    assert torch.allclose(up, down.T, atol=1e-10)


@quick
@given(seed=seeds, penalty=st.floats(1e-3, 10))
def test_ridge_is_scikit_learns(seed, penalty):
    source, target = gaussian(30, 5, seed), gaussian(30, 3, seed + 1)
    alpha = penalty * float((source * source).sum()) / 5
    theirs = Ridge(alpha=alpha, fit_intercept=False).fit(source.numpy(), target.numpy()).coef_.T
    assert np.allclose(ridge_of(penalty, source, target).numpy(), theirs, atol=1e-8)
    again = ridge_of(penalty, 100 * source, target)
    assert torch.allclose(100 * again, ridge_of(penalty, source, target), atol=1e-8)


def test_normalised_rows_have_length_one_and_mean_nought():
    vectors = gaussian(500, 20, 5) * torch.linspace(0.1, 3, 20).double() + 1.0
    done = normalise(vectors, normalising_means(vectors))
    assert float(done.mean(0).norm()) < 1e-12
    assert float((done.norm(dim=1) - 1).abs().max()) < 1e-3
    slow = vectors
    for _ in range(10):
        slow = torch.stack([row / row.norm() for row in slow])
        slow = slow - slow.mean(0)
    assert torch.allclose(done, slow, atol=1e-12)


def test_others_are_normalised_as_those_the_means_were_learnt_on():
    vectors = gaussian(100, 6, 6) + 2.0
    means = normalising_means(vectors)
    some = normalise(vectors[:7], means)
    assert torch.allclose(some, normalise(vectors, means)[:7], atol=1e-12)


def test_normalisation_lets_a_rotation_fit_shifted_and_scaled_spaces():
    source, planted = gaussian(400, 10, 7), rotation(10, 7)
    lengths = 1 + 4 * torch.rand(400, 1, generator=torch.Generator().manual_seed(8)).double()
    target = lengths * (source @ planted) + 0.3
    sides = source[:200], target[:200]
    plain = procrustes(*sides)
    without = retrieval(source[200:] @ plain, target[200:])["p1"]
    means = [normalising_means(side) for side in sides]
    learnt = procrustes(*(normalise(s, m) for s, m in zip(sides, means, strict=True)))
    mapped = normalise(source[200:], means[0]) @ learnt
    after = retrieval(mapped, normalise(target[200:], means[1]))["p1"]
    assert after == 1.0 and after >= without


@quick
@given(seed=seeds, scoring=st.sampled_from(("cosine", "csls")), block=st.integers(1, 40))
def test_the_nearest_are_those_of_the_whole_table(seed, scoring, block):
    queries, candidates = gaussian(17, 4, seed), gaussian(23, 4, seed + 1)
    unit = [side / side.norm(dim=1, keepdim=True) for side in (queries, candidates)]
    table = csls(queries, candidates) if scoring == "csls" else unit[0] @ unit[1].T
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(searched, "SCORES_AT_ONCE", 23 * block)
        scores, columns = nearest(queries, candidates, k=3, scoring=scoring)
    wanted = table.topk(3, dim=1)
    assert torch.allclose(scores, wanted.values, atol=1e-12)
    assert torch.equal(columns, wanted.indices)
    single = nearest(queries, candidates, k=3, scoring=scoring, dtype=torch.float32)
    assert single[0].dtype == torch.float32
    assert torch.allclose(single[0].double(), scores, atol=1e-5)


def test_what_cannot_be_mapped_is_refused_in_one_sentence():
    x = gaussian(10, 3, 0)
    for call, said in (
        (lambda: procrustes(x, x[:9]), "source has 10 rows and target 9"),
        (lambda: ridge(x, x[0]), r"target is \(3,\)"),
        (lambda: procrustes(x * float("nan"), x), "source has values that are not finite"),
        (lambda: nearest(x, x, k=11), "allowed is 1 to as many"),
        (lambda: nearest(x, x, scoring="dot"), "allowed are cosine, csls"),
    ):
        with pytest.raises(ValueError, match=said):
            call()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_maps_learnt_on_a_gpu_are_the_same():
    source, target = gaussian(60, 5, 1), gaussian(60, 5, 2)
    for learn in (procrustes, ridge):
        there = learn(source.cuda(), target.cuda())
        assert there.device.type == "cuda" and torch.allclose(there.cpu(), learn(source, target))
