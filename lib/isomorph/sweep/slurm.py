"""What a run asks of Slurm, and how to learn what became of its job."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import submitit
from submitit.core.utils import UncompletedJobError
from submitit.slurm.slurm import SlurmInfoWatcher, SlurmJob

from isomorph import processes
from isomorph.results import Condition
from isomorph.runs import Run
from isomorph.sweep.execution import RunFailed

LONGEST = 24 * 60  # minutes a job has; a run that takes longer goes on when it is sent again

# Names as on the command line, and the fields of exca's TaskInfra that they set.
WORDS = {
    "partition": "slurm_partition", "account": "slurm_account", "qos": "slurm_qos",
    "constraint": "slurm_constraint",
}  # fmt: skip
COUNTS = ("gpus_per_node", "cpus_per_task", "timeout_min", "mem_gb")
FLAGS = ("gres", "nodelist", "exclude", "reservation")  # of sbatch itself
NAMES = sorted([*WORDS, *COUNTS, *FLAGS, "setup"])

# States after which a job does not go on by itself; a requeued one is pending again.
ENDED = {
    "BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY",
    "TIMEOUT", "FORGOTTEN",
}  # fmt: skip


def settings(options: Iterable[str] = ()) -> dict:
    """The settings of `results.cached` for Slurm, from options KEY=VALUE.

    `setup`, a line of shell before the run, may come several times. Raises ValueError for a name
    that is not known, a value that does not fit or an option given twice.
    """
    count = processes.threads()
    chosen: dict = {"cluster": "slurm", "cpus_per_task": count, "timeout_min": LONGEST}
    # A job that is taken off its node is queued again, whatever the site's default is.
    flags: dict = {"requeue": True}
    setup = [
        # Without control groups PyTorch would start a thread for each core of the node.
        *(f"export {name}={count}" for name in (processes.VARIABLE, *processes.POOLS)),
        # Slurm would lose sight of the run, which outlives SIGTERM, when its shell ended of it:
        # a second job could then begin beside the first.
        "trap : TERM",
    ]
    given = set()
    for option in options:
        name, _, value = option.partition("=")
        if name not in NAMES or not value:
            raise ValueError(
                f"--slurm is '{option}', but it must be KEY=VALUE with one of {', '.join(NAMES)}"
            )
        if name in given and name != "setup":
            raise ValueError(f"--slurm gives {name} twice")
        given.add(name)
        if name == "setup":
            setup.append(value)
        elif name in FLAGS:
            flags[name] = value
        elif name in WORDS:
            chosen[WORDS[name]] = value
        else:
            chosen[name] = _count(name, value)
    return chosen | {"slurm_additional_parameters": flags, "slurm_setup": setup}


def _count(name: str, value: str) -> int | float:
    pattern = r"\d+(\.\d+)?" if name == "mem_gb" else r"\d+"
    if not re.fullmatch(pattern, value) or not float(value):
        kind = "number" if name == "mem_gb" else "whole number"
        raise ValueError(f"--slurm is '{name}={value}', but {name} must be a {kind} above 0")
    if name == "gpus_per_node" and int(value) > 1:
        raise ValueError(
            f"--slurm is '{name}={value}', but a job is one process, which uses one GPU; to put several "
            "on a run, start torchrun in a job of your own"
        )
    return float(value) if name == "mem_gb" else int(value)


class QueueWatcher(SlurmInfoWatcher):
    """Learns the states of jobs from `squeue`.

    submitit asks `sacct`, which knows nothing where no database of accounts is kept: a job that was
    cancelled there would be waited for without end. And it takes a state that it does not know for
    the end of a job.
    """

    def is_done(self, job_id: str, mode: str = "standard") -> bool:
        return self.get_state(job_id, mode=mode).upper() in ENDED

    def update(self) -> None:
        self._num_calls += 1
        self._last_status_check = time.time()
        waiting = self._registered - self._finished
        if not waiting:
            return
        arrays = sorted({job_id.split("_")[0] for job_id in waiting})
        command = ["squeue", "--array", "--noheader", "--states=all", "--format=%i|%T"]
        try:
            asked = subprocess.run(
                [*command, "--jobs", ",".join(arrays)], capture_output=True, text=True, check=False
            )
        except OSError:
            return  # no Slurm on this machine
        # An error of any other kind, such as a controller that is down, says nothing of the jobs.
        if asked.returncode and "Invalid job id" not in asked.stderr:
            return
        states = dict(line.split("|") for line in asked.stdout.split())
        for job_id in waiting:
            # Slurm forgets a job some minutes after its end.
            self._info_dict[job_id] = {"State": states.get(job_id, "FORGOTTEN")}
            if self._info_dict[job_id]["State"] in ENDED:
                self._finished.add(job_id)


# Jobs that exca reads from its cache find their watcher here.
SlurmJob.watcher = QueueWatcher(delay_s=30)


@contextmanager
def _slurm_conf_kept() -> Iterator[None]:
    """Keep SLURM_CONF, by which some sites say where Slurm is configured.

    submitit hides every variable of Slurm from `sbatch`, lest a job hands its own to another.
    """
    hide = submitit.helpers.clean_env
    configured = {k: v for k, v in os.environ.items() if k == "SLURM_CONF"}

    @contextmanager
    def hide_others(extra_names: Sequence[str] = ()) -> Iterator[None]:
        with hide(extra_names):
            os.environ.update(configured)
            yield

    submitit.helpers.clean_env = hide_others
    try:
        yield
    finally:
        submitit.helpers.clean_env = hide


class Sent(NamedTuple):
    """A run that Slurm has, and its job."""

    condition: Condition
    run: Run
    job: SlurmJob

    def ended(self) -> bool:
        return self.job.done()

    def failure(self) -> RunFailed | None:
        """Why the run of a job that has ended has no outcome; None when it has one."""
        try:
            self.run.outcome()
        except UncompletedJobError as error:
            raised = re.search(r"with trace:\n-+\n(.*)\n-+\n", str(error), re.DOTALL)
            if raised:
                reason = raised[1].strip().splitlines()[-1].rstrip(".")
            else:
                state = self.job.state.lower()
                reason = f"Slurm ended job {self.job.job_id} without a result ({state})"
            return RunFailed(reason, self.job.paths.stderr)
        return None

    def stop(self) -> None:
        """It goes on, and is waited for next time."""


def submit(conditions: Sequence[Condition], runs: Sequence[Run], jobs: int) -> list[Sent]:
    """Send the conditions' runs, tied to a cache, as one array of which `jobs` go at a time.

    A run whose job is still queued or running is not sent again. Raises RuntimeError when Slurm
    does not take them.
    """
    try:
        # By a copy: one that is itself in the array forgets to send again what failed.
        sender = runs[0].infra.clone_obj().infra
        with _slurm_conf_kept(), sender.job_array(max_workers=jobs) as array:
            array.extend(runs)
        pairs = zip(conditions, runs, strict=True)
        return [Sent(condition, run, run.infra.job()) for condition, run in pairs]
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        raise RuntimeError(f"Slurm did not take the runs: {error}") from error
