"""Damaged copies of tiny encoders: each is refused in one sentence, or reads as the whole one does.

Hundreds of kinds of damage, generated, to a model of this project and to one of BERT's kind, and some
to the shapes of RoBERTa, GPT-2 and Llama. Not among them is what leaves no trace in a folder: another
number of heads that divides the width, another activation, a weight that is another finite number.
"""

import shutil
from pathlib import Path

import pytest
import torch

from isomorph.measure.represent import represent
from isomorph.models.judged import ModelRefused
from isomorph.models.pretrained import load_encoder

from .damaged_words import DAMAGE, SIZES, VALUES, config, fields
from .tiny_models import TEXTS, write


def read(folder: Path) -> torch.Tensor:
    """Every layer's vectors of the texts."""
    model, tokenizer = load_encoder(str(folder))
    language = "en" if isinstance(tokenizer, dict) else None
    return torch.stack(list(represent(model, tokenizer, TEXTS, language=language).layers.values()))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Of a kind, a folder that is whole and what is read from it."""
    made: dict[str, tuple[Path, torch.Tensor]] = {}

    def of(kind: str) -> tuple[Path, torch.Tensor]:
        if kind not in made:
            folder = write(kind, tmp_path_factory.mktemp(kind) / "model")
            made[kind] = folder, read(folder)
        return made[kind]

    return of


OTHERS = (
    "names",
    "shards",
    "embeddings",
    "matrix",
    "tokenizer.json",
    "tokenizer_config.json",
    "folder",
)
PADDING = {
    f"config.json: pad_token_id {name}": config(lambda c, v=value: c.update(pad_token_id=v))
    for name, value in VALUES.items()
} | {"config.json: pad_token_id gone": config(lambda c: c.pop("pad_token_id", None))}
KINDS = [(kind, name) for kind in SIZES for name in {**DAMAGE, **fields(kind)}
         if kind == "ours" or not name.startswith("vocabulary")]  # fmt: skip
KINDS += [(kind, name) for kind in ("roberta", "gpt2", "llama")
          for name in (*DAMAGE, *PADDING) if name.startswith(OTHERS) or name in PADDING]  # fmt: skip
KINDS += [("llama", "config.json adds a rotation by no number")]


@pytest.mark.parametrize(("kind", "name"), KINDS)
def test_damage_is_refused_or_does_no_harm(kind, name, whole, tmp_path):
    source, expected = whole(kind)
    folder = tmp_path / "copy"
    shutil.copytree(source, folder)
    (DAMAGE | PADDING | (fields(kind) if kind in SIZES else {}))[name](folder)
    try:
        found = read(folder)
    except ModelRefused as refused:
        said = str(refused)
        assert str(folder) in said and said.endswith(".") and "\n" not in said and len(said) < 600
        return
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)
