"""The small trained encoders that ship: writing them with a card, and loading them checked.

An encoder ships as bf16 safetensors with its vocabulary and a card that says which run made it.
Chapters load one in a second instead of training it for half an hour.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from isomorph.results import Condition, finished_rows
from isomorph.rows import among
from isomorph.runs import Pretraining
from isomorph.text import shipped

if TYPE_CHECKING:
    import pandas as pd

    from isomorph.models.masked_lm import BilingualMaskedLM
    from isomorph.text.vocab import Vocabulary

LARGEST = 5_000_000  # bytes of an encoder's folder, so that a clone stays small

CARD = """---
library_name: transformers
license: mit
language: [{languages}]
tags: [masked-lm, isomorph]
---
# {name}

A masked language model of the shipped Bibles ({languages}): {layers} layers of width {width},
{parameters:,} parameters, a vocabulary of {vocabulary:,}. It is small, made to be studied and not
to be used. The texts it learnt from are in the public domain.

| | |
|---|---|
| run | `{digest}` (`isomorph run encoders --size reference`) |
| tokens seen | {tokens:,} |
| held-out perplexity, one draw of masked subwords (another moves it by 4 to 8%; not to be compared across vocabularies) | {perplexity} |
| sentence retrieval en-fr, P@1, embeddings, centred | {retrieval} |
| trained on | {device}, one process, {minutes:.0f} minutes |
| precision | trained in {precision}, stored in bf16 |
| code | {code} |
| text | SHA-256 {data} |

Load it with `isomorph.release.load("{name}")`; importing `isomorph.models.masked_lm` lets
transformers' `AutoModel` read this folder.
"""


def names() -> list[str]:
    """The encoders that ship as runs of ours; bert-en is BERT's own class, for `load_encoder`."""
    return sorted({path.split("/")[1] for path in shipped.read_manifest()["files"]
                   if path.startswith("models/") and path.endswith("/vocabulary.json")})  # fmt: skip


def load(name: str) -> tuple[BilingualMaskedLM, Vocabulary, dict]:
    """A shipped encoder in fp32, its vocabulary and its card (run, tokens, perplexity ...).

    Raises ValueError when none has that name, and DataCorrupted when a file is damaged.
    """
    from isomorph.models.pretrained import load_masked_lm

    if name not in names():
        raise ValueError(f"encoder is {name!r}; those that ship are {names()}.")
    card = shipped.verified(f"models/{name}/card.json")
    return *load_masked_lm(name), json.loads(card.read_text(encoding="utf-8"))


def write(condition: Condition) -> Path:
    """Put a finished run's encoder where encoders ship, with its card, and list its checksums.

    Raises ValueError when the run has not finished here, or its files weigh more than allowed.
    """
    import torch

    from isomorph.models.pretrained import load_masked_lm
    from isomorph.results import cached, finished

    if not finished(condition):
        raise ValueError(f"the run of {condition.name!r} ({condition.run.digest}) is not finished.")
    source = cached(condition.run, mode="cached").model_folder()
    folder = shipped.data_folder() / "models" / condition.name
    model, vocabulary = load_masked_lm(source)
    rows = finished_rows("encoders", condition, size="reference")
    card = _card(condition, model, rows)
    model.to(torch.bfloat16).save_pretrained(folder)
    vocabulary.save(folder)
    (folder / "card.json").write_text(json.dumps(card, indent=1) + "\n")
    perplexity = ", ".join(f"{name} {value:.1f}" for name, value in card["perplexity"].items())
    many = among(rows, "retrieval_p1_centred")
    score = card["retrieval"]
    retrieval = "one language" if score is None else f"{score:.3f} {many}"
    values = card | {"perplexity": perplexity, "retrieval": retrieval}
    values["languages"] = ", ".join(card["languages"])
    (folder / "README.md").write_text(CARD.format(**values, minutes=card["seconds"] / 60))
    written = sorted(path for path in folder.rglob("*") if path.is_file())
    weight = sum(path.stat().st_size for path in written)
    if weight > LARGEST:
        raise ValueError(f"{folder} weighs {weight:,} bytes; an encoder may weigh {LARGEST:,}.")
    for path in written:
        shipped.write_manifest_entry(path.relative_to(shipped.data_folder()).as_posix())
    return folder


def _card(condition: Condition, model: BilingualMaskedLM, rows: pd.DataFrame) -> dict:
    run: Pretraining = condition.run
    last = rows[rows["tokens"] == rows["tokens"].max()]
    at_embeddings = last[last["layer"] == 0].set_index("metric")["value"]
    return {
        "name": condition.name,
        "languages": list(run.languages),
        "layers": run.encoder.layers,
        "width": run.encoder.width,
        "parameters": model.num_parameters(),
        "vocabulary": model.config.vocabulary,
        "digest": run.digest,
        "config": json.loads(run.config_json()),
        "tokens": int(last["tokens"].iloc[0]),
        "perplexity": {
            language: float(last[last["metric"] == f"perplexity_{language}"]["value"].iloc[0])
            for language in run.languages
        },
        "retrieval": at_embeddings.get("retrieval_p1_centred"),
        "precision": run.training.precision,
        "device": last["device"].iloc[0],
        "seconds": float(last["seconds"].iloc[0]),
        "code": last["code"].iloc[0],
        "data": last["data"].iloc[0],
    }
