"""What a sweep says while it goes on: each run that ends, how many are left, and for how long."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Self

from tqdm import tqdm

from isomorph import results
from isomorph.results import Condition
from isomorph.sweep.estimate import Forecast, device_here, told
from isomorph.sweep.execution import Cluster, RunFailed


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
        self.say(f"Time: {self._told(by=sorted(self.forecast.devices))}{at_a_time}.")
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
        more = f", {self._told()}" if self.left else ""
        self._write(f"{describe(condition)} {how}; {len(self.left)} to go{more}.")
        if self._bar is not None:
            self._bar.update()

    def tick(self, started: Mapping[str, float]) -> None:
        """Show the time that is left, about once a second; `started` is of the runs at work."""
        if self._bar is None or self._bar.disable or time.monotonic() - self._shown < 1:
            return
        self._shown = time.monotonic()
        failed = f", {self.failed} failed" if self.failed else ""
        self._bar.set_postfix_str(f"to go: {self._told(started)}{failed}")

    def _learn(self, condition: Condition) -> None:
        rows = results.finished_rows("", condition, size="")
        self.forecast.learn(condition.run, rows["seconds"].max())

    def _told(self, started: Mapping[str, float] | None = None, by: Sequence[str] = ()) -> str:
        runs = [condition.run for condition in self.left]
        return told(self.forecast.left(runs, self.jobs, started), by)

    def _write(self, line: str) -> None:
        if self._bar is None or self._bar.disable:
            self.say(line)
        else:
            with tqdm.external_write_mode():
                self.say(line)


def describe(condition: Condition) -> str:
    run = condition.run
    return f"{condition.name} ({run.about}, seed {run.seed}, {run.tokens / 1e6:.3g}M tokens)"
