"""Cures for a cone of vectors, held side by side: do they help at what vectors are for?

One run makes an encoder's vectors once, fits every cure on them, and scores each: its records name
the cure as their condition. Each fifth of the items is scored by itself. Of an encoder that has a name
a record has its fold, and intervals over chapters, words or sentences are recorded too (see
`isomorph.runs.cured_tasks`); of a pretraining, which has a seed, the mean over the folds is recorded.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from statistics import fmean
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import model_validator

from isomorph.runs.cache import Cache
from isomorph.runs.of_encoder import OfEncoder, files_checksum
from isomorph.runs.pretraining import Pretraining
from isomorph.runs.run import device_name
from isomorph.text.fetch import names_reads

if TYPE_CHECKING:
    from isomorph.runs.cured_tasks import Record

Task = Literal["passages", "translations", "sentence_similarity", "word_similarity"]


class Cures(OfEncoder):
    """Every cure on the vectors of one encoder, at one task.

    "passages": which of two passages follows the other, by cosine alone; shipped English text.
    "translations": of the held-out verses, and of the dictionary's words; a bilingual encoder that
    ships. "sentence_similarity" and "word_similarity": sets that the hub or a mirror has.
    """

    kind: Literal["cures"] = "cures"
    names_conditions: ClassVar[bool] = True

    cured: str | Pretraining  # an encoder that ships, an encoder's id on the hub, or a pretraining
    task: Task
    prefix: str = ""  # before the names of the conditions, where several encoders are compared

    infra: Cache = Cache(version="1")

    @model_validator(mode="after")
    def _reads(self) -> Cures:
        if self.below and not set(self.languages) <= set(self.below.languages):
            raise ValueError(
                f"task is {self.task!r}, and the pretraining reads {self.below.languages}; allowed "
                f"is one that reads {' and '.join(self.languages)}."
            )
        return self

    @property
    def subject(self) -> str | Pretraining:
        return self.cured

    @property
    def languages(self) -> tuple[str, ...]:
        return ("en", "fr") if self.task == "translations" else ("en",)

    @property
    def task_name(self) -> str:
        return self.task

    def checksum(self) -> str | None:
        if self.task == "passages":
            files = ("text/bible.parquet", "tasks/passage_relation.parquet")
            return files_checksum(self.cured, *files)
        if self.task == "translations":
            files = ("text/bible.parquet", "dictionaries/en-fr.parquet")
            return files_checksum(self.cured, *files)
        return None  # what the hub has may change

    @infra.apply
    @names_reads
    def outcome(self) -> dict:
        """Fit and score: {"records", "data", "device", "code"}; cached by exca.

        Each record has a condition, a fold, a metric and a value; see `isomorph.runs.cured_tasks`.
        """
        import torch

        from isomorph.models.settings import device_named
        from isomorph.runs import cured_tasks

        code, place, began = self.code, device_named(self.device), time.monotonic()
        measure: Callable[..., Iterator[cured_tasks.Record]] = getattr(cured_tasks, self.task)
        records = []
        with (
            self.placed() as name,
            torch.random.fork_rng(devices=[]),
            warnings.catch_warnings(),
        ):
            # Of so many sentences a few are always longer than is read.
            warnings.filterwarnings("ignore", message=".* were cut")
            measured = measure(name, place)
            if self.below:
                measured = over_folds(measured)  # its interval is over seeds
            for condition, fold, metric, value in measured:
                named = {"step": 0, "tokens": 0, "seconds": time.monotonic() - began}
                own = {"condition": self.prefix + condition, "fold": fold}
                if not math.isnan(value):
                    records.append({"metric": metric, "value": value} | own | named)
        return {
            "records": records, "data": self.checksum() or "", "device": device_name(place),
            "code": code,
        }  # fmt: skip


def over_folds(measured: Iterable[Record]) -> Iterator[Record]:
    """The mean of each condition's metric over the folds."""
    from isomorph.runs.cured_tasks import OVER_ITEMS

    values: dict[tuple[str, str], list[float]] = {}
    for condition, _, metric, value in measured:
        if not metric.endswith(OVER_ITEMS):
            values.setdefault((condition, metric), []).append(value)
    for (condition, metric), several in values.items():
        yield condition, None, metric, fmean(several)
