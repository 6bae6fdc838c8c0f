"""The gold of controlled worlds: alignment, trees and entities are right in both languages."""

from collections import Counter

import numpy as np
import pytest

from isomorph.text.grammar import ORDERS
from isomorph.text.worlds import World

SMALL = {"training_sentences": 3000, "dev_sentences": 50, "test_sentences": 200}
WORLDS = [World(order=order, ambiguity=0.3, anchors=0.2, seed=3, **SMALL) for order in ORDERS]


@pytest.fixture(scope="module", params=WORLDS, ids=lambda world: world.order)
def world_and_gold(request):
    return request.param, request.param.sentences("test")


def test_aligned_tokens_are_dictionary_entries(world_and_gold):
    world, gold = world_and_gold
    entries = {*world.lexicon().pairs(), (".", ".")}
    for sentence in gold:
        a, b = sentence.tokens["a"], sentence.tokens["b"]
        assert sorted(i for i, _ in sentence.alignment) == list(range(len(a)))
        assert sorted(j for _, j in sentence.alignment) == list(range(len(b)))
        assert {(a[i], b[j]) for i, j in sentence.alignment} <= entries


def test_trees_are_projective_and_the_same_in_both_languages(world_and_gold):
    _, gold = world_and_gold
    for sentence in gold:
        to_b = dict(sentence.alignment) | {-1: -1}
        for i, head in enumerate(sentence.heads["a"]):
            assert sentence.heads["b"][to_b[i]] == to_b[head]
            assert sentence.relations["b"][to_b[i]] == sentence.relations["a"][i]
        for language in "ab":
            heads, relations = sentence.heads[language], sentence.relations[language]
            assert [r for r, h in zip(relations, heads, strict=True) if h == -1] == ["root"]
            above = [ancestors(heads, i) for i in range(len(heads))]  # fails on a cycle
            for i, head in enumerate(heads):
                between = range(min(i, head) + 1, max(i, head)) if head >= 0 else ()
                assert all(head in above[k] for k in between)


def ancestors(heads: tuple[int, ...], token: int) -> list[int]:
    path = []
    while heads[token] != -1:
        token = heads[token]
        assert token not in path
        path.append(token)
    return path


def test_entity_spans_hold_names_and_nothing_else(world_and_gold):
    world, gold = world_and_gold
    lexicon = world.lexicon()
    parts = {"PER": ("given", "family"), "ORG": ("family", "suffix"), "LOC": ("place",)}
    kinds = Counter()
    for language in "ab":
        words = {
            name: {lexicon.words[language][i] for i in ids}
            for name, ids in lexicon.concepts.items()
        }
        names = set().union(*(words[c] for c in ("given", "family", "place", "suffix")))
        for sentence in gold:
            covered = set()
            for start, end, kind in sentence.entities[language]:
                named = sentence.tokens[language][start:end]
                if language == "b" and world.order == "reversed":
                    named = named[::-1]
                for token, part in zip(named, parts[kind], strict=False):
                    assert token in words[part]
                covered |= set(range(start, end))
                kinds[kind, end - start] += 1
            is_name = {i for i, token in enumerate(sentence.tokens[language]) if token in names}
            assert covered == is_name
    assert set(kinds) == {("PER", 1), ("PER", 2), ("ORG", 2), ("LOC", 1)}


def test_context_identifies_every_word():
    """Necessary for any alignment to emerge: a word's company, counted in one language and
    translated, is nearest to the company of its translation in the other."""
    world = World(training_sentences=15_000)
    corpus, lexicon = world.corpus(), world.lexicon()
    profiles = [company(corpus.train[code], lexicon.words[code]) for code in "ab"]
    nearest = (profiles[0] @ profiles[1].T).argmax(axis=1)
    assert (nearest == np.arange(len(nearest))).mean() > 0.95
    blind = World(training_sentences=15_000, selectional_sharpness=0.0)
    corpus, lexicon = blind.corpus(), blind.lexicon()
    profiles = [company(corpus.train[code], lexicon.words[code]) for code in "ab"]
    nearest = (profiles[0] @ profiles[1].T).argmax(axis=1)
    assert (nearest == np.arange(len(nearest))).mean() < 0.5


def company(texts: list[str], words: tuple[str, ...], window: int = 4) -> np.ndarray:
    """Rows of centred, normalised positive pointwise mutual information."""
    index = {word: i for i, word in enumerate(words)}
    counts = np.full((len(words), len(words)), 1e-9)
    for text in texts:
        ids = [index[word] for word in text.split()]
        for distance in range(1, window + 1):
            for x, y in zip(ids, ids[distance:], strict=False):
                counts[x, y] += 1
                counts[y, x] += 1
    joint = counts / counts.sum()
    marginal = joint.sum(axis=1)
    information = np.maximum(np.log(joint / np.outer(marginal, marginal)), 0)
    information -= information.mean(axis=0)
    return information / np.linalg.norm(information, axis=1, keepdims=True)
