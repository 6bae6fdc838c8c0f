"""The shape of a chapter: its method in the open, on few names of the library."""

import ast
import re
from pathlib import Path

import pytest
from book.build.notebook import derive

ROOT = Path(__file__).parents[1]
CHAPTERS = sorted((ROOT / "chapters").glob("*/[a-z]*.py"))
HIDDEN, NAMES = 0.2, 12


def cells(path):
    """The head and the lines of each code cell that is neither parameters nor an exercise."""
    head, lines = None, []
    for line in [*path.read_text().splitlines(), "# %%"]:
        if not line.startswith("# %%"):
            lines.append(line)
            continue
        source = "\n".join(lines)
        exercise = "exercises.check(" in source or "# solution" in source or "= ..." in source
        if (
            head is not None
            and "[markdown]" not in head
            and "parameters" not in head
            and not exercise
        ):
            yield head, [each for each in lines if each.strip()]
        head, lines = line, []


def hidden_share(path):
    code = [(bool(re.search("hide-|remove-", head)), len(lines)) for head, lines in cells(path)]
    return sum(n for hidden, n in code if hidden) / sum(n for _, n in code)


def library_names(path):
    """What a chapter takes from the library: names that it imports, and those of imported modules."""
    tree = ast.parse(path.read_text())
    modules, names = {}, set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "isomorph":
            for alias in node.names:
                at = ROOT / "lib" / f"{node.module}.{alias.name}".replace(".", "/")
                if at.is_dir() or at.with_suffix(".py").exists():
                    modules[alias.asname or alias.name] = alias.name
                else:
                    names.add(alias.name)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", None) in modules:
            names.add(f"{modules[node.value.id]}.{node.attr}")
    return {name for name in names if name != "exercises.check"}


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda p: p.stem)
def test_a_chapter_shows_its_method(path):
    assert hidden_share(path) <= HIDDEN
    assert len(library_names(path)) <= NAMES, sorted(library_names(path))


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda p: p.stem)
def test_a_chapter_can_be_built(path):
    assert derive(path).cells
