"""Theorems 1 and 2 of Gao et al. (2019) on thousands of random clouds, on both sides."""

import numpy as np
import pytest
import torch
from scipy import optimize

from isomorph.measure.degeneration import absent_word, hull

CLOUDS = 3000


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
