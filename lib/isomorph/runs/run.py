"""A run is a value: a config names it, its digest is its identity, and its outcome becomes rows.

What every kind of run has in common. A run names everything that changes its result and nothing
that does not. exca caches it and runs it in this process, in local processes or on Slurm. What it
measured becomes rows of one long table (`isomorph.rows`), found again by digest.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
import time
import warnings
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, cached_property, wraps
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from isomorph.config import Config
from isomorph.models.settings import FP32, Device
from isomorph.runs.cache import Cache, code_version
from isomorph.text.fetch import reading

if TYPE_CHECKING:
    from typing import Self

    import torch


class Run(Config):
    """A run without its particulars; a subclass adds fields and says what it measures.

    A record may name its own seed, where a run takes several samples; and its own condition, where a
    run does several things to one set of vectors, which its class then says by `names_conditions`.
    """

    _exclude_from_cls_uid: ClassVar[tuple[str, ...]] = ("device", "progress")
    names_conditions: ClassVar[bool] = False
    on_processor: ClassVar[bool] = False  # whatever the device
    passes_records_on: ClassVar[bool] = False  # those of the pretraining that it starts from

    kind: str  # by which a recorded config says whose it is; see `isomorph.runs`
    device: Device = "auto"
    progress: bool = True
    infra: Cache = Cache(version="1")

    @cached_property
    def digest(self) -> str:
        """Twelve hexadecimal digits that name this run; defaults left out, so that a later field
        with a default keeps every earlier name."""
        named = self.infra.config(uid=True, exclude_defaults=True)
        canonical = json.dumps(json.loads(json.dumps(named, default=_plain)), sort_keys=True)
        return hashlib.sha256(canonical.encode()).hexdigest()[:12]

    @classmethod
    @cache
    def model_json_schema(cls) -> dict:
        """As pydantic makes it, once a class; exca asks for it at every digest."""
        return super().model_json_schema()

    def model_copy(self, *, update: dict | None = None, deep: bool = False) -> Self:
        """A validated copy with other values, not yet tied to any cache.

        exca ties a run to its cache by object, and a plain copy would answer for the original.
        """
        fields = {name: getattr(self, name) for name in type(self).model_fields if name != "infra"}
        return type(self)(**fields | (update or {}))

    def config_json(self) -> str:
        """Every field that names the run, defaults included."""
        return self.model_dump_json(exclude=self._unnamed())

    def _unnamed(self) -> dict:
        # A run inside a run has such fields too.
        inner = {name: getattr(self, name) for name in type(self).model_fields}
        return dict.fromkeys(("infra", *self._exclude_from_cls_uid), True) | {
            name: run._unnamed() for name, run in inner.items() if isinstance(run, Run)
        }

    @property
    def code(self) -> str:
        """A name for the code that the outcome depends on; see `isomorph.runs.cache`."""
        return code_version(type(self).__module__)

    @property
    @abstractmethod
    def languages(self) -> tuple[str, ...]:
        """What its models read; none where it has no model."""

    @property
    def task_name(self) -> str | None:
        """What it is about, as rows name it, where that is one task."""
        return None

    @property
    @abstractmethod
    def tokens(self) -> int:
        """How many a pretraining reads; of a run that starts from several, the first one's."""

    @property
    def about(self) -> str:
        """Its task, or else its languages, for a line of progress."""
        return self.task_name or "-".join(self.languages)

    @infra.apply
    def outcome(self) -> dict:
        """What `execute` gives, cached by exca."""
        return self.execute()

    def execute(self) -> dict:
        """Measure here and now: {"records", "data", "device", "code"}."""
        return executed(self)

    def measure(self, place: torch.device) -> Iterator[dict]:
        """The records, as they are measured: {"metric", "value"} and what else a row says of it; with
        "seconds", "tokens" and "step" where they are others than those of `executed`."""
        raise NotImplementedError

    def foundations(self) -> tuple[Run, ...]:
        """The runs whose trained models this one starts from."""
        return ()

    def parts(self) -> Sequence[Run]:
        """The runs, each kept by itself, that this one only puts together."""
        return ()

    def in_same_cache(self, other: Run, folder: Path | None = None) -> Run:
        """Another run, kept in the same cache as this one or in a folder, on the same device.

        Where this one is made anew, the other is not if it has finished.
        """
        mode = "retry" if self.infra.mode == "force" else self.infra.mode
        changes = {"infra.folder": folder or self.infra.folder, "infra.mode": mode,
                   "progress": self.progress and other.progress}  # fmt: skip
        if self.device != "auto":
            changes["device"] = self.device
        return other.infra.clone_obj(changes)

    @abstractmethod
    def checksum(self) -> str | None:
        """Of the shipped files that the run reads; None where what it reads does not ship."""

    def is_of(self, data: str) -> bool:
        """Whether a row's "data" is of the shipped files as they are now. What stands after their
        checksum, the versions of public data sets and encoders, is for people to read."""
        shipped = data.partition("; ")[0]
        return self.checksum() in (None, "" if "@" in shipped else shipped)


def names_reads(measured: Callable[..., dict]) -> Callable[..., dict]:
    """A run's function whose outcome names, at the end of its "data", the public sets it read."""

    @wraps(measured)
    def measuring(run) -> dict:
        with reading() as names:
            outcome = measured(run)
        known = (outcome["data"], " ".join(sorted(names)))
        return outcome | {"data": "; ".join(filter(None, known))}

    return measuring


@names_reads
def executed(run: Run) -> dict:
    """What a run measures, each record with the seconds since the run began."""
    from isomorph.models.settings import device_named

    # Of the start: the source may be edited while a long run goes on.
    code, began, records = run.code, time.monotonic(), []
    place = device_named("cpu" if run.on_processor else run.device)
    with warnings.catch_warnings():
        # Of so many texts a few are always longer than is read.
        warnings.filterwarnings("ignore", message=".* were cut")
        for record in run.measure(place):
            if not math.isnan(record["value"]):  # of what varies too little for a number
                named = {"step": 0, "tokens": run.tokens}
                records.append(named | {"seconds": time.monotonic() - began} | record)
    return {
        "records": records, "data": run.checksum() or "", "device": device_name(place), "code": code,
    }  # fmt: skip


def records_of(values: Mapping[str, float], **named) -> Iterator[dict]:
    """A record of each value by its metric; named: what else their rows say."""
    for metric, value in values.items():
        yield {"metric": metric, "value": value} | named


def device_name(device) -> str:
    """As rows have it: of a GPU also what was said of its number formats, if anything was."""
    import torch

    if device.type == "cuda":
        told = os.environ.get(FP32)
        return torch.cuda.get_device_name(device) + (f", {FP32}={told}" if told else "")
    return "mps" if device.type == "mps" else platform.machine() + " CPU"


def _plain(value):
    if isinstance(value, tuple | set):
        return list(value)
    if isinstance(value, dict):
        return dict(value)
    return str(value)
