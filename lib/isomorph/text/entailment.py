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
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from isomorph.text.corpora import require
from isomorph.text.grammar import EMPTY, INDEX, SLOTS, Batch, Sentence, gold, sample, spelling_hash
from isomorph.text.lexicon import DETERMINERS, Lexicon
from isomorph.text.tables import require_count

LABELS = ("entailment", "neutral", "contradiction")
SPLITS = {"train": (2, 16), "dev": (0, 1), "test": (1, 2)}  # hash buckets of the hypothesis
BUCKETS = 16
MOST = 10_000_000  # pairs; there is no end of them
DRAWN_AT_ONCE = 5000  # part of the definition of the pairs, like the seed
SECOND_EDIT = 0.5  # how often a premise is two edits away, so that word overlap tells less

# Quantifier and negation of a sentence, e.g. ("some", True) for "some dog does not sleep", and
# the forms that follow from it, imply it, say the same, exclude it, or are independent of it.
FORMS = (("some", False), ("every", False), ("no", False), ("some", True), ("every", True))
WEAKER = {
    ("every", False): [("some", False)],
    ("no", False): [("some", True)],
    ("every", True): [("some", True)],
}
STRONGER = {
    ("some", False): [("every", False)],
    ("some", True): [("every", True), ("no", False)],
}
EQUIVALENT = {("no", False): [("every", True)], ("every", True): [("no", False)]}
EXCLUDING = {
    ("some", False): [("no", False), ("every", True)],
    ("every", False): [("some", True), ("no", False), ("every", True)],
    ("no", False): [("some", False), ("every", False)],
    ("some", True): [("every", False)],
    ("every", True): [("some", False), ("every", False)],
}
INDEPENDENT = {("some", False): [("some", True)], ("some", True): [("some", False)]}
EFFECTS = {
    "stronger": STRONGER, "weaker": WEAKER, "equivalent": EQUIVALENT, "independent": INDEPENDENT,
}  # fmt: skip
DIRECTION = {True: "stronger", False: "weaker"}
# A contradiction changes the second of these; so each is asked for as often, in turn, where premises
# are matched: their number and that of the labels have no common divisor.
KINDS = ((True, False), (False, False), (True, True), (False, True))


@dataclass(frozen=True)
class Statement:
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

    def with_form(self, form: tuple[str, bool]) -> Statement:
        return replace(self, quantifier=form[0], negated=form[1])


@dataclass(frozen=True)
class Edit:
    """One change of a statement: where ("subject", "verb", "object"), and what it does to it.

    effect: "stronger" (the result implies the original and not the reverse), "weaker" (the
    reverse), "equivalent", or "independent".
    """

    place: str
    effect: str
    result: Statement


@dataclass(frozen=True)
class Pair:
    """A premise and a hypothesis, each in both languages, and their relation."""

    premise: Sentence
    hypothesis: Sentence
    label: str
    """"entailment", "neutral" or "contradiction"."""
    statements: tuple[Statement, Statement]
    """What the premise and the hypothesis say."""


def draw_pairs(
    lexicon: Lexicon,
    *,
    order: str,
    topics: int,
    split: str,
    count: int,
    seed: int,
    premises: str = "free",
) -> list[Pair]:
    """Draw ``count`` pairs whose labels are LABELS in turn; see worlds.World.entailment_pairs.

    premises: "free" or "matched", see worlds.World.premises.
    """
    require("split", split, tuple(SPLITS))
    require_count(count, MOST, f"entailment {split}")
    rng = np.random.default_rng([seed, 7, SPLITS[split][0]])
    found: list[tuple[Statement, Statement]] = []
    from_topics: list[int] = []
    match = Match(lexicon) if premises == "matched" else None
    for hypothesis, topic in _hypotheses(lexicon, topics, SPLITS[split], rng):
        if len(found) == count:
            break
        label = LABELS[len(found) % 3]
        if match is None:
            premise = premise_for(hypothesis, label, lexicon, rng)
        elif _kind(hypothesis) == KINDS[len(found) % len(KINDS)]:
            premise = match.premise(hypothesis, label, rng)
        else:
            continue
        found.append((premise, hypothesis))
        from_topics.append(topic)
    topics = np.array(from_topics)
    premises, hypotheses = (
        gold(Batch(_rows(statements, lexicon), topics), lexicon, order)
        for statements in zip(*found, strict=True)
    )
    return [Pair(premises[i], hypotheses[i], LABELS[i % 3], found[i]) for i in range(count)]


def premise_for(hypothesis: Statement, label: str, lexicon: Lexicon, rng) -> Statement:
    """A statement which stands in the relation ``label`` to the hypothesis."""
    premise, place = _pick(_first_edits(hypothesis, label, lexicon, rng), rng)
    if rng.random() < SECOND_EDIT:
        options = _second_edits(premise, place, label, lexicon, rng)
        premise = _pick(options, rng) if options else premise
    return premise


def _first_edits(hypothesis, label, lexicon, rng) -> list[tuple[Statement, str | None]]:
    """Statements one edit away that stand in the relation, and the place of the edit."""
    if label == "contradiction":
        return [(hypothesis.with_form(form), None) for form in EXCLUDING[hypothesis.form]]
    wanted = {
        "entailment": ("stronger", "equivalent"),
        "neutral": ("weaker", "independent"),
    }[label]
    found = edits(hypothesis, lexicon, rng)
    return [(edit.result, edit.place) for edit in found if edit.effect in wanted]


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
        own, others = self.seen[label], [self.seen[name] for name in LABELS if name != label]

        def lead(option: int) -> float:
            return sum(
                2 * own[name] - sum(seen[name] for seen in others) for name in features[option]
            )

        best = min(rng.permutation(len(options)).tolist(), key=lead)
        own.update(features[best])
        return options[best]

    def _features(self, statement: Statement) -> list[tuple]:
        above = self.lexicon.hypernym
        words = (
            statement.noun, statement.adjective, statement.adverb,
            statement.object_noun, statement.object_adjective,
        )  # fmt: skip
        kinds = tuple(
            (word in above) if place in (0, 3) and word is not None else word is not None
            for place, word in enumerate(words)
        )
        whole = enumerate((statement.form, statement.object_quantifier, *kinds))
        return [*combinations(whole, 2), *((p, w) for p, w in enumerate(words) if w is not None)]


def _kind(statement: Statement) -> tuple[bool, bool]:
    """Whether a statement is of some (or every), and whether it denies."""
    negative = (statement.quantifier == "no") != statement.negated
    return statement.quantifier == "some", negative


def edits(statement: Statement, lexicon: Lexicon, rng) -> list[Edit]:
    """Every kind of edit the statement allows, with one word drawn for each kind that needs one."""
    found = [
        Edit("subject", effect, statement.with_form(form))
        for effect, table in EFFECTS.items()
        for form in table.get(statement.form, ())
    ]
    upward = statement.quantifier == "some"
    found += _phrase_edits(statement, "subject", "noun", "adjective", upward, lexicon, rng)
    # Saying more of the subject strengthens a positive sentence and weakens a negative one.
    positive = (statement.quantifier != "no") != statement.negated
    if statement.adverb is None:
        adverb = _pick(lexicon.concepts["adverb"], rng)
        found.append(Edit("verb", DIRECTION[positive], replace(statement, adverb=adverb)))
    else:
        found.append(Edit("verb", DIRECTION[not positive], replace(statement, adverb=None)))
    if statement.object_noun is not None:
        some = statement.object_quantifier == "some"
        other = replace(statement, object_quantifier="every" if some else "some")
        found.append(Edit("object", DIRECTION[positive == some], other))
        found += _phrase_edits(
            statement, "object", "object_noun", "object_adjective", positive == some, lexicon, rng
        )
    return found


def _phrase_edits(statement, place, noun_field, adjective_field, upward, lexicon, rng):
    """Edits of one noun phrase; ``upward``: a narrower phrase makes the sentence stronger."""
    noun, adjective = getattr(statement, noun_field), getattr(statement, adjective_field)
    hypernym = lexicon.hypernym.get(noun)
    if hypernym is None:
        hyponyms = [word for word, above in lexicon.hypernym.items() if above == noun]
        narrower = replace(statement, **{noun_field: _pick(hyponyms, rng)})
        yield Edit(place, DIRECTION[upward], narrower)
    else:
        yield Edit(place, DIRECTION[not upward], replace(statement, **{noun_field: hypernym}))
        sisters = [w for w, above in lexicon.hypernym.items() if above == hypernym and w != noun]
        sister = replace(statement, **{noun_field: _pick(sisters, rng)})
        yield Edit(place, "independent", sister)
    if adjective is None:
        row = lexicon.tables["adjective"][np.searchsorted(lexicon.concepts["noun"], noun)]
        drawn = lexicon.concepts["adjective"][int((row[:-1] <= rng.random()).sum())]
        yield Edit(place, DIRECTION[upward], replace(statement, **{adjective_field: int(drawn)}))
    else:
        yield Edit(place, DIRECTION[not upward], replace(statement, **{adjective_field: None}))


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
            if effects & {"stronger", "equivalent"} and effects & {"weaker", "independent"}:
                yield statements[i], int(batch.topics[i])


def _statement(row: list[int], rng) -> Statement:
    """The core of a sampled sentence's first clause, with quantifiers and negation drawn anew."""
    names = ("subj0", "verb0", "subj0.adj", "adv0", "obj0", "obj0.adj")
    words = (row[INDEX[name]] for name in names)
    noun, verb, adjective, adverb, thing, like = (None if w == EMPTY else w for w in words)
    form, quantifier = _pick(FORMS, rng), _pick(("some", "every"), rng)
    quantifier = None if thing is None else quantifier
    return Statement(*form, noun, verb, adjective, adverb, quantifier, thing, like)


def _rows(statements: list[Statement], lexicon: Lexicon) -> np.ndarray:
    """(statements, slots) the statements as sentences of the grammar."""
    rows = np.full((len(statements), len(SLOTS)), EMPTY, dtype=np.int32)
    determiner = dict(zip(DETERMINERS, lexicon.concepts["determiner"].tolist(), strict=True))
    for row, statement in zip(rows, statements, strict=True):
        words = {
            "subj0.det": determiner[statement.quantifier], "subj0.adj": statement.adjective,
            "subj0": statement.noun, "adv0": statement.adverb, "verb0": statement.verb,
            "neg0": lexicon.concepts["negation"][0] if statement.negated else None,
            "obj0.det": determiner.get(statement.object_quantifier),
            "obj0.adj": statement.object_adjective, "obj0": statement.object_noun,
            "stop": lexicon.full_stop,
        }  # fmt: skip
        for slot, word in words.items():
            row[INDEX[slot]] = EMPTY if word is None else word
    return rows
