"""How long a sweep will take."""

import pandas as pd
import pytest

from isomorph.presets import smoke_run
from isomorph.runs import Pretraining, Task, Transfer
from isomorph.sweep import Forecast, duration


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
    anywhere = Forecast()
    anywhere.recall(rows(of(1000, layers=4), 5.0, "NVIDIA H100"))
    assert anywhere.seconds(of(3000, layers=4)) == pytest.approx(15)


def test_runs_that_end_refine_the_estimate():
    forecast = Forecast("x86_64 CPU")
    forecast.recall(rows(of(1000), 10.0))
    forecast.recall(rows(of(1000, layers=4), 30.0))
    forecast.learn(of(1000), 20.0)
    assert forecast.seconds(of(2000)) == pytest.approx(40)
    assert forecast.seconds(of(1000, layers=4)) == pytest.approx(30)


def test_a_transfer_takes_as_long_as_a_like_one_less_what_is_done_apart():
    tasks = (Task(source="world_nli", train=10, test=10),)
    one, two = (Transfer(pretraining=of(1000, seed), tasks=tasks) for seed in (0, 1))
    forecast = Forecast("x86_64 CPU")
    forecast.recall(rows(of(1000), 10.0))
    forecast.recall(rows(one, 35.0))
    assert forecast.seconds(two) == pytest.approx(35)
    forecast.apart = {two.pretraining.digest}
    assert forecast.seconds(two) == pytest.approx(25)
    more = (Task(source="world_nli", train=20, test=10),)
    assert forecast.seconds(one.model_copy(update={"tasks": more})) is None


def test_time_left():
    forecast = Forecast("x86_64 CPU")
    runs = [of(1000, seed) for seed in range(4)]
    assert forecast.left(runs, 2) == "no estimate, since no like run is known"
    forecast.recall(rows(runs[0], 10.0))
    assert forecast.left(runs, 1) == "about 40 s"
    assert forecast.left(runs, 2) == "about 20 s"
    assert forecast.left(runs, 100) == "about 10 s", "no less than the longest"
    unlike = [of(1000, layers=4), of(1000, layers=6)]
    assert forecast.left([*runs, *unlike], 1) == "about 40 s, not counting 2 unlike any known run"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "1 s"), (41.4, "41 s"), (600, "10 min"), (12_000, "3.3 h"), (183_600, "51.0 h")],
)
def test_durations(seconds, words):
    assert duration(seconds) == words
