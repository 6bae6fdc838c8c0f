"""The pipeline: what is executed, what is kept, what is told."""

import html
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import nbformat
import psutil
import pytest
from book import build as book
from book.build import execute_all
from book.build.chapters import (
    BadRequest,
    BookError,
    Chapter,
    Layout,
    discover,
    expected_manifest,
    is_fresh,
    select,
)
from book.build.pages import KINDS, filled

from isomorph import claims, outcomes
from tests import small_book

SMOKE = {"size": "smoke", "recompute": False}
EXAMPLE = Chapter("cross_lingual", "example")
NEEDLE = Chapter("cross_lingual", "needle")
PLAIN = Chapter("cross_lingual", "plain")
BROKEN = Chapter("fine_tuning", "broken")


@pytest.fixture
def copy(built_book, tmp_path):
    """A copy of the built book, to be changed."""
    return shutil.copytree(built_book[0], tmp_path / "root")


def test_a_failing_chapter_fails_the_build_but_not_the_others(built_book):
    root, complete, printed = built_book
    layout = Layout(root)
    assert not complete
    assert is_fresh(NEEDLE, layout, SMOKE)
    assert is_fresh(PLAIN, layout, SMOKE)
    assert not is_fresh(BROKEN, layout, SMOKE)
    assert "fine_tuning/broken failed in cell 5: def search():" in printed
    assert "ValueError: no such haystack" in printed
    assert str(BROKEN.failed(layout)) in printed
    partial = nbformat.read(BROKEN.failed(layout), as_version=4)
    assert any("size is smoke" in str(cell.get("outputs")) for cell in partial.cells)
    assert (layout.html / "fine_tuning" / "broken.html").exists()


def test_parameters_reach_the_chapter(built_book):
    executed = nbformat.read(NEEDLE.executed(Layout(built_book[0])), as_version=4)
    outputs = [output for cell in executed.cells for output in cell.get("outputs", [])]
    assert "size is smoke" in outputs[0]["text"]


def test_an_unchanged_book_is_not_built_again(copy, capsys):
    shutil.rmtree(copy / "chapters" / "fine_tuning")
    toc = copy / "book" / "_toc.yml"
    toc.write_text(toc.read_text().replace("  - file: fine_tuning/broken\n", ""))
    assert book.build("smoke", root=copy)  # the site loses a page
    before = {path: path.stat().st_mtime_ns for path in (copy / "_build").rglob("*.ipynb")}
    executed = [NEEDLE.executed(Layout(copy)), PLAIN.executed(Layout(copy))]
    capsys.readouterr()
    assert book.build("smoke", root=copy)
    printed = capsys.readouterr().out
    assert "no chapter has changed" in printed
    assert "the site is up to date" in printed
    assert str(copy / "_build" / "html" / "index.html") in printed
    assert all(path.stat().st_mtime_ns == before[path] for path in executed)


def test_every_input_of_a_chapter_decides_whether_it_is_executed(copy, monkeypatch):
    def fresh(parameters=SMOKE):
        return is_fresh(PLAIN, Layout(copy), parameters)

    assert fresh()
    assert not fresh({"size": "laptop", "recompute": False})
    assert not fresh({"size": "smoke", "recompute": True})
    monkeypatch.setenv("ISOMORPH_MIRROR", "elsewhere")
    assert not fresh()
    monkeypatch.delenv("ISOMORPH_MIRROR")
    monkeypatch.setenv("ISOMORPH_DATA", str(copy / "data"))
    inputs = [
        PLAIN.source(Layout(copy)),
        copy / "requirements.txt",
        copy / "data" / "MANIFEST.json",
        copy / "data" / "results" / "experiment.parquet",
        PLAIN.executed(Layout(copy)),
        PLAIN.card(Layout(copy)),
    ]
    for path in inputs:
        assert fresh()
        before = path.read_bytes() if path.exists() else None
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((before or b"") + b"\n# changed\n")
        assert not fresh(), path
        path.unlink() if before is None else path.write_bytes(before)
    assert fresh()


def test_the_library_is_an_input(copy, monkeypatch, tmp_path):
    library = tmp_path / "library"
    library.mkdir()
    monkeypatch.setattr(Layout, "library", library)
    before = expected_manifest(PLAIN, Layout(copy), SMOKE)
    (library / "module.py").write_text("x = 1\n")
    after = expected_manifest(PLAIN, Layout(copy), SMOKE)
    assert {key for key in before if before[key] != after[key]} == {"library"}


def test_recomputed_results_answer_a_plain_request(copy):
    layout = Layout(copy)
    manifest = json.loads(PLAIN.manifest(layout).read_text())
    manifest["parameters"]["recompute"] = True
    PLAIN.manifest(layout).write_text(json.dumps(manifest))
    assert is_fresh(PLAIN, layout, {"size": "smoke", "recompute": True})
    assert is_fresh(PLAIN, layout, SMOKE)


def test_a_truncated_manifest_means_execute_again(copy):
    layout = Layout(copy)
    PLAIN.manifest(layout).write_text("{")
    assert not is_fresh(PLAIN, layout, SMOKE)


def test_a_chapter_without_parameters_is_told_so(tmp_path):
    text = small_book.source().replace(' tags=["parameters"]', "")
    root = small_book.make(tmp_path / "root", {"cross_lingual/plain": text})
    failures = execute_all([PLAIN], Layout(root), SMOKE, jobs=1)
    assert "no cell tagged 'parameters'" in failures[PLAIN].error
    assert not PLAIN.manifest(Layout(root)).exists()


def test_a_kernel_that_dies_is_a_failure_with_its_cell(tmp_path):
    text = small_book.source("import os\n\nos._exit(3)\n")
    root = small_book.make(tmp_path / "root", {"cross_lingual/plain": text})
    failures = execute_all([PLAIN], Layout(root), SMOKE, jobs=1)
    assert failures[PLAIN].cell == 5
    assert failures[PLAIN].notebook.exists()


INTERRUPTIBLE = """
import os
import pathlib
import time

pathlib.Path("kernel.pid").write_text(str(os.getpid()))
time.sleep(0 if pathlib.Path("go").exists() else 600)
"""


def test_interrupting_stops_every_child_and_the_next_build_resumes(tmp_path, still_library):
    sources = {
        "cross_lingual/plain": small_book.source(),
        "cross_lingual/slow": small_book.source(INTERRUPTIBLE),
    }
    root = small_book.make(tmp_path / "root", sources)
    layout, slow = Layout(root), Chapter("cross_lingual", "slow")
    # A shell that starts the tests in the background has them ignore Ctrl-C, children too.
    program = f"""
import signal
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)
from book.build.chapters import Layout, discover
from book.build import execute_all
from book.build.pages import KINDS, filled
Layout.library = Path({str(still_library)!r})
layout = Layout(Path({str(root)!r}))
execute_all(discover(layout), layout, {SMOKE!r}, jobs=1)
"""
    build = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.DEVNULL)
    pid = root / "kernel.pid"
    wait_until(lambda: pid.exists() and pid.read_text())
    kernel = int(pid.read_text())
    os.kill(build.pid, signal.SIGINT)
    assert build.wait(timeout=120) != 0
    wait_until(lambda: not psutil.pid_exists(kernel))
    assert is_fresh(PLAIN, layout, SMOKE)
    assert not is_fresh(slow, layout, SMOKE)
    done = PLAIN.executed(layout).stat().st_mtime_ns
    (root / "go").touch()
    todo = [c for c in discover(layout) if not is_fresh(c, layout, SMOKE)]
    assert execute_all(todo, layout, SMOKE, jobs=1) == {}
    assert is_fresh(slow, layout, SMOKE)
    assert PLAIN.executed(layout).stat().st_mtime_ns == done


def wait_until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)


def test_a_broken_reference_fails_the_build_and_keeps_the_last_site(copy):
    before = (copy / "_build" / "html" / "index.html").read_bytes()
    page = copy / "book" / "how_to_read.md"
    page.write_text(page.read_text() + "\n[nowhere](no_such_page.md)\n")
    with pytest.raises(BookError, match="no_such_page"):
        book.build("smoke", "plain", root=copy)
    assert (copy / "_build" / "html" / "index.html").read_bytes() == before


def test_bad_requests_stop_before_anything_runs(built_book, tmp_path):
    root = built_book[0]
    with pytest.raises(BadRequest, match="size is 'huge', but it must be one of smoke, laptop"):
        book.build("huge", root=root)
    with pytest.raises(BadRequest, match="no chapter called 'haystack'; .* needle, plain, broken"):
        book.build("smoke", "haystack", root=root)
    with pytest.raises(BookError, match="is not a checkout of Isomorph"):
        book.build("smoke", root=tmp_path)


def test_one_chapter_by_name(built_book):
    chapters = discover(Layout(built_book[0]))
    assert chapters == [EXAMPLE, NEEDLE, PLAIN, BROKEN]
    assert select(chapters, "plain") == [PLAIN]
    assert select(chapters, None) == chapters
    with pytest.raises(BadRequest, match="there is no chapter called ''"):
        select(chapters, "")


def test_contents_and_chapters_must_agree(copy):
    layout = Layout(copy)
    extra = copy / "chapters" / "fine_tuning" / "extra.py"
    extra.write_text(small_book.source())
    with pytest.raises(BookError, match="chapters/fine_tuning/extra.py is not listed"):
        discover(layout)
    extra.unlink()
    BROKEN.source(layout).unlink()
    with pytest.raises(BookError, match="chapters/fine_tuning/broken.py does not exist"):
        discover(layout)


def test_two_chapters_may_not_share_a_name(tmp_path):
    sources = dict.fromkeys(("cross_lingual/same", "fine_tuning/same"), small_book.source())
    root = small_book.make(tmp_path / "root", sources)
    with pytest.raises(BookError, match="two chapters are called same"):
        discover(Layout(root))


@pytest.fixture
def stage(tmp_path):
    shutil.copyfile(book.ROOT / "book" / "references.bib", tmp_path / "references.bib")
    return tmp_path


def test_the_ledger_links_only_to_chapters_that_exist(stage):
    first = Chapter("cross_lingual", "a_bilingual_model_from_scratch")
    without, with_one = (filled("<!-- ledger -->", stage, own) for own in ([], [first]))
    assert "<a " not in without and without.count("<tr data-outcome") == len(claims.ledger())
    assert '<a href="cross_lingual/a_bilingual_model_from_scratch.html">11.5</a>' in with_one
    told = filled((book.ROOT / "book" / "index.md").read_text(), stage, [first])
    assert "<!--" not in told and re.search(r"only after \d+\.\d \[", told)
    assert "](cross_lingual/a_bilingual_model_from_scratch.ipynb)" in told
    assert told.count(".ipynb") == 2, "a finding without its chapter has no link"
    with pytest.raises(
        BookError, match="the mark is '<!-- leger -->', but it must be one of ledger"
    ):
        filled("<!-- leger -->", stage, [])


def test_the_worked_example_is_what_the_ledger_holds_of_its_claim(stage):
    page = (book.ROOT / "book" / "how_to_read.md").read_text()
    assert not re.search(r"\d points? \[", page), "a number that no row gives"
    told = filled(page, stage, [])
    (found,) = [each for each in claims.judged() if each.claim.id == "1.2"]
    for place in found.places:
        for one in (place.primary, *place.controls):
            assert outcomes.finding_text(one) in told


def test_the_ledger_says_what_each_rule_needs_or_why_it_needs_nothing(stage):
    table = filled("<!-- ledger -->", stage, [])
    for claim in claims.ledger():
        reasons = [control.says for control in claim.rule.requires] + [claim.rule.no_control]
        assert all(html.escape(reason) in table for reason in reasons if reason), claim.id


def test_the_counts_are_those_of_the_ledger(stage):
    table = filled("<!-- counts -->", stage, [])
    for name, number in claims.counts(claims.judged()).items():
        (line,) = [line for line in table.splitlines() if KINDS[name] in line.split("|")[1:2][0]]
        assert [int(n) for n in re.findall(r"</span> (\d+)", line)] == sorted(
            number.values(), reverse=True
        )
