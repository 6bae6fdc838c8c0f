"""Isotropy: known values, slow references, what each measure sees and does not see.

Geometry of words and states: planted shapes are told, parts are fair, and bad input is named.
"""

import itertools
import math
from itertools import pairwise
from unittest import mock

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ortho_group

from isomorph.measure import isotropy
from isomorph.measure.degeneration import hull, of_states
from isomorph.measure.isotropy import (
    average_cosine,
    intrinsic_dimension,
    isoscore,
    nearest_distances,
    of_group,
    of_words,
    partition_ratio,
    sampled_cosines,
    singular_values,
    variance_evenness,
)

from .clouds import gaussian

seeds = st.integers(0, 2**32 - 1)
quick = settings(max_examples=20, deadline=None)


@quick
@given(seed=seeds, n=st.integers(2, 20))
def test_the_average_cosine_is_that_of_all_pairs(seed, n):
    vectors = gaussian(n, 4, seed) + 0.5
    unit = vectors / vectors.norm(dim=1, keepdim=True)
    pairs = [float(unit[i] @ unit[j]) for i, j in itertools.combinations(range(n), 2)]
    assert average_cosine(vectors) == pytest.approx(sum(pairs) / len(pairs), abs=1e-12)
    assert average_cosine(torch.cat([vectors, torch.zeros(3, 4)])) == pytest.approx(
        average_cosine(vectors), abs=1e-12
    )


def test_the_average_cosine_needs_two_directions():
    assert math.isnan(average_cosine(torch.tensor([[1.0, 0], [0, 0]])))
    assert average_cosine(torch.tensor([[2.0, 0], [5, 0]])) == pytest.approx(1)


def spread(variances):
    """A cloud with exactly these variances: two points on each axis."""
    axes = torch.diag(torch.tensor(variances).double().sqrt())
    return torch.cat([axes, -axes])


@pytest.mark.parametrize("k", [1, 2, 5, 9, 10])
def test_isoscore_of_some_equal_directions_of_ten(k):
    assert isoscore(spread([2.0] * k + [0.0] * (10 - k))) == pytest.approx((k - 1) / 9, abs=1e-12)


@quick
@given(seed=seeds)
def test_isoscore_sees_neither_mean_nor_rotation_and_the_cosine_sees_the_mean(seed):
    vectors = gaussian(50, 5, seed) * torch.tensor([3.0, 2, 1, 1, 0.5]).double()
    turn = torch.tensor(ortho_group.rvs(5, random_state=seed))
    moved = 4 * vectors @ turn + 100.0
    assert isoscore(moved) == pytest.approx(isoscore(vectors), abs=1e-9)
    assert average_cosine(moved) > 0.9
    assert average_cosine(4 * vectors @ turn) == pytest.approx(average_cosine(vectors), abs=1e-12)


def test_the_partition_ratio_by_its_definition():
    vectors = gaussian(30, 4, 0) + 0.3
    _, directions = torch.linalg.eigh(vectors.T @ vectors)
    sums = [
        sum(math.exp(sign * float(directions[:, i] @ w)) for w in vectors)
        for i in range(4)
        for sign in (1, -1)
    ]
    assert partition_ratio(vectors) == pytest.approx(min(sums) / max(sums), rel=1e-9)
    turn = torch.tensor(ortho_group.rvs(4, random_state=1))
    assert partition_ratio(vectors @ turn) == pytest.approx(partition_ratio(vectors), rel=1e-6)
    assert partition_ratio(spread([1.0] * 6)) == pytest.approx(1)
    assert partition_ratio(vectors + 500.0) < 1e-100, "and it does not overflow"


def test_what_is_not_a_cloud_is_refused():
    for call, said in (
        (lambda: average_cosine(torch.ones(3)), r"vectors is \(3,\)"),
        (lambda: isoscore(torch.ones(1, 3)), "both 2 up"),
        (lambda: isoscore(torch.full((3, 3), math.nan)), "not finite"),
        (lambda: partition_ratio(torch.full((3, 3), math.inf)), "finite"),
    ):
        with pytest.raises(ValueError, match=said):
            call()
    assert math.isnan(isoscore(torch.ones(5, 3)))


def test_sampled_cosines_agree_with_the_exact_average():
    vectors = gaussian(300, 5, 0) + 0.7
    vectors = torch.cat([vectors, torch.zeros(4, 5)])
    found = sampled_cosines(vectors, pairs=40_000)
    assert found.shape == (40_000,) and found.abs().max() <= 1 + 1e-12
    assert float(found.mean()) == pytest.approx(average_cosine(vectors), abs=0.01)
    assert torch.equal(found, sampled_cosines(vectors, pairs=40_000))
    opposite = torch.tensor([[1.0, 0], [-1, 0]])
    assert (sampled_cosines(opposite, pairs=50) == -1).all(), "no vector is paired with itself"
    with pytest.raises(ValueError, match="has 1 that are not zero"):
        sampled_cosines(torch.tensor([[1.0, 0], [0, 0]]))
    with pytest.raises(ValueError, match="pairs is 0"):
        sampled_cosines(vectors, pairs=0)


def test_singular_values_are_those_of_the_matrix():
    vectors = gaussian(30, 6, 1) * torch.arange(1, 7) + 2
    expected = torch.linalg.svdvals(vectors)
    assert torch.allclose(singular_values(vectors), expected / expected[0])
    assert singular_values(vectors[:3]).shape == (3,)


def test_variance_evenness_by_hand():
    vectors = spread([4.0, 1, 1, 1, 1, 1, 1, 0, 0, 0])
    assert variance_evenness(vectors) == pytest.approx(0.1 / 0.4)
    wider = spread([4.0, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0])
    assert variance_evenness(wider) == pytest.approx(2 / 11 / 0.5), "whole components"
    assert variance_evenness(spread([1.0] * 5)) == pytest.approx(1)
    assert variance_evenness(spread([1.0] + 9 * [0.0])) == pytest.approx(0.1)
    assert math.isnan(variance_evenness(torch.ones(5, 3)))


def test_the_intrinsic_dimension_is_that_of_the_flat_in_which_the_cloud_lies():
    generator = torch.Generator().manual_seed(0)
    for dimension in (2, 5):
        flat = torch.rand(2000, dimension, generator=generator, dtype=torch.float64)
        turned = flat @ torch.from_numpy(ortho_group.rvs(10, random_state=0)[:dimension])
        found = intrinsic_dimension(turned)
        assert 0.85 * dimension < found < 1.05 * dimension, "the edge tells too few"
        assert intrinsic_dimension(5 * turned + 1) == pytest.approx(found)
        with mock.patch.object(isotropy, "DRAWN", 300):
            assert intrinsic_dimension(turned) == pytest.approx(found, rel=0.1)
    few = turned[:50]
    table = torch.cdist(few, few).sort(dim=1).values[:, 1:5]
    by_hand = 1 / (table[:, 3:].log() - table[:, :3].log()).mean()
    with mock.patch.object(isotropy, "NEIGHBOURS", 4):
        assert intrinsic_dimension(few) == pytest.approx(float(by_hand))
    assert math.isnan(intrinsic_dimension(torch.ones(40, 3)))
    with pytest.raises(ValueError, match="neighbours is 20; with 20 vectors"):
        intrinsic_dimension(gaussian(20, 3, 0))


def ranked(n=1000, width=8):
    """Vectors whose length grows with the rank, and which crowd on one side the more."""
    ranks = torch.arange(n, dtype=torch.float64)[:, None] / n
    return (gaussian(n, width, 0) + 4 * ranks) * (1 + ranks)


def test_a_trend_with_frequency_is_seen():
    found = of_words(ranked())
    assert found["rank_norm_spearman"] > 0.9 and found["rank_cosine_spearman"] > 0.6
    assert found["norm_0"] < found["norm_1"] < found["norm_2"] and "norm_3" not in found
    backwards = of_words(ranked().flip(0))
    assert backwards["rank_norm_spearman"] == pytest.approx(-found["rank_norm_spearman"])
    assert backwards["average_cosine"] == pytest.approx(found["average_cosine"])


def test_a_ball_has_no_cone_and_moved_away_it_has():
    ball = gaussian(800, 16, 1)
    here, away = of_words(ball), of_words(ball + 3)
    assert abs(here["average_cosine"]) < 0.01 and 0.45 < here["positive_cosine_share"] < 0.55
    assert away["positive_cosine_share"] == 1 and away["negative_cosine_share"] == 0
    assert away["mean_vector_share"] > 0.9 and here["mean_vector_share"] < 0.1
    assert away["isoscore"] == pytest.approx(here["isoscore"]) and here["isoscore"] > 0.9


def test_bins_are_those_of_the_table():
    vectors = ranked(700)
    found = of_words(vectors)
    distances = torch.cdist(vectors, vectors).fill_diagonal_(torch.inf).sort(1).values[:, :3]
    cosines = torch.cosine_similarity(vectors[:, None], vectors[None], dim=-1).fill_diagonal_(0)
    for place, (start, end) in enumerate(pairwise([0, 100, 500, 700])):
        assert found[f"norm_{place}"] == pytest.approx(float(vectors[start:end].norm(dim=1).mean()))
        assert found[f"cosine_{place}"] == pytest.approx(
            float(cosines[start:end].sum(1).mean() / 699)
        )
        assert found[f"distance_{place}"] == pytest.approx(float(distances[start:end].mean()))
    assert "norm_3" not in found


def test_parts_are_samples_and_neighbours_are_among_all():
    vectors = ranked(1000)
    parts = [of_words(vectors, part=(k, 5)) for k in range(5)]
    whole = of_words(vectors)
    mean = sum(part["norm"] for part in parts) / 5
    assert mean == pytest.approx(whole["norm"])
    assert len({part["norm"] for part in parts}) == 5
    # Among a fifth of the words the nearest would be further away.
    near = sum(part["distance_2"] for part in parts) / 5
    alone = sum(of_words(vectors[k::5])["distance_1"] for k in range(5)) / 5
    assert near == pytest.approx(whole["distance_2"], rel=0.01) and alone > 1.1 * near


def test_distances_of_named_rows():
    vectors = gaussian(30, 4, 2)
    table = torch.cdist(vectors, vectors).fill_diagonal_(torch.inf).sort(1).values
    rows = torch.tensor([0, 7, 29])
    torch.testing.assert_close(nearest_distances(vectors, rows, 2), table[rows, :2])


def test_a_group_against_all_its_pairs():
    vectors = gaussian(40, 5, 3) + 1
    found = of_group(vectors)
    pairs = [(vectors[i] - vectors[j]).norm() for i in range(40) for j in range(i)]
    assert found["pair_distance"] == pytest.approx(float(sum(pairs) / len(pairs)))
    scaled = of_group(3 * vectors)
    assert scaled["pair_distance"] == pytest.approx(3 * found["pair_distance"])
    assert scaled["pair_distance_scaled"] == pytest.approx(found["pair_distance_scaled"])


def test_states_of_a_layer_normalisation():
    gain, offset = gaussian(1, 6, 4)[0].abs() + 0.5, gaussian(1, 6, 5)[0]
    raw = gaussian(500, 6, 6)
    states = torch.nn.functional.layer_norm(raw, (6,), gain, offset)
    absent = -(1 / gain)[None] * torch.sign((offset / gain).sum())
    found = of_states(states, absent, gain=gain, offset=offset)
    assert found["negative_product_share"] == 1 and found["origin_outside"] == 1
    assert found["absent_negative_share"] == 1
    assert found["absent_direction_cosine"] == pytest.approx(1)
    assert found["offset_size"] == pytest.approx(abs(float((offset / gain).sum())))
    widest = hull(states, widest=True).margin(states) / float(states.norm(dim=1).mean())
    assert found["hull_margin"] == pytest.approx(widest)


def test_states_all_round_the_origin():
    found = of_states(gaussian(500, 4, 7), torch.ones(1, 4))
    assert found["origin_outside"] == 0 and found["hull_margin"] == 0
    assert "offset_size" not in found and 0.3 < found["absent_negative_share"] < 0.7


def test_bad_requests_are_one_sentence():
    with pytest.raises(ValueError, match="needs? 25|hold 25"):
        of_words(gaussian(20, 4, 0))
    with pytest.raises(ValueError, match=r"part is \(5, 5\)"):
        of_words(gaussian(200, 4, 0), part=(5, 5))
    with pytest.raises(ValueError, match="a pair needs two"):
        of_group(torch.ones(1, 3))
    with pytest.raises(ValueError, match="neighbours is 9"):
        nearest_distances(gaussian(9, 3, 0), torch.tensor([0]), 9)
    assert math.isnan(of_words(torch.ones(30, 4) + 0 * gaussian(30, 4, 0))["rank_norm_spearman"])
