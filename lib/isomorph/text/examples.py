"""What labelled examples are, wherever they come from (`isomorph.text.tasks` gives them).

Conneau, Wu et al. (ACL 2020, section 3.2) tune on English and test on another language: natural
language inference, named entity recognition and dependency parsing; XTREME (Hu et al. ICML 2020) adds
parts of speech.  The other kinds are no tasks of transfer.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from isomorph.text.fetch import score

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
        count = len(self.words)
        for i, head in enumerate(self.heads, 1):
            if not 0 <= head <= count or head == i:
                raise ValueError(
                    f"the head of word {i} is {head}; allowed is 0, of the root, or the place of "
                    f"another word, from 1 to {count}."
                )
        roots = [i for i, head in enumerate(self.heads, 1) if head == 0]
        if len(roots) != 1:
            raise ValueError(f"the roots are {roots}; allowed is one word whose head is 0.")
        named = [i for i, name in enumerate(self.relations, 1) if name.partition(":")[0] == "root"]
        if named != roots:
            raise ValueError(
                f"the words {named} have the relation 'root'; allowed is word {roots[0]} alone, "
                "whose head is 0."
            )
        for i in range(1, count + 1):
            path = []
            while i and i not in path:
                path.append(i)
                i = self.heads[i - 1]
            if i:
                circle = path[path.index(i) :]
                raise ValueError(
                    f"the words {circle} are each other's heads in a circle; allowed is a tree."
                )


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


def span_scores(
    gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]
) -> dict[str, float]:
    """Micro-averaged F1 (0 to 1) over exact spans: "f1", and "f1_PER" and so on for gold's types.

    gold, predicted: BIO tags of each sentence.  A prediction may be shorter than its sentence; the
    words it lacks are "O".  An "I" that continues nothing opens a span, as in the evaluation script
    of CoNLL-2000, so every sequence of tags stands for some spans.
    Raises ValueError when the sentences differ in number, a prediction is longer than its sentence
    or a tag is not of BIO.
    """
    # Rather than seqeval, which says the same, has had no release since 2020 and warns on stderr.
    from nervaluate import Evaluator

    if len(gold) != len(predicted):
        raise ValueError(
            f"predicted has {len(predicted)} sentences; allowed are as many sentences as gold has, "
            f"{len(gold)}."
        )
    filled = []
    for true, guessed in zip(gold, predicted, strict=True):
        if len(guessed) > len(true):
            raise ValueError(
                f"predicted has {len(guessed)} tags for a sentence; allowed are at most as many as "
                f"gold has, {len(true)}."
            )
        filled.append([*guessed, *["O"] * (len(true) - len(guessed))])
    tags = {tag for sentence in (*gold, *filled) for tag in sentence} - {"O"}
    for tag in tags:
        if tag[:2] not in ("B-", "I-") or not tag[2:]:
            raise ValueError(f"tag is {tag!r}; allowed are 'O', 'B-' or 'I-' and a type.")
    types = sorted({tag[2:] for tag in tags})
    if not types:
        return {"f1": 0.0}
    results = Evaluator([list(row) for row in gold], filled, types, loader="list").evaluate()
    scores = {name: by["strict"] for name, by in sorted(results["entities"].items())}
    return {"f1": float(results["overall"]["strict"].f1)} | {
        f"f1_{name}": float(by.f1) for name, by in scores.items() if by.possible
    }
