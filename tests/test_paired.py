"""A chapter opened in Jupyter: a notebook beside it, edited on either side, and built from the .py."""

import os
import shutil
import time
from pathlib import Path

import jupytext
import nbformat
import pytest
from book.build.chapters import Layout, discover, expected_manifest
from book.build.notebook import derive
from jupytext.cli import jupytext as command
from jupytext.config import load_jupytext_config

from . import small_book

ROOT = Path(__file__).parents[1]
CHAPTERS = [chapter.source(Layout(ROOT)) for chapter in discover(Layout(ROOT))]


def saved(path: Path, text: str) -> None:
    """Write a file as if a little later than all there is, and let jupytext pass the change on."""
    path.write_text(text)
    later = time.time() + 2
    os.utime(path, (later, later))
    command(["--quiet", "--sync", str(path)])


@pytest.mark.parametrize("source", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_comes_back_from_jupyter_as_it_went(source):
    text, config = source.read_text(), load_jupytext_config(str(source))
    assert config.default_formats(str(source)), "nothing pairs it"
    notebook = jupytext.reads(text, fmt="py:percent", config=config)
    for cell in notebook.cells:  # what Jupyter and its extensions leave
        cell.metadata |= {"collapsed": True, "slideshow": {"slide_type": "slide"}}
    assert jupytext.writes(notebook, fmt="py:percent", config=config) == text


def test_either_side_of_a_pair_can_be_edited_and_the_book_reads_the_script(tmp_path):
    root = small_book.make(
        tmp_path / "root", {"cross_lingual/plain": "# %% [markdown]\n# # Plain\n"}
    )
    shutil.copy(ROOT / "chapters" / "jupytext.toml", root / "chapters")
    layout = Layout(root)
    (chapter,) = discover(layout)
    script = chapter.source(layout)
    notebook = script.with_suffix(".ipynb")
    command(["--quiet", "--sync", str(script)])
    opened = nbformat.read(notebook, as_version=4)
    assert script.read_text() == "# %% [markdown]\n# # Plain\n"

    opened.cells.append(nbformat.v4.new_code_cell("1 + 1", metadata={"tags": ["hide-input"]}))
    saved(notebook, nbformat.writes(opened))
    assert script.read_text().endswith('\n\n# %% tags=["hide-input"]\n1 + 1\n')
    assert [cell.source for cell in derive(script).cells] == ["# Plain", "1 + 1"]

    saved(script, script.read_text().replace("1 + 1", "2 + 2"))
    assert nbformat.read(notebook, as_version=4).cells[1].source == "2 + 2"

    built = expected_manifest(chapter, layout, {})
    opened.cells[1].source = "3 + 3"  # not saved through jupytext: nothing that the book reads
    nbformat.write(opened, notebook)
    fresh = Layout(root)
    assert discover(fresh) == [chapter] and expected_manifest(chapter, fresh, {}) == built
    assert [cell.source for cell in derive(script).cells] == ["# Plain", "2 + 2"]
