"""Executes chapters, one process a chapter and as many at a time as there are cores.

A kernel runs with one thread: two processes of one thread finish more than one process of two.
"""

import json
import os
import re
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from isomorph import files, processes

from .chapters import Chapter, Layout, expected_manifest, read_text, write_manifest
from .worker import Limits, where_it_stopped

CELL = re.compile(r"^# (%%|solution$)", re.MULTILINE)
RUN_LOG = "ISOMORPH_RUN_LOG"
"""Names a file to which `isomorph.runs` adds one JSON line for every run a chapter uses."""


@dataclass(frozen=True)
class Failure:
    """Where a chapter stopped (`cell` is 0 when it never reached one) and what it said.

    `stopped` says which limit it passed, if it was that.
    """

    cell: int
    first_line: str
    error: str
    notebook: Path
    stopped: str = ""


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
    waiting, running, failures = list(chapters), {}, {}
    with tqdm(
        total=_cells(chapters, layout), unit="cell", desc="chapters", leave=False, disable=None
    ) as bar:
        try:
            while waiting or running:
                while waiting and len(running) < jobs:
                    job = Job(waiting.pop(0), layout, parameters, limits)
                    running[job.chapter] = job
                    bar.set_postfix_str(", ".join(c.name for c in running))
                time.sleep(0.05)
                for chapter, job in list(running.items()):
                    bar.update(job.new_cells())
                    if job.process.poll() is None:
                        continue
                    del running[chapter]
                    failure = job.finish()
                    if failure:
                        failures[chapter] = failure
                    verdict = "FAILED" if failure else "done"
                    seconds = time.monotonic() - job.started
                    tqdm.write(f"  {chapter.page}: {verdict} in {seconds:.0f} s")
        finally:
            for job in running.values():
                processes.stop(job.process)
    return failures


def _cells(chapters: list[Chapter], layout: Layout) -> int:
    # One more a chapter, the cell that papermill injects, and two a solution: see `notebook`.
    marks = [CELL.findall(read_text(c.source(layout), layout.root)) for c in chapters]
    return sum(len(cells) + cells.count("solution") + 1 for cells in marks)


class Job:
    """One chapter being executed by a worker process."""

    def __init__(self, chapter: Chapter, layout: Layout, parameters: dict, limits: Limits):
        self.chapter, self.layout = chapter, layout
        # Taken before the start: a source edited while it runs must count as changed afterwards.
        self.inputs = expected_manifest(chapter, layout, parameters)
        self.started, self.seen = time.monotonic(), 0
        self.notebook = layout.build / "running" / f"{chapter.name}.ipynb"
        self.report = self.notebook.with_suffix(".report.json")
        self.run_log = self.notebook.with_suffix(".runs.jsonl")
        for folder in (self.notebook.parent, chapter.log(layout).parent):
            folder.mkdir(parents=True, exist_ok=True)
        for path in (self.notebook, self.report, self.run_log, chapter.failed(layout)):
            path.unlink(missing_ok=True)
        command = [sys.executable, "-m", "isomorph.book.worker"]
        command += map(str, (chapter.source(layout), self.notebook, self.report))
        command += map(json.dumps, (parameters, asdict(limits)))
        with chapter.log(layout).open("w") as log:
            self.process = processes.start(
                command, log, environment=self._environment(), folder=layout.root
            )

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            **processes.environment(),
            RUN_LOG: str(self.run_log),
            "IPYTHONDIR": str(self.layout.build / "ipython"),  # no start-up files of the reader's
            "JUPYTER_PREFER_ENV_PATH": "1",
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",
            "TOKENIZERS_PARALLELISM": "false",
            "TQDM_DISABLE": "1",  # a progress bar is of no use on a page
            "PYTHONWARNINGS": "ignore:IProgress not found",  # nor is the lack of a widget for it
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        }

    def new_cells(self) -> int:
        """How many more cells have begun since the last call, read from the worker's log."""
        begun = self.chapter.log(self.layout).read_text(errors="replace").count("Executing Cell ")
        new, self.seen = begun - self.seen, begun
        return new

    def finish(self) -> Failure | None:
        """Move the notebook to where it belongs and record the execution."""
        self.process.stdin.close()
        try:
            report = json.loads(self.report.read_text("utf-8"))
        except (OSError, ValueError):
            end = self.chapter.log(self.layout).read_text(errors="replace")[-2000:]
            said = f"the process ended with status {self.process.returncode}\n{end}"
            report = {"ok": False, **where_it_stopped(self.notebook, said)}
        if not report["ok"]:
            return self._keep_partial(report)
        executed = self.chapter.executed(self.layout)
        card = {**report, "parameters": self.inputs["parameters"], "runs": self._runs()}
        files.write_text(self.chapter.card(self.layout), json.dumps(card, indent=2))
        self.notebook.replace(executed)
        write_manifest(self.chapter, self.layout, self.inputs)
        self._clean_up()
        return None

    def _keep_partial(self, report: dict) -> Failure:
        failed = self.chapter.failed(self.layout)
        failed.parent.mkdir(parents=True, exist_ok=True)
        if self.notebook.exists():
            self.notebook.replace(failed)
        self._clean_up()
        said = (report["cell"], report["first_line"], report["error"])
        return Failure(*said, failed, report.get("stopped", ""))

    def _runs(self) -> list[dict]:
        lines = self.run_log.read_text().splitlines() if self.run_log.exists() else []
        return [json.loads(line) for line in lines if line]

    def _clean_up(self) -> None:
        self.report.unlink(missing_ok=True)
        self.run_log.unlink(missing_ok=True)
