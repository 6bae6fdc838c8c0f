"""Tables of the chapter on anchors, on rows and texts of which the result is known."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from isomorph.findings import Found, anchoring
from isomorph.ledger.tables import table_one
from isomorph.presets import conditions
from isomorph.text.corpora import Corpus, load_corpus

LEVELS = {
    "default": 0.50, "extra_anchors": 0.51, "far_default": 0.40, "far_extra_anchors": 0.46,
    "random_encoder": 0.35,
}  # fmt: skip


def row(condition, seed, metric, value, pair="a-b"):
    return {
        "condition": condition, "pair": pair, "layer": pd.NA, "seed": seed, "metric": metric,
        "value": value, "tokens": 1, "size": "laptop", "digest": f"{condition}{seed}",
        "provenance": "recorded",
    }  # fmt: skip


@pytest.fixture
def worlds():
    """Inference of five seeds, each with luck of its own that all of its conditions share."""
    rows = []
    for seed in range(5):
        for condition, value in LEVELS.items():
            rows.append(row(condition, seed, "nli_accuracy", value + 0.02 * seed))
            rows.append(row(condition, seed, "nli_accuracy_majority", 0.30 + 0.02 * seed))
    return Found(pd.DataFrame(rows), "laptop", 25, tuple(LEVELS))


def test_added_anchors_help_the_distant_pair_by_so_much_more(worlds):
    (line,) = anchoring.help_further(worlds.rows, table_one(), ["nli_accuracy"]).to_dict("records")
    assert line["near pair"].startswith("+1.0")
    assert line["distant pair"].startswith("+6.0")
    assert line["distant less near"] == "+5.0", (
        "paired, so the seeds' luck cancels; and what never varies has no interval"
    )
    assert (line["the paper: French"], line["Chinese"]) == ("+0.4", "+3.8")
    few = worlds.rows[worlds.rows["condition"] != "far_default"]
    (line,) = anchoring.help_further(few, table_one(), ["nli_accuracy"]).to_dict("records")
    assert (line["distant pair"], line["distant less near"]) == ("not run", "not run")


def test_a_random_encoder_has_its_part_of_the_rise(worlds):
    (line,) = anchoring.strings_alone(worlds, "a-b", ["nli_accuracy", "las"]).to_dict("records")
    assert [line[name] for name in ("majority", "random encoder", "default")] == [
        "34.0", "39.0", "54.0",
    ]  # fmt: skip
    assert line["the random encoder's part of the rise"] == "25%"
    low = worlds.rows["metric"] == "nli_accuracy"
    level = worlds.rows.assign(value=worlds.rows["value"].where(~low, worlds.rows["value"] - 0.2))
    (line,) = anchoring.strings_alone(Found(level, "laptop", 25), "a-b", ["nli_accuracy"]).to_dict(
        "records"
    )
    assert line["the random encoder's part of the rise"] == "no rise"
    without = worlds.rows[worlds.rows["condition"] != "random_encoder"]
    found = Found(without, "laptop", 20)
    (line,) = anchoring.strings_alone(found, "a-b", ["nli_accuracy"]).to_dict("records")
    assert line["random encoder"] == "not run"


def test_the_dials_settings_are_those_of_the_worlds():
    named = {c.name: c for c in conditions("factors", "laptop") if c.run.seed == 0}
    rows = pd.DataFrame([row(name, 0, "las", 0.5) for name in named])
    own = anchoring.along_dial(rows, named.values())
    settings = dict(zip(own["condition"], own[anchoring.SETTING], strict=True))
    assert settings == {
        "anchors_00": 0, "anchors_15": 15, "default": 30, "anchors_45": 45, "anchors_60": 60,
    }  # fmt: skip


def test_shares_are_drawn_by_pair_and_worlds_by_name():
    def counted(condition, pair, *values):
        return [
            row(condition, 0, m, v, pair) for m, v in zip(anchoring.SHARES, values, strict=True)
        ]

    world = Found(pd.DataFrame(counted("default", "a-b", 0.2, 0.4, 0.3)), "laptop", 1)
    real = Found(pd.DataFrame(counted("default", "en-fr", 0.25, 0.5, 0.4)), "reference", 1)
    table = anchoring.share_table([("worlds", world), ("real", real)])
    assert list(dict.fromkeys(table["metric"])) == list(anchoring.SHARES.values())
    assert set(table["source"]) == {"worlds", "en-fr"}
    assert sorted(table["value"]) == pytest.approx([20, 25, 30, 40, 40, 50])
    assert anchoring.share_of(real, "default", "en-fr", "anchor_types") == 0.25
    assert math.isnan(anchoring.share_of(real, "default", "en-zh"))


def corpus(first, second, pairs):
    texts = {"en": first, "fr": second}
    return Corpus(("en", "fr"), texts, texts, texts, {"train": pairs, "test": []}, "")


def test_strings_in_common_are_told_apart():
    text = corpus(
        ["Paul has a table.", "Paul feels pain."],
        ["Paul mange du pain.", "La table, Paul."],
        [("table", "table"), ("pain", "douleur")],
    )
    found = anchoring.shared_strings(text)
    assert found["pair"] == "en-fr"
    assert (found["strings in both"], found["of them words"]) == ("4", "3")
    assert found["such as"] == "paul, table"
    assert found["not words"] == "."
    assert found["in the dictionary, as other words"] == "pain (douleur)"
    assert found["how many"] == "1 of 2"


def test_the_chinese_and_english_bibles_have_no_string_in_common():
    found = anchoring.shared_strings(load_corpus(("en", "zh"), ("bible", "bible")))
    assert found["strings in both"] == "0"
    assert found["such as"] == found["not words"] == "none"


def test_seeds_grow_with_the_square_of_what_an_interval_lacks():
    assert anchoring.seeds_needed(5, half=2.0, room=1.0) == "20"
    assert anchoring.seeds_needed(5, half=1.0, room=0.99) == "6"
    assert anchoring.seeds_needed(5, half=1.0, room=0.0) == "over 1,000"


def test_only_what_cannot_be_told_asks_for_seeds():
    config = json.dumps({"pretraining": {"text": {"kind": "world", "languages": ["a", "b"]}}})
    noise = np.random.default_rng(0).normal(0, 0.05, (3, 5))
    levels = {"no_anchors": 0.5, "default_anchors": 0.5, "default": 0.5}
    cells = [
        (name, "las", level + own) for (name, level), own in zip(levels.items(), noise, strict=True)
    ]
    # What is the same in all seeds has no interval that more of them could narrow.
    cells += [(name, "nli_accuracy", np.full(5, 0.5)) for name in levels]
    cells += [(name, "las", np.full(5, 0.1)) for name in ("random_encoder", "monolingual")]
    cells.append(("default", "las_majority", np.full(5, 0.1)))
    rows = pd.DataFrame(
        row(name, seed, metric, own[seed]) for name, metric, own in cells for seed in range(5)
    ).assign(config=config, experiment="factors")

    def loaded(name):
        return rows if name == "factors" else rows.iloc[:0]

    table = anchoring.seeds_to_settle(["1.2"], loaded)
    assert list(table["prediction"]) == ["Parsing changes by less than 3 points"]
    assert (table["where"].item(), table["now"].item()) == (
        "worlds (laptop)",
        "5 pretraining seeds",
    )
    assert int(table["needed, about"].item()) > 5
    assert anchoring.seeds_to_settle(["1.3"], loaded).empty, "of it there are no rows"
    # Beyond a bound of ours with the whole interval, more seeds would change nothing.
    rows["value"] = rows["value"].mask(rows["condition"] == "no_anchors", 0.1)
    assert anchoring.seeds_to_settle(["1.2"], loaded).empty
