"""Quantities of one seed, on planted curves and against slow references."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isomorph.ledger.estimates import QUANTITIES, half_rise
from isomorph.ledger.evidence import records
from isomorph.ledger.schema import Part
from tests.frames import filled


def half_rise_by_scanning(tokens, values):
    """The slow reference: walk along the curve in ten thousand steps of log tokens a segment."""
    points = sorted(zip(tokens, values, strict=True))
    half = (points[0][1] + points[-1][1]) / 2
    rising = points[-1][1] > points[0][1]
    points = [(t, v) for t, v in points if t > 0]
    for (t0, v0), (t1, v1) in itertools.pairwise(points):
        for share in np.linspace(0, 1, 10_001):
            value = v0 + share * (v1 - v0)
            if value >= half if rising else value <= half:
                return math.log(t0) + share * (math.log(t1) - math.log(t0))
    raise AssertionError("a curve which ends on the far side of its middle has crossed it")


def logistic(tokens, middle):
    return 1 / (1 + (tokens / middle) ** -4.0)


def part(**fields):
    return Part(metric="score", direction="above", **fields)


def rows_of(curves, **columns):
    """Rows of one seed from {metric: {tokens or layer: value}}."""
    along = columns.pop("along", "tokens")
    frame = pd.DataFrame(
        {"metric": metric, "tokens": 1000, "layer": pd.NA, along: x, "value": value}
        for metric, curve in curves.items()
        for x, value in curve.items()
    )
    return filled(frame.assign(condition="a", languages="en-fr", **columns))


def compute(curves, *, along="tokens", **fields):
    single = part(along=along, **fields)
    rows = records(rows_of(curves, along=along))
    return QUANTITIES[single.quantity](rows, ("score",), single)


@given(
    st.lists(st.floats(0, 1), min_size=2, max_size=8),
    st.floats(0.05, 5) | st.floats(-5, -0.05),
    st.booleans(),
)
def test_half_rise_agrees_with_scanning(inner, change, untrained):
    tokens = np.array([0.0 if untrained else 1000.0, *(2000.0 * 2 ** np.arange(len(inner)))])
    values = np.array([0.0, *inner[:-1], 1.0]) * change
    found = half_rise(tokens, values)
    assert found == pytest.approx(half_rise_by_scanning(tokens, values), abs=2e-4)
    mixed = np.random.default_rng(0).permutation(len(tokens))
    assert half_rise(tokens[mixed], values[mixed]) == found


@pytest.mark.parametrize("times", [0.25, 1.0, 4.0])
def test_the_lag_recovers_how_many_times_later_a_curve_rises(times):
    tokens = np.geomspace(1e3, 1e9, 60)
    score = dict(zip(tokens, logistic(tokens, 1e6 * times), strict=True))
    loss = dict(zip(tokens, 7 - 5 * logistic(tokens, 1e6), strict=True))
    found = compute({"score": score, "loss": loss}, quantity="half_rise_lag", beside="loss")
    assert found == pytest.approx(math.log(times), abs=0.01)
    assert compute({"score": score}, quantity="half_rise") == pytest.approx(
        math.log(1e6 * times), abs=0.01
    )


@pytest.mark.parametrize("values", [[0.0, 0.5, 0.01], [1.0, 1.0, 1.0], [0.0, 0.1, math.nan]])
def test_a_curve_which_does_not_move_has_no_half_rise(values):
    assert math.isnan(half_rise(np.array([1.0, 2.0, 3.0]), np.array(values)))


def test_a_curve_of_one_checkpoint_or_none_after_training_has_no_half_rise():
    assert math.isnan(half_rise(np.array([5.0]), np.array([1.0])))
    assert math.isnan(half_rise(np.array([0.0, 0.0]), np.array([0.0, 1.0])))


def test_a_rise_before_the_first_trained_checkpoint_is_put_there():
    assert half_rise(np.array([0.0, 100.0, 200.0]), np.array([0.0, 0.9, 1.0])) == math.log(100)


def test_value_is_that_of_the_last_checkpoint():
    assert compute({"score": {100: 1.0, 300: 3.0, 200: 2.0}}) == 3.0


def test_trends_over_layers_and_tokens():
    rising = {"score": {0: 0.1, 1: 0.2, 2: 0.9}}
    assert compute(rising, along="layer", quantity="spearman") == pytest.approx(1.0)
    falling = {"score": {100: 3.0, 200: 2.0, 400: 1.0}}
    assert compute(falling, quantity="spearman") == pytest.approx(-1.0)
    assert math.isnan(compute({"score": {0: 1, 1: 1, 2: 1}}, along="layer", quantity="spearman"))
    still = {0: 0.1 + 0.2, 1: 0.3, 2: 0.3}  # rounding is no variation
    assert math.isnan(compute({"score": still}, along="layer", quantity="spearman"))


def test_pearson_of_two_metrics_over_the_layers_which_both_have():
    first, second = [0.1, 0.5, 0.4, 0.9], [1.0, 3.0, 2.5, 3.5]
    curves = {"score": dict(enumerate(first)), "cka": {**dict(enumerate(second)), 9: 7.0}}
    found = compute(curves, along="layer", quantity="pearson", beside="cka")
    assert found == pytest.approx(np.corrcoef(first, second)[0, 1])


def test_the_peak_as_a_share_of_the_depth():
    curve = {"score": {0: 0.1, 1: 0.7, 2: 0.5, 3: 0.2, 4: 0.1}}
    assert compute(curve, along="layer", quantity="peak_depth") == 0.25
    assert math.isnan(compute({"score": {0: 0.1}}, along="layer", quantity="peak_depth"))
