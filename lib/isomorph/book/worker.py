"""Executes one chapter, in a process of its own, and reports on it.

`python -m isomorph.book.worker SOURCE NOTEBOOK REPORT PARAMETERS` turns the source into a notebook
(one way, by jupytext), runs it (by papermill) and writes a JSON report beside it. A process of its
own means that the peak memory of its children is the peak memory of this chapter's kernel alone.
"""

import json
import platform
import re
import resource
import sys
import time
from pathlib import Path

from .chapters import BookError
from .notebook import derive, mistold

ANSI = re.compile(r"\x1b\[[0-9;]*m")


def execute(source: Path, notebook: Path, parameters: dict) -> dict:
    """Run the chapter at `source` into `notebook`; the report says whether it reached its end.

    The notebook is saved after every cell, so a failure leaves everything up to it.
    """
    import nbformat
    import papermill

    try:
        book = derive(source)
    except BookError as error:
        return {"ok": False, "cell": 0, "first_line": "", "error": str(error)}
    if not any("parameters" in cell.metadata.get("tags", []) for cell in book.cells):
        return {"ok": False, "cell": 0, "first_line": "", "error": NO_PARAMETERS.format(source)}
    notebook.parent.mkdir(parents=True, exist_ok=True)
    unexecuted = notebook.with_suffix(".source.ipynb")
    nbformat.write(book, unexecuted)
    started = time.time()
    try:
        papermill.execute_notebook(
            str(unexecuted),
            str(notebook),
            parameters=parameters,
            kernel_name="python3",
            start_timeout=300,  # a machine that runs one chapter a core starts kernels slowly
            progress_bar=False,
            log_output=True,
        )
    except Exception as error:  # noqa: BLE001 - whatever stopped it is told in the report
        return {"ok": False, **_where_it_stopped(notebook, error)}
    finally:
        unexecuted.unlink(missing_ok=True)
    if wrong := mistold(nbformat.read(notebook, as_version=4)):
        return {"ok": False, **wrong}
    return {"ok": True, "started": started, "seconds": time.time() - started, **_machine()}


NO_PARAMETERS = (
    "{0} has no cell tagged 'parameters'; it needs one that sets size = \"laptop\" "
    "and recompute = False."
)


def _where_it_stopped(notebook: Path, error: Exception) -> dict:
    """The number of the failing cell, counted from 1 as in the source, and the traceback."""
    import nbformat

    text = getattr(error, "traceback", None)
    told = ANSI.sub("", "\n".join(text)) if text else f"{type(error).__name__}: {error}"
    try:
        cells = nbformat.read(notebook, as_version=4).cells
    except (OSError, ValueError):  # stopped before anything was saved
        cells = []
    own = [c for c in cells if "isomorph" in c.metadata]  # papermill adds some without it
    # Papermill calls a cell completed when the kernel died in it; the ones after it stay pending.
    begun = [n for n, cell in enumerate(own) if _status(cell) not in ("pending", None)]
    stopped = [n for n in begun if _status(own[n]) in ("failed", "running")] or begun[-1:]
    if not stopped:
        return {"cell": 0, "first_line": "", "error": told}
    cell = own[stopped[0]]
    lines = cell.source.strip().splitlines()
    return {
        "cell": cell.metadata["isomorph"]["cell"],
        "first_line": lines[0] if lines else "",
        "error": told,
    }


def _status(cell) -> str | None:
    return cell.metadata.get("papermill", {}).get("status")


def _machine() -> dict:
    """Peak resident memory of the kernel, in bytes; its processor time, which other work on the
    machine does not add to as it does to the clock's; and the processor it ran on."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes, Linux kibibytes
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        named = re.search(r"^model name\s*:\s*(.+)$", cpuinfo.read_text(), re.MULTILINE)
        processor = named.group(1).strip() if named else processor
    return {
        "peak_bytes": used.ru_maxrss * unit, "cpu_seconds": used.ru_utime + used.ru_stime,
        "processor": processor,
    }  # fmt: skip


def main() -> None:
    import logging

    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
    source, notebook, report = (Path(argument) for argument in sys.argv[1:4])
    outcome = execute(source, notebook, json.loads(sys.argv[4]))
    report.write_text(json.dumps(outcome, indent=2))
    sys.exit(0 if outcome["ok"] else 1)


if __name__ == "__main__":
    main()
