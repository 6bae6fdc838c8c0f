"""What Windows lacks, taken away here: the library still imports and runs. No test that needs POSIX is
in the folders which the workflow runs on Windows itself."""

import subprocess
import sys

import pytest
from book import build as book
from book.build.chapters import BadRequest

WINDOWS = """
import builtins, importlib, os, pkgutil, signal

def lacks(name, namespace=None, *rest, **named):
    ours = (namespace or {}).get("__name__", "").startswith("isomorph")
    if ours and name in ("fcntl", "grp", "pwd", "resource", "termios"):
        raise ImportError(f"{name} is not there")
    return everywhere(name, namespace, *rest, **named)

everywhere, builtins.__import__ = builtins.__import__, lacks
import isomorph
for module in pkgutil.walk_packages(isomorph.__path__, "isomorph."):
    importlib.import_module(module.name)
for home, names in (
    (signal, ("SIGHUP",)),
    (os, ("fork", "getpgid", "getuid", "killpg", "mkfifo", "sched_getaffinity", "uname")),
):
    for name in names:
        vars(home).pop(name, None)
"""
WORKS = """
import subprocess, sys
from typer.testing import CliRunner
from isomorph import processes
from isomorph.cli import app
command = [sys.executable, "-c", "import time; print('here', flush=True); time.sleep(60)"]
child = processes.start(command, subprocess.PIPE, environment=dict(os.environ))
child.stdout.readline()
processes.stop(child)
assert child.poll() is not None
for asked in (["claims"], ["run", "theorems", "--size", "smoke", "--anew"]):
    done = CliRunner().invoke(app, asked, catch_exceptions=False)
    assert done.exit_code == 0, done.output
"""


def test_the_library_runs_without_what_windows_lacks(elsewhere, monkeypatch):
    monkeypatch.delenv("ISOMORPH_DATA")
    command = [sys.executable, "-c", WINDOWS + WORKS]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_build_is_refused_in_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(BadRequest, match="on Windows, build it in WSL$"):
        book.build("smoke", root=tmp_path)
