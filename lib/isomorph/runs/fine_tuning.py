"""A fine-tuning run: an encoder tuned on a task, scored, and analysed before and after."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from isomorph.config import Distinct
from isomorph.measure.scores import premise_alone
from isomorph.runs.encoders import EncoderRun, files_checksum
from isomorph.runs.pretraining import Pretraining
from isomorph.runs.run import records_of
from isomorph.runs.tasks import Task
from isomorph.runs.texts import WorldText
from isomorph.text.examples import PAIR

if TYPE_CHECKING:
    import torch

    from isomorph.models.heads import Head

Analysis = Literal["similarity", "probes", "reversion", "cls"]


class FineTuning(EncoderRun):
    """An encoder, tuned on a task, perhaps on others before it."""

    kind: Literal["fine_tuning"] = "fine_tuning"
    task: Task | None = None  # None: the encoder as it is
    # Tasks it is tuned on before, each with a head of its own.
    intermediate: tuple[Task, ...] = ()
    # Beside the score; see `isomorph.runs.before_after`.
    analyses: Annotated[tuple[Analysis, ...], Distinct] = ()
    # A second encoder, to say how alike two are that share no training.
    other: Pretraining | None = None
    seed: int = Field(default=0, ge=0)  # of heads, the order of examples, dropout and drawn blocks

    def problems(self) -> Iterator[str]:
        yield from super().problems()
        if self.below is not None and len(self.below.languages) != 1:
            yield (
                f"encoder has the languages {self.below.languages}; allowed is a pretraining of one."
            )
        if self.other is not None and (self.below is None or "similarity" not in self.analyses):
            yield (
                "other is set; allowed is that beside a pretraining and the analysis 'similarity'."
            )
        world = self.below is not None and isinstance(self.below.text, WorldText)
        for task in self.tasks:
            if task.of_world != world:
                yield (
                    f"source is {task.source!r}, which does not go with "
                    f"{'an' if world else 'no'} encoder of a world."
                )
            if task.alternatives:
                yield "task.alternatives is set; allowed is one way to tune."
        if self.task is None and (self.intermediate or set(self.analyses) != {"probes"}):
            yield "task is None; allowed then is the analysis 'probes' alone."
        if "cls" in self.analyses and self.task.kind != PAIR:
            yield (
                f"analyses has 'cls', but source {self.task.source!r} has no vector of a text that "
                "gets a label; allowed are sources of labelled pairs or texts."
            )
        if world and "similarity" in self.analyses and self.task.topics == "all":
            yield (
                "analyses has 'similarity', which compares text in and out of the task's domain; "
                "allowed is a task whose topics are the 'first half' of its world's."
            )

    @property
    def tasks(self) -> tuple[Task, ...]:
        return (*self.intermediate, *((self.task,) if self.task else ()))

    @property
    def languages(self) -> tuple[str, ...]:
        return self.below.languages if self.below else ("en",)

    @property
    def task_name(self) -> str:
        """Conditions say how an encoder is tuned, and this on what."""
        return self.task.origin.name if self.task else "no task"

    def foundations(self) -> tuple[Pretraining, ...]:
        return (*super().foundations(), *((self.other,) if self.other else ()))

    def checksum(self) -> str | None:
        origins = [task.origin for task in self.tasks]
        analysed = {"similarity", "probes"} & set(self.analyses) and not self.below
        if analysed or any(origin.public for origin in origins):
            return None  # what the hub has may change
        files = {file for origin in origins for file in origin.files or ()}
        return files_checksum(self.encoder, *sorted(files))

    def measure(self, place: torch.device) -> Iterator[dict]:
        """`score`, the task's main score, of the splits "test" and "dev", `<name>` of each further
        score on test, `floor`, the score without an encoder, `failed_run`, 1 where the test score is
        not above that; `loss`, of each epoch, in nats; `weight_distance`, of each block from where it
        started, and its mean over the lowest and the highest third; with the analysis `cls`,
        `cls_gradient_peak` of the last task's steps; and what `isomorph.runs.before_after` says.
        """
        from isomorph.models.blocks import prepare
        from isomorph.models.finetune import finetune
        from isomorph.models.pretrained import load_encoder
        from isomorph.runs import before_after

        text, language = (self.below.text, self.below.languages[0]) if self.below else (None, "en")
        # First, so that more examples than there are get refused before any training.
        parts = [
            {split: task.examples(split, language, text) for split in ("train", "dev", "test")}
            for task in self.tasks
        ]
        with self.placed() as (name, *others):
            encoder, tokenizer = load_encoder(name)
            other = load_encoder(others[0])[0].to(place) if others else None
        if not callable(tokenizer):
            tokenizer = tokenizer[language]
        before = copy.deepcopy(encoder).to(place)
        head, reads = None, tokenizer.model_max_length
        for task, own in zip(self.tasks, parts, strict=True):
            tokenizer.model_max_length = min(reads, task.longest or reads)
            head = task.head(encoder, own["train"].names, seed=self.seed)
            start = copy.deepcopy(head)
            prepare(start, task.tuning, seed=self.seed)  # as tuning does before its first step
            chosen = {"development": own["dev"], "metric": task.main} if task.tuning.checks else {}
            watched = before_after.watched(head) if "cls" in self.analyses else nullcontext()
            with watched as lengths:
                losses = finetune(
                    head, own["train"], tokenizer, task.tuning, language=language,
                    seed=self.seed, device=self.device, progress=self.progress, **chosen,
                )  # fmt: skip
            encoder = head.encoder
        if self.task:
            yield from scored(self.task, parts[-1], head, tokenizer, language)
            for epoch, loss in enumerate(losses):
                yield from records_of({"loss": loss}, epoch=epoch)
            yield from distances(head.encoder, start.encoder)
            if lengths:
                yield from records_of({"cls_gradient_peak": before_after.peak(lengths)})
        both = before_after.BeforeAfter(
            before=before, other=other, after=encoder.to(place).eval(), head=head,
            tokenizer=tokenizer, language=language, world=getattr(text, "world", None),
            task=self.task, seed=self.seed, examples=parts[-1] if parts else {},
        )  # fmt: skip
        for analysis in self.analyses:
            yield from getattr(before_after, analysis)(both)


def scored(task: Task, own, head: Head, tokenizer, language: str) -> Iterator[dict]:
    from isomorph.models.finetune import predict

    main = {}
    for split in ("dev", "test"):
        answers = predict(head, own[split], tokenizer, language=language)
        main[split] = task.main(own[split], answers)
    scores = {"score": main["test"]} | task.scores(own["test"], answers)
    scores["floor"] = task.floor(own["train"], own["test"])
    if task.of_world and task.kind == PAIR:
        scores["floor_premise"] = task.main(own["test"], premise_alone(own["train"], own["test"]))
    scores["failed_run"] = float(scores["score"] <= scores["floor"])
    yield from records_of(scores, split="test")
    yield from records_of({"score": main["dev"]}, split="dev")


def distances(encoder, start) -> Iterator[dict]:
    from isomorph.models.blocks import weight_distances

    far = weight_distances(encoder.cpu(), start.cpu())
    for block, distance in enumerate(far, 1):
        yield from records_of({"weight_distance": distance}, layer=block)
    third = -(-len(far) // 3)
    for end, part in {"bottom": far[:third], "top": far[-third:]}.items():
        yield from records_of({f"{end}_weight_distance": sum(part) / len(part)})
