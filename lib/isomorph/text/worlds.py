"""Controlled bilingual worlds: two languages of which the whole truth is known.

Both languages say the same kind of things, drawn from one probabilistic grammar; a world's dials
decide how alike they are in words, in word order and in what they talk about.  Every sentence
comes with its translation, word alignment, dependency trees and entity spans, and entailment
pairs can be drawn, so that the three tasks of Conneau et al. (ACL 2020, section 3.2), inference,
entity recognition and parsing, exist exactly in both languages; and so do questions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from isomorph.config import Config
from isomorph.text import entailment
from isomorph.text import examples as kinds
from isomorph.text.corpora import Corpus
from isomorph.text.examples import Examples, require, require_count, universal_relation
from isomorph.text.grammar import (
    ORDERS,
    SLOTS,
    Batch,
    Sentence,
    gold,
    render,
    sample,
    spelling_hash,
)
from isomorph.text.lexicon import Lexicon, build_lexicon, group_count

LANGUAGES = ("a", "b")
SPLITS = ("train_a", "train_b", "dev", "test")
# Each distinct sentence belongs to one split by its hash: so no sentence and its translation are both
# seen, unless the world is parallel, and nothing held out is.  The training texts take most of the 32
# buckets.
BUCKETS = 32
BUCKETS_OF = {"dev": (0, 1), "test": (1, 2), "train_a": (2, 17), "train_b": (17, 32)}
DRAWN_AT_ONCE = 10_000  # bounds memory; part of the definition of the text, like the seed
MOST_PAIRS = 10_000_000  # of entailment; there is no end of them

RELATIONS = tuple(dict.fromkeys(universal_relation(slot.relation) for slot in SLOTS))
CONTEXT = 3  # sentences that a question is on
GAP = "?"
PHRASE = ("det", "amod", "flat")  # what stands around a noun or name in its phrase
# Below 64 words there are fewer groups of nouns than the default topics; the syllables give some
# 9,000 distinct words for both languages.
Lexemes = Annotated[int, Field(ge=64, le=2000)]
Share = Annotated[float, Field(ge=0, le=1)]
Dial = Annotated[float, Field(ge=0, le=5)]
HeldOut = Annotated[int, Field(ge=1, le=100_000)]


class World(Config):
    """A pair of languages, "a" and "b".  Equal worlds give identical text on every machine.

    Raises pydantic.ValidationError (a ValueError) for an impossible value.
    """

    lexemes: Lexemes = 120  # words of "a": few enough that a small model learns each in a minute
    zipf_exponent: Dial = 0.7  # flatter than text (about 1), so that rare words are learnt too
    selectional_sharpness: Dial = 3.0  # 0: words combine freely; 3: a verb takes some eight nouns
    anchors: Share = 0.0  # of words spelt alike in both; 0 isolates structure from strings
    order: Literal[ORDERS] = "same"  # word order of "b"
    # Enough to split evenly between the languages, each with ten nouns or so.
    topics: int = Field(default=4, ge=2, le=1000)
    topic_overlap: Share = 1.0  # 1: same topic mixture; 0: no topic in common
    parallel: bool = False  # "b" is trained on the translations of what "a" is
    ambiguity: Share = 0.0  # of nouns, verbs and adjectives of "a" with two translations
    # Of each language: half a million tokens.
    training_sentences: int = Field(default=50_000, ge=1, le=10_000_000)
    dev_sentences: HeldOut = 200  # parallel, for perplexity
    test_sentences: HeldOut = 1000  # parallel: a retrieval among this many, as on real text
    # Of entailment pairs: "free", or "matched" so that the premise alone tells nothing of the label.
    premises: Literal["free", "matched"] = "free"
    # Decides words, preferences and text; each from a stream of its own.
    seed: int = Field(default=0, ge=0, lt=2**32)

    @model_validator(mode="after")
    def _groups_for_topics(self) -> World:
        if self.topics > (most := group_count(self.lexemes)):
            raise ValueError(
                f"topics is {self.topics}; with {self.lexemes} lexemes at most {most} are allowed, "
                "one for each group of nouns."
            )
        if self.parallel and self.topic_overlap < 1:
            raise ValueError(
                "parallel is True, which needs topic_overlap to be 1: one text, one mixture."
            )
        return self

    def lexicon(self) -> Lexicon:
        """The words, the gold dictionary (``.pairs()``) and all preferences of this world."""
        return build_lexicon(self)

    def topic_mixture(self, language: str) -> np.ndarray:
        """(topics,) probability of each topic in a language's training text.

        Uniform, moved towards the first half of the topics for "a" and the second for "b" by
        1 - topic_overlap.  Held-out sentences are always drawn from all topics alike.
        """
        # With an odd number of topics the middle one is shared out between the two languages.
        share_a = np.clip(self.topics / 2 - np.arange(self.topics), 0, 1)
        share = share_a if language == "a" else 1 - share_a
        own = share / share.sum()
        return self.topic_overlap / self.topics + (1 - self.topic_overlap) * own

    def corpus(self) -> Corpus:
        """Training text of both languages, held-out parallel text and the gold dictionary.

        Sentences are short and unrelated.  Give a model one a row, each from position 0, as Dufter
        and Schütze (2020) do: shared positions then help to bring the languages together.
        The dictionary lists every word, anchors included, half of the words of "a" in "train" and
        half in "test".  The text of fewer training sentences is the beginning of the text of more.
        """
        lexicon, orders = self.lexicon(), {"a": "same", "b": self.order}
        drawn = {split: self._draw(split) for split in SPLITS}

        def texts(split: str) -> dict[str, list[str]]:
            return {
                language: render(drawn[split.format(language)], lexicon, language, order)
                for language, order in orders.items()
            }

        shuffled = np.argsort(np.random.default_rng([self.seed, 6]).random(self.lexemes))
        in_test = np.isin(lexicon.word_ids[: lexicon.full_stop], shuffled[: self.lexemes // 2])
        dictionary: dict[str, list[tuple[str, str]]] = {"train": [], "test": []}
        for pair, test in zip(lexicon.pairs(), in_test, strict=True):
            dictionary["test" if test else "train"].append(pair)
        splits = map(texts, ("train_{}", "dev", "test"))
        return Corpus(LANGUAGES, *splits, dictionary, checksum="")

    def sentences(self, split: str, count: int | None = None) -> list[Sentence]:
        """Gold records of the first ``count`` sentences of a split, in the order of ``corpus()``.

        split: "train_a", "train_b" (the training text of that language), "dev" or "test".
        """
        require("split", split, SPLITS)
        count = self.size(split) if count is None else count
        require_count(count, self.size(split), repr(split))
        return gold(self._draw(split, count), self.lexicon(), self.order)

    def entailment_pairs(self, split: str, count: int) -> list[entailment.Pair]:
        """``count`` inference pairs, their labels in turn, so that the classes are balanced.

        split: "train", "dev" or "test"; no hypothesis is in two of them.  Their premises are made as
        the field `premises` says, see `isomorph.text.entailment`.
        """
        require("split", split, tuple(entailment.BUCKETS_OF))
        require_count(count, MOST_PAIRS, f"entailment {split}")
        return entailment.draw_pairs(self, split, count)

    def size(self, split: str) -> int:
        held_out = {"dev": self.dev_sentences, "test": self.test_sentences}
        return held_out.get(split, self.training_sentences)

    def _draw(self, split: str, count: int | None = None) -> Batch:
        """The first ``count`` sentences of a split; held-out ones are distinct."""
        split = "train_a" if self.parallel and split == "train_b" else split
        low, high = BUCKETS_OF[split]
        count = self.size(split) if count is None else count
        training = split.startswith("train")
        uniform = np.full(self.topics, 1 / self.topics)
        mixture = self.topic_mixture(split[-1]) if training else uniform
        lexicon, rng = self.lexicon(), np.random.default_rng([self.seed, 5, low])
        batches, seen = [], np.empty(0, dtype=np.uint64)
        while (missing := count - sum(map(len, batches))) > 0:
            batch = sample(lexicon, mixture, DRAWN_AT_ONCE, rng)
            spelling = spelling_hash(batch, lexicon)
            kept = np.flatnonzero(np.isin(spelling % BUCKETS, np.arange(low, high)))
            if not training:
                # Told apart by their spelling in "a": two with the same would be one query.
                _, first = np.unique(spelling[kept], return_index=True)
                kept = kept[np.sort(first)]
                kept = kept[~np.isin(spelling[kept], seen)]
                seen = np.append(seen, spelling[kept])
            batches.append(batch[kept[:missing]])
        columns = ([batch.rows for batch in batches], [batch.topics for batch in batches])
        return Batch(*map(np.concatenate, columns))


def world_examples(task: str, world: World, language: str, split: str, count: int) -> Examples:
    """The first ``count`` examples of a task of transfer of a split of a controlled world.

    No sentence, and of the pairs no hypothesis, is in two splits.  The sentences to train on are those
    that the language was pretrained on, so of its own topics.  Those of "dev" and "test", and all
    pairs, are of every topic alike.  Examples of "dev" and "test", and pairs, are translations of each
    other by position.  Nothing is left out: sentences without entities stay, and so does the full stop.
    """
    if task == kinds.PAIR:
        names, pairs = kinds.LABELS, world.entailment_pairs(split, count)
        items = [
            kinds.PairExample(
                p.premise.text(language), p.hypothesis.text(language), p.label, p.premise.topic
            )
            for p in pairs
        ]
    else:
        names = {
            kinds.TAG: kinds.ENTITY_TAGS,
            kinds.SPEECH: kinds.PARTS_OF_SPEECH,
            kinds.TREE: RELATIONS,
        }[task]
        sentences = world.sentences(_part(split, language), count)
        items = [_example(task, sentence, language) for sentence in sentences]
    return Examples(task, names, tuple(items), f"world {language} {split}")


def _part(split: str, language: str) -> str:
    return f"train_{language}" if split == "train" else split


def _example(task: str, sentence: Sentence, language: str):
    words = sentence.tokens[language]
    if task == kinds.TREE:
        heads = tuple(head + 1 for head in sentence.heads[language])
        relations = tuple(map(universal_relation, sentence.relations[language]))
        return kinds.TreeExample(words, heads, relations, sentence.topic)
    if task == kinds.SPEECH:
        return kinds.TaggedExample(words, sentence.speech[language], sentence.topic)
    tags = ["O"] * len(words)
    for start, end, kind in sentence.entities[language]:
        tags[start:end] = [f"B-{kind}", *[f"I-{kind}"] * (end - start - 1)]
    return kinds.TaggedExample(words, tuple(tags), sentence.topic)


def world_questions(world: World, language: str, split: str, count: int | None = None) -> Examples:
    """The first ``count`` cloze questions, or all, of a split of a controlled world, one a context.

    A context is CONTEXT sentences of the split that follow each other.  The question is one of them
    with GAP in the place of a subject or object, and the answer is that noun phrase: determiner,
    adjective and noun, or name.  Questions that have two answers are left out: the phrase stands
    once in its context, and no other sentence there reads like the question.
    GAP is no word of a world, so a vocabulary learnt there reads it as the unknown word.
    """
    part = _part(split, language)
    available = world.size(part)
    # Hardly a context has no question; of a world's texts, the shorter begin the longer.
    whole = isinstance(count, int) and not isinstance(count, bool) and count >= 1
    most = min(available, (count + count // 10 + 10) * CONTEXT) if whole else available
    items = _cloze(world, language, part, most)
    if whole and len(items) < count and most < available:
        items = _cloze(world, language, part, available)
    source = f"questions world {language} {split}"
    if count is not None:
        require_count(count, len(items), source)
    return Examples(kinds.QUESTION, (), tuple(items[:count]), source)


def _cloze(world: World, language: str, part: str, count: int) -> list[kinds.QuestionExample]:
    """The questions of the first ``count`` sentences, at most one a context."""
    sentences, chosen = world.sentences(part, count), []
    for first in range(0, count - CONTEXT + 1, CONTEXT):
        questions = list(_questions(sentences[first : first + CONTEXT], language))
        if questions:
            # A stream of its own for each context, so that none depends on how many are drawn.
            rng = np.random.default_rng([world.seed, 8, BUCKETS_OF[part][0], first])
            chosen.append(questions[int(rng.random() * len(questions))])
    return chosen


def _questions(context: Sequence[Sentence], language: str) -> Iterator[kinds.QuestionExample]:
    """All questions on a context that have one answer."""
    texts = [sentence.tokens[language] for sentence in context]
    words = [word for tokens in texts for word in tokens]
    before = 0  # words of the sentences before this one
    for sentence, tokens in zip(context, texts, strict=True):
        for start, end in noun_phrases(sentence, language):
            left, answer, right = tokens[:start], tokens[start:end], tokens[end:]
            # How many sentences read like the question, whatever stands in the gap.
            fitting = sum(
                len(other) > len(left) + len(right)
                and other[: len(left)] == left
                and other[len(other) - len(right) :] == right
                for other in texts
            )
            size = end - start
            answers = sum(tuple(words[i : i + size]) == answer for i in range(len(words)))
            if fitting == answers == 1:
                place = sum(len(word) + 1 for word in words[: before + start])
                question = " ".join((*left, GAP, *right))
                yield kinds.QuestionExample(question, " ".join(words), place, (" ".join(answer),))
        before += len(tokens)


def noun_phrases(sentence: Sentence, language: str) -> list[tuple[int, int]]:
    """(start, end) of each subject and object, end exclusive; relative pronouns are none."""
    heads, relations = sentence.heads[language], sentence.relations[language]
    spans = []
    for place, relation in enumerate(relations):
        if relation in ("nsubj", "obj") and sentence.speech[language][place] != "PRON":
            inner = [i for i, h in enumerate(heads) if h == place and relations[i] in PHRASE]
            spans.append((min([place, *inner]), max([place, *inner]) + 1))
    return spans
