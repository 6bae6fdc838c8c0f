"""The checks check what they say: pinned, limited in time, and before anything is published."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PINNED = re.compile(
    r"^\s*- (?:id: \w+\n\s*)?uses: [\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", re.MULTILINE
)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_what_others_wrote_is_pinned_and_every_job_ends(path):
    text = path.read_text("utf-8")
    assert len(PINNED.findall(text)) == text.count("uses: ")
    for job in yaml.safe_load(text)["jobs"].values():
        assert job["timeout-minutes"] <= 120
        assert "@sha256:" in job.get("container", "@sha256:")


def test_what_is_published_is_what_was_checked():
    book = yaml.safe_load((ROOT / ".github" / "workflows" / "book.yml").read_text("utf-8"))
    job = book["jobs"]["book"]
    steps = [step.get("run") or step["uses"].split("@")[0] for step in job["steps"]]
    verified, built, checked, uploaded = (
        next(n for n, step in enumerate(steps) if what in step)
        for what in ("data verify", "make book", "-k built_here", "upload-pages-artifact")
    )
    assert verified < built < checked == uploaded - 1
    assert job["env"]["REQUIRE_BROWSER"] and job["steps"][checked]["env"]["REQUIRE_SITE"]
    # A step that runs out of time fails; a job that does is cancelled. Both leave their logs.
    assert job["steps"][-1]["if"] == "failure() || cancelled()"
    limits = [step.get("timeout-minutes", 0) for step in job["steps"]]
    assert sum(limits) < job["timeout-minutes"]


@pytest.mark.parametrize(("required", "status"), [({}, 0), ({"REQUIRE_BROWSER": "1"}, 1)])
def test_without_a_browser_the_pages_are_skipped_only_where_they_may_be(required, status):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("REQUIRE_")}
    command = [sys.executable, "-m", "pytest", "tests/test_site.py", "-k", "built_here"]
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider"],
        cwd=ROOT, env={**environment, **required, "PATH": ""}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == status, done.stdout
    assert ("no browser to drive" in done.stdout) == bool(required)


def test_the_branch_of_notebooks_is_a_release_and_what_its_site_offers(tmp_path):
    """Binder finds in it the library, what it is to install, and the notebooks, even those git ignores."""

    def git(*arguments, folder):
        command = ["git", "-c", "user.name=a", "-c", "user.email=b", *arguments]
        done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
        return done.stdout.split()

    remote, clone, offered = tmp_path / "remote", tmp_path / "clone", tmp_path / "offered"
    git("init", "-q", "--bare", str(remote), folder=tmp_path)
    git("clone", "-q", str(remote), str(clone), folder=tmp_path)
    shutil.copytree(ROOT / ".ci", clone / ".ci")
    (clone / ".gitignore").write_text("*.ipynb\n")
    (clone / "lib/isomorph").mkdir(parents=True)
    (clone / "lib/isomorph/__init__.py").write_text('"""Isomorph."""\n\n__version__ = "1.2.3"\n')
    git("add", "--all", folder=clone)
    git("commit", "-qm", "all", folder=clone)
    git("tag", "v1.2.2", folder=clone)
    refused = subprocess.run([clone / ".ci/release"], capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert refused.stderr == "The tag of this commit is v1.2.2, but the version is 1.2.3.\n"
    for name in ("part/one.ipynb", "part/two.ipynb", "part/no.txt"):
        (offered / name).parent.mkdir(parents=True, exist_ok=True)
        (offered / name).write_text("{}")
    for _ in range(2):  # the second release replaces the first one's branch
        subprocess.run([clone / ".ci/release", "notebooks", offered], check=True)
        there = git("ls-tree", "-r", "--name-only", "notebooks", folder=remote)
        assert set(there) == {
            ".ci/release", ".ci/run", ".gitignore", "lib/isomorph/__init__.py",
            "part/one.ipynb", "part/two.ipynb",
        }  # fmt: skip
        assert len(git("rev-list", "notebooks", folder=remote)) == 2
        git("checkout", "-q", "v1.2.2", folder=clone)
