"""How an encoder is meant to read sentences, as its own files of sentence-transformers say.

`modules.json` names the steps after the encoder, `1_Pooling/config.json` how a sentence's tokens become one
vector, `config_sentence_transformers.json` what stands before a sentence, and
`sentence_bert_config.json` after how many tokens it is cut. Source: Reimers & Gurevych 2019, and the
files as sentence-transformers 6 reads them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from isomorph.models.judged import Candidate
from isomorph.models.places import located

# By the names of sentence-transformers, whose mean is over special tokens too.
POOLINGS = {"mean": "all", "cls": "first", "lasttoken": "last"}
OLD_NAMES = {"pooling_mode_cls_token": "cls", "pooling_mode_mean_tokens": "mean",
             "pooling_mode_lasttoken": "lasttoken"}  # fmt: skip
IN_WORDS = {"mean": "the mean over subwords, without special tokens",
            "all": "the mean over all tokens, special ones too",
            "first": "the first token", "last": "the last token"}  # fmt: skip


class Asked(NamedTuple):
    """pooling: as of `isomorph.measure.represent.represent`; prompt: what is put before each sentence;
    longest: tokens, None for as many as the model reads; words: all of it for a reader."""

    pooling: str
    prompt: str
    longest: int | None
    words: str


def asked(name: str, prompt: str | None = None) -> Asked:
    """What the files of a model ask for; of one that has none, the mean over its subwords.

    name: as of `load_encoder`. prompt: the name of one of the model's prompts, or the text itself; None
    is the one that its files name as the default, if any, as in `SentenceTransformer.encode`.
    Raises ModelRefused for a file that cannot be read, or a pooling that is none of POOLINGS.
    """
    model = located(name)
    prompts = model.optional("config_sentence_transformers.json")
    known = prompts.get("prompts") or {}
    before = known.get(prompts.get("default_prompt_name"), "") if prompt is None else prompt
    before = known.get(before, before)
    notes = [f"{before!r} before each" if before else "nothing put before them"]
    if known and not before:
        notes[0] += f", though it has the prompts {', '.join(known)}"
    if not (model.folder / "modules.json").is_file():
        said = f"{IN_WORDS['mean']}, since it has no files of sentence-transformers"
        return Asked("mean", before, None, "; ".join([said, *notes]))
    with model.naming("modules.json is no list of modules"):
        modules = json.loads((model.folder / "modules.json").read_text("utf-8"))
        kinds = {each["type"].rpartition(".")[2]: each["path"] for each in modules}
    pooling = _pooling(model, kinds["Pooling"]) if "Pooling" in kinds else "mean"
    limits = model.optional("sentence_bert_config.json")
    longest = limits.get("max_seq_length")
    if left := [kind for kind in kinds if kind not in ("Transformer", "Pooling", "Normalize")]:
        notes.append(f"its layers {', '.join(left)} after that are left out")
    if limits.get("do_lower_case"):
        notes.append("in the case that they are in, though its files ask for lower case")
    if longest:
        notes.append(f"cut after {longest} tokens")
    said = f"{IN_WORDS[pooling]}, as its files of sentence-transformers ask"
    return Asked(pooling, before, longest, "; ".join([said, *notes]))


def _pooling(model: Candidate, folder: str) -> str:
    inner = Candidate(model.name, model.folder / Path(folder).name)
    if not (inner.folder / "config.json").is_file():
        raise model.refusal(f"modules.json names '{folder}', which has no config.json here")
    said = inner.json("config.json")
    modes = said.get("pooling_mode") or [
        OLD_NAMES.get(key, key)
        for key, on in said.items()
        if key.startswith("pooling_mode_") and on
    ]
    modes = [modes] if isinstance(modes, str) else modes or ["mean"]
    if len(modes) != 1 or modes[0] not in POOLINGS:
        allowed = ", ".join(POOLINGS)
        raise model.refusal(
            f"{folder}/config.json asks for the pooling {', '.join(modes)}; allowed is one of {allowed}"
        )
    return POOLINGS[modes[0]]
