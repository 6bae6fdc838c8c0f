"""Transfer runs: a task learnt in one language and tested in another.

The zero-shot experiments of Conneau, Wu et al. (ACL 2020, sections 3.2 and 4): inference, entities
and parsing, in controlled worlds, on the tasks that ship, or on the paper's own data sets; and parts
of speech, as in XTREME (Hu et al. ICML 2020).
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import model_validator

from isomorph.runs.encoders import combined_checksum, foundations_trained, untrained
from isomorph.runs.pretraining import Pretraining, UsesPretraining
from isomorph.runs.tasks import Task, chosen
from isomorph.runs.texts import WorldText
from isomorph.text.examples import PAIR, Examples
from isomorph.text.shipped import checksum

if TYPE_CHECKING:
    import torch

    from isomorph.models.heads import Head
    from isomorph.models.masked_lm import BilingualMaskedLM
    from isomorph.text.vocab import Vocabulary

Loaded = tuple[Callable[[], "BilingualMaskedLM"], "Vocabulary"]


class Transfer(UsesPretraining):
    """A pretraining run, and each task tuned in its first language and tested in both.

    Raises a validation error, before any work, when two fields contradict each other.
    """

    passes_records_on: ClassVar[bool] = True

    kind: Literal["transfer"] = "transfer"
    tasks: tuple[Task, ...]
    weights: Literal["trained", "random"] = "trained"  # "random": the floor, nothing pretrained

    @model_validator(mode="after")
    def _tasks_of_text(self) -> Transfer:
        if len(self.pretraining.languages) != 2:
            raise ValueError(
                f"pretraining has the languages {self.pretraining.languages}; transfer needs two."
            )
        judge_tasks(self.tasks, self.pretraining.text)
        for task in self.tasks:
            first = task.kind == PAIR and any(own.tuning.pooling == "first" for own in task.ways())
            if first and self.pretraining.encoder.causal:
                raise ValueError(
                    "tuning.pooling is 'first', where a causal encoder has read nothing yet; "
                    "allowed is 'mean'."
                )
        return self

    def foundations(self) -> tuple[Pretraining, ...]:
        return (self.pretraining,) if self.weights == "trained" else ()

    def checksum(self) -> str | None:
        text = super().checksum()
        if text is None:
            return None
        read = set(getattr(self.pretraining.text, "domains", ()))
        # What pretraining reads is in its own checksum already.
        known = {f"text/{domain}.parquet" for both in read for domain in both.split("+")}
        files = {file for task in self.tasks for file in task.origin.files or ()} - known
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


def judge_tasks(tasks: tuple[Task, ...], text) -> None:
    """Raises ValueError unless each task is in both languages of a text, and there is one."""
    if not tasks:
        raise ValueError("tasks is empty; at least one task is needed.")
    for task in tasks:
        if task.prefix is None:
            raise ValueError(f"source is {task.source!r}, which is no task of two languages.")
        if task.of_world != isinstance(text, WorldText):
            raise ValueError(
                f"source is {task.source!r}, which does not go with text of the kind {text.kind!r}."
            )


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
    from isomorph.measure.scores import majority, premise_alone
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
        half = text.world.topics // 2
        for part, first in (("lost", True), ("kept", False)):
            parts[part] = [i for i in parts[""] if (examples.items[i].topic < half) == first]
    return parts
