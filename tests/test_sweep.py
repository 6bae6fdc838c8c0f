"""A sweep is one command: what it says, what it keeps, and what a failure costs."""

import multiprocessing
import os
import signal
import time

import pandas as pd
import pytest
import torch

import isomorph.runs.transfer
from isomorph import results, sweep
from isomorph.models.settings import TrainingConfig
from isomorph.presets import EXPERIMENTS, smoke_run
from isomorph.results import Condition
from isomorph.runs import Task, Transfer, pretraining, run_from_json
from isomorph.sweep import execution, worker
from isomorph.sweep.execution import Queue, RunFailed, execute, in_order
from isomorph.sweep.worker import Worker

TINY = TrainingConfig(tokens=4000, batch=8, length=32, warmup=2)
SAME = ["metric", "layer", "tokens", "value"]


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """Empty folders for recorded rows and for the cache."""
    monkeypatch.setenv("ISOMORPH_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("ISOMORPH_CACHE", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def trial(monkeypatch):
    """Makes the experiment `trial` of some conditions."""
    return lambda *several: monkeypatch.setitem(EXPERIMENTS, "trial", lambda size: list(several))


@pytest.fixture
def at_once(monkeypatch):
    """Replaces training by a moment; the seeds that were trained, in order."""
    trained = []

    def train(run):
        trained.append(run.seed)
        records = [{"metric": "loss", "value": run.seed, "tokens": 1, "seconds": 2.0}]
        return {"records": records, "data": "", "device": "x86_64 CPU", "code": ""}

    monkeypatch.setattr(pretraining, "train", train)
    return trained


def tiny(seed: int, name: str | None = None, **changes) -> Condition:
    run = smoke_run(seed).model_copy(update={"training": TINY, "marks": 2} | changes)
    return Condition(name or f"tiny {seed}", run)


def long(seed: int) -> Condition:
    """A run that is caught at work."""
    return tiny(seed, training=TINY.model_copy(update={"tokens": 40_000_000}))


def quietly(**settings) -> list[str]:
    said = []
    sweep.sweep("trial", size="smoke", say=said.append, **settings)
    return said


def transfer(seed: int, task: str = "nli") -> Condition:
    tasks = (Task(name=task, train=10, test=10),)
    return Condition(f"{task} {seed}", Transfer(pretraining=tiny(seed).run, tasks=tasks))


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


def test_a_killed_process_and_a_failed_run_cost_no_other(elsewhere, monkeypatch):
    absent = "cuda" if torch.backends.mps.is_available() else "mps"
    killed, broken, good = long(0), tiny(1, device=absent), tiny(2)
    workers = []

    class Watched(Worker):
        def __init__(self, *given):
            super().__init__(*given)
            workers.append(self)

    monkeypatch.setattr(execution, "Worker", Watched)

    def kill(started):
        (victim,) = (w for w in workers if w.condition is killed)
        if not victim.ended() and "pretraining" in worker.log_path(killed.run).read_text():
            os.kill(victim.process.pid, signal.SIGKILL)

    ended = []
    failures = execute([killed, broken, good], cluster="local", jobs=2, tick=kill,
                       done=lambda condition, failure: ended.append(condition))  # fmt: skip
    assert set(failures) == {killed.run.digest, broken.run.digest}
    assert "ended by SIGKILL, perhaps for want of memory" in str(failures[killed.run.digest])
    assert f"ValueError: device is '{absent}'" in str(failures[broken.run.digest])
    assert all(failure.log.exists() for failure in failures.values())
    assert {c.name for c in ended} == {killed.name, broken.name, good.name}
    there = results.finished_rows("trial", good, size="smoke")
    here = results.live("trial", good, size="smoke")
    pd.testing.assert_frame_equal(there[SAME], here[SAME])


def test_interruption_ends_local_processes_and_keeps_checkpoints(elsewhere, trial, monkeypatch):
    monkeypatch.setenv("ISOMORPH_CHECKPOINT", "0.1")
    trial(long(0))
    workers = []
    monkeypatch.setattr(execution, "Worker", lambda *g: workers.append(Worker(*g)) or workers[-1])

    def interrupt(progress, started):
        if (worker.run_folder(long(0).run) / "checkpoint.pt").exists():
            raise KeyboardInterrupt

    monkeypatch.setattr(sweep.Progress, "tick", interrupt)
    said = []
    with pytest.raises(KeyboardInterrupt):
        sweep.sweep("trial", size="smoke", cluster="local", say=said.append)
    assert said[-1] == "0 of 1 runs are finished and kept."
    assert all(w.process.returncode is not None for w in workers)
    monkeypatch.setattr(execution, "_here", lambda queue: None)
    assert "1 of them begun: they go on from their checkpoints." in quietly()[0]


def test_a_worker_ends_with_the_process_that_started_it(elsewhere):
    started = Worker(long(0))
    while "pretraining" not in worker.log_path(long(0).run).read_text():
        time.sleep(0.1)
    started.process.stdin.close()  # as when this process is killed
    assert started.process.wait(timeout=20) == -signal.SIGTERM


def test_each_worker_has_the_gpu_with_the_fewest(elsewhere, monkeypatch):
    given = []

    class Idle:
        def __init__(self, condition, gpu):
            self.condition, self.gpu, self.began, self.polls = condition, gpu, 0.0, 0
            given.append(gpu)

        def ended(self):
            self.polls += 1
            return self.polls > len(given)

        def failure(self):
            return None

    monkeypatch.setattr(execution, "Worker", Idle)
    monkeypatch.setattr(worker, "gpus", lambda: ["4", "7"])
    execute([tiny(seed) for seed in range(3)], cluster="local", jobs=3)
    assert given == ["4", "7", "4"]
    monkeypatch.setattr(worker, "gpus", list)
    execute([tiny(3)], cluster="local")
    assert given[-1] is None


def test_a_pretraining_that_several_need_comes_first_and_once(elsewhere, at_once):
    nli, ner, other = transfer(0), transfer(0, "ner"), transfer(1)
    shared, *rest = in_order([nli, ner, other])
    assert shared.name == "pretraining of nli 0, ner 0"
    assert shared.run.digest == tiny(0).run.digest
    assert rest == [nli, ner, other], "one that a single run needs is that run's own work"
    there = [nli, ner, tiny(0)]
    assert in_order(there) == there, "it is asked for itself"
    floors = [Condition(c.name, c.run.model_copy(update={"encoder": "random"}))
              for c in (nli, ner)]  # fmt: skip
    assert in_order(floors) == floors, "a random encoder needs none"
    execute([tiny(0)])
    assert in_order([nli, ner]) == [nli, ner], "nor does one that has finished"


def test_a_sweep_trains_a_shared_pretraining_once_and_records_what_was_asked_for(
    elsewhere, trial, at_once, monkeypatch
):
    def transferred(run):
        return run.pretrained().outcome() | {"data": run.checksum()}

    monkeypatch.setattr(isomorph.runs.transfer, "transfer", transferred)
    nli, ner = transfer(0), transfer(0, "ner")
    trial(nli, ner)
    said = quietly(record=True)
    assert at_once == [0]
    assert [line.split(" (")[0] for line in said[-3:]] == [
        "pretraining of nli 0, ner 0", "nli 0", "ner 0",
    ]  # fmt: skip
    assert "2 to go" in said[-3] and "0 to go" in said[-1]
    assert set(results.recorded("trial")["digest"]) == {nli.run.digest, ner.run.digest}


def test_runs_wait_for_their_pretraining_and_fail_with_it(elsewhere):
    nli, ner, other = transfer(0), transfer(0, "ner"), transfer(1)
    for failure in (None, RunFailed("out of luck", elsewhere / "log")):
        ended = {}
        queue = Queue(in_order([nli, ner, other]), lambda c, f, e=ended: e.update({c.name: f}))
        first = queue.take()
        assert queue.ready() == [other]
        queue.end(first, failure)
        if failure is None:
            assert queue.ready() == [nli, ner, other]
        else:
            assert queue.waiting == [other]
            assert [str(ended[c.name]) for c in (nli, ner)] == [
                "the pretraining it builds on failed"
            ] * 2
            assert set(queue.failures) == {first.run.digest, nli.run.digest, ner.run.digest}


def test_a_run_that_another_process_works_on_is_left_to_it(elsewhere, at_once):
    theirs, ours = tiny(0), tiny(1)
    queue = Queue([theirs, ours])
    with worker.at_work(tiny(0).run):
        assert queue.take() is ours
        assert queue.take() is None and queue.waiting == [theirs]
    assert queue.take() is theirs
    with worker.at_work(transfer(2).run):
        assert worker.busy(tiny(2).run), "a transfer works on its pretraining too"
    execute([tiny(2)])
    with worker.at_work(transfer(2).run):
        assert not worker.busy(transfer(2, "ner").run), "unless that has finished"


def test_a_worker_is_handed_the_very_run():
    for condition in (tiny(3, device="cpu", micro_batch=4), transfer(3)):
        run = run_from_json(worker.handed_over(condition.run))
        assert run.digest == condition.run.digest
        assert run.device == condition.run.device
    assert run_from_json(worker.handed_over(tiny(3, micro_batch=4).run)).micro_batch == 4


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
