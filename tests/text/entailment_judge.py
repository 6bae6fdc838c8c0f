"""What simple sentences of a controlled world mean: a slow judge of entailment between them.

It tries every possible state of a world of a few individuals, knows what the words mean and nothing
of how pairs are made.
"""

from functools import cache
from itertools import combinations, product

from isomorph.text.entailment import Statement


def judge(
    premise: Statement, hypothesis: Statement, hypernym: dict[int, int], individuals: int = 2
) -> str:
    """The label of a pair, by trying every possible state of a world of a few individuals.

    hypernym: noun -> the noun that contains it.  individuals: how many there are in each state;
    two tell apart all that one quantifier over subjects and one over objects can say.
    Both statements must have the same verb.  This is the reference for the labels of
    entailment.draw_pairs: it knows what the words mean and nothing of how pairs are made.
    """
    if premise.verb != hypothesis.verb:
        raise ValueError(
            f"hypothesis has verb {hypothesis.verb}; allowed is the premise's, {premise.verb}."
        )
    some_agree = some_differ = False
    for extensions in _extensions(premise, hypothesis, hypernym, individuals):
        for relations in _relations(premise, hypothesis, individuals):
            if _holds(*_meaning(premise), extensions[:2], relations[0]):
                agree = _holds(*_meaning(hypothesis), extensions[2:], relations[1])
                some_agree, some_differ = some_agree or agree, some_differ or not agree
    if some_agree and some_differ:
        return "neutral"
    return "entailment" if some_agree else "contradiction"


def _extensions(premise, hypothesis, hypernym, individuals) -> set[tuple[frozenset[int], ...]]:
    """All ways to say whom the four noun phrases are about: premise's subject and object, then
    the hypothesis's.  None is empty; a missing object is about everyone."""
    phrases = [
        {statement.noun, statement.adjective} - {None} for statement in (premise, hypothesis)
    ]
    objects = [
        {statement.object_noun, statement.object_adjective} - {None}
        for statement in (premise, hypothesis)
    ]
    phrases = [phrases[0], objects[0], phrases[1], objects[1]]
    properties = sorted(set().union(*phrases))
    kinds = [
        kind
        for size in range(len(properties) + 1)
        for kind in map(set, combinations(properties, size))
        if all(
            hypernym.get(word) in kind | {None} or hypernym[word] not in properties for word in kind
        )
    ]
    found = {
        tuple(
            frozenset(i for i in range(individuals) if phrase <= population[i])
            for phrase in phrases
        )
        for population in product(kinds, repeat=individuals)
    }
    return {extensions for extensions in found if all(extensions)}


@cache
def _subsets(individuals: int, transitive: bool) -> tuple[frozenset, ...]:
    everyone = range(individuals)
    events = list(product(everyone, everyone)) if transitive else [(i, i) for i in everyone]
    sizes = range(len(events) + 1)
    return tuple(frozenset(chosen) for n in sizes for chosen in combinations(events, n))


def _relations(premise, hypothesis, individuals) -> set[tuple[frozenset, frozenset]]:
    """All ways to say who does it to whom, in the premise and in the hypothesis.

    An adverb picks some of the verb's events; an intransitive verb relates one to oneself.
    """
    subsets = _subsets(individuals, premise.object_noun is not None)
    if premise.adverb == hypothesis.adverb:
        return {(events, events) for events in subsets}
    found = set()
    for events, manner in product(subsets, subsets):
        picked = events & manner
        if premise.adverb is None:
            found.add((events, picked))
        elif hypothesis.adverb is None:
            found.add((picked, events))
        else:
            raise ValueError(
                "adverb differs between the statements; allowed is one of them without."
            )
    return found


def _meaning(statement: Statement) -> tuple[str, bool, str | None]:
    return statement.quantifier, statement.negated, statement.object_quantifier


@cache
def _holds(quantifier, negated, object_quantifier, about, events) -> bool:
    subjects, objects = about
    true_of = []
    for subject in sorted(subjects):
        if object_quantifier is None:
            does = (subject, subject) in events
        elif object_quantifier == "some":
            does = any((subject, thing) in events for thing in objects)
        else:
            does = all((subject, thing) in events for thing in objects)
        true_of.append(does != negated)
    return {"some": any(true_of), "every": all(true_of), "no": not any(true_of)}[quantifier]
