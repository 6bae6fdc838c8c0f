"""Which factor weighs most, and how often resampled seeds say so."""

from collections import Counter
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from isomorph.effects import Contrast, effect
from isomorph.findings import ranking
from isomorph.ledger import tables

SHARING = Contrast("sharing", "las", "default_anchors", "sep_l1_6")
DOMAIN = Contrast("domain", "las", "default", "domain_mismatch")
EXTRA = Contrast("dictionary", "las", "extra_anchors", "default")
WEIGHTS = pd.DataFrame(
    {"sharing": [5.0, 4.0, 6.0], "domain": [1.0, 4.5, 0.0], "anchors": [0.5, 0.9, 0.1]}
)


def rows(cells):
    """Rows from {(condition, pair): {seed: value}}."""
    found = [
        {"condition": condition, "pair": pair, "layer": None, "seed": seed, "metric": "las",
         "value": value, "tokens": 100, "size": "laptop"}
        for (condition, pair), values in cells.items()
        for seed, value in values.items()
    ]  # fmt: skip
    return pd.DataFrame(found).astype({"layer": "Int64"})


MEASURED = rows(
    {
        ("default_anchors", "a-b"): {0: 0.5, 1: 0.6, 2: 0.7, 3: 0.8},
        ("sep_l1_6", "a-b"): {0: 0.2, 1: 0.2, 2: 0.3, 3: 0.3},
        ("default", "a-b"): {0: 0.55, 1: 0.6, 2: 0.75},
        ("domain_mismatch", "a-b"): {0: 0.45, 1: 0.55, 2: 0.65},
    }
)


def brute_force(weights):
    """The share of each order over all draws of seeds, one after another."""
    seeds = range(len(weights))
    counted = Counter(
        ranking.in_order(weights.iloc[list(drawn)].mean())
        for drawn in product(seeds, repeat=len(weights))
    )
    return {order: times / len(weights) ** len(weights) for order, times in counted.items()}


def test_each_seed_has_its_own_effect_in_points():
    found = ranking.by_seed(MEASURED, [SHARING, DOMAIN])
    assert list(found.index) == [0, 1, 2]  # seed 3 lacks the domains
    assert found["sharing"].tolist() == pytest.approx([30, 40, 40])
    assert found["domain"].tolist() == pytest.approx([10, 5, 10])


def test_the_mean_over_seeds_is_the_effect():
    found = ranking.by_seed(MEASURED, [SHARING])
    value = effect(MEASURED, "las", SHARING.plus, SHARING.minus).value
    assert found["sharing"].mean() == pytest.approx(value)


def test_each_seed_is_judged_by_the_ledgers_rule():
    generator = np.random.default_rng(0)
    found = [
        {"condition": condition, "pair": pair, "layer": layer, "seed": seed, "metric": "las",
         "value": generator.random(), "tokens": tokens, "size": "laptop"}
        for condition in ("default", "domain_mismatch")
        for pair in ("a-b", "a-c")
        for layer in (0, 1, 2)
        for seed in range(4)
        for tokens in (100, 200)
        if not (condition == "default" and pair == "a-c" and layer == 1 and seed == 3)
    ]  # fmt: skip
    layered = pd.DataFrame(found).astype({"layer": "Int64"}).sample(frac=1, random_state=0)
    table = ranking.by_seed(layered, [DOMAIN])
    assert list(table.index) == [0, 1, 2]
    for seed, value in table["domain"].items():
        own = layered[layered["seed"] == seed]
        assert value == pytest.approx(effect(own, "las", DOMAIN.plus, DOMAIN.minus).value)
    french = ranking.by_seed(layered, [replace(DOMAIN, pairs=("a-d",))])
    assert french.empty


def test_a_seed_without_one_of_the_pairs_is_left_out():
    more = rows({("default_anchors", "a-c"): {0: 0.5}, ("sep_l1_6", "a-c"): {0: 0.1}})
    found = ranking.by_seed(pd.concat([MEASURED, more], ignore_index=True), [SHARING])
    assert list(found.index) == [0]
    assert found["sharing"].tolist() == pytest.approx([35])


def test_what_was_not_measured_has_no_seeds():
    assert ranking.by_seed(MEASURED, [SHARING, EXTRA]).empty
    absent = Contrast("sharing", "ner_f1", "default_anchors", "sep_l1_6")
    found = ranking.by_seed(MEASURED, [absent])
    assert found.empty and list(found.columns) == ["sharing"]


def test_two_contrasts_of_one_label_are_refused():
    with pytest.raises(ValueError, match="label 'sharing' stands for two"):
        ranking.by_seed(MEASURED, [SHARING, SHARING])


def test_a_papers_effects_by_pair():
    found = ranking.by_pair(tables.table_one(), [SHARING, DOMAIN])
    assert list(found.index) == ["en-fr", "en-ru", "en-zh"]
    assert found["sharing"].tolist() == pytest.approx([73.0 - 61.7, 57.0 - 31.6, 28.3 - 12.0])
    assert found.loc["en-zh", "domain"] == pytest.approx(28.8 - 25.2)


def test_a_condition_that_the_paper_lacks_is_named():
    with pytest.raises(ValueError, match="condition is 'layers_2', but the table holds"):
        ranking.by_pair(tables.table_one(), [Contrast("depth", "las", "default", "layers_2")])


def test_an_order_is_written_from_the_heaviest_down():
    assert ranking.in_order(pd.Series({"a": 1.0, "b": 3.0, "c": 2.0})) == "b > c > a"
    assert ranking.in_order(pd.Series({"a": 0.1 + 0.2, "b": 0.3, "c": 0.4})) == "c > a = b"
    assert ranking.in_order(pd.Series({"a": 0.3, "b": 0.1 + 0.2, "c": 0.4})) == "c > a = b"


def test_all_draws_are_counted_as_often_as_they_come():
    found = ranking.orders(WEIGHTS).set_index("order")["share"]
    assert found.to_dict() == pytest.approx(brute_force(WEIGHTS))
    assert found.sum() == pytest.approx(1)
    assert found.index[0] == "sharing > domain > anchors"
    # Only the draw of seed 1 alone turns the first two round.
    assert found["domain > sharing > anchors"] == pytest.approx(1 / 27)


def test_the_shares_are_those_of_a_bootstrap_at_random():
    generator = np.random.default_rng(0)
    weights = pd.DataFrame(generator.normal(size=(5, 3)), columns=list("abc"))
    drawn = generator.integers(5, size=(20_000, 5))
    means = weights.to_numpy()[drawn].mean(axis=1)
    at_random = (means[:, 0] > means[:, 1]).mean()
    found = ranking.orders(weights)
    first = found["order"].map(lambda order: order.index("a") < order.index("b"))
    assert found["share"][first].sum() == pytest.approx(at_random, abs=0.015)


def test_the_order_of_the_seeds_is_nothing():
    turned = ranking.orders(WEIGHTS.iloc[::-1]).set_index("order")["share"]
    assert turned.to_dict() == pytest.approx(brute_force(WEIGHTS))


def test_seeds_that_agree_leave_one_order():
    agreed = WEIGHTS.assign(domain=1.0)
    assert ranking.orders(agreed)["share"].tolist() == pytest.approx([1])


def test_each_place_is_taken_by_some_factor():
    found = ranking.places(WEIGHTS)
    assert found.sum(axis=0).tolist() == pytest.approx([1, 1, 1])
    assert found.sum(axis=1).tolist() == pytest.approx([1, 1, 1])
    assert found.loc["domain", 1] == pytest.approx(1 / 27)


def test_equal_factors_share_the_better_place():
    found = ranking.places(WEIGHTS.assign(domain=WEIGHTS["sharing"]))
    assert found[1].tolist() == pytest.approx([1, 1, 0])
    assert found.loc["anchors", 3] == pytest.approx(1)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (WEIGHTS.iloc[:0], "have 0 seeds, but may have 1 to 10"),
        (pd.concat([WEIGHTS] * 4), "have 12 seeds"),
        (WEIGHTS.assign(domain=[1.0, np.nan, 2.0]), "lack a value"),
    ],
)
def test_weights_that_cannot_be_ranked_are_refused(weights, message):
    for rank in (ranking.orders, ranking.places):
        with pytest.raises(ValueError, match=message):
            rank(weights)


def test_the_seeds_to_settle_are_where_the_interval_first_leaves_out_zero():
    values = [1.0, 3.0, -1.0, 2.0]
    mean, spread = np.mean(values), np.std(values, ddof=1)
    least = ranking.seeds_to_settle(values)

    def reach(seeds):
        return stats.t.ppf(0.975, seeds - 1) * spread / np.sqrt(seeds)

    assert reach(least) < mean <= reach(least - 1)


def test_some_effects_cannot_be_settled():
    assert ranking.seeds_to_settle([1.0]) is None
    assert ranking.seeds_to_settle([1.0, -1.0]) is None
    assert ranking.seeds_to_settle([1.0, -0.99]) is None
    assert ranking.seeds_to_settle([1.0, 1.0]) == 2
