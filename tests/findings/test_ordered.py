"""What the chapter on sentence ordering reads off texts, answers and rows."""

import math

import numpy as np
import pandas as pd
import pytest
import torch

from isomorph.findings import Found, ordered
from isomorph.models.ordering import list_mle, margin_loss
from isomorph.text.examples import ORDER, Examples, OrderExample


def found(scores, seeds=5):
    """A row a seed and metric of each condition."""
    lines = [
        {"condition": name, "pair": "help_order", "layer": pd.NA, "seed": seed, "metric": metric,
         "value": value + seed / 1000, "tokens": 0, "size": "laptop", "provenance": "recorded",
         "digest": f"{name}{seed}"}
        for name, value in scores.items() for seed in range(seeds)
        for metric in ("test_score", *ordered.SCORES)
    ]  # fmt: skip
    columns = [
        "condition", "pair", "layer", "seed", "metric", "value", "tokens", "size", "provenance",
        "digest",
    ]  # fmt: skip
    rows = pd.DataFrame(lines, columns=columns).astype({"layer": "Int64"})
    return Found(rows, "laptop", len(lines), tuple(scores))


ALL = {"full": 0.5, "no_margin": 0.4, "no_interaction": 0.2, "neither": 0.15}
SCORED = {"A": 2.0, "B": 0.5, "C": 1.0}


def test_draws_and_hinges_sum_to_the_losses():
    row, places = torch.tensor([list(SCORED.values())]), torch.arange(3)[None]
    listwise = ordered.draws(SCORED)["cost"].sum()
    assert listwise == pytest.approx(list_mle(row, places).item(), abs=1e-5)
    whole = listwise + ordered.hinges(SCORED)["cost"].sum()
    assert whole == pytest.approx(margin_loss(row, places).item(), abs=1e-5)


def test_all_orders_of_five():
    chance, table = ordered.by_chance(5), ordered.orders_by_tau(5)
    assert chance["accuracy"] == pytest.approx(0.2) and chance["pmr"] == pytest.approx(1 / 120)
    assert chance["tau"] == pytest.approx(0, abs=1e-12)
    assert table["orders"].sum() == 120 and table["orders"].iloc[0] == 1
    assert table["inverted pairs"].tolist() == list(range(11))
    # Of n sentences the inversions have the variance n (n - 1) (2 n + 5) / 72.
    assert ordered.chance_error(100, 5) == pytest.approx(0.2 * math.sqrt(300 / 72) / 10)


def test_rules_without_an_encoder():
    item = OrderExample(("a long sentence.", "short", "the longest sentence of all."), (1, 0, 2))
    table = ordered.rules(Examples(ORDER, (), (item,), "made up")).set_index("rule")
    assert table.loc["short ones first", "tau"] == 1.0
    assert table.loc["what ends without a mark first", "tau"] == 1.0
    assert table.loc["as shuffled", "tau"] == pytest.approx(1 / 3)


def test_places_that_are_taken_for_others():
    items = (OrderExample(("x", "y"), (0, 1)), OrderExample(("x", "y"), (1, 0)))
    answered = ordered.Answered(Examples(ORDER, (), items, ""), [(0, 1), (0, 1)])
    table = ordered.places(answered)
    assert (table.to_numpy() == 0.5).all() and answered.scores()["tau"] == 0.0
    three = OrderExample(("x", "y", "z"), (2, 0, 1))
    right = ordered.Answered(Examples(ORDER, (), (three,), ""), [(2, 0, 1)])
    table = ordered.places(right)
    assert (table.to_numpy() == np.eye(3)).all() and list(table.index) == [1, 2, 3]
    assert ordered.right_places(table, 1).startswith("It puts 100% of the first")


def test_what_is_read_of_a_text():
    from isomorph.models.ordering import ordering_head
    from isomorph.models.pretrained import load_encoder

    encoder, tokenizers = load_encoder("en")
    head = ordering_head(encoder, seed=0, pooling="mean")
    item = OrderExample(("And he said . " * 20, "The sea .", "And the earth . " * 20), (2, 0, 1))
    table = ordered.as_read(item, head, tokenizers["en"])
    assert table["segment"].tolist() == [0, 1, 0] and table["true place"].tolist() == [3, 1, 2]
    assert table["tokens"].iloc[1] == table["of"].iloc[1]  # a short one stays whole
    assert table["tokens"].iloc[0] < table["of"].iloc[0]
    share = ordered.share_read(Examples(ORDER, (), (item,), ""), head, tokenizers["en"])
    assert share == pytest.approx(table["tokens"].sum() / table["of"].sum())


def test_levels_and_what_each_part_adds():
    places = {"here": found(ALL), "there": found({})}
    assert ordered.levels(places)["value"].tolist() == pytest.approx([50.2, 40.2, 20.2, 15.2])
    table = ordered.ablations(places)
    assert table["value"].tolist() == pytest.approx([30.0, 25.0, 10.0, 5.0])
    assert "points" in ordered.told(table)
    assert list(ordered.all_scores(places["here"])["seeds"]) == [5] * 4


@pytest.mark.parametrize("names", [(), ("full",), ("full", "no_margin")])
def test_what_was_not_run_is_left_out(names):
    table = ordered.ablations({"here": found({name: ALL[name] for name in names})})
    assert len(table) == (len(names) == 2)
    assert ("not" in ordered.told(table) or "No two" in ordered.told(table)) == (len(names) < 2)


def test_the_live_run_in_a_sentence():
    assert ordered.live_tau(None) == ""
    assert ordered.live_tau(found({"full": 0.5}, seeds=1).rows) == "Its tau is 0.50."
    assert ordered.names("laptop") == tuple(ALL) and ordered.names("smoke") == ("full",)
