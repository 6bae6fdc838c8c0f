"""Hulls with certificates either way, and the vector that runs away.

Theorems 1 and 2 of Gao et al. (2019) on more than a thousand random clouds, on both sides.
"""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from isomorph.measure import degeneration
from isomorph.measure.degeneration import absent_word, hull, layer_norm_direction, rare_word_bound

from .clouds import gaussian

seeds = st.integers(0, 2**32 - 1)
many = settings(max_examples=150, deadline=None)
quick = settings(max_examples=20, deadline=None)


def cloud(n, width, seed, shift=0.0):
    points = gaussian(n, width, seed)
    points[:, 0] += shift
    return points


def by_linear_programme(units):
    """The slow reference: a direction with a negative product with all unit states, or None."""
    n, width = units.shape
    solved = optimize.linprog(
        np.append(np.zeros(width), -1.0), A_ub=np.hstack([units, np.ones((n, 1))]),
        b_ub=np.zeros(n), bounds=[(-1, 1)] * width + [(None, None)],
    )  # fmt: skip
    return torch.from_numpy(solved.x[:-1]) if solved.x[-1] > 1e-9 else None


@many
@given(
    seed=seeds, n=st.integers(1, 30), width=st.integers(1, 6), shift=st.sampled_from((0.0, 1.0, 3.0))
)  # fmt: skip
def test_it_decides_as_a_linear_programme_does_and_shows_it(seed, n, width, shift):
    points = cloud(n, width, seed, shift)
    one, units = hull(points), points / points.norm(dim=1, keepdim=True)
    assert one.contains_origin == (by_linear_programme(units) is None)
    if one.contains_origin:
        assert (one.weights > 0).all() and float(one.weights.sum()) == pytest.approx(1)
        assert (one.weights @ points[one.rows]).norm() < 1e-8
    else:
        assert (points @ one.direction < 0).all()
        assert float(one.direction.norm()) == pytest.approx(1)


@quick
@given(seed=seeds, width=st.integers(2, 5))
def test_mixtures_of_uniformly_negative_directions_are_such_directions(seed, width):
    """Theorem 1 (A)."""
    points = cloud(20, width, seed, shift=6.0)
    one, other = hull(points).direction, by_linear_programme(points)
    for share in (0.1, 0.5, 0.9):
        assert (points @ (share * one + (1 - share) * other) < 0).all()


def test_the_widest_direction_is_opposite_to_the_nearest_point_of_the_hull():
    points = cloud(40, 3, 1, shift=4.0)
    found = hull(points, widest=True)
    # The nearest point by a general solver: weights on the simplex.
    solved = optimize.minimize(
        lambda a: float(np.square(a @ points.numpy()).sum()),
        np.full(40, 1 / 40),
        jac=lambda a: 2 * points.numpy() @ (a @ points.numpy()),
        bounds=[(0, 1)] * 40,
        constraints={"type": "eq", "fun": lambda a: a.sum() - 1},
        options={"maxiter": 1000, "ftol": 1e-15},
    )
    nearest = torch.from_numpy(solved.x @ points.numpy())
    assert torch.allclose(found.direction, -nearest / nearest.norm(), atol=1e-4)
    assert found.margin(points) == pytest.approx(float(nearest.norm()), rel=1e-4)
    assert found.margin(points) >= hull(points).margin(points) - 1e-9


@pytest.mark.parametrize("shift", [0.0, 12.0])
def test_a_large_cloud_needs_a_few_looks(shift):
    points = cloud(20_000, 32, 0, shift).float()
    found = hull(points)
    assert found.contains_origin == (shift == 0)
    assert found.rounds < 8
    margin = found.margin(points)
    assert margin < 1e-6 if found.contains_origin else margin > 0


@pytest.mark.parametrize("width", [16, 64])
def test_clouds_that_are_thin_one_way(width):
    """Hard where states are forgotten, or where lengths that matter are lost beside the longest."""
    points = cloud(8000, width, 1)
    uneven = points * torch.logspace(0, -4, width)
    found = hull(uneven)
    assert found.contains_origin and found.rounds < 8
    assert found.margin(uneven) < 1e-9
    slab = points.clone()
    slab[:, 0] = 1e-4 * (1 + slab[:, 0].abs())
    found = hull(slab)
    assert not found.contains_origin and found.rounds < 20
    assert (slab @ found.direction < 0).all()
    widest = hull(slab, widest=True)
    assert widest.margin(slab) == pytest.approx(1e-4, rel=0.05)
    assert widest.direction[0] < -0.999


@pytest.mark.parametrize("seed", range(8))
def test_a_plane_through_the_origin_but_for_rounding(seed):
    """What a layer normalisation without an offset gives, in float32 and in bfloat16."""
    gain = 0.5 + gaussian(1, 16, seed)[0].abs().float()
    points = torch.nn.functional.layer_norm(gaussian(2000, 16, seed + 8).float(), (16,), gain)
    for states in (points, points.bfloat16()):
        found = hull(states)
        assert found.contains_origin
        assert found.margin(states) < 1e-8


@pytest.mark.parametrize("span", [0, 3, 5, 6, 150])
def test_how_long_states_are_changes_no_side(span):
    rng = np.random.default_rng(span)
    for _ in range(60):
        states = rng.standard_normal((rng.integers(1, 20), rng.integers(1, 7)))
        states /= np.linalg.norm(states, axis=1, keepdims=True)
        inside = by_linear_programme(states) is None
        states = torch.from_numpy(states)
        uneven = states * 10.0 ** torch.from_numpy(rng.uniform(-span, span, (len(states), 1)))
        found = hull(uneven)
        assert found.contains_origin == inside
        if inside:
            mixed = found.weights[:, None] * uneven[found.rows]
            assert float(mixed.sum(0).norm()) <= 1e-8 * float(mixed.norm(dim=1).max())
        else:
            assert (uneven @ found.direction < 0).all()
        if not inside and span <= 6:
            widest = hull(uneven, widest=True)
            assert float((uneven @ widest.direction).max()) < 0
            assert widest.margin(uneven) >= hull(uneven).margin(uneven) * (1 - 1e-8)


def test_a_state_that_is_zero_is_the_origin():
    states = gaussian(9, 4, 0) + 9
    states[5] = 0
    found = hull(states)
    assert found.contains_origin and found.margin(states) == 0
    assert (found.rows.tolist(), found.weights.tolist()) == ([5], [1.0])
    states[5] = 1e-310  # as short as can be is not zero
    assert not hull(states).contains_origin


def test_states_are_read_some_rows_at_a_time(monkeypatch):
    clouds = [cloud(700, 8, 4, shift) for shift in (0.0, 8.0)]
    whole = [hull(points, widest=True) for points in clouds]
    monkeypatch.setattr(degeneration, "ROWS_AT_ONCE", 64)
    for points, before in zip(clouds, whole, strict=True):
        found = hull(points, widest=True)
        assert found.contains_origin == before.contains_origin
        if not found.contains_origin:
            assert torch.allclose(found.direction, before.direction)
    with pytest.raises(ValueError, match="and finite"):
        hull(torch.cat([clouds[0], torch.full((1, 8), math.inf)]))


def test_planted_hulls():
    corners = torch.tensor([[1.0, 0], [-1, 1], [-1, -1]])
    inside = hull(corners)
    assert inside.contains_origin
    assert dict(zip(inside.rows.tolist(), inside.weights.tolist(), strict=True)) == pytest.approx(
        {0: 0.5, 1: 0.25, 2: 0.25}
    )
    outside = hull(corners + torch.tensor([2.0, 0]), widest=True)
    assert outside.direction.tolist() == pytest.approx([-1, 0], abs=1e-9)
    assert outside.margin(corners + torch.tensor([2.0, 0])) == pytest.approx(1)
    assert hull(torch.zeros(2, 3)).contains_origin
    assert hull(torch.tensor([[1.0, 1], [0, 0], [2, 1]])).contains_origin


def test_what_is_refused():
    with pytest.raises(ValueError, match=r"hidden is \(3,\)"):
        hull(torch.ones(3))
    with pytest.raises(ValueError, match="and finite"):
        hull(torch.full((2, 2), math.nan))


@quick
@given(seed=seeds)
def test_a_layer_norm_gives_the_direction_away(seed):
    torch.manual_seed(seed)
    norm = torch.nn.LayerNorm(16).double()
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    direction, level = layer_norm_direction(norm.weight, norm.bias)
    outputs = norm(3 * torch.randn(50, 16, dtype=torch.float64) + 1)
    products = (outputs @ direction).detach()
    # LayerNorm divides by slightly more than the standard deviation; the sum stays zero.
    assert products.tolist() == pytest.approx([level] * 50, abs=1e-9)
    assert level < 0
    assert not hull(outputs).contains_origin


def test_a_layer_norm_without_offset_gives_nothing_away():
    assert layer_norm_direction(torch.ones(4), torch.zeros(4))[1] == 0
    with pytest.raises(ValueError, match="gain has a 0"):
        layer_norm_direction(torch.tensor([1.0, 0]), torch.ones(2))
    with pytest.raises(ValueError, match=r"both are \(width,\)"):
        layer_norm_direction(torch.ones(3), torch.ones(2))


def test_an_absent_word_runs_off_along_the_widest_direction():
    """Theorem 1 (B): the loss falls to its infimum, the length grows without end."""
    points = cloud(60, 4, 3, shift=5.0)
    rest = torch.linspace(0, 2, 60, dtype=torch.float64)
    path = absent_word(points, rest, steps=3000, rate=0.05)
    lengths = path.vectors.norm(dim=1)
    assert (lengths[1:] > lengths[:-1]).all() and lengths[-1] > 20
    assert (path.loss[1:] <= path.loss[:-1] + 1e-12).all()
    assert float(path.loss[-1]) == pytest.approx(float(rest.mean()), abs=1e-6)
    assert (points @ path.vectors[-1] < 0).all()
    widest = hull(points, widest=True).direction
    assert float(path.vectors[-1] @ widest / lengths[-1]) > 0.98


def test_an_absent_word_stays_where_the_origin_is_inside():
    inside = cloud(200, 3, 5)
    assert hull(inside).contains_origin
    path = absent_word(inside, torch.zeros(200, dtype=torch.float64), steps=2000, rate=0.002)

    def loss(vector):
        excess = inside @ torch.from_numpy(vector)
        return float(torch.nn.functional.softplus(excess).mean())

    minimiser = torch.from_numpy(optimize.minimize(loss, np.zeros(3)).x)
    assert torch.allclose(path.vectors[-1], minimiser, atol=0.01)


def test_absent_words_refuse_what_does_not_fit():
    with pytest.raises(ValueError, match="log_rest"):
        absent_word(torch.ones(3, 2), torch.ones(2))
    with pytest.raises(ValueError, match="rate"):
        absent_word(torch.ones(3, 2), torch.ones(3), rate=0)


@quick
@given(seed=seeds, share=st.floats(0.001, 0.3))
def test_two_minimisers_are_within_the_bound(seed, share):
    """Theorem 3 on quadratics over an interval, where all constants are known."""
    rng = np.random.default_rng(seed)
    alpha, beta, centre = rng.uniform(1, 3), rng.uniform(0, 1), rng.uniform(-1, 1)
    largest = 3.0
    grid = np.linspace(-3, 3, 200_001)
    f = alpha / 2 * grid**2
    g = -beta / 2 * (grid - centre) ** 2 + rng.uniform(-1, 1) * grid
    g *= min(1, largest / np.abs(g).max())  # a smaller multiple is curved less, so beta still holds
    apart = grid[f.argmin()] - grid[((1 - share) * f + share * g).argmin()]
    assert apart**2 <= rare_word_bound(alpha, beta, largest, share) + 1e-4


def test_the_bound_is_the_papers_and_knows_its_range():
    assert rare_word_bound(2.0, 1.0, 5.0, 0.1) == pytest.approx(4 * 0.1 * 5 / (2 - 0.3))
    assert rare_word_bound(2.0, 1.0, 5.0, 0.0) == 0
    with pytest.raises(ValueError, match="share is 0.7"):
        rare_word_bound(2.0, 1.0, 5.0, 0.7)
    with pytest.raises(ValueError, match="alpha, beta and largest"):
        rare_word_bound(0.0, 1.0, 5.0, 0.1)


CLOUDS = 1200


def clouds(seed, count=CLOUDS):
    """(points, whether the origin is inside), in 1 to 6 dimensions, known by how they are made."""
    rng = np.random.default_rng(seed)
    for case in range(count):
        width = int(rng.integers(1, 7))
        points = rng.standard_normal((int(rng.integers(width + 2, 40)), width))
        points *= 10.0 ** rng.uniform(-3, 3)  # of any size
        if case % 2:
            weights = rng.dirichlet(np.ones(len(points) - 1))
            points[-1] = -(weights @ points[:-1]) / rng.uniform(0.1, 2)
        else:
            normal = rng.standard_normal(width)
            along = points @ normal
            beyond = 10.0 ** rng.uniform(-3, 0) * np.abs(along).max()
            points += np.outer(np.abs(along) + beyond - along, normal) / (normal @ normal)
        yield torch.from_numpy(points), bool(case % 2)


def test_every_cloud_is_decided_as_it_was_made_and_shows_it():
    for points, inside in clouds(seed=0):
        found = hull(points)
        assert found.contains_origin == inside
        if inside:
            assert (found.weights > 0).all()
            assert float(found.weights.sum()) == pytest.approx(1)
            mixture = found.weights @ points[found.rows]
            assert float(mixture.norm()) <= 1e-8 * float(points.norm(dim=1).max())
        else:
            assert float((points @ found.direction).max()) < 0


def test_neither_scale_nor_turn_nor_order_changes_the_answer():
    generator = torch.Generator().manual_seed(1)
    for points, inside in clouds(seed=1, count=600):
        width = points.shape[1]
        drawn = torch.randn(width, width, generator=generator, dtype=torch.float64)
        turn = torch.linalg.qr(drawn).Q
        order = torch.randperm(len(points), generator=generator)
        assert hull(7.5 * points[order] @ turn).contains_origin == inside


def test_no_state_moves_the_origin_out_and_the_opposite_of_the_mean_brings_it_in():
    for points, inside in clouds(seed=2, count=600):
        if inside:
            assert hull(torch.cat([points, 3 * points[:1] + 1])).contains_origin
        else:
            assert hull(torch.cat([points, -points.mean(0, keepdim=True)])).contains_origin


def test_mixtures_of_ways_out_are_ways_out():
    generator = torch.Generator().manual_seed(3)
    for points, inside in clouds(seed=3, count=600):
        if inside:
            continue
        one, other = hull(points).direction, hull(points, widest=True).direction
        share = float(torch.rand(1, generator=generator))
        assert float((points @ (share * one + (1 - share) * other)).max()) < 0


def test_no_direction_has_a_larger_margin_than_the_widest():
    rng = np.random.default_rng(4)
    for points, inside in clouds(seed=4, count=300):
        if inside:
            continue
        found = hull(points, widest=True)
        margin = found.margin(points)
        drawn = torch.from_numpy(rng.standard_normal((50, points.shape[1])))
        near = found.direction + 0.1 * drawn
        for directions in (drawn, near):
            unit = directions / directions.norm(dim=1, keepdim=True)
            assert float((-(points @ unit.T)).min(0).values.max()) <= margin * (1 + 1e-6)


def test_a_vector_runs_off_exactly_where_the_origin_is_outside():
    """Theorem 1, and its other side: with the origin inside, the loss has a minimum."""
    for points, inside in clouds(seed=5, count=80):
        points = points / points.norm(dim=1).max()
        if not inside and hull(points, widest=True).margin(points) < 0.02:
            continue  # it runs off there too, but in ages
        rest = torch.ones(len(points), dtype=torch.float64)
        path = absent_word(points, rest, steps=1500, rate=0.5)
        if not inside:
            assert (points @ path.vectors[-1] < 0).all()
            assert float(path.loss[-1]) < 1 + 1e-3
            continue

        least = optimize.minimize(
            lambda w, states: np.logaddexp(states @ w, 1.0).mean(), np.zeros(points.shape[1]),
            args=(points.numpy(),), method="BFGS",
        ).fun  # fmt: skip
        assert least > 1 and float(path.loss.min()) >= least - 1e-9
