"""Executes one chapter, in a process of its own, and reports on it.

`python -m book.build.worker SOURCE NOTEBOOK REPORT PARAMETERS LIMITS` turns the source into a
notebook (one way, by jupytext), runs it (by papermill) and writes a JSON report. A process
of its own means that the peak memory of its children is the peak memory of this chapter's kernel
alone. It ends, and its kernel with it, when its standard input does. What takes too long or too much
memory is ended with a sentence.
"""

import contextlib
import json
import logging
import math
import platform
import re
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
import psutil

from isomorph import files, processes

from .chapters import BadRequest, BookError
from .notebook import derive, plain_text, wrong_check

WEEK = 7 * 24 * 60.0
# Many times what chapters take, for a machine that is slow or does other work too.
MINUTES = {"smoke": 20.0, "laptop": 120.0, "reference": 24 * 60.0, "hub": WEEK, "paper": WEEK}
GIB = {"smoke": 8.0, "laptop": 8.0}
SHARE = 0.75
"""Of the machine's memory, a chapter's at most, so that no other process pays for it."""


@dataclass(frozen=True)
class Limits:
    """Minutes by the clock and GiB of resident memory, of a chapter with all that it starts."""

    minutes: float
    gib: float

    @classmethod
    def of(cls, parameters: dict, minutes: float | None = None, gib: float | None = None):
        """What is usual for a size, with `recompute` up to a week; 0 lifts a limit.

        Raises BadRequest when a limit is negative or no number.
        """
        for name, value in {"minutes": minutes, "memory": gib}.items():
            if value is not None and not value >= 0:
                raise BadRequest(f"{name} is {value}, but it must be at least 0, which is no limit")
        usual = WEEK if parameters["recompute"] else MINUTES[parameters["size"]]
        there = SHARE * psutil.virtual_memory().total / 2**30
        room = min(GIB.get(parameters["size"], math.inf), there)
        return cls(
            usual if minutes is None else minutes or math.inf,
            room if gib is None else gib or math.inf,
        )


@contextlib.contextmanager
def watched(limits: Limits) -> Iterator[list[str]]:
    """End the kernel of this process once a limit is passed; the list then says which."""
    passed, over = [], threading.Event()

    def watch() -> None:
        began, worker = time.monotonic(), psutil.Process()
        while not over.wait(0.5):
            family = worker.children(recursive=True)
            if time.monotonic() - began > 60 * limits.minutes:
                passed.append(f"over {limits.minutes:g} minutes")
            elif sum(map(_resident, [worker, *family])) > limits.gib * 2**30:
                passed.append(f"over {limits.gib:.3g} GiB of memory")
            if passed:
                processes.kill(family)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield passed
    finally:
        over.set()
        thread.join()


def _resident(process: psutil.Process) -> int:
    try:
        return process.memory_info().rss
    except psutil.NoSuchProcess:
        return 0


def execute(source: Path, notebook: Path, parameters: dict, limits: Limits) -> dict:
    """Run the chapter at `source` into `notebook`; the report says whether it reached its end.

    It has not when a cell was not executed, failed or wrote to standard error, or when a limit was
    passed. The notebook is saved after every cell, so a failure leaves everything up to it.
    """
    import papermill

    try:
        book = derive(source)
        if not any("parameters" in cell.metadata.get("tags", []) for cell in book.cells):
            raise BookError(
                f"{source} has no cell tagged 'parameters'; it needs one that sets "
                'size = "laptop" and recompute = False.'
            )
    except BookError as error:
        return stopped(notebook, str(error))
    unexecuted = notebook.with_suffix(".source.ipynb")
    nbformat.write(book, unexecuted)
    started = time.time()
    passed: list[str] = []
    try:
        with watched(limits) as passed:
            papermill.execute_notebook(
                str(unexecuted),
                str(notebook),
                parameters=parameters,
                kernel_name="python3",
                start_timeout=300,  # a machine that runs one chapter a core starts kernels slowly
                progress_bar=False,
                log_output=True,
            )
    except Exception as error:  # noqa: BLE001 - whatever stopped it stands in the report
        traceback = getattr(error, "traceback", None)  # of the kernel
        message = plain_text("\n".join(traceback or [f"{type(error).__name__}: {error}"]))
        return {**stopped(notebook, message), "stopped": "".join(passed[:1])}
    finally:
        unexecuted.unlink(missing_ok=True)
    executed = nbformat.read(notebook, as_version=4)
    for cell in executed.cells:
        if "isomorph" in cell.metadata and (said := complaint(cell)):
            return _at(cell, said)
    return {"ok": True, "started": started, "seconds": time.time() - started, **_machine()}


def stopped(notebook: Path, message: str) -> dict:
    """The report of an end in the cell begun last, of what was saved up to there."""
    try:
        cells = nbformat.read(notebook, as_version=4).cells
    except (OSError, ValueError):  # stopped before anything was saved
        cells = []
    # Cells of the source; papermill adds some, without this mark.
    begun = [cell for cell in cells if "isomorph" in cell.metadata and _begun(cell)]
    return _at(begun[-1] if begun else None, message)


def complaint(cell) -> str:
    """What is wrong with a cell after the last one has ended: it failed, wrote to standard error, was
    not executed, or is a check that does not say what it has to. Empty where all is well.

    Papermill takes `sys.exit` for an end as good as any.
    """
    outputs = cell.get("outputs", [])
    for output in outputs:
        if output.output_type == "error":
            return f"{output.ename}: {output.evalue}"
    if loud := [o.text for o in outputs if o.get("name") == "stderr"]:
        return f"it wrote to standard error:\n{plain_text(''.join(loud))}"
    return wrong_check(cell) if _begun(cell) else "it was not executed"


def _begun(cell) -> bool:
    # Papermill's status does not tell: it ends by calling all that is pending completed.
    return cell.metadata.get("papermill", {}).get("start_time") is not None


def _at(cell, message: str) -> dict:
    """The report of a failure in a cell: its number, counted from 1 as in the source, and its first
    line; of none without one."""
    number = cell.metadata["isomorph"]["cell"] if cell else 0
    first_line = next(iter(cell.source.strip().splitlines()), "") if cell else ""
    return {"ok": False, "cell": number, "first_line": first_line, "error": message}


def _machine() -> dict:
    """Peak resident memory of the kernel, in bytes; its processor time, which other work on the
    machine does not add to as it does to the clock's; and the processor it ran on."""
    import resource  # Windows has none

    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes, Linux kibibytes
    cpuinfo = Path("/proc/cpuinfo")
    named = cpuinfo.exists() and re.search(r"model name\s*:\s*(.+)", cpuinfo.read_text())
    return {
        "peak_bytes": used.ru_maxrss * unit,
        "cpu_seconds": used.ru_utime + used.ru_stime,
        "processor": named[1].strip() if named else platform.processor() or platform.machine(),
    }


def main() -> None:
    processes.end_with_parent()
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
    source, notebook, report = (Path(argument) for argument in sys.argv[1:4])
    parameters, limits = (json.loads(argument) for argument in sys.argv[4:6])
    outcome = execute(source, notebook, parameters, Limits(**limits))
    files.write_text(report, json.dumps(outcome, indent=2))
    sys.exit(0 if outcome["ok"] else 1)


if __name__ == "__main__":
    main()
