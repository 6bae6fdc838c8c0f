"""Labelled examples of the four transfer tasks, in one form wherever they come from.

Conneau, Wu et al. (ACL 2020, section 3.2) tune on English and test on another language: natural
language inference, named entity recognition and dependency parsing.  Parts of speech, which XTREME
(Hu et al. ICML 2020) adds, are easier.  Controlled worlds have all four by construction.  The shipped text has two tasks of the same shapes.  The hub has the
papers' own: XNLI, WikiANN and Universal Dependencies.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from isomorph.text import entailment, grammar, hub, judged, shipped_tasks
from isomorph.text.corpora import require
from isomorph.text.worlds import LANGUAGES, World

PAIR, TAG, TREE, SPEECH = "nli", "ner", "parsing", "tags"
SCORE = "similarity"  # no task of transfer: isomorph.text.benchmarks
TASKS = (PAIR, TAG, TREE, SPEECH)
ORDER = "ordering"  # no task of transfer: isomorph.text.ordering, isomorph.models.ordering
QUESTION = "questions"  # no task of transfer: isomorph.text.questions, isomorph.models.spans
PHRASES = "phrases"  # no task of transfer: isomorph.text.phrases, isomorph.models.spans
SPLITS = ("train", "dev", "test")

# WikiANN's order; the worlds have the same types.
ENTITY_TAGS = ("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC")
PARTS_OF_SPEECH = tuple(name for name in hub.PARTS_OF_SPEECH if name != "_")
# The 37 of Universal Dependencies v2 (de Marneffe et al. 2021, Table 2).
UNIVERSAL_RELATIONS = (
    *("acl", "advcl", "advmod", "amod", "appos", "aux", "case", "cc", "ccomp", "clf", "compound"),
    *("conj", "cop", "csubj", "dep", "det", "discourse", "dislocated", "expl", "fixed", "flat"),
    *("goeswith", "iobj", "list", "mark", "nmod", "nsubj", "nummod", "obj", "obl", "orphan"),
    *("parataxis", "punct", "reparandum", "root", "vocative", "xcomp"),
)

# Of a world's words, by their relation.
SPEECH_OF = {
    "acl": "VERB", "advmod": "ADV", "amod": "ADJ", "case": "ADP", "cc": "CCONJ", "conj": "VERB",
    "det": "DET", "flat": "PROPN", "nsubj": "NOUN", "obj": "NOUN", "obl": "NOUN", "punct": "PUNCT",
    "root": "VERB",
}  # fmt: skip

SHIPPED = {"passage_relation": PAIR, "passage_relation_help": PAIR, "interface_terms": TAG}


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
        judged.score(vars(self), "score")


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

    Raises ValueError unless there are as many of each, and they are a tree (`judged.tree`).
    """

    words: tuple[str, ...]
    heads: tuple[int, ...]
    """0 for the root of the sentence, else the head's position, counted from 1."""
    relations: tuple[str, ...]
    topic: int | None = None

    def __post_init__(self):
        _one_each(self.words, heads=self.heads, relations=self.relations)
        judged.tree(self.heads, self.relations)


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


@dataclass(frozen=True)
class Examples:
    """Examples of one task and the answers that are possible."""

    task: str
    """One of TASKS, SCORE, ORDER, QUESTION or PHRASES."""
    names: tuple[str, ...]
    """Labels, tags or relations, in a fixed order that is the same for every language and split."""
    items: (
        tuple[PairExample, ...]
        | tuple[TaggedExample, ...]
        | tuple[TreeExample, ...]
        | tuple[ScoredExample, ...]
        | tuple[OrderExample, ...]
        | tuple[QuestionExample, ...]
        | tuple[PhraseExample, ...]
    )
    source: str
    """Where they come from and which split, to be kept with results: "wikiann fr validation"."""


def world_examples(world: World, task: str, language: str, split: str, count: int) -> Examples:
    """The first ``count`` examples of a split of a controlled world.

    task: "nli", "ner", "parsing" or "tags".  language: "a" or "b".  split: "train", "dev" or "test"; no
    sentence, and of the pairs no hypothesis, is in two of them.  The sentences to train on are
    those that the language was pretrained on, so of its own topics.  Those of "dev" and "test",
    and all pairs, are of every topic alike.  Examples of "dev" and "test", and pairs, are
    translations of each other by position.
    Nothing is left out: sentences without entities stay, and so does the full stop.
    Raises ValueError for anything else, or more sentences than the world has.
    """
    require("task", task, TASKS)
    require("language", language, LANGUAGES)
    require("split", split, SPLITS)
    source = f"world {language} {split}"
    if task == PAIR:
        pairs = tuple(
            PairExample(
                pair.premise.text(language),
                pair.hypothesis.text(language),
                pair.label,
                pair.premise.topic,
            )
            for pair in world.entailment_pairs(split, count)
        )
        return Examples(task, entailment.LABELS, pairs, source)
    part = f"train_{language}" if split == "train" else split
    sentences = world.sentences(part, count)
    if task == TAG:
        tagged = tuple(_entities_of(sentence, language) for sentence in sentences)
        return Examples(task, ENTITY_TAGS, tagged, source)
    if task == SPEECH:
        spoken = tuple(_parts_of_speech_of(sentence, language) for sentence in sentences)
        return Examples(task, PARTS_OF_SPEECH, spoken, source)
    names = tuple(dict.fromkeys(map(universal_relation, grammar.RELATIONS)))
    trees = tuple(_tree_of(sentence, language) for sentence in sentences)
    return Examples(task, names, trees, source)


def shipped_examples(name: str, language: str, split: str, count: int | None = None) -> Examples:
    """Examples of a task that comes with Isomorph (isomorph.text.shipped_tasks).

    name: "passage_relation" (of the Bible), "passage_relation_help" or "interface_terms".
    split: "train", "dev" or "test".
    count: how many to take; they are chosen at random, the same rows in every language, and fewer
    are among more.  None takes all.
    Raises ValueError for anything else or more than there are.
    """
    require("name", name, tuple(SHIPPED))
    source = f"{name} {language} {split}"
    if SHIPPED[name] == TAG:
        rows = shipped_tasks.load_interface_terms(language, split)
        return Examples(
            TAG,
            shipped_tasks.TAGS,
            tagged_in(rows, "tags", shipped_tasks.TAGS, count, source),
            source,
        )
    domain = "help" if name.endswith("_help") else "bible"
    rows = shipped_tasks.load_passage_relation(language, split, domain)
    names = shipped_tasks.RELATIONS
    return Examples(PAIR, names, pairs_in(rows, "text_a", "text_b", names, count, source), source)


def universal_relation(relation: str) -> str:
    """A relation without its subtype: "acl:relcl" is "acl".

    Raises ValueError when it is none of Universal Dependencies v2.
    """
    name = relation.partition(":")[0]
    require("relation", name, UNIVERSAL_RELATIONS)
    return name


def _entities_of(sentence: grammar.Sentence, language: str) -> TaggedExample:
    words = sentence.tokens[language]
    tags = ["O"] * len(words)
    for start, end, kind in sentence.entities[language]:
        tags[start:end] = [f"B-{kind}", *[f"I-{kind}"] * (end - start - 1)]
    return TaggedExample(words, tuple(tags), sentence.topic)


def _parts_of_speech_of(sentence: grammar.Sentence, language: str) -> TaggedExample:
    """They follow from each word's relation, since the words of a slot are of one kind."""
    words, heads = sentence.tokens[language], sentence.heads[language]
    relations = tuple(map(universal_relation, sentence.relations[language]))
    tags = [SPEECH_OF[relation] for relation in relations]
    for start, end, _ in sentence.entities[language]:
        tags[start:end] = ["PROPN"] * (end - start)
    for place, (head, relation) in enumerate(zip(heads, relations, strict=True)):
        if relation == "nsubj" and relations[head] == "acl":  # "that" of a relative clause
            tags[place] = "PRON"
    return TaggedExample(words, tuple(tags), sentence.topic)


def _tree_of(sentence: grammar.Sentence, language: str) -> TreeExample:
    heads = tuple(head + 1 for head in sentence.heads[language])
    relations = tuple(map(universal_relation, sentence.relations[language]))
    return TreeExample(sentence.tokens[language], heads, relations, sentence.topic)


def pairs_in(rows, first: str, second: str, names, count, source, where=None):
    """Labelled pairs of a table; see `isomorph.text.judged` for what is judged and where it is."""
    where = where or source
    own = judged.declared(rows, "label", names, where)

    def made(row: dict) -> PairExample:
        return PairExample(
            *(judged.text(row, c) for c in (first, second)), judged.label(row, "label", own)
        )

    places = judged.places_of(rows, count, source)
    return judged.examples_of(rows, (first, second, "label"), made, where, places)


def tagged_in(rows, column: str, names, count, source, where=None):
    """Tagged sentences of a table; as `pairs_in`."""
    where = where or source
    own = judged.declared(rows, column, names, where)

    def made(row: dict) -> TaggedExample:
        words = judged.texts(row, "tokens")
        return TaggedExample(words, judged.labels(row, column, own, len(words)))

    places = judged.places_of(rows, count, source)
    return judged.examples_of(rows, ("tokens", column), made, where, places)
