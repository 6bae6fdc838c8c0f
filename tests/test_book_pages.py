"""What is added to a chapter's page: the run card, and the copy for plain Jupyter."""

import shlex
import sys

import nbformat
import pytest
from book import build as book
from book.build.chapters import BookError, Layout, discover
from book.build.notebook import plain_markdown, plain_notebook
from book.build.site import render, run_card
from IPython.core.interactiveshell import InteractiveShell

from isomorph import __version__
from tests import small_book

NAME = "somebody/isomorph"
REPOSITORY = f"https://github.com/{NAME}"
WHEEL = f"v{__version__}/isomorph-{__version__}-py3-none-any.whl"
SMOKE = {"size": "smoke", "recompute": False}

CARD = {
    "seconds": 100.0,
    "peak_bytes": 3 * 2**30,
    "processor": "a processor",
    "started": 0,
    "parameters": {"size": "laptop", "recompute": False},
    "runs": [
        {"provenance": "live", "device": "cpu", "seconds": 40.0, "seed": 1},
        {"provenance": "recorded", "device": "a GPU", "seconds": 3500.0, "seed": 2},
        {"provenance": "recorded", "device": "a GPU", "seconds": 3600.0, "seed": 2},
    ],
}


def rows(text):
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return {line[0]: line[1] for line in lines}


def test_the_run_card_says_what_an_execution_took():
    told = rows(run_card(CARD, fresh=True))
    assert told["Time"] == "2 min"
    with_processor = rows(run_card({**CARD, "cpu_seconds": 80.0}, fresh=True))
    assert with_processor["Time"] == "2 min, 80 s of it on the processor"
    assert told["Peak memory"] == "3.00 GiB"
    assert told["Device"] == "a GPU, cpu"
    assert told["Size"] == "`laptop`"
    assert told["Seeds"] == "1, 2"
    assert told["Runs"] == "1 run live in this execution, 2 recorded earlier and shipped"
    assert told["With `RECOMPUTE=1`"].startswith("about 2.0 h")  # 100 + 3500 + 3600 seconds
    assert told["Executed"] == "1970-01-01 00:00 UTC"
    assert "torch 2" in told["Versions"]


def test_a_stale_execution_says_so():
    assert "out of date" in run_card(CARD, fresh=False)
    assert "out of date" not in run_card(CARD, fresh=True)


def test_a_run_of_unknown_length_leaves_the_total_unknown():
    card = {**CARD, "runs": [{"provenance": "recorded"}]}
    assert rows(run_card(card, fresh=True))["With `RECOMPUTE=1`"] == "not known"


@pytest.mark.parametrize(
    ("myst", "plain"),
    [
        ("no directive, `{role}` or $x$", "no directive, `{role}` or $x$"),
        ("```python\nx = {1}\n```", "```python\nx = {1}\n```"),
        ("```{note}\nMind this.\n```", "> **Note**\n>\n> Mind this."),
        ("```{note} Short.\n```", "> **Note: Short.**"),
        (":::{admonition} A title\n:class: tip\nText.\n:::", "> **A title**\n>\n> Text."),
        (":::{prf:theorem} Name\n:label: t\nText.\n:::", "> **Theorem: Name**\n>\n> Text."),
        ("```{math}\n:label: e\nx^2\n```", "$$\nx^2\n$$"),
        ("```{code-block} python\nx = 1\n```", "```python\nx = 1\n```"),
        ("```{bibliography}\n:all:\n```", ""),
        ("{term}`seed`, {term}`the seeds <seed>`", "seed, the seeds"),
        ("{math}`x^2` by {cite:t}`key2020`", "$x^2$ by [key2020]"),
        ("(label)=\n## Heading", "## Heading"),
        (
            "````{note}\n```{tip}\nInner.\n```\n````",
            "> **Note**\n>\n> > **Tip**\n> >\n> > Inner.",
        ),
    ],
)
def test_myst_becomes_ordinary_markdown(myst, plain):
    assert plain_markdown(myst) == plain


def test_the_downloaded_notebook_is_clean(built_book):
    root = built_book[0]
    path = root / "_build" / "html" / "_sources" / "cross_lingual" / "needle.ipynb"
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    text = path.read_text()
    assert str(root) not in text
    assert "papermill" not in text
    markdown = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    assert "{term}" not in markdown
    assert "```{" not in markdown
    assert "## Run card" in markdown
    told = rows(markdown)
    assert told["Runs"] == "1 run live in this execution, 1 recorded earlier and shipped"
    assert told["Seeds"] == "3"
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert any("<figure" in output.get("data", {}).get("text/html", "") for output in outputs)


def test_making_a_plain_copy_leaves_the_original_alone():
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_markdown_cell("{term}`seed`", metadata={"papermill": {"a": 1}})]
    )
    assert plain_notebook(notebook).cells[1].source == "seed"
    assert notebook.cells[0].source == "{term}`seed`"
    assert notebook.cells[0].metadata["papermill"] == {"a": 1}


@pytest.mark.parametrize(
    ("tags", "collapsed"),
    [(["hide-input"], True), (["solution", "hide-cell"], True), (["remove-input"], True),
     (["remove-output"], False), ([], False)],
)  # fmt: skip
def test_code_that_the_page_folds_away_is_collapsed_in_jupyter(tags, collapsed):
    code = nbformat.v4.new_code_cell("plot()", metadata={"tags": tags})
    words = nbformat.v4.new_markdown_cell("Words.", metadata={"tags": tags})
    plain = plain_notebook(nbformat.v4.new_notebook(cells=[code, words]))
    assert plain.cells[1].metadata.get("jupyter", {}).get("source_hidden", False) is collapsed
    assert "jupyter" not in plain.cells[2].metadata
    nbformat.validate(plain)


@pytest.mark.parametrize(
    ("repository", "installed"),
    [
        ("", f"isomorph[models]=={__version__}"),
        (REPOSITORY, f"isomorph[models] @ {REPOSITORY}/releases/download/{WHEEL}"),
    ],
)
def test_the_first_cell_installs_the_release_where_it_is_missing(
    repository, installed, monkeypatch
):
    first, *_ = plain_notebook(nbformat.v4.new_notebook(), repository).cells
    assert first.metadata == {"jupyter": {"source_hidden": True}, "cellView": "form"}
    called = []
    shell = InteractiveShell()
    monkeypatch.setattr(shell, "run_line_magic", lambda *call, **_: called.append(call[:2]))
    assert shell.run_cell(first.source).success and not called
    monkeypatch.setitem(sys.modules, "isomorph", None)
    assert shell.run_cell(first.source).success
    ((magic, line),) = called
    assert magic == "pip" and shlex.split(line) == ["install", "--quiet", installed]


def test_the_buttons_follow_from_the_address_of_the_repository(tmp_path):
    """Both lead to the notebook of the very page, on the branch that a release pushes."""
    root = small_book.make(
        tmp_path / "root", {"cross_lingual/plain": small_book.source()}, ledger=False
    )
    project = f'[project]\nname = "isomorph"\nurls = {{Repository = "{REPOSITORY}"}}\n'
    (root / "pyproject.toml").write_text(project)
    chapters = discover(Layout(root))
    assert render(Layout(root), chapters, set(), SMOKE)
    html = root / "_build" / "html"
    page = (html / "cross_lingual" / "plain.html").read_text()
    own = "cross_lingual/plain.ipynb"
    for link in (
        f"https://mybinder.org/v2/gh/{NAME}/notebooks?urlpath=lab/tree/{own}",
        f"https://colab.research.google.com/github/{NAME}/blob/notebooks/{own}",
    ):
        assert f'href="{link}"' in page
    offered = nbformat.read(html / "_sources" / "cross_lingual" / "plain.ipynb", as_version=4)
    assert f"{REPOSITORY}/releases/" in offered.cells[0].source
    assert "mybinder" not in (html / "how_to_read.html").read_text()
    # The setting alone, changed, changes the site: there is nothing to lead to.
    (root / "pyproject.toml").write_text('[project]\nname = "isomorph"\n')
    assert render(Layout(root), chapters, set(), SMOKE)
    page = (html / "cross_lingual" / "plain.html").read_text()
    assert not any(name in page for name in ("mybinder", "colab.research", "somebody"))
    assert "launch" not in page.lower()


@pytest.mark.parametrize("address", ["github.com/a/b", "https://github.com/a", f"{REPOSITORY}.git"])
def test_an_address_that_no_button_can_follow_is_refused(tmp_path, address):
    root = small_book.make(
        tmp_path / "root", {"cross_lingual/plain": small_book.source()}, ledger=False
    )
    (root / "pyproject.toml").write_text(f'[project]\nurls.Repository = "{address}"\n')
    with pytest.raises(BookError, match=f"the repository '{address}', but it must be of the form"):
        book.build("smoke", root=root)
    assert not (root / "_build" / "logs").exists()  # nothing has run
