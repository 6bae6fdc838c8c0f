"""What labelled examples are, wherever they come from (`isomorph.text.tasks` gives them).

Conneau, Wu et al. (ACL 2020, section 3.2) tune on English and test on another language: natural
language inference, named entity recognition and dependency parsing; XTREME (Hu et al. ICML 2020) adds
parts of speech.  The other kinds are no tasks of transfer.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from isomorph.text.corpora import require
from isomorph.text.tables import score, tree

PAIR, TAG, TREE, SPEECH = "nli", "ner", "parsing", "tags"
TASKS = (PAIR, TAG, TREE, SPEECH)  # of transfer
SCORE, ORDER, QUESTION, PHRASES = "similarity", "ordering", "questions", "phrases"
SPLITS = ("train", "dev", "test")

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
    second: str | None
    """None where one text alone has the label."""
    label: str
    topic: int | None = None
    """The topic it was drawn from; only worlds know."""


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
    """Words and a tag for each: of entities in BIO, or its part of speech.

    Raises ValueError unless there are as many tags as words.
    """

    words: tuple[str, ...]
    tags: tuple[str, ...]
    topic: int | None = None

    def __post_init__(self):
        _one_each(self.words, tags=self.tags)


@dataclass(frozen=True)
class TreeExample:
    """Words with the position of each one's head and the relation to it.

    Raises ValueError unless there are as many of each, and they are a tree (`tables.tree`).
    """

    words: tuple[str, ...]
    heads: tuple[int, ...]
    """0 for the root of the sentence, else the head's position, counted from 1."""
    relations: tuple[str, ...]
    topic: int | None = None

    def __post_init__(self):
        _one_each(self.words, heads=self.heads, relations=self.relations)
        tree(self.heads, self.relations)


def _one_each(words: Sequence[str], **given: Sequence) -> None:
    for name, values in given.items():
        if len(values) != len(words):
            raise ValueError(
                f"{name} is {values!r}; allowed is one for each of {len(words)} words."
            )


@dataclass(frozen=True)
class OrderExample:
    """Sentences of a text out of order. Raises ValueError unless order has each place once."""

    sentences: tuple[str, ...]
    """Two at least."""
    order: tuple[int, ...]
    """The true place of each sentence, from 0."""

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
    start: int
    """Where answers[0] begins in the context, in characters from 0."""
    answers: tuple[str, ...]
    """All that are accepted."""

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
    spans: tuple[tuple[Span, Span, bool], ...]
    """A phrase of the first text, one of the second, and True where they are paraphrases."""

    def __post_init__(self):
        for *sides, _ in self.spans:
            for side, (start, end) in zip(("first", "second"), sides, strict=True):
                count = len(getattr(self, side))
                if not 0 <= start < end <= count:
                    raise ValueError(
                        f"spans has {(start, end)} for the {side} text; allowed is a start below "
                        f"its end, both from 0 to {count}."
                    )


Example = (
    PairExample | ScoredExample | TaggedExample | TreeExample | OrderExample | QuestionExample
    | PhraseExample
)  # fmt: skip


@dataclass(frozen=True)
class Examples:
    """Examples of one task and the answers that are possible."""

    task: str
    """PAIR, TAG and so on."""
    names: tuple[str, ...]
    """Labels, tags or relations, in a fixed order that is the same for every language and split."""
    items: tuple[Example, ...]
    source: str
    """Where they come from and which split, to be kept with results: "wikiann fr validation"."""


def universal_relation(relation: str) -> str:
    """A relation without its subtype: "acl:relcl" is "acl".

    Raises ValueError when it is none of Universal Dependencies v2.
    """
    name = relation.partition(":")[0]
    require("relation", name, UNIVERSAL_RELATIONS)
    return name


def span_scores(
    gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]
) -> dict[str, float]:
    """Micro-averaged F1 (0 to 1) over exact spans: same first token, same last, same type.

    gold, predicted: BIO tags of each sentence.  A prediction may be shorter than its sentence; the
    words it lacks are "O".  An "I" that continues nothing opens a span, as in the evaluation script
    of CoNLL-2000, so every sequence of tags stands for some spans.
    Returns "f1" over all spans, and "f1_PER" and so on for each type that gold has.  0.0 where
    nothing is right.
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
    types = {_type_of(tag) for tags in (*gold, *filled) for tag in tags} - {None}
    found = Evaluator([list(tags) for tags in gold], filled, sorted(types), loader="list")
    results = found.evaluate() if gold else {"overall": {}, "entities": {}}
    strict = {name: by["strict"] for name, by in sorted(results["entities"].items())}
    scores = {"f1": float(results["overall"]["strict"].f1) if strict else 0.0}
    return scores | {f"f1_{name}": float(by.f1) for name, by in strict.items() if by.possible}


def _type_of(tag: str) -> str | None:
    if tag == "O":
        return None
    mark, _, name = tag.partition("-")
    if mark not in ("B", "I") or not name:
        raise ValueError(f"tag is {tag!r}; allowed are 'O', 'B-' or 'I-' and a type.")
    return name
