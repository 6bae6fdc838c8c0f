"""Files that are there whole or not at all, whatever ends the process that writes them."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` in UTF-8, whole and at once."""
    with replacing(path) as aside:
        aside.write_text(text, encoding="utf-8")
