"""Puts the pages and the executed chapters together and renders them as a static site."""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

from .card import not_executed, run_card
from .chapters import BookError, Chapter, Layout, hash_files, is_fresh
from .notebook import derive, fold, role, without_solutions
from .plain import plain_notebook, without_traces

LEDGER_MARK = "<!-- ledger -->"
# Of the two checks of an exercise, the page shows the call once, and what it says of the solution.
HIDDEN = {"unanswered": "remove-output", "solved": "remove-input"}


def render(layout: Layout, chapters: list[Chapter], failed: set[Chapter], parameters: dict) -> bool:
    """Bring `_build/html` up to date; False when nothing it is made of has changed.

    Raises BookError when the site cannot be built without a warning; the last good site stays.
    """
    stage = stage_pages(layout, chapters, failed, parameters)
    made_of = {
        "pages": hash_files(list(stage.rglob("*")), stage),
        "config": hash_files([layout.root / "_config.yml"], layout.root),
        "library": layout.shared_hashes["library"],
        "requirements": layout.shared_hashes["requirements"],
    }
    record = layout.build / "manifests" / "site.made-of"
    if (layout.html / "index.html").exists() and record.exists():
        if json.loads(record.read_text()) == made_of:
            return False
        record.unlink()
    _jupyter_book(layout, stage)
    for chapter in chapters:
        _offer_plain_notebook(layout, stage, chapter)
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps(made_of, indent=2))
    return True


def stage_pages(
    layout: Layout, chapters: list[Chapter], failed: set[Chapter], parameters: dict
) -> Path:
    """Copy the pages and the notebooks of `chapters` into one fresh folder and return it."""
    stage = layout.build / "stage"
    shutil.rmtree(stage, ignore_errors=True)
    shutil.copytree(layout.book, stage)
    for chapter in chapters:
        page = stage / f"{chapter.page}.ipynb"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(_chapter_page(chapter, layout, chapter in failed, parameters))
    landing = stage / "index.md"
    text = landing.read_text()
    if LEDGER_MARK in text:
        landing.write_text(text.replace(LEDGER_MARK, ledger_markdown(chapters)))
    return stage


def _chapter_page(chapter: Chapter, layout: Layout, failed: bool, parameters: dict) -> str:
    import nbformat

    executed, card = chapter.executed(layout), chapter.card(layout)
    if executed.exists() and card.exists() and not failed:
        notebook = without_traces(nbformat.read(executed, as_version=4))
        end = run_card(json.loads(card.read_text()), is_fresh(chapter, layout, parameters))
        notebook.cells.append(_markdown_cell("run-card", end))
    else:
        notebook = derive(chapter.source(layout))
        notebook.cells.insert(1, _markdown_cell("not-executed", not_executed(chapter, failed)))
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        if {"parameters", "injected-parameters"} & set(tags):
            cell.metadata["tags"] = [*tags, "remove-cell"]
        if hidden := HIDDEN.get(role(cell)):
            cell.metadata["tags"] = [*tags, hidden]
    return nbformat.writes(fold(notebook), version=4)


def _markdown_cell(name: str, text: str):
    import nbformat

    return nbformat.v4.new_markdown_cell(text, id=name)


def ledger_markdown(chapters: list[Chapter]) -> str:
    """The ledger: a count, then tables with a badge a verdict and a link to each chapter."""
    from .. import claims

    pages = {chapter.page: f"{chapter.page}.ipynb" for chapter in chapters}
    entries = claims.landing()
    counts = Counter(entry["verdict"] for entry in entries)
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common())
    for entry in entries:
        kind = entry["verdict"].replace(" ", "-")
        entry["verdict"] = f'<span class="verdict verdict-{kind}">{entry["verdict"]}</span>'
        entry["theirs"] = entry["theirs"].replace("; ", "<br>")
        if entry["chapter"] not in pages:  # a chapter that is yet to be written
            entry["chapter"] = None
    tables = claims.as_markdown(entries, link=pages.__getitem__)
    return f"**{len(entries)} claims:** {told}.\n\n{tables}"


def _jupyter_book(layout: Layout, stage: Path) -> None:
    """Render `stage`; every warning is an error, and the old site goes only once there is a new."""
    output = layout.build / "render"
    shutil.rmtree(output, ignore_errors=True)
    program = "from jupyter_book.cli.main import main; main()"  # it has no __main__
    command = [sys.executable, "-c", program, "build", str(stage)]
    command += ["--config", str(layout.root / "_config.yml"), "--toc", str(stage / "_toc.yml")]
    command += ["--path-output", str(output), "-W", "-n", "--keep-going"]
    log = layout.build / "logs" / "site.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as out:
        done = subprocess.run(
            command,
            cwd=layout.root,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONWARNINGS": "ignore", "NO_COLOR": "1"},
            check=False,
        )
    rendered = output / "_build" / "html"
    if done.returncode or not (rendered / "index.html").exists():
        raise BookError(f"the site has problems ({log} has everything):\n{_problems(log)}")
    shutil.rmtree(layout.html, ignore_errors=True)
    rendered.replace(layout.html)
    shutil.rmtree(output)


def _problems(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    told = [line for line in lines if "WARNING" in line or "ERROR" in line]
    return "\n".join(told[:20] or lines[-20:])


def _offer_plain_notebook(layout: Layout, stage: Path, chapter: Chapter) -> None:
    """Replace the page's source, which its download button links to, by an ordinary notebook.

    It is without solutions: what is folded on a page would stand open in it.
    """
    import nbformat

    notebook = nbformat.read(stage / f"{chapter.page}.ipynb", as_version=4)
    offered = layout.html / "_sources" / f"{chapter.page}.ipynb"
    nbformat.write(plain_notebook(without_solutions(notebook)), offered)
