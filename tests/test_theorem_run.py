"""Planted cases of the theorems: planted where they are said to be, and checked with sharp eyes."""

import json

import numpy as np
import pytest
from scipy import optimize

from isomorph import claims
from isomorph.presets import conditions
from isomorph.runs import Theorem, run_from_json
from isomorph.runs.theorem import (
    around_origin,
    decide,
    draw_losses,
    off_origin,
    strongly_convex,
)

TINY = {"width": 3, "states": 12, "cases": 6, "steps": 200}


def measured(theorem, **changes):
    """metric -> value at the last step."""
    records = Theorem(theorem=theorem, **TINY | changes).outcome()["records"]
    return {record["metric"]: record["value"] for record in records}


def test_a_word_runs_off_and_mixtures_of_ways_out_are_ways_out():
    found = measured("absent_word")
    assert found["convexity_violations"] == 0
    assert found["negative_product_share"] == 1
    assert found["vector_norm"] > 10 and found["direction_cosine"] > 0.9


def test_the_length_has_a_row_for_each_mark():
    records = Theorem(theorem="absent_word", **TINY).outcome()["records"]
    lengths = [(r["tokens"], r["value"]) for r in records if r["metric"] == "vector_norm"]
    assert lengths[0] == (0, 0.0) and lengths[-1][0] == TINY["steps"]
    assert lengths == sorted(lengths) and len(lengths) > 10


def test_three_tests_agree_with_each_other_and_with_what_was_planted():
    assert measured("point_clouds", cases=40) == {"hull_disagreements": 0, "planted_errors": 0}


@pytest.mark.parametrize("seed", range(20))
def test_clouds_lie_where_they_are_planted(seed):
    rng = np.random.default_rng(seed)
    inside, outside = around_origin(rng, 9, 3), off_origin(rng, 9, 3, margin=0.01)
    # By non-negative least squares, which neither test of the run uses alone.
    for cloud, there in ((inside, True), (outside, False)):
        system = np.vstack([cloud.T, np.ones(9)])
        left = optimize.nnls(system, np.append(np.zeros(3), 1.0))[1]
        assert (left < 1e-9) == there
    assert decide(inside) == (False, True, True)
    assert decide(outside) == (True, False, False)


@pytest.mark.parametrize("seed", range(5))
def test_the_constants_of_drawn_losses_hold(seed):
    rng = np.random.default_rng(seed)
    losses = draw_losses(rng, 15, 3)
    alpha, beta, largest = losses.constants
    for _ in range(20):
        x = rng.standard_normal(3) * 3
        f, slope, bent = losses.mixed(0.0, x)
        g, _, wave = losses.mixed(1.0, x)
        assert abs(g) <= largest
        assert np.linalg.eigvalsh(bent)[0] >= alpha - 1e-12
        assert np.linalg.eigvalsh(wave)[0] >= -beta - 1e-12
        numeric = optimize.approx_fprime(x, lambda y: losses.mixed(0.3, y)[0], 1e-6)
        assert numeric == pytest.approx(losses.mixed(0.3, x)[1], abs=1e-3 * (1 + alpha))
        near = losses.mixed(0.0, x + 1e-5 * slope)[0]
        assert near - f == pytest.approx(1e-5 * slope @ slope, rel=1e-2, abs=1e-12)


def test_minimisers_are_found_and_their_error_is_known():
    rng = np.random.default_rng(1)
    losses = draw_losses(rng, 15, 3)
    alpha, beta, _ = losses.constants
    share = 0.5 * alpha / (alpha + beta)
    found, error = losses.minimiser(share, np.zeros(3))
    best = losses.mixed(share, found)[0]
    for _ in range(50):
        assert losses.mixed(share, found + 0.1 * rng.standard_normal(3))[0] > best
    from_elsewhere, more = losses.minimiser(share, rng.standard_normal(3))
    assert np.linalg.norm(from_elsewhere - found) <= error + more + 1e-12


def test_distances_stay_below_the_bound_and_are_not_zero():
    run = Theorem(theorem="strongly_convex", **TINY)
    found = {name: value for name, value, _ in strongly_convex(run, np.random.default_rng(0))}
    assert 1e-6 < found["mean_distance_over_bound"] < found["distance_over_bound"] < 1


def test_a_run_is_named_by_its_theorem_and_seed_and_read_again():
    run = Theorem(theorem="point_clouds", seed=3)
    assert run.digest != Theorem(theorem="absent_word", seed=3).digest
    again = run_from_json(run.config_json())
    assert type(again) is Theorem and again.digest == run.digest
    assert json.loads(run.config_json())["theorem"] == "point_clouds"
    assert run.checksum() == "" and run.languages == ()
    with pytest.raises(ValueError, match="states is 8; a width of 8 needs 10"):
        Theorem(theorem="point_clouds", states=8)


def test_the_same_seed_draws_the_same_cases():
    assert measured("strongly_convex") == measured("strongly_convex")
    assert measured("strongly_convex") != measured("strongly_convex", seed=1)


def test_recorded_rows_check_the_code_of_what_is_proved():
    found = {each.claim.id: each for each in claims.judged()}
    for name in ("2.1", "2.2"):
        assert found[name].outcome == "proved"
        (place,) = found[name].places
        own = place.primary.estimate
        assert (own.value, own.units) == (0.0, 5), "no violation in any draw"


def test_laptop_has_five_seeds_of_each():
    wanted = conditions("theorems", "laptop")
    assert len(wanted) == 15 and {c.run.seed for c in wanted} == set(range(5))
    assert conditions("theorems", "reference") == conditions("theorems", "paper") == []
