"""The data that ships with Isomorph: where it is, and whether it is still what was built.

``data/MANIFEST.json`` lists every shipped file with its SHA-256.  Nothing is read before its
checksum has been compared, so a result can never come from a damaged or edited file unnoticed.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from platformdirs import user_cache_path

import isomorph
from isomorph import files

if TYPE_CHECKING:
    import pyarrow
    from datasets import Dataset

LANGUAGES = ("en", "fr", "de", "ru", "zh", "es")
DOMAINS = ("bible", "help")

MANIFEST = "MANIFEST.json"
INSTALLED = Path(isomorph.__file__).parent / "data"  # in a wheel; a checkout has it beside lib/
REBUILD = "rebuild it with `isomorph data build`"
RETRAIN = (
    "take it from the repository again, or train it with `isomorph data models`, bert-en with "
    "`python -m data.build.bert`"
)
RECORD = (
    "take it from the repository again, or remove it and record its runs anew with "
    "`isomorph run {} --record`"
)
if INSTALLED.is_dir():
    REBUILD = RETRAIN = RECORD = "install isomorph again"
BUILDS = "build"  # the folder of the code that builds the data
UNLISTED = {"README.md", "results/README.md", MANIFEST}  # what no result can come from

# The columns of every table in the order in which they are written, of strings unless a type follows.
_SIDES = ("source", "target")
_COUNTS = (*_SIDES, *(f"{side}_{domain}" for side in _SIDES for domain in DOMAINS), "together")
TABLES = {
    **dict.fromkeys([f"text/{domain}.parquet" for domain in DOMAINS],
                    ("id:int32", "group", "document", "split", *LANGUAGES)),
    **dict.fromkeys([f"dictionaries/en-{language}.parquet" for language in LANGUAGES[1:]],
                    (*_SIDES, "split", "rank:int16", *(f"count_{of}:int32" for of in _COUNTS))),
    "text/near_copies.parquet":
        ("domain", "id:int32", "split", "language", "copies:int32", "cosine:float64"),
    "tasks/passage_relation.parquet":
        ("id_a:int32", "id_b:int32", "label:int8", "domain", "split"),
    "tasks/interface_terms.parquet":
        ("id:int32", "split", *(f"tokens_{language}:[string]" for language in LANGUAGES),
         *(f"tags_{language}:[int8]" for language in LANGUAGES)),
    "tasks/paraphrases.parquet": ("id:int32", "split", "first", "second"),
}  # fmt: skip

# One process reads the same file many times; its checksum is computed once for each state of it.
_seen: dict[tuple[str, int, int], str] = {}


class DataCorrupted(RuntimeError):
    """A shipped file is missing, or is not the file that the manifest describes."""


def data_folder() -> Path:
    """The folder of the shipped data: ``$ISOMORPH_DATA`` where set, else what came with the installed
    library, else ``data/`` of the checkout."""
    if chosen := os.environ.get("ISOMORPH_DATA"):
        return Path(chosen)
    return INSTALLED if INSTALLED.is_dir() else INSTALLED.parents[2] / "data"


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
    text = json.dumps(manifest, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    files.write_text((folder or data_folder()) / MANIFEST, text)


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
        "sha256": sha256_of(path), "bytes": path.stat().st_size, "rows": rows,
        "sources": sorted(sources),
    }  # fmt: skip
    with changing_manifest(folder) as manifest:
        manifest["files"][relative_path] = entry
    return entry


@contextmanager
def changing_manifest(folder: Path) -> Iterator[dict]:
    """The manifest, or an empty one, to change; it is written when the block ends without an error.

    Other processes wait until then.
    """
    from filelock import FileLock

    path = folder / MANIFEST
    with FileLock(path.with_suffix(".lock")):
        manifest = read_manifest(folder) if path.exists() else {"files": {}, "sources": {}}
        yield manifest
        write_manifest(manifest, folder)


def cache_folder() -> Path:
    """Where finished runs are kept, and what was fetched and made ready for them: $ISOMORPH_CACHE, or
    .cache/runs beside data/, or the user's own cache where the data came with the installed library."""
    if chosen := os.environ.get("ISOMORPH_CACHE"):
        return Path(chosen)
    if data_folder() == INSTALLED:
        return user_cache_path("isomorph") / "runs"
    return data_folder().parent / ".cache" / "runs"


def sha256_of(path: Path) -> str:
    """SHA-256 of a file as 64 hexadecimal digits, cached by (path, time of its last change, size)."""
    status = path.stat()
    key = (str(path), status.st_ctime_ns, status.st_size)
    if key not in _seen:
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if time.time_ns() - status.st_ctime_ns < 1e9:
            return digest  # the clock of files is coarse: it may change again at the same time
        _seen[key] = digest
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
        listed = read_manifest(folder)["files"]
    except DataCorrupted as damaged:
        return [str(damaged)]
    if not listed:
        return [f"{folder / MANIFEST} lists no file: {REBUILD}."]
    there = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
    paths = {path.as_posix() for path in there if _ships(path)} - UNLISTED | set(listed)
    return [said for path in sorted(paths) if (said := _problem(folder, path, listed))]


def _ships(path: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.parts)
    return not hidden and path.suffix != ".lock" and path.parts[0] != BUILDS


def _problem(folder: Path, relative_path: str, listed: dict) -> str | None:
    path = folder / relative_path
    remedies = {"models": RETRAIN, "results": RECORD.format(path.stem)}
    remedy = remedies.get(relative_path.split("/")[0], REBUILD)
    if relative_path not in listed:
        return f"{relative_path} is not listed in {folder / MANIFEST}: {remedy}."
    if not path.is_file():
        return f"{path} is missing: {remedy}."
    wanted, there = listed[relative_path]["sha256"], sha256_of(path)
    if there != wanted:
        said = f"SHA-256 {there[:12]}..., expected {wanted[:12]}..."
        return f"{path} is damaged ({said}): {remedy}."
    return None


@cache
def schema_of(relative_path: str) -> pyarrow.Schema:
    """The columns of a shipped table.  Raises ValueError for a table that does not ship."""
    import pyarrow as pa

    if relative_path not in TABLES:
        raise ValueError(f"{relative_path} is no table that ships.")
    fields = []
    for name, _, kind in (column.partition(":") for column in TABLES[relative_path]):
        one = pa.type_for_alias(kind.strip("[]") or "string")
        fields.append((name, pa.list_(one) if kind.startswith("[") else one))
    return pa.schema(fields)


def read_table(relative_path: str, columns: list[str] | None = None) -> Dataset:
    """A shipped parquet file as a Dataset in memory, after its checksum has been verified.

    columns: read only these, in this order. Nothing is written: the usual cache of ``datasets`` would
    copy every file once more.
    Raises DataCorrupted, in one sentence, for a damaged file, a column that is missing or of another
    type, and a row without a value.
    """
    import pyarrow
    import pyarrow.parquet
    from datasets import Dataset
    from pyarrow import compute, types

    path, schema = verified(relative_path), schema_of(relative_path)
    schema = schema if columns is None else pyarrow.schema([schema.field(name) for name in columns])

    def refused(problem: str) -> DataCorrupted:
        return DataCorrupted(f"{path} {problem}: {REBUILD}.")

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            there = file.schema_arrow
            for name in schema.names:
                if there.names.count(name) != 1:
                    held = ", ".join(there.names)
                    raise refused(f"needs one column {name!r}, and its columns are {held}")
            for field in schema:
                if (kind := there.field(field.name).type) != field.type:
                    said = f"column {field.name!r}, which is of {field.type}"
                    raise refused(f"holds {kind} in {said}")
            table = file.read(columns=schema.names).select(schema.names)
    except pyarrow.ArrowException as problem:
        raise refused(f"is no readable table ({str(problem).splitlines()[0]})") from None
    for name, column in zip(table.column_names, table.columns, strict=True):
        inner = compute.list_flatten(column) if types.is_list(column.type) else column
        if column.null_count + inner.null_count:
            rows = enumerate(column.to_pylist())
            empty = next(i for i, v in rows if v is None or isinstance(v, list) and None in v)
            raise refused(f"has no value in column {name!r}, row {empty}")
    return Dataset(table.replace_schema_metadata())
