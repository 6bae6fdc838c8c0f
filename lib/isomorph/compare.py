"""`isomorph compare`: any two encoders on shipped parallel text or on one's own, as rows, figures and a
notebook.

The measures are those of the chapters on alignment and CKA (Conneau, Wu et al. 2020, section 5), by
`isomorph.measure.comparison`. The first model reads the first language and the second the second; the
same model twice is fine.
"""

from __future__ import annotations

import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from isomorph import figures
from isomorph import rows as rows_of
from isomorph.processes import limited
from isomorph.text.parallel import LEARN, TEST, languages_of, material, own_material

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure
    from pandas import DataFrame

    from isomorph.models.settings import Device

# The fingerprints are `isomorph.models.pretrained.fingerprint` of the two models, as they were read.
COLUMNS = ("source", "target", "text", "source_fingerprint", "target_fingerprint",
           "layer", "metric", "value")  # fmt: skip
BY_LAYER = {
    "retrieval, rotated": "retrieval_p1",
    "retrieval, as they are": "retrieval_p1_unmapped",
    "words, rotated": "translation_contextual_p1",
    "CKA": "cka",
    "RSA": "rsa",
    "cosine, first": "average_cosine_source",
    "cosine, second": "average_cosine_target",
    "IsoScore, first": "isoscore_source",
    "IsoScore, second": "isoscore_target",
}


class Drawing(NamedTuple):
    """What a figure shows: the metrics by the names of their lines, and what the vertical axis is."""

    caption: str
    alt: str
    axis: str = ""
    lines: dict[str, str] | None = None  # None: of the grid


MAPS = "Lines over the layers of the first model, one for each kind of map."
DRAWINGS = {
    "retrieval": Drawing(
        "Sentence retrieval by layer: the share of sentences whose translation is nearest.", MAPS,
        "retrieval_p1",
        {"rotated": "retrieval_p1", "rotated, CSLS": "retrieval_p1_csls",
         "any linear map": "retrieval_p1_linear", "as they are": "retrieval_p1_unmapped"},
    ),
    "words": Drawing(
        "Word translation by layer, from vectors averaged over contexts.", MAPS, "translation_p1",
        {"rotated, CSLS": "translation_contextual_p1",
         "rotated, cosine": "translation_contextual_p1_cosine",
         "a random rotation": "translation_contextual_p1_random",
         "as they are": "translation_contextual_p1_unmapped"},
    ),
    "similarity": Drawing(
        "How alike the vectors of the test sentences are, by layer.",
        "Lines over the layers of the first model for CKA, biased CKA and RSA.", "similarity",
        {"CKA": "cka", "CKA, biased": "cka_biased", "RSA": "rsa"},
    ),
    "isotropy": Drawing(
        "Average cosine and IsoScore of the test sentences, by layer, of both models.",
        "Four lines over layers, two for each model.", "isotropy",
        {"average cosine, first": "average_cosine_source",
         "average cosine, second": "average_cosine_target",
         "IsoScore, first": "isoscore_source", "IsoScore, second": "isoscore_target"},
    ),
    "cka": Drawing(
        "CKA of each layer of the first model with each of the second.",
        "A grid of numbers: rows are layers of the first model, columns of the second.",
    ),
}  # fmt: skip
ASIDE = ".comparison-"  # begins the name of the folder in which files are made
NAME = "comparison.ipynb"
WRITTEN = ("rows.csv", "by_layer.csv", *(f"{name}.svg" for name in DRAWINGS), NAME,
           ".ipynb_checkpoints")  # fmt: skip
NOTEBOOK = """# %% [markdown]
# # Two encoders compared
#
# The rows are in `rows.csv`. Each cell draws from them.

# %%
import pandas as pd

from isomorph import compare, figures
from isomorph.rows import among_in_words

rows = pd.read_csv("rows.csv").astype({"layer": "Int64"})
rows[["source", "target", "text", "source_fingerprint", "target_fingerprint"]].drop_duplicates().T

# %%
among = among_in_words(rows)
figures.show_table(compare.by_layer(rows), name=f"By layer of the first model: {among}")

# %%
for name, (figure, table) in compare.drawn(rows).items():
    drawing = compare.DRAWINGS[name]
    figures.show(figure, caption=drawing.caption, alt=drawing.alt, table=table)
"""


@limited()
def compare_models(
    first: str,
    second: str,
    *,
    text: str | Sequence[Path] = "en-fr",
    domain: str = "bible+help",
    learn: int = LEARN,
    test: int = TEST,
    languages: str | None = None,
    device: Device = "auto",
    progress: bool = True,
) -> DataFrame:
    """Every measure of `isomorph.measure.comparison.compare` as rows, with the columns COLUMNS.

    first, second: ids of the hub or folders, see `isomorph.models.pretrained.load_encoder`.
    text: two languages that ship, or files (`own_material`), whose `languages`, such as "en-fr", a model
    of ours that has several has to be told.
    Raises ValueError, before any model is loaded, for what `material` or `own_material` refuses; and
    ModelRefused, also when a model fails at the text.
    """
    import pandas as pd

    from isomorph.measure import comparison
    from isomorph.measure.words import Reader
    from isomorph.models.judged import ModelRefused, one_line
    from isomorph.models.pretrained import fingerprint, load_encoder
    from isomorph.models.settings import device_named

    place = device_named(device)
    readers, named = [], text
    if isinstance(text, str):
        chosen = material(text, domain=domain, learn=learn, test=test)
        spoken = languages_of(text)
    else:
        chosen, named = own_material(text, learn=learn, test=test), ", ".join(map(str, text))
        spoken = languages.split("-") if languages else (None, None)
        if len(spoken) != 2:
            raise ValueError(f"languages is {languages!r}; allowed are two, such as 'en-fr'.")
    for name, language in zip((first, second), spoken, strict=True):
        model, tokenizer = load_encoder(name)
        if language is None and isinstance(tokenizer, dict):
            language, *more = tokenizer
            if more:
                raise ValueError(
                    f"{name} reads {list(tokenizer)}; say in `languages` which, as 'en-fr'."
                )
        readers.append(Reader(model.to(place), tokenizer, language))
    try:
        records = comparison.compare(*readers, **chosen, progress=progress)
    except ValueError:
        raise
    except Exception as problem:
        raise ModelRefused(
            f"models {first!r} and {second!r} cannot be compared: {one_line(problem)}."
        ) from problem
    rows = pd.DataFrame(records).assign(
        source=first, target=second, text=named,
        source_fingerprint=fingerprint(first), target_fingerprint=fingerprint(second),
    )  # fmt: skip
    return rows.astype({"layer": "Int64", "value": float})[list(COLUMNS)]


def check_folder(folder: Path) -> None:
    """Raise ValueError, in one sentence, unless a comparison can be written to a folder.

    Allowed is a new or an empty one, or one that holds an earlier comparison and nothing else.
    """
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"out is '{folder}', which is a file; allowed is a folder.")
    held, rows = sorted(folder.iterdir()) if folder.exists() else [], folder / "rows.csv"
    made_aside = [path for path in held if path.name.startswith(ASIDE)]
    if rows.is_file():
        with rows.open(encoding="utf-8", errors="replace") as file:
            earlier = file.readline().startswith("source,target,text,")
    else:
        earlier = bool(made_aside)
    ours = [path for path in held if path.name in WRITTEN] + made_aside if earlier else []
    if foreign := [path.name for path in held if path not in ours]:
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


def write(rows: DataFrame, folder: Path) -> list[Path]:
    """Write rows.csv, by_layer.csv, the figures and an executed notebook; the files, in order.

    They are made aside first. An earlier comparison in the folder goes as a whole when they are all
    there. Raises ValueError for a folder that `check_folder` refuses.
    """
    folder = Path(folder)
    check_folder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    earlier = list(folder.iterdir())
    with tempfile.TemporaryDirectory(prefix=ASIDE, dir=folder) as temporary:
        aside, drawings = Path(temporary), drawn(rows)
        rows.to_csv(aside / "rows.csv", index=False)
        by_layer(rows).to_csv(aside / "by_layer.csv", index=False)
        for name, (figure, _) in drawings.items():
            figure.savefig(aside / f"{name}.svg", metadata={"Date": None}, facecolor="white")
        if find_spec("papermill"):  # of the extra `book`
            write_notebook(aside / NAME)
        for path in sorted(earlier, key=lambda path: path.name == "rows.csv"):  # which marks them
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        new = [aside / name for name in WRITTEN if (aside / name).exists()]
        return [path.rename(folder / path.name) for path in new]


def write_notebook(path: Path) -> None:
    """Write and execute the notebook, which reads the rows beside it."""
    import jupytext
    import papermill

    jupytext.write(jupytext.reads(NOTEBOOK, fmt="py:percent"), path)
    papermill.execute_notebook(
        str(path), str(path), cwd=str(path.parent), kernel_name="python3", progress_bar=False,
        extra_arguments=["--log-level=ERROR"],  # a kernel warns of its own connection
    )  # fmt: skip
    notebook = jupytext.read(path)
    del notebook.metadata["papermill"]  # it names the folder in which this was made
    jupytext.write(notebook, path)


def by_layer(rows: DataFrame) -> DataFrame:
    """A line a layer of the first model; a measure that was not taken is nan."""
    table = rows.dropna(subset=["layer"]).pivot(index="layer", columns="metric", values="value")
    named = table.reindex(columns=list(BY_LAYER.values())).set_axis(list(BY_LAYER), axis=1)
    return named.reset_index()


def cka_table(rows: DataFrame) -> DataFrame:
    """CKA of layers of the first model (rows) with those of the second (columns)."""
    rows = rows[rows["metric"].str.startswith("cka_to_")]
    column = rows["metric"].str.removeprefix("cka_to_").astype(int)
    return rows.assign(column=column).pivot(index="layer", columns="column", values="value")


def drawn(rows: DataFrame) -> dict[str, tuple[Figure, DataFrame]]:
    """Each figure by name, with the table behind it; those without a row are left out."""
    drawings = {}
    for name, drawing in DRAWINGS.items():
        named = {metric: label for label, metric in (drawing.lines or {}).items()}
        chosen = rows[rows["metric"].isin(named)]
        if chosen.empty:
            continue
        many = rows_of.among(rows, next(iter(named)))
        chosen = chosen.assign(line=chosen["metric"].map(named), metric=drawing.axis, among=many)
        order = chosen["line"].map(list(drawing.lines).index)
        chosen = chosen.iloc[order.argsort(kind="stable")]
        values = chosen.pivot(index="layer", columns="line", values="value").reset_index()
        drawings[name] = figures.layer_lines(chosen, drawing.axis), values
    table = cka_table(rows)
    if len(table):
        grid = figures.layer_grid({"": table}, quantity="CKA")
        drawings["cka"] = grid, table.rename_axis(columns=None).reset_index()
    return drawings
