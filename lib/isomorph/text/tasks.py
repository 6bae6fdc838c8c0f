"""Every set of labelled examples, by name: what task it is of, and its examples.

A controlled world makes it, it ships (`isomorph.text.shipped_tasks`), or the hub or a mirror has it:
natural language inference (XNLI, Conneau et al. 2018), entities (WikiANN, Pan et al. 2017 in the splits
of Rahimi et al. 2019), trees and parts of speech (Universal Dependencies v2, Nivre et al. 2020); small
English benchmarks of GLUE (Wang et al. 2019); questions (SQuAD 1.1, Rajpurkar et al. 2016, and the gold
passages of TyDi QA, Clark et al. 2020); stories to put in order, of which no copy on the hub may be
named, so that they come from a mirror, as its "local" sets.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from isomorph.text import examples as kinds
from isomorph.text import fetch, shipped_tasks
from isomorph.text.examples import Examples, drawn, require, shuffled, taken, universal_relation
from isomorph.text.fetch import DataUnavailable, HubAway, examples_of
from isomorph.text.shipped import LANGUAGES
from isomorph.text.worlds import LANGUAGES as WORLD_LANGUAGES
from isomorph.text.worlds import World, world_examples, world_questions

if TYPE_CHECKING:
    from datasets import Dataset

# The paper's treebanks, and the same collection in German and Spanish.  The first that is there is
# taken: Chinese-GSD is in traditional script, its copy in the simplified script of XNLI.
TREEBANKS = {
    "en": ("en_ewt",), "fr": ("fr_gsd",), "de": ("de_gsd",), "ru": ("ru_gsd",),
    "zh": ("zh_gsdsimp", "zh_gsd"), "es": ("es_gsd",),
}  # fmt: skip
NO_HEAD = (None, "None", "_")  # of a multi-word token, and of an elided word

# How identifiers of TyDi QA's rows begin, of which only English is taken. A copy that is English
# alone may have lost the prefix, so the others are told apart and not English.
OTHERS = ("arabic", "bengali", "finnish", "indonesian", "korean", "russian", "swahili", "telugu")
DEV_SHARE = 10  # one context, or story, in ten, where development examples are parted from others


class Source(NamedTuple):
    """A set of labelled examples."""

    key: str  # of SOURCES
    kind: str  # PAIR, TAG and so on, as `Examples.task`
    name: str  # of the task in rows: the same for a world's and a public data set's
    score: str  # that stands for the task: "accuracy", "f1", "las", "tau", "spearman" and so on
    # Of (the source, language, split, count), a world first where a world makes them.
    read: Callable[..., Examples]
    # The shipped tables that it is made of; None where a world makes it or the hub has it.
    files: tuple[str, ...] | None = None
    dataset: str = ""  # of the hub or a mirror
    config: str = ""  # of the data set, with {} for what is chosen of it; or the domain
    # Of texts or words, and last of what is said of them, with its labels, by number.
    columns: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    languages: tuple[str, ...] = LANGUAGES
    place: tuple[str, str] | None = None  # id and revision, where the hub has it under another id

    @property
    def of_world(self) -> bool:
        return self.languages == WORLD_LANGUAGES

    @property
    def public(self) -> bool:
        """Whether it comes from the hub or a mirror."""
        return self.files is None and not self.of_world


def _load(source: Source, split: str, choice: str = "") -> tuple[Dataset, str]:
    """A split of a source, and its name for messages."""
    where = (source.dataset, source.config.format(choice), split)
    return fetch.load_hub(*where, place=source.place), fetch.named(*where)


def labelled(source: Source, language: str, split: str, count: int | None) -> Examples:
    """Examples of texts, of tagged words, or of trees, row by row; XNLI is parallel between languages.

    Of trees, and of parts of speech of the same sentences, those of the first of TREEBANKS that is
    there.  Relations lose their subtype, so "nsubj:pass" is "nsubj": not every treebank has the same.
    """
    stored = "validation" if split == "dev" else split
    choices = TREEBANKS[language] if "head" in source.columns else (language,)
    for choice in choices:
        try:
            rows, where = _load(source, stored, choice)
            break
        except DataUnavailable as problem:
            if isinstance(problem, HubAway) or choice == choices[-1]:
                raise
    name = f"{source.key} {choice} {stored}"
    return _of_rows(source, rows, where, taken(range(len(rows)), count, name), name)


def benchmark(source: Source, language: str, split: str, count: int | None) -> Examples:
    """GLUE as Zhang et al. (ICLR 2021, table 3) divide it: the labels of its test sets are not public,
    so a random half of its validation set is "dev", to choose on, and the other "test"."""
    rows, where = _load(source, "train" if split == "train" else "validation")
    places, name = range(len(rows)), f"{source.key} {split}"
    if split != "train":
        if len(rows) < 2:
            raise ValueError(f"{where} has {len(rows)} rows; dev and test need one each.")
        places = _parted(places, len(rows) // 2, split)
    return _of_rows(source, rows, where, taken(places, count, name), name)


def _of_rows(source: Source, rows: Dataset, where: str, places, name: str) -> Examples:
    *read, said = source.columns
    trees = "head" in read
    names = kinds.UPOS if trees else source.labels
    names = names and fetch.declared(rows, said, names, where)
    # Of the two layouts of treebanks, the one with this column keeps words alone in the others.
    words_alone = "mwt" in rows.column_names

    def make(row: dict):
        if trees:
            tree, tags = _words_of_tree(row, source.columns, names, words_alone)
            if source.kind == kinds.TREE:
                relations = tuple(map(universal_relation, tree.relations))
                return kinds.TreeExample(tree.words, tree.heads, relations)
            tags = fetch.labels({said: tags}, said, source.labels, len(tags))
            return kinds.TaggedExample(tree.words, tags)
        if source.kind == kinds.TAG:
            words = fetch.texts(row, *read)
            return kinds.TaggedExample(words, fetch.labels(row, said, names, len(words)))
        first, second = ([fetch.text(row, column) for column in read] + [None])[:2]
        if source.kind == kinds.SCORE:
            return kinds.ScoredExample(first, second, fetch.score(row, said, 0, 5))
        return kinds.PairExample(first, second, fetch.label(row, said, names))

    items = examples_of(rows, source.columns, make, where, places)
    return Examples(source.kind, source.labels, items, name)


def _words_of_tree(row: dict, columns, names: Sequence[str], words_alone: bool):
    """The tree of a sentence, and parts of speech, as CoNLL-U counts its words: those nodes that have a
    head, so neither multi-word tokens (French "du" before "de" and "le") nor elided words."""
    count = len(row["tokens"]) if isinstance(row["tokens"], list) else 0
    for column in columns:
        if not isinstance(row[column], list) or len(row[column]) != count:
            raise ValueError(
                f"{column} is {row[column]!r}; allowed is a list of one for each of {count} tokens."
            )
    heads = row["head"]
    words = [i for i, head in enumerate(heads) if words_alone or head not in NO_HEAD]
    if not words:
        raise ValueError(f"head is {heads!r}; allowed is one word with a head at least.")
    for i in words:
        if not re.fullmatch(r"[0-9]+", str(heads[i])):
            raise ValueError(f"head[{i}] is {heads[i]!r}; allowed is the place of a word, or 0.")
    kept = {column: [row[column][i] for i in words] for column in columns}
    relations, heads = fetch.texts(kept, "deprel"), tuple(map(int, kept["head"]))
    tags = fetch.labels(kept, "upos", names, len(words))
    return kinds.TreeExample(fetch.texts(kept, "tokens"), heads, relations), list(tags)


def _parted(items: Sequence, held_out: int, split: str, group=lambda item: item) -> list:
    """The items of "dev", which are those of so many groups, drawn, or all the others."""
    groups = list(dict.fromkeys(map(group, items)))
    dev = {groups[place] for place in drawn(len(groups), None, split)[:held_out]}
    return [item for item in items if (group(item) in dev) == (split == "dev")]


def questions(source: Source, language: str, split: str, count: int | None) -> Examples:
    """English questions; those without an answer are left out.

    The hub has two splits: "test" is its validation, and "dev" is a fixed random tenth of the contexts
    of its train, which "train" lacks.  Raises DataUnavailable where every answer is missing too.
    """
    rows, where = _load(source, "validation" if split == "test" else "train")
    english = None
    if source.key == "tydiqa":
        ids = examples_of(rows, ("id",), lambda row: fetch.text(row, "id"), where)
        english = [i for i, own in enumerate(ids) if not own.startswith(OTHERS)]
    asked = examples_of(rows, source.columns, _question, where, english)
    items = [item for item in asked if item]
    if not items:
        raise DataUnavailable(
            f"{where} holds {len(asked)} English questions here, and none has an answer."
        )
    if split != "test":
        contexts = len({item.context for item in items})
        items = _parted(items, -(-contexts // DEV_SHARE), split, lambda item: item.context)
    name = f"questions {source.key} {split}"
    return Examples(source.kind, (), tuple(taken(items, count, name)), name)


def _question(row: dict) -> kinds.QuestionExample | None:
    """None where there is no answer."""
    answers = row["answers"] if isinstance(row["answers"], dict) else {}
    texts, starts = answers.get("text"), answers.get("answer_start")
    lists = isinstance(texts, list) and isinstance(starts, list) and len(texts) == len(starts)
    if not lists or not all(isinstance(start, int) for start in starts):
        raise ValueError(
            f"answers is {row['answers']!r}; allowed are 'text' and 'answer_start', a list of texts "
            "and one of as many whole numbers."
        )
    if not texts or texts[0] is not None and not str(texts[0]).strip():
        return None
    accepted = tuple(dict.fromkeys(fetch.texts(answers, "text")))
    question, context = (fetch.text(row, column) for column in ("question", "context"))
    return kinds.QuestionExample(question, context, starts[0], accepted)


def stories(source: Source, language: str, split: str, count: int | None) -> Examples:
    """English stories of a mirror, shuffled.  One that says a sentence twice has no one order and is
    left out.

    Where a mirror has no "train", its "validation" is parted: a fixed random tenth is "dev" and the
    rest "train", and `Examples.source` says so.
    """

    def read(split: str) -> list[tuple[int, tuple[str, ...]]]:
        rows, where = _load(source, split)
        each = examples_of(rows, source.columns, lambda row: fetch.texts(row, "sentences"), where)
        return [(i, story) for i, story in enumerate(each) if 1 < len(story) == len(set(story))]

    stored = "test" if split == "test" else "validation"
    name, there = f"ordering {source.key} {stored}", read(stored)
    if split != "test":
        try:
            train = read("train")
        except DataUnavailable:
            there = _parted(there, -(-len(there) // DEV_SHARE), split)
            name += f", part {split}"
        else:
            if split == "train":
                there, name = train, f"ordering {source.key} train"
    return shuffled(there, count, name)


_BIBLE, _HELP = "text/bible.parquet", "text/help.parquet"
_RELATION, _TERMS = "tasks/passage_relation.parquet", "tasks/interface_terms.parquet"
_ASKED, _ENGLISH = ("question", "context", "answers"), {"languages": ("en",)}
# A licence for each treebank, mostly CC-BY-SA-4.0. Under the id that mirrors have it was a script,
# which `datasets` no longer executes. It is kept up elsewhere, with a revision for each release.
_TREES = (
    labelled, None, "universal-dependencies/universal_dependencies", "{}",
    ("tokens", "head", "deprel", "upos"),
)  # fmt: skip
_KEPT_UP = {"place": ("commul/universal_dependencies", "2.17")}
_EVERY = (
    *(Source(f"world_{kind}", kind, kind, score, partial(world_examples, kind),
             languages=WORLD_LANGUAGES)
      for kind, score in zip(kinds.TASKS, ("accuracy", "f1", "las", "accuracy"), strict=True)),
    Source("world_questions", kinds.QUESTION, "questions", "f1", world_questions,
           languages=WORLD_LANGUAGES),
    Source("passage_relation", kinds.PAIR, "passages", "accuracy", shipped_tasks.relation,
           (_BIBLE, _RELATION), config="bible", labels=shipped_tasks.RELATIONS),
    Source("passage_relation_help", kinds.PAIR, "help_passages", "accuracy", shipped_tasks.relation,
           (_HELP, _RELATION), config="help", labels=shipped_tasks.RELATIONS),
    Source("interface_terms", kinds.TAG, "terms", "f1", shipped_tasks.terms, (_TERMS,),
           labels=shipped_tasks.TAGS),
    Source("bible_order", kinds.ORDER, "bible_order", "tau", shipped_tasks.orders, (_BIBLE,),
           config="bible"),
    Source("help_order", kinds.ORDER, "help_order", "tau", shipped_tasks.orders, (_HELP,),
           config="help"),
    Source("phrases", kinds.PHRASES, "phrases", "sentence_accuracy", shipped_tasks.phrases,
           ("tasks/paraphrases.parquet",), **_ENGLISH),
    Source("xnli", kinds.PAIR, "nli", "accuracy", labelled, None, "facebook/xnli", "{}",
           ("premise", "hypothesis", "label"), kinds.LABELS),  # CC-BY-NC-4.0
    Source("universal_dependencies", kinds.TREE, "parsing", "las", *_TREES,
           kinds.UNIVERSAL_RELATIONS, **_KEPT_UP),
    Source("parts_of_speech", kinds.SPEECH, "tags", "accuracy", *_TREES, kinds.PARTS_OF_SPEECH,
           **_KEPT_UP),
    # States no licence; Chinese mixes both scripts.
    Source("wikiann", kinds.TAG, "ner", "f1", labelled, None, "unimelb-nlp/wikiann", "{}",
           ("tokens", "ner_tags"), kinds.ENTITY_TAGS),
    Source("tydiqa", kinds.QUESTION, "questions", "f1", questions, None,
           "google-research-datasets/tydiqa", "secondary_task", _ASKED, **_ENGLISH),
    Source("squad", kinds.QUESTION, "questions", "f1", questions, None, "rajpurkar/squad",
           "plain_text", _ASKED, **_ENGLISH),
    *(Source(name, kinds.ORDER, name, "tau", stories, None, "local/sentence-ordering", name,
             ("sentences",), **_ENGLISH) for name in ("rocstories", "sind")),
    *(Source(name, kinds.SCORE if name == "stsb" else kinds.PAIR, name, score, benchmark, None,
             "nyu-mll/glue", name, (*texts, "label"), labels, **_ENGLISH)
      for name, score, texts, labels in (
          ("rte", "accuracy", ("sentence1", "sentence2"), ("entailment", "not_entailment")),
          ("mrpc", "f1", ("sentence1", "sentence2"), ("not_equivalent", "equivalent")),
          ("stsb", "spearman", ("sentence1", "sentence2"), ()),  # from 0 to 5
          ("cola", "matthews", ("sentence",), ("unacceptable", "acceptable")),
          ("sst2", "accuracy", ("sentence",), ("negative", "positive")))),
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
