"""Whether a folder holds the model that it says it holds: judged before it is built, and after.

A checkpoint loads with random weights where its names do not fit, and reads unknown words where its
tokeniser is not there; transformers says so in a log, and numbers come out all the same. Here each
such folder is refused, in one sentence that names the model and the file.

What no check can tell: a choice that leaves no trace in the weights' shapes, such as another number
of heads or another activation. Encoders that ship are checked by their SHA-256 instead.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from isomorph.models.checkpoint import Candidate
from isomorph.models.inputs import encoder_of, takes_language
from isomorph.text.vocab import SPECIAL, Vocabulary

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerFast

READ_AS_JSON = ("config.json", "tokenizer_config.json", "special_tokens_map.json",
                "added_tokens.json", "tokenizer.json", "vocab.json")  # fmt: skip
FLOATS = ("F64", "F32", "F16", "BF16")
# Counts that transformers makes lists or modules of, by the end of their names, and the most of them.
COUNTS = ((r"(layers?|depths?|groups?|group_num)$", 1000), (r"labels$", 100_000))
# What a model of ours has to say; the first two leave no trace in its weights.
SAID = ("heads", "activation", "norm", "layers", "width", "inner", "length", "vocabulary",
        "languages", "specific", "transform")  # fmt: skip
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
        if (here / file).is_file() and "auto_map" in model.json(file):
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
    elif isinstance(value, int | float) and not isinstance(value, bool):
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


def judge_config(model: Candidate, config: PreTrainedConfig) -> None:
    """A type that the architectures contradict, no layer at all, and a word that no model has."""
    import transformers

    for name in model.config.get("architectures") or ():
        kind = getattr(getattr(transformers, str(name), None), "config_class", None)
        if kind is not None and not isinstance(config, kind):
            raise model.refusal(
                f"config.json says that model_type is {config.model_type!r} and architectures {name!r}"
            )
    heads = config.attribute_map.get("num_attention_heads", "num_attention_heads")
    if hasattr(config, heads) and not {heads, "num_attention_heads"} & set(model.config):
        raise model.refusal(f"config.json does not say {heads}, which its weights cannot tell")
    layers = getattr(config, "num_hidden_layers", 1)
    if isinstance(layers, int) and layers < 1:
        raise model.refusal(f"config.json says that the number of layers is {layers}")


def judge_names(model: Candidate, empty: PreTrainedModel, info: dict) -> None:
    """Compare a model built without memory (`empty`) with what its files list.

    info: transformers' loading info, by whose rules names of files become names of the model.
    """
    own = dict(empty.named_parameters())
    for key, stored, wanted in info["mismatched_keys"]:
        sizes = {a for a, b in zip(wanted, stored, strict=False) if a != b}
        fields = {k: v for k, v in model.config.items() if isinstance(v, int) and v in sizes}
        raise model.refusal(
            f"config.json asks for a {key} of {_size(wanted)}"
            f"{f' ({_said(fields)})' if fields else ''}, and the weights hold one of {_size(stored)}"
        )
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
    held = sum(map(_numel, (stored.shape for stored in model.tensors.values())))
    asked = sum(_numel(tensor.shape) for tensor in (*own.values(), *empty.buffers()))
    if asked > 4 * held + 10**8:
        raise model.refusal(f"config.json asks for {asked:,} numbers; its weights hold {held:,}")


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
        if not parameter.isfinite().all():
            raise model.refusal(f"its weights are not finite: {name}")


def judge_tokenizer(
    model: Candidate, loaded: nn.Module, tokenizer: PreTrainedTokenizerFast
) -> None:
    """A fast one, with files, that numbers no more tokens than there are embeddings."""
    files = {"tokenizer.json", *tokenizer.vocab_files_names.values()}
    if not any((model.folder / file).is_file() for file in files):
        raise model.refusal(f"it has no tokeniser files ({', '.join(sorted(files))})")
    if not tokenizer.is_fast:
        raise model.refusal("it has no fast tokeniser, which tells where words are")
    rows = loaded.get_input_embeddings().weight.shape[0]
    tokens = 1 + max(tokenizer.get_vocab().values(), default=-1)
    if tokens > rows or 2 * tokens < rows:
        raise model.refusal(f"it has {rows} embeddings, and its tokeniser {tokens} tokens")
    for module_name, module in loaded.named_modules():
        # Of RoBERTa and its kin: positions are counted from the padding's number.
        start = getattr(module, "padding_idx", None) if "position" in module_name else None
        if start is not None and tokenizer.pad_token_id not in (None, start):
            raise model.refusal(
                f"config.json says that pad_token_id is {start}, and its tokeniser "
                f"{tokenizer.pad_token_id}"
            )


def own_vocabulary(model: Candidate, config: PreTrainedConfig) -> Vocabulary:
    """The vocabulary of a model of this project, which has exactly the rows of its matrix."""
    unsaid = [key for key in SAID if key not in model.config]
    if unsaid:
        raise model.refusal(f"config.json does not say {', '.join(unsaid)}")
    if not (model.folder / "vocabulary.json").is_file():
        raise model.refusal("it has no vocabulary.json")
    model.json("vocabulary.json")
    with model.naming("vocabulary.json is no vocabulary"):
        vocabulary = Vocabulary.load(model.folder)
        for ids in vocabulary.ids.values():
            numbers = [i for i in ids.values() if type(i) is int and i >= 0]
            if len(set(numbers)) < len(ids) or [ids[piece] for piece in SPECIAL] != [
                *range(len(SPECIAL))
            ]:
                raise ValueError("ids are not numbers from 0, one a subword")
        size, languages = vocabulary.size, sorted(vocabulary.languages)
    if size != config.vocabulary:
        raise model.refusal(
            f"config.json says that vocabulary is {config.vocabulary}, and vocabulary.json has {size} ids"
        )
    if languages != sorted(config.languages):
        raise model.refusal(
            f"config.json has the languages {config.languages}, and vocabulary.json {languages}"
        )
    return vocabulary


def probe(
    model: Candidate,
    loaded: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    language: str | None = None,
) -> None:
    """Read two words that the tokeniser's own vocabulary spells: are they told apart, and finite?"""
    import torch

    words = _two_words(tokenizer)
    if len(words) < 2:
        raise model.refusal("its tokeniser knows no two words that it spells itself")
    batch = tokenizer(" ".join(words), return_tensors="pt", return_offsets_mapping=True)
    ends = [end for start, end in batch["offset_mapping"][0].tolist() if end > start]
    if not ends or min(ends) > len(words[0]) + 1 or tokenizer.unk_token_id in batch["input_ids"]:
        raise model.refusal(f"its tokeniser does not tell the words of {' '.join(words)!r}")
    keywords = {"language": language} if language and takes_language(loaded.forward) else {}
    with model.naming(f"it cannot read the words {' '.join(words)!r}"), torch.inference_mode():
        states = encoder_of(loaded)(
            input_ids=batch["input_ids"], attention_mask=batch["attention_mask"],
            output_hidden_states=True, **keywords,
        ).hidden_states  # fmt: skip
        finite = all(bool(layer.isfinite().all()) for layer in states)
        alike = bool((states[-1][0] == states[-1][0, :1]).all())
    if not finite:
        raise model.refusal("its hidden states of two words are not finite")
    if alike:
        raise model.refusal("its hidden states are the same for every word")


def _two_words(tokenizer: PreTrainedTokenizerFast) -> list[str]:
    """The first two words, single letters where there are no longer ones, that are one token."""
    special = set(tokenizer.all_special_ids)
    letters: list[str] = []
    words: list[str] = []
    for number in sorted(set(tokenizer.get_vocab().values()) - special):
        word = tokenizer.decode([number]).strip()
        if not word.isalpha() or word in letters:
            continue
        read = tokenizer(word, add_special_tokens=False)["input_ids"]
        if not read or tokenizer.unk_token_id in read:
            continue
        (words if len(word) > 1 and len(read) == 1 else letters).append(word)
        if len(words) == 2:
            return words
    return [*words, *letters][:2]


def _numel(shape: tuple[int, ...]) -> int:
    found = 1
    for size in shape:
        found *= size
    return found


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "one number"


def _said(fields: dict) -> str:
    return ", ".join(f"{key} is {value}" for key, value in fields.items())
