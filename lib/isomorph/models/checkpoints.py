"""Checkpoints of a training: whole, compared with their digest, and used by the same code only.

A file is one line of JSON, which says what the checkpoint is and the SHA-256 of everything, and then
what torch writes, whose own format would not notice a flipped bit.
"""

import hashlib
import io
import json
import logging
from pathlib import Path
from typing import BinaryIO

from isomorph import files

log = logging.getLogger(__name__)


class Damaged(ValueError):
    """A checkpoint that is not what was written."""


def save(path: Path, state: dict, about: dict) -> None:
    """Write a training's state, and `about` it: its step and whatever has to be the same later."""
    import torch  # a sweep asks for no more than `about`, and soon

    content = io.BytesIO()
    torch.save(state, content)
    head = about | {"sha256": _sha256(about, content.getbuffer())}
    with files.replacing(Path(path)) as aside, aside.open("wb") as file:
        file.write(json.dumps(head).encode() + b"\n")
        file.write(content.getbuffer())


def about(path: Path) -> dict:
    """What was said of a checkpoint when it was saved; not compared with the digest. Raises
    Damaged when it cannot be read."""
    with Path(path).open("rb") as file:
        return _head(file)[0]


def restore(path: Path | None, **same: str | int) -> dict | None:
    """The state at `path`; None when there is none, or none that may be used, and then it says so.

    same: what has to be as it was when the checkpoint was saved. Raises ValueError for a folder.
    """
    import torch

    if path and Path(path).is_dir():
        raise ValueError(f"checkpoint is '{path}', which is a folder; allowed is a file's name.")
    if not path or not Path(path).exists():
        return None
    try:
        with Path(path).open("rb") as file:
            (head, digest), content = _head(file), file.read()
        if digest != _sha256(head, content):
            raise Damaged(f"{path} is damaged")
    except (Damaged, OSError) as error:
        log.warning("%s: it is not used, and the training starts anew.", error)
        return None
    other = [name for name, value in same.items() if head.get(name) != value]
    if other:
        names = " and another ".join(other)
        log.warning(
            "%s is of another %s: it is not used, and the training starts anew.", path, names
        )
        return None
    return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)


def _head(file: BinaryIO) -> tuple[dict, str]:
    try:
        head = json.loads(file.readline())
        return head, head.pop("sha256")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Damaged(f"{file.name} is damaged, or no checkpoint of this library") from error


def _sha256(about: dict, content: bytes | memoryview) -> str:
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    digest.update(content)
    return digest.hexdigest()
