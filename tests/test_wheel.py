"""The wheel alone: what ships is in it, and nothing is written where it was installed."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Calls Python in an empty folder, with the library as it is in the wheel; read-only."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("*.whl")
    site, empty = folder / "site", folder / "empty"
    with zipfile.ZipFile(wheel) as file:
        file.extractall(site)
    empty.mkdir()
    kept = {k: v for k, v in os.environ.items() if not k.startswith("ISOMORPH")}
    environment = kept | {"PYTHONPATH": str(site), "XDG_CACHE_HOME": str(folder / "cache"),
                          "PYTHONDONTWRITEBYTECODE": "1"}  # fmt: skip
    before = sorted(site.rglob("*"))

    def call(*arguments):
        command = [sys.executable, *arguments]
        return subprocess.run(
            command, cwd=empty, env=environment, capture_output=True, text=True, check=False
        )

    call.site, call.cache = site, folder / "cache"
    yield call
    assert sorted(site.rglob("*")) == before and not list(empty.iterdir())


def test_it_says_what_it_is(installed):
    (metadata,) = installed.site.glob("*.dist-info/METADATA")
    text = metadata.read_text()
    for line in ("Name: isomorph", "Requires-Python: <3.15,>=3.11.5", "License-Expression: MIT",
                 "Description-Content-Type: text/markdown", "Provides-Extra: book"):  # fmt: skip
        assert f"\n{line}\n" in text
    # Light: what renders a book, and what holds other people's models, is an extra.
    needed = [
        line
        for line in text.splitlines()
        if line.startswith("Requires-Dist") and "extra" not in line
    ]
    assert not [
        line
        for line in needed
        if any(n in line for n in ("jupyter", "papermill", "sphinx", "glove"))
    ]
    assert not list(installed.site.glob("isomorph/data/build"))


def test_its_claims_are_those_of_the_checkout(installed):
    here = subprocess.run(
        [sys.executable, "-m", "isomorph.cli", "claims", "--format", "json"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    there = installed("-m", "isomorph.cli", "claims", "--format", "json")
    assert there.returncode == 0, there.stderr
    assert json.loads(there.stdout) == json.loads(here.stdout)
    assert installed("-m", "isomorph.cli", "data", "verify").returncode == 0


def test_runs_are_kept_in_the_users_cache_and_models_are_read(installed):
    done = installed(
        "-c", "from isomorph.models.pretrained import load_encoder; load_encoder('en')"
    )
    assert done.returncode == 0, done.stderr
    done = installed("-m", "isomorph.cli", "run", "theorems", "--size", "smoke", "--anew")
    assert done.returncode == 0, done.stderr
    assert list((installed.cache / "isomorph" / "runs").iterdir())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["run", "theorems", "--size", "smoke", "--record"], "rows are recorded in a checkout"),
        (["data", "build"], "is not a checkout of Isomorph: it has no data/build"),
        (["data", "models"], "is not a checkout of Isomorph: it has no data/build"),
        (["book"], "is not a checkout of Isomorph: it has no book/build"),
    ],
)
def test_what_needs_a_checkout_says_so(installed, arguments, told):
    done = installed("-m", "isomorph.cli", *arguments)
    assert done.returncode in (1, 2)
    assert told in done.stderr and "Traceback" not in done.stderr


def test_claims_without_their_rows_are_refused(installed, tmp_path):
    damaged = tmp_path / "isomorph"
    with zipfile.ZipFile(next(installed.site.parent.glob("*.whl"))) as file:
        file.extractall(tmp_path, [name for name in file.namelist() if "/data/" not in name])
    done = subprocess.run(
        [sys.executable, "-m", "isomorph.cli", "claims"], cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(damaged.parent)},
    )  # fmt: skip
    assert done.returncode == 1
    assert "the data should be there" in done.stderr


def test_answers_in_a_downloaded_notebook_are_checked(installed):
    """The checks of a chapter's exercises travel with it; what is right is computed from its data."""
    call = "from isomorph.exercises import check; print(check('the_cone.2', 'nonsense'))"
    done = installed("-c", call)
    assert done.stdout.startswith("Not right."), done
