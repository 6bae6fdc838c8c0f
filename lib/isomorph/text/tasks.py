"""Every set of labelled examples, by name: what task it is of, and its examples.

A controlled world makes them, they ship, or the hub or a mirror has them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from isomorph.text import questions
from isomorph.text.benchmarks import METRICS, benchmark_examples
from isomorph.text.corpora import require
from isomorph.text.examples import (
    ORDER,
    PAIR,
    PHRASES,
    QUESTION,
    SCORE,
    SPEECH,
    SPLITS,
    TAG,
    TREE,
    Examples,
    shipped_examples,
    world_examples,
)
from isomorph.text.fetch import DataUnavailable, HubAway
from isomorph.text.hub_examples import hub_examples
from isomorph.text.ordering import shipped_orders, story_orders
from isomorph.text.phrases import phrase_examples
from isomorph.text.shipped import LANGUAGES
from isomorph.text.worlds import LANGUAGES as WORLD_LANGUAGES
from isomorph.text.worlds import World


class Source(NamedTuple):
    """A set of labelled examples."""

    kind: str
    """PAIR, TAG and so on, as `Examples.task`."""
    name: str
    """Of the task in rows: the same for a world's and a public data set's."""
    score: str
    """The score that stands for the task: "accuracy", "f1", "las", "tau", "spearman" and so on."""
    languages: tuple[str, ...]
    read: Callable[..., Examples]
    """Of (language, split, count), and of (world, language, split, count) where a world makes them."""
    files: tuple[str, ...] | None = None
    """The shipped tables that it is made of; None where a world makes it or the hub has it."""

    @property
    def of_world(self) -> bool:
        return self.languages == WORLD_LANGUAGES

    @property
    def public(self) -> bool:
        """Whether it comes from the hub or a mirror."""
        return self.files is None and not self.of_world


def _of_world(kind: str) -> Callable[..., Examples]:
    return lambda world, language, split, count: world_examples(world, kind, language, split, count)


def _english(read: Callable[..., Examples], *name: str) -> Callable[..., Examples]:
    return lambda language, split, count: read(*name, split, count)


_PASSAGES, _TERMS = "tasks/passage_relation.parquet", "tasks/interface_terms.parquet"
_BIBLE, _HELP = "text/bible.parquet", "text/help.parquet"
SOURCES = {
    "world_nli": Source(PAIR, "nli", "accuracy", WORLD_LANGUAGES, _of_world(PAIR)),
    "world_ner": Source(TAG, "ner", "f1", WORLD_LANGUAGES, _of_world(TAG)),
    "world_parsing": Source(TREE, "parsing", "las", WORLD_LANGUAGES, _of_world(TREE)),
    "world_tags": Source(SPEECH, "tags", "accuracy", WORLD_LANGUAGES, _of_world(SPEECH)),
    "world_questions": Source(
        QUESTION, "questions", "f1", WORLD_LANGUAGES, questions.world_questions
    ),
    **{
        source: Source(kind, name, score, LANGUAGES, partial(shipped_examples, source), files)
        for source, kind, name, score, files in (
            ("passage_relation", PAIR, "passages", "accuracy", (_BIBLE, _PASSAGES)),
            ("passage_relation_help", PAIR, "help_passages", "accuracy", (_HELP, _PASSAGES)),
            ("interface_terms", TAG, "terms", "f1", (_TERMS,)),
        )
    },
    **{
        f"{domain}_order": Source(
            ORDER,
            f"{domain}_order",
            "tau",
            LANGUAGES,
            partial(shipped_orders, domain),
            (f"text/{domain}.parquet",),
        )
        for domain in ("bible", "help")
    },
    "phrases": Source(
        PHRASES,
        "phrases",
        "sentence_accuracy",
        ("en",),
        _english(phrase_examples),
        ("tasks/paraphrases.parquet",),
    ),
    **{
        source: Source(kind, name, score, LANGUAGES, partial(hub_examples, source))
        for source, kind, name, score in (
            ("xnli", PAIR, "nli", "accuracy"),
            ("universal_dependencies", TREE, "parsing", "las"),
            ("parts_of_speech", SPEECH, "tags", "accuracy"),
            ("wikiann", TAG, "ner", "f1"),
        )
    },
    **{
        name: Source(QUESTION, "questions", "f1", ("en",), _english(questions.hub_questions, name))
        for name in ("tydiqa", "squad")
    },
    **{
        name: Source(ORDER, name, "tau", ("en",), _english(story_orders, name))
        for name in ("rocstories", "sind")
    },
    **{
        name: Source(
            SCORE if score == "spearman" else PAIR,
            name,
            score,
            ("en",),
            _english(benchmark_examples, name),
        )
        for name, score in METRICS.items()
    },
}


def examples(
    source: str, language: str, split: str, count: int | None = None, *, world: World | None = None
) -> Examples:
    """Labelled examples of one of SOURCES.

    language: one of the source's.  split: "train", "dev" or "test".  count: how many; of a world the
    first, elsewhere at random, fewer among more; None takes all, which of a world only questions
    have an end of.  world: for the sources that are made from one.
    Raises ValueError for anything else or more than there are, fetch.DataUnavailable.
    """
    require("source", source, tuple(SOURCES))
    own = SOURCES[source]
    require("language", language, own.languages)
    require("split", split, SPLITS)
    if own.of_world != (world is not None):
        raise ValueError(
            f"world is {world!r}; source {source!r} {'is made from one' if own.of_world else 'has none'}."
        )
    return own.read(*([world] if own.of_world else []), language, split, count)


def evaluation_split(source: str, language: str) -> str:
    """The split to report results on: "test", or "dev" where no test is to be had.

    The hub has a test split of every public set; a mirror may lack some.  What was taken stands in
    `Examples.source`; keep it with the result, since the two are not comparable.
    Raises ValueError as `examples` does, and DataUnavailable when neither is there, or when the hub
    does not answer.
    """
    if not SOURCES[source].public:
        return "test"
    try:
        examples(source, language, "test", 1)
    except HubAway:
        raise
    except DataUnavailable:
        examples(source, language, "dev", 1)
        return "dev"
    return "test"
