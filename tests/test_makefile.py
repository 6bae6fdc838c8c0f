"""What `make` hands on, and what it does to the shell."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from isomorph.files import alone

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def make(tmp_path):
    """Calls `make` in a copy whose `isomorph` writes down its arguments; what they were."""
    for name in ("Makefile", "requirements.txt", "pyproject.toml"):
        shutil.copyfile(ROOT / name, tmp_path / name)
    (tmp_path / "lib/isomorph").mkdir(parents=True)
    shutil.copyfile(ROOT / "lib/isomorph/files.py", tmp_path / "lib/isomorph/files.py")
    bin = tmp_path / ".venv" / "bin"
    bin.mkdir(parents=True)
    for name, does in {"python": "exit 0", "isomorph": "printf '%s\\n' \"$@\" > arguments"}.items():
        (bin / name).write_text(f"#!/bin/sh\n{does}\n")
        (bin / name).chmod(0o755)

    def call(*arguments):
        (tmp_path / "arguments").unlink(missing_ok=True)
        command = ["make", *arguments, f"PYTHON={sys.executable}"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        written = tmp_path / "arguments"
        return done, written.read_text().splitlines() if written.exists() else None

    call.folder = tmp_path
    return call


@pytest.mark.parametrize(
    "name", ["plain", "it's", "'; touch harm; '", '"; touch harm; "', "$(shell touch harm)", "`x`"]
)
def test_a_chapter_is_handed_on_as_it_stands(make, name):
    done, given = make("book", f"CHAPTER={name}", "SIZE=smoke")
    assert done.returncode == 0, done.stderr
    assert given == ["book", "--size", "smoke", "--chapter", name]
    assert not (make.folder / "harm").exists()


def test_no_chapter_is_all_of_them(make):
    assert make("book")[1] == ["book", "--size", "laptop"]
    assert make("book", "CHAPTER=", "RECOMPUTE=1")[1] == ["book", "--size", "laptop", "--recompute"]


@pytest.mark.parametrize("size", ["huge", "smoke laptop", "smoke; touch harm", ""])
def test_a_size_that_is_none_is_refused(make, size):
    done, given = make("book", f"SIZE={size}")
    assert done.returncode == 2
    assert "it must be one of smoke, laptop, reference, hub, paper" in done.stderr
    assert given is None


def test_clean_waits_for_no_build_and_harms_none(make):
    build = make.folder / "_build"
    (build / "html").mkdir(parents=True)
    with alone(build):
        done, _ = make("clean")
        assert done.returncode != 0
        assert "builds in" in done.stderr and "end it first" in done.stderr
        assert (build / "html").exists()
    done, _ = make("clean")
    assert done.returncode == 0, done.stderr
    assert not build.exists()
