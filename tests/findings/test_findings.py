"""What the chapters of one experiment share: rows in worlds and on real text, tables, sentences."""

import math

import numpy as np
import pandas as pd
import pytest

from isomorph import claims, findings, results
from isomorph.effects import Contrast, Estimate, effect
from isomorph.findings import Found
from isomorph.findings.words import CONDITIONS, score_name
from isomorph.presets import conditions
from isomorph.runs import COLUMNS

SEEDS = np.array([0.50, 0.54, 0.58, 0.52, 0.56])
CELLS = {
    ("default", "las"): SEEDS,
    ("default", "las_lost"): SEEDS + 0.01,
    ("default", "las_kept"): SEEDS - 0.01,
    ("domain_mismatch", "las"): SEEDS - 0.10 + np.array([0, 0.01, 0, -0.01, 0]),
    ("domain_mismatch", "las_lost"): SEEDS - 0.20 + np.array([0, 0.01, 0, -0.01, 0]),
    ("domain_mismatch", "las_kept"): SEEDS - 0.02,
    ("default", "las_majority"): np.full(5, 0.2),  # the same in all: no interval
    ("random_encoder", "las"): np.full(5, 0.1),
}
NAMES = ("default", "domain_mismatch", "topics_50")


def rows(cells=None, size="laptop", pair="a-b"):
    """Rows from {(condition, metric): a value a seed}."""
    found = [
        {
            "experiment": "factors", "size": size, "condition": condition, "pair": pair,
            "layer": pd.NA, "seed": seed, "metric": metric, "value": value, "tokens": 100,
            "seconds": 7.0, "digest": f"{condition}-{pair}-{seed}", "provenance": "recorded",
        }
        for (condition, metric), values in (CELLS if cells is None else cells).items()
        for seed, value in enumerate(values)
    ]  # fmt: skip
    columns = list(dict.fromkeys([*COLUMNS, "provenance"]))
    return pd.DataFrame(found, columns=columns).astype({"layer": "Int64"})


WORLD = Found(rows(), "laptop", 15, NAMES)
NOTHING = Found(rows({}), "reference", 15, NAMES)


def test_scores_are_in_percent_with_their_interval_and_floors():
    table = findings.scores(WORLD, ("las", "nli_accuracy")).set_index("condition")
    assert list(table.index) == [
        "default", "other domain", "topics 50% alike", "random encoder", "monolingual", "majority",
    ]  # fmt: skip
    assert table.loc["default", "parsing"].startswith("54.0 [")
    assert table.loc["majority", "parsing"] == "20.0"
    assert table.loc["topics 50% alike", "parsing"] == "not run"
    assert table.loc["default", "inference"] == "–"
    assert list(table["seeds"]) == ["5", "5", "0", "5", "0", "5"]
    assert len(findings.scores(WORLD, ("las",), ["default"], floors=False)) == 1


def test_a_table_of_nothing_says_so():
    assert set(findings.scores(NOTHING)["parsing"]) == {"not run"}
    assert findings.behind(NOTHING) == "No run of this is recorded yet."
    assert findings.effects_of(NOTHING, [Contrast("x", "las", *NAMES[:2])]).empty


def test_what_the_premise_alone_tells_is_a_floor_where_it_was_measured():
    cells = {
        ("default", "nli_accuracy"): SEEDS,
        ("default", "nli_accuracy_majority"): SEEDS * 0 + 0.3,
    }
    cells |= {("default", "nli_accuracy_premise"): np.full(5, 0.45)}
    found = Found(rows(cells), "laptop", 5, ("default",))
    table = findings.scores(found, ("nli_accuracy",), ["default"]).set_index("condition")
    assert table.loc["premise alone", "inference"] == "45.0", "all agree"


def test_runs_are_counted_by_condition_and_pair():
    assert findings.behind(WORLD) == (
        "10 runs (10 recorded): 5 runs for each condition, a-b. Not run: topics 50% alike."
    )
    assert (
        findings.behind(WORLD, ["default"])
        == "5 runs (5 recorded): 5 runs for each condition, a-b."
    )
    french = rows({("default", "las"): SEEDS[:1], ("domain_mismatch", "las"): SEEDS[:1]},
                  "reference", "en-fr")  # fmt: skip
    chinese = rows({("default", "las"): SEEDS[:3]}, "reference", "en-zh")
    both = Found(pd.concat([french, chinese]), "reference", 9, NAMES[:2])
    assert findings.behind(both) == (
        "5 runs (5 recorded): 1 to 3 runs for each condition and pair (en-fr, en-zh)."
    )
    assert both.runs == 5


def test_a_difference_of_drops_is_paired_by_seed():
    lost, kept = ("las_lost", "las_kept")
    found = findings.combined(
        WORLD.rows,
        [(lost, "domain_mismatch"), (kept, "default")],
        [(lost, "default"), (kept, "domain_mismatch")],
    )
    drops = [effect(WORLD.rows, part, *NAMES[1::-1]).value for part in (lost, kept)]
    assert found.value == pytest.approx(drops[0] - drops[1]) == pytest.approx(-20)
    # Seeds differ by eight points and the differences by two: only pairing is as narrow as that.
    assert -21 <= found.low < found.value < found.high <= -19
    assert (found.seeds, found.paired) == (5, True)


def test_a_sum_of_what_was_not_measured_is_unknown():
    found = findings.combined(WORLD.rows, [("las", "topics_50")], [("las", "default")])
    assert math.isnan(found.value) and found.seeds == 0
    assert findings.written(found) == "not run"


@pytest.mark.parametrize(
    ("value", "low", "high", "words"),
    [
        (-3.2, -4.04, -2.1, "falls by 3.2 points [2.1, 4.0]"),
        (3.2, 2.1, 4.04, "rises by 3.2 points [2.1, 4.0]"),
        (-0.5, -1.0, 0.2, "moves by -0.5 points [-1.0, +0.2], which is not told from 0"),
        (0.0, 0.0, 0.0, "moves by +0.0 points [+0.0, +0.0], which is not told from 0"),
        (
            2.0,
            math.nan,
            math.nan,
            "rises by 2.0 points (no interval: all agree, or are of one model)",
        ),
        (0.01, math.nan, math.nan, "does not move (no interval: all agree, or are of one model)"),
        (math.nan, math.nan, math.nan, "was not run"),
    ],
)
def test_a_change_in_words(value, low, high, words):
    assert findings.moved(Estimate(value, low, high, 5, True, ())) == words
    if "same" in words:
        few = words.replace(
            "no interval: all agree, or are of one model", "too few seeds for an interval"
        )
        assert findings.moved(Estimate(value, low, high, 4, True, ())) == few


def test_a_table_of_predictions_is_told_in_short():
    told = findings.in_short(claims.predictions(["1.4", "2.2"]))
    (found,) = [each for each in claims.judged() if each.claim.id == "1.4"]
    assert f"Claim 1.4: **{found.outcome}** (" in told
    assert "Claim 2.2: **proved** (what runs checks our code)." in told


def test_no_condition_of_the_factors_is_left_without_a_name():
    for experiment in ("factors", "elements"):
        names = {c.name for size in ("laptop", "reference") for c in conditions(experiment, size)}
        assert names <= set(CONDITIONS)


def test_scores_of_a_part_are_named_after_the_whole():
    assert score_name("ner_f1_lost") == "entities (lost topics)"
    assert score_name("las_source", short=False) == "parsing, LAS (first language)"
    assert score_name("something_else") == "something_else"


def planted(name, seed=0, metric="las", value=0.5):
    """A condition, and the rows that a run of it would give."""
    condition = next(
        c for c in conditions("factors", "laptop") if c.name == name and c.run.seed == seed
    )
    made = rows({(name, metric): [value]}).assign(seed=seed, digest=condition.run.digest)
    return condition, made.assign(code="", data="", device="", config="")


def test_one_run_is_made_live_and_the_others_are_recorded(monkeypatch, tmp_path):
    monkeypatch.setenv("ISOMORPH_CACHE", str(tmp_path))  # nothing has finished on this machine
    live, made = planted("default", value=0.5)
    _, kept = planted("domain_mismatch", seed=3)
    monkeypatch.setattr(results, "live", lambda *_, **__: made.assign(provenance="live"))
    monkeypatch.setattr(results, "recorded", lambda _: kept)
    now, found = findings.in_worlds(
        "factors", NAMES, size="laptop", live="default", recompute=False
    )
    assert set(now["digest"]) == {live.run.digest}
    assert (found.runs, found.asked, found.names) == (2, 15, NAMES)
    assert dict(found.rows.groupby("condition")["provenance"].first()) == {
        "default": "live", "domain_mismatch": "recorded",
    }  # fmt: skip
    assert findings.behind(found).startswith("2 runs (1 live, 1 recorded): 1 run for each")
    real = findings.on_real_text("factors", NAMES, size="laptop", recompute=True)
    assert (real.runs, real.size) == (0, "reference") and real.asked >= 1


def test_a_live_run_is_compared_with_its_recorded_self(monkeypatch):
    _, made = planted("default", value=0.5)
    monkeypatch.setattr(results, "recorded", lambda _: made.iloc[:0])
    alone = findings.live_again("factors", made)
    assert alone.startswith("Live: default, 7 seconds. Parsing 50.0%.")
    assert "No rows of this very run are recorded" in alone
    monkeypatch.setattr(results, "recorded", lambda _: made)
    assert "the very same scores" in findings.live_again("factors", made)
    monkeypatch.setattr(results, "recorded", lambda _: made.assign(value=0.512))
    assert "has parsing 51.2%: at most 1.2 points apart" in findings.live_again("factors", made)
    assert findings.live_again("factors", None) == "Nothing was run live."


def test_retrieval_is_read_two_thirds_of_the_way_up(monkeypatch):
    layered = pd.concat(
        [
            planted("default", metric="retrieval_p1_centred", value=layer / 10)[1].assign(
                layer=layer
            )
            for layer in range(5)
        ]
    ).astype({"layer": "Int64"})
    monkeypatch.setattr(results, "recorded", lambda _: layered)
    _, found = findings.in_worlds("factors", ["default"], size="laptop", live=None, recompute=False)
    read = found.rows[found.rows["metric"] == "retrieval"]
    assert list(read["value"]) == [0.3] and read["layer"].isna().all()


def test_a_value_is_written_in_percent_or_as_it_is():
    class Level:
        value, low, high = 12.345, math.nan, math.nan

    assert findings.written(Level) == "12.3"
    assert findings.written(Level, percent=False) == "0.12"
    Level.low, Level.high = -1.0, 20.0
    assert findings.written(Level, sign=True, percent=False) == "+0.12 [-0.01, +0.20]"
    Level.value = math.nan
    assert findings.written(Level) == "not run"
