"""What labelled examples are, wherever they come from (`isomorph.text.tasks` gives them).

Conneau, Wu et al. (ACL 2020, section 3.2) tune on English and test on another language: natural
language inference, named entity recognition and dependency parsing; XTREME (Hu et al. ICML 2020) adds
parts of speech.  The other kinds are no tasks of transfer.  Pairs of texts that people have scored for
similarity, as cures are judged by, are none either (`scored_pairs`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from isomorph.text.fetch import examples_of, load_hub, named, score, text

PAIR, TAG, TREE, SPEECH = "nli", "ner", "parsing", "tags"
TASKS = (PAIR, TAG, TREE, SPEECH)  # of transfer
SCORE, ORDER, QUESTION, PHRASES = "similarity", "ordering", "questions", "phrases"
SPLITS = ("train", "dev", "test")
CHOICE_SEED = 0  # part of the definition of what is taken, like the order of a file

LABELS = ("entailment", "neutral", "contradiction")
# WikiANN's order; the worlds have the same types.
ENTITY_TAGS = ("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC")
# In the order of the hub's numbers; "_", which is none, is what hub treebanks have beside them.
UPOS = (
    *("NOUN", "PUNCT", "ADP", "NUM", "SYM", "SCONJ", "ADJ", "PART", "DET"),
    *("CCONJ", "PROPN", "PRON", "X", "_", "ADV", "INTJ", "VERB", "AUX"),
)
PARTS_OF_SPEECH = tuple(name for name in UPOS if name != "_")
# The 37 of Universal Dependencies v2 (de Marneffe et al. 2021, Table 2).
UNIVERSAL_RELATIONS = (
    *("acl", "advcl", "advmod", "amod", "appos", "aux", "case", "cc", "ccomp", "clf", "compound"),
    *("conj", "cop", "csubj", "dep", "det", "discourse", "dislocated", "expl", "fixed", "flat"),
    *("goeswith", "iobj", "list", "mark", "nmod", "nsubj", "nummod", "obj", "obl", "orphan"),
    *("parataxis", "punct", "reparandum", "root", "vocative", "xcomp"),
)

# The seven sets of sentences of Li et al. 2020, table 2: name -> (id, split); and sets of words.
SENTENCES = {
    "stsb": ("sentence-transformers/stsb", "test"),
    "sickr": ("mteb/sickr-sts", "test"),
    **{f"sts{year}": (f"mteb/sts{year}-sts", "test") for year in range(12, 17)},
}
EXTRA = {"stsb_dev": ("sentence-transformers/stsb", "validation")}  # STS-B's own
WORDS = ("rg65", "simlex999", "wordsim353", "men", "mturk771", "rareword")


@dataclass(frozen=True)
class PairExample:
    """Two texts and how the first relates to the second."""

    first: str
    second: str | None  # None where one text alone has the label
    label: str
    topic: int | None = None  # that it was drawn from; only worlds know


@dataclass(frozen=True)
class ScoredExample:
    """Two texts and how alike they are. Raises ValueError for a score that is not finite."""

    first: str
    second: str
    score: float

    def __post_init__(self):
        score(vars(self), "score")


@dataclass(frozen=True)
class TaggedExample:
    """Words and a tag for each, of entities in BIO or its part of speech; else ValueError is raised."""

    words: tuple[str, ...]
    tags: tuple[str, ...]
    topic: int | None = None

    def __post_init__(self):
        _one_each(self.words, tags=self.tags)


@dataclass(frozen=True)
class TreeExample:
    """Words with the position of each one's head and the relation to it.

    Raises ValueError unless there are as many of each, and heads make one tree under one root, which
    alone has the relation "root".
    """

    words: tuple[str, ...]
    heads: tuple[int, ...]  # 0 for the root of the sentence, else a position, counted from 1
    relations: tuple[str, ...]
    topic: int | None = None

    def __post_init__(self):
        _one_each(self.words, heads=self.heads, relations=self.relations)
        roots = [check_tree(self.heads)]
        named = [i for i, name in enumerate(self.relations, 1) if name.partition(":")[0] == "root"]
        if named != roots:
            raise ValueError(
                f"the words {named} have the relation 'root'; allowed is word {roots[0]} alone, "
                "whose head is 0."
            )


def check_tree(heads: Sequence[int]) -> int:
    """The place of the root, from 1. Raises ValueError unless heads, 0 or a place, make one tree."""
    count = len(heads)
    for i, head in enumerate(heads, 1):
        if not 0 <= head <= count or head == i:
            raise ValueError(
                f"the head of word {i} is {head}; allowed is 0, of the root, or the place of another "
                f"word, from 1 to {count}."
            )
    roots = [i for i, head in enumerate(heads, 1) if head == 0]
    if len(roots) != 1:
        raise ValueError(f"the roots are {roots}; allowed is one word whose head is 0.")
    for i in range(1, count + 1):
        path = []
        while i and i not in path:
            path.append(i)
            i = heads[i - 1]
        if i:
            circle = path[path.index(i) :]
            raise ValueError(
                f"the words {circle} are each other's heads in a circle; allowed is a tree."
            )
    return roots[0]


def _one_each(words: Sequence[str], **given: Sequence) -> None:
    for name, values in given.items():
        if len(values) != len(words):
            raise ValueError(
                f"{name} is {values!r}; allowed is one for each of {len(words)} words."
            )


@dataclass(frozen=True)
class OrderExample:
    """Sentences of a text out of order. Raises ValueError unless order has each place once."""

    sentences: tuple[str, ...]  # two at least
    order: tuple[int, ...]  # the true place of each sentence, from 0

    def __post_init__(self):
        count = len(self.sentences)
        if count < 2 or sorted(self.order) != list(range(count)):
            raise ValueError(
                f"order is {self.order} for {count} sentences; allowed is each place from 0 once, "
                f"of two sentences at least."
            )


@dataclass(frozen=True)
class QuestionExample:
    """A question whose answer is a stretch of a text.

    Raises ValueError unless the first answer is some text and stands at its place.
    """

    question: str
    context: str
    start: int  # where answers[0] begins in the context, in characters from 0
    answers: tuple[str, ...]  # all that are accepted

    def __post_init__(self):
        if not self.answers or not self.answers[0]:
            raise ValueError(
                f"answers is {self.answers}; allowed are texts, the first of them not empty."
            )
        first = self.answers[0]
        if self.start < 0 or not self.context.startswith(first, self.start):
            raise ValueError(
                f"start is {self.start}; allowed is where {first!r}, the first answer, begins in "
                "the context."
            )


Span = tuple[int, int]  # (first word from 0, end exclusive)


@dataclass(frozen=True)
class PhraseExample:
    """Words of two texts, whether they say the same, and pairs of phrases.

    Raises ValueError for a phrase that is empty or not within its text.
    """

    first: tuple[str, ...]
    second: tuple[str, ...]
    same: bool
    # A phrase of the first text, one of the second, and True where they are paraphrases.
    spans: tuple[tuple[Span, Span, bool], ...]

    def __post_init__(self):
        for *sides, _ in self.spans:
            for side, (start, end) in zip(("first", "second"), sides, strict=True):
                count = len(getattr(self, side))
                if not 0 <= start < end <= count:
                    raise ValueError(
                        f"spans has {(start, end)} for the {side} text; allowed is a start below "
                        f"its end, both from 0 to {count}."
                    )


@dataclass(frozen=True)
class Examples:
    """Examples of one task and the answers that are possible."""

    task: str  # PAIR, TAG and so on
    # Labels, tags or relations, in a fixed order that is the same for every language and split.
    names: tuple[str, ...]
    items: tuple  # of the class of its kind
    source: str  # and which split, to be kept with results: "wikiann fr validation"


def universal_relation(relation: str) -> str:
    """A relation without its subtype: "acl:relcl" is "acl".

    Raises ValueError when it is none of Universal Dependencies v2.
    """
    name = relation.partition(":")[0]
    require("relation", name, UNIVERSAL_RELATIONS)
    return name


def require(field: str, value: object, allowed: Sequence) -> None:
    """Raise ValueError, naming field, value and what is allowed, unless value is allowed."""
    if value not in allowed:
        raise ValueError(f"{field} is {value!r}; allowed are {', '.join(map(repr, allowed))}.")


def require_count(count: object, available: int, source: str) -> None:
    """Raise ValueError, naming what the source allows, unless count is a number from 1 to that."""
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= available:
        raise ValueError(f"count is {count!r}; {source} allows 1 to {available}.")


def drawn(available: int, count: int | None, source: str) -> np.ndarray:
    """The places of `count` of so many rows, in the order of the draw; of all for None.

    Fewer begin more, and files of the same length give the same places. At random and not from the
    start, since files are ordered, by genre for example.
    source: what the rows are, for the message.
    Raises ValueError when count is none from 1 to what there is.
    """
    if count is not None:
        require_count(count, available, source)
    return np.random.default_rng(CHOICE_SEED).permutation(available)[:count]


def taken(rows: Sequence, count: int | None, source: str) -> list:
    """``count`` of the rows, `drawn`, in the order in which they stand; all for None."""
    return [rows[place] for place in np.sort(drawn(len(rows), count, source))]


def shuffled(
    texts: Sequence[tuple[int, Sequence[str]]], count: int | None, source: str
) -> Examples:
    """(number, sentences) of each text, shuffled by its number alone.

    Every order is as likely, the right one too: guessing scores what chance says.
    """
    if not texts:
        raise ValueError(f"{source} has no text to put in order; one at least is needed.")
    items = []
    for number, sentences in taken(texts, count, source):
        places = np.random.default_rng([0, number]).permutation(len(sentences)).tolist()
        items.append(OrderExample(tuple(sentences[place] for place in places), tuple(places)))
    return Examples(ORDER, (), tuple(items), source)


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
        return *(text(row, column) for column in columns), score(row, "score")

    rows = load_hub(*where)
    read = examples_of(rows, (*columns, "score"), make, named(*where))
    return ScoredPairs(*map(list, zip(*read, strict=True)))
