"""However a chapter or a build ends: what is told, and that nothing is left at work."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
from book import build as book
from book.build import Failure, execute_all
from book.build.chapters import BadRequest, Chapter, Layout, is_fresh
from book.build.worker import Limits

from tests import small_book

SMOKE = {"size": "smoke", "recompute": False}
ENDLESS = Chapter("cross_lingual", "endless")
PLAIN = Chapter("cross_lingual", "plain")
USUAL = Limits.of(SMOKE)


def executed(tmp_path, cell, limits=USUAL):
    """The failure of a chapter that ends with `cell`, and another cell after it."""
    text = small_book.source(cell + "\n\n# %%\nprint('the end')\n")
    layout = Layout(small_book.make(tmp_path / "root", {PLAIN.page: text}))
    failures = execute_all([PLAIN], layout, SMOKE, jobs=1, limits=limits)
    assert not PLAIN.manifest(layout).exists()
    assert not is_fresh(PLAIN, layout, SMOKE)
    return failures[PLAIN]


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        ("import sys\n\nsys.exit(0)", "SystemExit: 0"),
        ("raise SystemExit", "SystemExit"),
        ("import sys\n\nprint('\\x1b[31mmind\\x1b[0m this', file=sys.stderr)", "error:\nmind this"),
        ("import warnings\n\nwarnings.warn('an old name')", "UserWarning: an old name"),
        ("import os\n\nos._exit(0)", "DeadKernelError"),
        ("%%bash\necho aloud >&2", "aloud"),
        ("import os, time\n\nos.kill(os.getppid(), 9)\ntime.sleep(60)", "ended with status -9"),
    ],
)
def test_a_chapter_that_ends_early_or_complains_has_failed(tmp_path, cell, told):
    failure = executed(tmp_path, cell)
    assert (failure.cell, failure.first_line) == (5, cell.splitlines()[0])
    assert told in failure.error
    assert "\x1b" not in failure.error


def test_a_chapter_that_takes_too_long_is_ended_with_what_it_started(tmp_path):
    cell = "import os\n\nos.system('sleep 600 & echo $! > child.pid')\nwhile True:\n    pass"
    failure = executed(tmp_path, cell, Limits(minutes=0.15, gib=8))
    assert (failure.stopped, failure.cell) == ("over 0.15 minutes", 5)
    assert gone([int((tmp_path / "root" / "child.pid").read_text())])


def test_what_stopped_is_told_by_chapter_and_cell(tmp_path, capsys):
    notebook = tmp_path / "endless.ipynb"
    failure = Failure(7, "while True:", "DeadKernelError: Kernel died", notebook, "over 20 minutes")
    book._report({ENDLESS: failure})
    told = "cross_lingual/endless stopped: over 20 minutes in cell 7: while True:"
    assert capsys.readouterr().out.strip() == told


def test_a_chapter_that_takes_too_much_memory_is_ended(tmp_path):
    failure = executed(tmp_path, "x = []\nwhile True:\n    x.append(b'1' * 10**7)", Limits(9, 0.6))
    assert (failure.stopped, failure.cell) == ("over 0.6 GiB of memory", 5)


def test_limits_are_generous_and_can_be_set():
    assert Limits.of(SMOKE).minutes == 20
    assert Limits.of({**SMOKE, "recompute": True}).minutes == 7 * 24 * 60
    assert 0 < Limits.of(SMOKE).gib <= 8
    assert Limits.of(SMOKE, minutes=3, gib=2) == Limits(3, 2)
    assert Limits.of(SMOKE, minutes=0, gib=0) == Limits(float("inf"), float("inf"))
    for wrong in (-1, float("nan")):
        with pytest.raises(BadRequest, match="minutes is .*, but it must be at least 0"):
            Limits.of(SMOKE, minutes=wrong)


# In `root`, by the command itself: the first argument is the root, the others are the command's.
COMMAND = """
import sys
from book import build as book
from isomorph import cli
from book.build.chapters import Layout

build, root, Layout.library = book.build, sys.argv.pop(1), sys.argv.pop(1)
book.build = lambda *given, **named: build(*given, **named, root=root, jobs=2)
cli.app()
"""


def start(root, library, *arguments):
    # However the tests were started: nohup has them ignore SIGHUP, and a shell's & SIGINT, children too.
    program = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    program += "signal.signal(signal.SIGHUP, signal.SIG_DFL)" + COMMAND
    program = program.replace("sys.argv.pop(1)\n", "__import__('pathlib').Path(sys.argv.pop(1))\n")
    return subprocess.Popen(
        [sys.executable, "-c", program, str(root), str(library), *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip


def gone(pids, seconds=60):
    """Whether all processes end within some seconds."""
    end = time.monotonic() + seconds
    while any(map(alive, pids)):
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def alive(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def family_once(build, ready, seconds=300):
    """The ids of all that a build has started, once `ready` says so of it."""
    end = time.monotonic() + seconds
    while True:
        family = psutil.Process(build.pid).children(recursive=True)
        if ready(family):
            return [each.pid for each in family]
        assert build.poll() is None and time.monotonic() < end, build.communicate()
        time.sleep(0.1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGKILL])
def test_a_signal_to_a_build_ends_all_that_it_started(tmp_path, still_library, number):
    cell = "import os, time\n\nos.system('sleep 600 & echo $! > child.pid')\ntime.sleep(600)\n"
    root = small_book.make(tmp_path / "root", {ENDLESS.page: small_book.source(cell)})
    build = start(root, still_library, "book", "--size", "smoke")
    pid = root / "child.pid"
    family = family_once(build, lambda _: pid.exists() and pid.read_text().strip())
    assert len(family) >= 2  # the worker and its kernel
    os.kill(build.pid, number)
    said = build.communicate(timeout=120)[0]
    assert gone([*family, int(pid.read_text())])
    if number == signal.SIGKILL:
        assert build.returncode == -signal.SIGKILL
    else:
        assert build.returncode == 130
        assert said.endswith("isomorph: stopped; the same command goes on from here\n")


def test_a_killed_build_leaves_no_rendering_behind(tmp_path, still_library):
    sources = {PLAIN.page: small_book.source("raise ValueError\n")}
    root = small_book.make(tmp_path / "root", sources, ledger=False)
    build = start(root, still_library, "book", "--size", "smoke")
    log = root / "_build" / "logs" / "site.log"
    family = family_once(build, lambda children: log.exists() and children)
    build.kill()
    assert gone(family)


def test_of_two_builds_at_once_the_second_waits_and_has_nothing_to_do(tmp_path, still_library):
    cell = "import time\n\ntime.sleep(3)\nwith open('count', 'a') as count:\n    count.write('x')\n"
    sources = {PLAIN.page: small_book.source(cell)}
    root = small_book.make(tmp_path / "root", sources, ledger=False)
    builds = [start(root, still_library, "book", "--size", "smoke") for _ in range(2)]
    said = sorted(
        (b.communicate(timeout=300)[0] for b in builds), key=lambda text: "waiting" in text
    )
    assert [build.returncode for build in builds] == [0, 0], said
    assert (root / "count").read_text() == "x"
    assert "1 of 1 chapters to execute" in said[0] and "waiting" not in said[0]
    assert f"builds in {root}: waiting for it to end" in said[1]
    assert "no chapter has changed" in said[1] and "the site is up to date" in said[1]
    assert str(builds[0].pid) in said[1] or str(builds[1].pid) in said[1]
