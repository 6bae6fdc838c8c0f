"""Whether a folder holds the model that it says it holds: judged before it is built, and after.

A checkpoint loads with random weights where its names do not fit, and reads unknown words where its
tokeniser is not there; transformers says so in a log, and numbers come out all the same. Here each
such folder is refused, in one sentence that names the model and the file.

What no check can tell: a choice that leaves no trace in the weights' shapes, such as another number
of heads or another activation. Encoders that ship are checked by their SHA-256 instead.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from isomorph.models.checkpoint import Candidate, ModelRefused

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel

READ_AS_JSON = ("config.json", "tokenizer_config.json", "special_tokens_map.json",
                "added_tokens.json", "tokenizer.json", "vocab.json")  # fmt: skip
FLOATS = ("F64", "F32", "F16", "BF16")
# Counts that transformers makes lists or modules of, by the end of their names, and the most of them.
COUNTS = ((r"(layers?|depths?|groups?|group_num)$", 1000), (r"labels$", 100_000))
# What a model of ours has to say; the first two leave no trace in its weights.
SAID = {"heads": int, "activation": str, "norm": str, "layers": int, "width": int, "inner": int,
        "length": int, "vocabulary": int, "languages": list, "specific": list}  # fmt: skip
UNUSED = "pooler"  # the one part that may be missing: no measure reads it


def judge_files(model: Candidate) -> None:
    """Everything that can be told from names, JSON and headers."""
    here = model.folder
    if (here / "adapter_config.json").is_file():
        raise model.refusal(
            "adapter_config.json makes it an adapter; merge it into its model first"
        )
    if not (here / "config.json").is_file():
        inner = [path.parent.name for path in sorted(here.glob("*/config.json"))
                 if any(path.parent.glob("*.safetensors"))]  # fmt: skip
        if inner:
            told_where = " and ".join(f"'{Path(model.name, part)}'" for part in inner)
            raise model.refusal(
                f"there is no config.json; its subfolder holds a model: {told_where}"
            )
        raise model.refusal("there is no config.json; a folder of transformers has one")
    for file in READ_AS_JSON:
        if "auto_map" in model.optional(file):
            raise model.refusal(f"{file} asks to run code of its own, which is never run")
    if model.config.get("quantization_config"):
        raise model.refusal("config.json says that its weights are quantised; allowed are floats")
    _judge_counts(model, model.config)
    _ = model.tensors


def _judge_counts(model: Candidate, value: object, key: str = "") -> None:
    if isinstance(value, dict):
        for name, inner in value.items():
            _judge_counts(model, inner, str(name))
    elif isinstance(value, list):
        for inner in value:
            _judge_counts(model, inner, key)
    elif _is_number(value):
        for name, most in COUNTS:
            if re.search(name, key) and not -most <= value <= most:
                raise model.refusal(
                    f"config.json says that {key} is {value}; {model.shards[0]} holds "
                    f"{len(model.tensors)} tensors"
                )


@contextmanager
def few_parameters(model: Candidate) -> Iterator[None]:
    """Stop the building of a model with many times the parameters that its files have."""
    from torch.nn.modules.module import register_module_parameter_registration_hook

    allowed, count = 10 * len(model.tensors) + 100, 0

    def counted(*_) -> None:
        nonlocal count
        count += 1
        if count > allowed:
            deep = {k: v for k, v in model.config.items() if re.search(COUNTS[0][0], k)}
            raise model.refusal(
                f"config.json asks for more layers than the {len(model.tensors)} tensors of "
                f"{model.shards[0]} ({_said(deep)})"
            )

    handle = register_module_parameter_registration_hook(counted)
    try:
        yield
    finally:
        handle.remove()


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


def judge_config(model: Candidate, config: PreTrainedConfig) -> None:
    """A type that the architectures contradict, no layer at all, and a word that no model has."""
    import transformers

    for name in model.config.get("architectures") or ():
        kind = getattr(getattr(transformers, str(name), None), "config_class", None)
        if kind is not None and not isinstance(config, kind):
            raise model.refusal(
                f"config.json says that model_type is {config.model_type!r} and architectures {name!r}"
            )
    for key, value in model.config.items():
        if re.search(r"eps(ilon)?$", key) and not (_is_number(value) and 0 < value <= 0.01):
            raise model.refusal(f"config.json says that {key} is {value}; allowed is up to 0.01")
    heads = config.attribute_map.get("num_attention_heads", "num_attention_heads")
    if hasattr(config, heads) and not {heads, "num_attention_heads"} & set(model.config):
        raise model.refusal(f"config.json does not say {heads}, which its weights cannot tell")
    layers = getattr(config, "num_hidden_layers", 1)
    if isinstance(layers, int) and layers < 1:
        raise model.refusal(f"config.json says that the number of layers is {layers}")


def judge_sizes(model: Candidate, empty: PreTrainedModel) -> None:
    """Compare the shapes of a model built without memory (`empty`) with those that its files list."""
    prefix = empty.base_model_prefix + "."
    own = dict(empty.named_parameters())
    for key, parameter in own.items():
        for name in (key, prefix + key, key.removeprefix(prefix)):
            if name in model.tensors and model.tensors[name].shape != tuple(parameter.shape):
                raise _another_shape(model, key, parameter.shape, model.tensors[name].shape)
    held = sum(math.prod(stored.shape) for stored in model.tensors.values())
    asked = sum(math.prod(tensor.shape) for tensor in (*own.values(), *empty.buffers()))
    if asked > 4 * held + 10**8:
        raise model.refusal(f"config.json asks for {asked:,} numbers; its weights hold {held:,}")


def _another_shape(model: Candidate, key: str, wanted: tuple, stored: tuple) -> ModelRefused:
    sizes = {a for a, b in zip(wanted, stored, strict=False) if a != b}
    fields = {k: v for k, v in model.config.items() if _is_number(v) and v in sizes}
    return model.refusal(
        f"config.json makes {key} {_size(wanted)}{f' ({_said(fields)})' if fields else ''}, and the "
        f"weights hold {_size(stored)}"
    )


def judge_names(model: Candidate, empty: PreTrainedModel, info: dict) -> None:
    """Refuse weights that a model would lack, or that its config.json has no room for.

    info: transformers' loading info, by whose rules names of files become names of the model.
    """
    own = dict(empty.named_parameters())
    for key, stored, wanted in info["mismatched_keys"]:
        raise _another_shape(model, key, wanted, stored)
    missing = sorted(key for key in info["missing_keys"] if UNUSED not in key)
    if missing:
        raise model.refusal(_missing(model, missing, list(info["unexpected_keys"])))
    patterns = {re.sub(r"\d+", "#", key) for key in own}
    prefix = empty.base_model_prefix + "."
    for key in sorted(info["unexpected_keys"]):
        if re.sub(r"\d+", "#", key.removeprefix(prefix)) in patterns:
            raise model.refusal(
                f"its weights hold {key}, for which config.json has no layer "
                f"({_said({k: v for k, v in model.config.items() if re.search(COUNTS[0][0], k)})})"
            )
    for key, stored in model.tensors.items():
        if key in own or key.removeprefix(prefix) in own:
            if stored.dtype not in FLOATS:
                raise model.refusal(
                    f"{stored.file} holds {key} as {stored.dtype}, which is no float"
                )
            if prefix + key in model.tensors:
                raise model.refusal(f"its weights hold both {key} and {prefix + key}")


def _missing(model: Candidate, missing: list[str], unexpected: list[str]) -> str:
    """What is missing, and how else it may be called."""
    prefixes = Counter(
        other.removesuffix(key) for key in missing for other in unexpected
        if other.endswith("." + key)
    )  # fmt: skip
    lost = Counter(
        key.removesuffix(other) for key in missing for other in unexpected
        if key.endswith("." + other)
    )  # fmt: skip
    count = f"{missing[0]} and {len(missing) - 1} more" if len(missing) > 1 else missing[0]
    if prefixes:
        return (
            f"its weights are named with the prefix {prefixes.most_common(1)[0][0]!r}: rename them"
        )
    if lost:
        return (
            f"its weights are named without the prefix {lost.most_common(1)[0][0]!r}: rename them"
        )
    return f"its weights ({', '.join(model.shards)}) lack {count}, which config.json asks for"


def judge_values(model: Candidate, loaded: PreTrainedModel) -> None:
    for name, parameter in loaded.named_parameters():
        # A number whose square is none makes states that are nan for some texts and not for others.
        if parameter.numel() and not parameter.abs().max() < 1e18:
            raise model.refusal(f"its weights are not finite, or beyond 1e18: {name}")


def judge_own(model: Candidate) -> None:
    """The config.json of a model of this project says what its weights cannot tell."""
    for key, kind in SAID.items():
        if type(model.config.get(key)) is not kind:
            said = repr(model.config[key]) if key in model.config else "nothing"
            raise model.refusal(f"config.json says {said} of {key}; allowed is {kind.__name__}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "one number"


def _said(fields: dict) -> str:
    return ", ".join(f"{key} is {value}" for key, value in fields.items())
