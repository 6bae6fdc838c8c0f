"""Which kind of word stands where: known answers from models whose vectors are put there by hand."""

import numpy as np
import pandas as pd
import pytest
import torch

from isomorph.measure.roles import nearest_categories, same_category
from isomorph.models.encoder import BilingualConfig
from isomorph.models.masked_lm import BilingualMaskedLM
from isomorph.text.vocab import VocabularyConfig, learn
from isomorph.text.worlds import World

WORLD = World(seed=0, lexemes=64, training_sentences=600, dev_sentences=10, test_sentences=10)


@pytest.fixture(scope="module")
def read():
    """The vocabulary, and a model with two embedding matrices and nothing else that matters."""
    vocabulary = learn(VocabularyConfig(size=400, anchors="default"), WORLD.corpus().train)
    torch.manual_seed(0)
    config = BilingualConfig(
        vocabulary=vocabulary.size, languages=("a", "b"), layers=1, width=32, heads=2, length=32,
        dropout=0.0, specific=("embeddings",),
    )  # fmt: skip
    model = BilingualMaskedLM(config).eval()
    with torch.no_grad():
        model.encoder.positions.of("a").weight.zero_()
    return vocabulary, model


def place(vocabulary, model, places):
    """Give the word of "b" of each concept the vector of the word of "a" in `places`.

    Words of several subwords get the same vector for each of them.
    """
    lexicon = WORLD.lexicon()
    generator = np.random.default_rng(0)
    vectors = torch.tensor(generator.normal(size=(len(lexicon.word_ids), 32))).float()
    taken = {"a": range(len(vectors)), "b": places}
    with torch.no_grad():
        for language, words in lexicon.words.items():
            matrix = model.encoder.embeddings.of(language).weight
            for concept, word in enumerate(words):
                (pieces,) = vocabulary.encode(language, [word])
                matrix[pieces] = vectors[taken[language][concept]]


def single(vocabulary):
    """Whether every word is one subword in its language, so that none disturbs another."""
    words = WORLD.lexicon().words
    return all(len(ids) == 1 for name, own in words.items() for ids in vocabulary.encode(name, own))


def test_words_in_their_own_places_are_all_of_their_category(read):
    vocabulary, model = read
    assert single(vocabulary)
    place(vocabulary, model, range(len(WORLD.lexicon().word_ids)))
    table = nearest_categories(model, vocabulary.tokenizer, WORLD, layer=0)
    assert list(table.index) == list(table.columns) == [*WORLD.lexicon().concepts, "full stop"]
    assert same_category(table)[0] == 1
    sizes = {name: len(own) for name, own in WORLD.lexicon().concepts.items()}
    # Rare words may not occur in these sentences.
    assert all(0 < table.loc[name, name] <= size for name, size in sizes.items())


def test_categories_that_have_changed_places_are_found_out(read):
    vocabulary, model = read
    concepts = WORLD.lexicon().concepts
    places = list(range(len(WORLD.lexicon().word_ids)))
    for own, other in (("adjective", "verb"), ("verb", "adjective")):
        for i, concept in enumerate(concepts[own]):
            places[concept] = int(concepts[other][i % len(concepts[other])])
    place(vocabulary, model, places)
    table = nearest_categories(model, vocabulary.tokenizer, WORLD, layer=0)
    assert table.loc["adjective", "verb"] == table.loc["adjective"].sum() > 0
    assert table.loc["verb", "adjective"] == table.loc["verb"].sum() > 0
    assert table.loc["noun", "noun"] == table.loc["noun"].sum() > 0
    moved = table.loc[["adjective", "verb"]].to_numpy().sum()
    assert same_category(table)[0] == pytest.approx(1 - moved / table.to_numpy().sum())


def test_each_languages_own_mean_does_not_matter(read):
    vocabulary, model = read
    place(vocabulary, model, range(len(WORLD.lexicon().word_ids)))
    with torch.no_grad():
        # Small, since the normalisation of the embeddings makes more of a shift than a shift.
        shift = torch.randn(32, generator=torch.Generator().manual_seed(0))
        model.encoder.embeddings.of("b").weight += 0.5 * shift
    table = nearest_categories(model, vocabulary.tokenizer, WORLD, layer=0)
    assert same_category(table)[0] == 1


def test_chance_is_that_of_two_words_drawn_at_random():
    table = pd.DataFrame([[0, 3], [1, 0]])
    assert same_category(table) == (0, pytest.approx((9 + 1) / 16))


def test_bad_input_is_told_in_a_sentence(read):
    vocabulary, model = read
    with pytest.raises(ValueError, match="sentences is 0, but must be at least 1"):
        nearest_categories(model, vocabulary.tokenizer, WORLD, layer=0, sentences=0)
    with pytest.raises(ValueError, match="counts no word"):
        same_category(pd.DataFrame([[0, 0], [0, 0]]))
