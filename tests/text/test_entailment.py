"""Entailment pairs: labels by construction against a judge that tries every small world."""

from collections import Counter
from functools import cache

import numpy as np
import pytest

from isomorph.text.entailment import EFFECTS, EXCLUDING, FORMS, Statement, edits
from isomorph.text.examples import LABELS
from isomorph.text.worlds import World
from tests.text.entailment_judge import judge

WORLD = World(order="verb-final", seed=5)
MATCHED = WORLD.model_copy(update={"premises": "matched"})
ANIMAL, DOG, CAT, OLD, BARKS, SEES, LOUDLY = range(7)
ABOVE = {DOG: ANIMAL, CAT: ANIMAL}


@pytest.fixture(scope="module")
def pairs():
    return WORLD.entailment_pairs("train", 900)


def says(quantifier, noun, negated=False, **more):
    return Statement(quantifier=quantifier, negated=negated, noun=noun, **({"verb": BARKS} | more))


# Textbook cases, so that the judge itself is known to be right.
KNOWN = [
    (says("every", ANIMAL), says("every", DOG), "entailment"),
    (says("every", DOG), says("every", ANIMAL), "neutral"),
    (says("some", DOG), says("some", ANIMAL), "entailment"),
    (says("some", ANIMAL), says("some", DOG), "neutral"),
    (says("no", ANIMAL), says("no", DOG), "entailment"),
    (says("no", DOG), says("some", DOG), "contradiction"),
    (says("every", DOG), says("some", DOG), "entailment"),
    (says("every", ANIMAL), says("some", DOG, negated=True), "contradiction"),
    (says("some", DOG), says("some", DOG, negated=True), "neutral"),
    (says("no", DOG), says("every", DOG, negated=True), "entailment"),
    (says("some", DOG), says("some", CAT), "neutral"),
    (says("every", DOG), says("every", DOG, adjective=OLD), "entailment"),
    (says("some", DOG, adverb=LOUDLY), says("some", DOG), "entailment"),
    (says("no", DOG, adverb=LOUDLY), says("no", DOG), "neutral"),
    (
        says("no", DOG, verb=SEES, object_quantifier="some", object_noun=ANIMAL),
        says("no", DOG, verb=SEES, object_quantifier="some", object_noun=CAT),
        "entailment",
    ),
    (
        says("every", DOG, verb=SEES, object_quantifier="every", object_noun=CAT),
        says("every", DOG, verb=SEES, object_quantifier="some", object_noun=ANIMAL),
        "entailment",
    ),
    (
        says("every", DOG, verb=SEES, object_quantifier="some", object_noun=CAT),
        says("some", DOG, True, verb=SEES, object_quantifier="every", object_noun=CAT),
        "neutral",
    ),
]


@pytest.mark.parametrize(("premise", "hypothesis", "label"), KNOWN)
def test_judge_knows_textbook_cases(premise, hypothesis, label):
    assert judge(premise, hypothesis, ABOVE) == label


def test_three_individuals_tell_no_more_than_two():
    for premise, hypothesis, label in KNOWN[:14]:
        assert judge(premise, hypothesis, ABOVE, individuals=3) == label


def test_table_of_forms_agrees_with_the_judge():
    effect = {
        (form, other): name
        for name, table in (EFFECTS | {"excluding": EXCLUDING}).items()
        for form, others in table.items()
        for other in others
    }
    said = {letter: says(form[0], DOG, form[1]) for letter, form in FORMS.items()}
    assert set(effect) == {(form, other) for form in FORMS for other in FORMS if form != other}
    for (form, other), name in effect.items():
        both = [judge(said[x], said[y], ABOVE) for x, y in ((other, form), (form, other))]
        assert meaning_of_edit(*both) == name


def meaning_of_edit(forward: str, backward: str) -> str:
    """What an edit did, from the labels result -> original and original -> result."""
    if forward == "contradiction":
        return "excluding"
    return {
        ("entailment", "entailment"): "equivalent",
        ("entailment", "neutral"): "stronger",
        ("neutral", "entailment"): "weaker",
        ("neutral", "neutral"): "independent",
    }[forward, backward]


def test_every_edit_does_what_it_says(pairs):
    lexicon, rng = WORLD.lexicon(), np.random.default_rng(0)
    kinds = Counter()
    for pair in pairs[:40]:
        original = pair.statements[1]
        for edit in edits(original, lexicon, rng):
            forward = judge(edit.result, original, lexicon.hypernym)
            backward = judge(original, edit.result, lexicon.hypernym)
            assert meaning_of_edit(forward, backward) == edit.effect
            kinds[edit.place, edit.effect] += 1
    assert len(kinds) == 9  # subject 4, verb 2, object 3


def test_labels_agree_with_the_judge(pairs):
    hypernym = WORLD.lexicon().hypernym
    for pair in pairs[:450]:
        assert judge(*pair.statements, hypernym) == pair.label


def test_labels_are_balanced_and_premises_differ(pairs):
    assert Counter(pair.label for pair in pairs) == dict.fromkeys(LABELS, 300)
    assert all(pair.premise.tokens["a"] != pair.hypothesis.tokens["a"] for pair in pairs)


DEVIATION = np.sqrt(2 / 9 / 900)  # of the accuracy at chance on 900 pairs


@cache
def parts(world: World) -> list[list]:
    return [world.entailment_pairs("train", 1500), world.entailment_pairs("test", 900)]


def read_off(world: World, view, classifier=None) -> float:
    """What a bag-of-words classifier scores on texts made of pairs by `view`."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    train, test = parts(world)
    classifier = LogisticRegression(max_iter=300) if classifier is None else classifier
    model = make_pipeline(CountVectorizer(), classifier)
    model.fit([view(pair) for pair in train], [pair.label for pair in train])
    return model.score([view(pair) for pair in test], [pair.label for pair in test])


def premise(pair) -> str:
    return pair.premise.text("a")


def hypothesis(pair) -> str:
    return pair.hypothesis.text("a")


def both(pair) -> str:
    return " ".join([*(f"p{w}" for w in pair.premise.tokens["a"]), pair.hypothesis.text("a")])


def test_hypothesis_alone_says_nothing_and_the_premise_something():
    assert read_off(WORLD, hypothesis) < 1 / 3 + 4 * DEVIATION
    assert read_off(WORLD, premise) > 0.42
    assert read_off(WORLD, both) > 1 / 3 + 4 * DEVIATION


def test_matched_premises_say_nothing_and_the_pair_something():
    from sklearn.ensemble import RandomForestClassifier

    assert read_off(MATCHED, hypothesis) < 1 / 3 + 3 * DEVIATION
    assert read_off(MATCHED, premise) < 1 / 3 + 3 * DEVIATION
    forest = RandomForestClassifier(100, random_state=0)
    assert read_off(MATCHED, both, forest) > 0.5, "what is asked can be learnt"
    assert read_off(MATCHED, premise, forest) < 0.42, "words together tell hardly more"


def test_matched_premises_have_the_labels_that_they_are_said_to_have():
    drawn, hypernym = MATCHED.entailment_pairs("dev", 240), MATCHED.lexicon().hypernym
    assert Counter(pair.label for pair in drawn) == dict.fromkeys(LABELS, 80)
    for pair in drawn:
        assert judge(*pair.statements, hypernym) == pair.label
        assert pair.statements[0] != pair.statements[1]
    assert MATCHED.entailment_pairs("dev", 30) == drawn[:30]
    forms = Counter((pair.statements[0].form, pair.label) for pair in parts(MATCHED)[0])
    for form in FORMS.values():
        shares = [forms[form, label] for label in LABELS]
        assert max(shares) - min(shares) <= 12, (form, shares)


def test_free_premises_are_those_that_recorded_runs_read():
    """Of the default world; rows were recorded on these very pairs."""
    import hashlib

    drawn = World().entailment_pairs("train", 300)
    text = "\n".join(f"{p.premise.text('b')}|{p.hypothesis.text('a')}|{p.label}" for p in drawn)
    assert (
        hashlib.sha256(text.encode()).hexdigest()
        == "97a050bacf1bfdc799f4fdac16c497eed3e08f409cd5d5aaf0165344fe6ce4f6"
    )
    assert '"premises"' not in World().model_dump_json(exclude_defaults=True)


def test_gold_in_both_languages(pairs):
    entries = {*WORLD.lexicon().pairs(), (".", ".")}
    for pair in pairs[:100]:
        for sentence in (pair.premise, pair.hypothesis):
            a, b = sentence.tokens["a"], sentence.tokens["b"]
            assert {(a[i], b[j]) for i, j in sentence.alignment} <= entries
            assert sentence.relations["b"][-2] == "root"  # verb-final


def test_splits_share_no_hypothesis(pairs):
    seen = {pair.hypothesis.text("a") for pair in pairs}
    for split in ("dev", "test"):
        assert seen.isdisjoint(p.hypothesis.text("a") for p in WORLD.entailment_pairs(split, 100))


def test_same_seed_same_pairs_and_fewer_are_the_first(pairs):
    assert WORLD.entailment_pairs("train", 30) == pairs[:30]


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="split is 'train_a'; allowed are 'train', 'dev', 'test'"):
        WORLD.entailment_pairs("train_a", 3)
    with pytest.raises(ValueError, match="count is 0; entailment dev allows 1 to"):
        WORLD.entailment_pairs("dev", 0)
    with pytest.raises(ValueError, match="hypothesis has verb 5; allowed is the premise's, 4"):
        judge(says("some", DOG), says("some", DOG, verb=SEES), ABOVE)
