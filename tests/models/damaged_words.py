"""Kinds of damage to the JSON, the tokeniser and the layout of a model's folder."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from isomorph.text.vocab import VocabularyConfig, learn

from .damaged_weights import DAMAGE, Damage, bytes_of, damage
from .tiny_models import TEXTS

# JSON ------------------------------------------------------------------------------------------

TEXT = {
    "empty": lambda text: b"",
    "cut": lambda text: text[: len(text) // 2],
    "a comma too many": lambda text: text.rstrip()[:-1] + b",}",
    "a mark of byte order": lambda text: b"\xef\xbb\xbf" + text,
    "UTF-16": lambda text: text.decode().encode("utf-16"),
    "not UTF-8": lambda text: text.rstrip()[:-1] + b', "x": "\xff"}',
    "a list": lambda text: b"[]",
    "null": lambda text: b"null",
    "nested too deep": lambda text: b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "another object": lambda text: b"{}",
}
FILES = ("config.json", "tokenizer.json", "tokenizer_config.json", "vocabulary.json")
for file in FILES:
    for name, change in TEXT.items():
        DAMAGE[f"{file}: {name}"] = bytes_of(change, file)
    DAMAGE[f"{file}: gone"] = lambda folder, file=file: (folder / file).unlink()
    DAMAGE[f"{file}: a folder"] = lambda folder, file=file: (
        (folder / file).unlink(), (folder / file).mkdir())  # fmt: skip


def config(change: Callable[[dict], object], file: str = "config.json") -> Damage:
    def rewrite(folder: Path) -> None:
        fields = json.loads((folder / file).read_text())
        change(fields)
        (folder / file).write_text(json.dumps(fields))

    return rewrite


VALUES = {"null": None, "huge": 10**9, "larger": 3, "negative": -1, "zero": 0, "a word": "x",
          "a list": [1], "a half": 0.5, "a billion as text": "1000000000", "true": True,
          "not a number": float("nan")}  # fmt: skip
SIZES = {
    "ours": ("vocabulary", "layers", "width", "heads", "inner", "length", "languages", "specific",
             "norm", "activation", "model_type", "pad_token_id", "transform", "dtype"),
    "bert": ("vocab_size", "num_hidden_layers", "hidden_size", "num_attention_heads",
             "intermediate_size", "max_position_embeddings", "type_vocab_size", "hidden_act",
             "model_type", "pad_token_id", "layer_norm_eps", "dtype", "architectures",
             "num_labels", "id2label", "return_dict", "chunk_size_feed_forward", "pruned_heads"),
}  # fmt: skip
ADDED = {
    "code of its own": {"auto_map": {"AutoModel": "evil.Model"}},
    "a kernel of the hub": {"_attn_implementation": "evil/kernel"},
    "a kernel by another name": {"attn_implementation": "evil/kernel"},
    "another file of weights": {"transformers_weights": "other.bin"},
    "another folder": {"_name_or_path": "/etc"},
    "quantised": {"quantization_config": {"quant_method": "bitsandbytes", "load_in_8bit": True}},
    "what nobody knows": {"unheard_of": 1e400},
    "a rotation by no number": {
        "rope_theta": 0.0,
        "rope_parameters": {"rope_type": "default", "rope_theta": 0.0},
    },
    "another architecture": {"architectures": ["GPT2Model"]},
}
for name, fields in ADDED.items():
    DAMAGE[f"config.json adds {name}"] = config(lambda c, f=fields: c.update(f))
DAMAGE["tokenizer_config.json adds code of its own"] = config(
    lambda c: c.update(auto_map={"AutoTokenizer": ["evil.T", None]}), "tokenizer_config.json"
)


def fields(kind: str) -> dict[str, Damage]:
    """Each field of config.json dropped, and with each value that cannot be."""
    found: dict[str, Damage] = {}
    for key in SIZES[kind]:
        found[f"config.json: {key} gone"] = config(lambda c, key=key: c.pop(key, None))
        for name, value in VALUES.items():
            found[f"config.json: {key} {name}"] = config(lambda c, k=key, v=value: c.update({k: v}))
    return found


# Tokenisers ------------------------------------------------------------------------------------


def another(size: int) -> Damage:
    """Another model's tokeniser in the place of a model's own."""

    def swap(folder: Path) -> None:
        other = learn(
            VocabularyConfig(size=size), {"en": [*TEXTS, *(f"word{i}" for i in range(99))]}
        )
        for file in ("tokenizer.json", "tokenizer_config.json", "vocabulary.json"):
            (folder / file).unlink(missing_ok=True)
        other.save(folder)

    return swap


def ids(change: Callable[[dict], object]) -> Damage:
    """Change the ids that vocabulary.json gives to subwords."""
    return config(lambda record: change(record["ids"]), "vocabulary.json")


def pieces(change: Callable[[dict], object]) -> Damage:
    """Change the ids that tokenizer.json gives to subwords."""
    return config(lambda record: change(record["model"]["vocab"]), "tokenizer.json")


DAMAGE |= {
    "tokeniser: a larger one": another(90),
    "tokeniser: one of few letters": lambda folder: (
        another(90)(folder), pieces(lambda v: [v.pop(k) for k in list(v)[5:]])(folder)),
    "tokeniser: ids beyond the matrix": pieces(lambda v: v.update({k: v[k] + 50 for k in list(v)[9:]})),
    "tokeniser: every file gone": lambda folder: [
        file.unlink() for file in folder.iterdir() if file.name.startswith(("tok", "vocab"))],
    "tokeniser: a slow one": config(
        lambda c: c.update(tokenizer_class="CanineTokenizer"), "tokenizer_config.json"),
    "tokeniser: an unheard-of class": config(
        lambda c: c.update(tokenizer_class="NoTokenizer"), "tokenizer_config.json"),
    "vocabulary: a piece gone": ids(lambda v: v["en"].pop(max(v["en"], key=v["en"].get))),
    "vocabulary: an id twice": ids(lambda v: v["en"].update(again=7)),
    "vocabulary: an id beyond the matrix": ids(lambda v: v["en"].update(more=10**9)),
    "vocabulary: a negative id": ids(lambda v: v["en"].update(less=-1)),
    "vocabulary: an id that is no number": ids(lambda v: v["en"].update(house="7")),
    "vocabulary: a fraction": ids(lambda v: v["en"].update(house=7.5)),
    "vocabulary: no padding": ids(lambda v: v["en"].pop("[PAD]")),
    "vocabulary: special ids changed": ids(lambda v: v["en"].update({"[PAD]": 1, "[UNK]": 0})),
    "vocabulary: another language": ids(lambda v: v.update(fr=v["en"])),
    "vocabulary: no language": ids(lambda v: v.clear()),
    "vocabulary: a list": config(lambda c: c.update(ids=[1, 2]), "vocabulary.json"),
    "vocabulary: a setting of no kind": config(lambda c: c["config"].update(x=1), "vocabulary.json"),
}  # fmt: skip
# Folders ---------------------------------------------------------------------------------------


@damage("folder: empty")
def _(folder):
    shutil.rmtree(folder)
    folder.mkdir()


@damage("folder: the model is in a subfolder")
def _(folder):
    shutil.move(folder, folder.parent / "aside")
    folder.mkdir()
    shutil.move(folder.parent / "aside", folder / "0_Transformer")


@damage("folder: an adapter beside")
def _(folder):
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "owner/name"}')


@damage("folder: gone")
def _(folder):
    shutil.rmtree(folder)
