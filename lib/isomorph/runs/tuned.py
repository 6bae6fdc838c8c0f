"""A fine-tuning run: an encoder tuned on a task, scored, and looked at before and after."""

from __future__ import annotations

import copy
import tempfile
import time
import warnings
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from isomorph.config import Distinct
from isomorph.runs.cache import Cache
from isomorph.runs.downstream import Downstream, scores
from isomorph.runs.of_encoder import files_checksum
from isomorph.runs.pretraining import Pretraining
from isomorph.runs.run import Run, device_name
from isomorph.runs.texts import WorldText
from isomorph.runs.two_models import combined_checksum, trained_below
from isomorph.text.examples import PAIR
from isomorph.text.fetch import names_reads
from isomorph.text.shipped import checksum

if TYPE_CHECKING:
    from isomorph.models.heads import Head

Look = Literal["states", "probes", "reversion", "cls"]


class Tuned(Run):
    """An encoder, tuned on a task, perhaps on others before it.

    Raises a validation error, before any work, when two fields contradict each other.
    """

    kind: Literal["fine_tuning"] = "fine_tuning"
    looks: Annotated[
        tuple[Look, ...], Distinct
    ] = ()  # what is measured beside the score; see `isomorph.runs.looks`
    encoder: str = ""  # one that ships, or an id of the hub
    pretraining: Pretraining | None = None  # in its place, of one language: trained first
    other: Pretraining | None = (
        None  # a second one, to say how alike two are that share no training
    )
    downstream: Downstream | None = None  # None: the encoder as it is
    first: tuple[Downstream, ...] = ()  # tasks it is tuned on before, each with a head of its own
    seed: int = Field(default=0, ge=0)  # of heads, the order of examples, dropout and drawn blocks

    infra: Cache = Cache(version="1")

    @model_validator(mode="after")
    def _consistent(self) -> Tuned:
        if bool(self.encoder) == (self.pretraining is not None):
            raise ValueError(
                f"encoder is {self.encoder!r} with {'a' if self.pretraining else 'no'} pretraining; "
                "allowed is one of the two."
            )
        if self.pretraining is not None and len(self.pretraining.languages) != 1:
            raise ValueError(
                f"pretraining has the languages {self.pretraining.languages}; allowed is one."
            )
        if self.other is not None and (self.pretraining is None or "states" not in self.looks):
            raise ValueError(
                "other is set; allowed is that beside a pretraining and the look 'states'."
            )
        world = self.pretraining is not None and isinstance(self.pretraining.text, WorldText)
        for task in self.tasks:
            if task.of_world != world:
                raise ValueError(
                    f"source is {task.source!r}, which does not go with "
                    f"{'an' if world else 'no'} encoder of a world."
                )
        if self.downstream is None and (self.first or set(self.looks) != {"probes"}):
            raise ValueError("downstream is None; allowed then is the look 'probes' alone.")
        if "cls" in self.looks and self.downstream.origin.kind != PAIR:
            raise ValueError(
                f"looks has 'cls', but source {self.downstream.source!r} has no vector of a text that "
                "gets a label; allowed are sources of labelled pairs or texts."
            )
        return self

    @property
    def tasks(self) -> tuple[Downstream, ...]:
        return (*self.first, *((self.downstream,) if self.downstream else ()))

    @property
    def languages(self) -> tuple[str, ...]:
        return self.pretraining.languages if self.pretraining else ("en",)

    @property
    def task_name(self) -> str:
        """Conditions say how an encoder is tuned, and this on what."""
        return self.downstream.origin.name if self.downstream else "no task"

    @property
    def tokens(self) -> int:
        return self.pretraining.tokens if self.pretraining else 0

    def foundations(self) -> tuple[Pretraining, ...]:
        return tuple(own for own in (self.pretraining, self.other) if own)

    def checksum(self) -> str | None:
        files = [task.origin.files for task in self.tasks]
        if None in files or ({"states", "probes"} & set(self.looks) and not self.pretraining):
            return None  # what the hub has may change
        named = sorted({name for own in files for name in own})
        if self.pretraining is None:
            return files_checksum(self.encoder, *named)
        below = self.pretraining.checksum()
        return None if below is None else combined_checksum([below, *map(checksum, named)])

    @infra.apply
    def outcome(self) -> dict:
        """Tune, score and look: {"records", "data", "device", "code"}; cached by exca.

        The records: `score`, the task's main score, of the splits "test" and "dev", `<name>` of each
        further score on test, `floor`, the score without an encoder, `failed_run`, 1 where the test score
        is not above that; `loss`, of each epoch, in nats; `weight_distance`, of each
        block from where it started, and its mean over the lowest and the highest third; with the look
        `cls`, `cls_gradient_peak` of the last task's steps; and what `isomorph.runs.looks` says.
        """
        with warnings.catch_warnings():
            # Of so many texts a few are always longer than is read.
            warnings.filterwarnings("ignore", message=".* were cut")
            return tune(self)


@names_reads
def tune(run: Tuned) -> dict:
    """Tune, score and look here and now; see `Tuned.outcome`."""
    from isomorph.models.pretrained import load_encoder
    from isomorph.models.settings import device_named
    from isomorph.runs import looks

    code, place, began = run.code, device_named(run.device), time.monotonic()
    world = getattr(run.pretraining.text, "world", None) if run.pretraining else None
    language = run.pretraining.languages[0] if run.pretraining else "en"
    # First, so that more examples than there are get refused before any training.
    parts = [
        {split: task.examples(split, world, language) for split in ("train", "dev", "test")}
        for task in run.tasks
    ]
    with tempfile.TemporaryDirectory() as aside:
        folders = trained_below(run, None if run.infra.folder else Path(aside))
        name = str(folders[run.pretraining.digest]) if run.pretraining else run.encoder
        encoder, tokenizer = load_encoder(name)
        other = load_encoder(str(folders[run.other.digest]))[0].to(place) if run.other else None
    if not callable(tokenizer):
        tokenizer = tokenizer[language]
    original = copy.deepcopy(encoder).to(place)
    records, head, reads = [], None, tokenizer.model_max_length
    for task, own in zip(run.tasks, parts, strict=True):
        tokenizer.model_max_length = min(reads, task.longest or reads)
        head = task.head(encoder, own["train"].names, seed=run.seed)
        started = _started(run, task, head)
        with looks.watched(head) if "cls" in run.looks else nullcontext() as lengths:
            losses = _tune_one(run, task, own, head, tokenizer, language)
        encoder = head.encoder
    if run.downstream:
        records += _scored(run.downstream, parts[-1], head, tokenizer, language)
        records += [{"metric": "loss", "value": loss, "epoch": i} for i, loss in enumerate(losses)]
        records += _moved(head.encoder, started)
        records += [looks.peak(lengths)] if lengths else []
    state = looks.State(
        original=original, other=other, encoder=encoder.to(place).eval(), head=head, tokenizer=tokenizer,
        language=language, world=world, task=run.downstream, seed=run.seed,
        examples=parts[-1] if parts else {},
    )  # fmt: skip
    for look in run.looks:
        records += getattr(looks, look)(state)
    seconds = time.monotonic() - began
    return {
        "records": [
            {"step": 0, "tokens": run.tokens, "seconds": seconds} | record
            for record in records
        ],
        "data": run.checksum() or "", "device": device_name(place), "code": code,
    }  # fmt: skip


def _started(run: Tuned, task: Downstream, head: Head):
    """The encoder from which tuning starts."""
    from isomorph.models.blocks import prepare

    started = copy.deepcopy(head)
    prepare(started, task.tuning, seed=run.seed)
    return started.encoder


def _tune_one(run: Tuned, task: Downstream, own, head: Head, tokenizer, language: str):
    """Tune a head and its encoder: the loss of each epoch."""
    from isomorph.models.finetune import finetune

    development = {}
    if task.tuning.checks:
        development = {"development": own["dev"], "metric": task.main}
    return finetune(
        head, own["train"], tokenizer, task.tuning, language=language, seed=run.seed,
        device=run.device, progress=run.progress, **development,
    )  # fmt: skip


def _scored(task: Downstream, own, head: Head, tokenizer, language: str) -> list[dict]:
    from isomorph.models.finetune import predict

    main = {}
    for split in ("dev", "test"):
        answers = predict(head, own[split], tokenizer, language=language)
        main[split] = task.main(own[split], answers)
    found = {"score": main["test"]} | scores(own["test"], answers, task.source)
    found["floor"] = task.floor(own["train"], own["test"])
    if task.of_world and own["train"].task == PAIR:
        from isomorph.measure.scores import premise_alone

        found["floor_premise"] = task.main(own["test"], premise_alone(own["train"], own["test"]))
    found["failed_run"] = float(found["score"] <= found["floor"])
    on_test = [{"metric": name, "value": value, "split": "test"} for name, value in found.items()]
    return [*on_test, {"metric": "score", "value": main["dev"], "split": "dev"}]


def _moved(encoder, started) -> list[dict]:
    from isomorph.models.blocks import weight_distances

    far = weight_distances(encoder.cpu(), started.cpu())
    third = -(-len(far) // 3)
    ends = {"bottom_weight_distance": far[:third], "top_weight_distance": far[-third:]}
    return [
        *({"metric": "weight_distance", "value": d, "layer": i} for i, d in enumerate(far, 1)),
        *({"metric": name, "value": sum(own) / len(own)} for name, own in ends.items()),
    ]
