"""How long a sweep will take, and what it asks of Slurm and learns from it."""

import os
import stat
import time

import pandas as pd
import pytest
import submitit
from submitit.slurm.slurm import SlurmJob

from isomorph.presets import smoke_run
from isomorph.runs import Pretraining, Task, Transfer
from isomorph.sweep import slurm
from isomorph.sweep.estimate import Forecast, duration, told


def of(tokens: int, seed: int = 0, **encoder) -> Pretraining:
    run = smoke_run(seed)
    return run.model_copy(
        update={
            "training": run.training.model_copy(update={"tokens": tokens}),
            "encoder": run.encoder.model_copy(update=encoder),
        }
    )


def rows(run, seconds: float, device: str = "x86_64 CPU") -> pd.DataFrame:
    """What a run leaves, as far as an estimate reads it."""
    return pd.DataFrame({"config": run.config_json(), "seconds": [0.0, seconds], "device": device})


def test_like_runs_take_as_long_for_as_many_tokens():
    forecast = Forecast("x86_64 CPU")
    assert forecast.seconds(of(1000)) is None
    for seconds in (10.0, 20.0, 90.0):
        forecast.recall(rows(of(1000, seed=int(seconds)), seconds))
    assert forecast.seconds(of(3000, seed=7)) == pytest.approx(60), "by the median"
    assert forecast.seconds(of(3000, layers=4)) is None
    forecast.recall(rows(of(1000, layers=4), 5.0, "NVIDIA H100"))
    assert forecast.seconds(of(3000, layers=4)) is None, "that was on another device"
    assert forecast.devices == {"x86_64 CPU"}
    anywhere = Forecast()
    anywhere.recall(rows(of(1000, layers=4), 5.0, "NVIDIA H100"))
    assert anywhere.seconds(of(3000, layers=4)) == pytest.approx(15)


def test_runs_that_end_refine_the_estimate():
    forecast = Forecast("x86_64 CPU")
    forecast.recall(rows(of(1000), 10.0))
    forecast.recall(rows(of(1000, layers=4), 30.0))
    forecast.learn(of(1000), 20.0)
    assert forecast.seconds(of(2000)) == pytest.approx(40)
    assert forecast.seconds(of(1000, layers=4)) == pytest.approx(60), "twice as slow today"


def test_a_transfer_takes_as_long_as_a_like_one_less_what_is_done_apart():
    tasks = (Task(name="nli", train=10, test=10),)
    one, two = (Transfer(pretraining=of(1000, seed), tasks=tasks) for seed in (0, 1))
    forecast = Forecast("x86_64 CPU")
    forecast.recall(rows(of(1000), 10.0))
    forecast.recall(rows(one, 35.0))
    assert forecast.seconds(two) == pytest.approx(35)
    forecast.apart.add(two.pretraining.digest)
    assert forecast.seconds(two) == pytest.approx(25)
    more = (Task(name="nli", train=20, test=10),)
    assert forecast.seconds(one.model_copy(update={"tasks": more})) is None


def test_time_left():
    forecast = Forecast("x86_64 CPU")
    runs = [of(1000, seed) for seed in range(4)]
    assert forecast.left(runs, 2) == (None, 4)
    forecast.recall(rows(runs[0], 10.0))
    assert forecast.left(runs, 1) == (pytest.approx(40), 0)
    assert forecast.left(runs, 2) == (pytest.approx(20), 0)
    assert forecast.left(runs, 100) == (pytest.approx(10), 0), "no less than the longest"
    assert forecast.left([*runs, of(1000, layers=4)], 1) == (pytest.approx(40), 1)
    begun = {runs[0].digest: time.monotonic() - 6, runs[1].digest: time.monotonic() - 60}
    assert forecast.left(runs, 1, begun) == (pytest.approx(4 + 6 + 2 * 10, abs=0.1), 0)


def test_an_estimate_in_words():
    assert told((None, 3)) == "no estimate, since no like run is known"
    assert told((600.0, 0), ["x86_64 CPU"]) == "about 10 min, by like runs on x86_64 CPU"
    assert told((60.0, 2)) == "about 60 s, not counting 2 unlike any known run"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "1 s"), (41.4, "41 s"), (600, "10 min"), (12_000, "3 h 20 min"), (7200, "2 h"),
     (3 * 86_400, "3 days"), (183_600, "2 days 3 h")],
)  # fmt: skip
def test_durations(seconds, words):
    assert duration(seconds) == words


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
    with slurm._told_where_slurm_is(), submitit.helpers.clean_env():
        assert os.environ["SLURM_CONF"] == "/here/slurm.conf"
        assert "SLURM_JOB_ID" not in os.environ
    assert os.environ["SLURM_JOB_ID"] == "3" and submitit.helpers.clean_env is hide
