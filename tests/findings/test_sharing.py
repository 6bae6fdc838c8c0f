"""What is shared in an encoder, drawn and counted, and the tables of its chapter."""

import math

import numpy as np
import pandas as pd
import pytest

from isomorph.findings import Found, sharing
from isomorph.ledger.tables import table_one
from isomorph.models.encoder import BilingualConfig
from isomorph.presets.ablations import SEPARATE
from isomorph.runs import COLUMNS

SEEDS = np.array([0.80, 0.84, 0.88, 0.82, 0.86])
SCORES = {
    "default_anchors": SEEDS,
    "sep_l1_6": SEEDS - 0.2 + np.array([0, 0.01, -0.01, 0, 0]),
    "far_default_anchors": SEEDS - 0.1,
    "far_sep_l1_6": SEEDS - 0.6 + np.array([0, 0.01, 0, -0.01, 0]),
    "sep_emb_l1_6": np.full(5, 0.50),
    "random_encoder": np.full(5, 0.40),
}


def rows(scores, metric="las", pair="a-b"):
    found = [
        {
            "experiment": "factors", "size": "laptop", "condition": condition, "pair": pair,
            "layer": pd.NA, "seed": seed, "metric": metric, "value": value, "tokens": 100,
            "seconds": 7.0, "digest": f"{condition}-{pair}-{seed}", "provenance": "recorded",
        }
        for condition, values in scores.items()
        for seed, value in enumerate(values)
    ]  # fmt: skip
    columns = list(dict.fromkeys([*COLUMNS, "provenance"]))
    return pd.DataFrame(found, columns=columns).astype({"layer": "Int64"})


@pytest.mark.parametrize("layers", [2, 4, 8, 12])
def test_every_separate_part_is_one_that_an_encoder_has(layers):
    for name in SEPARATE:
        parts = sharing.specific_parts(name, layers)
        assert BilingualConfig(layers=layers, specific=parts).specific == sorted(parts)
    assert sharing.specific_parts("no_anchors", layers) == ()


def test_the_diagram_draws_two_boxes_where_a_part_is_separate():
    figure, table = sharing.diagram(("default_anchors", "sep_emb", "sep_top_3"), 4)
    table = table.set_index("part")
    assert list(table.index) == [
        "embeddings", "positions", "layer 1", "layer 2", "layer 3", "layer 4", "softmax",
    ]  # fmt: skip
    assert set(table["default anchors"]) == {"shared"}
    own = table["separate embeddings"] == "each its own"
    assert list(table.index[own]) == ["embeddings", "positions", "softmax"]
    assert table.loc["layer 4", "separate top third"] == "each its own"
    assert (table["separate top third"] == "each its own").sum() == 1
    separate = int((table == "each its own").sum().sum())
    (axis,) = figure.axes
    assert len(axis.patches) == table.size + separate
    assert [text.get_text() for text in axis.texts].count("a") == separate


def test_parts_are_listed_beside_the_papers():
    table = sharing.parts_table(4, table_one()).set_index("here")
    both = table.loc["separate embeddings and bottom three quarters"]
    assert list(both) == [
        "Sep Emb + L1-6",
        "embeddings, positions, softmax, 3 layers from the bottom",
        "embeddings, positions, softmax, 6 layers from the bottom",
    ]
    top = table.loc["separate top third"]
    assert list(top) == ["not tried", "1 layer from the top", ""]


def test_a_map_of_roles_writes_every_count_and_frames_the_right_places():
    names = pd.Index(["noun", "verb", "adverb"])
    table = pd.DataFrame([[3, 1, 0], [2, 0, 0], [0, 0, 0]], index=names, columns=names)
    (axis,) = sharing.role_map(table).axes
    assert [text.get_text() for text in axis.texts] == ["3", "1", "2"]
    assert [tick.get_text() for tick in axis.get_yticklabels()] == ["noun", "verb"]
    assert [(box.get_x(), box.get_y()) for box in axis.patches] == [(-0.5, -0.5), (0.5, 0.5)]


def test_changes_are_from_all_shared_unless_told_otherwise():
    told = sharing.told(rows(SCORES), ("las", "ner_f1"), "sep_l1_6")
    assert told.startswith("parsing falls by 20.0 points [")
    assert told.endswith("entities was not run")
    assert "rises by 20.0 points" in sharing.told(
        rows(SCORES), ["las"], "default_anchors", "sep_l1_6"
    )


def test_the_distant_pair_falls_further_by_a_difference_paired_by_seed():
    (line,) = sharing.fall_further(rows(SCORES), table_one(), ["las"]).to_dict("records")
    assert line["close pair"].startswith("-20.0 [")
    assert line["distant pair"].startswith("-50.0 [")
    assert line["distant less close"].startswith("-30.0 [")
    assert line["seeds"] == 5
    # Table 1: French parsing 73.0 to 61.7, Chinese 28.3 to 12.0.
    assert [line[name] for name in ("the paper: French", "Chinese", "Chinese less French")] == [
        "-11.3", "-16.3", "-5.0",
    ]  # fmt: skip


def test_a_fall_that_was_not_run_says_so():
    close = {name: SCORES[name] for name in ("default_anchors", "sep_l1_6")}
    (line,) = sharing.fall_further(rows(close), table_one(), ["las"]).to_dict("records")
    assert line["distant pair"] == line["distant less close"] == "not run"
    assert line["close pair"].startswith("-20.0 [")


def test_what_is_left_is_counted_above_the_floor():
    names = tuple(SCORES)
    world = Found(rows(SCORES), "laptop", 30, names)
    empty = Found(rows({}), "reference", 30, names)
    table = sharing.left_over({"here": world, "there": empty}, table_one())
    left = "left of what is above the floor"
    papers = table[table["where"] == "the paper"].set_index("pair")[left]
    # (51.6 - 33.3) / (74.0 - 33.3), and Chinese (34.4 - 33.3) / (68.9 - 33.3)
    assert (papers["en-fr"], papers["en-zh"]) == ("45%", "3%")
    (ours,) = table[table["where"] == "here"].to_dict("records")
    assert ours["all shared"] == "84.0" and ours["floor"] == "40.0"
    assert ours[left] == "23%"  # 10 of 44 points
    assert "there" not in set(table["where"])


@pytest.mark.parametrize(
    ("before", "after", "floor", "words"),
    [
        (80.0, 60.0, 40.0, "50%"),
        (80.0, 30.0, 40.0, "-25%"),
        (41.0, 40.0, 40.0, "nothing to lose"),
        (30.0, 20.0, 40.0, "nothing to lose"),
        (math.nan, 40.0, 30.0, "not run"),
        (80.0, 40.0, math.nan, "not run"),
    ],
)
def test_a_share_is_told_only_where_there_was_something_to_lose(before, after, floor, words):
    assert sharing.left_share(before, after, floor) == words
