"""The exercises on shared parameters: what they take as right, and what they say of mistakes."""

import pytest
from chapters.cross_lingual.checks.parameter_sharing import further, parameters

from isomorph.exercises import check
from isomorph.ledger import table_one
from isomorph.models.encoder import BilingualConfig
from isomorph.models.masked_lm import BilingualMaskedLM
from isomorph.models.settings import EncoderConfig
from isomorph.presets.ablations import EMBEDDINGS

RIGHT = ("embeddings", "positions", "layer.0", "layer.1")


def test_pairs_are_ranked_by_what_they_lose_in_the_paper():
    order = ["en-ru", "en-zh", "en-fr"]
    assert check("parameter_sharing.1", order).state == "right"
    said = check("parameter_sharing.1", order[::-1])
    assert said.state == "wrong"
    assert "Of 3 pairs, 0" in said.hint


def test_the_ranking_follows_the_table_it_is_given():
    turned = table_one().assign(value=lambda table: -table["value"])
    order = ["en-fr", "en-zh", "en-ru"]
    assert check("parameter_sharing.1", order, turned).state == "right"


def test_only_what_is_asked_for_may_be_separate():
    right = EncoderConfig(layers=6, specific=RIGHT)
    assert check("parameter_sharing.2", right).state == "right"


@pytest.mark.parametrize(
    ("layers", "specific", "word"),
    [
        (4, RIGHT, "six layers"),
        (6, ("positions", "layer.0", "layer.1"), "one embedding"),
        (6, ("embeddings", "layer.0", "layer.1"), "positions"),
        (6, (*EMBEDDINGS, "layer.0", "layer.1"), "softmax"),
        (6, ("embeddings", "positions", "layer.0"), "bottom third"),
        (6, ("embeddings", "positions", "layer.4", "layer.5"), "bottom third"),
        (6, (*RIGHT, "layer.2"), "bottom third"),
        (6, (*RIGHT, "special"), "not asked for"),
        (6, (*RIGHT, "layer.6"), "none of this encoder's"),
    ],
)
def test_each_mistake_in_a_configuration_is_told(layers, specific, word):
    said = check("parameter_sharing.2", EncoderConfig(layers=layers, specific=specific))
    assert said.state == "wrong"
    assert word in said.hint


@pytest.mark.parametrize(
    "specific",
    [(), EMBEDDINGS, ("softmax",), ("special", "layer.1"), ("embeddings", "layer.0", "layer.1")],
)
def test_parameters_are_those_whose_names_say_so(specific):
    config = BilingualConfig(
        vocabulary=50, languages=("a", "b"), layers=2, width=16, heads=2, length=8,
        specific=specific,
    )  # fmt: skip
    sizes = {name: p.numel() for name, p in BilingualMaskedLM(config).named_parameters()}
    shared, own = parameters(config)
    assert own == sum(count for name, count in sizes.items() if "b" in name.split("."))
    assert shared + 2 * own == sum(sizes.values())
    assert (own == 0) == (not specific)


def test_a_share_of_parameters_is_told_from_its_mistakes():
    config = BilingualConfig(
        vocabulary=50, languages=("a", "b"), layers=4, width=16, heads=2, length=8,
        specific=("layer.0", "layer.1", "layer.2"),
    )  # fmt: skip
    shared, own = parameters(config)
    assert check("parameter_sharing.3", shared / (shared + own), config).state == "right"
    both = check("parameter_sharing.3", shared / (shared + 2 * own), config)
    assert "both languages" in both.hint
    assert "not shared" in check("parameter_sharing.3", own / (shared + own), config).hint


def test_the_distant_pair_that_loses_more_has_a_change_below_zero():
    shared, lower = {0: 0.8, 1: 0.6}, {0: 0.7, 1: 0.5}
    far = {"shared": shared, "separate": {0: 0.5, 1: 0.3}}
    close = {"shared": shared, "separate": lower}
    assert further(close, far) == pytest.approx(-0.2)
    assert further(far, close) == pytest.approx(0.2)
    assert check("parameter_sharing.4", further).state == "right"


def test_seeds_that_are_not_complete_do_not_count():
    close = {"shared": {0: 0.8, 1: 0.6}, "separate": {0: 0.7}}
    far = {"shared": {0: 0.8, 1: 0.9}, "separate": {0: 0.5, 1: 0.0}}
    assert further(close, far) == pytest.approx(-0.2)


@pytest.mark.parametrize(
    "mistaken",
    [
        lambda close, far: -further(close, far),
        lambda close, far: further(close, close),
        # Means first: seeds that are not complete then count.
        lambda close, far: (
            (mean(far["separate"]) - mean(far["shared"]))
            - (mean(close["separate"]) - mean(close["shared"]))
        ),
    ],
)
def test_likely_mistakes_in_the_function_are_wrong(mistaken):
    assert check("parameter_sharing.4", mistaken).state == "wrong"


def mean(scores):
    return sum(scores.values()) / len(scores)
