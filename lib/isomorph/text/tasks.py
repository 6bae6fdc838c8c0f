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


_BIBLE, _HELP = "text/bible.parquet", "text/help.parquet"
_RELATION, _TERMS = "tasks/passage_relation.parquet", "tasks/interface_terms.parquet"
_PARAPHRASES = "tasks/paraphrases.parquet"
_TWO, _ONE = ("sentence1", "sentence2", "label"), ("sentence", "label")
_TOKENS, _ASKED = ("tokens", "head", "deprel", "upos"), ("question", "context", "answers")
# A licence for each treebank, mostly CC-BY-SA-4.0. Under the id that mirrors have it was a script,
# which `datasets` no longer executes. It is kept up elsewhere, with a revision for each release.
_TREES = ("universal-dependencies/universal_dependencies", "{}", _TOKENS)
_PLACE = ("commul/universal_dependencies", "2.17")
_GLUE = "nyu-mll/glue"
_ACCURACY, _WORLD, _MANY, _ENGLISH = "accuracy", WORLD_LANGUAGES, LANGUAGES, ("en",)
_relation, _orders = shipped_tasks.relation, shipped_tasks.orders
_glue, _asked = public.benchmark, public.questions
SOURCES = {row[0]: Source(*row) for row in (
    *((f"world_{kind}", kind, kind, score, _WORLD, partial(world_examples, kind))
      for kind, score in ((kinds.PAIR, _ACCURACY), (kinds.TAG, "f1"), (kinds.TREE, "las"), (kinds.SPEECH, _ACCURACY))),
    ("world_questions", kinds.QUESTION, "questions", "f1", _WORLD, world_questions),
    ("passage_relation", kinds.PAIR, "passages", _ACCURACY, _MANY, _relation, (_BIBLE, _RELATION), "", "bible"),
    ("passage_relation_help", kinds.PAIR, "help_passages", _ACCURACY, _MANY, _relation, (_HELP, _RELATION),
     "", "help"),
    ("interface_terms", kinds.TAG, "terms", "f1", _MANY, shipped_tasks.terms, (_TERMS,)),
    ("bible_order", kinds.ORDER, "bible_order", "tau", _MANY, _orders, (_BIBLE,), "", "bible"),
    ("help_order", kinds.ORDER, "help_order", "tau", _MANY, _orders, (_HELP,), "", "help"),
    ("phrases", kinds.PHRASES, "phrases", "sentence_accuracy", _ENGLISH, shipped_tasks.phrases, (_PARAPHRASES,)),
    # CC-BY-NC-4.0
    ("xnli", kinds.PAIR, "nli", _ACCURACY, _MANY, public.labelled, None, "facebook/xnli", "{}",
     ("premise", "hypothesis", "label"), kinds.LABELS),
    ("universal_dependencies", kinds.TREE, "parsing", "las", _MANY, public.labelled, None, *_TREES,
     kinds.UNIVERSAL_RELATIONS, _PLACE),
    ("parts_of_speech", kinds.SPEECH, "tags", _ACCURACY, _MANY, public.labelled, None, *_TREES,
     kinds.PARTS_OF_SPEECH, _PLACE),
    # States no licence; Chinese mixes both scripts.
    ("wikiann", kinds.TAG, "ner", "f1", _MANY, public.labelled, None, "unimelb-nlp/wikiann", "{}",
     ("tokens", "ner_tags"), kinds.ENTITY_TAGS),
    ("tydiqa", kinds.QUESTION, "questions", "f1", _ENGLISH, _asked, None,
     "google-research-datasets/tydiqa", "secondary_task", _ASKED),
    ("squad", kinds.QUESTION, "questions", "f1", _ENGLISH, _asked, None, "rajpurkar/squad", "plain_text", _ASKED),
    *((name, kinds.ORDER, name, "tau", _ENGLISH, public.stories, None, "local/sentence-ordering", name,
       ("sentences",)) for name in ("rocstories", "sind")),
    ("rte", kinds.PAIR, "rte", _ACCURACY, _ENGLISH, _glue, None, _GLUE, "rte", _TWO,
     ("entailment", "not_entailment")),
    ("mrpc", kinds.PAIR, "mrpc", "f1", _ENGLISH, _glue, None, _GLUE, "mrpc", _TWO,
     ("not_equivalent", "equivalent")),
    ("stsb", kinds.SCORE, "stsb", "spearman", _ENGLISH, _glue, None, _GLUE, "stsb", _TWO),  # from 0 to 5
    ("cola", kinds.PAIR, "cola", "matthews", _ENGLISH, _glue, None, _GLUE, "cola", _ONE,
     ("unacceptable", "acceptable")),
    ("sst2", kinds.PAIR, "sst2", _ACCURACY, _ENGLISH, _glue, None, _GLUE, "sst2", _ONE,
     ("negative", "positive")),
)}  # fmt: skip


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
