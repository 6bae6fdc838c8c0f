"""What runs on an encoder that is there already have in common: nothing is trained, so a run has no
seed and reads no tokens, and what it depends on are files."""

from __future__ import annotations

from isomorph.runs.run import Run
from isomorph.runs.two_models import combined_checksum


class OfEncoder(Run):
    """A run that looks at an encoder, by its name. What it samples, its records number as seeds."""

    @property
    def pair(self) -> str:
        return "en"

    @property
    def seed(self) -> int:
        return 0

    @property
    def tokens(self) -> int:
        return 0


def files_checksum(encoder: str, *files: str) -> str:
    """Of some shipped files and, where the encoder ships, of its own; "" where none of it ships.

    An encoder of a package is fixed by the list of exact versions.
    """
    from isomorph.text.shipped import checksum, read_manifest

    own = sorted(f for f in read_manifest()["files"] if f.startswith(f"models/{encoder}/"))
    return combined_checksum([checksum(file) for file in (*files, *own)])
