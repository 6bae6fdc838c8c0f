"""Tasks carried over layer by layer: learnt on one model's states, tested on another's, rotated.

Conneau, Wu et al. (ACL 2020, section 5.1, contextual word level). On layer i of a frozen model of
the first language, further layers and a head learn a task. Then a sentence of the second language
goes through i layers of its own model and a rotation, which was learnt on aligned words of parallel
sentences. One bilingual model, which needs no rotation, is what this is compared with.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from pydantic import Field, model_validator

from isomorph.runs.encoders import TwoModels, combined_checksum, foundations_trained, reader
from isomorph.runs.pretraining import Pretraining
from isomorph.runs.tasks import Task
from isomorph.runs.texts import WorldText
from isomorph.runs.transfer import judge_tasks
from isomorph.text.examples import PAIR
from isomorph.text.shipped import checksum

if TYPE_CHECKING:
    import torch
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

    @model_validator(mode="after")
    def _tasks_of_text(self) -> LayerTransfer:
        if self.source is None or len(self.text.languages) != 2:
            raise ValueError("text has to be of two languages, and there has to be a source.")
        judge_tasks(self.tasks, self.text)
        for task in self.tasks:
            if task.kind == PAIR or task.alternatives:
                raise ValueError(
                    f"source is {task.source!r}, tuned in {len(task.ways())} ways; allowed are tasks "
                    "of words, in one way."
                )
        two_real = self.target is not None and not isinstance(self.text, WorldText)
        if (self.aligner is not None) != two_real:
            raise ValueError("aligner is for two models that read real text, which need one.")
        return self

    def foundations(self) -> tuple[Pretraining, ...]:
        return (*super().foundations(), *((self.aligner,) if self.aligner else ()))

    def checksum(self) -> str | None:
        text = super().checksum()
        files = [checksum(file) for task in self.tasks for file in task.origin.files or ()]
        return None if text is None else combined_checksum([text, *files])

    def measure(self, place: torch.device) -> Iterator[dict]:
        """At each layer, each task's scores in the second language and, with the split "source", in
        the first; and links, the pairs of words a rotation was learnt on.
        """
        # First: a data set that is not there, or is too small, must stop it now.
        examples = [task.material(self.text, self.languages) for task in self.tasks]
        with foundations_trained(self) as below:
            readers = self.readers(below, place)
            for layer, carried in enumerate(carried_over(self, readers, below)):
                if carried.links is not None:
                    yield {"metric": "links", "layer": layer, "value": carried.links}
                for task, own in zip(self.tasks, examples, strict=True):
                    for record in layer_scores(self, task, own, readers, layer, carried):
                        yield record | {"layer": layer, "task": task.name}


class Carried(NamedTuple):
    """How states of one layer are carried over: means of both sides and a rotation, or nothing."""

    means: tuple[Sequence[Tensor], Sequence[Tensor]] = ((), ())
    rotation: Tensor | None = None
    links: int | None = None  # pairs of words that it was learnt on


def carried_over(
    run: LayerTransfer, readers: Sequence[Reader], below: dict[str, Pretraining]
) -> Iterator[Carried]:
    """Layer by layer, how the second model's states are brought to where the first's are."""
    import torch

    from isomorph.measure.represent import represent
    from isomorph.measure.similarity import normalise, normalising_means, procrustes
    from isomorph.measure.words import linked_vectors

    texts, links = linked_words(run, readers, below)
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


def linked_words(run: LayerTransfer, readers: Sequence[Reader], below: dict[str, Pretraining]):
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
    both = [reader(below[run.aligner.digest], name, place) for name in run.languages]
    upper = two_thirds_layer(run.aligner.encoder.layers)
    sides = [
        represent(r.model, r.tokenizer, dev[r.language], language=r.language, level="word",
                  layers=[upper])
        for r in both
    ]  # fmt: skip
    return [dev[name] for name in run.languages], mutual_links(*sides, upper)


def layer_scores(
    run: LayerTransfer,
    task: Task,
    material,
    readers: Sequence[Reader],
    layer: int,
    carried: Carried,
) -> Iterator[dict]:
    """The scores of a task that new layers on one layer have learnt."""
    from isomorph.models.blocks import LayerStack
    from isomorph.models.finetune import finetune, predict

    (train, test), (source, target) = material, readers
    stack = LayerStack(source.model, layer, top=run.top, seed=run.seed, means=carried.means[0])
    head = task.head(stack, train.names, seed=run.seed)
    finetune(head, train, source.tokenizer(source.language), task.tuning, language=source.language,
             seed=run.seed, device=run.device, progress=run.progress)  # fmt: skip
    for side, split in ((source, "source"), (target, "test")):
        if side is target:
            stack.read(side.model, means=carried.means[1], rotation=carried.rotation)
        examples = test[side.language]
        answers = predict(head, examples, side.tokenizer(side.language), language=side.language)
        for metric, value in task.scores(examples, answers).items():
            yield {"metric": task.prefix + metric, "value": value, "split": split}
