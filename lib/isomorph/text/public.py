"""How rows of public data sets are read as labelled examples, and as pairs scored for similarity.

Each reader of examples is of a source, a line of `isomorph.text.tasks.SOURCES`, of a language, a split
and a number of examples.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from isomorph.text import examples as kinds
from isomorph.text import fetch
from isomorph.text.examples import Examples, drawn, require, shuffled, taken, universal_relation
from isomorph.text.fetch import DataUnavailable, HubAway, examples_of

if TYPE_CHECKING:
    from datasets import Dataset

    from isomorph.text.tasks import Source


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

# The seven sets of Li et al. 2020, table 2: name -> (id, split). STS-B's own validation is "stsb_dev".
SENTENCES = {
    "stsb": ("sentence-transformers/stsb", "test"),
    "sickr": ("mteb/sickr-sts", "test"),
    **{f"sts{year}": (f"mteb/sts{year}-sts", "test") for year in range(12, 17)},
}
EXTRA = {"stsb_dev": ("sentence-transformers/stsb", "validation")}
WORDS = ("rg65", "simlex999", "wordsim353", "men", "mturk771", "rareword")


def _load(source: Source, split: str, choice: str = "") -> tuple[Dataset, str]:
    """A split of a source, and its name for messages."""
    where = (source.dataset, source.config.format(choice), split)
    return fetch.load_hub(*where, place=source.place), fetch.named(*where)


def labelled(source: Source, language: str, split: str, count: int | None = None) -> Examples:
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


def benchmark(source: Source, language: str, split: str, count: int | None = None) -> Examples:
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


def questions(source: Source, language: str, split: str, count: int | None = None) -> Examples:
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


def stories(source: Source, language: str, split: str, count: int | None = None) -> Examples:
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
        return *(fetch.text(row, column) for column in columns), fetch.score(row, "score")

    rows = fetch.load_hub(*where)
    read = examples_of(rows, (*columns, "score"), make, fetch.named(*where))
    return ScoredPairs(*map(list, zip(*read, strict=True)))
