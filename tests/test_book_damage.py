"""Damaged products are made again, damaged sources are named, and the last good site stays."""

import os
import re
import shutil

import pytest
from book import build as book
from book.build import execute_all, site
from book.build.chapters import BookError, Chapter, Layout, finished_inputs, is_fresh

from tests import small_book

SMOKE = {"size": "smoke", "recompute": False}
FIRST, SECOND = Chapter("cross_lingual", "first"), Chapter("cross_lingual", "second")
DAMAGES = {
    "cut": lambda content: content[: len(content) // 2],
    "empty": lambda content: b"",
    "one byte": lambda content: content.replace(b"smoke", b"smokf", 1) if b"smoke" in content
    else bytes([content[0] ^ 1]) + content[1:],
    "{}": lambda content: b"{}",
    "not UTF-8": lambda content: b"\xff" + content,
    "another type": lambda content: b"[1]",
}  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory, still_library):
    """A book of two chapters, without the ledger, that has been built."""
    sources = {c.page: small_book.source(title=c.name) for c in (FIRST, SECOND)}
    root = small_book.make(tmp_path_factory.mktemp("finished") / "root", sources, ledger=False)
    assert book.build("smoke", root=root, jobs=2)
    return root


@pytest.fixture
def layout(finished, tmp_path):
    """A copy of it, to be damaged."""
    return Layout(shutil.copytree(finished, tmp_path / "root"))


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("which", ["executed", "card", "manifest"])
def test_a_damaged_product_is_as_good_as_absent(layout, which, damage):
    path = getattr(FIRST, which)(layout)
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    assert not is_fresh(FIRST, layout, SMOKE)
    stage = site.stage_pages(layout, [FIRST, SECOND], set(), SMOKE)  # as with CHAPTER=second
    shown = "out of date" if finished_inputs(FIRST, layout) else "has not been executed here yet"
    assert shown in (stage / f"{FIRST.page}.ipynb").read_text()
    assert "## Run card" in (stage / f"{SECOND.page}.ipynb").read_text()
    assert is_fresh(SECOND, layout, SMOKE)


def test_a_damaged_product_is_made_again(layout):
    FIRST.card(layout).write_text("{}")
    assert execute_all([FIRST], layout, SMOKE, jobs=1) == {}
    assert is_fresh(FIRST, layout, SMOKE)


@pytest.fixture
def renderer(monkeypatch):
    """Stands in for jupyter-book: a site that holds the staged pages; how often it was asked."""
    asked = []

    def rendered(layout, stage):
        asked.append(stage)
        folder = layout.build / "render"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(stage, folder / "_sources")
        (folder / "index.html").write_text(f"site {len(asked)}")
        return folder

    monkeypatch.setattr(site, "_jupyter_book", rendered)
    return asked


def render(layout):
    return site.render(layout, [FIRST, SECOND], set(), SMOKE)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("product", ["manifests/site.made-of", "html/index.html"])
def test_a_damaged_site_is_rendered_again(layout, renderer, product, damage):
    assert not render(layout)
    path = layout.build / product
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    assert render(layout)
    assert (layout.html / "index.html").read_text() == "site 1"
    assert not render(layout)


def test_a_page_that_went_missing_is_rendered_again(layout, renderer):
    (layout.html / "glossary.html").unlink()
    assert render(layout)


def test_the_old_site_stays_until_the_new_one_stands(layout, renderer, monkeypatch):
    before = (layout.html / "index.html").read_bytes()
    (layout.book / "how_to_read.md").write_text("# Another page\n")

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(site, "_offer_plain_notebook", killed)
        with pytest.raises(KeyboardInterrupt):
            render(layout)
    assert (layout.html / "index.html").read_bytes() == before
    # Between the two renamings there is none for a moment: the next build puts the old one back.
    os.rename(layout.html, layout.build / "html.old")
    with monkeypatch.context() as patch:
        patch.setattr(site, "_jupyter_book", killed)
        with pytest.raises(KeyboardInterrupt):
            render(layout)
    assert (layout.html / "index.html").read_bytes() == before
    assert render(layout)
    assert (layout.html / "index.html").read_text() == "site 2"
    assert not (layout.build / "html.old").exists()


@pytest.mark.parametrize(
    ("source", "content", "sentence"),
    [
        (
            "chapters/cross_lingual/first.py",
            b"# %%\nname = '\xe9'\n",
            "chapters/cross_lingual/first.py is not UTF-8 (byte 0xe9 at 13)",
        ),
        (
            "chapters/cross_lingual/first.py",
            b'# %% tags="parameters"\n1\n',
            "jupytext cannot read chapters/cross_lingual/first.py: 'parameters' is not",
        ),
        ("book/index.md", b"# Caf\xe9\n", "book/index.md is not UTF-8 (byte 0xe9 at 5)"),
        ("book/_toc.yml", b"root: [index\n", "book/_toc.yml is not YAML: "),
        ("book/_toc.yml", b"root: \xff\n", "book/_toc.yml is not UTF-8 (byte 0xff at 6)"),
        ("book/_toc.yml", b"", "chapters/cross_lingual/first.py is not listed in book/_toc.yml"),
        ("book/_toc.yml", b"7", "chapters/cross_lingual/first.py is not listed in book/_toc.yml"),
        ("_config.yml", b"title: [\n", "_config.yml is not YAML: "),
    ],
)
def test_a_source_that_cannot_be_read_is_one_sentence(layout, source, content, sentence):
    (layout.root / source).write_bytes(content)
    with pytest.raises(BookError, match=re.escape(sentence)) as shown:
        book.build("smoke", root=layout.root, jobs=1)
    assert len(str(shown.value).splitlines()) == 1
    assert finished_inputs(FIRST, layout) and finished_inputs(SECOND, layout)


def test_what_sphinx_complains_of_names_the_sources(tmp_path):
    cell = "1\n\n# %% [markdown]\n# A [link](no_such_page.md).\n"
    root = small_book.make(tmp_path / "root", {FIRST.page: small_book.source(cell)})
    (root / "book" / "index.md").write_text("# Title\n\n{term}`no such term`\n")
    with pytest.raises(BookError) as shown:
        book.build("smoke", root=root, jobs=1)
    assert "chapters/cross_lingual/first.py, cell 6: WARNING: " in str(shown.value)
    assert "book/index.md:3: WARNING: " in str(shown.value)
    assert "\x1b" not in str(shown.value) and "stage" not in str(shown.value)
