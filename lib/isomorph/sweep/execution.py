"""Executes runs here, in local processes or on Slurm, and loses none for another's failure.

A transfer pretrains by itself. But where several build on the same pretraining, that one is executed
first and once, and they wait for it. A local process is `python -m isomorph.sweep.execution`: it reads
a run from standard input, executes it, leaves its outcome in the cache, and ends when its standard
input does, with the process that started it.
"""

from __future__ import annotations

import functools
import logging
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import timedelta
from pathlib import Path
from typing import Literal

from isomorph import processes, results
from isomorph.models.settings import Device, device_named
from isomorph.results import Condition
from isomorph.runs import Pretraining, Run, cache, cache_folder, run_from_json, train, trained
from isomorph.runs.tuning import kept

Cluster = Literal["none", "local", "slurm"]


class RunFailed(RuntimeError):
    """One run failed; `log` is the file that says more."""

    def __init__(self, reason: str, log: Path):
        super().__init__(reason)
        self.log = log


Done = Callable[[Condition, RunFailed | None], None]


def execute(
    conditions: Sequence[Condition],
    *,
    cluster: Cluster = "none",
    jobs: int = 1,
    slurm: Iterable[str] = (),
    done: Done = lambda condition, failure: None,
) -> dict[str, RunFailed]:
    """Execute what is not finished; the failures, by digest.

    `done` hears of each run as it ends, also of those that others build on. On a cluster of
    "local", `jobs` runs go at a time, each in a process of its own; on "slurm" they are an array of
    which `jobs` go at a time, and `slurm` says what each asks for (`sweep.slurm.settings`).

    Interrupted, local processes are ended and jobs of Slurm go on. A run that another process of
    this machine works on is waited for.
    """
    queue = Queue(in_order(conditions), done)
    for condition in queue.waiting:
        run = results.cached(condition.run)
        if run.infra.status() == "completed" and not results.finished(condition):
            run.infra.clear_job()  # measured on text that has changed since
    at_work, devices = [], gpus() if cluster == "local" else []
    try:
        while queue.waiting or at_work:
            for job in [job for job in at_work if job.ended()]:
                at_work.remove(job)
                queue.end(job.condition, job.failure())
            if cluster == "slurm" and not at_work:
                at_work = _sent(queue, jobs, slurm)
            while cluster != "slurm" and len(at_work) < jobs and (condition := queue.take()):
                if cluster == "none":
                    queue.end(condition, _failure_here(results.cached(condition.run)))
                    continue
                taken = [worker.gpu for worker in at_work]
                at_work.append(Worker(condition, min(devices, key=taken.count, default=None)))
            if queue.waiting or at_work:  # also where what is left is another process's work
                pause()
    finally:
        for job in at_work:
            job.stop()
    return queue.failures


def pause() -> None:
    time.sleep(0.25)


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
            several = users[pretraining.digest]
            shared = Condition(f"pretraining of {', '.join(u.name for u in several)}", pretraining)
            if pretraining.digest not in placed and len(several) > 1:
                placed.add(pretraining.digest)
                ordered += [] if results.finished(shared) else [shared]
        ordered.append(condition)
    return ordered


class Queue:
    """The runs that have not begun, those that have not ended, and the failures."""

    def __init__(self, conditions: Iterable[Condition], done: Done = lambda *ended: None):
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
            if _in_step() or not busy(condition.run):
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


def at_work(run: Run) -> AbstractContextManager[None]:
    """Keep other processes of this machine off a run, and off the pretrainings it is to execute."""
    return cache.held(_to_do(run))


def busy(run: Run) -> bool:
    """Whether another process on this machine works on the run."""
    return cache.busy(_to_do(run))


def _to_do(run: Run) -> list[Run]:
    # One that has finished is left free, since several may read its model at a time.
    return [run, *(b for b in run.foundations() if not results.finished(Condition("", b)))]


def outcome(run: Run) -> dict:
    """A run's outcome; of several processes on one run, started by `torchrun`, the first keeps it.

    All train, on the same batches and from the same checkpoint. What `run.parts` names they divide;
    the rest the first does alone, and the others wait for it, however long it takes.
    """
    rank, ranks = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    if ranks == 1:
        return run.outcome()
    from torch import distributed

    meeting = _meeting(run.device)
    below = [run] if isinstance(run, Pretraining) else map(run.in_same_cache, run.foundations())
    done: dict = {}
    for model in below:
        missing = [rank == 0 and not results.finished(Condition("", model))]
        distributed.broadcast_object_list(missing, src=0, group=meeting)
        if missing[0]:
            done = trained(model) if rank == 0 else train(model)
    distributed.barrier(meeting)  # the models are there, for all to read
    try:
        for part in run.parts()[rank::ranks]:
            kept(run.in_same_cache(part))
    except Exception:  # noqa: BLE001 - the first does it again, and says what it was
        traceback.print_exc()
    distributed.barrier(meeting)
    try:
        done = run.outcome() if rank == 0 else done
    finally:
        distributed.barrier(meeting)
    if not results.finished(Condition("", run)):
        raise RuntimeError("the first process, which puts it together, failed; its log says why")
    return done


@functools.cache
def _meeting(device: Device):
    """Where processes wait for each other longer than an exchange of gradients may take."""
    from accelerate import PartialState
    from torch import distributed

    PartialState(cpu=device_named(device).type == "cpu")
    return distributed.new_group(backend="gloo", timeout=timedelta(days=365))


def log_path(run: Run) -> Path:
    """Where the process that executes the run writes."""
    path = cache_folder() / "logs" / f"{run.digest}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _failure_here(run: Run) -> RunFailed | None:
    try:
        with nullcontext() if _in_step() else at_work(run):
            outcome(run)
    except Exception as error:  # noqa: BLE001 - whatever it is, the others go on
        log = log_path(run)
        with log.open("a", encoding="utf-8") as file:
            traceback.print_exc(file=file)
        return RunFailed(f"{type(error).__name__}: {error}".rstrip("."), log)
    return None


def _sent(queue: Queue, jobs: int, options: Iterable[str]) -> list:
    """What of the queue is ready, as jobs of Slurm."""
    from isomorph.sweep import slurm

    infra, ready = slurm.settings(options), queue.ready()
    for condition in ready:
        queue.waiting.remove(condition)
    return slurm.submit(ready, [results.cached(each.run, **infra) for each in ready], jobs)


class Worker:
    """A process at work on one condition's run, on the GPU of that name if one is given."""

    def __init__(self, condition: Condition, gpu: str | None = None):
        self.condition, self.gpu = condition, gpu
        environment = os.environ | processes.environment()
        if gpu is not None:
            environment["CUDA_VISIBLE_DEVICES"] = gpu
        with log_path(condition.run).open("a") as log:
            command = [sys.executable, "-m", "isomorph.sweep.execution"]
            self.process = processes.start(command, log, environment=environment)
        with suppress(BrokenPipeError):  # it has ended already, and its status will say how
            self.process.stdin.write(handed_over(condition.run).encode() + b"\n")
            self.process.stdin.flush()

    def ended(self) -> bool:
        return self.process.poll() is not None

    def failure(self) -> RunFailed | None:
        """Why the run of a process that has ended failed, or None."""
        status, log = self.process.wait(), log_path(self.condition.run)
        self.process.stdin.close()
        if status == 0:
            return None
        said = log.read_text(errors="replace").strip().splitlines()
        reason = said[-1].rstrip(".") if said else f"its process ended with status {status}"
        if status < 0:
            why = ", perhaps for want of memory" if -status == signal.SIGKILL else ""
            reason = f"its process was ended by {signal.Signals(-status).name}{why}"
        return RunFailed(reason, log)

    def stop(self) -> None:
        """End the process; what it did until its last checkpoint is kept."""
        processes.stop(self.process)


def handed_over(run: Run) -> str:
    """A run in one line, with what does not name it, such as the device; for `run_from_json`."""
    return run.model_dump_json(exclude={"infra"})


def gpus() -> list[str]:
    """The names of the GPUs that this process may use, as CUDA_VISIBLE_DEVICES has them."""
    import torch

    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    count = torch.cuda.device_count()
    return named.split(",")[:count] if named else [str(index) for index in range(count)]


def main() -> None:
    line = b""
    while not line.endswith(b"\n"):
        line += os.read(0, 1) or sys.exit("no run came on standard input")
    processes.end_with_parent()
    logging.basicConfig(format="%(message)s")
    logging.getLogger("isomorph").setLevel(logging.INFO)  # where it goes on
    run = results.cached(run_from_json(line.decode()))
    with at_work(run):
        outcome(run)


if __name__ == "__main__":
    main()
