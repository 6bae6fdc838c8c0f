"""A book of one or more tiny chapters in a folder of its own, with the real pages and settings."""

import shutil
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]

CHAPTER = r"""# %% [markdown]
# # TITLE
#
# The xylophone test: $\cos(x, y) = \frac{x^\top y}{\lVert x \rVert \lVert y \rVert}$.
#
# ```{note}
# :class: tip
# Read {term}`the seed <seed>` first.
# ```

# %% tags=["parameters"]
size = "laptop"
recompute = False

# %%
print("size is", size)

# %% [markdown]
# $$\sum_{i=1}^{n} i = \frac{n(n+1)}{2}$$
#
# $$1 + 2 + 3 + 4 + 5 + 6 + 7 + 8 + 9 + 10 + 11 + 12 + 13 = 91$$

# %%
"""

PLAIN_CELL = "1 + 1\n"

FIGURE_CELL = r"""import json
import os

import pandas as pd
from IPython.display import display

from isomorph import figures
from isomorph.experiment import answer

display(answer("1.7"))
rows = pd.DataFrame(
    {
        "metric": "retrieval_p1",
        "line": ["shared"] * 4 + ["separate"] * 4,
        "layer": [1, 2, 3, 4] * 2,
        "seed": 0,
        "value": [0.1, 0.3, 0.5, 0.6, 0.05, 0.06, 0.1, 0.1],
        "provenance": ["live"] * 4 + ["recorded"] * 4,
    }
)
with open(os.environ["ISOMORPH_RUN_LOG"], "a") as log:
    for provenance in ("live", "recorded"):
        run = {"provenance": provenance, "device": "cpu", "seconds": 60.0, "seed": 3}
        log.write(json.dumps(run) + "\n")
figures.show(
    figures.layer_lines(rows, "retrieval_p1"),
    caption="Retrieval rises only with shared parameters.",
    alt="Two lines: with shared parameters retrieval rises from 0.1 to 0.6, without it stays low.",
    table=rows,
)
"""


def source(cell: str = PLAIN_CELL, title: str = "A needle in a haystack") -> str:
    """The text of a chapter called `title` that ends with `cell`."""
    return CHAPTER.replace("TITLE", title) + cell


def make(root: Path, chapters: dict[str, str], ledger: bool = True) -> Path:
    """Lay out a book under `root` from page names (`part/name`) and chapter sources.

    Judging all claims takes longer than the rest of it: `ledger` says whether the pages that do are real.
    """
    shutil.copytree(ROOT / "book", root / "book")
    for name in ("_config.yml", "requirements.txt"):
        shutil.copyfile(ROOT / name, root / name)
    toc = yaml.safe_load((ROOT / "book" / "_toc.yml").read_text())
    toc["parts"] = [part for part in toc["parts"] if not _holds_chapters(part)]
    pages = [{"file": page} for page in chapters]
    toc["parts"].insert(0, {"caption": "Chapters", "chapters": pages})
    (root / "book" / "_toc.yml").write_text(yaml.safe_dump(toc))
    if not ledger:
        for name in ("index", "ledger"):
            (root / "book" / f"{name}.md").write_text("# A book without the ledger\n")
    for page, text in chapters.items():
        path = root / "chapters" / f"{page}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        checks = ROOT / "tests" / "checks" / path.name
        if checks.exists():
            shutil.copytree(checks.parent, path.parent / "checks")
    return root


def _holds_chapters(part: dict) -> bool:
    return any("/" in page["file"] for page in part["chapters"])
