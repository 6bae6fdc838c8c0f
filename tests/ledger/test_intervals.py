"""Intervals over units: against scipy, and against the truth."""

import numpy as np
import pytest
from scipy import stats

from isomorph.ledger.intervals import holm, of_means, of_spreads

RNG = np.random.default_rng(11)
# How often an interval held the truth in 20,000 trials, to two digits. Of means and of ratios on normal
# numbers it is 0.95; one standard deviation is the hardest, with heavy tails or with few units.
DRAWS = {
    "normal": (lambda rng, n: rng.normal(size=n), 0.0, 1.0),
    "heavy tails": (lambda rng, n: rng.standard_t(5, size=n), 0.0, np.sqrt(5 / 3)),
    "some fail": (
        lambda rng, n: np.where(rng.random(n) < 0.3, 0.0, 1.0) + 0.1 * rng.normal(size=n),
        0.7,
        np.sqrt(0.22),
    ),
}


def test_one_sample_is_students_interval():
    values = RNG.normal(3.0, 2.0, 7)
    found = of_means([values], [1], paired=True)
    low, high = stats.t.interval(0.95, 6, values.mean(), stats.sem(values))
    assert (found.low, found.high) == pytest.approx((low, high))
    assert (found.units, found.kind) == (7, "interval")


def test_paired_samples_are_their_differences():
    first, second = RNG.normal(size=6), RNG.normal(size=6)
    paired = of_means([first, second], [1, -1], paired=True)
    alone = of_means([first - second], [1], paired=True)
    assert (paired.value, paired.low, paired.high) == pytest.approx(
        (alone.value, alone.low, alone.high)
    )


def test_two_samples_of_their_own_are_welchs():
    first, second = RNG.normal(1.0, 1.0, 8), RNG.normal(0.0, 3.0, 5)
    found = of_means([first, second], [1, -1], paired=False)
    known = stats.ttest_ind(first, second, equal_var=False)
    assert (found.low, found.high) == pytest.approx(tuple(known.confidence_interval(0.95)))
    assert 2 * found.chance(0.0, "above") == pytest.approx(known.pvalue)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_few_units_have_a_range_and_no_interval(count):
    values = np.arange(count, dtype=float)
    found = of_means([values], [1], paired=True)
    assert (found.kind, found.low, found.high) == ("range", 0.0, count - 1.0)
    assert found.chance(100.0, "below") == 1.0 and np.isnan(found.findable())


def test_one_number_repeated_has_no_interval():
    assert of_means([np.full(9, 1.498)], [1], paired=True).kind == "range"
    assert of_spreads([np.full(9, 1.498)]).value is None


def test_an_effect_as_large_as_the_findable_one_is_found_four_times_of_five():
    rng, found = np.random.default_rng(3), 0
    for _ in range(1000):
        values = rng.normal(0.0, 1.0, 8)
        effect = of_means([values], [1], paired=True).findable()
        found += of_means([values + effect], [1], paired=True).low > 0
    assert 0.72 <= found / 1000 <= 0.9  # the findable effect is itself an estimate


@pytest.mark.parametrize("kind", DRAWS)
@pytest.mark.parametrize("count", [5, 10, 20])
def test_intervals_cover_the_truth(kind, count):
    draw, mean, deviation = DRAWS[kind]
    rng = np.random.default_rng(count)
    held = np.zeros(4)
    for _ in range(300):
        first, second = draw(rng, count), draw(rng, count)
        means = of_means([first], [1], paired=True)
        two = of_means([first, second], [1, -1], paired=False)
        spread, ratio = of_spreads([first]), of_spreads([first, second])
        held += [
            means.low <= mean <= means.high,
            two.low <= 0 <= two.high,
            spread.low <= deviation <= spread.high,
            ratio.low <= 1 <= ratio.high,
        ]
    # Three standard errors of 300 trials at 0.95 are 0.038. A percentile bootstrap of a standard
    # deviation would cover 0.69 with five normal units.
    least = {"normal": (0.91, 0.91, 0.89, 0.91), "heavy tails": (0.91, 0.91, 0.85, 0.91),
             "some fail": (0.76, 0.91, 0.8, 0.91)}[kind]  # fmt: skip
    assert (held / 300 >= least).all(), held / 300


def test_holm_by_hand():
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.5]) == [0.5] and holm([]) == []
