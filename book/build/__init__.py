"""The book, from sources to site: jupytext, then papermill, then jupyter-book.

Each chapter has one editable source, `chapters/<part>/<name>.py`. Its notebook is derived from it,
executed with the parameters `size` and `recompute`, and rendered. Nothing flows back. Chapters are
executed one process a chapter and as many at a time as there are cores. A kernel runs with one thread:
two processes of one thread finish more than one process of two.
"""

import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from isomorph import files, processes
from isomorph.config import known
from isomorph.results import RUN_LOG

from .chapters import (
    BadRequest,
    BookError,
    Chapter,
    Layout,
    discover,
    expected_manifest,
    importable,
    is_fresh,
    read_yaml,
    select,
    write_manifest,
)
from .notebook import derive
from .site import render
from .worker import Limits, stopped

ROOT = Path(__file__).resolve().parents[2]
TRACEBACK_LINES = 12
ENVIRONMENT = {
    "JUPYTER_PREFER_ENV_PATH": "1",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TQDM_DISABLE": "1",  # a progress bar is of no use on a page
    "PYTHONWARNINGS": "ignore:IProgress not found",  # nor is the lack of a widget for it
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
}

__all__ = ["BadRequest", "BookError", "build", "execute_all"]


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
    if sys.platform == "win32":  # which lacks the locks and the process groups that a build needs
        raise BadRequest("the book is built on Linux and macOS: on Windows, build it in WSL")
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
    _ = layout.repository  # stops when no button can follow it
    for each in chapters:
        derive(each.source(layout))  # stops at a malformed exercise
    with files.alone(layout.build):
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
    failures = execute_all(todo, layout, parameters, jobs, limits)
    try:
        rendered = render(layout, chapters, set(failures), parameters)
        print("the site is rendered" if rendered else "the site is up to date")
    finally:
        _report(failures)
    print(f"took {time.monotonic() - started:.0f} s")
    print(f"\nOpen it: {layout.html / 'index.html'}\n(in a browser, or run `make serve`)")
    return not failures


class Failure(NamedTuple):
    """Where a chapter stopped (`cell` is 0 when it never reached one) and what it said.

    `stopped` says which limit it passed, if it was that.
    """

    cell: int
    first_line: str
    error: str
    notebook: Path
    stopped: str = ""


def _report(failures: dict[Chapter, Failure]) -> None:
    for chapter, failure in failures.items():
        where = f"in cell {failure.cell}" if failure.cell else "before its first cell"
        ended = f"stopped: {failure.stopped}" if failure.stopped else "failed"
        print(f"\n{chapter.page} {ended} {where}: {failure.first_line}")
        lines = [] if failure.stopped else failure.error.splitlines()
        for line in lines[-TRACEBACK_LINES:]:
            print(f"    {line}")
        if failure.notebook.exists():
            print(f"  what it did up to there: {failure.notebook}")


def cores() -> int:
    """The cores this process may use, which a container or a scheduler may have limited."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def execute_all(
    chapters: list[Chapter],
    layout: Layout,
    parameters: dict,
    jobs: int,
    limits: Limits | None = None,
) -> dict[Chapter, Failure]:
    """Execute `chapters`, at most `jobs` at a time, and return the failures.

    A chapter that ends well is recorded at once, so an interrupted build resumes after it. One that
    passes one of `limits` (by default the usual ones) is ended, and the others go on. On Ctrl-C
    every child is stopped before KeyboardInterrupt is raised again.
    """
    from tqdm import tqdm

    limits = limits or Limits.of(parameters)
    waiting, running, failures = list(chapters), [], {}
    with tqdm(total=len(chapters), desc="chapters", leave=False, disable=None) as bar:
        try:
            while waiting or running:
                while waiting and len(running) < jobs:
                    running.append(Job(waiting.pop(0), layout, parameters, limits))
                    bar.set_postfix_str(", ".join(job.chapter.name for job in running))
                time.sleep(0.05)
                for job in [job for job in running if job.process.poll() is not None]:
                    running.remove(job)
                    if failure := job.finish():
                        failures[job.chapter] = failure
                    outcome = "FAILED" if failure else "done"
                    seconds = time.monotonic() - job.started
                    tqdm.write(f"  {job.chapter.page}: {outcome} in {seconds:.0f} s")
                    bar.update()
        finally:
            for job in running:
                processes.stop(job.process)
    return failures


class Job:
    """One chapter being executed by a worker process."""

    def __init__(self, chapter: Chapter, layout: Layout, parameters: dict, limits: Limits):
        self.chapter, self.layout, self.started = chapter, layout, time.monotonic()
        # Taken before the start: a source edited while it runs must count as changed afterwards.
        self.inputs = expected_manifest(chapter, layout, parameters)
        self.notebook = layout.build / "running" / f"{chapter.name}.ipynb"
        self.report = self.notebook.with_suffix(".report.json")
        self.run_log = self.notebook.with_suffix(".runs.jsonl")
        self.log = chapter.log(layout)
        for path in (self.notebook, self.report, self.run_log, chapter.failed(layout), self.log):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
        environment = {
            **os.environ, **processes.environment(), **ENVIRONMENT, **importable(),
            RUN_LOG: str(self.run_log),
            "IPYTHONDIR": str(layout.build / "ipython"),  # no start-up files of the reader's
        }  # fmt: skip
        command = [sys.executable, "-m", "book.build.worker"]
        command += map(str, (chapter.source(layout), self.notebook, self.report))
        command += map(json.dumps, (parameters, asdict(limits)))
        with self.log.open("w") as log:
            self.process = processes.start(
                command, log, environment=environment, folder=layout.root
            )

    def finish(self) -> Failure | None:
        """Move the notebook to where it belongs and record the execution."""
        chapter, layout = self.chapter, self.layout
        self.process.stdin.close()
        try:
            report = json.loads(self.report.read_text("utf-8"))
        except (OSError, ValueError):
            end = self.log.read_text(errors="replace")[-2000:]
            status = self.process.returncode
            report = stopped(self.notebook, f"the process ended with status {status}\n{end}")
        lines = self.run_log.read_text().splitlines() if self.run_log.exists() else []
        for path in (self.report, self.run_log):
            path.unlink(missing_ok=True)
        if report["ok"]:
            runs = [json.loads(line) for line in lines if line]
            card = {**report, "parameters": self.inputs["parameters"], "runs": runs}
            files.write_text(chapter.card(layout), json.dumps(card, indent=2))
            self.notebook.replace(chapter.executed(layout))
            write_manifest(chapter, layout, self.inputs)
            return None
        failed = chapter.failed(layout)
        if self.notebook.exists():
            self.notebook.replace(failed)
        said = (report["cell"], report["first_line"], report["error"])
        return Failure(*said, failed, report.get("stopped", ""))
