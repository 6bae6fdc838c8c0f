"""Encoders by name without a hub: those that ship, and the one that comes as a package."""

import json
import shutil

import pytest
import torch
from huggingface_hub import constants

from isomorph.models.judged import ModelRefused
from isomorph.models.places import ships
from isomorph.models.pretrained import fingerprint, load_encoder, load_masked_lm
from isomorph.runs.geometry import EncoderWords
from isomorph.text import shipped
from isomorph.text.fetch import reading

MINILM = "sentence-transformers/all-MiniLM-L6-v2"


@pytest.fixture(autouse=True)
def no_mirror(monkeypatch):
    monkeypatch.delenv("ISOMORPH_MIRROR", raising=False)


def test_minilm_is_read_from_its_package():
    model, tokenizer = load_encoder(MINILM)
    assert model.config.hidden_size == 384 and model.config.num_hidden_layers == 6
    assert tokenizer.is_fast and not model.training


def test_an_encoder_that_ships_is_read_by_its_name():
    model, tokenizers = load_encoder("en-fr")
    assert set(tokenizers) == {"en", "fr"} and model.config.width == 128


def test_a_name_too_long_for_any_file_is_refused():
    with pytest.raises(ModelRefused, match="there is no such folder"):
        load_encoder("x" * 5000)


def test_another_name_is_refused(no_hub):
    with pytest.raises(ModelRefused, match="'en-xx': there is no such folder, and the hub cannot"):
        load_encoder("en-xx")


def test_a_shipped_name_is_not_taken_from_the_working_folder(tmp_path, monkeypatch):
    expected = load_encoder("en")[0].embeddings["shared"].weight
    shutil.copytree(shipped.data_folder() / "models" / "fr", tmp_path / "en")
    monkeypatch.chdir(tmp_path)
    assert torch.equal(load_encoder("en")[0].embeddings["shared"].weight, expected)
    assert set(load_encoder("./en")[1]) == {"fr"}
    assert ships("en") and not ships("./en") and not ships("..")


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """A data folder of one shipped encoder, which may be damaged."""
    original = shipped.data_folder()
    files = shipped.read_manifest()["files"]
    shutil.copytree(original / "models" / "en", tmp_path / "models" / "en")
    monkeypatch.setenv("ISOMORPH_DATA", str(tmp_path))
    kept = {path: entry for path, entry in files.items() if path.startswith("models/en/")}
    shipped.write_manifest({"files": kept, "sources": {}})
    return tmp_path / "models" / "en"


@pytest.mark.parametrize("file", ["model.safetensors", "config.json", "vocabulary.json"])
def test_a_shipped_encoder_is_compared_with_its_checksum(copied, file):
    load_encoder("en")
    content = bytearray((copied / file).read_bytes())
    content[-9] ^= 1
    (copied / file).write_bytes(content)
    for name in ("en", str(copied)):
        for load in (load_encoder, load_masked_lm):
            with pytest.raises(shipped.DataCorrupted, match=file):
                load(name)


def test_a_fingerprint_is_of_all_that_is_read(tmp_path):
    folder = shutil.copytree(shipped.data_folder() / "models" / "en", tmp_path / "en")
    prints = [fingerprint("en"), fingerprint(str(folder))]
    assert prints[0] == prints[1] != fingerprint("fr")
    config = json.loads((folder / "config.json").read_text()) | {"activation": "gelu"}
    (folder / "config.json").write_text(json.dumps(config))
    assert fingerprint(str(folder)) not in prints
    (folder / "README.md").write_text("Another word on it.")
    assert fingerprint(str(folder)) not in prints


def test_rows_say_which_weights_were_read():
    with reading() as found:
        load_encoder(MINILM)
        load_encoder("en")
    (data,) = found
    assert data == f"{MINILM}@{fingerprint(MINILM)}"
    minilm, ours = EncoderWords(encoder=MINILM), EncoderWords(encoder="en")
    assert minilm.is_of(data) and minilm.is_of(""), "older rows do not say"
    assert ours.is_of(ours.checksum()) and not ours.is_of("") and not ours.is_of(data)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("bert-base-uncased", "the hub cannot give it: HF_HUB_OFFLINE is set"),
        ("some/model@", "allowed is a folder"),
        ("local/bert", "what owner 'local' has is in no hub but in a mirror"),
        ("", "there is no such folder; allowed is"),
        ("../..", r"there is no config\.json"),
        ("a/b/c", "allowed is a folder that is there"),
        ("models/berrt", r"'models/bert' is there\."),
        ("models/unlike", "there is no such folder, and the hub cannot give it"),
    ],
)
def test_a_name_that_is_none_is_refused_with_a_hint(name, said, tmp_path, monkeypatch):
    (tmp_path / "inner" / "folder" / "models" / "bert").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "inner" / "folder")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelRefused, match=said):
        load_encoder(name)


def test_nothing_is_printed_in_loading(capfd):
    load_encoder(MINILM)
    load_encoder("en")
    assert capfd.readouterr() == ("", "")


def test_code_that_came_to_transformers_itself_is_read_by_transformers(tmp_path):
    """EuroBERT's config.json names the code it was published with, which is never run."""
    from transformers import EuroBertConfig, EuroBertModel

    from tests.models.tiny_models import byte_level

    words = byte_level()
    words.save_pretrained(tmp_path)
    shape = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4}
    ids = {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2, "mask_token_id": 4}
    config = EuroBertConfig(
        vocab_size=len(words), num_key_value_heads=4, intermediate_size=24, **shape, **ids
    )
    EuroBertModel(config).save_pretrained(tmp_path)
    said = json.loads((tmp_path / "config.json").read_text())
    named = {"AutoConfig": "configuration_eurobert.EuroBertConfig",
             "AutoModel": "modeling_eurobert.EuroBertModel"}  # fmt: skip
    for model, refused in (
        ("modeling_eurobert.EuroBertModel", False),
        ("modeling.OtherModel", True),
    ):
        said["auto_map"] = named | {"AutoModel": model}
        (tmp_path / "config.json").write_text(json.dumps(said))
        if refused:
            with pytest.raises(ModelRefused, match="asks to run code of its own"):
                load_encoder(str(tmp_path))
        else:
            assert type(load_encoder(str(tmp_path))[0]) is EuroBertModel
