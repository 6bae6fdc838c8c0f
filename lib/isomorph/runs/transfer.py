"""Transfer runs: a task learnt in one language and tested in another.

The zero-shot experiments of Conneau, Wu et al. (ACL 2020, sections 3.2 and 4): inference, entities
and parsing, in controlled worlds, on the tasks that ship, or on the paper's own data sets; and parts
of speech, as in XTREME (Hu et al. ICML 2020).
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

import numpy as np
from pydantic import Field

from isomorph.measure.scores import majority, premise_alone
from isomorph.runs.encoders import (
    TwoModels,
    combined_checksum,
    foundations_trained,
    reader,
    untrained,
)
from isomorph.runs.pretraining import Pretraining, UsesPretraining
from isomorph.runs.tasks import Task, chosen
from isomorph.runs.texts import WorldText
from isomorph.text.examples import PAIR, Examples
from isomorph.text.shipped import checksum

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from isomorph.measure.words import Reader
    from isomorph.models.heads import Head
    from isomorph.models.masked_lm import BilingualMaskedLM
    from isomorph.text.vocab import Vocabulary

Loaded = tuple[Callable[[], "BilingualMaskedLM"], "Vocabulary"]


class Transfer(UsesPretraining):
    """A pretraining run, and each task tuned in its first language and tested in both."""

    passes_records_on: ClassVar[bool] = True

    kind: Literal["transfer"] = "transfer"
    tasks: tuple[Task, ...]
    weights: Literal["trained", "random"] = "trained"  # "random": the floor, nothing pretrained

    def problems(self) -> Iterator[str]:
        if len(self.pretraining.languages) != 2:
            yield f"pretraining has the languages {self.pretraining.languages}; transfer needs two."
        yield from task_problems(self.tasks, self.pretraining.text)
        for task in self.tasks:
            first = task.kind == PAIR and any(own.tuning.pooling == "first" for own in task.ways())
            if first and self.pretraining.encoder.causal:
                yield (
                    "tuning.pooling is 'first', where a causal encoder has read nothing yet; "
                    "allowed is 'mean'."
                )

    def foundations(self) -> tuple[Pretraining, ...]:
        return (self.pretraining,) if self.weights == "trained" else ()

    def checksum(self) -> str | None:
        text = super().checksum()
        if text is None:
            return None
        # What pretraining reads is in its own checksum already.
        domains = "+".join(getattr(self.pretraining.text, "domains", ())).split("+")
        files = {file for task in self.tasks for file in task.origin.files or ()}
        files -= {f"text/{domain}.parquet" for domain in domains}
        shipped = sorted(files, reverse=True)  # the order is part of recorded checksums
        return combined_checksum([text, *map(checksum, shipped)]) if shipped else text

    def measure(self, place: torch.device) -> Iterator[dict]:
        """Those of the end of pretraining, and for each task `<score>` of the second language,
        with the split "source" of the first, `<score>_majority` without an encoder (second language).
        Inference in worlds has `<score>_premise`: of the premise's words alone, trained and tested in
        the first language, as a transfer that loses nothing would score. In worlds whose topics
        divide between the languages, the splits "lost" and "kept" are of the test examples on the
        first language's topics and on the second's own.
        """
        text, languages = self.pretraining.text, self.pretraining.languages
        # First, so that more examples than there are get refused before an hour of pretraining.
        examples = [task.material(text, languages) for task in self.tasks]
        with foundations_trained(self) as below:
            records = [r for kept in below.values() for r in kept.outcome()["records"]]
            tokens = max((record["tokens"] for record in records), default=0)
            yield from (record for record in records if record["tokens"] == tokens)
            spent, began = max((r["seconds"] for r in records), default=0.0), time.monotonic()
            load = loader(self, below)
            for task, own in zip(self.tasks, examples, strict=True):
                for (split, metric), value in task_scores(self, task, own, load).items():
                    named = {"metric": task.prefix + metric, "value": value, "split": split}
                    seconds = spent + time.monotonic() - began
                    yield named | {"task": task.name, "tokens": tokens, "seconds": seconds}


def task_problems(tasks: tuple[Task, ...], text) -> Iterator[str]:
    """A sentence for each task that is not in both languages of a text, or for that there is none."""
    if not tasks:
        yield "tasks is empty; at least one task is needed."
    for task in tasks:
        if task.prefix is None:
            yield f"source is {task.source!r}, which is no task of two languages."
        if task.of_world != isinstance(text, WorldText):
            yield f"source is {task.source!r}, which does not go with text of the kind {text.kind!r}."


def loader(run: Transfer, below: dict[str, Pretraining]) -> Loaded:
    """A function that gives a fresh copy of the encoder, and the vocabulary."""
    from isomorph.models.pretrained import load_masked_lm

    if run.weights == "random":
        model, vocabulary = untrained(run.pretraining)
        return lambda: copy.deepcopy(model), vocabulary
    folder = below[run.pretraining.digest].model_folder()
    return lambda: load_masked_lm(folder)[0], load_masked_lm(folder)[1]


def task_scores(run: Transfer, task: Task, material, load: Loaded) -> dict[tuple, float]:
    """The scores of one task on its material, by split and name."""
    from isomorph.models.finetune import predict

    (train, test), vocabulary = material, load[1]
    text, (source, target) = run.pretraining.text, run.pretraining.languages
    found: dict[tuple[str | None, str], list[float]] = {}
    for head in tuned_heads(run, task, train, load):
        for language, examples in test.items():
            answers = predict(head, examples, vocabulary.tokenizer(language), language=language)
            for part, places in topic_parts(examples, text).items():
                if not places or (part and language == source):
                    continue
                split = part or ("source" if language == source else "test")
                for metric, value in task.scores(*chosen(examples, answers, places)).items():
                    if part and metric.startswith("f1_"):
                        continue  # too few of a type in a part
                    found.setdefault((split, metric), []).append(value)
    for metric, value in task.scores(test[target], majority(train, test[target])).items():
        found["test", f"{metric}_majority"] = [value]
    if task.kind == PAIR and task.of_world:
        found[None, "accuracy_premise"] = [
            task.main(test[source], premise_alone(train, test[source]))
        ]
    return {key: float(np.mean(values)) for key, values in found.items()}


def tuned_heads(run: Transfer, task: Task, train: Examples, load: Loaded) -> list[Head]:
    """The head tuned in each way; of three and more, the two best on development examples."""
    from isomorph.models.finetune import finetune, predict

    (fresh, vocabulary), language = load, run.pretraining.languages[0]
    tokenizer, heads = vocabulary.tokenizer(language), []
    for way in task.ways():
        restart = not run.pretraining.training.continuous
        head = way.head(fresh(), train.names, seed=run.seed, restart=restart)
        finetune(head, train, tokenizer, way.tuning, language=language, seed=run.seed,
                 device=run.device, progress=run.progress)  # fmt: skip
        heads.append(head)
    if len(heads) <= 2:
        return heads
    dev = task.examples("dev", language, run.pretraining.text)
    return sorted(
        heads, key=lambda head: task.main(dev, predict(head, dev, tokenizer, language=language))
    )[-2:]


def topic_parts(examples: Examples, text) -> dict[str, list[int]]:
    """Places of all examples, and in a world of those on the first and on the second half of the
    topics."""
    parts = {"": list(range(len(examples.items)))}
    if isinstance(text, WorldText) and text.world.topics % 2 == 0:
        first = [item.topic < text.world.topics // 2 for item in examples.items]
        parts["lost"] = [i for i in parts[""] if first[i]]
        parts["kept"] = [i for i in parts[""] if not first[i]]
    return parts


class LayerTransfer(TwoModels):
    """A task at every layer of a model of the first language, tested through one of the second.

    On layer i of a frozen model of the first language, further layers and a head learn a task. Then a
    sentence of the second language goes through i layers of its own model and a rotation, which was
    learnt on aligned words of parallel sentences. One bilingual model, which needs no rotation, is
    what this is compared with. Source: Conneau, Wu et al. (2020, section 5.1, contextual word level).
    """

    kind: Literal["layer_transfer"] = "layer_transfer"
    tasks: tuple[Task, ...]
    top: int = Field(default=2, ge=1)  # new layers; the paper puts 4 on 8, we 2 on 4
    # Whose states, two thirds up, say which word is which; None has them from the world.
    aligner: Pretraining | None = None

    def problems(self) -> Iterator[str]:
        yield from super().problems()
        if self.source is None or len(self.text.languages) != 2:
            yield "text has to be of two languages, and there has to be a source."
        yield from task_problems(self.tasks, self.text)
        for task in self.tasks:
            if task.kind == PAIR or task.alternatives:
                yield (
                    f"source is {task.source!r}, tuned in {len(task.ways())} ways; allowed are tasks "
                    "of words, in one way."
                )
        two_real = self.target is not None and not isinstance(self.text, WorldText)
        if (self.aligner is not None) != two_real:
            yield "aligner is for two models that read real text, which need one."

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

    from isomorph.measure.similarity import normalise, normalising_means, procrustes
    from isomorph.measure.words import linked_vectors

    texts, links = linked_words(run, readers, below)
    sides = [
        reader.represent(own, level="word") for reader, own in zip(readers, texts, strict=True)
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
    from isomorph.measure.comparison import two_thirds_layer
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
    sides = [r.represent(dev[r.language], level="word", layers=[upper]) for r in both]
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
