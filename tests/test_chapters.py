"""The source of every chapter: its form, its place in the book, and the papers it cites."""

import ast
import re

import jupytext
import pytest
from book import build as book
from book.build.chapters import Layout, discover
from pybtex.database import parse_file

LAYOUT = Layout(book.ROOT)
SOURCES = sorted(LAYOUT.chapters.glob("*/*.py"))
BIBLIOGRAPHY = set(parse_file(LAYOUT.book / "references.bib").entries)
CITATION = re.compile(r"\{cite(?::\w+)?\}`([^`]+)`")


def cited(text: str) -> set[str]:
    """The keys of every citation in some MyST Markdown."""
    return {key.strip() for keys in CITATION.findall(text) for key in keys.split(",")}


def cells(source, kind):
    return [c for c in jupytext.read(source, fmt="py:percent").cells if c.cell_type == kind]


def page(source):
    return source.relative_to(LAYOUT.chapters).with_suffix("").as_posix()


def test_every_source_is_a_chapter_of_the_contents():
    assert SOURCES
    assert sorted(chapter.source(LAYOUT) for chapter in discover(LAYOUT)) == SOURCES


@pytest.mark.parametrize("source", SOURCES, ids=page)
def test_a_chapter_opens_with_its_only_title(source):
    assert jupytext.read(source, fmt="py:percent").cells[0].cell_type == "markdown"
    text = [
        re.sub(r"```.*?```", "", cell.source, flags=re.DOTALL) for cell in cells(source, "markdown")
    ]
    assert re.match(r"# \S", text[0])
    assert len(re.findall(r"^# ", "\n".join(text), re.MULTILINE)) == 1


@pytest.mark.parametrize("source", SOURCES, ids=page)
def test_a_chapter_has_one_cell_of_parameters_at_their_defaults(source):
    tagged = [c for c in cells(source, "code") if "parameters" in c.metadata.get("tags", [])]
    assert len(tagged) == 1
    assigned = {
        statement.targets[0].id: ast.literal_eval(statement.value)
        for statement in ast.parse(tagged[0].source).body
    }
    assert assigned == {"size": "laptop", "recompute": False}


def test_citations_are_recognised():
    text = "{cite}`one2020` and {cite:t}`two2021, three2022`; `cite` and {term}`seed` are none"
    assert cited(text) == {"one2020", "two2021", "three2022"}


@pytest.mark.parametrize("source", SOURCES, ids=page)
def test_a_chapter_cites_what_is_in_the_bibliography(source):
    keys = cited("\n".join(cell.source for cell in cells(source, "markdown")))
    assert keys, "a chapter says whose claim it tests"
    assert keys <= BIBLIOGRAPHY


def test_the_other_pages_cite_what_is_in_the_bibliography():
    keys = set().union(*(cited(path.read_text()) for path in LAYOUT.book.rglob("*.md")))
    assert keys <= BIBLIOGRAPHY
