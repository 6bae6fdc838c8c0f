"""What `isomorph compare` shows of its rows: a table by layer, figures, and a notebook of both."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from isomorph import candidates, figures

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

# Columns of the table by layer, and the metrics behind them.
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
LINES = {
    "retrieval": {
        "rotated": "retrieval_p1", "rotated, CSLS": "retrieval_p1_csls",
        "any linear map": "retrieval_p1_linear", "as they are": "retrieval_p1_unmapped",
    },
    "words": {
        "rotated, CSLS": "translation_contextual_p1",
        "rotated, cosine": "translation_contextual_p1_cosine",
        "a random rotation": "translation_contextual_p1_random",
        "as they are": "translation_contextual_p1_unmapped",
    },
    "similarity": {"CKA": "cka", "CKA, biased": "cka_biased", "RSA": "rsa"},
    "isotropy": {
        "average cosine, first": "average_cosine_source",
        "average cosine, second": "average_cosine_target",
        "IsoScore, first": "isoscore_source", "IsoScore, second": "isoscore_target",
    },
}  # fmt: skip
MEASURED = {"retrieval": "retrieval_p1", "words": "translation_p1"}  # of the vertical axis
CAPTIONS = {
    "retrieval": (
        "Sentence retrieval by layer: the share of sentences whose translation is nearest.",
        "Lines over the layers of the first model, one for each kind of map.",
    ),
    "words": (
        "Word translation by layer, from vectors averaged over contexts.",
        "Lines over the layers of the first model, one for each kind of map.",
    ),
    "similarity": (
        "How alike the vectors of the test sentences are, by layer.",
        "Lines over the layers of the first model for CKA, biased CKA and RSA.",
    ),
    "isotropy": (
        "Average cosine and IsoScore of the test sentences, by layer, of both models.",
        "Four lines over layers, two for each model.",
    ),
    "cka": (
        "CKA of each layer of the first model with each of the second.",
        "A grid of numbers: rows are layers of the first model, columns of the second.",
    ),
}
NAME = "comparison.ipynb"
NOTEBOOK = """# %% [markdown]
# # Two encoders compared
#
# The rows are in `rows.csv`. Each cell draws from them.

# %%
import pandas as pd

from isomorph import candidates, figures
from isomorph.compare import report

rows = pd.read_csv("rows.csv").astype({"layer": "Int64"})
rows[["source", "target", "text", "source_fingerprint", "target_fingerprint"]].drop_duplicates().T

# %%
among = candidates.in_words(rows)
figures.show_table(report.by_layer(rows), name=f"By layer of the first model: {among}")

# %%
report.show_figures(rows)
"""


def by_layer(rows: DataFrame) -> DataFrame:
    """A line a layer of the first model; a measure that was not taken is nan."""
    import pandas as pd

    layers = sorted(rows["layer"].dropna().unique())
    values = rows.dropna(subset=["layer"]).set_index(["metric", "layer"])["value"]
    return pd.DataFrame(
        {"layer": layers}
        | {
            name: [values.get((metric, layer), float("nan")) for layer in layers]
            for name, metric in BY_LAYER.items()
        }
    )


def cka_table(rows: DataFrame) -> DataFrame:
    """CKA of layers of the first model (rows) with those of the second (columns)."""
    rows = rows[rows["metric"].str.startswith("cka_to_")]
    column = rows["metric"].str.removeprefix("cka_to_").astype(int)
    return rows.assign(column=column).pivot(index="layer", columns="column", values="value")


def drawn(rows: DataFrame) -> dict[str, tuple[Figure, DataFrame]]:
    """Each figure by name, with the table behind it; those without a row are left out."""
    drawings = {}
    for name, lines in LINES.items():
        named = {metric: label for label, metric in lines.items()}
        chosen = rows[rows["metric"].isin(named)]
        if chosen.empty:
            continue
        measured = MEASURED.get(name, name)
        among = candidates.among(rows, next(iter(named)))
        chosen = chosen.assign(line=chosen["metric"].map(named), metric=measured, among=among)
        order = chosen["line"].map(list(lines).index)
        chosen = chosen.iloc[order.argsort(kind="stable")]
        values = chosen.pivot(index="layer", columns="line", values="value").reset_index()
        drawings[name] = figures.layer_lines(chosen, measured), values
    table = cka_table(rows)
    if len(table):
        grid = figures.layer_grid({"": table}, quantity="CKA")
        drawings["cka"] = grid, table.rename_axis(columns=None).reset_index()
    return drawings


def save_figures(rows: DataFrame, folder: Path) -> list[Path]:
    """Write each figure as SVG; the files."""
    paths = []
    for name, (figure, _) in drawn(rows).items():
        paths.append(folder / f"{name}.svg")
        figure.savefig(paths[-1], metadata={"Date": None}, facecolor="white")
    return paths


def show_figures(rows: DataFrame) -> None:
    """Show each figure with its caption, description and table."""
    for name, (figure, table) in drawn(rows).items():
        caption, alt = CAPTIONS[name]
        figures.show(figure, caption=caption, alt=alt, table=table)


def write_notebook(folder: Path) -> Path:
    """Write and execute comparison.ipynb, which reads the rows beside it."""
    import jupytext
    import papermill

    path = folder / NAME
    jupytext.write(jupytext.reads(NOTEBOOK, fmt="py:percent"), path)
    papermill.execute_notebook(
        str(path), str(path), cwd=str(folder), kernel_name="python3", progress_bar=False,
        extra_arguments=["--log-level=ERROR"],  # a kernel warns of its own connection
    )  # fmt: skip
    notebook = jupytext.read(path)
    del notebook.metadata["papermill"]  # it names the folder in which this was made
    jupytext.write(notebook, path)
    return path
