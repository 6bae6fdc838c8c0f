"""Eight tiny runs as one array of a real Slurm, two of them killed, against the same runs in series.

    tests/slurm/one_node.sh .venv/bin/python tests/slurm/check.py

One job is taken off its node and queued again by Slurm; one is cancelled, has to be reported as
failed, and is sent again by the same call. Both have to go on from their checkpoints. Then every
number but the seconds has to be that of a serial run in another cache, exactly. Prints what it sees
and ends with status 1 when something is not so.
"""

import os
import pickle
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

# Before PyTorch is imported: the same number of threads adds in the same order.
os.environ |= {"OMP_NUM_THREADS": "1", "ISOMORPH_CHECKPOINT": "1"}

import pandas as pd

from isomorph import results
from isomorph.models.checkpoints import Damaged, about
from isomorph.presets import smoke_run
from isomorph.results import Condition
from isomorph.sweep import execute

REQUEUED, CANCELLED = 0, 1  # the seeds of the runs that are killed
PATIENCE = 1200  # seconds to wait for anything


def conditions() -> list[Condition]:
    """Eight runs of some seconds; those to be killed are longer, to be caught at work."""
    runs = []
    for seed in range(8):
        run = smoke_run(seed)
        if seed in (REQUEUED, CANCELLED):
            longer = run.training.model_copy(update={"tokens": 15 * run.training.tokens})
            run = run.model_copy(update={"training": longer})
        runs.append(Condition(f"run {seed}", run.model_copy(update={"device": "cpu"})))
    return runs


def wait_for(what: str, happened: Callable[[], object], sweep: threading.Thread) -> object:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and sweep.is_alive():
        if found := happened():
            return found
        time.sleep(0.05)
    sys.exit(f"there is no {what}")


def must(so: bool, what: str) -> None:
    print(f"{'ok' if so else 'NOT SO'}: {what}", flush=True)
    if not so:
        sys.exit(1)


def folder(condition: Condition) -> Path:
    return results.cached(condition.run).infra.uid_folder()


def job_of(folder: Path):
    """The job that exca keeps for a run."""
    with (folder / "job.pkl").open("rb") as file:
        return pickle.load(file)


def checkpoint(folder: Path) -> int | None:
    """The step of the run's checkpoint, once there is one."""
    try:
        return about(folder / "checkpoint.pt")["step"]
    except (OSError, Damaged):
        return None


def restarted_at(log: str) -> int:
    """The step at which the last progress bar of a log began."""
    bars = [int(step) for step in re.findall(r"pretraining:[^\r\n]*\| (\d+)/\d+ \[00:00<\?", log)]
    return bars[-1]


def check(aside: Path) -> None:
    os.environ["ISOMORPH_CACHE"] = str(aside / "by-slurm")
    wanted = conditions()
    # Asked for once: exca's configs are not to be read by two threads at a time.
    folders = {condition.name: folder(condition) for condition in wanted}
    requeued, cancelled = wanted[REQUEUED], wanted[CANCELLED]
    failures: dict = {}
    steps: dict[str, int] = {}

    def told(condition, failure) -> None:
        print(f"{condition.name} {f'failed: {failure}' if failure else 'finished'}", flush=True)

    def send() -> None:
        failures.update(execute(wanted, cluster="slurm", jobs=2, done=told))

    sweep = threading.Thread(target=send, daemon=True)
    sweep.start()
    for condition, command in (
        (requeued, ["scontrol", "requeue"]),
        (cancelled, ["scancel"]),
    ):
        steps[condition.name] = wait_for(
            "checkpoint", lambda f=folders[condition.name]: checkpoint(f), sweep
        )
        job = job_of(folders[condition.name])
        subprocess.run([*command, job.job_id], check=True)
        print(f"{' '.join(command)} {job.job_id}, at step {steps[condition.name]} or later")
    # Slurm lets a job that it queued again wait for two minutes.
    at_once = [
        "scontrol",
        "update",
        f"JobId={job_of(folders[requeued.name]).job_id}",
        "StartTime=now",
    ]
    wait_for(
        "way to begin at once", lambda: not subprocess.run(at_once, check=False).returncode, sweep
    )
    sweep.join(PATIENCE)
    must(not sweep.is_alive(), "all eight have ended")
    jobs = {condition.name: job_of(folders[condition.name]).job_id for condition in wanted}
    arrays = {job.split("_")[0] for job in jobs.values()}
    must(len(arrays) == 1 and len(set(jobs.values())) == 8, f"eight jobs of one array: {jobs}")
    must(set(failures) == {cancelled.run.digest}, "the cancelled run failed and no other")
    (failure,) = failures.values()
    must("cancelled" in str(failure), f"its failure says so: {failure}")
    shown = subprocess.run(["scontrol", "show", "job", jobs[requeued.name]],
                           capture_output=True, text=True, check=True).stdout  # fmt: skip
    must("Restarts=1" in shown, "Slurm queued the other killed job again, once")

    log = job_of(folders[requeued.name]).paths.stderr.read_text()
    must(restarted_at(log) >= steps[requeued.name],
         f"it went on from its checkpoint, at step {restarted_at(log)}")  # fmt: skip
    failures.clear()
    stopped = checkpoint(folders[cancelled.name])
    send()
    must(not failures, "the same call finished what was cancelled")
    again = job_of(folders[cancelled.name])
    must(again.job_id.split("_")[0] not in arrays, f"by one new job, {again.job_id}")
    log = again.paths.stderr.read_text()
    must(restarted_at(log) == stopped, f"which went on from its checkpoint, at step {stopped}")

    by_slurm = pd.concat([results.finished_rows("", c, size="smoke") for c in wanted])
    os.environ["ISOMORPH_CACHE"] = str(aside / "in-series")
    must(not execute(wanted), "the same runs finished in series")
    in_series = pd.concat([results.finished_rows("", c, size="smoke") for c in wanted])
    # The time that it takes differs, and so does the source if somebody saves a file meanwhile.
    aside_from = ["seconds", "code"]
    pd.testing.assert_frame_equal(
        by_slurm.drop(columns=aside_from), in_series.drop(columns=aside_from), check_exact=True
    )
    must(len(by_slurm) > 500, f"{len(by_slurm)} numbers of eight runs are the same, exactly")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as aside:
        check(Path(aside))
