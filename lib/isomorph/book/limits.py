"""How long a chapter may take, and how much memory: what runs away ends with a sentence."""

import math
import threading
import time
from dataclasses import dataclass

import psutil

from isomorph import children

from .chapters import BadRequest

WEEK = 7 * 24 * 60.0
# Many times what chapters take, for a machine that is slow or does other work too.
MINUTES = {"smoke": 20.0, "laptop": 120.0, "reference": 24 * 60.0, "paper": WEEK}
GIB = {"smoke": 8.0, "laptop": 8.0}
SHARE = 0.75
"""Of the machine's memory, a chapter's at most, so that no other process pays for it."""


@dataclass(frozen=True)
class Limits:
    """Minutes by the clock and GiB of resident memory, of a chapter with all that it starts."""

    minutes: float
    gib: float

    @classmethod
    def of(cls, parameters: dict, minutes: float | None = None, gib: float | None = None):
        """What is usual for a size, with `recompute` up to a week; 0 lifts a limit.

        Raises BadRequest when a limit is negative or no number.
        """
        for name, value in {"minutes": minutes, "memory": gib}.items():
            if value is not None and not value >= 0:
                raise BadRequest(f"{name} is {value}, but it must be at least 0, which is no limit")
        usual = WEEK if parameters["recompute"] else MINUTES[parameters["size"]]
        there = SHARE * psutil.virtual_memory().total / 2**30
        room = min(GIB.get(parameters["size"], math.inf), there)
        return cls(
            usual if minutes is None else minutes or math.inf,
            room if gib is None else gib or math.inf,
        )


class Watch:
    """Ends the kernel of this process once a limit is passed; `passed` then says which."""

    def __init__(self, limits: Limits):
        self.limits, self.passed = limits, ""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        began, own = time.monotonic(), psutil.Process()
        while not self._over.wait(0.5):
            family = own.children(recursive=True)
            if time.monotonic() - began > 60 * self.limits.minutes:
                self.passed = f"over {self.limits.minutes:g} minutes"
            elif sum(map(_resident, [own, *family])) > self.limits.gib * 2**30:
                self.passed = f"over {self.limits.gib:.3g} GiB of memory"
            if self.passed:
                children.kill(family)


def _resident(process: psutil.Process) -> int:
    try:
        return process.memory_info().rss
    except psutil.NoSuchProcess:
        return 0
