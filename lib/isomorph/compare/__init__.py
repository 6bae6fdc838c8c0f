"""`isomorph compare`: any two encoders on shipped parallel text, as rows, figures and a notebook.

The measures are those of the chapters on alignment and CKA (Conneau, Wu et al. 2020, section 5), by
`isomorph.measure.comparison`. The first model reads the first language and the second the second; the
same model twice is fine.
"""

from __future__ import annotations

import shutil
import tempfile
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

    from isomorph.measure.comparison import Material
    from isomorph.measure.words import Reader
    from isomorph.models.settings import Device

# The fingerprints are `isomorph.models.pretrained.fingerprint` of the two models, as they were read.
COLUMNS = ("source", "target", "text", "source_fingerprint", "target_fingerprint",
           "layer", "metric", "value")  # fmt: skip
ASIDE = ".comparison-"  # begins the name of the folder in which files are made
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
    Raises ValueError, before any model is loaded, for what `material` refuses; and ModelRefused, also
    when a model fails at the text.
    """
    import pandas as pd

    from isomorph.measure.comparison import compare
    from isomorph.models.judged import ModelRefused, one_line
    from isomorph.models.pretrained import fingerprint
    from isomorph.models.settings import device_named

    place = device_named(device)
    chosen = material(text, domain=domain, learn=learn, test=test)
    languages = languages_of(text)
    readers = [_reader(name, language, place) for name, language in
               zip((first, second), languages, strict=True)]  # fmt: skip
    try:
        records = compare(*readers, chosen, progress=progress)
    except ValueError:
        raise
    except Exception as problem:
        raise ModelRefused(
            f"models {first!r} and {second!r} cannot be compared: {one_line(problem)}."
        ) from problem
    rows = pd.DataFrame(records).assign(
        source=first, target=second, text=text,
        source_fingerprint=fingerprint(first), target_fingerprint=fingerprint(second),
    )  # fmt: skip
    return rows.astype({"layer": "Int64", "value": float})[list(COLUMNS)]


def _reader(name: str, language: str, device: torch.device) -> Reader:
    from isomorph.measure.words import Reader
    from isomorph.models.pretrained import load_encoder

    model, tokenizer = load_encoder(name)
    return Reader(model.to(device), tokenizer, language)


def check_folder(folder: Path) -> None:
    """Raise ValueError, in one sentence, unless a comparison can be written to a folder.

    Allowed is a new or an empty one, or one that holds an earlier comparison and nothing else.
    """
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"out is '{folder}', which is a file; allowed is a folder.")
    here = [path for path in folder.iterdir()] if folder.exists() else []
    marked = any(path.name == "rows.csv" or path.name.startswith(ASIDE) for path in here)
    foreign = sorted(path.name for path in here if not (marked and _ours(path)))
    if foreign:
        raise ValueError(
            f"out is '{folder}', which holds {foreign[0]!r}"
            f"{f' and {len(foreign) - 1} more' if len(foreign) > 1 else ''}; allowed is a new folder, "
            "an empty one, or one of an earlier comparison."
        )
    near = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    try:
        with tempfile.TemporaryDirectory(prefix=ASIDE, dir=near):
            pass
    except OSError as problem:
        raise ValueError(
            f"out is '{folder}', which cannot be written ({problem.strerror})."
        ) from None


def _ours(path: Path) -> bool:
    from isomorph.compare import report

    if path.name == "rows.csv" and path.is_file():
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.readline().startswith("source,target,text,")
    figures = {f"{name}.svg" for name in report.CAPTIONS}
    written = {"by_layer.csv", report.NAME, ".ipynb_checkpoints"} | figures
    return path.name in written or path.name.startswith(ASIDE)


def write(rows: DataFrame, folder: Path) -> list[Path]:
    """Write rows.csv, by_layer.csv, the figures and an executed notebook; the files, in order.

    They are made aside first. An earlier comparison in the folder goes as a whole when they are all
    there. Raises ValueError for a folder that `check_folder` refuses.
    """
    from isomorph.compare import report

    folder = Path(folder)
    check_folder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    earlier = list(folder.iterdir())
    with tempfile.TemporaryDirectory(prefix=ASIDE, dir=folder) as temporary:
        aside = Path(temporary)
        tables = {"rows.csv": rows, "by_layer.csv": report.by_layer(rows)}
        for name, table in tables.items():
            table.to_csv(aside / name, index=False)
        figures = report.save_figures(rows, aside)
        new = [*(aside / name for name in tables), *figures, report.write_notebook(aside)]
        for path in sorted(earlier, key=lambda path: path.name == "rows.csv"):  # which marks them
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        return [path.rename(folder / path.name) for path in new]
