"""How long a sweep will take, judged by what like runs took."""

from __future__ import annotations

import json
import statistics
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from isomorph.results import Condition

if TYPE_CHECKING:
    import pandas as pd

    from isomorph.runs import Run


def likeness(config: Mapping) -> tuple[str, float]:
    """What runs of the same pace have in common, and how much there is to do at that pace.

    For a pretraining the shape of the encoder, of the batches and of the vocabulary, and the tokens;
    for another run the same of each that it starts from and everything else of it but seeds, and 1.
    """
    if "training" not in config:
        parts = {
            name: likeness(value) if isinstance(value, Mapping) else value
            for name, value in config.items()
            if name != "seed"
        }
        return json.dumps(parts, sort_keys=True), 1.0
    encoder, training = config["encoder"], config["training"]
    shape = (
        config["text"]["kind"], config["vocabulary"]["size"], encoder["layers"], encoder["width"],
        training["batch"], training["length"], training["precision"], training["optimiser"],
    )  # fmt: skip
    return json.dumps(shape), training["tokens"]


class Forecast:
    """Knows the paces of runs that have ended, and guesses those of others.

    device: the kind of device that the runs will have; None takes what any device took. apart: the
    digests of the pretrainings that are runs of their own.
    """

    def __init__(self, device: str | None = None, apart: Collection[str] = ()):
        self.device, self.apart = device, apart
        self.devices: set[str] = set()  # of the runs that it goes by
        self._before: dict[str, list[float]] = defaultdict(list)
        self._now: dict[str, list[float]] = defaultdict(list)

    def recall(self, rows: pd.DataFrame) -> None:
        """Take in the rows of earlier runs, of any experiment."""
        for config, run in rows.groupby("config"):
            device = run["device"].iloc[0]
            if self.device in (None, device):
                like, amount = likeness(json.loads(config))
                self._before[like].append(run["seconds"].max() / amount)
                self.devices.add(device)

    def learn(self, run: Run, seconds: float) -> None:
        """Take in a run that has ended just now, which says more than all earlier ones."""
        like, amount = likeness(json.loads(run.config_json()))
        self._now[like].append(seconds / amount)

    def seconds(self, run: Run) -> float | None:
        """How long one run will take, or None when nothing like it has been seen.

        The seconds of a run's rows include those of the pretrainings it starts from.
        """
        seconds = self._whole(run)
        if seconds is None:
            return None
        apart = [below for below in run.foundations() if below.digest in self.apart]
        return max(0.0, seconds - sum(self._whole(below) or 0.0 for below in apart))

    def _whole(self, run: Run) -> float | None:
        like, amount = likeness(json.loads(run.config_json()))
        paces = self._now.get(like) or self._before.get(like)
        return amount * statistics.median(paces) if paces else None

    def left(self, runs: Iterable[Run], jobs: int) -> tuple[float | None, int]:
        """The seconds until all runs have ended, `jobs` at a time, and how many are left out, of
        which nothing is known; None when that is all of them."""
        every = [self.seconds(run) for run in runs]
        known = [seconds for seconds in every if seconds is not None]
        seconds = max(max(known), sum(known) / jobs) if known else None
        return seconds, len(every) - len(known)


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
    long = minutes >= 36 * 60
    many, rest = divmod(minutes // 60, 24) if long else divmod(minutes, 60)
    names = ("days", "h") if long else ("h", "min")
    return f"{many} {names[0]}" + (f" {rest} {names[1]}" if rest else "")


def describe(condition: Condition) -> str:
    run = condition.run
    return f"{condition.name} ({run.about}, seed {run.seed}, {run.tokens / 1e6:.3g}M tokens)"
