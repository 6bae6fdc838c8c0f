"""A checkpoint is used whole, unchanged and by the same code, or named and not used."""

import random

import pytest
import torch

from isomorph.models.checkpoints import Damaged, about, restore, save

STATE = {"step": 3, "model": {"weight": torch.arange(6.0)}}
ABOUT = {"step": 3, "steps": 9, "code": "this"}


@pytest.fixture
def path(tmp_path):
    save(tmp_path / "checkpoint.pt", STATE, ABOUT)
    return tmp_path / "checkpoint.pt"


def test_what_was_saved_is_restored(path, caplog):
    state = restore(path, code="this")
    assert state["step"] == 3 and torch.equal(state["model"]["weight"], torch.arange(6.0))
    assert about(path) == ABOUT
    assert not caplog.records


def test_none_is_restored_where_there_is_none(tmp_path, caplog):
    assert restore(None) is None and restore(tmp_path / "checkpoint.pt") is None
    assert not caplog.records


def test_a_folder_is_refused_before_anything_is_trained(tmp_path):
    with pytest.raises(ValueError, match=f"checkpoint is '{tmp_path}', which is a folder; allowed"):
        restore(tmp_path)


def test_a_flipped_bit_is_found(path, caplog):
    good, draw = path.read_bytes(), random.Random(0)
    places = [*range(len(good.partition(b"\n")[0]) + 1), *draw.sample(range(len(good)), 200)]
    for place in places:
        content = bytearray(good)
        content[place] ^= 1 << draw.randrange(8)
        path.write_bytes(content)
        caplog.clear()
        assert restore(path, code="this") is None, place
        (said,) = caplog.messages
        assert str(path) in said and "starts anew" in said


@pytest.mark.parametrize("content", [b"", b"{}\n", b"[]\n", b"\n", b"PK\x03\x04\xff", b"7\n"])
def test_what_is_no_checkpoint_is_named(path, content, caplog):
    path.write_bytes(content)
    assert restore(path) is None
    assert f"{path} is damaged" in caplog.text
    with pytest.raises(Damaged, match="damaged"):
        about(path)


def test_one_cut_short_is_named(path, caplog):
    path.write_bytes(path.read_bytes()[:-1])
    assert restore(path) is None and f"{path} is damaged" in caplog.text


def test_one_of_other_code_or_text_is_not_used(path, caplog):
    assert restore(path, code="other", text="some") is None
    assert "is of another code and another text" in caplog.text
