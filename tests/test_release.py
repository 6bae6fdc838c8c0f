"""Encoders that ship: written with a card, listed by checksum, loaded checked."""

import json

import pytest
import torch
from transformers import AutoModelForMaskedLM, AutoTokenizer

from isomorph import release, results
from isomorph.results import Condition
from isomorph.runs import Pretraining
from isomorph.text import shipped
from tests.small_runs import SHORT, tiny


@pytest.fixture
def condition(tmp_path, monkeypatch):
    """A finished run, with an empty data folder and cache of its own."""
    monkeypatch.setenv("ISOMORPH_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("ISOMORPH_CACHE", str(tmp_path / "cache"))
    condition = tiny(0, "tiny", marks=1)
    results.live("trial", condition, size="smoke")
    return condition


def test_an_encoder_comes_back_as_it_was_but_for_bf16(condition):
    folder = release.write(condition)
    assert {p.suffix for p in folder.iterdir()} == {".json", ".safetensors", ".md"}
    assert release.names() == ["tiny"]
    model, vocabulary, card = release.load("tiny")
    source = results.cached(condition.run, mode="cached").model_folder()
    original = AutoModelForMaskedLM.from_pretrained(source)
    for ours, theirs in zip(model.parameters(), original.parameters(), strict=True):
        assert ours.dtype == torch.float32
        torch.testing.assert_close(ours, theirs.to(torch.bfloat16).float(), rtol=0, atol=0)
    assert card["digest"] == condition.run.digest
    assert card["tokens"] == SHORT.steps * 8 * 32
    assert card["perplexity"].keys() == {"a", "b"}
    text = Pretraining(**card["config"]).text.corpus().test["a"][0]
    expected = vocabulary.tokenizer("a")(text)["input_ids"]
    assert AutoTokenizer.from_pretrained(folder)(text)["input_ids"] == expected
    assert f"{card['tokens']:,}" in (folder / "README.md").read_text()


def test_a_damaged_encoder_is_not_used(condition):
    folder = release.write(condition)
    weights = folder / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(shipped.DataCorrupted, match="isomorph data models"):
        release.load("tiny")


def test_an_unfinished_or_unknown_encoder_is_named(condition):
    release.write(condition)
    with pytest.raises(ValueError, match=r"encoder is 'large'; those that ship are \['tiny'\]"):
        release.load("large")
    other = Condition("other", condition.run.model_copy(update={"seed": 5}))
    with pytest.raises(ValueError, match="'other'.* is not finished"):
        release.write(other)


def test_an_encoder_that_weighs_too_much_is_refused(condition, monkeypatch):
    monkeypatch.setattr(release, "LARGEST", 1000)
    with pytest.raises(ValueError, match="may weigh 1,000"):
        release.write(condition)


def test_every_shipped_encoder_loads_and_matches_its_card():
    for name in release.names():
        model, vocabulary, card = release.load(name)
        assert card["name"] == name
        assert list(vocabulary.languages) == card["languages"]
        assert model.num_parameters() == card["parameters"]
        assert Pretraining(**card["config"]).digest == card["digest"]
        folder = shipped.data_folder() / "models" / name
        assert json.loads((folder / "config.json").read_text())["dtype"] == "bfloat16"
