"""Every set of labelled examples, by name: what task it is of, and its examples.

A controlled world makes it, it ships (`isomorph.text.shipped_tasks`), or the hub or a mirror has it
(`isomorph.text.public`): natural language inference (XNLI, Conneau et al. 2018), entities (WikiANN, Pan
et al. 2017 in the splits of Rahimi et al. 2019), trees and parts of speech (Universal Dependencies v2,
Nivre et al. 2020); small English benchmarks of GLUE (Wang et al. 2019); questions (SQuAD 1.1, Rajpurkar
et al. 2016, and the gold passages of TyDi QA, Clark et al. 2020); stories to put in order, of which no
copy on the hub may be named, so that they come from a mirror, as its "local" sets.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from isomorph.text import examples as kinds
from isomorph.text import public, shipped_tasks
from isomorph.text.examples import Examples, require
from isomorph.text.fetch import DataUnavailable, HubAway
from isomorph.text.shipped import LANGUAGES
from isomorph.text.worlds import LANGUAGES as WORLD_LANGUAGES
from isomorph.text.worlds import World, world_examples, world_questions


class Source(NamedTuple):
    """A set of labelled examples."""

    key: str  # of SOURCES
    kind: str  # PAIR, TAG and so on, as `Examples.task`
    name: str  # of the task in rows: the same for a world's and a public data set's
    score: str  # that stands for the task: "accuracy", "f1", "las", "tau", "spearman" and so on
    languages: tuple[str, ...]
    # Of (the source, language, split, count), a world first where a world makes them.
    read: Callable[..., Examples]
    # The shipped tables that it is made of; None where a world makes it or the hub has it.
    files: tuple[str, ...] | None = None
    dataset: str = ""  # of the hub or a mirror
    config: str = ""  # of the data set, with {} for what is chosen of it; or the domain
    # Of texts or words, and last of what is said of them, with its labels, by number.
    columns: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    place: tuple[str, str] | None = None  # id and revision, where the hub has it under another id

    @property
    def of_world(self) -> bool:
        return self.languages == WORLD_LANGUAGES

    @property
    def public(self) -> bool:
        """Whether it comes from the hub or a mirror."""
        return self.files is None and not self.of_world


def _shipped(key, kind, name, score, read, *files, domain="", languages=LANGUAGES) -> Source:
    return Source(key, kind, name, score, languages, read, files, config=domain)


def _public(key, kind, name, score, dataset, config, columns, labels, place=None) -> Source:
    how = (public.labelled, None, dataset, config, columns, labels, place)
    return Source(key, kind, name, score, LANGUAGES, *how)


def _english(key, kind, name, score, read, dataset, config, columns, labels=()) -> Source:
    return Source(key, kind, name, score, ("en",), read, None, dataset, config, columns, labels)


def _glue(key, kind, score, labels=(), texts=("sentence1", "sentence2")) -> Source:
    how = (public.benchmark, "nyu-mll/glue", key, (*texts, "label"), labels)
    return _english(key, kind, key, score, *how)


_BIBLE, _HELP = "text/bible.parquet", "text/help.parquet"
_RELATION, _TERMS = "tasks/passage_relation.parquet", "tasks/interface_terms.parquet"
_ASKED, _ONE = ("question", "context", "answers"), ("sentence",)
# A licence for each treebank, mostly CC-BY-SA-4.0. Under the id that mirrors have it was a script,
# which `datasets` no longer executes. It is kept up elsewhere, with a revision for each release.
_TREES = (
    "universal-dependencies/universal_dependencies",
    "{}",
    ("tokens", "head", "deprel", "upos"),
)
_KEPT_UP = ("commul/universal_dependencies", "2.17")
_EVERY = (
    *(Source(f"world_{kind}", kind, kind, score, WORLD_LANGUAGES, partial(world_examples, kind))
      for kind, score in zip(kinds.TASKS, ("accuracy", "f1", "las", "accuracy"), strict=True)),
    Source("world_questions", kinds.QUESTION, "questions", "f1", WORLD_LANGUAGES, world_questions),
    _shipped("passage_relation", kinds.PAIR, "passages", "accuracy", shipped_tasks.relation,
             _BIBLE, _RELATION, domain="bible"),
    _shipped("passage_relation_help", kinds.PAIR, "help_passages", "accuracy",
             shipped_tasks.relation, _HELP, _RELATION, domain="help"),
    _shipped("interface_terms", kinds.TAG, "terms", "f1", shipped_tasks.terms, _TERMS),
    _shipped("bible_order", kinds.ORDER, "bible_order", "tau", shipped_tasks.orders, _BIBLE,
             domain="bible"),
    _shipped("help_order", kinds.ORDER, "help_order", "tau", shipped_tasks.orders, _HELP,
             domain="help"),
    _shipped("phrases", kinds.PHRASES, "phrases", "sentence_accuracy", shipped_tasks.phrases,
             "tasks/paraphrases.parquet", languages=("en",)),
    _public("xnli", kinds.PAIR, "nli", "accuracy", "facebook/xnli", "{}",  # CC-BY-NC-4.0
            ("premise", "hypothesis", "label"), kinds.LABELS),
    _public("universal_dependencies", kinds.TREE, "parsing", "las", *_TREES,
            kinds.UNIVERSAL_RELATIONS, _KEPT_UP),
    _public("parts_of_speech", kinds.SPEECH, "tags", "accuracy", *_TREES, kinds.PARTS_OF_SPEECH,
            _KEPT_UP),
    # States no licence; Chinese mixes both scripts.
    _public("wikiann", kinds.TAG, "ner", "f1", "unimelb-nlp/wikiann", "{}",
            ("tokens", "ner_tags"), kinds.ENTITY_TAGS),
    _english("tydiqa", kinds.QUESTION, "questions", "f1", public.questions,
             "google-research-datasets/tydiqa", "secondary_task", _ASKED),
    _english("squad", kinds.QUESTION, "questions", "f1", public.questions, "rajpurkar/squad",
             "plain_text", _ASKED),
    *(_english(name, kinds.ORDER, name, "tau", public.stories, "local/sentence-ordering", name,
               ("sentences",)) for name in ("rocstories", "sind")),
    _glue("rte", kinds.PAIR, "accuracy", ("entailment", "not_entailment")),
    _glue("mrpc", kinds.PAIR, "f1", ("not_equivalent", "equivalent")),
    _glue("stsb", kinds.SCORE, "spearman"),  # from 0 to 5
    _glue("cola", kinds.PAIR, "matthews", ("unacceptable", "acceptable"), _ONE),
    _glue("sst2", kinds.PAIR, "accuracy", ("negative", "positive"), _ONE),
)  # fmt: skip
SOURCES = {source.key: source for source in _EVERY}


def examples(
    source: str, language: str, split: str, count: int | None = None, *, world: World | None = None
) -> Examples:
    """Labelled examples of one of SOURCES.

    language: one of the source's.  split: "train", "dev" or "test".  count: how many.  Of a world they
    are the first ones; elsewhere they are chosen at random, since files are ordered, by genre for
    example, fewer are among more, and of files of the same length the rows are the same.  None takes
    all; sentences and pairs of a world need a number.  world: for the sources that are made from one.
    Raises ValueError for anything else or more than there are, fetch.DataUnavailable.
    """
    require("source", source, tuple(SOURCES))
    own = SOURCES[source]
    require("language", language, own.languages)
    require("split", split, kinds.SPLITS)
    if own.of_world != (world is not None):
        needed = "a world is needed" if own.of_world else "it is made from no world"
        raise ValueError(f"source is {source!r}; {needed}.")
    return own.read(world or own, language, split, count)


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
    except DataUnavailable as problem:
        if isinstance(problem, HubAway):
            raise
        examples(source, language, "dev", 1)
        return "dev"
    return "test"
