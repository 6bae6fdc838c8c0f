"""The grammar of a controlled world: sentences sampled as concepts, rendered in two languages.

Every sentence fills some slots of one fixed frame: two clauses, each with a subject (perhaps with
a relative clause), negation, adverb, verb, object and prepositional phrase.  A slot has a head
slot, a dependency relation and a part of speech, and a language has an order of the slots.  So
translation, alignment, tree and entity spans follow from the filled slots alone, and a whole corpus
is sampled as one integer matrix.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

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


class Slot(NamedTuple):
    """A place in the frame: the slot it depends on ("" for the root) and by which relation."""

    name: str
    head: str
    relation: str
    speech: str  # part of speech, of a noun that is no name


# The slots of a clause in the order of "same"; a noun brings the others of its phrase.
CLAUSE = (
    Slot("subj", "verb", "nsubj", "NOUN"), Slot("rel", "rverb", "nsubj", "PRON"),
    Slot("rneg", "rverb", "advmod", "ADV"), Slot("rverb", "subj", "acl:relcl", "VERB"),
    Slot("robj", "rverb", "obj", "NOUN"), Slot("neg", "verb", "advmod", "ADV"),
    Slot("adv", "verb", "advmod", "ADV"), Slot("verb", "", "root", "VERB"),
    Slot("obj", "verb", "obj", "NOUN"), Slot("prep", "obl", "case", "ADP"),
    Slot("obl", "verb", "obl", "NOUN"),
)  # fmt: skip
VERB_FINAL = ("subj", "rel", "robj", "rneg", "rverb", "obj", "prep", "obl", "neg", "adv", "verb")
PHRASE = {".det": ("det", "DET"), ".adj": ("amod", "ADJ"), "": None, ".second": ("flat", "PROPN")}
NOUN_FIRST = (".det", "", ".second", ".adj")


def _slots(k: int) -> Iterator[Slot]:
    if k:
        yield Slot("cc", f"verb{k}", "cc", "CCONJ")
    for name, head, relation, speech in CLAUSE:
        if k and name == "verb":
            yield Slot("verb1", "verb0", "conj", "VERB")
        elif speech != "NOUN":
            yield Slot(f"{name}{k}", head and f"{head}{k}", relation, speech)
        else:
            for part, of in PHRASE.items():
                of = (f"{name}{k}", *of) if of else (f"{head}{k}", relation, speech)
                yield Slot(f"{name}{k}{part}", *of)


SLOTS = (*_slots(0), *_slots(1), Slot("stop", "verb0", "punct", "PUNCT"))
INDEX = {slot.name: i for i, slot in enumerate(SLOTS)}
HEADS = tuple(INDEX.get(slot.head, EMPTY) for slot in SLOTS)


@dataclass(frozen=True)
class Sentence:
    """A sentence in both languages with everything that is true of it.

    Keys of the dictionaries are the languages "a" and "b".  Relations and parts of speech are those
    of Universal Dependencies.
    """

    tokens: dict[str, tuple[str, ...]]  # the last one is the full stop
    # Pairs (position in "a", position in "b"): every token is in exactly one.
    alignment: tuple[tuple[int, int], ...]
    heads: dict[str, tuple[int, ...]]  # positions; -1 for the root, the first clause's verb
    relations: dict[str, tuple[str, ...]]  # of each token to its head
    speech: dict[str, tuple[str, ...]]
    # (start, end exclusive, "PER", "ORG" or "LOC") of each named entity.
    entities: dict[str, tuple[tuple[int, int, str], ...]]
    topic: int  # that the sentence was drawn from

    def text(self, language: str) -> str:
        """The tokens, separated by single spaces."""
        return " ".join(self.tokens[language])


@dataclass(frozen=True)
class Batch:
    """Sampled sentences: which concept fills each slot, EMPTY where none does."""

    rows: np.ndarray  # (sentences, slots) concept numbers, slots as in SLOTS
    topics: np.ndarray  # (sentences,)

    def __getitem__(self, chosen) -> "Batch":
        return Batch(self.rows[chosen], self.topics[chosen])

    def __len__(self) -> int:
        return len(self.rows)


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
    names = VERB_FINAL if order == "verb-final" else [slot.name for slot in CLAUSE]
    parts = NOUN_FIRST if order == "adjective-after-noun" else PHRASE
    clauses = [
        [f"{name}{k}{part}" for name in names for part in parts if f"{name}{k}{part}" in INDEX]
        for k in CLAUSES
    ]
    return tuple(INDEX[name] for name in (*clauses[0], "cc", *clauses[1], "stop"))


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

    def put(slot: str, words, where) -> None:
        rows[where, INDEX[f"{slot}{k}"]] = np.broadcast_to(words, count)[where]

    everyone = np.ones(count, dtype=bool)
    verb = _draw(lexicon.tables["verb"], topics, rng)
    put("verb", concepts["verb"][verb], everyone)
    subject = _fill_argument(rows, f"subj{k}", "subject", verb, everyone, lexicon, rng)
    _fill_argument(rows, f"obj{k}", "object", verb, lexicon.transitive[verb], lexicon, rng)

    oblique = rng.random(count) < PREPOSITIONAL_PHRASE
    place = _fill_argument(rows, f"obl{k}", "oblique", verb, oblique, lexicon, rng)
    drawn = _draw(lexicon.tables["preposition"], place, rng)
    put("prep", concepts["preposition"][drawn], oblique)

    adverb = concepts["adverb"][_draw(lexicon.tables["adverb"], verb, rng)]
    put("adv", adverb, rng.random(count) < ADVERB)
    no = concepts["determiner"][DETERMINERS.index("no")]
    negated = (rng.random(count) < NEGATION) & (rows[:, INDEX[f"subj{k}.det"]] != no)
    put("neg", concepts["negation"][0], negated)

    is_noun = subject < len(concepts["noun"])
    relative = (rng.random(count) < RELATIVE_CLAUSE) & is_noun
    verb = _draw(lexicon.tables["relative_verb"], subject, rng)
    put("rel", concepts["relative"][0], relative)
    put("rverb", concepts["verb"][verb], relative)
    _fill_argument(rows, f"robj{k}", "object", verb, relative, lexicon, rng)
    put("rneg", concepts["negation"][0], (rng.random(count) < NEGATION) & relative)


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
    return [" ".join(words[start:end]) for start, end in zip([0, *ends], ends, strict=False)]


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
    tokens, heads, relations, speech, entities, position = {}, {}, {}, {}, {}, {}
    kinds = {
        i: lexicon.entity_type[row[i]]
        for i, slot in enumerate(SLOTS)
        if slot.speech == "NOUN" and row[i] in lexicon.entity_type
    }
    for language, order in orders.items():
        slots = [slot for slot in order if row[slot] != EMPTY]
        at = position[language] = {slot: i for i, slot in enumerate(slots)}
        tokens[language] = tuple(lexicon.words[language][row[slot]] for slot in slots)
        heads[language] = tuple(at.get(HEADS[slot], -1) for slot in slots)
        relations[language] = tuple(SLOTS[slot].relation for slot in slots)
        speech[language] = tuple("PROPN" if i in kinds else SLOTS[i].speech for i in slots)
        # A name's second part follows it, or in a reversed language comes before it.
        entities[language] = tuple(
            (min(at[i], at.get(i + 1, at[i])), max(at[i], at.get(i + 1, at[i])) + 1, kinds[i])
            for i in slots
            if i in kinds
        )
    alignment = tuple((i, position["b"][slot]) for slot, i in position["a"].items())
    return Sentence(tokens, alignment, heads, relations, speech, entities, topic)
