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
        with aside.open("rb") as written:
            os.fsync(written.fileno())
        aside.replace(path)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` in UTF-8, whole and at once."""
    with replacing(path) as aside:
        aside.write_text(text, encoding="utf-8")
