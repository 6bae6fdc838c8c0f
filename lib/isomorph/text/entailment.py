"""Entailment between sentences of a controlled world: pairs whose label is known by construction.

A pair starts from its hypothesis, which is drawn without regard to the label; the premise is then
made from it.  So the hypothesis alone tells nothing of the label, whatever the classifier.  The
premise alone does where premises are "free": an edit that makes a sentence stronger leaves other
words than one that makes it weaker, and of 1,500 pairs a bag of its words learns 0.42 to 0.49 of
three labels.  "matched" premises are chosen so that words and forms go with each label equally often.

Premises are made by edits whose effect follows from monotonicity (natural logic, van Benthem
1986): a noun against its hypernym or hyponym, an adjective or adverb more or less, another
quantifier, negation.

Readings: the subject's quantifier outscopes negation, negation outscopes the object's quantifier,
and whatever a sentence speaks of exists ("every dog sleeps" implies that there are dogs).  A judge
that tries every small world finds the same labels: tests/text/entailment_judge.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from isomorph.text.examples import LABELS
from isomorph.text.grammar import EMPTY, INDEX, SLOTS, Batch, Sentence, gold, sample, spelling_hash
from isomorph.text.lexicon import DETERMINERS, Lexicon

if TYPE_CHECKING:
    from isomorph.text.worlds import World

BUCKETS = 16
BUCKETS_OF = {"train": (2, 16), "dev": (0, 1), "test": (1, 2)}  # by the hash of the hypothesis
DRAWN_AT_ONCE = 5000  # part of the definition of the pairs, like the seed
SECOND_EDIT = 0.5  # how often a premise is two edits away, so that word overlap tells less

# Quantifier and negation of a sentence, e.g. ("some", True) for "some dog does not sleep", by the
# letters of the square of opposition, and N for the other way to say E.
FORMS = {
    "I": ("some", False), "A": ("every", False), "E": ("no", False), "O": ("some", True),
    "N": ("every", True),
}  # fmt: skip
LETTERS = {form: letter for letter, form in FORMS.items()}
# What the form on the right says against the one on the left, in the order in which it is drawn.
EFFECTS = {
    "stronger": {"I": "A", "O": "NE"},
    "weaker": {"A": "I", "E": "O", "N": "O"},
    "equivalent": {"E": "N", "N": "E"},
    "independent": {"I": "O", "O": "I"},
}
EXCLUDING = {"I": "EN", "A": "OEN", "E": "IA", "O": "A", "N": "IA"}
WANTED = {"entailment": ("stronger", "equivalent"), "neutral": ("weaker", "independent")}
DIRECTION = {True: "stronger", False: "weaker"}
# A contradiction changes the second of these; so each is asked for as often, in turn, where premises
# are matched: their number and that of the labels have no common divisor.
KINDS = ((True, False), (False, False), (True, True), (False, True))


class Statement(NamedTuple):
    """What a simple sentence says; words are concept numbers, None where there is none."""

    quantifier: str
    negated: bool
    noun: int
    verb: int
    adjective: int | None = None
    adverb: int | None = None
    object_quantifier: str | None = None
    object_noun: int | None = None
    object_adjective: int | None = None

    @property
    def form(self) -> tuple[str, bool]:
        return self.quantifier, self.negated

    @property
    def kind(self) -> tuple[bool, bool]:
        """Whether it is of some (or every), and whether it denies."""
        return self.quantifier == "some", (self.quantifier == "no") != self.negated

    def in_forms(self, letters: str) -> list[Statement]:
        forms = (FORMS[letter] for letter in letters)
        return [self._replace(quantifier=some, negated=negated) for some, negated in forms]


class Edit(NamedTuple):
    """One change of a statement: where ("subject", "verb", "object"), and what it does to it.

    effect: "stronger" (the result implies the original and not the reverse), "weaker" (the
    reverse), "equivalent", or "independent".
    """

    place: str
    effect: str
    result: Statement


@dataclass(frozen=True)
class Pair:
    """A premise and a hypothesis, each in both languages, and which of LABELS relates them."""

    premise: Sentence
    hypothesis: Sentence
    label: str
    statements: tuple[Statement, Statement]  # what the premise and the hypothesis say


def draw_pairs(world: World, split: str, count: int) -> list[Pair]:
    """``count`` pairs whose labels are LABELS in turn; see worlds.World.entailment_pairs."""
    lexicon, rng = world.lexicon(), np.random.default_rng([world.seed, 7, BUCKETS_OF[split][0]])
    drawn: list[tuple[Statement, Statement]] = []
    topics: list[int] = []
    match = Match(lexicon) if world.premises == "matched" else None
    for hypothesis, topic in _hypotheses(lexicon, world.topics, BUCKETS_OF[split], rng):
        if len(drawn) == count:
            break
        label = LABELS[len(drawn) % 3]
        if match is None:
            premise = _premise(hypothesis, label, lexicon, rng)
        elif hypothesis.kind == KINDS[len(drawn) % len(KINDS)]:
            premise = match.premise(hypothesis, label, rng)
        else:
            continue
        drawn.append((premise, hypothesis))
        topics.append(topic)
    sides = (
        gold(Batch(_rows(side, lexicon), np.array(topics)), lexicon, world.order)
        for side in zip(*drawn, strict=True)
    )
    return [Pair(*both, LABELS[i % 3], drawn[i]) for i, both in enumerate(zip(*sides, strict=True))]


def _premise(hypothesis: Statement, label: str, lexicon: Lexicon, rng) -> Statement:
    """A statement which stands in the relation ``label`` to the hypothesis."""
    premise, place = _pick(_first_edits(hypothesis, label, lexicon, rng), rng)
    if rng.random() < SECOND_EDIT:
        options = _second_edits(premise, place, label, lexicon, rng)
        premise = _pick(options, rng) if options else premise
    return premise


def _first_edits(hypothesis, label, lexicon, rng) -> list[tuple[Statement, str | None]]:
    """Statements one edit away that stand in the relation, and the place of the edit."""
    if label == "contradiction":
        return [(one, None) for one in hypothesis.in_forms(EXCLUDING[LETTERS[hypothesis.form]])]
    every = edits(hypothesis, lexicon, rng)
    return [(edit.result, edit.place) for edit in every if edit.effect in WANTED[label]]


def _second_edits(premise, place, label, lexicon, rng) -> list[Statement]:
    """Statements that are stronger than the premise and stand in the same relation.

    Strengthening keeps entailment and contradiction.  It keeps neutrality elsewhere than where the
    first edit was; in the same place it could undo that edit.
    """
    return [
        edit.result
        for edit in edits(premise, lexicon, rng)
        if edit.effect == "stronger" and not (label == "neutral" and edit.place == place)
    ]


class Match:
    """Chooses premises so that none of their features goes more often with one label than another.

    Features are the words, and each pair of: quantifier and negation, whether there is an
    adjective, an adverb, an object and its adjective, and whether a noun is a hypernym.  Of all
    premises one or two edits away from a hypothesis the one is taken whose features have so far
    gone least often with its label.  The hypotheses are as they were, so they still tell nothing.
    """

    def __init__(self, lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        self.seen: dict[str, Counter] = {label: Counter() for label in LABELS}

    def premise(self, hypothesis: Statement, label: str, rng) -> Statement:
        options = []
        for premise, place in _first_edits(hypothesis, label, self.lexicon, rng):
            options += [premise, *_second_edits(premise, place, label, self.lexicon, rng)]
        features = [self._features(option) for option in options]
        with_it, others = self.seen[label], [self.seen[name] for name in LABELS if name != label]

        def lead(option: int) -> float:
            return sum(
                2 * with_it[name] - sum(seen[name] for seen in others) for name in features[option]
            )

        best = min(rng.permutation(len(options)).tolist(), key=lead)
        with_it.update(features[best])
        return options[best]

    def _features(self, said: Statement) -> list[tuple]:
        nouns, above = (said.noun, said.object_noun), self.lexicon.hypernym
        words = (said.noun, said.adjective, said.adverb, said.object_noun, said.object_adjective)
        there = [(place, word) for place, word in enumerate(words) if word is not None]
        kinds = (w is not None and (w in above or w not in nouns) for w in words)
        return [*combinations(enumerate((said.form, said.object_quantifier, *kinds)), 2), *there]


def edits(statement: Statement, lexicon: Lexicon, rng) -> list[Edit]:
    """Every kind of edit the statement allows, with one word drawn for each kind that needs one."""
    done = [
        Edit("subject", effect, other)
        for effect, table in EFFECTS.items()
        for other in statement.in_forms(table.get(LETTERS[statement.form], ""))
    ]
    some, negative = statement.kind
    done += _phrase_edits(statement, "subject", "noun", "adjective", some, lexicon, rng)
    # Saying more of the subject strengthens a positive sentence and weakens a negative one.
    bare = statement.adverb is None
    adverb = _pick(lexicon.concepts["adverb"], rng) if bare else None
    done.append(Edit("verb", DIRECTION[bare != negative], statement._replace(adverb=adverb)))
    if statement.object_noun is not None:
        some = statement.object_quantifier == "some"
        other = statement._replace(object_quantifier="every" if some else "some")
        done.append(Edit("object", DIRECTION[some != negative], other))
        fields = ("object_noun", "object_adjective")
        done += _phrase_edits(statement, "object", *fields, some != negative, lexicon, rng)
    return done


def _phrase_edits(statement, place, noun_field, adjective_field, upward, lexicon, rng):
    """Edits of one noun phrase; ``upward``: a narrower phrase makes the sentence stronger."""
    noun, adjective = getattr(statement, noun_field), getattr(statement, adjective_field)

    def edit(effect: str, field: str, word: int | None) -> Edit:
        return Edit(place, effect, statement._replace(**{field: word}))

    hypernym = lexicon.hypernym.get(noun)
    top = noun if hypernym is None else hypernym
    below = [word for word, above in lexicon.hypernym.items() if above == top]
    if hypernym is None:
        yield edit(DIRECTION[upward], noun_field, _pick(below, rng))
    else:
        yield edit(DIRECTION[not upward], noun_field, hypernym)
        yield edit("independent", noun_field, _pick([w for w in below if w != noun], rng))
    if adjective is None:
        row = lexicon.tables["adjective"][np.searchsorted(lexicon.concepts["noun"], noun)]
        drawn = lexicon.concepts["adjective"][int((row[:-1] <= rng.random()).sum())]
        yield edit(DIRECTION[upward], adjective_field, int(drawn))
    else:
        yield edit(DIRECTION[not upward], adjective_field, None)


def _pick(options, rng):
    chosen = options[int(rng.random() * len(options))]
    return int(chosen) if isinstance(chosen, np.integer) else chosen


def _hypotheses(lexicon, topics, buckets, rng) -> Iterator[tuple[Statement, int]]:
    """Endless statements about common nouns, for which a premise of every label exists."""
    while True:
        batch = sample(lexicon, np.full(topics, 1 / topics), DRAWN_AT_ONCE, rng)
        nouns = [*lexicon.concepts["noun"], EMPTY]
        simple = np.isin(batch.rows[:, [INDEX["subj0"], INDEX["obj0"]]], nouns).all(axis=1)
        batch = batch[simple]
        statements = [_statement(row, rng) for row in batch.rows.tolist()]
        rows = Batch(_rows(statements, lexicon), batch.topics)
        bucket = spelling_hash(rows, lexicon) % BUCKETS
        for i in np.flatnonzero((bucket >= buckets[0]) & (bucket < buckets[1])):
            effects = {edit.effect for edit in edits(statements[i], lexicon, rng)}
            if all(effects & set(wanted) for wanted in WANTED.values()):
                yield statements[i], int(batch.topics[i])


def _statement(row: list[int], rng) -> Statement:
    """The core of a sampled sentence's first clause, with quantifiers and negation drawn anew."""
    names = ("subj0", "verb0", "subj0.adj", "adv0", "obj0", "obj0.adj")
    words = (row[INDEX[name]] for name in names)
    noun, verb, adjective, adverb, thing, like = (None if w == EMPTY else w for w in words)
    form, quantifier = _pick(list(FORMS.values()), rng), _pick(("some", "every"), rng)
    quantifier = None if thing is None else quantifier
    return Statement(*form, noun, verb, adjective, adverb, quantifier, thing, like)


def _rows(statements: list[Statement], lexicon: Lexicon) -> np.ndarray:
    """(statements, slots) the statements as sentences of the grammar."""
    rows = np.full((len(statements), len(SLOTS)), EMPTY, dtype=np.int32)
    determiner = dict(zip(DETERMINERS, lexicon.concepts["determiner"].tolist(), strict=True))
    for row, said in zip(rows, statements, strict=True):
        words = {
            "subj0.det": determiner[said.quantifier], "subj0.adj": said.adjective,
            "subj0": said.noun, "adv0": said.adverb, "verb0": said.verb,
            "neg0": lexicon.concepts["negation"][0] if said.negated else None,
            "obj0.det": determiner.get(said.object_quantifier),
            "obj0.adj": said.object_adjective, "obj0": said.object_noun, "stop": lexicon.full_stop,
        }  # fmt: skip
        for slot, word in words.items():
            row[INDEX[slot]] = EMPTY if word is None else word
    return rows
