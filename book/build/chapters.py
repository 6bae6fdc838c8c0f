"""Which chapters there are, and whether the last execution of each still stands.

An execution stands while everything that could change what a chapter shows is unchanged: its own
source and checks, the library, the parameters, the shipped data and recorded rows, and the lock
file. All of that is hashed into one manifest a chapter, written only after the chapter ran to its
end.
"""

import hashlib
import json
import os
import platform
import re
import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import yaml

import isomorph
from isomorph import files


class BookError(Exception):
    """Something the reader can put right; its text is one plain sentence."""


class BadRequest(BookError):
    """The request itself names something that does not exist."""

    status = 2  # with which the command ends


def importable() -> dict[str, str]:
    """The variable by which a process that starts in any folder can import this package."""
    before = os.environ.get("PYTHONPATH")
    root = str(Path(__file__).resolve().parents[2])
    return {"PYTHONPATH": os.pathsep.join([before, root] if before else [root])}


class Layout:
    """Where everything is, from the root of the repository."""

    library = Path(isomorph.__file__).parent

    def __init__(self, root: Path) -> None:
        self.root, self.chapters, self.book = root, root / "chapters", root / "book"
        self.build, self.html = root / "_build", root / "_build" / "html"
        self.data = Path(os.environ.get("ISOMORPH_DATA") or root / "data")

    @cached_property
    def repository(self) -> str:
        """The address under `urls.Repository` in pyproject.toml, which buttons and the notebooks'
        first cell follow from; empty where there is none. Raises BookError when it is not GitHub's."""
        path = self.root / "pyproject.toml"
        project = tomllib.loads(path.read_text("utf-8"))["project"] if path.exists() else {}
        address = project.get("urls", {}).get("Repository", "")
        if address and not re.fullmatch(r"https://github\.com/[\w-]+/[\w.-]+(?<!\.git)", address):
            raise BookError(
                f"pyproject.toml has the repository '{address}', but it must be of the form "
                "https://github.com/<owner>/<name>"
            )
        return address

    @cached_property
    def shared_hashes(self) -> dict[str, str]:
        """Hashes of what every chapter depends on, computed once a build."""
        data = [self.data / "MANIFEST.json", *(self.data / "results").glob("*.parquet")]
        return {
            "library": hash_library(self.library),
            "builder": hash_library(Path(__file__).parent),
            "data": hash_files(data, self.data),
            "requirements": hash_files([self.root / "requirements.txt"], self.root),
        }


@dataclass(frozen=True)
class Chapter:
    """One finding: `chapters/<part>/<name>.py`, published as `<part>/<name>.html`."""

    part: str
    name: str

    @property
    def page(self) -> str:
        return f"{self.part}/{self.name}"

    def source(self, layout: Layout) -> Path:
        return layout.chapters / self.part / f"{self.name}.py"

    def executed(self, layout: Layout) -> Path:
        return layout.build / "executed" / self.part / f"{self.name}.ipynb"

    def card(self, layout: Layout) -> Path:
        return self.executed(layout).with_suffix(".json")

    def failed(self, layout: Layout) -> Path:
        return layout.build / "failed" / f"{self.name}.ipynb"

    def log(self, layout: Layout) -> Path:
        return layout.build / "logs" / f"{self.name}.log"

    def manifest(self, layout: Layout) -> Path:
        return layout.build / "manifests" / f"{self.name}.json"


def checks_of(source: Path) -> Path:
    """Where the checks of the exercises in the chapter at `source` lie, where it has any."""
    return source.parent / "checks" / source.name


def read_text(path: Path, root: Path) -> str:
    """The text of a source of the book in `root`; raises BookError when it is not UTF-8."""
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        wrong = f"byte 0x{error.object[error.start]:02x} at {error.start}"
        raise BookError(f"{path.relative_to(root)} is not UTF-8 ({wrong})") from None


def read_yaml(path: Path, root: Path) -> object:
    """What a YAML file of the book in `root` holds; raises BookError when it is none."""
    try:
        return yaml.safe_load(read_text(path, root))
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        raise BookError(f"{path.relative_to(root)} is not YAML: {reason}") from None


def hash_files(paths: list[Path], root: Path) -> str:
    """SHA-256 over the relative names and the contents of the files among `paths`."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        if path.is_file():
            digest.update(f"{path.relative_to(root).as_posix()}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def hash_library(folder: Path) -> str:
    """SHA-256 over the code and the data files of the package in `folder`."""
    return hash_files(
        [p for p in folder.rglob("*") if p.suffix in (".py", ".yaml", ".csv")], folder
    )


def discover(layout: Layout) -> list[Chapter]:
    """The chapters in reading order, which is the order of `book/_toc.yml`.

    Raises BookError when the table of contents cannot be read or disagrees with the chapters
    folder, or when two chapters share a name (a name alone must be enough for `CHAPTER=`).
    """
    sources = [p for p in layout.chapters.glob("*/*.py") if not p.name.startswith("_")]
    there = {Chapter(path.parent.name, path.stem) for path in sources}
    parts = {path.name for path in layout.chapters.glob("*/")}
    listed = [
        Chapter(*Path(page).parts)
        for page in _pages(read_yaml(layout.book / "_toc.yml", layout.root))
        if len(Path(page).parts) == 2 and Path(page).parts[0] in parts
    ]
    for chapter in listed:
        if chapter not in there:
            raise BookError(
                f"book/_toc.yml lists {chapter.page}, but chapters/{chapter.page}.py does not exist"
            )
    for chapter in sorted(there - set(listed), key=lambda c: c.page):
        raise BookError(f"chapters/{chapter.page}.py is not listed in book/_toc.yml")
    names = [chapter.name for chapter in listed]
    for name in names:
        if names.count(name) > 1:
            raise BookError(f"two chapters are called {name}: chapter names must differ")
    return listed


def _pages(node: object) -> list[str]:
    """Every `file:` and `root:` of a table of contents, in order."""
    if isinstance(node, list):
        return [page for item in node for page in _pages(item)]
    if isinstance(node, dict):
        pages = [str(node[key]) for key in ("root", "file") if key in node]
        return pages + _pages([value for value in node.values() if isinstance(value, list)])
    return []


def select(chapters: list[Chapter], name: str | None) -> list[Chapter]:
    """All chapters, or the one called `name`; raises BadRequest when there is none."""
    if name is None:
        return chapters
    chosen = [chapter for chapter in chapters if chapter.name == name]
    if not chosen:
        names = ", ".join(chapter.name for chapter in chapters) or "none yet"
        raise BadRequest(f"there is no chapter called '{name}'; the chapters are: {names}")
    return chosen


def expected_manifest(chapter: Chapter, layout: Layout, parameters: dict) -> dict:
    """What the manifest of an execution with `parameters` would say, from the files as they are."""
    source = chapter.source(layout)
    return {
        "source": hash_files([source, checks_of(source)], layout.root),
        "parameters": parameters,
        **layout.shared_hashes,
        "environment": {
            "python": platform.python_version(),
            "mirror": os.environ.get("ISOMORPH_MIRROR", ""),
        },
    }


def finished_inputs(chapter: Chapter, layout: Layout) -> dict | None:
    """The inputs of the last execution that ended well (an `expected_manifest`).

    None when there is none, or when its notebook or its card is no longer what it left: what no
    manifest vouches for is as good as absent.
    """
    try:
        written = dict(json.loads(chapter.manifest(layout).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return written if written.pop("outputs", None) == _outputs(chapter, layout) else None


def is_fresh(chapter: Chapter, layout: Layout, parameters: dict) -> bool:
    """Whether the executed notebook is there, whole, and made from exactly the present inputs.

    An execution in which everything was recomputed also answers a request for one that was not.
    """
    written = finished_inputs(chapter, layout)
    accepted = [parameters, {**parameters, "recompute": True}]
    return any(written == expected_manifest(chapter, layout, each) for each in accepted)


def write_manifest(chapter: Chapter, layout: Layout, inputs: dict) -> None:
    """Record that the executed notebook was made from `inputs` (an `expected_manifest`)."""
    manifest = {**inputs, "outputs": _outputs(chapter, layout)}
    text = json.dumps(manifest, indent=2, sort_keys=True) + "\n"
    files.write_text(chapter.manifest(layout), text)


def _outputs(chapter: Chapter, layout: Layout) -> str:
    return hash_files([chapter.executed(layout), chapter.card(layout)], layout.build)
