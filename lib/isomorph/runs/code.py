"""Which code a result depends on: the modules that its run imports, and those that these import.

Other code may change and the result stands. So a new measure trains no model again.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import isomorph

ROOMS = ("text", "models", "measure", "runs")
ROOT = Path(isomorph.__file__).parent


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
