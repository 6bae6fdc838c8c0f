"""What a sweep says while it goes on: each run that ends, how many are left, and for how long, judged
by what like runs took."""

from __future__ import annotations

import json
import platform
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Self

from tqdm import tqdm

from isomorph import results
from isomorph.results import Condition
from isomorph.sweep.execution import Cluster, RunFailed

if TYPE_CHECKING:
    import pandas as pd


def likeness(config: Mapping) -> tuple[tuple, float]:
    """What runs of the same pace have in common, and how much there is to do at that pace.

    For a pretraining the shape of the encoder, of the batches and of the vocabulary, and the tokens;
    for a run that starts from some, those of each and everything else of it but seeds, and 1.
    """
    if "training" not in config:
        inside = [value for value in config.values() if _is_pretraining(value)]
        rest = {key: value for key, value in config.items() if not _is_pretraining(value)}
        below = [part for value in inside for part in likeness(value)]
        return (*below, json.dumps(_without_seed(rest), sort_keys=True)), 1.0
    encoder, training = config["encoder"], config["training"]
    shape = (
        config["text"]["kind"], config["vocabulary"]["size"], encoder["layers"], encoder["width"],
        training["batch"], training["length"], training["precision"], training["optimiser"],
    )  # fmt: skip
    return shape, training["tokens"]


def _is_pretraining(value) -> bool:
    return isinstance(value, Mapping) and "training" in value


def _without_seed(value):
    if isinstance(value, Mapping):
        return {key: _without_seed(part) for key, part in value.items() if key != "seed"}
    return value


class Forecast:
    """Knows the paces of runs that have ended, and guesses those of others.

    `device` is the kind of device that the runs will have; None takes what any device took.
    """

    def __init__(self, device: str | None = None):
        self.device = device
        self.devices: set[str] = set()  # of the runs that it goes by
        self.apart: set[str] = set()  # pretrainings that are runs of their own, by digest
        self._before: dict[tuple, list[float]] = defaultdict(list)
        self._now: dict[tuple, list[float]] = defaultdict(list)
        self._slower: list[float] = []  # how many times as long as guessed runs took this time

    def recall(self, rows: pd.DataFrame) -> None:
        """Take in the rows of earlier runs, of any experiment."""
        for config, run in rows.groupby("config"):
            device = run["device"].iloc[0]
            if self.device in (None, device):
                like, amount = likeness(json.loads(config))
                self._before[like].append(run["seconds"].max() / amount)
                self.devices.add(device)

    def learn(self, run, seconds: float) -> None:
        """Take in a run that has ended just now, which says more than all earlier ones."""
        like, amount = likeness(json.loads(run.config_json()))
        if like in self._before and seconds:
            self._slower.append(seconds / amount / statistics.median(self._before[like]))
        self._now[like].append(seconds / amount)

    def seconds(self, run) -> float | None:
        """How long one run will take, or None when nothing like it has been seen.

        The seconds of a run's rows include those of the pretrainings it starts from.
        """
        seconds = self._whole(run)
        apart = [below for below in run.foundations() if below.digest in self.apart]
        if seconds is not None:
            seconds -= sum(self._whole(below) or 0.0 for below in apart)
        return None if seconds is None else max(0.0, seconds)

    def _whole(self, run) -> float | None:
        like, amount = likeness(json.loads(run.config_json()))
        if like in self._now:
            return amount * statistics.median(self._now[like])
        if like not in self._before:
            return None
        slower = statistics.median(self._slower) if self._slower else 1.0
        return amount * statistics.median(self._before[like]) * slower

    def left(
        self, runs: Iterable, jobs: int, started: Mapping[str, float] | None = None
    ) -> tuple[float | None, int]:
        """The seconds until all runs have ended, `jobs` at a time, and how many are left out.

        Those are left out that nothing is known of; None when that is all of them. `started` says
        since when (`time.monotonic`) runs have been at work, by digest.
        """
        known: list[float] = []
        unknown = 0
        for run in runs:
            seconds = self.seconds(run)
            if seconds is None:
                unknown += 1
            else:
                began = (started or {}).get(run.digest)
                worked = 0.0 if began is None else time.monotonic() - began
                # One that should have ended is taken to need a tenth more.
                known.append(max(seconds - worked, worked / 10))
        if not known:
            return None, unknown
        return max(max(known), sum(known) / jobs), unknown


def in_words(left: tuple[float | None, int], by: Sequence[str] = ()) -> str:
    """An estimate in words."""
    seconds, unknown = left
    if seconds is None:
        return "no estimate, since no like run is known"
    words = f"about {duration(seconds)}"
    if by:
        words += f", by like runs on {' and '.join(sorted(by))}"
    if unknown:
        words += f", not counting {unknown} unlike any known run"
    return words


def duration(seconds: float) -> str:
    """Rounded to what matters: "40 s", "12 min", "3 h 20 min", "2 days 3 h"."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 36:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} days {hours} h" if hours else f"{days} days"


def device_here() -> str:
    """The kind of device that a run gets on this machine, as rows name it."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return "mps" if torch.backends.mps.is_available() else platform.machine() + " CPU"


class Progress:
    """Counts the runs of a sweep as they end, and forecasts when the last one will.

    As a context it says at its start how long all will take, and, when interrupted, what is kept.
    On a terminal a line at the bottom shows the time that is left, except where the runs, in this
    very process, show their own.
    """

    def __init__(
        self, runs: Sequence[Condition], *, cluster: Cluster, jobs: int, say: Callable[[str], None]
    ):
        self.left = list(runs)
        self.total, self.failed = len(self.left), 0
        self.cluster, self.jobs, self.say = cluster, jobs, say
        # What nodes of a cluster have is not known here.
        self.forecast = Forecast(None if cluster == "slurm" else device_here())
        self.forecast.apart = {condition.run.digest for condition in self.left}
        self._bar: tqdm | None = None
        self._shown = 0.0

    def recall(self, finished: Sequence[Condition], experiment: str, size: str) -> None:
        """Take in the runs that are recorded, of all experiments, and those finished here."""
        for name in results.experiments_recorded():
            self.forecast.recall(results.recorded(name))
        for condition in finished:
            self.forecast.recall(results.finished_rows(experiment, condition, size=size))

    def __enter__(self) -> Self:
        at_a_time = f", {self.jobs} at a time" if self.jobs > 1 else ""
        self.say(f"Time: {self._time_left(by=sorted(self.forecast.devices))}{at_a_time}.")
        if self.cluster != "none":
            self._bar = tqdm(
                total=self.total, disable=None, unit="run",
                bar_format="{n_fmt}/{total_fmt} runs |{bar:20}| {elapsed}{postfix}",
            )  # fmt: skip
        return self

    def __exit__(self, kind: type[BaseException] | None, *_) -> None:
        if self._bar is not None:
            self._bar.close()
        if kind is KeyboardInterrupt:
            ended = self.total - len(self.left) - self.failed
            queued = (
                " Jobs that Slurm has go on, and are waited for next time; scancel ends them."
                if self.cluster == "slurm"
                else ""
            )
            self.say(f"{ended} of {self.total} runs are finished and kept.{queued}")

    def end(self, condition: Condition, failure: RunFailed | None) -> None:
        """Say how a run ended and what is left."""
        self.left = [c for c in self.left if c.run.digest != condition.run.digest]
        if failure is None:
            self._learn(condition)
        else:
            self.failed += 1
        how = f"failed: {failure}" if failure else "finished"
        more = f", {self._time_left()}" if self.left else ""
        self._write(f"{describe(condition)} {how}; {len(self.left)} to go{more}.")
        if self._bar is not None:
            self._bar.update()

    def tick(self, started: Mapping[str, float]) -> None:
        """Show the time that is left, about once a second; `started` is of the runs at work."""
        if self._bar is None or self._bar.disable or time.monotonic() - self._shown < 1:
            return
        self._shown = time.monotonic()
        failed = f", {self.failed} failed" if self.failed else ""
        self._bar.set_postfix_str(f"to go: {self._time_left(started)}{failed}")

    def _learn(self, condition: Condition) -> None:
        rows = results.finished_rows("", condition, size="")
        self.forecast.learn(condition.run, rows["seconds"].max())

    def _time_left(self, started: Mapping[str, float] | None = None, by: Sequence[str] = ()) -> str:
        runs = [condition.run for condition in self.left]
        return in_words(self.forecast.left(runs, self.jobs, started), by)

    def _write(self, line: str) -> None:
        if self._bar is None or self._bar.disable:
            self.say(line)
        else:
            with tqdm.external_write_mode():
                self.say(line)


def describe(condition: Condition) -> str:
    run = condition.run
    return f"{condition.name} ({run.about}, seed {run.seed}, {run.tokens / 1e6:.3g}M tokens)"
