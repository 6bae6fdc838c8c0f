"""What an encoder is fine-tuned on: a task, how much of it, the head it gets, and its score."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from isomorph.config import Config
from isomorph.models.settings import TuningConfig
from isomorph.text import examples as labelled
from isomorph.text import tasks
from isomorph.text.tasks import SOURCES, Source

if TYPE_CHECKING:
    from isomorph.models.heads import Head
    from isomorph.text.examples import Examples
    from isomorph.text.worlds import World


WORLD = "world_"  # what the sources of worlds begin with


class Downstream(Config):
    """A task, how much of it is used, and how an encoder is tuned on it.

    Raises a validation error, before any work, when two fields contradict each other.
    """

    source: Literal[tuple(SOURCES)]
    train: int | None = Field(default=None, ge=1)  # examples to tune on; None is all there are
    test: int | None = Field(default=1000, ge=1)
    development: int | None = Field(default=200, ge=1)  # to choose a checkpoint by
    longest: int | None = Field(default=None, ge=16)  # tokens; None is what the encoder reads
    tuning: TuningConfig = TuningConfig()
    # Of the vector that a pair's classifier reads: see `isomorph.models.heads`.
    normalisation: Literal["none", "isobn", "batch", "layer"] = "none"
    interaction: bool = True  # of the sentences to be ordered: do they see each other
    margin: float = Field(default=1.0, ge=0)  # of the loss of their order; 0 is ListMLE alone
    level: Literal["both", "phrases", "sentences"] = "both"  # of paraphrases

    @model_validator(mode="after")
    def _consistent(self) -> Downstream:
        kind = self.origin.kind
        if self.normalisation != "none" and kind not in (labelled.PAIR, labelled.SCORE):
            raise ValueError(
                f"normalisation is {self.normalisation!r}, but source {self.source!r} has no one "
                "vector to classify; allowed is 'none'."
            )
        if self.of_world and None in (self.train, self.test, self.development):
            raise ValueError(
                "train, test and development must be numbers where a world is endless."
            )
        return self

    @property
    def origin(self) -> Source:
        return SOURCES[self.source]

    @property
    def of_world(self) -> bool:
        return self.source.startswith(WORLD)

    def examples(self, split: str, world: World | None, language: str) -> Examples:
        """Examples of "train", "dev" or "test"; as many as there are, where there are not as many as
        asked for, of dev and test.

        Raises ValueError where train asks for more than there are, hub.DataUnavailable.
        """
        count = {"train": self.train, "dev": self.development, "test": self.test}[split]
        if self.of_world:
            return of_world(self.source.removeprefix(WORLD), world, language, split, count)
        if split != "train" and count is not None:
            count = min(count, len(tasks.examples(self.source, language, split).items))
        return tasks.examples(self.source, language, split, count)

    def head(self, model, names, *, seed: int) -> Head:
        """The task's head on an encoder, with random weights that depend on the seed alone."""
        from torch import nn

        from isomorph.models.encoder import seeded
        from isomorph.models.heads import cls_normalisation, head_for
        from isomorph.models.ordering import OrderingHead
        from isomorph.models.spans import PhraseHead, QuestionHead

        kind, dropout = self.origin.kind, self.tuning.dropout
        with seeded(seed):
            if kind == labelled.QUESTION:
                return QuestionHead(model, dropout=dropout)
            if kind == labelled.PHRASES:
                return PhraseHead(model, dropout=dropout, level=self.level)
            if kind == labelled.ORDER:
                return OrderingHead(model, dropout=dropout, pooling=self.tuning.pooling,
                                    interaction=self.interaction, margin=self.margin)  # fmt: skip
        head = head_for(kind, model, names, seed=seed, pooling=self.tuning.pooling, dropout=dropout)
        if self.normalisation != "none":
            head.out = nn.Sequential(cls_normalisation(self.normalisation, head.width), head.out)
        return head

    def main(self, examples: Examples, answers: list) -> float:
        """The score that stands for the task; 0 where answers that never vary correlate with nothing."""
        value = scores(examples, answers, self.source)[self.origin.score]
        return 0.0 if math.isnan(value) else value

    def floor(self, train: Examples, test: Examples) -> float:
        """The main score without an encoder: of the most frequent answer, or of guessing."""
        from isomorph.measure.scores import majority

        if train.task not in labelled.TASKS:
            return 0.5 if train.task == labelled.PHRASES else 0.0
        return self.main(test, majority(train, test))


@lru_cache(maxsize=32)  # a sweep asks for the same ones, seed after seed
def of_world(name: str, world: World, language: str, split: str, count: int) -> Examples:
    """Examples of a world of the first half of its topics, so that the rest is out of domain.

    Of dev and test as many as there are, where there are not as many. Raises ValueError where train
    asks for more than there are.
    """
    most = 5 * count // 2 + 100
    if name == "questions":
        most = count if split == "train" else None
    elif name != labelled.PAIR:  # pairs are made as they are asked for
        held = {"dev": world.dev_sentences, "test": world.test_sentences}
        most = min(most, held.get(split, world.training_sentences))
    found = tasks.examples(f"{WORLD}{name}", language, split, most, world=world)
    # A question is on several sentences, which are of any topic.
    inside = [i for i in found.items if getattr(i, "topic", 0) < world.topics / 2]
    items = inside[:count]
    if split == "train" and len(items) < count:
        raise ValueError(f"train is {count}; on its first topics the world has {len(items)}.")
    return labelled.Examples(found.task, found.names, tuple(items), found.source)


def scores(examples: Examples, answers: list, source: str) -> dict[str, float]:
    """The scores of a task by name, fractions of 1 or correlations."""
    from isomorph.measure.correlation import pearson, spearman
    from isomorph.runs.transfer import score

    if examples.task == labelled.SCORE:
        gold = [item.score for item in examples.items]
        return {"spearman": spearman(answers, gold), "pearson": pearson(answers, gold)}
    if examples.task == labelled.QUESTION:
        from isomorph.measure.scores import answer_scores

        return answer_scores(examples, answers)
    if examples.task == labelled.PHRASES:
        from isomorph.models.spans import phrase_scores

        return phrase_scores(examples, answers)
    if examples.task == labelled.ORDER:
        from isomorph.models.ordering import order_scores

        return order_scores([item.order for item in examples.items], answers)
    found = score(examples, answers)
    metric = SOURCES[source].score if source in SOURCES else None
    if examples.task == labelled.PAIR and metric in ("f1", "matthews"):
        from sklearn.metrics import f1_score, matthews_corrcoef

        gold = [item.label for item in examples.items]
        if metric == "matthews":
            return found | {"matthews": float(matthews_corrcoef(gold, answers))}
        return found | {"f1": float(f1_score(gold, answers, pos_label=examples.names[1]))}
    return found
