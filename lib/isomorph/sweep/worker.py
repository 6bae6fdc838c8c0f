"""A run in a process of its own, so that whatever kills it kills no other.

`python -m isomorph.sweep.worker` reads a run from standard input, executes it and leaves its outcome
in the cache. It ends when its standard input does: with the process that started it.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from contextlib import AbstractContextManager
from pathlib import Path

from isomorph import children, one_core, results
from isomorph.results import Condition
from isomorph.runs import Run, cache, cache_folder, run_from_json


def at_work(run: Run) -> AbstractContextManager[None]:
    """Keep other processes of this machine off a run, and off the pretrainings it is to execute."""
    return cache.held(_to_do(run))


def busy(run: Run) -> bool:
    """Whether another process on this machine works on the run."""
    return cache.busy(_to_do(run))


def _to_do(run: Run) -> list[Run]:
    # One that has finished is left free, since several may read its model at a time.
    return [run, *(b for b in run.foundations() if not results.finished(Condition("", b)))]


def log_path(run: Run) -> Path:
    """Where the process that executes the run writes."""
    path = cache_folder() / "logs" / f"{run.digest}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


class Worker:
    """A process at work on one condition's run, on the GPU of that name if one is given."""

    def __init__(self, condition: Condition, gpu: str | None = None):
        self.condition, self.gpu, self.began = condition, gpu, time.monotonic()
        run = condition.run
        environment = os.environ | one_core.environment()
        if gpu is not None:
            environment["CUDA_VISIBLE_DEVICES"] = gpu
        with log_path(run).open("a") as log:
            command = [sys.executable, "-m", "isomorph.sweep.worker"]
            self.process = children.start(command, log, environment=environment)
        try:
            self.process.stdin.write(handed_over(run).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended already, and its status will say how

    def ended(self) -> bool:
        return self.process.poll() is not None

    def failure(self) -> str | None:
        """Why the run of a process that has ended failed, or None."""
        status = self.process.wait()
        self.process.stdin.close()
        if status == 0:
            return None
        if status < 0:
            why = ", perhaps for want of memory" if -status == signal.SIGKILL else ""
            return f"its process was ended by {signal.Signals(-status).name}{why}"
        said = log_path(self.condition.run).read_text(errors="replace").strip().splitlines()
        return said[-1].rstrip(".") if said else f"its process ended with status {status}"

    def stop(self) -> None:
        """End the process; what it did until its last checkpoint is kept."""
        children.stop(self.process)


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
    children.end_with_parent()
    logging.basicConfig(format="%(message)s")
    logging.getLogger("isomorph").setLevel(logging.INFO)  # where it goes on
    run = results.cached(run_from_json(line.decode()))
    with at_work(run):
        results.outcome(run)


if __name__ == "__main__":
    main()
