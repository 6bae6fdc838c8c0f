"""Processes: how many threads they compute with, and children that end when their parent does.

One thread, unless ISOMORPH_THREADS says otherwise: sums in another order give other last digits, and
training lets them grow. Rows say how many threads made them, and one is what every machine has; two
processes of one thread also finish more than one process of two.

A child's standard input is a pipe, and its parent alone holds the other end. However the parent
ends, be it by SIGKILL, the system closes that end, and the child reads the end of its input.
"""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import psutil

VARIABLE = "ISOMORPH_THREADS"
MICRO_BATCH = "ISOMORPH_MICRO_BATCH"  # rows at a time in pretraining
# What the libraries that compute read when they are loaded.
POOLS = (
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS", "RAYON_NUM_THREADS",
)  # fmt: skip
# glibc gives every large tensor back to the system when it dies, and the next step asks for all of
# its pages anew: a tenth of a training run's time was the system's, and is not when they are kept.
# Other C libraries do not read these.
MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(2**30), "MALLOC_TRIM_THRESHOLD_": str(2**30)}


def threads() -> int:
    """How many threads a run may use. Raises ValueError when ISOMORPH_THREADS is no such number."""
    count = os.environ.get(VARIABLE) or "1"
    if not count.isdecimal() or int(count) < 1:
        raise ValueError(f"{VARIABLE} is {count!r}, but it must be a whole number above 0.")
    return int(count)


@contextlib.contextmanager
def with_threads(count: int | None) -> Iterator[None]:
    """As if ISOMORPH_THREADS said `count`; None leaves what it says."""
    with told(VARIABLE, count):
        threads()  # refuses what makes no sense before any work
        yield


@contextlib.contextmanager
def told(variable: str, count: int | None) -> Iterator[None]:
    """As if the environment said `count`, here and in what is started; None leaves what it says."""
    before = os.environ.get(variable)
    if count is not None:
        os.environ[variable] = str(count)
    try:
        yield
    finally:
        os.environ.pop(variable, None)
        if before is not None:
            os.environ[variable] = before


def environment() -> dict[str, str]:
    """For a process of its own, such as a chapter or a run of a sweep."""
    count = str(threads())
    return dict.fromkeys((VARIABLE, *POOLS), count) | MEMORY


@contextlib.contextmanager
def limited() -> Iterator[int]:
    """Compute with so many threads, in a process that may have begun with more; how many."""
    import torch
    from threadpoolctl import threadpool_limits

    count, before = threads(), torch.get_num_threads()
    with threadpool_limits(count):
        torch.set_num_threads(count)
        try:
            yield count
        finally:
            torch.set_num_threads(before)


def start(
    command: list[str], log: IO, *, environment: dict[str, str], folder: Path | None = None
) -> subprocess.Popen:
    """Start `command`, which is to call `end_with_parent`; all that it says goes to `log`."""
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=subprocess.STDOUT,
        env=environment,
        cwd=folder,
        start_new_session=True,  # Ctrl-C reaches the parent alone, which then stops its children
    )


def end_with_parent() -> None:
    """In a child: end, from now on, when the standard input does."""
    threading.Thread(target=_wait_for_the_end, daemon=True).start()


def _wait_for_the_end() -> None:
    while os.read(0, 1024):
        pass
    kill(psutil.Process().children(recursive=True))
    os.kill(os.getpid(), signal.SIGTERM)  # which Windows ends a process by, at once
    time.sleep(5)
    os.kill(os.getpid(), signal.SIGKILL)  # something here had other plans for SIGTERM


def stop(child: subprocess.Popen) -> None:
    """End a child and whatever it started; itself it has five seconds to end in its own way."""
    with contextlib.suppress(psutil.NoSuchProcess):
        kill(psutil.Process(child.pid).children(recursive=True))
    child.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(timeout=5)
    child.kill()
    child.wait()
    child.stdin.close()


def kill(processes: Iterable[psutil.Process]) -> None:
    """End processes at once, and with each that leads a group the whole group.

    What `os.system("sleep 100 &")` left behind has no parent to be found by, but is of its group.
    Windows has no groups.
    """
    grouped = hasattr(os, "killpg")
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError, PermissionError):
            if grouped and os.getpgid(process.pid) == process.pid and process.is_running():
                os.killpg(process.pid, signal.SIGKILL)
            process.kill()


@contextlib.contextmanager
def signals_interrupt() -> Iterator[None]:
    """SIGTERM, and the SIGHUP of a terminal that closes, raise KeyboardInterrupt as Ctrl-C does.

    Those that this process was told to ignore, as by `nohup`, stay ignored. Windows has no SIGHUP.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    ours = [
        s for s in map(signal.Signals.__getitem__, names) if signal.getsignal(s) is signal.SIG_DFL
    ]
    for each in ours:
        signal.signal(each, signal.default_int_handler)
    try:
        yield
    finally:
        for each in ours:
            signal.signal(each, signal.SIG_DFL)
