"""All factors together: effects beside the papers', weights, and their order."""

import math

import pandas as pd
import pytest

from isomorph.findings import Found, factors
from isomorph.findings.ranking import by_pair
from isomorph.ledger.tables import table_one
from isomorph.presets.ablations import BEYOND, ORDERS, SHAPES, TABLE_ONE

LEVELS = {"default": 0.80, "default_anchors": 0.78, "no_anchors": 0.75, "extra_anchors": 0.81,
          "sep_l1_6": 0.30, "domain_mismatch": 0.70}  # fmt: skip
# What a condition loses or gains in a seed beyond its level.
NOISE = {"domain_mismatch": (0.0, 0.09, -0.09, 0.05, -0.05), "sep_l1_6": (0.0, 0.01, -0.01, 0.02, -0.02),
         "extra_anchors": (0.0, 0.01, 0.02, 0.01, 0.01)}  # fmt: skip


def planted(levels=LEVELS, pairs=("a-b",), seeds=5, metric="las", size="laptop"):
    rows = [
        {"condition": name, "pair": pair, "layer": None, "seed": seed, "metric": metric,
         "value": value + 0.05 * seed + NOISE.get(name, (0.0,) * 5)[seed], "tokens": 100,
         "size": size, "digest": f"{name}{pair}{seed}", "provenance": "recorded"}
        for name, value in levels.items()
        for pair in pairs
        for seed in range(seeds)
    ]  # fmt: skip
    columns = {"layer": "Int64"}
    return Found(pd.DataFrame(rows).astype(columns), size, len(rows), tuple(levels))


WORLDS = planted()
FRENCH = planted(pairs=("en-fr",), seeds=1, size="reference")
NOTHING = Found(WORLDS.rows.iloc[:0], "reference", 0)
PLACES = {"worlds": WORLDS, "real": FRENCH}


def line(table, label, source, metric="las"):
    (found,) = table.query(
        "label == @label and source == @source and metric == @metric"
    ).itertuples()
    return found


def test_every_step_changes_one_thing_of_the_experiment():
    known = {*TABLE_ONE, *BEYOND, *ORDERS, *SHAPES}
    asked = factors.contrasts("las")
    assert {name for one in asked for name in (one.plus, one.minus)} == known
    assert len({(one.heading, one.label) for one in asked}) == len(asked)


def test_effects_of_each_place_stand_beside_the_papers():
    table = factors.effects_on_one_axis(PLACES, ["las"])
    ours = line(table, "bottom three quarters", "worlds")
    assert ours.value == pytest.approx(-48)
    assert ours.low <= -48 <= ours.high
    assert math.isnan(line(table, "bottom three quarters", "real").low)
    assert math.isnan(line(table, "reversed", "worlds").value)


def test_a_line_has_one_number_of_the_paper_over_the_real_pairs():
    table = factors.effects_on_one_axis(PLACES, ["las"])
    for source in PLACES:
        found = line(table, "bottom three quarters", source)
        assert found.paper == pytest.approx(61.7 - 73.0)
        assert found.paper_pairs == "en-fr"
    alone = factors.effects_on_one_axis({"worlds": WORLDS}, ["las"])
    found = line(alone, "bottom three quarters", "worlds")
    assert found.paper == pytest.approx(((61.7 - 73.0) + (31.6 - 57.0) + (12.0 - 28.3)) / 3)
    # Here the embeddings have been separated nowhere.
    assert line(table, "embeddings", "worlds").paper_pairs == "en-fr, en-ru, en-zh"


def test_other_papers_have_lines_of_their_own():
    table = factors.effects_on_one_axis(PLACES, ["nli_accuracy", "las"])
    permuted = line(table, "(all words permuted)", "worlds", "nli_accuracy")
    assert math.isnan(permuted.value)
    assert permuted.paper == pytest.approx(-(8.4 + 16.5 + 12.1) / 3)
    absent = factors.effects_on_one_axis(PLACES, ["las"])
    assert not absent["label"].str.startswith("(").any()


def test_effects_draw_whatever_is_recorded():
    from isomorph.figures import forest

    for places in (PLACES, {"worlds": WORLDS, "real": NOTHING}, {"worlds": NOTHING}):
        forest(factors.effects_on_one_axis(places, ["nli_accuracy", "las"]))


def test_the_order_of_the_weights_in_each_place():
    found = factors.ranked(PLACES | {"none": NOTHING}, ["las"]).set_index("where")
    steps = "sharing > domain > strings > dictionary = joint vocabulary"
    assert (
        found.loc["real", "order"] == "sharing > domain > strings > joint vocabulary > dictionary"
    )
    assert found.loc["real", "how often"] == ""  # one seed says nothing of others
    assert found.loc["worlds", "order"] == steps
    assert found.loc["none", "order"] == "not run"
    assert found.loc["worlds", "behind it"] == "5 seeds"


def test_the_papers_order_is_that_of_its_means():
    found = factors.ranked({"worlds": WORLDS}, ["las"]).set_index("where").loc["Table 1"]
    means = by_pair(table_one(), factors.weights("las")).mean()
    assert found["order"] == " > ".join(means.sort_values(ascending=False).index)
    assert found["behind it"] == "3 languages"


def test_orders_come_with_their_shares():
    found = factors.orders(PLACES, ["las"], most=100)
    assert set(found["where"]) == {"worlds"}
    assert found["share"].sum() == pytest.approx(1)
    assert len(found) > 1
    assert factors.orders({"real": FRENCH}, ["las"]).empty


def test_weights_say_what_was_not_run_and_who_is_first():
    found = factors.weighed(WORLDS, ["las"]).set_index("factor")
    assert found.loc["sharing", "parsing"].startswith("+48.0 [")
    assert found.loc["sharing", "parsing: first"] == "100%"
    assert found.loc["depth", "parsing"] == "not run"
    assert found.loc["depth", "parsing: first"] == ""
    assert (factors.weighed(FRENCH, ["las"])["parsing: first"] == "").all()
    assert (factors.weighed(NOTHING, ["las"])["parsing"] == "not run").all()


def test_the_seeds_wanted_follow_the_spread():
    found = factors.seeds_wanted(WORLDS, ["las"]).set_index("factor")["parsing"]
    assert found["sharing"] == "2"
    assert int(found["domain"]) > 3
    assert found["depth"] == ""
