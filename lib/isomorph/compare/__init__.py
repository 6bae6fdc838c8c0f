"""`isomorph compare`: any two encoders on shipped parallel text, as rows, figures and a notebook.

The measures are those of the chapters on alignment and CKA (Conneau, Wu et al. 2020, section 5), by
`isomorph.measure.comparison`. The first model reads the first language and the second the second; the
same model twice is fine.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from isomorph.one_core import limited
from isomorph.text.corpora import (
    DOMAIN_CHOICES,
    evenly,
    load_parallel,
    near_copies,
    require,
    word_pairs,
)
from isomorph.text.shipped import LANGUAGES

if TYPE_CHECKING:
    import torch
    from pandas import DataFrame

    from isomorph.measure.comparison import Material, Reader
    from isomorph.models.settings import Device

COLUMNS = ("source", "target", "text", "layer", "metric", "value")
LEARN, TEST, CONTEXTS = 2000, 500, 1000  # sentences: a few minutes of one core for small models


def languages_of(text: str) -> tuple[str, str]:
    """The two languages of "en-fr". Raises ValueError when they are not two that ship."""
    languages = tuple(text.split("-"))
    if len(languages) != 2 or len(set(languages) & set(LANGUAGES)) != 2:
        raise ValueError(
            f"text is {text!r}; allowed are two of {', '.join(LANGUAGES)}, such as 'en-fr'."
        )
    return languages


def material(
    text: str, *, domain: str = "bible+help", learn: int = LEARN, test: int = TEST
) -> Material:
    """What the two models read, each in its own language.

    learn: how many parallel sentences a rotation is learnt on, from the training part.
    test: how many it is scored on, from the held-out part. Both evenly spaced over the domain.
    The dictionary is the shipped one, of words that occur in the domain. Words are met in sentences
    of the training part, none of which both models read. Near copies across these parts are left
    out, and test words linked with those that the rotation is learnt on.
    Raises ValueError for other languages, another domain, or fewer than 4 sentences.
    """
    from isomorph.measure.comparison import Material

    languages = languages_of(text)
    require("domain", domain, DOMAIN_CHOICES)
    for name, count in (("learn", learn), ("test", test)):
        if count < 4:
            raise ValueError(f"{name} is {count}; at least 4 sentences are needed.")
    rows = []
    for part in domain.split("+"):
        left_out = near_copies(part)
        rows += [row for row in load_parallel(part).to_list() if row["id"] not in left_out]
    split = {name: [row for row in rows if row["split"] == name] for name in ("train", "test")}

    def sides(chosen: list[dict]) -> tuple[list[str], list[str]]:
        return tuple([row[language] for row in chosen] for language in languages)

    halves = [[row for row in split["train"] if row["id"] % 2 == parity] for parity in (0, 1)]
    contexts = tuple(
        [row[language] for row in evenly(half, CONTEXTS)]
        for language, half in zip(languages, halves, strict=True)
    )
    return Material(
        learn=sides(evenly(split["train"], learn)),
        test=sides(evenly(split["test"], test)),
        dictionary=word_pairs(languages, (domain, domain), overlap="dropped"),
        contexts=contexts,
    )


@limited()
def compare_models(
    first: str,
    second: str,
    *,
    text: str = "en-fr",
    domain: str = "bible+help",
    learn: int = LEARN,
    test: int = TEST,
    device: Device = "auto",
    progress: bool = True,
) -> DataFrame:
    """Every measure of `isomorph.measure.comparison.compare` as rows, with the columns COLUMNS.

    first, second: ids of the hub or folders, see `isomorph.models.pretrained.load_encoder`.
    Raises ValueError, before any model is loaded, for what `material` refuses; and ModelRefused.
    """
    import pandas as pd

    from isomorph.measure.comparison import compare
    from isomorph.models.inputs import device_named

    place = device_named(device)
    chosen = material(text, domain=domain, learn=learn, test=test)
    languages = languages_of(text)
    readers = [_reader(name, language, place) for name, language in
               zip((first, second), languages, strict=True)]  # fmt: skip
    records = compare(*readers, chosen, progress=progress)
    rows = pd.DataFrame(records).assign(source=first, target=second, text=text)
    return rows.astype({"layer": "Int64", "value": float})[list(COLUMNS)]


def _reader(name: str, language: str, device: torch.device) -> Reader:
    from isomorph.measure.comparison import Reader
    from isomorph.models.pretrained import load_encoder

    model, tokenizer = load_encoder(name)
    return Reader(model.to(device), tokenizer, language)


def write(rows: DataFrame, folder: Path) -> list[Path]:
    """Write rows.csv, by_layer.csv, the figures and an executed notebook; the files, in order.

    An earlier comparison in the folder is replaced.
    """
    from isomorph.compare import report

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tables = {"rows.csv": rows, "by_layer.csv": report.by_layer(rows)}
    for name, table in tables.items():
        table.to_csv(folder / name, index=False)
    figures = report.save_figures(rows, folder)
    return [*(folder / name for name in tables), *figures, report.write_notebook(folder)]
