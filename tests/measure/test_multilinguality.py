"""The whole battery on a model that was built to be multilingual, and on one that was not."""

from dataclasses import dataclass, field

import pytest
import torch

from isomorph.measure.multilinguality import measure_multilinguality
from isomorph.models.encoder import BilingualConfig
from isomorph.models.masked_lm import BilingualMaskedLM

from .conftest import make_tokenizer

LEXEMES = 40
SOURCE = [f"a{i:02}" for i in range(LEXEMES)]
TARGET = [f"b{i:02}" for i in range(LEXEMES)]
EVERYWHERE = range(5)  # layers


@dataclass
class Text:
    """What the measure reads of a corpus: a language and its copy in other words."""

    languages: tuple = ("a", "b")
    train: dict = field(default_factory=dict)
    test: dict = field(default_factory=dict)
    dictionary: dict = field(default_factory=dict)


def random_corpus(names=None, count=60):
    names = names or {"a": SOURCE, "b": TARGET}
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randint(LEXEMES, (3, count, 7), generator=generator).tolist()

    def write(language, sentences):
        return [" ".join(names[language][word] for word in sentence) for sentence in sentences]

    pairs = list(zip(names["a"], names["b"], strict=True))
    return Text(
        train={"a": write("a", drawn[1]), "b": write("b", drawn[2])},
        test={"a": write("a", drawn[0]), "b": write("b", drawn[0])},
        dictionary={"train": pairs[::2], "test": pairs[1::2]},
    )


def make_model(words, multilingual):
    torch.manual_seed(0)
    model = BilingualMaskedLM(
        BilingualConfig(
            vocabulary=5 + words, languages=("a", "b"), layers=4, width=32, heads=2, length=32
        )
    )
    with torch.no_grad():
        rows = model.encoder.embeddings.of("a").weight
        rows.normal_()  # far from the positions, so that words can be told from each other
        if multilingual:
            rows[5 + LEXEMES :] = rows[5 : 5 + LEXEMES]
    return model


def by_metric(records):
    values = {}
    for record in records:
        assert set(record) == {"metric", "layer", "value"}
        key = (record["metric"], record["layer"])
        assert key not in values
        values[key] = record["value"]
    return values


@pytest.fixture(scope="module")
def tokenizer():
    return make_tokenizer([*SOURCE, *TARGET])


@pytest.fixture(scope="module")
def perfect(tokenizer):
    model = make_model(2 * LEXEMES, multilingual=True)
    return by_metric(measure_multilinguality(model, tokenizer, random_corpus()))


def test_every_measure_is_there_at_its_layers(perfect):
    layers = {}
    for metric, layer in perfect:
        layers.setdefault(metric, []).append(layer)
    once = {name: [None] for name in ("multilinguality", "retrieval_p1_chance")}
    assert layers == once | {
        "retrieval_p1": [*EVERYWHERE],
        "retrieval_mrr": [*EVERYWHERE],
        "retrieval_p1_centred": [*EVERYWHERE],
        "retrieval_p1_csls": [*EVERYWHERE],
        "translation_p1": [0],
        "translation_p5": [0],
        "translation_p1_chance": [0],
        "translation_p1_centred": [0],
        "translation_p1_csls": [0],
        "translation_queries": [0],
        "translation_coverage": [0],
        "translation_candidates": [0],
        "translation_isolated_p1": [0, 3],
        "translation_contextual_p1": [*EVERYWHERE],
        "translation_contextual_p1_csls": [*EVERYWHERE],
        "translation_contextual_p1_chance": [None],
        "translation_contextual_queries": [None],
        "translation_contextual_candidates": [None],
    }
    assert perfect["translation_candidates", 0] == LEXEMES


def test_a_language_and_its_exact_copy_score_one(perfect):
    exact = ("retrieval_p1", "retrieval_mrr", "translation_p1", "translation_isolated_p1")
    for (metric, layer), value in perfect.items():
        if metric in exact or metric == "multilinguality":
            assert value == pytest.approx(1.0), (metric, layer)
    assert perfect["translation_contextual_p1", 0] > 0.9  # contexts differ between the languages
    assert perfect["translation_queries", 0] == LEXEMES / 2
    assert perfect["translation_coverage", 0] == 1.0
    assert perfect["translation_p1_chance", 0] == pytest.approx(1 / LEXEMES)
    assert perfect["retrieval_p1_chance", None] == pytest.approx(1 / 60)


def test_unrelated_embeddings_score_near_chance(tokenizer):
    model = make_model(2 * LEXEMES, multilingual=False)
    found = by_metric(measure_multilinguality(model, tokenizer, random_corpus()))
    for layer in EVERYWHERE:
        assert found["retrieval_p1", layer] < 0.15
        assert found["translation_contextual_p1", layer] < 0.3
    assert found["translation_p1", 0] < 0.3
    assert found["multilinguality", None] < 0.2
    parts = [found[m, la] for m in ("retrieval_p1", "translation_isolated_p1") for la in (0, 3)]
    assert found["multilinguality", None] == sum(parts) / 4


def test_a_tokenizer_for_each_language(perfect):
    # Both languages spelt alike, told apart by their tokenisers only.
    alike = random_corpus({"a": SOURCE, "b": SOURCE})
    one = make_tokenizer([*SOURCE, *TARGET])
    other = make_tokenizer([*(f"x{i}" for i in range(LEXEMES)), *SOURCE])
    model = make_model(2 * LEXEMES, multilingual=True)
    found = by_metric(measure_multilinguality(model, {"a": one, "b": other}, alike))
    assert found["retrieval_p1", 4] == perfect["retrieval_p1", 4]
    assert found["translation_queries", 0] == 0  # no word is asked that is spelt alike
    assert ("translation_p1", 0) not in found and ("multilinguality", None) not in found
    tokenizers = {"a": one, "b": make_tokenizer([*SOURCE, *TARGET])}
    spelt_apart = measure_multilinguality(model, tokenizers.__getitem__, random_corpus())
    assert by_metric(spelt_apart) == perfect


def test_words_that_the_tokenizer_confuses_are_one(tokenizer):
    corpus = random_corpus()
    model = make_model(2 * LEXEMES, multilingual=True)
    corpus.dictionary["test"] += [("A01", "b03"), ("A05", "b05")]
    found = by_metric(measure_multilinguality(model, tokenizer, corpus))
    assert found["translation_queries", 0] == LEXEMES / 2
    assert found["translation_p1", 0] == 1.0


def test_a_translation_listed_for_training_is_right_too(tokenizer):
    corpus = random_corpus()
    model = make_model(2 * LEXEMES, multilingual=True)
    # Asked for b00, the model answers a00, which the training part lists.
    corpus.dictionary["test"].append(("a01", "b00"))
    found = by_metric(measure_multilinguality(model, tokenizer, corpus))
    assert found["translation_p1", 0] == found["translation_isolated_p1", 3] == 1.0


def test_no_dictionary_leaves_retrieval(tokenizer):
    corpus = random_corpus()
    corpus.dictionary = {}
    model = make_model(2 * LEXEMES, multilingual=True)
    found = by_metric(measure_multilinguality(model, tokenizer, corpus))
    assert found["retrieval_p1", 0] == 1.0
    assert {metric for metric, _ in found if not metric.startswith("retrieval")} == {
        "translation_queries"
    }


def test_bad_corpora_are_named(tokenizer):
    model = make_model(2 * LEXEMES, multilingual=True)
    corpus = random_corpus()
    corpus.test["b"] = corpus.test["b"][:-1]
    with pytest.raises(ValueError, match="'a': 60, 'b': 59.*parallel"):
        measure_multilinguality(model, tokenizer, corpus)
    corpus.languages = ("a",)
    with pytest.raises(ValueError, match="takes two"):
        measure_multilinguality(model, tokenizer, corpus)
