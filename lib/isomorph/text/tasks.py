"""Every set of labelled examples, by name: what task it is of, and its examples.

A controlled world makes them, they ship (`isomorph.text.shipped_tasks`), or the hub or a mirror has
them (`isomorph.text.hub_tasks`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from isomorph.text import entailment, grammar, hub_tasks, shipped_tasks
from isomorph.text.corpora import require
from isomorph.text.examples import (
    ENTITY_TAGS,
    ORDER,
    PAIR,
    PARTS_OF_SPEECH,
    PHRASES,
    QUESTION,
    SCORE,
    SPEECH,
    SPLITS,
    TAG,
    TREE,
    Examples,
    PairExample,
    QuestionExample,
    TaggedExample,
    TreeExample,
    universal_relation,
)
from isomorph.text.fetch import DataUnavailable, HubAway
from isomorph.text.grammar import Sentence
from isomorph.text.shipped import LANGUAGES
from isomorph.text.tables import require_count
from isomorph.text.worlds import BUCKETS_OF, World
from isomorph.text.worlds import LANGUAGES as WORLD_LANGUAGES

# Of a world's words, by their relation.
SPEECH_OF = {
    "acl": "VERB", "advmod": "ADV", "amod": "ADJ", "case": "ADP", "cc": "CCONJ", "conj": "VERB",
    "det": "DET", "flat": "PROPN", "nsubj": "NOUN", "obj": "NOUN", "obl": "NOUN", "punct": "PUNCT",
    "root": "VERB",
}  # fmt: skip

ENGLISH = ("en",)
CONTEXT = 3  # sentences that a question of a world is on
GAP = "?"
ASKED = ("nsubj", "obj")
PHRASE = ("det", "amod", "flat")  # what stands around a noun or name in its phrase


def world_examples(task: str, world: World, language: str, split: str, count: int) -> Examples:
    """The first ``count`` examples of a task of transfer of a split of a controlled world.

    No sentence, and of the pairs no hypothesis, is in two splits.  The sentences to train on are those
    that the language was pretrained on, so of its own topics.  Those of "dev" and "test", and all
    pairs, are of every topic alike.  Examples of "dev" and "test", and pairs, are translations of each
    other by position.  Nothing is left out: sentences without entities stay, and so does the full stop.
    """
    source = f"world {language} {split}"
    if task == PAIR:
        pairs = (
            PairExample(
                pair.premise.text(language),
                pair.hypothesis.text(language),
                pair.label,
                pair.premise.topic,
            )
            for pair in world.entailment_pairs(split, count)
        )
        return Examples(task, entailment.LABELS, tuple(pairs), source)
    relations = tuple(dict.fromkeys(map(universal_relation, grammar.RELATIONS)))
    names, make = {
        TAG: (ENTITY_TAGS, _entities_of),
        SPEECH: (PARTS_OF_SPEECH, _parts_of_speech_of),
        TREE: (relations, _tree_of),
    }[task]
    sentences = world.sentences(f"train_{language}" if split == "train" else split, count)
    return Examples(task, names, tuple(make(sentence, language) for sentence in sentences), source)


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


def world_questions(
    world: World, language: str, split: str, count: int | None = None, sentences: int = CONTEXT
) -> Examples:
    """The first ``count`` cloze questions, or all, of a split of a controlled world, one a context.

    A context is so many sentences of the split that follow each other.  The question is one of them
    with GAP in the place of a subject or object, and the answer is that noun phrase: determiner,
    adjective and noun, or name.  Questions that have two answers are left out: the phrase stands
    once in its context, and no other sentence there reads like the question.
    GAP is no word of a world, so a vocabulary learnt there reads it as the unknown word.
    """
    part = f"train_{language}" if split == "train" else split
    available = getattr(world, "training_sentences" if split == "train" else f"{split}_sentences")
    # Hardly a context has no question; of a world's texts, the shorter begin the longer.
    whole = isinstance(count, int) and not isinstance(count, bool) and count >= 1
    most = min(available, (count + count // 10 + 10) * sentences) if whole else available
    found = _cloze(world, language, part, most, sentences)
    if whole and len(found) < count and most < available:
        found = _cloze(world, language, part, available, sentences)
    source = f"questions world {language} {split}"
    if count is not None:
        require_count(count, len(found), source)
    return Examples(QUESTION, (), tuple(found[:count]), source)


def _cloze(
    world: World, language: str, part: str, count: int, context: int
) -> list[QuestionExample]:
    """The questions of the first ``count`` sentences, at most one a context."""
    sentences, found = world.sentences(part, count), []
    for first in range(0, count - context + 1, context):
        questions = list(_questions(sentences[first : first + context], language))
        if questions:
            # A stream of its own for each context, so that none depends on how many are drawn.
            rng = np.random.default_rng([world.seed, 8, BUCKETS_OF[part][0], first])
            found.append(questions[int(rng.random() * len(questions))])
    return found


def _questions(context: Sequence[Sentence], language: str) -> Iterator[QuestionExample]:
    """All questions on a context that have one answer."""
    texts = [sentence.tokens[language] for sentence in context]
    words = [word for tokens in texts for word in tokens]
    before = 0  # words of the sentences before this one
    for sentence, tokens in zip(context, texts, strict=True):
        for start, end in noun_phrases(sentence, language):
            left, answer, right = tokens[:start], tokens[start:end], tokens[end:]
            fitting = sum(_fits(other, left, right) for other in texts)
            if fitting == 1 and _occurrences(words, answer) == 1:
                place = sum(len(word) + 1 for word in words[: before + start])
                question = " ".join((*left, GAP, *right))
                yield QuestionExample(question, " ".join(words), place, (" ".join(answer),))
        before += len(tokens)


def noun_phrases(sentence: Sentence, language: str) -> list[tuple[int, int]]:
    """(start, end) of each subject and object, end exclusive; relative pronouns are none."""
    heads, relations = sentence.heads[language], sentence.relations[language]
    found = []
    for place, relation in enumerate(relations):
        if relation not in ASKED:
            continue
        if relation == "nsubj" and relations[heads[place]] == "acl:relcl":
            continue
        inner = [i for i, h in enumerate(heads) if h == place and relations[i] in PHRASE]
        found.append((min([place, *inner]), max([place, *inner]) + 1))
    return found


def _fits(tokens: Sequence[str], left: Sequence[str], right: Sequence[str]) -> bool:
    """Whether a sentence reads like the question, whatever stands in the gap."""
    if len(tokens) <= len(left) + len(right):
        return False
    return tokens[: len(left)] == left and tokens[len(tokens) - len(right) :] == right


def _occurrences(words: Sequence[str], phrase: Sequence[str]) -> int:
    size = len(phrase)
    return sum(tuple(words[i : i + size]) == phrase for i in range(len(words) - size + 1))


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


def _english(read: Callable[..., Examples], *of: str) -> Callable[..., Examples]:
    """A reader of a set that is of one language, and asks for none."""
    return lambda language, split, count: read(*of, split, count)


_RELATION, _TERMS = "tasks/passage_relation.parquet", "tasks/interface_terms.parquet"
_BIBLE, _HELP = "text/bible.parquet", "text/help.parquet"
_relation, _orders = shipped_tasks.passage_relation, shipped_tasks.passage_orders
SOURCES = {
    **{f"world_{kind}": Source(kind, kind, score, WORLD_LANGUAGES, partial(world_examples, kind))
       for kind, score in ((PAIR, "accuracy"), (TAG, "f1"), (TREE, "las"), (SPEECH, "accuracy"))},
    "world_questions": Source(QUESTION, "questions", "f1", WORLD_LANGUAGES, world_questions),
    "passage_relation": Source(PAIR, "passages", "accuracy", LANGUAGES,
                               partial(_relation, "bible"), (_BIBLE, _RELATION)),
    "passage_relation_help": Source(PAIR, "help_passages", "accuracy", LANGUAGES,
                                    partial(_relation, "help"), (_HELP, _RELATION)),
    "interface_terms": Source(TAG, "terms", "f1", LANGUAGES,
                              shipped_tasks.interface_terms, (_TERMS,)),
    "bible_order": Source(ORDER, "bible_order", "tau", LANGUAGES, partial(_orders, "bible"), (_BIBLE,)),
    "help_order": Source(ORDER, "help_order", "tau", LANGUAGES, partial(_orders, "help"), (_HELP,)),
    "phrases": Source(PHRASES, "phrases", "sentence_accuracy", ENGLISH,
                      _english(shipped_tasks.phrase_examples), ("tasks/paraphrases.parquet",)),
    **{source: Source(kind, name, score, LANGUAGES, partial(hub_tasks.hub_examples, source))
       for source, kind, name, score in (
           ("xnli", PAIR, "nli", "accuracy"), ("universal_dependencies", TREE, "parsing", "las"),
           ("parts_of_speech", SPEECH, "tags", "accuracy"), ("wikiann", TAG, "ner", "f1"))},
    **{name: Source(QUESTION, "questions", "f1", ENGLISH, _english(hub_tasks.hub_questions, name))
       for name in hub_tasks.QUESTIONS},
    **{name: Source(ORDER, name, "tau", ENGLISH, _english(hub_tasks.story_orders, name))
       for name in hub_tasks.STORIES},
    **{name: Source(kind, name, score, ENGLISH, _english(hub_tasks.benchmark_examples, name))
       for name, kind, score in (
           ("rte", PAIR, "accuracy"), ("mrpc", PAIR, "f1"), ("stsb", SCORE, "spearman"),
           ("cola", PAIR, "matthews"), ("sst2", PAIR, "accuracy"))},
}  # fmt: skip


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
    require("split", split, SPLITS)
    if own.of_world != (world is not None):
        needed = "a world is needed" if own.of_world else "it is made from no world"
        raise ValueError(f"source is {source!r}; {needed}.")
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
