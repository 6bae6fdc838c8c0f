"""What runs read of the hub, and how large it is: as the hub says, or by the shape of an encoder."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from huggingface_hub import HfApi, constants, errors, try_to_load_from_cache

from isomorph.models.places import PACKAGED, READ
from isomorph.presets.recipes import BERT, PUBLIC
from isomorph.runs import Run
from isomorph.text.corpora import TATOEBA, TATOEBA_CODES, WEB, WEB_CONFIGS, WIKIPEDIA
from isomorph.text.examples import SENTENCES
from isomorph.text.fetch import PATIENCE
from isomorph.text.tasks import SOURCES, TREEBANKS


class Figure(NamedTuple):
    """A number and the letters of what it rests on, which `isomorph.sweep.plan.NOTE` explains."""

    value: float
    basis: str

    def __str__(self) -> str:
        number = f"{self.value:,.{int(0 < self.value < 10)}f} " if self != (0, "?") else ""
        return f"{number}{self.basis}".strip()


def total(figures: Iterable[Figure]) -> Figure:
    figures = list(figures)
    letters = {letter for each in figures for letter in each.basis}
    return Figure(sum(each.value for each in figures), "".join(sorted(letters)))


def reads(run: Run) -> Iterator[tuple[str, str, str]]:
    """What a run may read of the hub: "model" or "dataset", the id, and the configuration."""
    sources: set[str] = set()
    for part in _parts(json.loads(run.config_json())):
        for name in (part.get("encoder"), part.get("hub")):
            if isinstance(name, str) and "/" in name:
                yield "model", name, ""
        if isinstance(source := part.get("source"), str):
            sources.add(source)
        if "probes" in part.get("analyses", ()) and "/" in str(part["encoder"]):
            sources |= {"universal_dependencies", "wikiann"}
        for language in part["languages"] if part.get("kind") == "hub" else ():
            of, known = (WEB, WEB_CONFIGS) if language in part["web"] else (WIKIPEDIA, {})
            yield "dataset", of[0], of[1].format(known.get(language, language))
    for source in (SOURCES[name] for name in sources if SOURCES[name].public):
        for language in {*run.languages} & {*source.languages}:
            choice = TREEBANKS[language][0] if "head" in source.columns else language
            name, _ = source.place or (source.dataset, None)
            yield "dataset", name, source.config.format(choice)
    if run.task_name == "sentence_similarity":
        yield from (("dataset", name, "default") for name, _ in SENTENCES.values())
    if "tatoeba" in getattr(run, "others", ()):
        yield "dataset", TATOEBA[0], TATOEBA[1].format(TATOEBA_CODES[run.languages[-1]])


def _parts(value: object) -> Iterator[dict]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    for inner in value if isinstance(value, list) else ():
        yield from _parts(inner)


def here(kind: str, name: str, part: str) -> bool:
    """Whether a model or a data set is on this machine: in a mirror, a package or the hub's cache."""
    mirror = os.environ.get("ISOMORPH_MIRROR")
    if mirror and Path(mirror, name, part).is_dir():
        return True
    if kind == "dataset":
        kept = os.environ.get("HF_DATASETS_CACHE") or Path(constants.HF_HOME, "datasets")
        return Path(kept, name.replace("/", "___"), part).is_dir()
    packaged = name in PACKAGED and find_spec(PACKAGED[name][0])
    kept = [try_to_load_from_cache(name, f) for f in ("model.safetensors", "pytorch_model.bin")]
    return bool(packaged) or any(isinstance(each, str) for each in kept) or Path(name).is_dir()


class Hub:
    """Asks the hub how large things are, and no more once it does not answer."""

    def __init__(self) -> None:
        self.away, self.known = bool(constants.HF_HUB_OFFLINE), {}

    def files(self, kind: str, name: str) -> dict[str, int]:
        """Bytes of each file; none where the hub does not say."""
        if not (self.away or name.startswith("local/") or (kind, name) in self.known):
            ask = {"repo_type": kind, "files_metadata": True, "timeout": PATIENCE}
            self.known[kind, name] = {}
            try:
                told = HfApi().repo_info(name, **ask).siblings
                self.known[kind, name] = {file.rfilename: file.size or 0 for file in told}
            except errors.HfHubHTTPError:  # of this one alone: the run will say it
                pass
            except Exception:  # noqa: BLE001 - errors of the network have no class of their own
                self.away = True
        return self.known.get((kind, name), {})

    def megabytes(self, kind: str, name: str, part: str) -> Figure:
        """Of what is still to be fetched."""
        if here(kind, name, part):
            return Figure(0.0, "")
        files = self.files(kind, name)
        if kind == "model":
            own = {file: size for file, size in files.items() if "/" not in file}
            safe = any(file.endswith(".safetensors") for file in own)
            kinds = READ if safe else (*READ, "pytorch_model.bin")
            told = sum(size for file, size in own.items() if file.endswith(tuple(kinds)))
        else:
            told = sum(n for f, n in files.items() if part == "default" or f"{part}/" in f)
        if told:
            return Figure(1e-6 * told, "m")
        assumed = 4e-6 * PUBLIC.get(name, PUBLIC[BERT]).weights
        return Figure(assumed, "a") if kind == "model" else Figure(0.0, "?")
