"""The cache of finished runs, the code that they depend on, and who is at work on them.

Only what was written in the cache is read from it. A result depends on the modules that its run
imports, and those that these import. Other code may change and the result stands. So a new measure
trains no model again.
"""

from __future__ import annotations

import ast
import hashlib
import json
import logging
import pickle
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import exca
import submitit
from filelock import FileLock, Timeout

import isomorph
from isomorph import processes
from isomorph.text.shipped import cache_folder, sha256_of

if TYPE_CHECKING:
    from isomorph.runs.run import Run

log = logging.getLogger(__name__)
ROOMS = ("text", "models", "measure", "runs")
ROOT = Path(isomorph.__file__).parent


class Cache(exca.TaskInfra):
    """Keeps a run's outcome, and judges it before it is used; a damaged one is as good as none.

    An outcome says how many threads made it, and has a SHA-256 of itself and of the files of the
    trained model beside it. One that was kept before there were any is taken as it is.
    """

    def _run_method(self, *args, **kwargs) -> dict:
        with processes.limited() as threads:
            outcome = super()._run_method(*args, **kwargs)
        folder = self.uid_folder()
        outcome |= {"threads": threads, "files": {} if folder is None else _files(folder)}
        outcome.pop("sha256", None)  # of a run whose outcome it passes on
        return outcome | {"sha256": self._sha256(outcome)}

    def status(self) -> str:
        self._judge()
        return super().status()

    def job(self):
        self._judge()
        return super().job()

    def _judge(self) -> None:
        folder = self.uid_folder()
        if folder is None or not folder.exists():
            return
        try:
            self._check_configs(write=False)
            damaged = not self._sound(folder)
        except Exception:  # noqa: BLE001 - damage can make a pickle raise whatever there is
            damaged = True
        if damaged:
            log.warning("what is kept in %s is damaged, or of other defaults: the run is made anew.",
                        folder)  # fmt: skip
            self.clear_job()
            for name in ("uid.yaml", "full-uid.yaml"):
                (folder / name).unlink(missing_ok=True)

    def _sound(self, folder: Path) -> bool:
        path = folder / "job.pkl"
        if not path.exists():
            return True
        with path.open("rb") as file:
            job = pickle.load(file)
        # submitit would wait a while for what a job that was ended has not written.
        if isinstance(job, submitit.Job) and not job.paths.result_pickle.exists():
            return True
        if not job.done() or job.exception() is not None:
            return True
        outcome = dict(job.result())
        digest = outcome.pop("sha256", None)
        return digest is None or (
            digest == self._sha256(outcome) and outcome["files"] == _files(folder)
        )

    def _sha256(self, outcome: dict) -> str:
        said = json.dumps([self.uid(), outcome], sort_keys=True, default=str)
        return hashlib.sha256(said.encode()).hexdigest()


def _files(folder: Path) -> dict[str, str]:
    """The SHA-256 of the files of a trained model."""
    paths = sorted(path for path in (folder / "model").rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): sha256_of(path) for path in paths}


@contextmanager
def held(runs: Iterable[Run], timeout: float = -1) -> Iterator[None]:
    """Keep other processes of this machine off some runs.

    Raises filelock.Timeout when another still holds one after `timeout` seconds; a negative number
    waits.
    """
    folder = cache_folder() / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        # In the same order for all, so that no two can each wait for what the other holds.
        for digest in sorted({run.digest for run in runs}):
            stack.enter_context(FileLock(folder / f"{digest}.lock", timeout=timeout))
        yield


def busy(runs: Iterable[Run]) -> bool:
    """Whether another process of this machine holds one of some runs."""
    try:
        with held(runs, timeout=0):
            return False
    except Timeout:
        return True


def code_version(module: str, rooms: tuple[str, ...] = ROOMS) -> str:
    """The package's version and a hash of a module with all that it imports from some rooms.

    Comments, docstrings and layout do not count. The same on every machine with the same Python.
    """
    return f"{isomorph.__version__}+{_hash(module, rooms)}"


@cache
def _hash(module: str, rooms: tuple[str, ...]) -> str:
    reached, waiting = set(), {module}
    while waiting:
        name = waiting.pop()
        reached.add(name)
        waiting |= {i for i in _read(name)[1] if i.split(".")[1] in rooms} - reached
    source = hashlib.sha256()
    for name in sorted(reached):
        source.update(f"{name}\0{_read(name)[0]}\0".encode())
    return source.hexdigest()[:8]


@cache
def _read(module: str) -> tuple[str, frozenset[str]]:
    """What a module says, without its wording, and the modules of the package that it imports."""
    tree = ast.parse(_path(module).read_bytes())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and getattr(node.test, "id", None) == "TYPE_CHECKING":
            node.body = []
        for name in ("body", "orelse"):
            if isinstance(lines := getattr(node, name, None), list):
                setattr(node, name, [line for line in lines if not _is_wording(line)])
    return ast.dump(tree), frozenset(_imports(tree))


def _is_wording(line: ast.stmt) -> bool:
    return (
        isinstance(line, ast.Expr)
        and isinstance(line.value, ast.Constant)
        and isinstance(line.value.value, str)
    )


def _imports(tree: ast.Module) -> Iterator[str]:
    """Those inside of functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        yield from (n for n in names if n.count(".") == 2 and _path(n).exists())


def _path(module: str) -> Path:
    return (ROOT.parent / module.replace(".", "/")).with_suffix(".py")
