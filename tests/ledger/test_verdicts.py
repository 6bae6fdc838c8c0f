"""The interval over seeds: against every resample there is, and against the truth."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from isomorph.ledger.schema import Selection
from isomorph.ledger.verdicts import bootstrap_interval, combine, select, widened_tail


def interval_by_enumeration(values, tail):
    """The slow reference: the mean of every resample, n to the power n of them."""
    means = [np.mean(drawn) for drawn in itertools.product(values, repeat=len(values))]
    return np.quantile(means, [tail, 1 - tail])


@pytest.mark.parametrize("seeds", [3, 4, 5])
def test_the_bootstrap_agrees_with_every_resample(seeds):
    values = np.random.default_rng(seeds).normal(size=seeds)
    found = bootstrap_interval([values], [1], paired=True)
    # A far tail of 10,000 draws is itself a draw: neighbouring resamples are a step apart.
    assert found == pytest.approx(interval_by_enumeration(values, widened_tail(seeds)), abs=0.1)


def test_three_seeds_give_their_range():
    assert bootstrap_interval([np.array([3.0, 1.0, 2.0])], [1], paired=True) == (1.0, 3.0)


def test_the_tail_tends_to_the_plain_one():
    assert widened_tail(5) < widened_tail(10) < widened_tail(100) < 0.025
    assert widened_tail(100_000) == pytest.approx(0.025, abs=1e-4)


def test_the_same_rows_give_the_same_interval():
    values = [np.random.default_rng(0).normal(size=6)]
    assert bootstrap_interval(values, [1], paired=True) == bootstrap_interval(
        values, [1], paired=True
    )


def coverage(seeds, *, widened, repeats=400):
    """How often the interval of so many normal seeds holds their true mean, 0."""
    rng = np.random.default_rng(7)
    held = 0
    for _ in range(repeats):
        values = rng.normal(size=seeds)
        if widened:
            low, high = bootstrap_interval([values], [1], paired=True)
        else:
            means = values[rng.integers(0, seeds, (2000, seeds))].mean(axis=1)
            low, high = np.quantile(means, [0.025, 0.975])
        held += low <= 0 <= high
    return held / repeats


def test_the_interval_covers_and_the_plain_one_does_not():
    # Three standard errors of 400 repeats are 0.03 to 0.06.
    assert 0.89 <= coverage(5, widened=True) <= 0.97
    assert coverage(5, widened=False) < 0.89
    assert 0.91 <= coverage(10, widened=True) <= 0.98


def test_two_samples_cover_the_difference_of_their_means():
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(200):
        samples = [rng.normal(1.0, 1.0, 8), rng.normal(0.0, 2.0, 8)]
        low, high = bootstrap_interval(samples, [1, -1], paired=False)
        held += low <= 1.0 <= high
    assert 0.88 <= held / 200 <= 0.995


def test_a_paired_interval_is_that_of_the_differences():
    rng = np.random.default_rng(5)
    first, second = rng.normal(size=6), rng.normal(size=6)
    paired = bootstrap_interval([first, second], [1, -1], paired=True)
    assert paired == pytest.approx(bootstrap_interval([first - second], [1], paired=True))


def test_combine_adds_and_subtracts_statistics():
    samples = [np.array([1.0, 3.0]), np.array([2.0, 2.0])]
    assert combine(samples, [1, -1], "mean") == 0.0
    assert combine(samples, [1, -1], "std") == pytest.approx(stats.tstd(samples[0]))


def rows():
    frame = pd.DataFrame(
        [
            ("cka", "a", "en-fr", 0), ("cka", "a", "en-fr", 4), ("cka", "b", "en-zh", 2),
            ("loss", "a", None, None), ("loss", "b", "en-zh", None),
        ],
        columns=["metric", "condition", "pair", "layer"],
    )  # fmt: skip
    return frame.astype({"layer": "Int64"})


def chosen(beside=None, **fields):
    return list(select(rows(), Selection(**fields), beside).index)


def test_a_selection_filters_by_the_fields_it_names():
    assert chosen(metric="cka") == [0, 1, 2]
    assert chosen(metric="cka", condition="a") == [0, 1]
    assert chosen(metric="cka", pair=["en-zh", "en-ru"]) == [2]
    assert chosen(metric="cka", layer=0) == [0]
    assert chosen(metric="cka", layer=-1) == [1, 2]  # the deepest layer of each condition
    assert chosen(metric="gone") == []


def test_the_deepest_layer_is_that_of_the_metric():
    epochs = rows().iloc[[0]].assign(metric="epoch_loss", layer=9)
    whole = pd.concat([rows(), epochs], ignore_index=True)
    assert list(select(whole, Selection(metric="cka", layer=-1), None).index) == [1, 2]


def test_a_second_metric_comes_along_only_beside_the_first():
    assert chosen(metric="cka", beside="loss") == [0, 1, 2, 3, 4]
    assert chosen(metric="cka", pair="en-fr", layer=4, beside="loss") == [1, 3]
    assert chosen(metric="gone", beside="loss") == []
