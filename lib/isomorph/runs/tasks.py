"""Tasks: which examples, how much of them, and what each kind asks of an encoder and scores.

A new set of examples is a line of `isomorph.text.tasks.SOURCES`, and a new kind of task one of `KINDS`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import zip_longest
from typing import TYPE_CHECKING, Literal, NamedTuple

from pydantic import Field

from isomorph.config import Config
from isomorph.measure.scores import (
    accuracy,
    answer_scores,
    attachment,
    majority,
    order_scores,
    phrase_scores,
    span_scores,
)
from isomorph.models.settings import TuningConfig
from isomorph.runs.texts import CopyText, Text
from isomorph.text.examples import (
    ORDER,
    PAIR,
    PHRASES,
    QUESTION,
    SCORE,
    SPEECH,
    TAG,
    TREE,
    Examples,
)
from isomorph.text.tasks import SOURCES, Source, evaluation_split
from isomorph.text.tasks import examples as labelled

if TYPE_CHECKING:
    from isomorph.models.heads import Head
    from isomorph.text.worlds import World

# What the scores of a transfer begin with, where it is not what those of the kind do.
PREFIXES = {
    "passage_relation": "passage_", "passage_relation_help": "passage_help_",
    "interface_terms": "terms_",
}  # fmt: skip


class Task(Config):
    """A task, how much of it is used, and how an encoder is tuned on it."""

    source: Literal[tuple(SOURCES)]
    # Examples; None is all there are. Of development and test at most so many.
    train: int | None = Field(default=None, ge=1)
    test: int | None = Field(default=1000, ge=1)
    development: int | None = Field(default=200, ge=1)  # to choose a checkpoint by, or a tuning
    # Of a world: those of the first half of its topics leave the rest out of domain.
    topics: Literal["all", "first half"] = "all"
    longest: int | None = Field(default=None, ge=16)  # tokens; None is what the encoder reads
    tuning: TuningConfig = TuningConfig()
    # Further ways to tune, of a transfer. Of three and more the two that do best on the first
    # language's development examples count, by their mean (Conneau, Wu et al. 2020, sec. 3.2).
    alternatives: tuple[TuningConfig, ...] = ()
    # Of the vector that a pair's classifier reads: see `isomorph.models.heads`.
    normalisation: Literal["none", "isobn", "batch", "layer"] = "none"
    interaction: bool = True  # of the sentences to be ordered: do they see each other
    margin: float = Field(default=1.0, ge=0)  # of the loss of their order; 0 is ListMLE alone
    level: Literal["both", "phrases", "sentences"] = "both"  # of paraphrases

    def problems(self) -> Iterator[str]:
        if self.normalisation != "none" and self.kind not in (PAIR, SCORE):
            yield (
                f"normalisation is {self.normalisation!r}, but source {self.source!r} has no one "
                "vector to classify; allowed is 'none'."
            )
        if self.of_world and None in (self.train, self.test, self.development):
            yield "train, test and development must be numbers where a world is endless."
        if not self.of_world and self.topics != "all":
            yield (
                f"topics is {self.topics!r}, but source {self.source!r} is of no world; allowed is "
                "'all'."
            )

    @property
    def origin(self) -> Source:
        return SOURCES[self.source]

    @property
    def kind(self) -> str:
        return self.origin.kind

    @property
    def name(self) -> str:
        """As rows have it."""
        return self.origin.name

    @property
    def of_world(self) -> bool:
        return self.origin.of_world

    @property
    def prefix(self) -> str | None:
        """What its scores after a transfer begin with; None where none can be: see `Kind`."""
        if len(self.origin.languages) == 1:
            return None
        return PREFIXES.get(self.source, KINDS[self.kind].prefix)

    def ways(self) -> list[Task]:
        """The task with each of its ways to tune."""
        every = (self.tuning, *self.alternatives)
        return [self.model_copy(update={"tuning": one, "alternatives": ()}) for one in every]

    def examples(self, split: str, language: str, text: Text | None = None) -> Examples:
        """Examples of "train", "dev" or "test"; of test or, where there is none, development text.

        text: what the encoder reads; of a world the task is that world's, and of a copied text the
        second language's examples are copies. Raises ValueError where train asks for more than there
        are, fetch.DataUnavailable.
        """
        count = {"train": self.train, "dev": self.development, "test": self.test}[split]
        if isinstance(text, CopyText) and language != "en":
            return text.copied(self.examples(split, "en", text))
        if self.of_world:
            return world_examples(self.source, text.world, language, split, count, self.topics)
        there = evaluation_split(self.source, language) if split == "test" else split
        if split != "train" and count is not None:
            count = min(count, len(labelled(self.source, language, there).items))
        return labelled(self.source, language, there, count)

    def material(
        self, text: Text, languages: Sequence[str]
    ) -> tuple[Examples, dict[str, Examples]]:
        """What it is tuned on, in the first language, and tested on, in each. Raises ValueError where
        test too asks for more than there are: two languages' scores are of as many examples."""
        test = {language: self.examples("test", language, text) for language in languages}
        for language, own in test.items():
            if self.test is not None and len(own.items) < self.test:
                raise ValueError(
                    f"test is {self.test}, but {self.source!r} has {len(own.items)} in {language!r}."
                )
        return self.examples("train", languages[0], text), test

    def head(self, model, names: Sequence[str], *, seed: int, restart: bool = True) -> Head:
        """The task's head on an encoder, with random weights that depend on the seed alone.

        model, names, restart: see `isomorph.models.heads.Head`.
        """
        from torch import nn

        from isomorph.models.finetune import head_for
        from isomorph.models.heads import cls_normalisation

        settings = dict(self) | {"restart": restart, "pooling": self.tuning.pooling}
        settings = {name: settings[name] for name in KINDS[self.kind].settings}
        settings["dropout"] = self.tuning.dropout
        head = head_for(self.kind, model, names, seed=seed, **settings)
        if self.normalisation != "none":
            head.out = nn.Sequential(cls_normalisation(self.normalisation, head.width), head.out)
        return head

    def scores(self, examples: Examples, answers: Sequence) -> dict[str, float]:
        """The scores of answers by name: fractions of 1, or correlations."""
        found = KINDS[self.kind].scores(examples, answers)
        if self.kind != PAIR or self.origin.score in found:
            return found
        from sklearn.metrics import f1_score, matthews_corrcoef

        gold = [item.label for item in examples.items]
        if self.origin.score == "matthews":
            return found | {"matthews": float(matthews_corrcoef(gold, answers))}
        return found | {"f1": float(f1_score(gold, answers, pos_label=examples.names[1]))}

    def main(self, examples: Examples, answers: Sequence) -> float:
        """The score that stands for the task; 0 where answers that never vary correlate with nothing."""
        value = self.scores(examples, answers)[self.origin.score]
        return 0.0 if math.isnan(value) else value

    def floor(self, train: Examples, test: Examples) -> float:
        """The main score without an encoder: of guessing, or of the most frequent answer."""
        guessed = KINDS[self.kind].guessed
        return self.main(test, majority(train, test)) if guessed is None else guessed


@lru_cache(maxsize=32)  # a sweep asks for the same ones, seed after seed
def world_examples(
    source: str, world: World, language: str, split: str, count: int, topics: str = "all"
) -> Examples:
    """Examples of a world: of all topics, or of the first half. Of dev and test as many as there are,
    where there are not as many. Raises ValueError where train asks for more than there are.
    """
    kind, half = SOURCES[source].kind, topics != "all"
    most = 5 * count // 2 + 100 if half else count  # of all topics: enough for those of half
    if kind == QUESTION:
        most = count if split == "train" else None
    elif kind != PAIR:  # pairs are made as they are asked for
        held = {"dev": world.dev_sentences, "test": world.test_sentences}
        most = min(most, held.get(split, world.training_sentences))
    found = labelled(source, language, split, most, world=world)
    # A question is on several sentences, which are of any topic.
    items = [i for i in found.items if not half or getattr(i, "topic", 0) < world.topics / 2]
    if split == "train" and len(items) < count:
        where = "on its first topics the world" if half else "the world"
        raise ValueError(f"train is {count}; {where} has {len(items)}.")
    return Examples(found.task, found.names, tuple(items[:count]), found.source)


def chosen(examples: Examples, answers: Sequence, places: Sequence[int]) -> tuple[Examples, list]:
    """Some of the examples, and their answers."""
    items = tuple(examples.items[i] for i in places)
    few = Examples(examples.task, examples.names, items, examples.source)
    return few, [answers[i] for i in places]


def _pair_scores(examples: Examples, answers: Sequence) -> dict[str, float]:
    return {"accuracy": accuracy([item.label for item in examples.items], answers)}


def _correlations(examples: Examples, answers: Sequence) -> dict[str, float]:
    from isomorph.measure.correlation import pearson, spearman

    gold = [item.score for item in examples.items]
    return {"spearman": spearman(answers, gold).value, "pearson": pearson(answers, gold).value}


def _tag_scores(examples: Examples, answers: Sequence) -> dict[str, float]:
    return span_scores([list(item.tags) for item in examples.items], [*map(list, answers)])


def _speech_scores(examples: Examples, answers: Sequence) -> dict[str, float]:
    both = zip(examples.items, answers, strict=True)
    # Words that were cut off have no answer.
    words = [pair for item, tags in both for pair in zip_longest(item.tags, tags)]
    return {"accuracy": accuracy(*zip(*words, strict=True))}


def _tree_scores(examples: Examples, answers: Sequence) -> dict[str, float]:
    gold = [[getattr(item, of) for item in examples.items] for of in ("heads", "relations")]
    return attachment(*gold, *zip(*answers, strict=True))


def _order_scores(examples: Examples, answers: Sequence) -> dict[str, float]:
    return order_scores([item.order for item in examples.items], answers)


class Kind(NamedTuple):
    """What a kind of task's head takes of the task, what its answers score, and what guessing
    scores."""

    settings: tuple[str, ...]
    scores: Callable[[Examples, Sequence], dict[str, float]]  # words without an answer are wrong
    guessed: float | None = None  # None: the most frequent answer is the floor
    prefix: str | None = None  # of its scores after a transfer; None: it is in no transfer


KINDS = {
    PAIR: Kind(("restart", "pooling"), _pair_scores, prefix="nli_"),
    TAG: Kind(("restart",), _tag_scores, prefix="ner_"),
    SPEECH: Kind(("restart",), _speech_scores, prefix="tags_"),
    TREE: Kind(("restart",), _tree_scores, prefix=""),
    SCORE: Kind(("restart", "pooling"), _correlations, guessed=0.0),
    QUESTION: Kind((), answer_scores, guessed=0.0),
    PHRASES: Kind(("level",), phrase_scores, guessed=0.5),
    ORDER: Kind(("pooling", "interaction", "margin"), _order_scores, guessed=0.0),
}
