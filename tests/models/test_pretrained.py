"""Encoders by name without a hub: those that ship, and the one that comes as a package."""

import pytest

from isomorph.models.pretrained import ModelRefused, load_encoder


@pytest.fixture(autouse=True)
def no_mirror(monkeypatch):
    monkeypatch.delenv("ISOMORPH_MIRROR", raising=False)


def test_minilm_is_read_from_its_package():
    model, tokenizer = load_encoder("sentence-transformers/all-MiniLM-L6-v2")
    assert model.config.hidden_size == 384 and model.config.num_hidden_layers == 6
    assert tokenizer.is_fast and not model.training


def test_an_encoder_that_ships_is_read_by_its_name():
    model, tokenizers = load_encoder("en-fr")
    assert set(tokenizers) == {"en", "fr"} and model.config.width == 128


def test_another_name_is_refused():
    with pytest.raises(ModelRefused, match="'en-xx': there is no such folder; allowed is a folder"):
        load_encoder("en-xx")
