"""Two models at work: words that turn, and layers that are swapped."""

import copy

import pytest
import torch

from isomorph.findings import aligned_models
from isomorph.measure.comparison import Reader
from isomorph.presets import conditions

from ..measure.conftest import make_tokenizer
from ..measure.test_multilinguality import LEXEMES, SOURCE, TARGET, make_model


@pytest.fixture(scope="module")
def readers():
    """A language and its copy in other words, and a model of each, the second with its coordinates
    in another order: the rotation between them is that order, and nothing else."""
    tokenizer = make_tokenizer([*SOURCE, *TARGET])
    model = make_model(2 * LEXEMES, multilingual=True).base_model.eval()
    other = copy.deepcopy(model)
    for table in (other.embeddings, other.positions):
        weight = next(table.parameters())
        order = torch.randperm(weight.shape[1], generator=torch.Generator().manual_seed(0))
        weight.data = weight.data[:, order]
    return tuple(
        Reader(own, lambda _: tokenizer, language)
        for own, language in zip((model, other), "ab", strict=True)
    )


def test_words_turn_from_where_they_are_to_where_the_others_are(readers):
    pairs = list(zip(SOURCE, TARGET, strict=True))
    turned = aligned_models.turning(readers, {"train": pairs, "test": pairs[1::2]}, steps=5)
    assert turned.frames.shape == (5, LEXEMES, 2) and turned.still.shape == (LEXEMES, 2)
    assert turned.names == SOURCE and turned.still_names == TARGET
    assert turned.told[-1] == f"100% of the way: {LEXEMES // 2} of {LEXEMES // 2} words found"
    assert all(near.startswith(b) for near, b in zip(turned.nearest[-1], TARGET, strict=True))
    assert torch.allclose(torch.tensor(turned.frames[-1]), torch.tensor(turned.still), atol=1e-6), (
        "the copy lies on the original"
    )
    with pytest.raises(ValueError, match="steps is 1"):
        aligned_models.turning(readers, {"train": pairs}, steps=1)
    with pytest.raises(ValueError, match="no pair in 'train'"):
        aligned_models.turning(readers, {"train": [], "test": pairs})


def test_a_rotation_refines_itself_until_it_finds_all_words_of_a_copy(readers):
    pairs = list(zip(SOURCE, TARGET, strict=True))
    table = aligned_models.maps(readers, {"train": pairs[1::2], "test": pairs[::2]})
    found = table.set_index("map").astype({"P@1, %": float})
    # Half of the words leave directions open, which the rotation's own finds then close.
    assert 50 < found.loc["rotation", "P@1, %"] < found.loc["rotation, refined", "P@1, %"] == 100
    assert found.loc["rotation", "learnt from"] == len(pairs[1::2])
    assert found.loc["rotation, refined", "learnt from"] == LEXEMES, "its own finds, all of them"
    assert len(found) == 4
    with pytest.raises(ValueError, match="no pair in 'train'"):
        aligned_models.maps(readers, {"train": [], "test": pairs})


def test_models_are_swapped_under_a_task(tmp_path, monkeypatch):
    monkeypatch.setenv("ISOMORPH_CACHE", str(tmp_path))
    condition = conditions("layer_transfer", "smoke")[0]
    table = aligned_models.swapped(condition, layer=2)
    assert table["task"].tolist() == ["entities", "parsing"]
    ways = ["first language", "rotated", "a random rotation", "as they are"]
    assert list(table) == ["task", *ways]
    assert ((table[ways].astype(float) >= 0) & (table[ways].astype(float) <= 100)).all(axis=None)
    parsing = table.set_index("task").loc["parsing"]
    assert len(set(parsing[ways])) > 2, "each way reads other states"
