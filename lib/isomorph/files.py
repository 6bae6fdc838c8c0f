"""Files that are there whole or not at all, whatever ends the process that writes them, and folders
in which one process at a time is at work.

Run as a script it removes such a folder, which is `make clean`: so it imports nothing but the standard
library, and needs no environment.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # on Windows, where no book is built
    fcntl = None


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to; what is written there takes its place at once.

    It does so when the block ends, synced to the disk, so that neither a kill nor a crash of the
    machine leaves half a file. When the block raises, what was at `path` stays. The folder is made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=path.parent) as folder:
        aside = Path(folder) / path.name
        yield aside
        put(aside, path)


def put(aside: Path, path: Path) -> None:
    """Let a file take the place of another of its disk, for good: both are synced."""
    sync(aside)
    aside.replace(path)
    sync(path.parent)


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    if fcntl is None:  # Windows opens no folder, and syncs nothing that is opened to be read
        return
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` in UTF-8, whole and at once."""
    with replacing(path) as aside:
        aside.write_text(text, encoding="utf-8")


class Busy(Exception):
    """Another process builds here; its text is one plain sentence."""


@contextmanager
def alone(build: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold the folder `build` against other processes; when one holds it, wait, and say for whom.

    Raises Busy instead where `wait` is False. The lock is a file beside the folder; the system lets go
    of it when the process that holds it ends, however it does.
    """
    with build.with_suffix(".lock").open("a+") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            held.seek(0)
            holder = f"process {held.read().strip() or '(unknown)'} builds in {build.parent}"
            if not wait:
                raise Busy(holder) from None
            print(f"{holder}: waiting for it to end", flush=True)
            fcntl.flock(held, fcntl.LOCK_EX)
        held.truncate(0)
        held.write(f"{os.getpid()}\n")
        held.flush()
        yield


def made_once(folder: Path, make: Callable[[Path], object]) -> Path:
    """`folder`, which `make` is given an empty one to fill for, where it is not there yet.

    One process makes it, and others wait; it is there whole or not at all.
    """
    if folder.is_dir():
        return folder
    from filelock import FileLock  # unlike `alone`, it knows Windows

    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not folder.is_dir():
            aside = folder.with_name(f".partial-{folder.name}")
            shutil.rmtree(aside, ignore_errors=True)  # of a process that was killed
            aside.mkdir()
            try:
                make(aside)
                for path in aside.rglob("*"):
                    sync(path)
                put(aside, folder)
            finally:
                shutil.rmtree(aside, ignore_errors=True)
    return folder


if __name__ == "__main__":
    try:
        with alone(Path(sys.argv[1]).absolute(), wait=False):
            if Path(sys.argv[1]).exists():
                shutil.rmtree(sys.argv[1])
    except Busy as busy:
        sys.exit(f"{busy}: end it first")
