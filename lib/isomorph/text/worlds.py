"""Controlled bilingual worlds: two languages of which the whole truth is known.

Both languages say the same kind of things, drawn from one probabilistic grammar; a world's dials
decide how alike they are in words, in word order and in what they talk about.  Every sentence
comes with its translation, word alignment, dependency trees and entity spans, and entailment
pairs can be drawn, so that the three tasks of Conneau et al. (ACL 2020, section 3.2), inference,
entity recognition and parsing, exist exactly in both languages.
"""

from functools import lru_cache
from typing import Any, Literal

import numpy as np
from pydantic import model_validator

from isomorph.config import Config
from isomorph.text import entailment
from isomorph.text.corpora import Corpus
from isomorph.text.grammar import ORDERS, Batch, Sentence, gold, render, sample, spelling_hash
from isomorph.text.lexicon import Lexicon, build_lexicon, group_count

LANGUAGES = ("a", "b")
SPLITS = ("train_a", "train_b", "dev", "test")
# Each distinct sentence belongs to one split by its hash: so no sentence and its translation are
# both seen, and nothing held out is.  The training texts take most of the 32 buckets.
BUCKETS = 32
BUCKETS_OF = {"dev": (0, 1), "test": (1, 2), "train_a": (2, 17), "train_b": (17, 32)}
DRAWN_AT_ONCE = 10_000  # bounds memory; part of the definition of the text, like the seed
SMALLEST_LEXICON = 64  # below this there are fewer groups of nouns than the default topics
LARGEST_LEXICON = 2000  # the syllables give some 9,000 distinct words for both languages


class World(Config):
    """A pair of languages, "a" and "b".  Equal worlds give identical text on every machine.

    Raises pydantic.ValidationError (a ValueError) with one sentence for an impossible value.
    """

    lexemes: int = 120  # words of "a": few enough that a small model learns each within a minute
    zipf_exponent: float = 0.7  # flatter than text (about 1), so that rare words are learnt too
    selectional_sharpness: float = 3.0  # 0: words combine freely; 3: a verb takes some eight nouns
    anchors: float = 0.0  # share of words spelt alike in both; 0 isolates structure from strings
    order: Literal[ORDERS] = "same"  # word order of "b"
    topics: int = 4  # enough to split evenly between the languages, each with ten nouns or so
    topic_overlap: float = 1.0  # 1: same topic mixture; 0: no topic in common
    ambiguity: float = 0.0  # share of nouns, verbs and adjectives of "a" with two translations
    training_sentences: int = 50_000  # of each language: half a million tokens
    dev_sentences: int = 200  # held-out parallel sentences, for perplexity
    test_sentences: int = (
        1000  # held-out parallel sentences: a retrieval among this many, as on real text
    )
    # Of entailment pairs: "free", or "matched" so that the premise alone tells nothing of the label.
    premises: Literal["free", "matched"] = "free"
    seed: int = 0  # decides words, preferences and text; each from a stream of its own

    @model_validator(mode="before")
    @classmethod
    def _possible(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        fields = cls.model_fields
        value = {name: values.get(name, fields[name].default) for name in fields}
        whole = {
            "lexemes": (SMALLEST_LEXICON, LARGEST_LEXICON),
            "topics": (2, 1000),
            "training_sentences": (1, 10_000_000),
            "dev_sentences": (1, 100_000),
            "test_sentences": (1, 100_000),
            "seed": (0, 2**32 - 1),
        }
        for name, (low, high) in whole.items():
            if isinstance(value[name], bool) or not _is_whole(value[name], low, high):
                raise ValueError(
                    f"{name} is {value[name]!r}; allowed is a whole number from {low} to {high}."
                )
        share, dial = (0, 1), (0, 5)
        decimals = {"anchors": share, "topic_overlap": share, "ambiguity": share}
        decimals |= {"zipf_exponent": dial, "selectional_sharpness": dial}
        for name, (low, high) in decimals.items():
            if isinstance(value[name], bool) or not _is_between(value[name], low, high):
                raise ValueError(
                    f"{name} is {value[name]!r}; allowed is a number from {low} to {high}."
                )
        if value["order"] not in ORDERS:
            raise ValueError(
                f"order is {value['order']!r}; allowed are {', '.join(map(repr, ORDERS))}."
            )
        if value["topics"] > group_count(value["lexemes"]):
            raise ValueError(
                f"topics is {value['topics']}; with {value['lexemes']} lexemes at most "
                f"{group_count(value['lexemes'])} are allowed, one for each group of nouns."
            )
        return values

    def lexicon(self) -> Lexicon:
        """The words, the gold dictionary (``.pairs()``) and all preferences of this world."""
        return _lexicon(
            lexemes=self.lexemes,
            zipf_exponent=self.zipf_exponent,
            selectional_sharpness=self.selectional_sharpness,
            anchors=self.anchors,
            ambiguity=self.ambiguity,
            topics=self.topics,
            seed=self.seed,
        )

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
        half in "test".  The text of fewer
        training sentences is the beginning of the text of more.
        """
        lexicon, orders = self.lexicon(), {"a": "same", "b": self.order}
        train = {
            language: render(self._draw(f"train_{language}"), lexicon, language, orders[language])
            for language in LANGUAGES
        }
        held_out = {split: self._draw(split) for split in ("dev", "test")}
        parallel = {
            split: {code: render(batch, lexicon, code, orders[code]) for code in LANGUAGES}
            for split, batch in held_out.items()
        }
        return Corpus(
            languages=LANGUAGES,
            train=train,
            dev=parallel["dev"],
            test=parallel["test"],
            dictionary=self._dictionary(lexicon),
            checksum="",
        )

    def sentences(self, split: str, count: int | None = None) -> list[Sentence]:
        """Gold records of the first ``count`` sentences of a split, in the order of ``corpus()``.

        split: "train_a", "train_b" (the training text of that language), "dev" or "test".
        """
        if split not in SPLITS:
            raise ValueError(f"split is {split!r}; allowed are {', '.join(map(repr, SPLITS))}.")
        available = self._size(split)
        count = available if count is None else count
        if not _is_whole(count, 1, available):
            raise ValueError(f"count is {count!r}; {split!r} allows 1 to {available}.")
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
        return {"dev": self.dev_sentences, "test": self.test_sentences}.get(
            split, self.training_sentences
        )

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


@lru_cache(maxsize=32)
def _lexicon(**dials) -> Lexicon:
    return build_lexicon(**dials)


def _first_seen(spelling: np.ndarray, kept: np.ndarray, seen: set[int]) -> np.ndarray:
    """(n,) bool: the first of each distinct kept hash that is not in ``seen``, which it fills."""
    first = np.zeros(len(spelling), dtype=bool)
    for i in np.flatnonzero(kept):
        if (key := int(spelling[i])) not in seen:
            seen.add(key)
            first[i] = True
    return first


def _is_whole(value: Any, low: int, high: int) -> bool:
    return isinstance(value, int) and low <= value <= high


def _is_between(value: Any, low: float, high: float) -> bool:
    return isinstance(value, int | float) and low <= value <= high
