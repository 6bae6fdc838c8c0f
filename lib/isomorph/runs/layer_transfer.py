"""Tasks carried over layer by layer: learnt on one model's states, tested on another's, rotated.

Conneau, Wu et al. (ACL 2020, section 5.1, contextual word level). On layer i of a frozen model of
the first language, further layers and a head learn a task. Then a sentence of the second language
goes through i layers of its own model and a rotation, which was learnt on aligned words of parallel
sentences. One bilingual model, which needs no rotation, is what this is compared with.
"""

from __future__ import annotations

import tempfile
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from pydantic import Field, model_validator

from isomorph.runs.cache import Cache
from isomorph.runs.pretraining import Pretraining
from isomorph.runs.run import device_name
from isomorph.runs.texts import WorldText
from isomorph.runs.transfer import FILES, Task, score
from isomorph.runs.two_models import (
    TwoModels,
    both_loaded,
    combined_checksum,
    loaded,
    trained_below,
)
from isomorph.text.fetch import names_reads
from isomorph.text.shipped import checksum

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from isomorph.measure.words import Reader


class LayerTransfer(TwoModels):
    """A task at every layer of a model of the first language, tested through one of the second.

    Raises a validation error, before any work, when two fields contradict each other.
    """

    kind: Literal["layer_transfer"] = "layer_transfer"
    tasks: tuple[Task, ...]
    top: int = Field(default=2, ge=1)  # new layers; the paper puts 4 on 8, we 2 on 4
    # Whose states, two thirds up, say which word is which; None has them from the world.
    aligner: Pretraining | None = None

    infra: Cache = Cache(version="1")

    @model_validator(mode="after")
    def _tasks_of_text(self) -> LayerTransfer:
        is_world = isinstance(self.text, WorldText)
        if not self.tasks or any(task.name == "nli" for task in self.tasks):
            raise ValueError("tasks is of words: allowed are 'ner' and 'parsing', at least one.")
        if self.source is None or len(self.text.languages) != 2:
            raise ValueError("text has to be of two languages, and there has to be a source.")
        for task in self.tasks:
            if (task.source == "world") != is_world or len(task.tuning) != 1:
                raise ValueError(
                    f"the source of task {task.name!r} is {task.source!r}, in {len(task.tuning)} ways; "
                    f"it has to go with text of the kind {self.text.kind!r}, and in one way."
                )
        if (self.aligner is not None) != (self.target is not None and not is_world):
            raise ValueError("aligner is for two models that read real text, which need one.")
        return self

    def foundations(self) -> tuple[Pretraining, ...]:
        return (*super().foundations(), *((self.aligner,) if self.aligner else ()))

    def checksum(self) -> str | None:
        text = super().checksum()
        files = [checksum(file) for task in self.tasks for file in FILES.get(task.source, ())]
        return None if text is None else combined_checksum([text, *files])

    @infra.apply
    def outcome(self) -> dict:
        """Pretrain where that has not been done, tune and test at each layer; cached by exca."""
        return layer_transfer(self)


@names_reads
def layer_transfer(run: LayerTransfer) -> dict:
    """Tune and test here and now: {"records", "data", "device", "code"}.

    The records are, at each layer, each task's scores in the second language and, with the
    split "source", in the first; and links, the pairs of words a rotation was learnt on.
    """
    from isomorph.models.settings import device_named

    code, place, began = run.code, device_named(run.device), time.monotonic()
    # First: a data set that is not there, or is too small, must stop it now.
    examples = [task.material(run.text, run.languages) for task in run.tasks]
    with tempfile.TemporaryDirectory() as aside, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".* were cut")
        folder = None if run.infra.folder else Path(aside)
        folders = trained_below(run, folder)
        readers = both_loaded(run, folders, place)
        records = []
        for layer, carried in enumerate(carried_over(run, readers, folders)):
            if carried.links is not None:
                records.append({"metric": "links", "layer": layer, "value": carried.links})
            for task, own in zip(run.tasks, examples, strict=True):
                records += _at_layer(run, task, own, readers, layer, carried)
    named = {"step": 0, "tokens": run.tokens, "seconds": time.monotonic() - began}
    return {
        "records": [record | named for record in records], "data": run.checksum() or "",
        "device": device_name(place), "code": code,
    }  # fmt: skip


class Carried(NamedTuple):
    """How states of one layer are carried over: means of both sides and a rotation, or nothing."""

    means: tuple[Sequence[Tensor], Sequence[Tensor]] = ((), ())
    rotation: Tensor | None = None
    links: int | None = None  # pairs of words that it was learnt on


def carried_over(
    run: LayerTransfer, readers: Sequence[Reader], folders: dict[str, Path]
) -> Iterator[Carried]:
    """Layer by layer, how the second model's states are brought to where the first's are."""
    import torch

    from isomorph.measure.represent import represent
    from isomorph.measure.similarity import normalise, normalising_means, procrustes
    from isomorph.measure.words import linked_vectors

    texts, links = linked_words(run, readers, folders)
    sides = [
        represent(r.model, r.tokenizer, own, language=r.language, level="word")
        for r, own in zip(readers, texts, strict=True)
    ]
    for layer in range(run.source.encoder.layers + 1):
        if run.target is None:
            # One model of both languages: nothing is rotated, and both are normalised alike, by
            # means of the two together. Without that its new layers learn far less than theirs.
            both = normalising_means(torch.cat([side[layer] for side in sides]))
            yield Carried((both, both))
            continue
        pairs = linked_vectors(*sides, links, layer)
        means = [normalising_means(side[layer]) for side in sides]
        first, second = (normalise(own, m) for own, m in zip(pairs, means, strict=True))
        yield Carried(tuple(means), procrustes(second, first), len(first))


def linked_words(run: LayerTransfer, readers: Sequence[Reader], folders: dict[str, Path]):
    """Held-out parallel sentences of both languages, and which word is which.

    Of a world they are lists of words, with the gold links; one model of both languages needs none.
    """
    from isomorph.measure.multilinguality import two_thirds_layer
    from isomorph.measure.represent import represent
    from isomorph.measure.words import mutual_links

    if isinstance(run.text, WorldText):
        sentences = run.text.world.sentences("dev")
        texts = [[list(s.tokens[name]) for s in sentences] for name in run.languages]
        return texts, [(n, i, j) for n, s in enumerate(sentences) for i, j in s.alignment]
    dev = run.text.corpus().dev
    if run.aligner is None:
        return [dev[name] for name in run.languages], []
    place = readers[0].model.device
    both = [loaded(folders[run.aligner.digest], name, place) for name in run.languages]
    upper = two_thirds_layer(run.aligner.encoder.layers)
    sides = [
        represent(r.model, r.tokenizer, dev[r.language], language=r.language, level="word",
                  layers=[upper])
        for r in both
    ]  # fmt: skip
    return [dev[name] for name in run.languages], mutual_links(*sides, upper)


def _at_layer(run, task: Task, own, readers: list[Reader], layer: int, carried: Carried):
    from isomorph.models.blocks import LayerStack
    from isomorph.models.finetune import finetune, predict
    from isomorph.models.heads import head_for

    (train, test), (source, target), (config,) = own, readers, task.tuning
    stack = LayerStack(source.model, layer, top=run.top, seed=run.seed, means=carried.means[0])
    head = head_for(task.name, stack, train.names, seed=run.seed, dropout=config.dropout)
    finetune(head, train, source.tokenizer(source.language), config, language=source.language,
             seed=run.seed, device=run.device, progress=run.progress)  # fmt: skip
    records = []
    for side, split in ((source, "source"), (target, "test")):
        if side is target:
            stack.read(side.model, means=carried.means[1], rotation=carried.rotation)
        examples = test[side.language]
        answers = predict(head, examples, side.tokenizer(side.language), language=side.language)
        records += [
            {"metric": f"{task.prefix}{metric}", "task": task.row_name, "split": split,
             "layer": layer, "value": value}
            for metric, value in score(examples, answers).items()
        ]  # fmt: skip
    return records
