"""Two encoders compared: one that reads a copy of its language, planted rotations, other shapes.

What has moved: nothing in an encoder beside itself, the top where the top was redrawn.
"""

import copy
import math

import pytest
import torch
from scipy.stats import ortho_group

from isomorph.measure.comparison import (
    compare,
    layer_pairs,
    translated,
)
from isomorph.measure.retrieval import hubness
from isomorph.measure.similarity import matched_for_length, similarity_by_layer
from isomorph.measure.words import Reader
from isomorph.models.blocks import reinitialise
from isomorph.models.pretrained import load_encoder

from .conftest import make_tokenizer
from .test_multilinguality import LEXEMES, SOURCE, TARGET, make_model, random_corpus


def material(count=60, first_part=40, **changes):
    corpus = random_corpus(count=count)
    first, second = corpus.test["a"], corpus.test["b"]
    named = {
        "learn": (first[:first_part], second[:first_part]),
        "test": (first[first_part:], second[first_part:]),
        "dictionary": corpus.dictionary,
        "contexts": (corpus.train["a"], corpus.train["b"]),
    }
    return named | changes


@pytest.fixture
def copies():
    """One encoder that reads a language and its copy in other words alike."""
    tokenizer = make_tokenizer([*SOURCE, *TARGET])
    model = make_model(2 * LEXEMES, multilingual=True).base_model.eval()
    return Reader(model, tokenizer, "a"), Reader(model, tokenizer, "b")


def by_metric(records):
    return {(record["metric"], record["layer"]): record["value"] for record in records}


def test_a_language_and_its_copy_are_the_same_at_every_layer(copies):
    found = by_metric(compare(*copies, **material()))
    for layer in range(5):
        for metric in ("retrieval_p1", "retrieval_p1_unmapped", "retrieval_p1_csls", "cka", "rsa"):
            assert found[metric, layer] == pytest.approx(1), (metric, layer)
        assert found["isoscore_source", layer] == pytest.approx(found["isoscore_target", layer])
        assert found[f"cka_to_{layer}", layer] == pytest.approx(1)
    assert found["cka_to_4", 0] == pytest.approx(found["cka_to_0", 4]) and found["cka_to_4", 0] < 1
    assert found["retrieval_p1_chance", None] == 1 / 20
    assert found["translation_p1_unmapped", 0] == 1
    assert found["translation_p1", 0] > 0.8, "20 pairs leave a rotation of 32 widths open"
    assert found["translation_queries", 0] == LEXEMES / 2
    assert found["translation_p1_random", 0] < 0.3
    assert found["translation_p1_chance", 0] == 1 / LEXEMES
    assert ("translation_contextual_p1", 3) in found


def test_two_unrelated_encoders_are_not_alike(copies):
    torch.manual_seed(5)
    other = make_model(2 * LEXEMES, multilingual=False).base_model.eval()
    with torch.no_grad():
        for weight in other.parameters():
            weight.normal_(std=0.3)
    found = by_metric(compare(copies[0], Reader(other, copies[1].tokenizer, "b"), **material()))
    assert found["translation_p1", 0] < 0.5 and found["cka", 4] < 0.8
    assert found["cka_biased", 4] > found["cka", 4]


def test_encoders_of_other_depth_and_width(copies, model, tokenizer):
    plain = make_tokenizer(SOURCE)
    with torch.no_grad():
        model.resize_token_embeddings(len(plain))
    found = by_metric(compare(Reader(model.eval(), plain, None), copies[1], **material()))
    assert {layer for metric, layer in found if metric == "retrieval_p1"} == {0, 1, 2, 3}
    assert {metric for metric, layer in found if metric.startswith("cka_to")} == {
        f"cka_to_{j}" for j in range(5)
    }
    assert not any(metric.endswith("unmapped") for metric, _ in found), "other widths"
    assert found["translation_contextual_p1", 3] >= 0


def test_without_words_only_sentences_are_compared(copies):
    records = compare(*copies, **material(dictionary={}))
    assert not any(record["metric"].startswith("translation") for record in records)
    records = compare(*copies, **material(contexts=([], [])))
    metrics = {record["metric"] for record in records}
    assert "translation_p1" in metrics and "translation_contextual_p1" not in metrics


@pytest.mark.parametrize("name", ["learn", "test"])
def test_sentences_that_do_not_pair_are_refused(copies, name):
    with pytest.raises(ValueError, match=f"{name} has 2 and 1 sentences; they are pairs"):
        compare(*copies, **material(**{name: (["a01", "a02"], ["b01"])}))
    with pytest.raises(ValueError, match=f"{name} has 0 and 0 sentences"):
        compare(*copies, **material(**{name: ([], [])}))


def test_layers_as_deep_in_proportion():
    assert layer_pairs(4, 4) == [(i, i) for i in range(5)]
    assert layer_pairs(6, 12) == [(i, 2 * i) for i in range(7)]
    assert layer_pairs(12, 6)[-1] == (12, 6) and layer_pairs(0, 6) == [(0, 0)]


def test_a_planted_rotation_is_found_and_no_other_map_serves():
    generator = torch.Generator().manual_seed(0)
    vectors = torch.randn(200, 12, generator=generator, dtype=torch.float64)
    turned = vectors @ torch.tensor(ortho_group.rvs(12, random_state=0)) + 0.4 * torch.randn(
        200, 12, generator=generator, dtype=torch.float64
    )
    words = [f"a{i}" for i in range(200)], [f"b{i}" for i in range(200)]
    pairs = list(zip(*words, strict=True))
    lexicons = [(words[0], vectors), (words[1], turned)]
    found = translated("t", 3, lexicons, {"train": pairs[:100], "test": pairs[100:]})
    found = {record["metric"]: record["value"] for record in found}
    assert found["t_p1"] > 0.8 and found["t_p5"] >= found["t_p1"]
    assert found["t_p1_unmapped"] < 0.1 and found["t_p1_random"] < 0.1
    assert found["t_queries"] == 100
    nothing = translated("t", 3, lexicons, {"train": [], "test": pairs})
    assert nothing == [{"metric": "t_queries", "layer": 3, "value": 0}]


def test_a_hub_skews_the_counts_and_csls_removes_it():
    generator = torch.Generator().manual_seed(1)
    source = torch.randn(300, 20, generator=generator)
    target = torch.randn(300, 20, generator=generator)
    target[0] = source.mean(0) * 5 + 0.05 * target[0]
    plain, corrected = (hubness(source + 1, target + 1, scoring=s) for s in ("cosine", "csls"))
    assert plain > corrected
    assert math.isnan(hubness(torch.eye(8), torch.eye(8)))


TEXTS = [f"In the {n} the people went up to the city and the king spoke" for n in
         ("morning", "evening", "night", "summer", "winter", "desert", "house", "land")]  # fmt: skip


@pytest.fixture(scope="module")
def encoder():
    model, tokenizers = load_encoder("en")
    return model, tokenizers["en"]


def test_an_encoder_beside_itself_has_not_moved(encoder):
    model, tokenizer = encoder
    found = similarity_by_layer(model, model, tokenizer, TEXTS, language="en")
    assert set(found) == {"rsa", "cka"}
    for by_layer in found.values():
        assert list(by_layer) == [0, 1, 2, 3, 4]
        assert all(value == pytest.approx(1, abs=1e-6) for value in by_layer.values())


def test_the_layers_below_a_redrawn_block_stay(encoder):
    model, tokenizer = encoder
    other = copy.deepcopy(model)
    reinitialise(other, 1, pooler=False, seed=0)
    found = similarity_by_layer(model, other, tokenizer, TEXTS, language="en")
    for by_layer in found.values():
        assert all(by_layer[layer] == pytest.approx(1, abs=1e-6) for layer in range(4))
        assert by_layer[4] < 0.99


def test_the_same_tokens_are_drawn(encoder):
    model, tokenizer = encoder
    other = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.mul_(1.01)
    one, again = (
        similarity_by_layer(model, other, tokenizer, TEXTS, language="en", tokens=20)
        for _ in range(2)
    )
    assert one == again
    with pytest.raises(ValueError, match="at least 4"):
        similarity_by_layer(model, other, tokenizer, ["lord"], language="en")


def test_lengths_are_matched():
    first = ["a " * n for n in (2, 3, 12, 30)]
    second = ["b " * n for n in (4, 11, 13, 50)]
    one, other = matched_for_length(first, second)
    assert [len(text.split()) for text in one] == [2, 12]
    assert [len(text.split()) for text in other] == [4, 11]
    with pytest.raises(ValueError, match="no texts of like length"):
        matched_for_length(["a"], ["b " * 40])
