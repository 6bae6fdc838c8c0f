"""Executes runs here, in local processes or on Slurm, and loses none for another's failure.

A transfer pretrains by itself. But where several build on the same pretraining, that one is executed
first and once, and they wait for it.
"""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Literal

from isomorph import results
from isomorph.results import Condition
from isomorph.sweep import worker
from isomorph.sweep.worker import Worker

Cluster = Literal["none", "local", "slurm"]
Started = dict[str, float]  # the digests of the runs at work, and when each began
Tick = Callable[[Started], None]


class RunFailed(RuntimeError):
    """One run failed; `log` is the file that says more."""

    def __init__(self, reason: str, log: Path):
        super().__init__(reason)
        self.log = log


def execute(
    conditions: Sequence[Condition],
    *,
    cluster: Cluster = "none",
    jobs: int = 1,
    slurm: Iterable[str] = (),
    done: Callable[[Condition, RunFailed | None], None] = lambda condition, failure: None,
    tick: Tick = lambda started: None,
) -> dict[str, RunFailed]:
    """Execute what is not finished; the failures, by digest.

    `done` hears of each run as it ends, also of those that others build on. On a cluster of
    "local", `jobs` runs go at a time, each in a process of its own; on "slurm" they are an array of
    which `jobs` go at a time, and `slurm` says what each asks for (`sweep.slurm.settings`). `tick` is
    called about every second while other processes work.

    Interrupted, local processes are ended and jobs of Slurm go on. A run that another process of
    this machine works on is waited for.
    """
    queue = Queue(in_order(conditions), done)
    for condition in queue.waiting:
        run = results.cached(condition.run)
        if run.infra.status() == "completed" and not results.finished(condition):
            run.infra.clear_job()  # measured on text that has changed since
    if cluster == "none":
        _here(queue)
    elif cluster == "local":
        _local(queue, jobs, tick)
    else:
        _slurm(queue, jobs, slurm, tick)
    return queue.failures


def in_order(conditions: Iterable[Condition]) -> list[Condition]:
    """The conditions, and before its first user each unfinished pretraining that several need."""
    conditions = list(conditions)
    users: dict[str, list[Condition]] = {}
    for condition in conditions:
        for pretraining in condition.run.foundations():
            users.setdefault(pretraining.digest, []).append(condition)
    placed = {condition.run.digest for condition in conditions}
    ordered = []
    for condition in conditions:
        for pretraining in condition.run.foundations():
            if pretraining.digest in placed:
                continue
            placed.add(pretraining.digest)
            several = users[pretraining.digest]
            name = f"pretraining of {', '.join(user.name for user in several)}"
            shared = Condition(name, pretraining)
            if len(several) > 1 and not results.finished(shared):
                ordered.append(shared)
        ordered.append(condition)
    return ordered


class Queue:
    """The runs that have not begun, those that have not ended, and the failures."""

    def __init__(
        self,
        conditions: Iterable[Condition],
        done: Callable[[Condition, RunFailed | None], None] = lambda condition, failure: None,
    ):
        self.waiting = list(conditions)
        self.unended = {condition.run.digest for condition in self.waiting}
        self.failures: dict[str, RunFailed] = {}
        self._done = done

    def ready(self) -> list[Condition]:
        """The waiting runs that could begin now."""
        return [c for c in self.waiting if not _builds_on(c) & self.unended]

    def take(self) -> Condition | None:
        """The next run that could begin and that no other process works on, if there is one."""
        for condition in self.ready():
            if _in_step() or not worker.busy(condition.run):
                self.waiting.remove(condition)
                return condition
        return None

    def end(self, condition: Condition, failure: RunFailed | None) -> None:
        """Note that a run has ended; one that builds on a run that failed has failed too."""
        self.unended.discard(condition.run.digest)
        if failure:
            self.failures[condition.run.digest] = failure
        self._done(condition, failure)
        if failure:
            for other in [c for c in self.waiting if condition.run.digest in _builds_on(c)]:
                self.waiting.remove(other)
                self.end(other, RunFailed("the pretraining it builds on failed", failure.log))


def _builds_on(condition: Condition) -> set[str]:
    return {pretraining.digest for pretraining in condition.run.foundations()}


def _in_step() -> bool:
    """Whether `torchrun` started several processes, which must all do the same at the same time."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def _here(queue: Queue) -> None:
    while queue.waiting:
        condition = queue.take()
        if condition is None:
            time.sleep(1)  # what is left is another process's work
        else:
            queue.end(condition, _failure_here(results.cached(condition.run)))


def _failure_here(run) -> RunFailed | None:
    try:
        if _in_step():
            results.outcome(run)
        else:
            with worker.at_work(run):
                results.outcome(run)
    except Exception as error:  # noqa: BLE001 - whatever it is, the others go on
        log = worker.log_path(run)
        with log.open("a") as file:
            traceback.print_exc(file=file)
        return RunFailed(f"{type(error).__name__}: {error}".rstrip("."), log)
    return None


def _local(queue: Queue, jobs: int, tick: Tick) -> None:
    workers: list[Worker] = []
    gpus = worker.gpus()
    try:
        while queue.waiting or workers:
            for ended in [w for w in workers if w.ended()]:
                workers.remove(ended)
                reason = ended.failure()
                log = worker.log_path(ended.condition.run)
                queue.end(ended.condition, RunFailed(reason, log) if reason else None)
            while len(workers) < jobs and (condition := queue.take()):
                taken = [w.gpu for w in workers]
                workers.append(Worker(condition, min(gpus, key=taken.count, default=None)))
            tick({w.condition.run.digest: w.began for w in workers})
            time.sleep(0.25)
    finally:
        for remaining in workers:
            remaining.stop()


def _slurm(queue: Queue, jobs: int, options: Iterable[str], tick: Tick) -> None:
    from isomorph.sweep import slurm

    infra, sent = slurm.settings(options), []
    while queue.waiting or sent:
        if not sent:
            ready = queue.ready()
            for condition in ready:
                queue.waiting.remove(condition)
            runs = [results.cached(condition.run, **infra) for condition in ready]
            sent = list(zip(ready, runs, slurm.submit(runs, jobs), strict=True))
        for item in [item for item in sent if item[2].done()]:
            sent.remove(item)
            condition, run, job = item
            failed = slurm.failure(run, job)
            queue.end(condition, RunFailed(*failed) if failed else None)
        tick({})
        time.sleep(1)
