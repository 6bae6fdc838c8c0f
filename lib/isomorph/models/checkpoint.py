"""The files of a model's folder: its JSON and the headers of its weights, read with suspicion."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
OTHER_WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".h5", ".msgpack")


class ModelRefused(ValueError):
    """A model that is not there, that is not what it says, or that would have to be trusted."""


class Stored(NamedTuple):
    """A tensor as its file lists it."""

    shape: tuple[int, ...]
    dtype: str
    file: str


@dataclass(frozen=True)
class Candidate:
    """A folder that may hold a model, and the name it was asked for by."""

    name: str
    folder: Path

    def refusal(self, what: str) -> ModelRefused:
        return ModelRefused(f"model {self.name!r}: {what}.")

    @contextmanager
    def naming(self, what: str) -> Iterator[None]:
        """Turn any exception inside into a refusal: what libraries raise for bad files differs."""
        try:
            yield
        except ModelRefused:
            raise
        except Exception as problem:
            raise self.refusal(f"{what} ({told(problem)})") from problem

    def json(self, file: str) -> dict:
        with self.naming(f"{file} is not readable as JSON"):
            content = json.loads((self.folder / file).read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise self.refusal(f"{file} is not a JSON object")
        return content

    def optional(self, file: str) -> dict:
        return self.json(file) if (self.folder / file).is_file() else {}

    @cached_property
    def config(self) -> dict:
        return self.json("config.json")

    @cached_property
    def shards(self) -> list[str]:
        """The files that hold the weights. Raises ModelRefused unless all are safetensors here."""
        if (self.folder / WEIGHTS).is_file():
            return [WEIGHTS]
        if not (self.folder / INDEX).is_file():
            every = sorted(self.folder.iterdir())
            if self.folder / WEIGHTS in every:
                raise self.refusal(f"{WEIGHTS} is a folder, or a link to what is not there")
            here = [path.name for path in every if path.suffix in OTHER_WEIGHTS]
            instead = f"; what is there, {', '.join(here)}, is not read" if here else ""
            raise self.refusal(
                f"it has no {WEIGHTS}{instead} (other weights are pickles, which can run any code)"
            )
        index = self.json(INDEX)
        for part in ("metadata", "weight_map"):
            if not isinstance(index.get(part), dict):
                raise self.refusal(f"{INDEX} has no {part}")
        listed = index["weight_map"]
        if not listed:
            raise self.refusal(f"{INDEX} has an empty weight_map")
        for file in listed.values():
            if not isinstance(file, str) or Path(file).name != file:
                raise self.refusal(f"{INDEX} names {file!r}, which is not a file of this folder")
            if not file.endswith(".safetensors"):
                raise self.refusal(f"{INDEX} names {file}, which is no safetensors file")
            if not (self.folder / file).is_file():
                raise self.refusal(f"{INDEX} names {file}, which is not there")
        return sorted(set(listed.values()))

    @cached_property
    def tensors(self) -> dict[str, Stored]:
        """Every tensor that the weights' headers list; no weight is read."""
        from safetensors import safe_open

        found: dict[str, Stored] = {}
        for file in self.shards:
            with (
                self.naming(f"{file} is not readable as safetensors"),
                safe_open(self.folder / file, framework="pt") as weights,
            ):
                for key in weights.keys():  # noqa: SIM118 - it is no mapping
                    if key in found:
                        raise self.refusal(f"{found[key].file} and {file} both hold {key}")
                    part = weights.get_slice(key)
                    found[key] = Stored(tuple(part.get_shape()), part.get_dtype(), file)
        if self.shards != [WEIGHTS]:
            for key, file in self.json(INDEX)["weight_map"].items():
                if key not in found or found[key].file != file:
                    raise self.refusal(f"{INDEX} says that {file} holds {key}, which it does not")
        if not found:
            raise self.refusal(f"{self.shards[0]} holds no weights")
        return found


def told(problem: BaseException) -> str:
    """What an exception says, on one line and shortly; its type where it says nothing."""
    lines = [line.strip() for line in str(problem).splitlines() if line.strip()]
    first = " ".join(lines[:2]) if lines and lines[0].endswith(":") else "".join(lines[:1])
    return first[:300].rstrip(". ") or type(problem).__name__
