"""The grammar of a controlled world: sentences sampled as concepts, rendered in two languages.

Every sentence fills some slots of one fixed frame: two clauses, each with a subject (perhaps with
a relative clause), negation, adverb, verb, object and prepositional phrase.  A slot has a head
slot and a dependency relation, and a language has an order of the slots.  So translation,
alignment, tree and entity spans follow from the filled slots alone, and a whole corpus is sampled
as one integer matrix.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from isomorph.text.lexicon import DETERMINERS, Lexicon

ORDERS = ("same", "adjective-after-noun", "verb-final", "reversed")
CLAUSES = (0, 1)
EMPTY = -1

# How often each optional part is there.  Together they give about ten tokens a sentence.
SECOND_CLAUSE = 0.15
RELATIVE_CLAUSE = 0.2
PREPOSITIONAL_PHRASE = 0.35
ADVERB = 0.25
ADJECTIVE = 0.4
NEGATION = 0.15
FULL_NAME = 0.5  # a person is called by given and family name, or by the given name alone
DETERMINER_SHARES = (0.4, 0.25, 0.2, 0.15)  # the, some, every, no


@dataclass(frozen=True)
class Slot:
    """A place in the frame: the slot it depends on (None for the root) and by which relation."""

    name: str
    head: str | None
    relation: str


@dataclass(frozen=True)
class Sentence:
    """A sentence in both languages with everything that is true of it.

    Keys of the dictionaries are the languages "a" and "b".  Relations are Universal Dependencies.
    """

    tokens: dict[str, tuple[str, ...]]
    """The words; the last one is the full stop."""
    alignment: tuple[tuple[int, int], ...]
    """Pairs (position in "a", position in "b"): every token is in exactly one."""
    heads: dict[str, tuple[int, ...]]
    """Position of each token's head; -1 for the root, the first clause's verb."""
    relations: dict[str, tuple[str, ...]]
    """Relation of each token to its head."""
    entities: dict[str, tuple[tuple[int, int, str], ...]]
    """Named entities as (start, end, type): end is exclusive, type "PER", "ORG" or "LOC"."""
    topic: int
    """The topic the sentence was drawn from."""

    def text(self, language: str) -> str:
        """The sentence as a string, its tokens separated by single spaces."""
        return " ".join(self.tokens[language])


@dataclass(frozen=True)
class Batch:
    """Sampled sentences: which concept fills each slot, EMPTY where none does."""

    rows: np.ndarray
    """(sentences, slots) concept numbers, slots as in SLOTS."""
    topics: np.ndarray
    """(sentences,)"""

    def __getitem__(self, chosen) -> "Batch":
        return Batch(self.rows[chosen], self.topics[chosen])

    def __len__(self) -> int:
        return len(self.rows)


def _noun_phrase(name: str, head: str, relation: str) -> list[Slot]:
    return [
        Slot(f"{name}.det", name, "det"),
        Slot(f"{name}.adj", name, "amod"),
        Slot(name, head, relation),
        Slot(f"{name}.second", name, "flat"),
    ]


def _clause(k: int) -> list[Slot]:
    verb, subject, relative = f"verb{k}", f"subj{k}", f"rverb{k}"
    return [
        *([Slot("cc", verb, "cc")] if k else []),
        *_noun_phrase(subject, verb, "nsubj"),
        Slot(f"rel{k}", relative, "nsubj"),
        Slot(f"rneg{k}", relative, "advmod"),
        Slot(relative, subject, "acl:relcl"),
        *_noun_phrase(f"robj{k}", relative, "obj"),
        Slot(f"neg{k}", verb, "advmod"),
        Slot(f"adv{k}", verb, "advmod"),
        Slot(verb, "verb0" if k else None, "conj" if k else "root"),
        *_noun_phrase(f"obj{k}", verb, "obj"),
        Slot(f"prep{k}", f"obl{k}", "case"),
        *_noun_phrase(f"obl{k}", verb, "obl"),
    ]


SLOTS = (*_clause(0), *_clause(1), Slot("stop", "verb0", "punct"))
INDEX = {slot.name: i for i, slot in enumerate(SLOTS)}
HEADS = tuple(INDEX[slot.head] if slot.head else EMPTY for slot in SLOTS)
RELATIONS = tuple(slot.relation for slot in SLOTS)
NOUN_SLOTS = tuple(i for i, slot in enumerate(SLOTS) if f"{slot.name}.second" in INDEX)


@cache
def slot_order(order: str) -> tuple[int, ...]:
    """The slots in the order in which a language says them.

    "same": as in SLOTS.  "adjective-after-noun": adjectives follow their noun.  "verb-final":
    verbs, with their negation and adverb, follow everything else in their clause; relative
    clauses too.  "reversed": "same" from the last slot to the first, as Dufter and Schütze (2020)
    reverse a language.
    """
    if order == "reversed":
        return slot_order("same")[::-1]

    def phrase(name: str) -> list[str]:
        if order == "adjective-after-noun":
            return [f"{name}.det", name, f"{name}.second", f"{name}.adj"]
        return [f"{name}.det", f"{name}.adj", name, f"{name}.second"]

    def clause(k: int) -> list[str]:
        verb_group, arguments = [f"neg{k}", f"adv{k}", f"verb{k}"], phrase(f"obj{k}")
        arguments = [*arguments, f"prep{k}", *phrase(f"obl{k}")]
        relative_group, relative_object = [f"rneg{k}", f"rverb{k}"], phrase(f"robj{k}")
        if order == "verb-final":
            verb_group, arguments = arguments, verb_group
            relative_group, relative_object = relative_object, relative_group
        start = [*phrase(f"subj{k}"), f"rel{k}", *relative_group, *relative_object]
        return [*start, *verb_group, *arguments]

    return tuple(INDEX[name] for name in [*clause(0), "cc", *clause(1), "stop"])


def sample(lexicon: Lexicon, mixture: Sequence[float], count: int, rng) -> Batch:
    """Draw ``count`` sentences.

    mixture: probability of each topic.  rng: numpy Generator; only its ``random`` is used, whose
    stream does not change between versions of numpy.
    """
    rows = np.full((count, len(SLOTS)), EMPTY, dtype=np.int32)
    topics = np.searchsorted(np.cumsum(mixture)[:-1], rng.random(count), side="right")
    for k in CLAUSES:
        _fill_clause(rows, k, topics, lexicon, rng)
    rows[:, INDEX["cc"]] = lexicon.concepts["conjunction"][0]
    single = rng.random(count) >= SECOND_CLAUSE
    rows[single, INDEX["cc"] : INDEX["stop"]] = EMPTY
    rows[:, INDEX["stop"]] = lexicon.full_stop
    return Batch(rows, topics)


def _fill_clause(rows, k: int, topics, lexicon: Lexicon, rng) -> None:
    count, concepts = len(rows), lexicon.concepts
    verb = _draw(lexicon.tables["verb"], topics, rng)
    rows[:, INDEX[f"verb{k}"]] = concepts["verb"][verb]
    everyone = np.ones(count, dtype=bool)
    subject = _fill_argument(rows, f"subj{k}", "subject", verb, everyone, lexicon, rng)
    has_object = lexicon.transitive[verb]
    _fill_argument(rows, f"obj{k}", "object", verb, has_object, lexicon, rng)

    oblique = rng.random(count) < PREPOSITIONAL_PHRASE
    place = _fill_argument(rows, f"obl{k}", "oblique", verb, oblique, lexicon, rng)
    preposition = concepts["preposition"][_draw(lexicon.tables["preposition"], place, rng)]
    rows[oblique, INDEX[f"prep{k}"]] = preposition[oblique]

    adverb = concepts["adverb"][_draw(lexicon.tables["adverb"], verb, rng)]
    has_adverb = rng.random(count) < ADVERB
    rows[has_adverb, INDEX[f"adv{k}"]] = adverb[has_adverb]
    no = concepts["determiner"][DETERMINERS.index("no")]
    negated = (rng.random(count) < NEGATION) & (rows[:, INDEX[f"subj{k}.det"]] != no)
    rows[negated, INDEX[f"neg{k}"]] = concepts["negation"][0]

    is_noun = subject < len(concepts["noun"])
    relative = (rng.random(count) < RELATIVE_CLAUSE) & is_noun
    verb = _draw(lexicon.tables["relative_verb"], subject, rng)
    rows[relative, INDEX[f"rel{k}"]] = concepts["relative"][0]
    rows[relative, INDEX[f"rverb{k}"]] = concepts["verb"][verb][relative]
    _fill_argument(rows, f"robj{k}", "object", verb, relative, lexicon, rng)
    negated = (rng.random(count) < NEGATION) & relative
    rows[negated, INDEX[f"rneg{k}"]] = concepts["negation"][0]


def _fill_argument(rows, slot: str, role: str, verb, present, lexicon: Lexicon, rng) -> np.ndarray:
    """Fill a noun phrase where ``present``; returns the referent drawn for every sentence.

    Numbers are drawn for every sentence, present or not, so that a part left out of one sentence
    moves nothing in the next.
    """
    referent = _draw(lexicon.tables[role], verb, rng)
    first, second = lexicon.referents[referent].T
    person = np.isin(first, lexicon.concepts["given"])
    second = np.where(person & (rng.random(len(rows)) >= FULL_NAME), EMPTY, second)
    rows[present, INDEX[slot]] = first[present]
    rows[present, INDEX[f"{slot}.second"]] = second[present]

    n_nouns = len(lexicon.concepts["noun"])
    noun = present & (referent < n_nouns)
    shares = np.cumsum(DETERMINER_SHARES)[:-1]
    determiner = lexicon.concepts["determiner"][np.searchsorted(shares, rng.random(len(rows)))]
    rows[noun, INDEX[f"{slot}.det"]] = determiner[noun]
    table = lexicon.tables["adjective"]
    adjective = lexicon.concepts["adjective"][_draw(table, np.minimum(referent, n_nouns - 1), rng)]
    described = noun & (rng.random(len(rows)) < ADJECTIVE)
    rows[described, INDEX[f"{slot}.adj"]] = adjective[described]
    return referent


def _draw(table: np.ndarray, given: np.ndarray, rng) -> np.ndarray:
    """One draw from row ``given[i]`` of a cumulative table, for every i: (n,) column numbers."""
    return (table[given, :-1] <= rng.random(len(given))[:, None]).sum(axis=1)


def render(batch: Batch, lexicon: Lexicon, language: str, order: str) -> list[str]:
    """The sentences as strings in one language, tokens separated by single spaces."""
    rows = batch.rows[:, slot_order(order)]
    present = rows != EMPTY
    words = np.array(lexicon.words[language], dtype=object)[rows[present]].tolist()
    ends = np.cumsum(present.sum(axis=1)).tolist()
    starts = [0, *ends[:-1]]
    return [" ".join(words[start:end]) for start, end in zip(starts, ends, strict=True)]


def spelling_hash(batch: Batch, lexicon: Lexicon) -> np.ndarray:
    """(sentences,) uint64: a hash of each sentence as it is spelt in "a", the same everywhere.

    Two senses of an ambiguous word hash alike, so that sentences which are spelt alike in either
    language have the same hash.
    """
    words = np.append(lexicon.word_ids, EMPTY)[batch.rows].astype(np.uint64)
    state = np.zeros(len(words), dtype=np.uint64)
    for column in words.T:  # the mixing step of SplitMix64, once a slot
        state = (state + column + np.uint64(0x9E3779B97F4A7C15)) * np.uint64(0xBF58476D1CE4E5B9)
        state ^= state >> np.uint64(31)
    return state


def gold(batch: Batch, lexicon: Lexicon, order: str) -> list[Sentence]:
    """The sentences with all that is known of them; ``order`` is the word order of "b"."""
    orders = {"a": slot_order("same"), "b": slot_order(order)}
    return [
        _gold_sentence(row, topic, lexicon, orders)
        for row, topic in zip(batch.rows.tolist(), batch.topics.tolist(), strict=True)
    ]


def _gold_sentence(row: list[int], topic: int, lexicon: Lexicon, orders) -> Sentence:
    tokens, heads, relations, entities, position = {}, {}, {}, {}, {}
    for language, order in orders.items():
        slots = [slot for slot in order if row[slot] != EMPTY]
        at = position[language] = {slot: i for i, slot in enumerate(slots)}
        tokens[language] = tuple(lexicon.words[language][row[slot]] for slot in slots)
        heads[language] = tuple(at.get(HEADS[slot], -1) for slot in slots)
        relations[language] = tuple(RELATIONS[slot] for slot in slots)
        found = []
        for slot in slots:
            if slot in NOUN_SLOTS and (kind := lexicon.entity_type.get(row[slot])):
                # In a reversed language the second part of a name comes first.
                start = min(at[slot], at.get(slot + 1, at[slot]))
                found.append((start, start + 1 + (slot + 1 in at), kind))
        entities[language] = tuple(found)
    alignment = tuple((i, position["b"][slot]) for slot, i in position["a"].items())
    return Sentence(tokens, alignment, heads, relations, entities, topic)
