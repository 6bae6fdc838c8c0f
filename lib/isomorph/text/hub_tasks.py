"""Labelled examples of public data sets, from a mirror or the hub (`isomorph.text.fetch`).

Natural language inference (XNLI, Conneau et al. 2018), entities (WikiANN, Pan et al. 2017 in the
splits of Rahimi et al. 2019), trees and parts of speech (Universal Dependencies v2, Nivre et al. 2020);
small English benchmarks of GLUE (Wang et al. 2019); questions (SQuAD 1.1, Rajpurkar et al. 2016, and
the gold passages of TyDi QA, Clark et al. 2020); stories to put in order, of which no copy on the hub
may be named, so that they come from a mirror, as its "local" sets; and pairs scored for similarity.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from isomorph.text import tables
from isomorph.text.corpora import require
from isomorph.text.entailment import LABELS
from isomorph.text.examples import (
    ENTITY_TAGS,
    PAIR,
    PARTS_OF_SPEECH,
    QUESTION,
    SCORE,
    SPEECH,
    TAG,
    TREE,
    UNIVERSAL_RELATIONS,
    UPOS,
    Examples,
    PairExample,
    QuestionExample,
    ScoredExample,
    TaggedExample,
    TreeExample,
    universal_relation,
)
from isomorph.text.fetch import DataUnavailable, HubAway, load_hub, named
from isomorph.text.hub import load_named
from isomorph.text.shipped_tasks import shuffled
from isomorph.text.tables import drawn, taken

# The paper's treebanks, and the same collection in German and Spanish.  The first that is there is
# taken: Chinese-GSD is in traditional script, its copy in the simplified script of XNLI.
TREEBANKS = {
    "en": ("en_ewt",),
    "fr": ("fr_gsd",),
    "de": ("de_gsd",),
    "ru": ("ru_gsd",),
    "zh": ("zh_gsdsimp", "zh_gsd"),
    "es": ("es_gsd",),
}
TREE_COLUMNS = ("tokens", "upos", "head", "deprel")
NO_HEAD = (None, "None", "_")  # of a multi-word token, and of an elided word

GLUE = "nyu-mll/glue"
# The columns of the texts, and the labels by number; None where the label is a number from 0 to 5.
BENCHMARKS = {
    "rte": (("sentence1", "sentence2"), ("entailment", "not_entailment")),
    "mrpc": (("sentence1", "sentence2"), ("not_equivalent", "equivalent")),
    "stsb": (("sentence1", "sentence2"), None),
    "cola": (("sentence",), ("unacceptable", "acceptable")),
    "sst2": (("sentence",), ("negative", "positive")),
}
QUESTIONS = {
    "tydiqa": ("google-research-datasets/tydiqa", "secondary_task"),
    "squad": ("rajpurkar/squad", "plain_text"),
}
# How identifiers of TyDi QA's rows begin, of which only English is taken. A copy that is English
# alone may have lost the prefix, so the others are told apart and not English.
OTHERS = ("arabic", "bengali", "finnish", "indonesian", "korean", "russian", "swahili", "telugu")
STORIES = ("rocstories", "sind")
DEV_SHARE = 10  # one context, or story, in ten, where development examples are parted from others

# The seven sets of Li et al. 2020, table 2: name -> (id, split). STS-B's own validation is "stsb_dev".
SENTENCES = {
    "stsb": ("sentence-transformers/stsb", "test"),
    "sickr": ("mteb/sickr-sts", "test"),
    **{f"sts{year}": (f"mteb/sts{year}-sts", "test") for year in range(12, 17)},
}
EXTRA = {"stsb_dev": ("sentence-transformers/stsb", "validation")}
WORDS = ("rg65", "simlex999", "wordsim353", "men", "mturk771", "rareword")
TASKS_OF_HUB = {
    "xnli": (PAIR, LABELS, ("premise", "hypothesis", "label")),
    "wikiann": (TAG, ENTITY_TAGS, ("tokens", "ner_tags")),
    "universal_dependencies": (TREE, UNIVERSAL_RELATIONS, TREE_COLUMNS),
    "parts_of_speech": (SPEECH, PARTS_OF_SPEECH, TREE_COLUMNS),
}


def hub_examples(name: str, language: str, split: str, count: int | None = None) -> Examples:
    """Examples of one of TASKS_OF_HUB.

    The last two have the same sentences of Universal Dependencies, of whose treebanks TREEBANKS are
    read.  Relations lose their subtype, so "nsubj:pass" is "nsubj", since not every treebank has the
    same.  XNLI is parallel between languages.
    """
    split = {"dev": "validation"}.get(split, split)
    kind, names, columns = TASKS_OF_HUB[name]
    if columns is TREE_COLUMNS:
        part, (rows, where) = _treebank(language, split)
        labels = tables.declared(rows, "upos", UPOS, where)
    else:
        part, (rows, where) = language, load_named(name, language, split)
        labels = tables.declared(rows, columns[-1], names, where)
    # Of the two layouts of treebanks, the one with this column keeps words alone in the others.
    words_alone = "mwt" in rows.column_names

    def make(row: dict) -> PairExample | TaggedExample | TreeExample:
        if kind == PAIR:
            first, second = (tables.text(row, column) for column in columns[:2])
            return PairExample(first, second, tables.label(row, "label", labels))
        if kind == TAG:
            words = tables.texts(row, "tokens")
            return TaggedExample(words, tables.labels(row, "ner_tags", labels, len(words)))
        words, tags, heads, relations = _words_of_tree(row, labels, words_alone)
        if kind == SPEECH:
            return TaggedExample(words, tables.labels({"upos": tags}, "upos", names, len(words)))
        return TreeExample(words, heads, tuple(map(universal_relation, relations)))

    source = f"{name} {part} {split}"
    places = np.sort(drawn(len(rows), count, source))
    return Examples(kind, names, tables.examples_of(rows, columns, make, where, places), source)


def _treebank(language: str, split: str):
    for name in TREEBANKS[language]:
        try:
            return name, load_named("universal_dependencies", name, split)
        except HubAway:
            raise
        except DataUnavailable:
            if name == TREEBANKS[language][-1]:
                raise


def _words_of_tree(row: dict, names: Sequence[str], words_alone: bool):
    """(words, parts of speech, heads, relations) of a sentence as CoNLL-U counts its words: those
    nodes that have a head, so neither multi-word tokens (French "du" before "de" and "le") nor elided
    words."""
    count = len(row["tokens"]) if isinstance(row["tokens"], list) else 0
    for column in TREE_COLUMNS:
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
    kept = {column: [row[column][i] for i in words] for column in TREE_COLUMNS}
    heads, relations = tuple(map(int, kept["head"])), tables.texts(kept, "deprel")
    tables.tree(heads, relations)
    tags = list(tables.labels(kept, "upos", names, len(words)))
    return tables.texts(kept, "tokens"), tags, heads, relations


def benchmark_examples(name: str, split: str, count: int | None = None) -> Examples:
    """Examples of one of BENCHMARKS: "rte" (does the first text entail the second), "mrpc" (do both
    say the same), "stsb" (how alike are they, from 0 to 5), "cola" (is the sentence acceptable) or
    "sst2" (its sentiment).

    Divided as Zhang et al. (ICLR 2021, table 3) have it: the labels of GLUE's test sets are not
    public, so a random half of its validation set is "dev", to choose on, and the other "test".
    """
    columns, labels = BENCHMARKS[name]
    there = "train" if split == "train" else "validation"
    rows, where = load_hub(GLUE, name, there), named(GLUE, name, there)
    places = np.arange(len(rows))
    if split != "train":
        if len(rows) < 2:
            raise ValueError(f"{where} has {len(rows)} rows; dev and test need one each.")
        order, half = drawn(len(rows), None, name), len(rows) // 2
        places = np.sort(order[:half] if split == "dev" else order[half:])
    places = taken(places, count, f"{name} {split}")
    own = labels and tables.declared(rows, "label", labels, where)

    def make(row: dict) -> PairExample | ScoredExample:
        first, second = ([tables.text(row, column) for column in columns] + [None])[:2]
        if labels is None:
            return ScoredExample(first, second, tables.score(row, "label", 0, 5))
        return PairExample(first, second, tables.label(row, "label", own))

    items = tables.examples_of(rows, (*columns, "label"), make, where, places)
    return Examples(PAIR if labels else SCORE, labels or (), items, f"{name} {split}")


def hub_questions(name: str, split: str, count: int | None = None) -> Examples:
    """English questions of one of QUESTIONS; those without an answer are left out.

    The hub has two splits: "test" is its validation, and "dev" is a fixed random tenth of the contexts
    of its train, which "train" lacks.  Raises DataUnavailable where every answer is missing too.
    """
    where = (*QUESTIONS[name], "validation" if split == "test" else "train")
    rows, english = load_hub(*where), None
    where = named(*where)
    if name == "tydiqa":
        ids = tables.examples_of(rows, ("id",), lambda row: tables.text(row, "id"), where)
        english = [i for i, own in enumerate(ids) if not own.startswith(OTHERS)]
    columns = ("question", "context", "answers")
    asked = tables.examples_of(rows, columns, _question, where, english)
    items = [item for item in asked if item]
    if not items:
        raise DataUnavailable(
            f"{where} holds {len(asked)} English questions here, and none has an answer."
        )
    if split != "test":
        contexts = list(dict.fromkeys(item.context for item in items))
        order = drawn(len(contexts), None, split)
        dev = {contexts[i] for i in order[: -(-len(contexts) // DEV_SHARE)]}
        items = [item for item in items if (item.context in dev) == (split == "dev")]
    source = f"questions {name} {split}"
    return Examples(QUESTION, (), tuple(taken(items, count, source)), source)


def _question(row: dict) -> QuestionExample | None:
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
    accepted = tuple(dict.fromkeys(tables.texts(answers, "text")))
    question, context = (tables.text(row, column) for column in ("question", "context"))
    return QuestionExample(question, context, starts[0], accepted)


def story_orders(name: str, split: str, count: int | None = None) -> Examples:
    """English stories of a mirror, shuffled.  One that says a sentence twice has no one order and is
    left out.

    Where a mirror has no "train", its "validation" is parted: a fixed random tenth is "dev" and the
    rest "train", and `Examples.source` says so.
    """
    if split == "test":
        return shuffled(_stories(name, split), count, f"ordering {name} {split}")
    validation, source = _stories(name, "validation"), f"ordering {name} validation"
    try:
        train = _stories(name, "train")
    except DataUnavailable:
        held_out = -(-len(validation) // DEV_SHARE)
        order = drawn(len(validation), None, source)
        places = order[:held_out] if split == "dev" else order[held_out:]
        return shuffled([validation[i] for i in np.sort(places)], count, f"{source}, part {split}")
    if split == "dev":
        return shuffled(validation, count, source)
    return shuffled(train, count, f"ordering {name} {split}")


def _stories(name: str, split: str) -> list[tuple[int, tuple[str, ...]]]:
    """(number, sentences) of those stories of a split of the mirror which have one order."""
    where = ("local/sentence-ordering", name, split)
    read = partial(tables.texts, column="sentences")
    stories = tables.examples_of(load_hub(*where), ("sentences",), read, named(*where))
    return [(i, story) for i, story in enumerate(stories) if 1 < len(story) == len(set(story))]


class ScoredPairs(NamedTuple):
    """first, second: texts, row by row; scores: higher is more alike, in the set's own scale."""

    first: list[str]
    second: list[str]
    scores: list[float]


def scored_pairs(name: str) -> ScoredPairs:
    """One of SENTENCES or WORDS, or "stsb_dev". Raises ValueError for another, DataUnavailable."""
    sets = SENTENCES | EXTRA
    require("name", name, (*sets, *WORDS))
    where, unit = ("local/word-similarity", name, "test"), "word"
    if name in sets:
        (dataset, split), unit = sets[name], "sentence"
        where = (dataset, "default", split)
    columns = (f"{unit}1", f"{unit}2")

    def make(row: dict) -> tuple[str, str, float]:
        return *(tables.text(row, column) for column in columns), tables.score(row, "score")

    read = tables.examples_of(load_hub(*where), (*columns, "score"), make, named(*where))
    return ScoredPairs(*map(list, zip(*read, strict=True)))
