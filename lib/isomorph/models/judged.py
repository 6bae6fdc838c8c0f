"""Whether a folder holds the model that it says it holds: judged before it is built, and after.

A checkpoint loads with random weights where its names do not fit, and reads unknown words where its
tokeniser is not there; transformers says so in a log, and numbers come out all the same. Here each
such folder is refused, in one sentence that names the model and the file: a function gives all that
is wrong, in the order in which it looks, and `Candidate.judge` refuses the first.

What no check can tell: a choice that leaves no trace in the weights' shapes, such as another number
of heads or another activation. Encoders that ship are checked by their SHA-256 instead.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import transformers
from safetensors import safe_open

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
OTHER_WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".h5", ".msgpack")
READ_AS_JSON = ("config.json", "tokenizer_config.json", "special_tokens_map.json",
                "added_tokens.json", "tokenizer.json", "vocab.json")  # fmt: skip
FLOATS = ("F64", "F32", "F16", "BF16")
LAYERS = (
    r"(layers?|depths?|groups?|group_num)$"  # how counts end that transformers makes modules of
)
LABELS = 100_000  # the most of what it makes a list of
# What a model of ours has to say; the first two leave no trace in its weights.
SAID = {"heads": int, "activation": str, "norm": str, "layers": int, "width": int, "inner": int,
        "length": int, "vocabulary": int, "languages": list, "specific": list}  # fmt: skip
UNUSED = "pooler"  # the one part that may be missing: no measure reads it


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
    commit: str = ""  # that its files are of, where they are the hub's

    def refusal(self, what: str) -> ModelRefused:
        return ModelRefused(f"model {self.name!r}: {what}.")

    def judge(self, problems: Iterator[str]) -> None:
        """Raises ModelRefused with the first of some problems; the rest is not looked for."""
        for what in problems:
            raise self.refusal(what)

    @contextmanager
    def naming(self, what: str) -> Iterator[None]:
        """Turn any exception inside into a refusal: what libraries raise for bad files differs."""
        try:
            yield
        except ModelRefused:
            raise
        except Exception as problem:
            raise self.refusal(f"{what} ({one_line(problem)})") from problem

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
        listed = index.get("weight_map")
        if (
            not isinstance(listed, dict)
            or not listed
            or not isinstance(index.get("metadata"), dict)
        ):
            raise self.refusal(f"{INDEX} has no weight_map, or no metadata")
        for file in listed.values():
            if not isinstance(file, str) or Path(file).name != file or not (
                file.endswith(".safetensors") and (self.folder / file).is_file()
            ):  # fmt: skip
                raise self.refusal(f"{INDEX} names {file!r}, which is no safetensors file here")
        return sorted(set(listed.values()))

    @cached_property
    def tensors(self) -> dict[str, Stored]:
        """Every tensor that the weights' headers list; no weight is read."""
        listed: dict[str, Stored] = {}
        for file in self.shards:
            with (
                self.naming(f"{file} is not readable as safetensors"),
                safe_open(self.folder / file, framework="pt") as weights,
            ):
                for key in weights.keys():  # noqa: SIM118 - it is no mapping
                    if key in listed:
                        raise self.refusal(f"{listed[key].file} and {file} both hold {key}")
                    part = weights.get_slice(key)
                    listed[key] = Stored(tuple(part.get_shape()), part.get_dtype(), file)
        if self.shards != [WEIGHTS]:
            for key, file in self.json(INDEX)["weight_map"].items():
                if key not in listed or listed[key].file != file:
                    raise self.refusal(f"{INDEX} says that {file} holds {key}, which it does not")
        if not listed:
            raise self.refusal(f"{self.shards[0]} holds no weights")
        return listed


def one_line(problem: BaseException) -> str:
    """What an exception says, on one line and shortly; its type where it says nothing."""
    lines = [line.strip() for line in str(problem).splitlines() if line.strip()]
    first = " ".join(lines[:2]) if lines and lines[0].endswith(":") else "".join(lines[:1])
    return first[:300].rstrip(". ") or type(problem).__name__


def wrong_files(model: Candidate) -> Iterator[str]:
    """All that names, JSON and headers tell."""
    here = model.folder
    if (here / "adapter_config.json").is_file():
        yield "adapter_config.json makes it an adapter; merge it into its model first"
    if not (here / "config.json").is_file():
        inner = [path.parent.name for path in sorted(here.glob("*/config.json"))
                 if any(path.parent.glob("*.safetensors"))]  # fmt: skip
        where = " and ".join(f"'{Path(model.name, part)}'" for part in inner)
        instead = f"its subfolder holds a model: {where}" if inner else (
            "a folder of transformers has one")  # fmt: skip
        yield f"there is no config.json; {instead}"
    for file in READ_AS_JSON:
        if _foreign(model.optional(file).get("auto_map")):
            yield f"{file} asks to run code of its own, which is never run"
    if model.config.get("quantization_config"):
        yield "config.json says that its weights are quantised; allowed are floats"
    yield from _wrong_counts(model, model.config)
    _ = model.tensors


def _foreign(auto_map: object) -> bool:
    """Whether a class is named that transformers does not have itself, which is then the one that is
    taken (EuroBERT's were published before they came to it)."""
    values = auto_map.values() if isinstance(auto_map, dict) else [auto_map]
    names = [
        n for each in values for n in (each if isinstance(each, list) else [each]) if n is not None
    ]
    return not all(hasattr(transformers, str(name).rpartition(".")[2]) for name in names)


def _wrong_counts(model: Candidate, value: object, key: str = "") -> Iterator[str]:
    if isinstance(value, dict | list):
        for name, inner in value.items() if isinstance(value, dict) else ((key, i) for i in value):
            yield from _wrong_counts(model, inner, str(name))
    elif _is_number(value):
        # A layer has a tensor, or more.
        most = len(model.tensors) if re.search(LAYERS, key) else LABELS
        if re.search(rf"labels$|{LAYERS}", key) and not -most <= value <= most:
            held = f"{model.shards[0]} holds {len(model.tensors)} tensors"
            yield f"config.json says that {key} is {value}; {held}"


def padding(model: Candidate, config: PreTrainedConfig, pad: int | None) -> int | None:
    """The id of padding by config.json, or `pad`, the tokeniser's, where it gives none that exists.

    A mask keeps padding from being read, so most models need none; RoBERTa counts positions from it.
    """
    said = model.config.get("pad_token_id")
    if said is not None and type(said) is not int:
        raise model.refusal(f"config.json says that pad_token_id is {said!r}; allowed is a number")
    rows = getattr(config, "vocab_size", None)
    fits = said is not None and said >= 0 and (not isinstance(rows, int) or said < rows)
    return said if fits else pad


def wrong_config(model: Candidate, config: PreTrainedConfig) -> Iterator[str]:
    """A type that the architectures contradict, no layer at all, and a word that no model has."""
    for name in model.config.get("architectures") or ():
        kind = getattr(getattr(transformers, str(name), None), "config_class", None)
        if kind is not None and not isinstance(config, kind):
            kinds = f"model_type is {config.model_type!r} and architectures {name!r}"
            yield f"config.json says that {kinds}"
    for key, value in model.config.items():
        if re.search(r"eps(ilon)?$", key) and not (_is_number(value) and 0 < value <= 0.01):
            yield f"config.json says that {key} is {value}; allowed is up to 0.01"
    heads = config.attribute_map.get("num_attention_heads", "num_attention_heads")
    if hasattr(config, heads) and not {heads, "num_attention_heads"} & set(model.config):
        yield f"config.json does not say {heads}, which its weights cannot tell"
    layers = getattr(config, "num_hidden_layers", 1)
    if isinstance(layers, int) and layers < 1:
        yield f"config.json says that the number of layers is {layers}"


def wrong_names(model: Candidate, empty: PreTrainedModel, info: dict) -> Iterator[str]:
    """Weights that a model would lack, or that its config.json has no room for.

    info: transformers' loading info, by whose rules names of files become names of the model.
    """
    parameters = dict(empty.named_parameters())
    for key, stored, wanted in info["mismatched_keys"]:
        yield f"config.json makes {key} {_size(wanted)}, and the weights hold {_size(stored)}"
    held = sum(math.prod(stored.shape) for stored in model.tensors.values())
    asked = sum(math.prod(tensor.shape) for tensor in (*parameters.values(), *empty.buffers()))
    if asked > 4 * held + 10**8:
        yield f"config.json asks for {asked:,} numbers; its weights hold {held:,}"
    missing = sorted(key for key in info["missing_keys"] if UNUSED not in key)
    if missing:
        held = sorted(info["unexpected_keys"])
        others = f"; they hold {_first(held)}, which it does not ask for" if held else ""
        lacking = f"its weights ({', '.join(model.shards)}) lack {_first(missing)}"
        yield f"{lacking}, which config.json asks for{others}"
    patterns = {re.sub(r"\d+", "#", key) for key in parameters}
    prefix = empty.base_model_prefix + "."
    for key in sorted(info["unexpected_keys"]):
        if re.sub(r"\d+", "#", key.removeprefix(prefix)) in patterns:
            yield f"its weights hold {key}, for which config.json has no layer"
    for key, stored in model.tensors.items():
        if key in parameters or key.removeprefix(prefix) in parameters:
            if stored.dtype not in FLOATS:
                yield f"{stored.file} holds {key} as {stored.dtype}, which is no float"
            if prefix + key in model.tensors:
                yield f"its weights hold both {key} and {prefix + key}"


def _first(keys: list[str]) -> str:
    return f"{keys[0]} and {len(keys) - 1} more" if len(keys) > 1 else keys[0]


def wrong_values(loaded: PreTrainedModel) -> Iterator[str]:
    for name, parameter in loaded.named_parameters():
        # A number whose square is none makes states that are nan for some texts and not for others.
        if parameter.numel() and not parameter.abs().max() < 1e18:
            yield f"its weights are not finite, or beyond 1e18: {name}"


def unsaid(model: Candidate) -> Iterator[str]:
    """What the config.json of a model of this project has to say, since its weights cannot tell."""
    for key, kind in SAID.items():
        if type(model.config.get(key)) is not kind:
            said = repr(model.config[key]) if key in model.config else "nothing"
            yield f"config.json says {said} of {key}; allowed is {kind.__name__}"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "one number"
