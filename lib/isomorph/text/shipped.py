"""The data that ships with Isomorph: where it is, and whether it is still what was built.

``data/MANIFEST.json`` lists every shipped file with its SHA-256.  Nothing is read before its
checksum has been compared, so a result can never come from a damaged or edited file unnoticed.
"""

import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from isomorph import files

LANGUAGES = ("en", "fr", "de", "ru", "zh", "es")
DOMAINS = ("bible", "help")

MANIFEST = "MANIFEST.json"
REBUILD = "rebuild it with `isomorph data build`"
RETRAIN = "take it from the repository again, or train it with `isomorph data models`"
RECORD = (
    "take it from the repository again, or remove it and record its runs anew with "
    "`isomorph run {} --record`"
)
BUILDS = "build"  # the folder of the code that builds the data
UNLISTED = {"README.md", "results/README.md", MANIFEST}  # what no result can come from

# One process reads the same file many times; its checksum is computed once for each state of it.
_seen: dict[tuple[str, int, int], str] = {}


class DataCorrupted(RuntimeError):
    """A shipped file is missing, or is not the file that the manifest describes."""


def data_folder() -> Path:
    """The folder of the shipped data: ``$ISOMORPH_DATA`` where set, else ``data/`` of the project."""
    chosen = os.environ.get("ISOMORPH_DATA")
    return Path(chosen) if chosen else Path(__file__).resolve().parents[3] / "data"


def read_manifest(folder: Path | None = None) -> dict:
    """The manifest as a dictionary: ``files`` (path -> sha256, bytes, rows, sources), ``sources``.

    Raises DataCorrupted when it is missing or is not readable as JSON.
    """
    path = (folder or data_folder()) / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        # A manifest without these is damaged.
        ["" + entry["sha256"] for entry in manifest["files"].values()], manifest["sources"].items()
        return manifest
    except FileNotFoundError:
        raise DataCorrupted(f"{path} is missing: {REBUILD}.") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise DataCorrupted(f"{path} is not a readable manifest: {REBUILD}.") from None


def write_manifest(manifest: dict, folder: Path | None = None) -> None:
    """Write the manifest with sorted keys, so that the same content is always the same bytes."""
    path = (folder or data_folder()) / MANIFEST
    text = json.dumps(manifest, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    files.write_text(path, text)


def write_manifest_entry(
    relative_path: str,
    *,
    sources: list[str] = (),
    rows: int | None = None,
    folder: Path | None = None,
    written: Path | None = None,
) -> dict:
    """Enter one shipped file into the manifest, creating the manifest if there is none.

    Several processes may do so at a time.

    relative_path: the file inside the data folder, with forward slashes.
    sources: names of the packages (keys of the manifest's ``sources``) it was built from.
    rows: how many rows it holds, None for files that are not tables.
    written: where the file lies until it takes its place.
    Returns the entry.  Raises FileNotFoundError when there is no such file.
    """
    folder = folder or data_folder()
    path = written or folder / relative_path
    entry = {
        "sha256": sha256_of(path),
        "bytes": path.stat().st_size,
        "rows": rows,
        "sources": sorted(sources),
    }
    with changing_manifest(folder) as manifest:
        manifest["files"][relative_path] = entry
    return entry


@contextmanager
def changing_manifest(folder: Path) -> Iterator[dict]:
    """The manifest, or an empty one, to change; it is written when the block ends without an error.

    Other processes wait until then.
    """
    from filelock import FileLock

    with FileLock((folder / MANIFEST).with_suffix(".lock")):
        exists = (folder / MANIFEST).exists()
        manifest = read_manifest(folder) if exists else {"files": {}, "sources": {}}
        yield manifest
        write_manifest(manifest, folder)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file as 64 hexadecimal digits, cached by (path, time of its last change, size)."""
    status = path.stat()
    key = (str(path), status.st_ctime_ns, status.st_size)
    if key not in _seen:
        with open(path, "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if time.time_ns() - status.st_ctime_ns < 1e9:
            return found  # the clock of files is coarse: it may change again at the same time
        _seen[key] = found
    return _seen[key]


def verified(relative_path: str) -> Path:
    """The full path of a shipped file, after its checksum has been compared with the manifest.

    Raises DataCorrupted, in one sentence, when the file is missing, not listed, or different.
    """
    folder = data_folder()
    problem = _problem(folder, relative_path, read_manifest(folder)["files"])
    if problem:
        raise DataCorrupted(problem)
    return folder / relative_path


def checksum(relative_path: str) -> str:
    """SHA-256 of a shipped file.  Raises DataCorrupted as ``verified`` does."""
    return sha256_of(verified(relative_path))


def verify() -> list[str]:
    """Compare every file with the manifest.  Returns one sentence a problem, [] when fine.

    A file that is not listed is a problem too, and so is a manifest that lists nothing.
    """
    folder = data_folder()
    try:
        files = read_manifest(folder)["files"]
    except DataCorrupted as damaged:
        return [str(damaged)]
    if not files:
        return [f"{folder / MANIFEST} lists no file: {REBUILD}."]
    there = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
    shipped = {path.as_posix() for path in there if _ships(path)} - UNLISTED
    problems = (_problem(folder, path, files) for path in sorted(shipped | set(files)))
    return [problem for problem in problems if problem]


def _ships(path: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.parts)
    return not hidden and path.suffix != ".lock" and path.parts[0] != BUILDS


def _problem(folder: Path, relative_path: str, files: dict) -> str | None:
    path = folder / relative_path
    remedies = {"models": RETRAIN, "results": RECORD.format(path.stem)}
    remedy = remedies.get(relative_path.split("/")[0], REBUILD)
    if relative_path not in files:
        return f"{relative_path} is not listed in {folder / MANIFEST}: {remedy}."
    if not path.is_file():
        return f"{path} is missing: {remedy}."
    expected, found = files[relative_path]["sha256"], sha256_of(path)
    if found != expected:
        return (
            f"{path} is damaged (SHA-256 {found[:12]}..., expected {expected[:12]}...): {remedy}."
        )
    return None
