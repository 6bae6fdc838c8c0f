"""What a sweep asks of Slurm and learns from it; `tests/slurm` has the check on a real one."""

import os
import stat
import time

import pytest
import submitit
from submitit.slurm.slurm import SlurmJob

from isomorph.presets import smoke_run
from isomorph.sweep import slurm


def test_what_a_job_asks_of_slurm():
    chosen = slurm.settings(
        ["partition=gpu", "gpus_per_node=1", "mem_gb=7.5", "timeout_min=90", "gres=disk:1",
         "setup=module load cuda=12", "setup=ulimit -c 0"]
    )  # fmt: skip
    assert chosen["cluster"] == "slurm" and chosen["slurm_partition"] == "gpu"
    assert (chosen["gpus_per_node"], chosen["mem_gb"], chosen["timeout_min"]) == (1, 7.5, 90)
    assert chosen["slurm_additional_parameters"] == {"requeue": True, "gres": "disk:1"}
    assert chosen["slurm_setup"][-2:] == ["module load cuda=12", "ulimit -c 0"]
    assert slurm.settings()["timeout_min"] == slurm.LONGEST
    smoke_run(0).infra.clone_obj(
        {"infra.folder": "x"} | {f"infra.{k}": v for k, v in chosen.items()}
    )


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["colour=red"], "--slurm is 'colour=red', but it must be KEY=VALUE with one of account"),
        (["partition"], "--slurm is 'partition', but it must be KEY=VALUE"),
        (["partition="], "--slurm is 'partition=', but it must be KEY=VALUE"),
        (["mem_gb=much"], "mem_gb must be a number above 0"),
        (["gpus_per_node=0"], "gpus_per_node must be a whole number above 0"),
        (["gpus_per_node=8"], "a job is one process, which uses one GPU; .* start torchrun"),
        (["cpus_per_task=1.5"], "cpus_per_task must be a whole number above 0"),
        (["qos=a", "qos=b"], "--slurm gives qos twice"),
    ],
)
def test_what_slurm_would_not_understand_is_refused(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        slurm.settings(options)


@pytest.fixture
def squeue(tmp_path, monkeypatch):
    """Puts a `squeue` in the place of Slurm's: what it prints, its complaint and its status."""

    def put(printed: str, complaint: str = "", status: int = 0) -> None:
        path = tmp_path / "squeue"
        path.write_text(f"#!/bin/sh\nprintf '{printed}'\nprintf '{complaint}' >&2\nexit {status}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return put


def watcher(*jobs: str) -> slurm.QueueWatcher:
    made = slurm.QueueWatcher()
    for job in jobs:
        made.register_job(job)
    return made


def test_jobs_that_end_without_a_result_are_noticed(squeue):
    squeue("7_0|RUNNING\\n7_1|CANCELLED\\n7_2|CONFIGURING\\n7_3|OUT_OF_MEMORY\\n")
    jobs = watcher("7_0", "7_1", "7_2", "7_3", "7_4")
    done = {job: jobs.is_done(job, mode="force") for job in sorted(jobs._registered)}
    assert done == {"7_0": False, "7_1": True, "7_2": False, "7_3": True, "7_4": True}
    assert jobs.get_state("7_3") == "OUT_OF_MEMORY"
    squeue("7_0|PENDING\\n")
    time.sleep(0.01)
    assert not jobs.is_done("7_0", mode="force"), "it was queued again"
    assert isinstance(SlurmJob.watcher, slurm.QueueWatcher)


def test_a_job_that_slurm_forgot_has_ended_and_a_silent_slurm_says_nothing(squeue):
    squeue("", "slurm_load_jobs error: Invalid job id specified", 1)
    assert watcher("9").is_done("9", mode="force")
    squeue("", "slurm_load_jobs error: Unable to contact slurm controller", 1)
    assert not watcher("9").is_done("9", mode="force")


def test_sbatch_is_told_where_slurm_is_and_nothing_of_the_job_it_is_called_in(monkeypatch):
    monkeypatch.setenv("SLURM_CONF", "/here/slurm.conf")
    monkeypatch.setenv("SLURM_JOB_ID", "3")
    hide = submitit.helpers.clean_env
    with slurm._slurm_conf_kept(), submitit.helpers.clean_env():
        assert os.environ["SLURM_CONF"] == "/here/slurm.conf"
        assert "SLURM_JOB_ID" not in os.environ
    assert os.environ["SLURM_JOB_ID"] == "3" and submitit.helpers.clean_env is hide
