"""Cures for a cone of vectors, held side by side: do they help at what vectors are for?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from statistics import fmean
from typing import TYPE_CHECKING, ClassVar, Literal

from isomorph.runs.encoders import OfVectors, files_checksum
from isomorph.runs.run import records_of

if TYPE_CHECKING:
    import torch

    from isomorph.runs.cured_tasks import Record

# The shipped files of each task of cures; None where the hub has its sets, which may change.
FILES = {
    "passages": ("text/bible.parquet", "tasks/passage_relation.parquet"),
    "translations": ("text/bible.parquet", "dictionaries/en-fr.parquet"),
    "sentence_similarity": None,
    "word_similarity": None,
}


class Cures(OfVectors):
    """Every cure on the vectors of one encoder, at one task: each record names its cure as condition.

    Each fifth of the items is scored by itself. Of an encoder without a seed a record has its fold,
    and intervals over chapters, words or sentences are recorded too; of one that has a seed the mean
    over the folds is.

    "passages": which of two passages follows the other, by cosine alone; shipped English text.
    "translations": of the held-out verses, and of the dictionary's words; a bilingual encoder that
    ships. "sentence_similarity" and "word_similarity": sets that the hub or a mirror has.
    """

    names_conditions: ClassVar[bool] = True

    kind: Literal["cures"] = "cures"
    task: Literal[tuple(FILES)]
    prefix: str = ""  # before the names of the conditions, where several encoders are compared

    def problems(self) -> Iterator[str]:
        yield from super().problems()
        if self.below and not set(self.languages) <= set(self.below.languages):
            yield (
                f"task is {self.task!r}, and the pretraining reads {self.below.languages}; allowed "
                f"is one that reads {' and '.join(self.languages)}."
            )

    @property
    def languages(self) -> tuple[str, ...]:
        return ("en", "fr") if self.task == "translations" else ("en",)

    @property
    def task_name(self) -> str:
        return self.task

    def checksum(self) -> str | None:
        files = FILES[self.task]
        return None if files is None else files_checksum(self.encoder, *files)

    def measure(self, place: torch.device) -> Iterator[dict]:
        """Each record has a condition and a fold; see `isomorph.runs.cured_tasks`."""
        import torch

        from isomorph.runs import cured_tasks

        with self.placed() as (name,), torch.random.fork_rng(devices=[]):
            measured = getattr(cured_tasks, self.task)(name, place)
            if self.drawn_seed is not None:
                measured = over_folds(measured)  # its interval is over seeds
            for condition, fold, metric, value in measured:
                named = {"condition": self.prefix + condition, "fold": fold}
                yield from records_of({metric: value}, tokens=0, **named)


def over_folds(measured: Iterable[Record]) -> Iterator[Record]:
    """The mean of each condition's metric over the folds."""
    from isomorph.runs.cured_tasks import OVER_ITEMS

    values: dict[tuple[str, str], list[float]] = {}
    for condition, _, metric, value in measured:
        if not metric.endswith(OVER_ITEMS):
            values.setdefault((condition, metric), []).append(value)
    for (condition, metric), several in values.items():
        yield condition, None, metric, fmean(several)
