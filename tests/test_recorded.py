"""Recorded rows are those that were recorded, or nothing at all."""

import random
import shutil
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import pytest
from typer.testing import CliRunner

from isomorph import claims, results
from isomorph.cli import app
from isomorph.results import Condition
from isomorph.rows import COLUMNS
from isomorph.runs import Theorem
from isomorph.runs import theorem as theorem_run
from isomorph.text import shipped


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """A copy of some recorded rows and of the manifest, to be damaged."""
    origin = shipped.data_folder()
    (tmp_path / "results").mkdir()
    for name in ("anchor_shares", "theorems", "orders"):
        shutil.copy(origin / f"results/{name}.parquet", tmp_path / "results")
    shutil.copy(origin / shipped.MANIFEST, tmp_path)
    monkeypatch.setenv("ISOMORPH_DATA", str(tmp_path))
    return tmp_path


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """Empty folders, and runs that take no time."""
    monkeypatch.setenv("ISOMORPH_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("ISOMORPH_CACHE", str(tmp_path / "cache"))
    return tmp_path


def finished(seed: int, value: float = 1.0) -> Condition:
    """A condition whose run has finished here, with one row."""
    condition = Condition("made up", Theorem(theorem="strongly_convex", seed=seed))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(theorem_run, "strongly_convex", lambda *_: [("made up", value, 1)])
        results.cached(condition.run, mode="force").outcome()
    return condition


@pytest.mark.parametrize("experiment", ["anchor_shares", "theorems", "orders"])
def test_a_flipped_bit_is_found_or_changes_nothing(copied, experiment):
    path = results.results_path(experiment)
    good, draw = path.read_bytes(), random.Random(0)
    rows = results.recorded(experiment)
    for _ in range(40):
        content = bytearray(good)
        content[draw.randrange(len(good))] ^= 1 << draw.randrange(8)
        path.write_bytes(content)
        with pytest.raises(shipped.DataCorrupted, match=f"{experiment}.parquet is damaged"):
            results.recorded(experiment)
    path.write_bytes(good)
    pd.testing.assert_frame_equal(results.recorded(experiment), rows)


def _edited(path):
    rows = pd.read_parquet(path)
    rows.loc[0, "value"] += 1
    rows.to_parquet(path)


@pytest.mark.parametrize(
    "damage",
    [
        _edited,
        lambda path: path.write_bytes(path.read_bytes()[:-100]),
        lambda path: path.write_bytes(b""),
        lambda path: path.unlink(),
        lambda path: shutil.copy(path.with_name("orders.parquet"), path),
        lambda path: shipped.write_manifest({"files": {}, "sources": {}}),
        lambda path: (shipped.data_folder() / shipped.MANIFEST).unlink(),
        lambda path: shipped.write_manifest(
            {"files": {f"results/{path.name}": {"sha256": None}}, "sources": {}}
        ),
    ],
    ids=["edited", "cut", "empty", "missing", "another's", "unlisted", "no manifest", "no digest"],
)
def test_other_rows_than_those_recorded_are_one_sentence_everywhere(copied, damage):
    damage(results.results_path("theorems"))
    with pytest.raises(shipped.DataCorrupted, match="repository|isomorph data build"):
        results.recorded("theorems")
    assert any(
        "theorems" in problem or "MANIFEST" in problem for problem in results.stale("theorems")
    )
    assert any("theorems" in problem or "MANIFEST" in problem for problem in shipped.verify())
    with pytest.raises(shipped.DataCorrupted):
        claims.as_json()
    for command in (["claims"], ["run", "theorems", "--size", "smoke"], ["data", "verify"]):
        ended = CliRunner().invoke(app, command)
        assert ended.exit_code == 1 and ended.stderr.startswith("isomorph: "), ended.stderr


def test_rows_with_other_columns_are_refused_by_name(copied):
    path = results.results_path("theorems")
    pd.read_parquet(path).rename(columns={"digest": "name"}).to_parquet(path)
    shipped.write_manifest_entry("results/theorems.parquet")
    with pytest.raises(shipped.DataCorrupted, match=r"theorems.parquet has the columns .*'name'"):
        results.recorded("theorems")


def test_rows_from_before_threads_were_counted_have_the_column(copied):
    assert list(results.recorded("theorems")) == [*COLUMNS, "provenance"]


def test_a_folder_of_data_that_is_not_there_is_no_empty_one(tmp_path, monkeypatch):
    monkeypatch.setenv("ISOMORPH_DATA", str(tmp_path / "elsewhere"))
    with pytest.raises(shipped.DataCorrupted, match="elsewhere is no folder"):
        results.recorded("theorems")


def test_an_experiment_that_is_not_recorded_has_no_rows(copied):
    none = results.recorded("nothing")
    assert none.empty and set(COLUMNS) <= set(none)


def test_recording_lists_the_file_and_keeps_the_rows_of_others(elsewhere):
    results.record("trial", [finished(0)], size="smoke")
    results.record("trial", [finished(1, value=2.0)], size="smoke")
    assert shipped.verify() == []
    rows = results.recorded("trial")
    assert dict(zip(rows["seed"], rows["value"], strict=True)) == {0: 1.0, 1: 2.0}
    assert shipped.read_manifest()["files"]["results/trial.parquet"]["rows"] == 2


def test_rows_are_not_added_to_damaged_ones_and_a_removed_file_is_begun_anew(elsewhere):
    one = finished(0)
    path = results.record("trial", [one], size="smoke")
    path.write_bytes(path.read_bytes()[:-1])
    damaged = path.read_bytes()
    with pytest.raises(shipped.DataCorrupted, match="remove it and record"):
        results.record("trial", [one], size="smoke")
    assert path.read_bytes() == damaged
    path.unlink()
    results.record("trial", [one], size="smoke")
    assert len(results.recorded("trial")) == 1


def test_recorded_rows_do_not_count_when_all_is_to_be_computed(elsewhere, monkeypatch):
    condition = finished(0, value=1.0)
    results.record("trial", [condition], size="smoke")
    results.cached(condition.run).infra.clear_job()
    monkeypatch.setattr(theorem_run, "strongly_convex", lambda *_: [("made up", 2.0, 1)])
    kept = results.gather("trial", [condition], size="smoke")
    assert kept[["value", "provenance"]].values.tolist() == [[1.0, "recorded"]]
    skipped = results.gather("trial", [condition], size="smoke", recompute=True, missing="skip")
    assert skipped[["value", "provenance"]].values.tolist() == [[2.0, "live"]]


class Ended(BaseException):
    """Whatever ends a process between two of its steps."""


def test_a_recording_cut_off_leaves_the_earlier_rows_or_the_new_ones(elsewhere, monkeypatch):
    results.record("trial", [finished(0)], size="smoke")

    def end(*_, **__):
        raise Ended

    with monkeypatch.context() as patch:
        patch.setattr(shipped, "write_manifest_entry", end)  # before it is listed
        with pytest.raises(Ended):
            results.record("trial", [finished(1)], size="smoke")
    assert set(results.recorded("trial")["seed"]) == {0}
    listing = shipped.write_manifest_entry
    with monkeypatch.context() as patch:
        patch.setattr(
            shipped, "write_manifest_entry", lambda *a, **k: (listing(*a, **k), end())
        )  # before it takes its place
        with pytest.raises(Ended):
            results.record("trial", [finished(1)], size="smoke")
    assert set(results.recorded("trial")["seed"]) == {0, 1}
    assert shipped.verify() == []


def test_several_record_at_a_time(elsewhere):
    conditions = [finished(seed) for seed in range(6)]
    with ThreadPoolExecutor(6) as pool:
        for seed, condition in enumerate(conditions):
            pool.submit(results.record, f"trial {seed % 2}", [condition], size="smoke")
    assert shipped.verify() == []
    assert set(results.recorded("trial 0")["seed"]) == {0, 2, 4}
    assert set(results.recorded("trial 1")["seed"]) == {1, 3, 5}
