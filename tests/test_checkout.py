"""A checkout has the bytes that were committed, whatever the settings of git."""

import shutil
import subprocess

import pytest
from book.build import ROOT

from isomorph.text import shipped


def git(*arguments, folder=ROOT):
    command = [
        "git",
        "-c",
        "safe.directory=*",
        "-c",
        "user.name=a",
        "-c",
        "user.email=b",
        *arguments,
    ]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout


@pytest.fixture(scope="module")
def committed(tmp_path_factory):
    """A repository of one commit, with the project's files as they are now."""
    folder = tmp_path_factory.mktemp("committed")
    for name in git("ls-files", "-z").split("\0"):
        if name and (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    git("init", "-q", folder=folder)
    git("add", "--all", "--force", folder=folder)
    git("commit", "-qm", "all", folder=folder)
    return folder


@pytest.mark.parametrize("setting", ["core.autocrlf=true", "core.eol=crlf"])
def test_no_checkout_changes_a_byte(committed, tmp_path, monkeypatch, setting):
    clone = tmp_path / "clone"
    git("-c", setting, "clone", "-q", str(committed), str(clone))
    names = git("ls-files", "-z", folder=committed).split("\0")[:-1]
    assert len(names) > 400 and "data/MANIFEST.json" in names
    changed = [n for n in names if (clone / n).read_bytes() != (committed / n).read_bytes()]
    assert changed == []
    monkeypatch.setenv("ISOMORPH_DATA", str(clone / "data"))
    assert shipped.verify() == []


def test_a_checksummed_file_keeps_the_line_ends_it_was_written_with(committed, tmp_path):
    """A notice of a source may come with other line ends: that is what is hashed."""
    path = committed / "data/licences/NOTICES.txt"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    git("commit", "-qam", "crlf", folder=committed)
    git("clone", "-q", str(committed), str(tmp_path / "clone"))
    assert (tmp_path / "clone/data/licences/NOTICES.txt").read_bytes() == path.read_bytes()
