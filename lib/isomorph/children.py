"""A child process that ends when its parent does, with whatever it started itself.

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
    os.kill(os.getpid(), signal.SIGTERM)
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
    """
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError, PermissionError):
            if os.getpgid(process.pid) == process.pid and process.is_running():
                os.killpg(process.pid, signal.SIGKILL)
            process.kill()


@contextlib.contextmanager
def signals_interrupt() -> Iterator[None]:
    """SIGTERM, and the SIGHUP of a terminal that closes, raise KeyboardInterrupt as Ctrl-C does.

    Those that this process was told to ignore, as by `nohup`, stay ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ours = [s for s in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(s) is signal.SIG_DFL]
    for each in ours:
        signal.signal(each, signal.default_int_handler)
    try:
        yield
    finally:
        for each in ours:
            signal.signal(each, signal.SIG_DFL)
