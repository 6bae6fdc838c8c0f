"""A transfer run: pretrain on two languages, tune on the first, test on the second.

The zero-shot experiments of Conneau, Wu et al. (ACL 2020, sections 3.2 and 4): inference, entities
and parsing, in controlled worlds, on the tasks that ship, or on the paper's own data sets; and parts
of speech, as in XTREME (Hu et al. ICML 2020).
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from isomorph.config import Config
from isomorph.models.settings import TuningConfig
from isomorph.runs.cache import Cache
from isomorph.runs.pretraining import Pretraining, UsesPretraining, trained
from isomorph.runs.run import device_name
from isomorph.runs.texts import CopyText, WorldText
from isomorph.text import examples as labelled
from isomorph.text import tasks
from isomorph.text.fetch import names_reads
from isomorph.text.shipped import checksum
from isomorph.text.tasks import SOURCES, evaluation_split
from isomorph.text.vocab import Vocabulary, learn

if TYPE_CHECKING:
    from isomorph.models.heads import Head
    from isomorph.text.examples import Examples

Source = Literal[
    "world", "passage_relation", "passage_relation_help", "interface_terms",
    "xnli", "wikiann", "universal_dependencies", "parts_of_speech",
]  # fmt: skip
# What a score is called. The papers' own data sets and the worlds have the papers' names.
METRICS = {
    "passage_relation": "passage_", "passage_relation_help": "passage_help_",
    "interface_terms": "terms_",
}  # fmt: skip
# What rows call a task: the papers' own data sets and the worlds have the kind's name.
NAMED = {
    "passage_relation": "passages", "passage_relation_help": "help_passages",
    "interface_terms": "terms",
}  # fmt: skip
PREFIX = {"nli": "nli_", "ner": "ner_", "parsing": "", "tags": "tags_"}
# The shipped files that a task's examples are made of.
RELATION, TERMS = "tasks/passage_relation.parquet", "tasks/interface_terms.parquet"
FILES = {
    "passage_relation": (RELATION, "text/bible.parquet"),
    "passage_relation_help": (RELATION, "text/help.parquet"),
    "interface_terms": (TERMS,),
}
# The score by which the best way to tune is chosen.
MAIN = {"nli": "accuracy", "ner": "f1", "parsing": "las", "tags": "accuracy"}


class Task(Config):
    """A task, how much of it is used, and how an encoder is tuned on it."""

    name: Literal["nli", "ner", "parsing", "tags"]
    source: Source = "world"
    train: int | None = Field(default=None, ge=1)  # examples to tune on; None is all there are
    test: int | None = Field(default=1000, ge=1)
    # With several, the mean of the two that do best on the first language's development examples,
    # as in the paper (sec. 3.2).
    tuning: tuple[TuningConfig, ...] = (TuningConfig(),)

    @model_validator(mode="after")
    def _consistent(self) -> Task:
        if not self.tuning:
            raise ValueError("tuning is empty; at least one way to tune is needed.")
        if self.source == "world" and (self.train is None or self.test is None):
            raise ValueError("train and test must be numbers where the source is 'world'.")
        if self.source != "world" and SOURCES[self.source].kind != self.name:
            raise ValueError(
                f"source is {self.source!r}, which is of the task {SOURCES[self.source].kind!r}."
            )
        return self

    @property
    def prefix(self) -> str:
        return METRICS.get(self.source, PREFIX[self.name])

    @property
    def row_name(self) -> str:
        return NAMED.get(self.source, self.name)

    def examples(self, text, language: str, split: str, count: int | None) -> Examples:
        """Labelled examples of a language; of test or, where there is none, development text."""
        if isinstance(text, CopyText) and language != "en":
            return text.copier.examples(self.examples(text, "en", split, count))
        if self.source == "world":
            return tasks.examples(f"world_{self.name}", language, split, count, world=text.world)
        if split == "test":
            split = evaluation_split(self.source, language)
        return tasks.examples(self.source, language, split, count)

    def material(self, text, languages) -> tuple[Examples, dict[str, Examples]]:
        """What it is tuned on, in the first language, and tested on, in both."""
        train = self.examples(text, languages[0], "train", self.train)
        return train, {name: self.examples(text, name, "test", self.test) for name in languages}

    def development(self, text, language: str) -> Examples:
        """All development examples; of a world's pairs, which have no end, as many as of test."""
        count = None
        if self.source == "world":
            count = self.test if self.name == labelled.PAIR else text.world.dev_sentences
        return self.examples(text, language, "dev", count)


class Transfer(UsesPretraining):
    """A pretraining run, and each task tuned in its first language and tested in both.

    Raises a validation error, before any work, when two fields contradict each other.
    """

    _exclude_from_cls_uid: ClassVar[tuple[str, ...]] = ("device", "progress")
    passes_records_on: ClassVar[bool] = True

    kind: Literal["transfer"] = "transfer"
    tasks: tuple[Task, ...]
    encoder: Literal["trained", "random"] = "trained"  # "random": the floor, nothing pretrained

    infra: Cache = Cache(version="1")

    @model_validator(mode="after")
    def _tasks_of_text(self) -> Transfer:
        if not self.tasks:
            raise ValueError("tasks is empty; at least one task is needed.")
        if len(self.pretraining.languages) != 2:
            raise ValueError(
                f"pretraining has the languages {self.pretraining.languages}; transfer needs two."
            )
        is_world = isinstance(self.pretraining.text, WorldText)
        for task in self.tasks:
            first = task.name == "nli" and any(own.pooling == "first" for own in task.tuning)
            if first and self.pretraining.encoder.causal:
                raise ValueError(
                    "tuning.pooling is 'first', where a causal encoder has read nothing yet; "
                    "allowed is 'mean'."
                )
            if (task.source == "world") != is_world:
                raise ValueError(
                    f"the source of task {task.name!r} is {task.source!r}, which does not go with "
                    f"text of the kind {self.pretraining.text.kind!r}."
                )
        return self

    def checksum(self) -> str | None:
        text = super().checksum()
        if text is None:
            return None
        read = set(getattr(self.pretraining.text, "domains", ()))
        files = {file for task in self.tasks for file in FILES.get(task.source, ())}
        # What pretraining reads is in its own checksum already.
        own = {f"text/{domain}.parquet" for both in read for domain in both.split("+")}
        shipped = sorted(files - own, reverse=True)  # the order is part of recorded checksums
        if not shipped:
            return text
        return hashlib.sha256("".join([text, *map(checksum, shipped)]).encode()).hexdigest()

    def foundations(self) -> tuple[Pretraining, ...]:
        return (self.pretraining,) if self.encoder == "trained" else ()

    def pretrained(self, folder: Path | None = None) -> Pretraining:
        """The pretraining run, kept in the same cache as this one or in a folder."""
        return self.beside(self.pretraining, folder)

    @infra.apply
    def outcome(self) -> dict:
        """Pretrain, tune and test: {"records", "data", "device", "code"}; cached by exca."""
        return transfer(self)


@names_reads
def transfer(run: Transfer) -> dict:
    """Pretrain where that has not been done, then tune and test each task, here and now.

    The records are those of the end of pretraining, and for each task `<score>` of the second
    language, with the split "source" of the first, and `<score>_majority` without an encoder (second
    language). Inference in worlds has `<score>_premise`: of the premise's words alone, trained and tested
    in the first language, as a transfer that loses nothing would score. In worlds whose topics divide between the languages, the splits "lost" and "kept"
    are of the test examples on the first language's topics and on the second's own.
    """
    code = run.code
    # First, so that more examples than there are get refused before an hour of pretraining.
    began = time.monotonic()
    text, languages = run.pretraining.text, run.pretraining.languages
    examples = [task.material(text, languages) for task in run.tasks]
    spent = time.monotonic() - began
    with tempfile.TemporaryDirectory() as aside:
        pretraining = run.pretrained(None if run.infra.folder else Path(aside))
        records = []
        if run.encoder == "trained":
            outcome = trained(pretraining)
            last = max(record["tokens"] for record in outcome["records"])
            records = [record for record in outcome["records"] if record["tokens"] == last]
        spent += max((record["seconds"] for record in records), default=0.0)
        began = time.monotonic()
        tokens = max((record["tokens"] for record in records), default=0)
        load = _loader(run, pretraining)
        for task, own in zip(run.tasks, examples, strict=True):
            scores, device = _task(run, task, own, load)
            records += [
                {"metric": f"{task.prefix}{metric}", "task": task.row_name, "split": split,
                 "value": value, "step": 0, "tokens": tokens}
                for (split, metric), value in scores.items()
            ]  # fmt: skip
    seconds = spent + time.monotonic() - began
    return {
        "records": [record | {"seconds": seconds} for record in records],
        "data": run.checksum() or "", "device": device, "code": code,
    }  # fmt: skip


def _loader(run: Transfer, pretraining: Pretraining):
    """A function that gives a fresh copy of the encoder, and the vocabulary."""
    from isomorph.models.pretrain import initialise
    from isomorph.models.pretrained import load_masked_lm

    if run.encoder == "trained":
        folder = pretraining.model_folder()
        return lambda: load_masked_lm(folder)[0], load_masked_lm(folder)[1]
    vocabulary = learn(pretraining.vocabulary, pretraining.text.corpus().train)
    shape = pretraining.encoder.shaped(
        vocabulary.size, pretraining.languages, pretraining.training.length
    )
    return lambda: initialise(shape, run.seed), vocabulary


def _task(run: Transfer, task: Task, data, load) -> tuple[dict[tuple, float], str]:
    """The scores of one task on its material, by split and name, and where they were made."""
    from isomorph.measure.scores import majority, premise_alone
    from isomorph.models.finetune import predict

    (train, test), (fresh, vocabulary) = data, load
    text, (source, target) = run.pretraining.text, run.pretraining.languages
    heads = _tuned(run, task, train, fresh, vocabulary)
    found: dict[tuple[str | None, str], list[float]] = {}
    for head in heads:
        for language, examples in test.items():
            answers = predict(head, examples, vocabulary.tokenizer(language), language=language)
            for part, chosen in _parts(examples, text).items():
                if chosen == [] or (part and language == source):
                    continue
                split = part or ("source" if language == source else "test")
                for metric, value in score(examples, answers, chosen).items():
                    if part and metric.startswith("f1_"):
                        continue  # too few of a type in a part
                    found.setdefault((split, metric), []).append(value)
    for metric, value in score(test[target], majority(train, test[target])).items():
        found["test", f"{metric}_majority"] = [value]
    if task.name == labelled.PAIR and task.source == "world":
        own = score(test[source], premise_alone(train, test[source]))
        found[None, "accuracy_premise"] = [own["accuracy"]]
    device = device_name(heads[0].device)
    return {key: float(np.mean(values)) for key, values in found.items()}, device


def _tuned(run: Transfer, task: Task, train: Examples, fresh, vocabulary: Vocabulary) -> list[Head]:
    """The head tuned by each way to tune; of several, the two best on development examples."""
    from isomorph.models.finetune import finetune, predict
    from isomorph.models.heads import head_for

    pretraining, source = run.pretraining, run.pretraining.languages[0]
    tokenizer, heads = vocabulary.tokenizer(source), []
    for config in task.tuning:
        head = head_for(
            task.name, fresh(), train.names, seed=run.seed, pooling=config.pooling,
            restart=not pretraining.training.continuous, dropout=config.dropout,
        )  # fmt: skip
        finetune(head, train, tokenizer, config, language=source, seed=run.seed,
                 device=run.device, progress=run.progress)  # fmt: skip
        heads.append(head)
    if len(heads) <= 2:
        return heads
    dev = task.development(pretraining.text, source)

    def fit(head: Head) -> float:
        answers = predict(head, dev, tokenizer, language=source)
        return score(dev, answers)[MAIN[task.name]]

    return sorted(heads, key=fit)[-2:]


def score(examples: Examples, answers: list, chosen: list[int] | None = None) -> dict[str, float]:
    """The task's scores, fractions of 1, over some of the examples; words that have no answer
    count as "O", or as wrong.

    accuracy of pairs, and of parts of speech; f1 and f1_<type> of spans; uas and las of trees.
    """
    from isomorph.measure.scores import accuracy, attachment
    from isomorph.text.examples import span_scores

    chosen = range(len(examples.items)) if chosen is None else chosen
    items, given = [examples.items[i] for i in chosen], [answers[i] for i in chosen]
    if examples.task == labelled.PAIR:
        return {"accuracy": accuracy([item.label for item in items], given)}
    if examples.task == labelled.TAG:
        return span_scores([list(item.tags) for item in items], [list(tags) for tags in given])
    if examples.task == labelled.SPEECH:
        # Words that were cut off have no answer.
        pairs = [
            pair for item, tags in zip(items, given, strict=True)
            for pair in zip_longest(item.tags, tags)
        ]  # fmt: skip
        return {"accuracy": accuracy(*zip(*pairs, strict=True))}
    heads, relations = zip(*given, strict=True)
    return attachment(
        [item.heads for item in items], [item.relations for item in items], heads, relations
    )


def _parts(examples: Examples, text) -> dict[str, list[int] | None]:
    """All examples, and in a world those on the first and on the second half of the topics."""
    parts: dict[str, list[int] | None] = {"": None}
    if isinstance(text, WorldText) and text.world.topics % 2 == 0:
        half = text.world.topics // 2
        for part, first in (("lost", True), ("kept", False)):
            parts[part] = [i for i, item in enumerate(examples.items)
                           if (item.topic < half) == first]  # fmt: skip
    return parts
