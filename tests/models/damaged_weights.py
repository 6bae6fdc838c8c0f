"""Kinds of damage to the weights of a model's folder: each changes a folder that is whole."""

import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load, save_file

Damage = Callable[[Path], None]
DAMAGE: dict[str, Damage] = {}


def damage(name: str, **options):
    """Register a kind of damage under a name, with the arguments it is done with."""

    def register(function):
        DAMAGE[name] = lambda folder: function(folder, **options)
        return function

    return register


def load_file(file: Path) -> dict:
    """The tensors of a file, copied: the file will be written over."""
    return load(file.read_bytes())


# Weights ---------------------------------------------------------------------------------------


def weights(folder: Path, change: Callable[[dict], dict]) -> None:
    file = folder / "model.safetensors"
    save_file(change(load_file(file)), file, metadata={"format": "pt"})


def named(tensors: dict, place: str) -> str:
    """A tensor that every model has: of the embeddings, of a matrix or of the last layer's norm."""
    of_layers = [key for key in tensors if "layer" in key or ".h." in key]
    if place == "embeddings":
        return next(k for k in tensors if ("embed" in k or "wte" in k) and tensors[k].ndim == 2
                    and "position" not in k and "type" not in k)  # fmt: skip
    if place == "positions":
        return next(key for key in tensors if "position" in key)
    ends = "norm.weight" if place == "norm" else "weight"
    dims = 1 if place == "norm" else 2
    return [k for k in of_layers if k.lower().endswith(ends) and tensors[k].ndim == dims][-1]


def changed(place: str, how: Callable[[torch.Tensor], torch.Tensor | None]) -> Damage:
    def change(tensors: dict) -> dict:
        key = named(tensors, place)
        made = how(tensors.pop(key))
        return tensors if made is None else tensors | {key: made.contiguous()}

    return lambda folder: weights(folder, change)


def with_first(value: float) -> Callable[[torch.Tensor], torch.Tensor]:
    def fill(tensor: torch.Tensor) -> torch.Tensor:
        tensor.view(-1)[0] = value
        return tensor

    return fill


HOW = {
    "gone": lambda t: None,
    "cut": lambda t: t[:-1],
    "longer": lambda t: torch.cat([t, t[:1]]),
    "flat": lambda t: t.flatten()[None],
    "scalar": lambda t: t.flatten()[0],
    "without a row": lambda t: t[:0],
    "not a number": with_first(float("nan")),
    "infinite": with_first(float("-inf")),
    "as large as floats go": lambda t: 0 * t + 3e38,
    "as whole numbers": lambda t: (10 * t).to(torch.int8),
    "as eight bits": lambda t: t.to(torch.float8_e4m3fn),
    "in double precision": lambda t: t.double(),  # the same numbers
}
for place in ("embeddings", "positions", "matrix", "norm"):
    for name, how in HOW.items():
        DAMAGE[f"{place} {name}"] = changed(place, how)

NAMES = {
    "module.": lambda key: "module." + key,
    "_orig_mod.": lambda key: "_orig_mod." + key,
    "model.": lambda key: "model." + key,
    "inner prefix": lambda key: key.replace("encoder.", "encoder.module.").replace(
        "h.", "h.module."
    ),
    "first part dropped": lambda key: key.split(".", 2)[-1],
    "upper case": str.upper,
    "one renamed": lambda key: key.replace("layer.1.", "layer.l.").replace(
        "layers.1.", "layers.l."
    ),
    "one layer further": lambda key: key.replace("layer.1.", "layer.2.").replace(
        "layers.1", "layers.2"
    ),
    "a space": lambda key: key + " ",
}
for name, rename in NAMES.items():
    DAMAGE[f"names: {name}"] = lambda folder, rename=rename: weights(
        folder, lambda tensors: {rename(key): tensor for key, tensor in tensors.items()}
    )


@damage("weights: none")
def _(folder):
    weights(folder, lambda tensors: {})


@damage("weights: all zero")
def _(folder):
    weights(folder, lambda tensors: {key: 0 * tensor for key, tensor in tensors.items()})


@damage("weights: a tensor that nobody asks for")
def _(folder):
    weights(folder, lambda tensors: tensors | {"another.weight": torch.ones(2, 2)})


@damage("weights: a layer too many")
def _(folder):
    def one_more(tensors):
        more = {key.replace("layer.1.", "layer.2.").replace("layers.1.", "layers.2."): tensor.clone()
                for key, tensor in tensors.items()}  # fmt: skip
        return tensors | more

    weights(folder, one_more)


@damage("weights: twice, with and without a prefix, not the same")
def _(folder):
    def twice(tensors):
        key = named(tensors, "matrix")
        other = key.split(".", 1)[1] if key.startswith(("bert.", "encoder.")) else "encoder." + key
        return tensors | {other: tensors[key] + 1}

    weights(folder, twice)


def bytes_of(change: Callable[[bytes], bytes], file: str = "model.safetensors") -> Damage:
    def write_changed(folder: Path) -> None:
        (folder / file).write_bytes(change((folder / file).read_bytes()))

    return write_changed


def header(change: Callable[[dict], None]) -> Damage:
    """Rewrite the header of the weights, and leave the weights as they are."""

    def lie(content: bytes) -> bytes:
        (length,) = struct.unpack("<Q", content[:8])
        listed = json.loads(content[8 : 8 + length])
        change(listed)
        text = json.dumps(listed).encode()
        return struct.pack("<Q", len(text)) + text + content[8 + length :]

    return bytes_of(lie)


def a_matrix(listed: dict) -> dict:
    return next(part for part in listed.values() if len(part.get("shape", ())) == 2)


BYTES = {
    "nothing": lambda b: b"",
    "seven bytes": lambda b: b[:7],
    "eight bytes": lambda b: b[:8],
    "cut in the header": lambda b: b[:100],
    "cut in half": lambda b: b[: len(b) // 2],
    "the last byte gone": lambda b: b[:-1],
    "a byte more": lambda b: b + b"\0",
    "a header of 2**62 bytes": lambda b: struct.pack("<Q", 2**62) + b[8:],
    "a header of no bytes": lambda b: struct.pack("<Q", 0) + b[8:],
    "a pointer of git-lfs": lambda b: b"version https://git-lfs.github.com/spec/v1\nsize 1\n",
    "a web page": lambda b: b"<!DOCTYPE html><html>404</html>",
    "zeros": lambda b: bytes(len(b)),
}
for name, change in BYTES.items():
    DAMAGE[f"weights' file: {name}"] = bytes_of(change)
LIES = {
    "shape": lambda listed: a_matrix(listed).update(shape=[10**9, 10**9]),
    "negative shape": lambda listed: a_matrix(listed).update(shape=[-1, 4]),
    "offsets": lambda listed: a_matrix(listed).update(data_offsets=[0, 2**50]),
    "dtype": lambda listed: a_matrix(listed).update(dtype="F64"),
    "unknown dtype": lambda listed: a_matrix(listed).update(dtype="Q4"),
}
for name, lie in LIES.items():
    DAMAGE[f"weights' header lies: {name}"] = header(lie)


@damage("weights' file: a pickle")
def _(folder):
    torch.save(load_file(folder / "model.safetensors"), folder / "model.safetensors")


@damage("weights' file: gone, a pickle beside", pickle=True)
@damage("weights' file: gone")
def _(folder, pickle=False):
    if pickle:
        torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


@damage("weights' file: another name")
def _(folder):
    (folder / "model.safetensors").rename(folder / "weights.safetensors")


@damage("weights' file: a link to nothing")
def _(folder):
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").symlink_to("../blobs/0123")


@damage("weights' file: a folder")
def _(folder):
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").mkdir()


# Shards ----------------------------------------------------------------------------------------


def sharded(change: Callable[[Path, dict], object] = lambda folder, index: None) -> Damage:
    """Cut the weights into two files with an index, then change the index or the files."""

    def cut(folder: Path) -> None:
        tensors = load_file(folder / "model.safetensors")
        (folder / "model.safetensors").unlink()
        files = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
        keys = sorted(tensors)
        halves = [keys[: len(keys) // 2], keys[len(keys) // 2 :]]
        for file, half in zip(files, halves, strict=True):
            save_file({key: tensors[key] for key in half}, folder / file, {"format": "pt"})
        listed = {key: file for file, half in zip(files, halves, strict=True) for key in half}
        index = {"metadata": {"total_size": 1}, "weight_map": listed}
        made = change(folder, index)
        made = index if made is None else made
        (folder / "model.safetensors.index.json").write_text(json.dumps(made))

    return cut


def pointing(to: str) -> Callable[[Path, dict], None]:
    def point(folder: Path, index: dict) -> None:
        key = max(index["weight_map"])
        last = folder / index["weight_map"][key]
        if to.endswith(".bin"):
            torch.save(load_file(last), folder / to)
        elif "/" in to and not to.startswith("/"):
            (folder / to).parent.mkdir(exist_ok=True)
            shutil.copy(last, folder / to)
        for each, file in index["weight_map"].items():
            if file == last.name:
                index["weight_map"][each] = to

    return point


def lacking(folder: Path, index: dict) -> None:
    file = folder / "model-00002-of-00002.safetensors"
    kept = load_file(file)
    kept.pop(min(kept))
    save_file(kept, file, {"format": "pt"})


def doubled(folder: Path, index: dict) -> None:
    first, second = (folder / f"model-0000{i}-of-00002.safetensors" for i in (1, 2))
    both = load_file(first) | {key: t + 1 for key, t in list(load_file(second).items())[:1]}
    save_file(both, first, {"format": "pt"})


SHARDS = {
    "as they should be": lambda folder, index: None,
    "a pickle": pointing("pytorch_model.bin"),
    "another folder": pointing("../elsewhere.safetensors"),
    "a subfolder": pointing("inner/part.safetensors"),
    "an absolute path": pointing("/etc/part.safetensors"),
    "what is not there": pointing("model-00003-of-00003.safetensors"),
    "a number": lambda folder, index: index["weight_map"].update({"a": 3}),
    "lacking a tensor": lacking,
    "holding a tensor twice": doubled,
    "a tensor that no file has": lambda f, index: index["weight_map"].update(
        {"a": "model-00001-of-00002.safetensors"}
    ),
    "no metadata": lambda folder, index: {"weight_map": index["weight_map"]},
    "an empty index": lambda folder, index: {},
    "a list as the index": lambda folder, index: [1],
    "an empty map": lambda folder, index: {"weight_map": {}},
    "a list as the map": lambda folder, index: {"weight_map": [1]},
    "one file gone": lambda f, index: (f / "model-00001-of-00002.safetensors").unlink(),
    "one file cut": lambda f, index: bytes_of(lambda b: b[:-9], "model-00002-of-00002.safetensors")(
        f
    ),
}
for name, change in SHARDS.items():
    DAMAGE[f"shards: {name}"] = sharded(change)
