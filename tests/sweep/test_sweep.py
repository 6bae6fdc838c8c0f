"""A sweep is one command: what it says, what it keeps, and what a failure costs."""

import multiprocessing
import re
import subprocess
import sys
import time

import pandas as pd
import pytest

from isomorph import results, sweep
from isomorph.presets import EXPERIMENTS
from isomorph.runs import Transfer, pretraining
from isomorph.sweep import execution
from isomorph.sweep.execution import Worker, execute
from tests.small_runs import long, tiny, transfer


@pytest.fixture
def trial(monkeypatch):
    """Makes the experiment `trial` of some conditions."""
    return lambda *several: monkeypatch.setitem(EXPERIMENTS, "trial", lambda size: list(several))


def quietly(**settings) -> list[str]:
    said = []
    sweep.sweep("trial", size="smoke", say=said.append, **settings)
    return said


def test_a_sweep_keeps_the_good_runs_when_one_fails(elsewhere, trial, at_once, monkeypatch):
    trial(tiny(1, "bad"), tiny(0, "good"))
    train = pretraining.train

    def break_seed_one(run):
        if run.seed == 1:
            raise RuntimeError("out of luck")
        return train(run)

    monkeypatch.setattr(pretraining, "train", break_seed_one)
    with pytest.raises(sweep.RunsFailed, match="1 of 2 runs failed") as failed:
        quietly()
    log = elsewhere / "cache" / "logs" / f"{tiny(1).run.digest}.log"
    assert "bad (a-b, seed 1" in str(failed.value) and f"log: {log}" in str(failed.value)
    assert "RuntimeError: out of luck" in str(failed.value)
    assert "break_seed_one" in log.read_text(), "the log has the traceback"
    states = sweep.listing("trial", size="smoke").set_index("condition")["state"]
    assert dict(states) == {"good": "finished", "bad": "missing"}

    monkeypatch.setattr(pretraining, "train", train)
    said = quietly()
    assert "2 runs, 1 recorded or finished, 1 to go" in said[0]
    assert at_once == [0, 1], "the finished run is not run again"
    assert quietly() == ["trial at smoke: 2 runs, 2 recorded or finished, 0 to go."]


def test_a_sweep_does_not_repeat_what_is_recorded(elsewhere, trial, at_once, monkeypatch):
    trial(tiny(0))
    quietly(record=True)
    monkeypatch.setenv("ISOMORPH_CACHE", str(elsewhere / "another"))
    assert "1 recorded or finished" in quietly()[0]
    assert at_once == [0] and not results.finished(tiny(0))
    quietly(anew=True)
    assert at_once == [0, 0] and results.finished(tiny(0))


def test_a_sweep_names_what_is_to_go(elsewhere, trial, at_once):
    trial(tiny(0, "one"), tiny(1, "one"), tiny(2, "two"))
    execute([tiny(1)])
    assert quietly()[0].splitlines()[1:] == ["  one: a-b seed 0", "  two: a-b seed 2"]


def test_an_interrupted_sweep_has_recorded_what_ended(elsewhere, trial, at_once, monkeypatch):
    trial(tiny(0), tiny(1), tiny(2))
    train = pretraining.train

    def interrupt(run):
        if run.seed == 1:
            raise KeyboardInterrupt
        return train(run)

    monkeypatch.setattr(pretraining, "train", interrupt)
    said = []
    with pytest.raises(KeyboardInterrupt):
        sweep.sweep("trial", size="smoke", record=True, say=said.append)
    assert said[-1] == "1 of 3 runs are finished and kept."
    assert set(results.recorded("trial")["seed"]) == {0}
    monkeypatch.setattr(pretraining, "train", train)
    quietly(record=True)
    assert at_once == [0, 1, 2]
    assert set(results.recorded("trial")["seed"]) == {0, 1, 2}


def test_what_finished_before_is_recorded_when_asked(elsewhere, trial, at_once):
    trial(tiny(0), tiny(1))
    quietly()
    assert results.recorded("trial").empty
    assert "2 that finished earlier are recorded" in quietly(record=True)[1]
    assert set(results.recorded("trial")["seed"]) == {0, 1}


def _record_slowly(seed: int) -> None:
    recorded = results.recorded

    def slowly(experiment):
        rows = recorded(experiment)
        time.sleep(0.3)  # time enough for another process to write between
        return rows

    results.recorded = slowly
    results.record("trial", [tiny(seed)], size="smoke")


def test_processes_that_record_at_a_time_lose_no_rows(elsewhere, at_once):
    execute([tiny(seed) for seed in range(4)])
    fork = multiprocessing.get_context("fork")
    several = [fork.Process(target=_record_slowly, args=(seed,)) for seed in range(4)]
    for process in several:
        process.start()
    for process in several:
        process.join()
    assert set(results.recorded("trial")["seed"]) == {0, 1, 2, 3}


def test_a_kill_while_recording_leaves_the_earlier_rows(elsewhere, at_once, monkeypatch):
    execute([tiny(0), tiny(1)])
    results.record("trial", [tiny(0)], size="smoke")

    def killed(rows, path, **settings):
        path.write_bytes(b"PAR1 and no more")
        raise KeyboardInterrupt

    monkeypatch.setattr(pd.DataFrame, "to_parquet", killed)
    with pytest.raises(KeyboardInterrupt):
        results.record("trial", [tiny(1)], size="smoke")
    assert set(results.recorded("trial")["seed"]) == {0}


def test_interruption_ends_local_processes_and_keeps_checkpoints(elsewhere, trial, monkeypatch):
    monkeypatch.setenv("ISOMORPH_CHECKPOINT", "0.1")
    trial(long(0))
    workers = []
    monkeypatch.setattr(execution, "Worker", lambda *g: workers.append(Worker(*g)) or workers[-1])

    def interrupt():
        time.sleep(0.25)
        if results.cached(long(0).run).checkpoint().exists():
            raise KeyboardInterrupt

    monkeypatch.setattr(execution, "pause", interrupt)
    said = []
    with pytest.raises(KeyboardInterrupt):
        sweep.sweep("trial", size="smoke", cluster="local", say=said.append)
    assert said[-1] == "0 of 1 runs are finished and kept."
    assert all(w.process.returncode is not None for w in workers)
    monkeypatch.setattr(sweep, "execute", lambda *asked, **settings: None)
    assert re.search(r"begun: tiny 0 .* goes on at step [1-9]\d* of \d+\.", quietly()[0])
    monkeypatch.setattr(type(long(0).run), "code", "another")
    assert "starts anew, since other code began it" in quietly()[0]
    results.cached(long(0).run).checkpoint().write_bytes(b"")
    assert re.search(r"starts anew, since .*checkpoint.pt is damaged", quietly()[0])


def test_a_sweep_trains_a_shared_pretraining_once_and_records_what_was_asked_for(
    elsewhere, trial, at_once, monkeypatch
):
    def transferred(run):
        return run.in_same_cache(run.pretraining).outcome() | {"data": run.checksum()}

    monkeypatch.setattr(Transfer, "execute", transferred)
    nli, ner = transfer(0), transfer(0, "ner")
    trial(nli, ner)
    said = quietly(record=True)
    assert at_once == [0]
    assert [line.split(" (")[0] for line in said[-3:]] == [
        "pretraining of nli 0, ner 0", "nli 0", "ner 0",
    ]  # fmt: skip
    assert "2 to go" in said[-3] and "0 to go" in said[-1]
    assert set(results.recorded("trial")["digest"]) == {nli.run.digest, ner.run.digest}


@pytest.mark.parametrize("ending", [".csv", ".json", ".parquet"])
def test_export(elsewhere, trial, at_once, ending):
    trial(tiny(0), tiny(1))
    with pytest.raises(ValueError, match="nothing of 'trial'"):
        sweep.export("trial", elsewhere / f"rows{ending}", size="smoke")
    quietly()
    path = elsewhere / f"rows{ending}"
    count = sweep.export("trial", path, size="smoke")
    read = {".csv": pd.read_csv, ".json": pd.read_json, ".parquet": pd.read_parquet}[ending]
    assert len(read(path)) == count == 2


def test_listing_all_runs_loads_no_model_library():
    """Else it takes seconds for what is known at once."""
    listed = (
        "import sys; from isomorph import sweep; table = sweep.listing(None, size='laptop'); "
        "assert len(table) > 100; print({'torch', 'transformers'} & set(sys.modules))"
    )
    told = subprocess.run(
        [sys.executable, "-c", listed], capture_output=True, text=True, check=True
    )
    assert told.stdout == "set()\n"
