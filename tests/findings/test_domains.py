"""How far two domains are apart, and what a language loses with one."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from isomorph import findings
from isomorph.effects import Estimate
from isomorph.findings import domains
from isomorph.findings.domains import shared_in_world, shared_words
from isomorph.ledger.tables import table_one
from isomorph.presets import conditions
from isomorph.text.worlds import World


def test_texts_share_what_their_frequencies_have_in_common():
    assert shared_words("abab", "ba") == pytest.approx(1)
    assert shared_words("aaa", "bbb") == 0
    assert shared_words("aabb", "accc") == pytest.approx(0.25)
    assert shared_words("aabb", "accc") == shared_words("accc", "aabb")


def test_shared_words_are_one_less_the_total_variation():
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 8, 500), rng.integers(4, 12, 300)
    frequencies = [np.bincount(text, minlength=12) / len(text) for text in (first, second)]
    expected = 1 - np.abs(frequencies[0] - frequencies[1]).sum() / 2
    assert shared_words(first, second) == pytest.approx(expected)


def test_the_dial_moves_shared_words_along_a_straight_line():
    dials = [0.0, 0.25, 0.5, 0.75]
    shared = [shared_in_world(World(topic_overlap=dial)) for dial in dials]
    steps = np.diff(shared)
    assert (steps > 0).all()
    assert steps.max() - steps.min() < 0.03


SMALL = World(lexemes=64, training_sentences=1500)


def test_the_dial_parts_the_topics_and_then_the_words():
    table = domains.dial_table(SMALL)
    assert list(table["topic overlap"]) == [1.0, 0.75, 0.5, 0.25, 0.0]
    assert table["topics of a"].iloc[0] == table["topics of b"].iloc[0] == "25%, 25%, 25%, 25%"
    assert table["topics of a"].iloc[-1] == "50%, 50%, 0%, 0%"
    assert table["topics of b"].iloc[-1] == "0%, 0%, 50%, 50%"
    assert table["words shared"].is_monotonic_decreasing
    same = shared_in_world(SMALL, 1500)
    assert table["words shared"].iloc[0] == pytest.approx(same)


def test_texts_of_one_domain_share_more_words_than_texts_of_two():
    table = domains.shared_in_texts().set_index("texts")["words shared"]
    assert list(table.index) == ["Bible / Bible", "help / help", "Bible / help"]
    assert table["Bible / help"] < 0.5
    assert 0.9 < table["Bible / Bible"] < 1


def test_the_setting_of_the_dial_is_read_from_the_run_itself():
    runs = [c for c in conditions("factors", "smoke") if c.name in ("default", "domain_mismatch")]
    rows = pd.DataFrame(
        {"condition": [*(c.name for c in runs), "monolingual"],
         "config": [*(c.run.config_json() for c in runs), runs[0].run.config_json()]}
    )  # fmt: skip
    assert list(domains.along_the_dial(rows)["topic_overlap"]) == [1.0, 0.0]
    of_all = {c.name: json.loads(c.run.config_json()) for c in conditions("factors", "laptop")
              if c.run.seed == 0}  # fmt: skip
    read = {n: of_all[n]["pretraining"]["text"]["world"]["topic_overlap"] for n in domains.DIAL}
    assert read == domains.DIAL


def planted(drops, seeds=5):
    """Rows in which each (task, part) falls by its drop, from a level that differs by seed."""
    rows = [
        {"condition": condition, "pair": "a-b", "layer": None, "seed": seed, "metric": metric,
         "value": 0.6 + 0.05 * seed - drop * (condition == "domain_mismatch") + 0.001 * (seed - 2) * metric.endswith("lost") * (condition == "default"),
         "tokens": 1, "size": "laptop"}
        for metric, drop in drops.items()
        for condition in ("default", "domain_mismatch")
        for seed in range(seeds)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_the_nuance_is_the_drop_on_lost_less_the_drop_on_kept():
    rows = planted({"ner_f1_lost": 0.3, "ner_f1_kept": 0.1, "las_lost": 0.0, "las_kept": 0.2})
    found = domains.nuance(rows)
    assert found["ner_f1"].value == pytest.approx(20)
    assert found["las"].value == pytest.approx(-20)
    assert found["ner_f1"].paired and found["ner_f1"].seeds == 5
    told = domains.nuance_table(rows).set_index("task")["so"]
    assert dict(told) == {
        "inference": "not run",
        "entities": "lost topics fare worse",
        "parsing": "kept topics fare worse",
    }


def test_a_difference_of_drops_is_only_read_where_its_interval_allows():
    nan = math.nan
    for low, high, value, words in (
        (1, 3, 2, "lost topics fare worse"),
        (-3, -1, -2, "kept topics fare worse"),
        (-1, 3, 1, "not told apart"),
        (nan, nan, 2, "no interval: all agree, or are of one model"),
        (nan, nan, nan, "not run"),
    ):
        assert domains.reading(Estimate(value, low, high, 5, True, ())) == words


def test_real_tasks_are_grouped_by_the_domain_of_their_text():
    found = domains.by_text(("en-fr", "en-zh"))
    assert len(found) == 12 == len({contrast.label for contrast in found})
    assert {contrast.heading for contrast in found} == set(domains.TASKS_OF)
    assert all(len(contrast.pairs) == 1 for contrast in found)
    # Lines with a paper's number are those of the paper's own sets.
    nothing = findings.Found(planted({"las": 0}).iloc[:0], "reference", 0)
    table = findings.effects_of(nothing, found, table_one())
    assert set(table["heading"]) == {domains.NEITHER}


def levels_of(cells):
    """Rows of one seed and pair from {(condition, metric): value}."""
    return pd.DataFrame(
        {"condition": condition, "pair": "en-fr", "layer": None, "seed": 0, "metric": metric,
         "value": value, "tokens": 1, "size": "reference"}
        for (condition, metric), value in cells.items()
    )  # fmt: skip


def test_a_task_at_its_floor_has_nothing_to_lose():
    rows = levels_of(
        {
            ("default", "terms_f1"): 0.10,
            ("domain_mismatch", "terms_f1"): 0.12,
            ("default", "terms_f1_majority"): 0.13,
            ("default", "ner_f1"): 0.30,
            ("domain_mismatch", "ner_f1"): 0.20,
            ("default", "ner_f1_majority"): 0.05,
            ("monolingual", "ner_f1"): 0.15,
            ("random_encoder", "ner_f1"): 0.28,
            ("default", "ner_f1_source"): 0.7,
            ("default", "retrieval"): 0.05,
            ("default", "retrieval_p1_chance"): 0.001,
            ("default", "las"): 0.40,  # without any floor, nothing is known of it
        }
    )
    table = domains.above_floors(rows, ["en-fr", "en-zh"]).set_index("metric")
    assert set(table.index) == {"terms_f1", "ner_f1", "retrieval"} and set(table["pair"]) == {
        "en-fr"
    }
    assert dict(table["informative"]) == {"terms_f1": False, "ner_f1": False, "retrieval": True}
    assert table.loc["ner_f1", "floor"] == "random encoder"
    assert table.loc["ner_f1", ["better", "highest floor"]].tolist() == pytest.approx([30, 28])
    told = domains.floors_to_read(table.reset_index())
    assert list(told["can lose"]) == ["yes", "no", "no"]
    assert list(told["first language"]) == ["", "", 70.0]
    assert list(domains.above_floors(rows, ["en-fr"], ["ner_f1"])["task"]) == ["entities"]
    nothing = domains.above_floors(rows.iloc[:0], ["en-fr"])
    assert nothing.empty and domains.floors_to_read(nothing).empty


def test_real_text_is_read_only_where_there_is_something_to_lose():
    cells = {
        (condition, task): level + change * (condition == "domain_mismatch")
        for task, level, change in (
            ("retrieval", 0.3, -0.2), ("terms_f1", 0.4, 0.1), ("las", 0.11, -0.08),
        )
        for condition in ("default", "domain_mismatch")
    }  # fmt: skip
    floors = {("default", "retrieval_p1_chance"): 0.001, ("default", "las_source"): 0.4}
    floors |= {("default", f"{task}_majority"): 0.1 for task in ("terms_f1", "las")}

    def told(cells):
        rows = levels_of(cells)
        found = findings.Found(rows, "reference", 2)
        changes = findings.effects_of(found, domains.by_text(["en-fr"]), table_one())
        table = domains.above_floors(rows, ["en-fr"])
        return domains.told_by_texts(changes, table), domains.at_floor(table)

    said, left_out = told(cells | floors)
    assert said.startswith("2 of 3 scores stand at least 3 points above every floor.")
    assert "-20.0 points where it is of the domain lost (sentence retrieval, en-fr)" in said
    assert "+10.0 points where it is of the domain gained (interface terms, en-fr)" in said
    assert "at most 1 seed a pair, so it has no interval." in said and said.endswith("it is so.")
    assert left_out.endswith("here: parsing (en-fr).")

    turned = {("domain_mismatch", "retrieval"): 0.5}
    assert told(cells | floors | turned)[0].endswith("it is not so.")
    assert told(cells | floors | {("default", "terms_f1_majority"): 0.6})[0].endswith("open here.")
    assert told({("default", "las"): 0.1})[0].startswith("No such task is recorded")
    assert told({("default", "las"): 0.1})[1] == ""


def test_what_is_at_its_floor_is_told_once_a_task():
    floors = pd.DataFrame(
        [("parsing", "en-fr", False), ("entities", "en-fr", True), ("parsing", "en-ru", False),
         ("inference", "en-ru", False)],
        columns=["task", "pair", "informative"],
    )  # fmt: skip
    assert domains.at_floor(floors) == (
        "At a floor, so of no use here: parsing (en-fr, en-ru); inference (en-ru)."
    )
    assert domains.at_floor(floors[1:2]) == ""


def test_changes_by_topics_are_those_of_the_parts():
    rows = planted({f"{task}_{part}": 0.1 for task in findings.TASKS for part in ("lost", "kept")})
    table = findings.effects_of(findings.Found(rows, "laptop", 10), domains.by_topics())
    assert len(table) == 6
    assert np.allclose(table["value"], -10)
