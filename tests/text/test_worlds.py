"""Controlled worlds: every dial does what it says, and the gold is right."""

import hashlib
import time
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.spatial.distance import jensenshannon

from isomorph import config
from isomorph.text.grammar import ORDERS
from isomorph.text.lexicon import LETTERS, cumulative, scale_to_marginals
from isomorph.text.worlds import SPLITS, World

SMALL = {"training_sentences": 3000, "dev_sentences": 50, "test_sentences": 200}
WORLDS = [World(order=order, ambiguity=0.3, anchors=0.2, seed=3, **SMALL) for order in ORDERS]


@pytest.fixture(scope="module")
def small():
    return World(**SMALL)


@pytest.fixture(scope="module", params=WORLDS, ids=lambda world: world.order)
def world_and_gold(request):
    return request.param, request.param.sentences("test")


def frequencies(texts: list[str], words: list[str]) -> np.ndarray:
    counts = Counter(word for text in texts for word in text.split())
    return np.array([counts[word] for word in words], dtype=float)


# The corpus


def test_corpus_has_what_was_asked_for(small):
    corpus = small.corpus()
    assert corpus.languages == ("a", "b") and corpus.checksum == ""
    for language in "ab":
        assert len(corpus.train[language]) == 3000
        assert len(corpus.dev[language]) == 50
        assert len(set(corpus.test[language])) == 200
        letters = set("".join(LETTERS[language])) | set(" .")
        assert set("".join(corpus.train[language])) <= letters
        assert all(text.endswith(" .") for text in corpus.train[language])


def test_text_is_the_same_on_every_machine():
    corpus = World(order="verb-final", anchors=0.25, ambiguity=0.2, **SMALL).corpus()
    parts = [*corpus.train.values(), *corpus.dev.values(), *corpus.test.values()]
    text = "\n".join(line for part in parts for line in part)
    assert hashlib.sha256(text.encode()).hexdigest() == (
        "792dc0533c70ee54461a335a353b7a0bb4cf22abf0711871d69aaed5390769f2"
    )


def test_seed_decides_words_and_text(small):
    other = World(seed=1, **SMALL)
    assert other.lexicon().words != small.lexicon().words
    assert set(other.corpus().train["a"]).isdisjoint(small.corpus().train["a"])


def test_gold_records_are_the_corpus(world_and_gold):
    world, _ = world_and_gold
    corpus = world.corpus()
    for split in SPLITS:
        gold = world.sentences(split)
        texts = {"dev": corpus.dev, "test": corpus.test}.get(split, corpus.train)
        for language in split[-1] if split.startswith("train") else "ab":
            assert [sentence.text(language) for sentence in gold] == texts[language]


def test_no_sentence_is_seen_together_with_its_translation(world_and_gold):
    world, held_out = world_and_gold
    seen = {code: set(world.corpus().train[code]) for code in "ab"}
    held_out = held_out + world.sentences("dev")
    for split in ("train_a", "train_b"):
        other = {"train_a": "b", "train_b": "a"}[split]
        assert seen[other].isdisjoint(s.text(other) for s in world.sentences(split))
    for code in "ab":
        assert seen[code].isdisjoint(s.text(code) for s in held_out)


def test_a_parallel_world_says_the_same_in_both_languages(small):
    world = small.model_copy(update={"parallel": True})
    gold = world.sentences("train_a")
    assert gold == world.sentences("train_b")
    train = world.corpus().train
    for language in "ab":
        assert train[language] == [sentence.text(language) for sentence in gold]
    assert train["a"] == small.corpus().train["a"], "the text of the first language stays"
    assert world.corpus().test == small.corpus().test
    with pytest.raises(ValueError, match="parallel is True, which needs topic_overlap to be 1"):
        World(parallel=True, topic_overlap=0.5)


def test_less_text_is_the_beginning_of_more(small):
    longer = World(**(SMALL | {"training_sentences": 4000}))
    assert longer.corpus().train["b"][:3000] == small.corpus().train["b"]


def test_sampling_is_fast():
    began = time.process_time()
    World(training_sentences=50_000).corpus()
    assert time.process_time() - began < 10, "100,000 sentences take about 2.5 s on one core"


# The dials


@pytest.mark.parametrize("anchors", [0.0, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("ambiguity", [0.0, 0.4])
def test_anchors_are_the_share_of_words_spelt_alike(anchors, ambiguity):
    pairs = World(anchors=anchors, ambiguity=ambiguity).lexicon().pairs()
    shared = {source for source, _ in pairs} & {target for _, target in pairs}
    assert shared == {source for source, target in pairs if source == target}
    assert len(shared) == round(anchors * 120)


def test_all_anchors_and_the_same_order_make_one_language(small):
    world = World(anchors=1.0, **SMALL)
    assert all(s.tokens["a"] == s.tokens["b"] for s in world.sentences("test"))


@pytest.mark.parametrize("ambiguity", [0.0, 0.25, 1.0])
def test_ambiguity_is_the_share_of_words_with_two_translations(ambiguity):
    world = World(ambiguity=ambiguity, **SMALL)
    lexicon = world.lexicon()
    translations = Counter(source for source, _ in lexicon.pairs())
    assert len(translations) == world.lexemes and max(translations.values()) <= 2
    assert len({target for _, target in lexicon.pairs()}) == len(lexicon.pairs())
    for category in ("noun", "verb", "adjective"):
        words = {lexicon.words["a"][i] for i in lexicon.concepts[category]}
        ambiguous = sum(translations[word] == 2 for word in words)
        assert ambiguous == round(ambiguity * len(words))


def test_dials_leave_the_rest_as_it_was(small):
    plain = small.lexicon()
    moved = World(anchors=0.3, ambiguity=0.2, zipf_exponent=1.2, order="verb-final").lexicon()
    assert moved.words["a"][:120] == plain.words["a"][:120]
    same = [x == y for x, y in zip(moved.words["b"][:120], plain.words["b"], strict=False)]
    assert sum(same) == 120 - 36
    text = small.corpus().train["a"]
    assert World(anchors=0.3, order="verb-final", **SMALL).corpus().train["a"] == text


def test_topic_overlap_brings_the_languages_together():
    distances = []
    for overlap in (0.0, 0.25, 0.5, 0.75, 1.0):
        world = World(topic_overlap=overlap, **SMALL)
        corpus, pairs = world.corpus(), world.lexicon().pairs()
        words = {"a": [p[0] for p in pairs], "b": [p[1] for p in pairs]}
        counts = [frequencies(corpus.train[code], words[code]) for code in "ab"]
        distances.append(jensenshannon(*counts, base=2))
    assert all(near < far - 0.02 for far, near in pairwise(distances))
    assert distances[0] > 0.35 and distances[-1] < 0.06


@pytest.mark.parametrize("topics", [2, 3, 5])
def test_topic_mixtures(topics):
    disjoint = World(topics=topics, topic_overlap=0.0)
    a, b = disjoint.topic_mixture("a"), disjoint.topic_mixture("b")
    assert np.isclose(a.sum(), 1) and np.isclose(b.sum(), 1)
    assert np.allclose((a + b) / 2, 1 / topics)
    alike = World(topics=topics)
    assert np.allclose(alike.topic_mixture("a"), alike.topic_mixture("b"))


def test_zipf_exponent_is_the_slope_of_frequency_against_rank():
    for exponent in (0.3, 0.7, 1.2):
        world = World(zipf_exponent=exponent, topics=2, training_sentences=20_000)
        adverbs = world.lexicon().concepts["adverb"]
        words = [world.lexicon().words["a"][i] for i in adverbs]
        counts = np.sort(frequencies(world.corpus().train["a"], words))[::-1]
        slope = np.polyfit(np.log(np.arange(len(counts)) + 1), np.log(counts), 1)[0]
        assert abs(slope + exponent) < 0.15


def test_sharper_preferences_leave_fewer_partners():
    def partners(sharpness: float) -> float:
        table = World(selectional_sharpness=sharpness).lexicon().tables["subject"]
        shares = np.diff(table, axis=1, prepend=0)
        return float(np.exp(-(shares * np.log(np.maximum(shares, 1e-30))).sum(axis=1)).mean())

    loose, medium, sharp = partners(0.0), partners(2.0), partners(4.0)
    assert loose > 1.5 * medium > 2 * sharp > 2


def test_word_order_of_the_second_language():
    def positions(order):
        for sentence in World(order=order, **SMALL).sentences("test"):
            heads, relations = sentence.heads["b"], sentence.relations["b"]
            yield from ((i, heads[i], r) for i, r in enumerate(relations))

    for order in ORDERS:
        adjectives = {i > head for i, head, relation in positions(order) if relation == "amod"}
        objects = {i > head for i, head, relation in positions(order) if relation == "obj"}
        obliques = {i > head for i, head, relation in positions(order) if relation == "obl"}
        assert adjectives == {order in ("adjective-after-noun", "reversed")}
        assert objects == obliques == {order not in ("verb-final", "reversed")}


@pytest.mark.parametrize("lexemes", [64, 300, 2000])
def test_lexicon_sizes(lexemes):
    lexicon = World(lexemes=lexemes, ambiguity=0.5).lexicon()
    assert len({source for source, _ in lexicon.pairs()}) == lexemes
    assert {kind for kind in lexicon.entity_type.values()} == {"PER", "ORG", "LOC"}
    assert all(np.all(table[:, -1] == 1) for table in lexicon.tables.values())


def test_dictionary_is_split_by_source_word():
    dictionary = World(ambiguity=0.5, **SMALL).corpus().dictionary
    train, test = ({source for source, _ in dictionary[part]} for part in ("train", "test"))
    assert train.isdisjoint(test) and len(train) == len(test) == 60
    lexicon = World(ambiguity=0.5).lexicon()
    assert sorted(dictionary["train"] + dictionary["test"]) == sorted(lexicon.pairs())


# The tables behind the grammar


def test_scaling_sets_both_marginals():
    rng = np.random.default_rng(0)
    joint = rng.random((5, 7)) + 0.1
    rows, columns = rng.random(5) + 0.1, rng.random(7) + 0.1
    scaled = scale_to_marginals(joint, rows, columns)
    assert np.allclose(scaled.sum(axis=1), rows / rows.sum())
    assert np.allclose(scaled.sum(axis=0), columns / columns.sum())
    # The interaction is untouched: every 2 x 2 odds ratio stays.
    odds = [m[0, 0] * m[1, 1] / (m[0, 1] * m[1, 0]) for m in (joint, scaled)]
    assert np.isclose(*odds)
    assert np.allclose(cumulative(np.array([[1.0, 0.0, 3.0]])), [[0.25, 0.25, 1.0]])


# Bad input


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("anchors", 1.5, "less than or equal to 1"),
        ("anchors", float("nan"), "a finite number"),
        ("topic_overlap", -0.1, "greater than or equal to 0"),
        ("ambiguity", "much", "it must be a number"),
        ("zipf_exponent", -1, "greater than or equal to 0"),
        ("selectional_sharpness", True, "it must be a number"),
        ("lexemes", 10, "greater than or equal to 64"),
        ("training_sentences", 0, "greater than or equal to 1"),
        ("test_sentences", 2.5, "a valid integer"),
        ("seed", -1, "greater than or equal to 0"),
        ("order", "free", "'same', 'adjective-after-noun', 'verb-final' or 'reversed'"),
        ("topics", 9, "with 120 lexemes at most 8 are allowed"),
    ],
)
def test_impossible_worlds_are_refused_in_one_sentence(field, value, allowed):
    with pytest.raises(ValidationError) as refusal:
        World(**{field: value})
    said = config.sentence(refusal.value)
    assert said.startswith(f"{field} is {value!r}") and allowed in said and said.endswith(".")


def test_unknown_fields_splits_and_counts_are_refused(small):
    with pytest.raises(ValidationError, match="sentence_count"):
        World(sentence_count=5)
    with pytest.raises(ValueError, match="split is 'train'; allowed are 'train_a'"):
        small.sentences("train")
    with pytest.raises(ValueError, match="count is 0; 'test' allows 1 to 200"):
        small.sentences("test", 0)
    with pytest.raises(ValidationError, match="frozen"):
        small.seed = 4
