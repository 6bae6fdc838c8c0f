"""The words of a controlled world: their spelling in two languages and their company.

A lexicon is a list of concepts.  Each has a category, a spelling in language "a" and one in
language "b".  Who keeps company with whom is drawn once and shared by both languages: which nouns
a verb takes, which adjectives a noun.  Those selectional preferences are what makes a word
recognisable from its context, hence what makes two languages isomorphic (Dufter and Schütze 2020
take the extreme case, a language and its copy).

Each table of preferences is a joint distribution of two kinds of word.  Its shape comes from
Gaussian affinities and from home topics; its two marginals are then set to Zipf's law by alternate
scaling (Sinkhorn and Knopp 1967).  So how sharp the preferences are and how steep the frequencies
are can be chosen one without the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from isomorph.text.worlds import World

FUNCTION_WORDS = {"determiner": 4, "negation": 1, "relative": 1, "conjunction": 1, "preposition": 4}
DETERMINERS = ("the", "some", "every", "no")
# Shares of the remaining lexemes; nouns take what is left, about two fifths.
CONTENT_SHARES = {
    "verb": 0.24, "adjective": 0.16, "adverb": 0.05,
    "given": 0.06, "family": 0.04, "place": 0.04, "suffix": 0.015,
}  # fmt: skip
OPEN_CATEGORIES = ("noun", "verb", "adjective")  # the ones a word can be ambiguous in
NOUNS_A_GROUP = 5  # one hypernym and its hyponyms
INTRANSITIVE_EVERY = 4  # every fourth verb takes no object
# The languages share no letter, so that without anchors no subword can be shared by accident.
LETTERS = {"a": ("bdfgklm", "aeo"), "b": ("nprstvz", "iuy")}
OFF_TOPIC = 0.05  # how likely a word is outside its home topic, against 1 at home
# How readily each kind of referent fills each role of a verb, against 1 for a common noun.
ROLE_AFFINITY = {
    "subject": {"": 1.0, "PER": 1.0, "ORG": 0.7, "LOC": 0.05},
    "object": {"": 1.0, "PER": 0.5, "ORG": 0.7, "LOC": 0.3},
    "oblique": {"": 1.0, "PER": 0.1, "ORG": 0.5, "LOC": 3.0},
}
SCALING_STEPS = 200  # enough for marginals exact to a few percent at the sharpest setting


@dataclass(frozen=True)
class Lexicon:
    """Concepts 0..n-1, their words, and the cumulative tables the grammar draws from.

    A *referent* is what a noun phrase can be about: a common noun or a named entity; referents
    are numbered with the common nouns first, in the order of ``concepts["noun"]``.
    """

    concepts: dict[str, np.ndarray]  # category -> its concept numbers
    words: dict[
        str, tuple[str, ...]
    ]  # language -> a word for each concept; the last is "." in both
    word_ids: np.ndarray  # (concepts,) the same number for concepts spelt alike in "a"
    hypernym: dict[int, int]  # noun -> the concept of its hypernym, for those that have one
    transitive: np.ndarray  # (verbs,) whether the verb takes an object
    referents: np.ndarray  # (referents, 2) first and second concept; -1 where there is no second
    entity_type: dict[int, str]  # first concept of each named entity -> "PER", "ORG" or "LOC"
    tables: dict[str, np.ndarray]  # name -> (given, drawn), rows cumulative and ending in 1

    @property
    def full_stop(self) -> int:
        return len(self.word_ids) - 1

    def pairs(self) -> list[tuple[str, str]]:
        """The gold dictionary: (word of "a", word of "b"), without the full stop."""
        return list(zip(self.words["a"], self.words["b"], strict=True))[: self.full_stop]


def category_sizes(lexemes: int) -> dict[str, int]:
    """How many words of language "a" each category gets; they sum to ``lexemes``."""
    content = lexemes - sum(FUNCTION_WORDS.values())
    sizes = {name: max(1, round(share * content)) for name, share in CONTENT_SHARES.items()}
    return FUNCTION_WORDS | {"noun": content - sum(sizes.values())} | sizes


def group_count(lexemes: int) -> int:
    """How many groups of nouns, each a hypernym with its hyponyms, a world of this size has."""
    return category_sizes(lexemes)["noun"] // NOUNS_A_GROUP


@lru_cache(maxsize=32)
def build_lexicon(world: World) -> Lexicon:
    """Every part draws from a stream of its own, so that moving one dial leaves the rest as it was."""
    sizes = category_sizes(world.lexemes)
    # How many words of each open category have a second translation.
    extra = {name: round(world.ambiguity * sizes[name]) for name in OPEN_CATEGORIES}
    streams = [np.random.default_rng([world.seed, part]) for part in (1, 2, 3, 4)]
    concepts, word_ids = _concepts(sizes, extra, streams[0])
    groups, home = _homes(sizes, extra, world.topics, streams[2])
    referents, kinds = _referents(concepts)
    transitive = np.arange(len(concepts["verb"])) % INTRANSITIVE_EVERY != INTRANSITIVE_EVERY - 1
    nouns = concepts["noun"].tolist()
    return Lexicon(
        concepts=concepts,
        words=_spellings(sizes, word_ids, world.anchors, streams[1]),
        word_ids=word_ids,
        hypernym={nouns[i]: nouns[group] for i, group in enumerate(groups) if i != group},
        transitive=transitive,
        referents=referents,
        entity_type={
            int(first): kind for first, kind in zip(referents[:, 0], kinds, strict=True) if kind
        },
        tables=_tables(world, sizes, groups, home, transitive, kinds, streams[3]),
    )


def _concepts(sizes, extra, rng):
    """Number the concepts: one a word of "a", then the second senses, then the full stop."""
    starts = np.cumsum([0, *sizes.values()]).tolist()
    concepts = {
        name: np.arange(start, start + sizes[name])
        for name, start in zip(sizes, starts, strict=False)
    }
    word_ids = list(range(starts[-1]))
    for name in OPEN_CATEGORIES:
        # Draw for all words whatever the dial, so that a higher ambiguity adds to a lower one.
        spelt_like = concepts[name][np.argsort(rng.random(sizes[name]))][: extra[name]]
        senses = np.arange(len(word_ids), len(word_ids) + extra[name])
        concepts[name] = np.append(concepts[name], senses)
        word_ids += spelt_like.tolist()
    return concepts, np.array([*word_ids, len(word_ids)])


def _spellings(sizes, word_ids, anchors, rng) -> dict[str, tuple[str, ...]]:
    short, total = sum(FUNCTION_WORDS.values()), sum(sizes.values())
    invented = {code: _invent(short, 2 * total - short, code, rng) for code in ("a", "b")}
    anchored = set(np.argsort(rng.random(total))[: round(anchors * total)].tolist())
    # A second sense is never anchored: it would then be spelt like the first.
    words_b = [invented["a" if i in anchored else "b"][i] for i in range(len(word_ids) - 1)]
    return {"a": (*(invented["a"][i] for i in word_ids[:-1]), "."), "b": (*words_b, ".")}


def _invent(short: int, long: int, language: str, rng) -> list[str]:
    """Distinct pronounceable words: ``short`` ones of one syllable, then ``long`` ones of more."""
    consonants, vowels = LETTERS[language]
    syllables = np.array([c + v for c in consonants for v in vowels])
    syllables = syllables[np.argsort(rng.random(len(syllables)))]
    words = dict.fromkeys(syllables[:short].tolist())
    while len(words) < short + long:
        length = 2 + int(rng.random() < 0.5)
        picks = (rng.random(length) * len(syllables)).astype(int)
        words.setdefault("".join(syllables[picks]))
    return list(words)


def _homes(sizes, extra, topics, rng):
    """Group of each noun (the index of its hypernym) and home topic of each open-class word."""
    n_groups = sizes["noun"] // NOUNS_A_GROUP
    second = (rng.random(sizes["noun"]) * n_groups).astype(int)[: extra["noun"]]
    groups = np.append(np.arange(sizes["noun"]) % n_groups, second)
    home = {"noun": groups % topics}
    for name in ("verb", "adjective"):
        shuffled = (np.arange(sizes[name]) % topics)[np.argsort(rng.random(sizes[name]))]
        second = (rng.random(sizes[name]) * topics).astype(int)[: extra[name]]
        home[name] = np.append(shuffled, second)
    return groups, home


def _referents(concepts) -> tuple[np.ndarray, tuple[str, ...]]:
    """Common nouns, then people, organisations and places, and the type of each, "" for nouns.

    An organisation is a family's name and a suffix, so that a family name alone does not tell the
    type: the context does.
    """
    given, family, suffix = concepts["given"], concepts["family"], concepts["suffix"]
    rows = [(noun, -1, "") for noun in concepts["noun"]]
    rows += [(name, family[i % len(family)], "PER") for i, name in enumerate(given)]
    rows += [(name, suffix[i % len(suffix)], "ORG") for i, name in enumerate(family)]
    rows += [(place, -1, "LOC") for place in concepts["place"]]
    return np.array([row[:2] for row in rows]), tuple(row[2] for row in rows)


def _tables(world, sizes, groups, home, transitive, kinds, rng) -> dict[str, np.ndarray]:
    """Every conditional distribution the grammar draws from, as cumulative sums along a row.

    sizes: words of each category before second senses were added.
    Returns name -> (given, drawn): "verb" given topic; "subject", "object", "oblique" (referents)
    and "adverb" given verb; "relative_verb" given its subject, a referent; "preposition" and
    "adjective" given referent (adjectives: given common noun).
    """
    n_entities = len(kinds) - len(groups)
    used = {name: np.arange(len(topics)) for name, topics in home.items()}
    used |= {name: np.arange(sizes[name]) for name in ("adverb", "preposition")}
    # Room for a second sense of every word is drawn and cut to what is used, so that the ambiguity
    # dial leaves every other number as it was.
    room = {name: 2 * sizes[name] for name in used}
    used["referent"] = np.append(used["noun"], room["noun"] + np.arange(n_entities))
    room["referent"] = room["noun"] + n_entities

    def affinities(row: str, column: str) -> np.ndarray:
        """exp(sharpness x Gaussian); a hypernym likes what its hyponyms like on average."""
        gaussian = rng.standard_normal((room[row], room[column]))[np.ix_(used[row], used[column])]
        if column in ("noun", "referent"):
            for hypernym in np.unique(groups):
                hyponyms = np.flatnonzero(groups == hypernym)
                gaussian[:, hypernym] = gaussian[:, hyponyms[hyponyms != hypernym]].mean(axis=1)
        return np.exp(world.selectional_sharpness * gaussian)

    def zipf(base: int, total: int) -> np.ndarray:
        """Weights in shuffled order; second senses have the lowest ranks."""
        ranks = np.append(np.argsort(rng.random(base)), np.arange(base, total))
        return (ranks + 1.0) ** -world.zipf_exponent

    weights = {name: zipf(sizes[name], len(used[name])) for name in sizes if name in used}
    referents = np.append(weights["noun"], zipf(n_entities, n_entities))
    homes = np.append(home["noun"], np.full(n_entities, -1))
    tables = {"verb": weights["verb"] * _same_topic(np.arange(world.topics), home["verb"])}
    for role, affinity in ROLE_AFFINITY.items():
        joint = affinities("verb", "referent") * _same_topic(home["verb"], homes)
        readiness = np.array([affinity[kind] for kind in kinds])
        tables[role] = scale_to_marginals(joint, weights["verb"], referents * readiness)
    tables["relative_verb"] = tables["subject"].T * transitive
    joint = affinities("adjective", "noun") * _same_topic(home["adjective"], home["noun"])
    tables["adjective"] = scale_to_marginals(joint, weights["adjective"], weights["noun"]).T
    joint = affinities("preposition", "referent")
    tables["preposition"] = scale_to_marginals(joint, weights["preposition"], referents).T
    joint = affinities("adverb", "verb")
    tables["adverb"] = scale_to_marginals(joint, weights["adverb"], weights["verb"]).T
    return {name: cumulative(table) for name, table in tables.items()}


def scale_to_marginals(joint: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """The matrix diag(u) joint diag(v) with the given row and column sums (Sinkhorn and Knopp).

    joint: (m, n), positive.  rows: (m,), columns: (n,), positive; both are first scaled to sum
    to 1.  Row sums are exact, column sums as exact as SCALING_STEPS alternations make them.
    """
    rows, columns = rows / rows.sum(), columns / columns.sum()
    for _ in range(SCALING_STEPS):
        joint = joint * (columns / joint.sum(axis=0))
        joint = joint * (rows / joint.sum(axis=1))[:, None]
    return joint


def cumulative(weights: np.ndarray) -> np.ndarray:
    """Row-wise cumulative distribution of non-negative weights, each row ending in exactly 1."""
    sums = np.cumsum(weights, axis=1)
    return sums / sums[:, -1:]


def _same_topic(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """(rows, columns): 1 where home topics agree or a word has none (-1), else OFF_TOPIC."""
    agree = (rows[:, None] == columns) | (columns == -1)
    return np.where(agree, 1.0, OFF_TOPIC)
