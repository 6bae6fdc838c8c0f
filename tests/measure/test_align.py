"""Maps between spaces: planted rotations, library references and normalisation."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import orthogonal_procrustes
from scipy.stats import ortho_group
from sklearn.linear_model import Ridge

from isomorph.measure import retrieval as searched
from isomorph.measure import similarity
from isomorph.measure.retrieval import csls, nearest, retrieval
from isomorph.measure.similarity import (
    iterative_normalisation,
    normalise,
    normalising_means,
    part_way,
    procrustes,
    ridge,
)

from .clouds import gaussian

seeds = st.integers(0, 2**32 - 1)
quick = settings(max_examples=20, deadline=None)


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
    done = iterative_normalisation(vectors)
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
    assert torch.equal(normalise(vectors, means), iterative_normalisation(vectors))
    some = normalise(vectors[:7], means)
    assert torch.allclose(some, iterative_normalisation(vectors)[:7], atol=1e-12)


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
def test_a_gpu_gives_the_same():
    source, target = gaussian(60, 5, 1), gaussian(60, 5, 2)
    for learn in (procrustes, ridge):
        there = learn(source.cuda(), target.cuda())
        assert there.device.type == "cuda" and torch.allclose(there.cpu(), learn(source, target))


@quick
@given(seed=seeds, width=st.integers(1, 9), mirrors=st.booleans())
def test_a_rotation_part_of_the_way(seed, width, mirrors):
    drawn = torch.linalg.qr(gaussian(width, width, seed)).Q
    whole = drawn * (-1 if mirrors and width % 2 else 1)
    eye = torch.eye(width, dtype=torch.float64)
    assert torch.allclose(part_way(whole, 0), eye, atol=1e-8)
    assert torch.allclose(part_way(whole, 1), whole, atol=1e-8)
    half = part_way(whole, 0.5)
    if torch.linalg.det(whole) > 0:
        assert torch.allclose(half @ half, whole, atol=1e-7)
        assert torch.allclose(half @ half.T, eye, atol=1e-8)
    else:
        assert abs(float(torch.linalg.det(half))) < 1e-8, "a mirror goes through 0"
    with pytest.raises(ValueError, match="square and orthogonal"):
        part_way(2 * whole, 0.5)
