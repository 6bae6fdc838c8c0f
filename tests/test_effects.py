"""Effects: the numbers of the ledger's rule, in points, beside those of a paper."""

import math

import numpy as np
import pandas as pd
import pytest

from isomorph import ledger
from isomorph.experiment import effects
from isomorph.ledger.intervals import of_means
from tests.frames import filled


def rows(cells, metric="nli_accuracy", size="laptop"):
    """Rows from {(condition, pair): a value a seed}, each with an earlier, worse checkpoint."""
    found = [
        {
            "experiment": "planted", "size": size, "condition": condition, "languages": pair,
            "seed": seed, "metric": metric, "tokens": tokens,
            "value": value if tokens == 200 else 0.0, "provenance": "recorded",
        }
        for (condition, pair), values in cells.items()
        for seed, value in enumerate(values)
        for tokens in (100, 200)
    ]  # fmt: skip
    return filled(pd.DataFrame(found))


def effect(rows, metric, plus, minus):
    """One effect, a line of the table."""
    return effects(rows, [("it", metric, plus, minus)]).iloc[0]


# Seeds differ by far more than the conditions do, which pairing takes away.
BASE = np.array([0.40, 0.50, 0.60, 0.70, 0.80])
CHANGE = np.array([-0.04, -0.05, -0.06, -0.05, -0.05])
WORLDS = rows({("default", "a-b"): BASE, ("no_anchors", "a-b"): BASE + CHANGE})


def test_an_effect_is_paired_by_seed_and_in_points():
    found = effect(WORLDS, "nli_accuracy", "no_anchors", "default")
    known = of_means([CHANGE], [1], paired=True)
    assert found.value == pytest.approx(-5)
    assert (found.low, found.high) == pytest.approx((100 * known.low, 100 * known.high))
    assert found.seeds == 5


def test_swapping_the_conditions_mirrors_the_effect():
    one = effect(WORLDS, "nli_accuracy", "no_anchors", "default")
    other = effect(WORLDS, "nli_accuracy", "default", "no_anchors")
    assert other.value == pytest.approx(-one.value)
    assert (other.low, other.high) == pytest.approx((-one.high, -one.low), abs=0.1)


def test_seeds_without_a_partner_are_not_paired():
    apart = WORLDS.assign(
        seed=WORLDS["seed"].where(WORLDS["condition"] == "default", WORLDS["seed"] + 10)
    )
    found = effect(apart, "nli_accuracy", "no_anchors", "default")
    paired = effect(WORLDS, "nli_accuracy", "no_anchors", "default")
    assert found.high - found.low > 5 * (paired.high - paired.low)


def test_fewer_than_five_seeds_give_a_value_without_an_interval():
    found = effect(WORLDS[WORLDS["seed"] < 4], "nli_accuracy", "no_anchors", "default")
    assert found.value == pytest.approx(-5)
    assert math.isnan(found.low) and math.isnan(found.high)
    assert found.seeds == 4


REAL = rows(
    {
        ("default", "en-fr"): [0.70, 0.72, 0.71, 0.70, 0.72],
        ("default", "en-zh"): [0.60],
        ("sep_emb", "en-fr"): [0.69, 0.70, 0.68, 0.68, 0.70],
        ("sep_emb", "en-zh"): [0.50],
        ("sep_emb", "en-ru"): [0.10],
    },
    size="reference",
)


def test_languages_that_only_one_condition_has_are_not_compared():
    found = effect(REAL, "nli_accuracy", "sep_emb", "default")
    # Seeds 1 to 4 lack Chinese, and a mean over French alone is another quantity.
    assert found.seeds == 1
    assert found.value == pytest.approx(100 * np.mean([-0.01, -0.10]))
    french = effect(REAL[REAL["languages"] == "en-fr"], "nli_accuracy", "sep_emb", "default")
    assert french.seeds == 5 and french.value == pytest.approx(-2)


def test_effects_stand_beside_the_paper_s():
    contrasts = [
        ("anchors", "nli_accuracy", "no_anchors", "default_anchors", "Anchors"),
        ("entities", "ner_f1", "sep_emb", "default"),
        ("topics", "nli_accuracy", "topics_50", "default"),
    ]
    found = effects(REAL, contrasts, table=ledger.table_one()).set_index("label")
    # The means over French, Russian and Chinese of Table 1.
    assert found.loc["anchors", "paper"] == pytest.approx(-1.2333, abs=1e-4)
    assert found.loc["entities", "paper"] == pytest.approx(64.0 - 68.1, abs=0.01)
    assert math.isnan(found.loc["topics", "paper"])
    assert found["value"].isna().all() and (found["seeds"] == 0).all()


def test_a_number_the_paper_s_table_lacks_is_not_made_up():
    contrast = ("depth", "nli_accuracy", "layers_1", "layers_6")
    table = ledger.order_and_depth()
    found = effects(WORLDS, [contrast], table=table).iloc[0]
    assert found["paper"] == pytest.approx(45.0 - 63.1)  # Russian, of which both are known
    other = ("depth", "nli_accuracy", "layers_4", "layers_6")
    assert math.isnan(effects(WORLDS, [other], table=table)["paper"].item())


def test_nothing_run_yet_leaves_the_paper_alone():
    contrast = ("embeddings", "nli_accuracy", "sep_emb", "default")
    found = effects(WORLDS.iloc[:0], [contrast], table=ledger.table_one())
    assert found["value"].isna().all()
    assert found["paper"].item() == pytest.approx(65.7 - 70.2)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: effect(WORLDS, "accuracy", "default", "no_anchors"), "metric is 'accuracy'"),
        (
            lambda: effect(pd.concat([WORLDS, REAL]), "nli_accuracy", "default", "no_anchors"),
            r"sizes \['laptop', 'reference'\]; allowed is one",
        ),
    ],
)
def test_bad_input_is_refused_in_one_sentence(call, told):
    with pytest.raises(ValueError, match=told):
        call()
