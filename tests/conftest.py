import contextlib
import io
import json
from pathlib import Path

import pytest
from book import build as book
from book.build.chapters import Layout
from filelock import FileLock
from hypothesis import settings

from tests import example_chapter, small_book
from tests import hub as stand_in

# How long an example takes depends on what else the machine does.
settings.register_profile("isomorph", deadline=None)
settings.load_profile("isomorph")


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """Empty folders for recorded rows and for the cache."""
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("ISOMORPH_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("ISOMORPH_CACHE", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture(scope="module")
def served():
    """A stand-in of the hub, and its address."""
    with stand_in.served() as (hub, address):
        yield hub, address


@pytest.fixture
def hub(served):
    """The stand-in; afterwards it is well again."""
    yield served[0]
    for trouble in (served[0].gated, served[0].hanging, served[0].refused, served[0].failing):
        trouble.clear()
    served[0].asked.clear()


@pytest.fixture(scope="session")
def shared_folder(request, tmp_path_factory):
    """A folder of this run of the tests, the same in each of its processes."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if hasattr(request.config, "workerinput") else own


@pytest.fixture
def no_hub(monkeypatch, tmp_path):
    """A machine that has no mirror, no hub, and nothing of it in a cache of any kind."""
    import datasets
    import huggingface_hub

    monkeypatch.delenv("ISOMORPH_MIRROR", raising=False)
    monkeypatch.setenv("ISOMORPH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "datasets"))


@pytest.fixture(scope="session")
def still_library(tmp_path_factory):
    """A stand-in for the library among a chapter's inputs, so that saving a file in an editor
    while the tests run does not make a chapter stale under them."""
    folder = tmp_path_factory.mktemp("library")
    (folder / "module.py").write_text("x = 1\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Layout, "library", folder)
        yield folder


@pytest.fixture(scope="session")
def built_book(tmp_path_factory, shared_folder, still_library):
    """A small book built once: its root, whether all went well, and what the build printed.

    One of its four chapters fails, and one has exercises.
    """
    result = shared_folder / "built_book.json"
    with FileLock(shared_folder / "built_book.lock"):
        if not result.exists():
            root = tmp_path_factory.mktemp("book") / "root"
            result.write_text(json.dumps([str(root), *_build_book(root)]))
    root, complete, printed = json.loads(result.read_text())
    return Path(root), complete, printed


def _build_book(root):
    chapters = {
        "cross_lingual/example": example_chapter.SOURCE,
        "cross_lingual/needle": small_book.source(small_book.FIGURE_CELL),
        "cross_lingual/plain": small_book.source(title="A plain chapter"),
        "fine_tuning/broken": small_book.source(
            "def search():\n    raise ValueError('no such haystack')\n\n\nsearch()\n",
            title="A broken chapter",
        ),
    }
    small_book.make(root, chapters)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        complete = book.build("smoke", root=root, jobs=2)
    return complete, printed.getvalue()
