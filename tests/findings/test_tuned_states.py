"""How far states and weights moved: the numbers of the chapter, from planted rows."""

import math
from dataclasses import replace

import pandas as pd
import pytest

from isomorph.findings import Found, tuned_states
from isomorph.runs import COLUMNS

# RSA of layers 0 to 3: the last block moves inference most, the first one parsing.
RSA = {"nli": (0.99, 0.95, 0.9, 0.5), "parsing": (0.9, 0.4, 0.35, 0.3)}
WEIGHTS = {"nli": (1.0, 2.0, 4.0), "parsing": (4.0, 2.0, 1.0)}


def planted(tasks=("nli", "parsing"), seeds=5, other=True):
    rows = []
    for seed in range(seeds):
        for task in tasks:
            run = {"condition": "tuned", "pair": task, "seed": seed, "digest": f"{task}-{seed}"}
            for layer, value in enumerate(RSA[task]):
                for metric, least in (("rsa", value), ("cka", value - 0.01)):
                    rows.append(
                        run | {"metric": metric, "layer": layer, "value": least - 0.01 * seed}
                    )
                if other:
                    rows.append(run | {"metric": "rsa_other", "layer": layer, "value": 0.25})
            for block, value in enumerate(WEIGHTS[task], start=1):
                rows.append(run | {"metric": "weight_distance", "layer": block, "value": value})
            for epoch, value in enumerate((1.1, 0.6)):
                rows.append(run | {"metric": "loss", "layer": epoch, "value": value})
            rows.append(run | {"metric": "test_score", "layer": None,
                         "value": 0.75 + (seed - 2) / 1000})  # fmt: skip
    columns = list(dict.fromkeys([*COLUMNS, "provenance"]))
    table = pd.DataFrame(rows).reindex(columns=columns)
    table = table.assign(size="laptop", tokens=1, provenance="recorded", experiment="changes")
    return Found(table.astype({"layer": "Int64"}), "laptop", seeds, ("tuned",))


NOTHING = Found(planted().rows.iloc[:0], "laptop", 0, ("tuned",))


def test_curves_have_a_line_a_task_and_the_other_encoder_once():
    table = tuned_states.curves(planted(), "rsa", name="RSA")
    lines = list(dict.fromkeys(table["tuned for"]))
    assert lines == ["inference", "parsing", "two pretrainings"]
    assert (table["tuned for"] == "two pretrainings").sum() == 4 * 5
    alone = tuned_states.curves(planted(other=False), "rsa", name="RSA")
    assert set(alone["tuned for"]) == {"inference", "parsing"}
    assert tuned_states.curves(NOTHING, "rsa", name="RSA").empty


def test_similarity_by_task():
    table = tuned_states.by_task(planted(), ("rsa",)).set_index("tuned for")
    assert table.loc["inference", "last block"].startswith("0.48 [")
    assert table.loc["inference", "trend with the layer"] == "-1.00 [-1.00, -1.00]"
    assert table.loc["parsing", "first block"].startswith("0.38 [")
    assert set(table.loc["questions"].drop(["similarity", "seeds"])) == {"not run"}


def test_weights_go_with_what_a_block_adds():
    table = tuned_states.weights_by_task(planted()).set_index("tuned for")
    assert table.loc["inference", "trend of the weights"].startswith("1.00")
    assert table.loc["parsing", "trend of the weights"].startswith("-1.00")
    assert float(table.loc["parsing", "weights and states"].split()[0]) < 0
    assert float(table.loc["parsing", "weights and what a block adds"].split()[0]) > 0.8
    assert tuned_states.weights_by_task(NOTHING).iloc[:, 1:4].eq("not run").all(axis=None)


def test_sentences_name_where_states_moved():
    said = tuned_states.told(planted(), "Here")
    assert "*inference*" in said and "least at layer 3 of 3 (0.48)" in said
    assert "Two encoders pretrained apart: 0.25." in said and said.endswith("pretraining: none.")
    rows = planted().rows
    far = rows.assign(value=rows["value"].where(rows["metric"] != "rsa_other", 0.6))
    said = tuned_states.told(replace(planted(), rows=far), "Here")
    assert said.endswith("after inference 3; after parsing 1, 2, 3.")
    assert tuned_states.told(NOTHING, "There") == "There: not run."
    assert tuned_states.most_changed(planted()) == ["parsing", "inference"]
    assert tuned_states.most_changed(NOTHING) == []


def test_losses_count_epochs_from_one():
    rows = planted(tasks=("nli",), seeds=1).rows
    assert list(tuned_states.losses(rows)["epoch"]) == [1, 2]


def test_one_run_has_a_value_and_no_interval():
    one = tuned_states.along(planted(seeds=1), "rsa", "nli", layer=1)
    assert one.value == pytest.approx(95) and math.isnan(one.low)


def test_settings_say_how_each_task_was_tuned():
    table = tuned_states.settings(planted()).set_index("tuned for")
    assert table.loc["inference", "score"] == "75.0 [74.8, 75.2] (accuracy)"
    assert (table["examples"] > 0).all() and (table["steps"] > 0).all()
    assert table.loc["questions", "score"].startswith("not run")
