"""The checks check what they say: pinned, limited in time, and before anything is published."""

import os
import re
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
