"""Puts the pages and the executed chapters together and renders them as a static site.

Each chapter ends with its run card, what it cost and what it ran on: plain Markdown, so that the
downloaded notebook shows it too.
"""

import json
import os
import re
import shutil
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import nbformat
import yaml

from isomorph import files, processes
from isomorph.config import SIZES
from isomorph.figures.display import run_counts

from .chapters import (
    BookError,
    Chapter,
    Layout,
    finished_inputs,
    hash_files,
    importable,
    is_fresh,
    read_text,
    read_yaml,
)
from .notebook import (
    derive,
    fold,
    plain_notebook,
    plain_text,
    role,
    without_solutions,
    without_traces,
)
from .pages import filled

# Of the two checks of an exercise, the page shows the call once, and what it says of the solution.
HIDDEN = {"unanswered": "remove-output", "solved": "remove-input"}
VERSIONS = ("isomorph", "torch", "transformers")
# Of the hubs where a notebook runs. They read the branch that the workflow pushes with a release.
HUBS = {
    "notebook_interface": "jupyterlab",
    "binderhub_url": "https://mybinder.org",
    "colab_url": "https://colab.research.google.com",
}
BRANCH = "notebooks"
STALE = (
    "\nThis execution is out of date: the chapter, the library, the data or the size asked for has "
    "changed since. `make book` runs it again.\n"
)


def render(layout: Layout, chapters: list[Chapter], failed: set[Chapter], parameters: dict) -> bool:
    """Bring `_build/html` up to date; False when it is whole and nothing it is made of has changed.

    Raises BookError when the site cannot be built without a warning; the last good site stays.
    """
    aside = layout.html.with_suffix(".old")
    if aside.exists() and not layout.html.exists():
        aside.rename(layout.html)  # the last build ended between the two renamings below
    stage = stage_pages(layout, chapters, failed, parameters)
    inputs = {
        "pages": _hash_folder(stage),
        "library": layout.shared_hashes["library"],
        "builder": layout.shared_hashes["builder"],
        "requirements": layout.shared_hashes["requirements"],
    }
    record = layout.build / "manifests" / "site.made-of"
    if _recorded(record) == {**inputs, "html": _hash_folder(layout.html)}:
        return False
    rendered = _jupyter_book(layout, stage)
    for chapter in chapters:
        _offer_plain_notebook(rendered, stage, chapter, layout.repository)
    shutil.rmtree(aside, ignore_errors=True)
    if layout.html.exists():
        layout.html.rename(aside)
    rendered.rename(layout.html)
    shutil.rmtree(aside, ignore_errors=True)
    files.write_text(record, json.dumps({**inputs, "html": _hash_folder(layout.html)}, indent=2))
    return True


def _recorded(record: Path) -> object:
    try:
        return json.loads(record.read_text("utf-8"))
    except (OSError, ValueError):
        return None


def _hash_folder(folder: Path) -> str:
    return hash_files(list(folder.rglob("*")), folder)


def stage_pages(
    layout: Layout, chapters: list[Chapter], failed: set[Chapter], parameters: dict
) -> Path:
    """Copy the pages and the notebooks of `chapters` into one fresh folder and return it."""
    stage = layout.build / "stage"
    shutil.rmtree(stage, ignore_errors=True)
    shutil.copytree(layout.book, stage, ignore=shutil.ignore_patterns("build"))
    for chapter in chapters:
        page = stage / f"{chapter.page}.ipynb"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(_chapter_page(chapter, layout, chapter in failed, parameters), "utf-8")
    for page in sorted(layout.book.rglob("*.md")):
        text = filled(read_text(page, layout.root), stage, chapters)
        (stage / page.relative_to(layout.book)).write_text(text, "utf-8")
    config = read_yaml(layout.root / "_config.yml", layout.root)
    if layout.repository:  # else no page has a button that leads nowhere
        config["repository"] = {"url": layout.repository, "branch": BRANCH}
        config["launch_buttons"] = HUBS
    (stage / "_config.yml").write_text(yaml.safe_dump(config, sort_keys=False), "utf-8")
    return stage


def _chapter_page(chapter: Chapter, layout: Layout, failed: bool, parameters: dict) -> str:
    if finished_inputs(chapter, layout) and not failed:
        notebook = without_traces(nbformat.read(chapter.executed(layout), as_version=4))
        card = json.loads(chapter.card(layout).read_text("utf-8"))
        end = run_card(card, is_fresh(chapter, layout, parameters))
        notebook.cells.append(nbformat.v4.new_markdown_cell(end, id="run-card"))
    else:
        notebook = derive(chapter.source(layout))
        notice = not_executed(chapter, failed)
        notebook.cells.insert(1, nbformat.v4.new_markdown_cell(notice, id="not-executed"))
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        if {"parameters", "injected-parameters"} & set(tags):
            cell.metadata["tags"] = [*tags, "remove-cell"]
        if hidden := HIDDEN.get(role(cell)):
            cell.metadata["tags"] = [*tags, hidden]
    return nbformat.writes(fold(notebook), version=4)


def _jupyter_book(layout: Layout, stage: Path) -> Path:
    """Render `stage`, every warning an error, and return the folder of the site."""
    output = layout.build / "render"
    shutil.rmtree(output, ignore_errors=True)
    # jupyter-book has no __main__, and is to end when this process does.
    program = "from isomorph.processes import end_with_parent; end_with_parent(); "
    program += "from jupyter_book.cli.main import main; main()"
    command = [sys.executable, "-c", program, "build", str(stage)]
    command += ["--config", str(stage / "_config.yml"), "--toc", str(stage / "_toc.yml")]
    command += ["--path-output", str(output), "-W", "-n", "--keep-going"]
    log = layout.build / "logs" / "site.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    quiet = {"PYTHONWARNINGS": "ignore", "NO_COLOR": "1"}
    environment = os.environ | importable() | quiet
    with log.open("w") as out:
        child = processes.start(command, out, environment=environment, folder=layout.root)
        try:
            status = child.wait()
        finally:
            processes.stop(child)
    rendered = output / "_build" / "html"
    if status or not (rendered / "index.html").exists():
        problems = "\n".join(_problems(log, stage))
        raise BookError(f"the site has problems ({log} has everything):\n{problems}")
    return rendered


def _problems(log: Path, stage: Path) -> list[str]:
    """What Sphinx complains of, about the sources where it names their staged copies."""
    lines = plain_text(log.read_text("utf-8", errors="replace")).splitlines()
    problems = [line for line in lines if "WARNING" in line or "ERROR" in line]
    staged = re.escape(f"{stage.resolve()}{os.sep}")
    place = re.compile(staged + r"(?P<page>\S+?)\.(?P<kind>ipynb|md)(:(?P<line>\d+))?(?=: )")
    shown = problems[:20] or lines[-20:]
    return [place.sub(lambda match: _source(match, stage), line) for line in shown]


def _source(place: re.Match, stage: Path) -> str:
    """In a notebook Sphinx counts 10,000 lines a cell, and then those of the cell."""
    page, line = place["page"], int(place["line"] or 0)
    if place["kind"] == "md":
        return f"book/{page}.md" + (f":{line}" if line else "")
    cells = nbformat.read(stage / f"{page}.ipynb", as_version=4).cells
    marked = cells[line // 10_000 - 1].metadata.get("isomorph", {}) if line >= 10_000 else {}
    return f"chapters/{page}.py" + (f", cell {marked['cell']}" if "cell" in marked else "")


def _offer_plain_notebook(rendered: Path, stage: Path, chapter: Chapter, repository: str) -> None:
    """Replace the page's source, which its download button links to, by an ordinary notebook.

    It is without solutions: what is folded on a page would stand open in it.
    """
    notebook = nbformat.read(stage / f"{chapter.page}.ipynb", as_version=4)
    offered = rendered / "_sources" / f"{chapter.page}.ipynb"
    nbformat.write(plain_notebook(without_solutions(notebook), repository), offered)


def run_card(card: dict, fresh: bool) -> str:
    """The Markdown of the card from what the execution reported.

    `card` holds `seconds`, `peak_bytes`, `processor`, `started` (Unix time), `parameters`, perhaps
    `cpu_seconds`, and `runs`: one entry for every run the chapter used, with `provenance` (live,
    cached or recorded), and where known `device`, `seconds` and `seed`.
    """
    runs, size, seconds = card["runs"], card["parameters"]["size"], card["seconds"]
    spent = card.get("cpu_seconds")  # executions of earlier libraries say nothing of it
    busy = "" if spent is None else f", {_duration(spent)} of it on the processor"
    rows = {
        "Size": f"`{size}`",
        "Executed": datetime.fromtimestamp(card["started"], UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "Time": _duration(seconds) + busy,
        "Peak memory": f"{card['peak_bytes'] / 2**30:.2f} GiB",
        "Processor": card["processor"],
        "Device": ", ".join(sorted({r["device"] for r in runs if r.get("device")})) or "cpu",
        "Runs": run_counts(run["provenance"] for run in runs) or "none",
        "Seeds": ", ".join(map(str, sorted({r["seed"] for r in runs if "seed" in r}))) or "none",
        "With `RECOMPUTE=1`": _anew(runs, seconds, size),
        "Versions": ", ".join(f"{name} {_version(name)}" for name in VERSIONS),
    }
    table = "\n".join(f"| {name} | {value} |" for name, value in rows.items())
    stale = "" if fresh else STALE
    return f"## Run card\n{stale}\n| What | This execution |\n|:--|:--|\n{table}"


def not_executed(chapter: Chapter, failed: bool) -> str:
    """The Markdown that stands in for a run card when there is no execution to show."""
    state, why = (
        ("stopped with an error when it was last executed here", " to see why")
        if failed
        else ("has not been executed here yet", "")
    )
    return (
        f"> **This chapter {state}**, so it is shown without its results. "
        f"Run `make book CHAPTER={chapter.name}`{why}."
    )


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def _anew(runs: list[dict], spent: float, size: str) -> str:
    """This execution plus the runs it read that are of its size or smaller."""
    sizes = SIZES[: SIZES.index(size) + 1]
    read = [run for run in runs if run["provenance"] != "live" and run.get("size", size) in sizes]
    if any("seconds" not in run for run in read):
        return "not known"
    total = spent + sum(run["seconds"] for run in read)
    return f"about {_duration(total)}, by the time each run took where it was run"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"
