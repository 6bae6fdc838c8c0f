"""What has moved: nothing in an encoder beside itself, the top where the top was redrawn."""

import copy

import pytest
import torch

from isomorph.measure.comparison import matched_for_length, similarity_by_layer
from isomorph.models.blocks import reinitialise
from isomorph.models.pretrained import load_encoder

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
