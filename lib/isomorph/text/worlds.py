"""Controlled bilingual worlds: two languages of which the whole truth is known.

Both languages say the same kind of things, drawn from one probabilistic grammar; a world's dials
decide how alike they are in words, in word order and in what they talk about.  Every sentence
comes with its translation, word alignment, dependency trees and entity spans, and entailment
pairs can be drawn, so that the three tasks of Conneau et al. (ACL 2020, section 3.2), inference,
entity recognition and parsing, exist exactly in both languages.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from isomorph.config import Config
from isomorph.text import entailment
from isomorph.text.corpora import Corpus, require
from isomorph.text.grammar import ORDERS, Batch, Sentence, gold, render, sample, spelling_hash
from isomorph.text.lexicon import Lexicon, build_lexicon, group_count
from isomorph.text.tables import require_count

LANGUAGES = ("a", "b")
SPLITS = ("train_a", "train_b", "dev", "test")
# Each distinct sentence belongs to one split by its hash: so no sentence and its translation are
# both seen, and nothing held out is.  The training texts take most of the 32 buckets.
BUCKETS = 32
BUCKETS_OF = {"dev": (0, 1), "test": (1, 2), "train_a": (2, 17), "train_b": (17, 32)}
DRAWN_AT_ONCE = 10_000  # bounds memory; part of the definition of the text, like the seed
# What the lexicon depends on.
DIALS = (
    *("lexemes", "zipf_exponent", "selectional_sharpness", "anchors", "ambiguity", "topics"),
    "seed",
)
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
        return self

    def lexicon(self) -> Lexicon:
        """The words, the gold dictionary (``.pairs()``) and all preferences of this world."""
        return build_lexicon(**{name: getattr(self, name) for name in DIALS})

    def topic_mixture(self, language: str) -> np.ndarray:
        """(topics,) probability of each topic in a language's training text.

        Uniform, moved towards the first half of the topics for "a" and the second for "b" by
        1 - topic_overlap.  Held-out sentences are always drawn from all topics alike.
        """
        topic = np.arange(self.topics)
        # With an odd number of topics the middle one is shared out between the two languages.
        share_a = np.clip(self.topics / 2 - topic, 0, 1)
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

        def texts(batch: Batch, language: str) -> list[str]:
            return render(batch, lexicon, language, orders[language])

        train = {
            language: texts(self._draw(f"train_{language}"), language) for language in LANGUAGES
        }
        dev, test = (
            {language: texts(batch, language) for language in LANGUAGES}
            for batch in map(self._draw, ("dev", "test"))
        )
        return Corpus(LANGUAGES, train, dev, test, self._dictionary(lexicon), checksum="")

    def sentences(self, split: str, count: int | None = None) -> list[Sentence]:
        """Gold records of the first ``count`` sentences of a split, in the order of ``corpus()``.

        split: "train_a", "train_b" (the training text of that language), "dev" or "test".
        """
        require("split", split, SPLITS)
        available = self._size(split)
        count = available if count is None else count
        require_count(count, available, repr(split))
        return gold(self._draw(split, count), self.lexicon(), self.order)

    def entailment_pairs(self, split: str, count: int) -> list[entailment.Pair]:
        """``count`` inference pairs, their labels in turn, so that the classes are balanced.

        split: "train", "dev" or "test"; no hypothesis is in two of them.  Their premises are made as
        the field `premises` says, see `isomorph.text.entailment`.
        """
        return entailment.draw_pairs(
            self.lexicon(), order=self.order, topics=self.topics, split=split, count=count,
            seed=self.seed, premises=self.premises,
        )  # fmt: skip

    def _size(self, split: str) -> int:
        held_out = {"dev": self.dev_sentences, "test": self.test_sentences}
        return held_out.get(split, self.training_sentences)

    def _draw(self, split: str, count: int | None = None) -> Batch:
        """The first ``count`` sentences of a split; held-out ones are distinct."""
        low, high = BUCKETS_OF[split]
        count = self._size(split) if count is None else count
        uniform = np.full(self.topics, 1 / self.topics)
        mixture = self.topic_mixture(split[-1]) if split.startswith("train") else uniform
        lexicon, rng = self.lexicon(), np.random.default_rng([self.seed, 5, low])
        rows, topics, found, seen = [], [], 0, set()
        while found < count:
            batch = sample(lexicon, mixture, DRAWN_AT_ONCE, rng)
            spelling = spelling_hash(batch, lexicon)
            kept = np.isin(spelling % BUCKETS, np.arange(low, high))
            if not split.startswith("train"):
                # Told apart by their spelling in "a": two with the same would be one query.
                kept &= _first_seen(spelling, kept, seen)
            kept = np.flatnonzero(kept)[: count - found]
            rows.append(batch.rows[kept])
            topics.append(batch.topics[kept])
            found += len(kept)
        return Batch(np.concatenate(rows), np.concatenate(topics))

    def _dictionary(self, lexicon: Lexicon) -> dict[str, list[tuple[str, str]]]:
        words = lexicon.word_ids[: lexicon.full_stop]
        shuffled = np.argsort(np.random.default_rng([self.seed, 6]).random(self.lexemes))
        in_test = np.isin(words, shuffled[: self.lexemes // 2])
        pairs = lexicon.pairs()
        return {
            "train": [pair for pair, test in zip(pairs, in_test, strict=True) if not test],
            "test": [pair for pair, test in zip(pairs, in_test, strict=True) if test],
        }


def _first_seen(spelling: np.ndarray, kept: np.ndarray, seen: set[int]) -> np.ndarray:
    """(n,) bool: the first of each distinct kept hash that is not in ``seen``, which it fills."""
    first = np.zeros(len(spelling), dtype=bool)
    for i in np.flatnonzero(kept):
        if (key := int(spelling[i])) not in seen:
            seen.add(key)
            first[i] = True
    return first
