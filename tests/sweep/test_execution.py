"""Who executes a run, when, and what becomes of the others when it fails."""

import os
import signal
import time

import pandas as pd
import torch

from isomorph import results
from isomorph.models.settings import TuningConfig
from isomorph.results import Condition
from isomorph.runs import Transfer, run_from_json, tuning
from isomorph.sweep import execution
from isomorph.sweep.execution import Queue, RunFailed, Worker, execute, in_order
from tests.small_runs import long, tiny, transfer

SAME = ["metric", "layer", "tokens", "value"]


def test_a_killed_process_and_a_failed_run_cost_no_other(elsewhere, monkeypatch):
    absent = "cuda" if torch.backends.mps.is_available() else "mps"
    killed, broken, good = long(0), tiny(1, device=absent), tiny(2)
    workers = []

    class Watched(Worker):
        def __init__(self, *given):
            super().__init__(*given)
            workers.append(self)

    monkeypatch.setattr(execution, "Worker", Watched)

    def kill():
        time.sleep(0.25)
        (victim,) = (w for w in workers if w.condition is killed)
        if not victim.ended() and "pretraining" in execution.log_path(killed.run).read_text():
            os.kill(victim.process.pid, signal.SIGKILL)

    monkeypatch.setattr(execution, "pause", kill)
    ended = []
    failures = execute([killed, broken, good], cluster="local", jobs=2,
                       done=lambda condition, failure: ended.append(condition))  # fmt: skip
    assert set(failures) == {killed.run.digest, broken.run.digest}
    assert "ended by SIGKILL, perhaps for want of memory" in str(failures[killed.run.digest])
    assert f"ValueError: device is '{absent}'" in str(failures[broken.run.digest])
    assert all(failure.log.exists() for failure in failures.values())
    assert {c.name for c in ended} == {killed.name, broken.name, good.name}
    there = results.finished_rows("trial", good, size="smoke")
    here = results.live("trial", good, size="smoke")
    pd.testing.assert_frame_equal(there[SAME], here[SAME])


def test_a_worker_ends_with_the_process_that_started_it(elsewhere):
    started = Worker(long(0))
    while "pretraining" not in execution.log_path(long(0).run).read_text():
        time.sleep(0.1)
    started.process.stdin.close()  # as when this process is killed
    assert started.process.wait(timeout=120) == -signal.SIGTERM


def test_each_worker_has_the_gpu_with_the_fewest(elsewhere, monkeypatch):
    given = []

    class Idle:
        def __init__(self, condition, gpu):
            self.condition, self.gpu, self.polls = condition, gpu, 0
            given.append(gpu)

        def ended(self):
            self.polls += 1
            return self.polls > len(given)

        def failure(self):
            return None

    monkeypatch.setattr(execution, "Worker", Idle)
    monkeypatch.setattr(execution, "gpus", lambda: ["4", "7"])
    execute([tiny(seed) for seed in range(3)], cluster="local", jobs=3)
    assert given == ["4", "7", "4"]
    monkeypatch.setattr(execution, "gpus", list)
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
    floors = [Condition(c.name, c.run.model_copy(update={"weights": "random"}))
              for c in (nli, ner)]  # fmt: skip
    assert in_order(floors) == floors, "a random encoder needs none"
    execute([tiny(0)])
    assert in_order([nli, ner]) == [nli, ner], "nor does one that has finished"


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
    with execution.at_work(tiny(0).run):
        assert queue.take() is ours
        assert queue.take() is None and queue.waiting == [theirs]
    assert queue.take() is theirs
    with execution.at_work(transfer(2).run):
        assert execution.busy(tiny(2).run), "a transfer works on its pretraining too"
    execute([tiny(2)])
    with execution.at_work(transfer(2).run):
        assert not execution.busy(transfer(2, "ner").run), "unless that has finished"


def _two_ways() -> Transfer:
    below = transfer(0, "ner").run
    ways = {"tuning": TuningConfig(epochs=1), "alternatives": (TuningConfig(epochs=2),)}
    tasks = tuple(task.model_copy(update=ways) for task in below.tasks)
    return below.model_copy(update={"weights": "random", "tasks": tasks, "device": "cpu"})


def _one_of_two(folder: str) -> None:
    torch.set_num_threads(1)  # a fork has none of the threads that its parent computed with
    os.environ |= {"ISOMORPH_CACHE": folder, "RANK": str(torch.distributed.get_rank())}
    real = tuning.tuned_scores

    def watched(way, *given):
        with open(f"{folder}.{os.environ['RANK']}", "a") as file:
            file.write(str(way.task.tuning.epochs))
        return real(way, *given)

    tuning.tuned_scores = watched
    execution.outcome(results.cached(_two_ways()))
    assert results.finished(Condition("", _two_ways())), "who has nothing to do waits for the first"


def test_processes_divide_the_ways_to_tune_and_the_first_puts_them_together(elsewhere):
    from accelerate import debug_launcher

    debug_launcher(_one_of_two, (str(elsewhere / "cache"),), num_processes=2)
    assert [(elsewhere / f"cache.{rank}").read_text() for rank in (0, 1)] == ["1", "2"]
    together, alone = results.cached(_two_ways()).outcome(), _two_ways().outcome()
    assert [r["value"] for r in together["records"]] == [r["value"] for r in alone["records"]]


def test_a_worker_is_handed_the_very_run():
    for condition in (tiny(3, device="cpu", micro_batch=4), transfer(3)):
        run = run_from_json(execution.handed_over(condition.run))
        assert run.digest == condition.run.digest
        assert run.device == condition.run.device
    assert run_from_json(execution.handed_over(tiny(3, micro_batch=4).run)).micro_batch == 4
