"""The book, from sources to site: jupytext, then papermill, then jupyter-book.

Each chapter has one editable source, `chapters/<part>/<name>.py`. Its notebook is derived from it,
executed with the parameters `size` and `recompute`, and rendered. Nothing flows back.
"""

import time
from pathlib import Path

from ..sizes import known
from .chapters import BadRequest, BookError, Chapter, Layout, discover, is_fresh, read_yaml, select
from .execute import Failure, cores, execute_all
from .lock import alone
from .notebook import derive
from .site import render
from .worker import Limits

ROOT = Path(__file__).resolve().parents[3]
TRACEBACK_LINES = 12

__all__ = ["BadRequest", "BookError", "build"]


def build(
    size: str = "laptop",
    chapter: str | None = None,
    recompute: bool = False,
    root: Path = ROOT,
    jobs: int | None = None,
    minutes: float | None = None,
    gib: float | None = None,
) -> bool:
    """Execute what has changed, render the site, say how to open it; True when all went well.

    `chapter` limits the execution to one chapter. `recompute` has the chapters run everything
    of that size anew and read no recorded row of it; interrupted and asked for again, it resumes.
    `jobs` is how many chapters run at a time (one a core), `minutes` and `gib` how long one may take
    and how much memory (`Limits.of`). While another process builds in `root`, this one waits.
    Raises BadRequest, before anything runs, when an argument names nothing or is out of bounds, and
    BookError when a source cannot be read or an exercise is malformed (also before) or when the site
    cannot be rendered.
    """
    try:
        known(size)
    except ValueError as error:
        raise BadRequest(str(error)) from None
    layout = Layout(Path(root))
    if not (layout.book / "_toc.yml").exists():
        raise BookError(f"{layout.root} is not a checkout of Isomorph: it has no book/_toc.yml")
    parameters = {"size": size, "recompute": recompute}
    limits = Limits.of(parameters, minutes, gib)
    chapters = discover(layout)
    chosen = select(chapters, chapter)
    read_yaml(layout.root / "_config.yml", layout.root)  # stops when it is none
    for each in chapters:
        derive(each.source(layout))  # stops at a malformed exercise
    with alone(layout.build):
        return _build(layout, chapters, chosen, parameters, jobs or cores(), limits)


def _build(
    layout: Layout,
    chapters: list[Chapter],
    chosen: list[Chapter],
    parameters: dict,
    jobs: int,
    limits: Limits,
) -> bool:
    started, size = time.monotonic(), parameters["size"]
    todo = [c for c in chosen if not is_fresh(c, layout, parameters)]
    if todo:
        print(f"{len(todo)} of {len(chosen)} chapters to execute (size {size}, {jobs} at a time)")
    else:
        print(f"no chapter has changed: {len(chosen)} executed earlier at size {size}")
    failures = execute_all(todo, layout, parameters, jobs, limits) if todo else {}
    try:
        rendered = render(layout, chapters, set(failures), parameters)
        print("the site is rendered" if rendered else "the site is up to date")
    finally:
        _tell(failures)
    print(f"took {time.monotonic() - started:.0f} s")
    print(f"\nOpen it: {layout.html / 'index.html'}\n(in a browser, or run `make serve`)")
    return not failures


def _tell(failures: dict[Chapter, Failure]) -> None:
    for chapter, failure in failures.items():
        where = f"in cell {failure.cell}" if failure.cell else "before its first cell"
        ended = f"stopped: {failure.stopped}" if failure.stopped else "failed"
        print(f"\n{chapter.page} {ended} {where}: {failure.first_line}")
        lines = [] if failure.stopped else failure.error.splitlines()
        for line in lines[-TRACEBACK_LINES:]:
            print(f"    {line}")
        if failure.notebook.exists():
            print(f"  what it did up to there: {failure.notebook}")
