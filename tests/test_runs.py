"""Runs as values, their rows, and rows recorded earlier."""

import itertools
import json
import os
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
import torch
from pydantic import ValidationError

from isomorph import results
from isomorph.config import SIZES
from isomorph.models.settings import EncoderConfig
from isomorph.presets import EXPERIMENTS, conditions, real_run, smoke_run
from isomorph.presets.recipes import paper_run
from isomorph.results import Condition
from isomorph.rows import COLUMNS
from isomorph.runs import (
    Comparison,
    Pretraining,
    cache,
    pretraining,
    run_from_json,
    text_checksum,
)
from isomorph.sweep import execute, execution
from isomorph.text import shipped
from isomorph.text.vocab import VocabularyConfig
from tests.small_runs import SHORT, tiny_run


def test_a_digest_names_what_changes_the_result_and_nothing_else():
    run = real_run()
    assert run.digest == real_run().digest
    same = [
        run.model_copy(update={"device": "cpu"}),
        run.model_copy(update={"progress": False}),
        run.model_copy(update={"micro_batch": 4}),
        results.cached(run),
    ]
    assert {other.digest for other in same} == {run.digest}
    different = [
        real_run(seed=1),
        real_run(width=64),
        real_run(("en", "de")),
        real_run(tokens=10),
        run.model_copy(update={"vocabulary": VocabularyConfig(anchors="none")}),
        run.model_copy(update={"encoder": EncoderConfig(specific=("layer.0",))}),
        smoke_run(0),
    ]
    assert len({other.digest for other in different} | {run.digest}) == 1 + len(different)


def test_a_digest_survives_a_round_trip_and_a_later_field_with_a_default():
    for run in (real_run(), smoke_run(3), paper_run()):
        assert Pretraining(**json.loads(run.config_json())).digest == run.digest
        earlier = json.loads(run.config_json())
        del earlier["encoder"]["transform"]  # as if recorded before there was such a field
        assert Pretraining(**earlier).digest == run.digest


def test_a_changed_default_makes_an_older_config_another_run():
    older = json.loads(real_run().config_json())
    older["training"]["clip"] = 0.5  # what the default might have been once
    assert Pretraining(**older).digest != real_run().digest


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"encoder": {"width": 30, "heads": 4}}, "width is 30"),
        ({"encoder": {"specific": ["layer.9"]}}, "layer.9"),
        ({"training": {"tokens": 0}}, "tokens"),
        ({"training": {"tokens": 5, "optimiser": "sgd"}}, "optimiser"),
        ({"learning_rate": 1}, "learning_rate"),
        ({"training": {"tokens": 5, "random_words": "same"}}, "a joint vocabulary"),
        ({"text": {"kind": "shipped", "languages": ["en"], "domains": ["bible"]}, "vocabulary": {"anchors": "extra"}},
         "needs two languages"),
    ],
)  # fmt: skip
def test_impossible_configs_are_refused_before_any_work(change, named):
    with pytest.raises(ValidationError, match=named):
        Pretraining(**{"training": {"tokens": 100}} | change)


def test_marks_double_every_second_time_and_end_with_the_run():
    stops = real_run(marks=9).stops()
    assert stops[0] == 0 and stops[-1] == real_run().training.steps
    ratios = [b / a for a, b in itertools.pairwise(stops[1:])]
    assert ratios == pytest.approx([2**0.5] * len(ratios), rel=0.02)
    assert tiny_run(marks=1).stops() == [0, SHORT.steps]


class _Later(datetime):
    @classmethod
    def now(cls, tz=None):
        return super().now(tz) + timedelta(days=1)


def test_live_recorded_and_gathered(elsewhere, monkeypatch):
    condition = Condition("tiny", tiny_run())
    first = results.live("trial", condition, size="smoke")
    assert list(first.columns) == [*COLUMNS, "provenance"]
    assert set(first["provenance"]) == {"live"}
    assert {"loss", "heldout_loss", "retrieval_p1", "multilinguality"} <= set(first["metric"])
    assert first["tokens"].min() == 0

    path = results.record("trial", [condition], size="smoke")
    assert path.parent == elsewhere / "data" / "results"
    recorded = results.gather("trial", [condition], size="smoke")
    assert set(recorded["provenance"]) == {"recorded"}
    assert first["recorded"].isna().all()
    (when,) = set(recorded["recorded"])
    assert datetime.now(UTC) - datetime.fromisoformat(when) < timedelta(hours=1)
    # Recorded once more, it keeps its first time: a rule between the two was not blind to it.
    monkeypatch.setattr(results, "datetime", _Later)
    results.record("trial", [condition], size="smoke")
    assert set(results.recorded("trial")["recorded"]) == {when}
    # What the run did not measure then, no rule has seen.
    whole = results.recorded("trial").drop(columns="provenance")
    whole[whole["metric"] != "retrieval_p1"].to_parquet(path, index=False)
    shipped.write_manifest_entry("results/trial.parquet", rows=len(whole), written=path)
    results.record("trial", [condition], size="smoke")
    again = results.recorded("trial").groupby("metric")["recorded"].unique()
    assert list(again.pop("retrieval_p1")) > [when]
    assert {date for (date,) in again} == {when}
    same = ["metric", "layer", "tokens", "value"]
    pd.testing.assert_frame_equal(
        recorded[same], first[same].reset_index(drop=True), check_dtype=False
    )
    again = results.live("trial", condition, size="smoke")
    timed = {"seconds", "recorded"}
    pd.testing.assert_frame_equal(
        again.drop(columns=["provenance", *timed]), recorded.drop(columns=["provenance", *timed]),
        check_dtype=False,
    )  # fmt: skip


def test_a_run_on_other_text_does_not_count_as_finished(elsewhere, monkeypatch):
    condition = Condition("tiny", tiny_run())
    results.live("trial", condition, size="smoke")
    assert results.finished(condition)
    monkeypatch.setattr(pretraining, "text_checksum", lambda text: "of other text")
    assert not results.finished(condition)
    monkeypatch.setattr(pretraining, "train", lambda run: {"records": [], "data": "of other text"})
    execute([condition])
    assert results.finished(condition)


def test_what_was_finished_here_by_the_same_code_is_not_run_again(elsewhere, monkeypatch):
    condition = Condition("tiny", tiny_run())
    first = results.live("trial", condition, size="smoke")
    again = results.gather("trial", [condition], size="smoke", recompute=True)
    assert set(again["provenance"]) == {"cached"}
    assert again["seconds"].tolist() == first["seconds"].tolist()
    monkeypatch.setattr(Pretraining, "code", "another")
    anew = results.gather("trial", [condition], size="smoke", recompute=True)
    assert set(anew["provenance"]) == {"live"}


def train_below(run):
    below = map(run.in_same_cache, run.foundations())
    results.train_here(below, and_measure=run.passes_records_on)


def test_a_live_run_starts_from_models_that_this_code_trained_here(elsewhere, monkeypatch):
    """Chapters on the same two models train them once, and not again for another measure; a model
    of other code does not count."""
    one = tiny_run()
    other = one.model_copy(update={"seed": 1})
    condition = Condition("trial", Comparison(text=one.text, source=one, target=other))
    trained_now = []
    train = pretraining.train
    monkeypatch.setattr(
        pretraining, "train", lambda run: trained_now.append(run.seed) or train(run)
    )
    first = results.live("trial", condition, size="smoke")
    assert trained_now == [0, 1]
    again = results.live("trial", condition, size="smoke")
    assert trained_now == [0, 1]
    assert again["value"].tolist() == first["value"].tolist()
    monkeypatch.setattr(Pretraining, "code", "of other measures")
    train_below(results.cached(condition.run))
    assert trained_now == [0, 1]
    monkeypatch.setattr(Comparison, "passes_records_on", True)
    train_below(results.cached(condition.run))
    assert trained_now == [0, 1, 0, 1]
    monkeypatch.setattr(Comparison, "passes_records_on", False)
    monkeypatch.setattr(Pretraining, "training_code", "another")
    train_below(results.cached(condition.run))
    assert trained_now == [0, 1, 0, 1, 0, 1]


def test_a_live_run_first_trains_the_model_that_nobody_is_training(elsewhere, monkeypatch):
    one = tiny_run()
    other = one.model_copy(update={"seed": 1})
    run = results.cached(Comparison(text=one.text, source=one, target=other))
    ends = ExitStack()
    trained_now = []

    def note(below):
        trained_now.append(below.seed)
        ends.close()  # the other process has ended its training by now

    monkeypatch.setattr(results, "trained", note)
    with ends:
        ends.enter_context(cache.held([one]))
        train_below(run)
    assert trained_now == [1, 0]


def test_gather_skips_or_runs_what_is_missing(elsewhere):
    condition = Condition("tiny", tiny_run())
    skipped = results.gather("trial", [condition], size="smoke", missing="skip")
    assert skipped.empty and set(COLUMNS) <= set(skipped.columns)
    run = results.gather("trial", [condition], size="smoke")
    assert set(run["provenance"]) == {"live"}


def test_recording_replaces_a_runs_rows_and_keeps_the_others(elsewhere):
    one, two = Condition("one", tiny_run(0)), Condition("two", tiny_run(1))
    for condition in (one, two):
        results.live("trial", condition, size="smoke")
    results.record("trial", [one], size="smoke")
    results.record("trial", [one, two], size="smoke")
    rows = results.recorded("trial")
    assert set(rows["condition"]) == {"one", "two"}
    assert not rows.duplicated(["digest", "metric", "layer", "tokens"]).any()
    with pytest.raises(ValueError, match="nothing of 'trial'"):
        results.record("trial", [Condition("three", tiny_run(2))], size="smoke")


def test_stale_rows_are_reported(elsewhere):
    condition = Condition("tiny", tiny_run())
    results.live("trial", condition, size="smoke")
    path = results.record("trial", [condition], size="smoke")
    assert results.stale() == []
    good = pd.read_parquet(path)

    def spoilt(**columns) -> list[str]:
        good.assign(**columns).to_parquet(path)
        shipped.write_manifest_entry("results/trial.parquet")
        return results.stale("trial")

    (problem,) = spoilt(data="0" * 64)
    assert "the text they were measured on has changed" in problem and "'tiny'" in problem
    unknown = json.loads(good["config"][0]) | {"temperature": 1}
    (problem,) = spoilt(config=json.dumps(unknown))
    assert "no longer validates" in problem and "temperature" in problem
    without = json.loads(good["config"][0])
    del without["kind"]
    (problem,) = spoilt(config=json.dumps(without))
    assert "it has no kind; the kinds are anchor_share, comparison," in problem
    (problem,) = spoilt(config=json.dumps(without | {"kind": "distillation"}))
    assert "'distillation'" in problem and "'pretraining'" in problem and "\n" not in problem
    other = json.loads(good["config"][0]) | {"seed": 9}
    (problem,) = spoilt(config=json.dumps(other))
    assert "names another run" in problem


def _one_of_two(folder: str) -> None:
    torch.set_num_threads(1)  # a fork has none of the threads that its parent computed with
    os.environ |= {"ISOMORPH_CACHE": folder, "RANK": str(torch.distributed.get_rank())}
    execution.outcome(results.cached(tiny_run()))
    assert results.finished(Condition("tiny", tiny_run())), (
        "the other finds what the first has kept"
    )


def test_two_processes_share_a_run_and_one_keeps_it(elsewhere):
    from accelerate import debug_launcher

    debug_launcher(_one_of_two, (str(elsewhere / "cache"),), num_processes=2)
    condition = Condition("tiny", tiny_run())
    assert results.finished(condition)
    together = results.finished_rows("trial", condition, size="smoke")
    alone = results.live("trial", condition, size="smoke")
    both = together.merge(alone, on=["metric", "layer", "tokens"])
    losses = both[both["metric"].isin(["loss", "heldout_loss"])]
    assert len(losses) > 3
    assert losses["value_x"].to_numpy() == pytest.approx(losses["value_y"], rel=1e-3)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("experiment", sorted(EXPERIMENTS))
def test_every_preset_validates_and_names_distinct_runs(experiment, size):
    wanted = conditions(experiment, size)
    assert len({c.run.digest for c in wanted}) == len(wanted)
    for condition in wanted:  # a config that was changed by copying has not been validated yet
        config = condition.run.config_json()
        assert run_from_json(config).config_json() == config


def test_an_unknown_experiment_is_named():
    with pytest.raises(ValueError, match="experiment is 'nothing'; allowed are"):
        conditions("nothing", "laptop")


def test_recorded_rows_are_not_stale():
    assert results.stale() == []


def test_recorded_smoke_rows_are_reproduced():
    (condition,) = conditions("learning_curve", "smoke")
    then = results.recorded("learning_curve")
    then = then[then["digest"] == condition.run.digest]
    assert len(then), "the smoke rows of the learning curve ship"
    run = results.live("learning_curve", condition, size="smoke")
    keys = ["metric", "layer", "tokens"]
    both = then.merge(run, on=keys, suffixes=("_then", "_now"))
    assert len(both) == len(then)
    losses = both[both["metric"].isin(["loss", "heldout_loss"])]
    # Another processor adds in another order, and training makes the most of it.
    assert losses["value_now"].to_numpy() == pytest.approx(losses["value_then"], rel=0.01)
    shares = both[both["metric"].str.contains("_p1|_mrr|multilinguality")]
    assert (shares["value_now"] - shares["value_then"]).abs().max() < 0.08


def test_a_text_that_ships_has_a_checksum_and_a_world_has_none():
    assert len(text_checksum(real_run().text)) == 64
    assert text_checksum(smoke_run(0).text) == ""
