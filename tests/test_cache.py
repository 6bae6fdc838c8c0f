"""What is kept of a finished run is used as it was written, or the run is made anew."""

import random
import shutil

import pytest
import torch

from isomorph import processes, results
from isomorph.results import Condition
from isomorph.runs import Run, Theorem, pretraining, theorem
from isomorph.runs.cache import Cache
from tests.small_runs import tiny_run

SMALL = {"theorem": "strongly_convex", "width": 2, "states": 4, "cases": 2}


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """A run that has finished here: its condition and the folder in which that is kept."""
    monkeypatch.setenv("ISOMORPH_CACHE", str(tmp_path))
    monkeypatch.setattr(theorem, "strongly_convex", lambda *_: [("made up", 0.1 + 0.2, 1)])
    condition = Condition("made up", Theorem(**SMALL))
    run = results.cached(condition.run)
    run.outcome()
    return condition, run.infra.uid_folder()


def values(condition: Condition) -> list[float]:
    assert results.finished(condition)
    return results.finished_rows("trial", condition, size="smoke")["value"].tolist()


def test_a_flipped_bit_of_an_outcome_is_found_or_changes_nothing(kept, monkeypatch):
    condition, folder = kept
    path, draw = folder / "job.pkl", random.Random(0)
    good, found = path.read_bytes(), 0
    for place in draw.sample(range(len(good)), 150):
        content = bytearray(good)
        content[place] ^= 1 << draw.randrange(8)
        path.write_bytes(content)
        if results.finished(condition):
            assert values(condition) == [0.1 + 0.2]
        else:
            found += 1
    assert found > 50


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "job.pkl").write_bytes(b""),
        lambda folder: (folder / "job.pkl").write_bytes((folder / "job.pkl").read_bytes()[:-40]),
        lambda folder: (folder / "uid.yaml").write_text("cases: 3\n"),
        lambda folder: (folder / "full-uid.yaml").write_text("steps: 3\n"),
        lambda folder: [path.write_bytes(b"") for path in folder.iterdir()],
    ],
    ids=["empty", "cut", "another's", "other defaults", "all empty"],
)
def test_a_damaged_outcome_is_named_and_made_anew(kept, damage, caplog, monkeypatch):
    condition, folder = kept
    damage(folder)
    assert not results.finished(condition)
    assert str(folder) in caplog.text and "made anew" in caplog.text
    assert results.cached(condition.run).outcome()["records"][0]["value"] == 0.1 + 0.2
    caplog.clear()
    assert values(condition) == [0.1 + 0.2]
    assert not caplog.records


def test_the_outcome_of_another_run_in_its_place_does_not_count(kept):
    condition, folder = kept
    other = results.cached(Theorem(**SMALL, seed=1))
    other.outcome()
    shutil.copy(other.infra.uid_folder() / "job.pkl", folder)
    assert not results.finished(condition)


def test_a_changed_file_of_a_trained_model_makes_its_run_anew(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("ISOMORPH_CACHE", str(tmp_path))
    run = results.cached(tiny_run(marks=1))
    pretraining.trained(run)
    weights = run.model_folder() / "model.safetensors"
    good = weights.read_bytes()
    weights.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    pretraining.trained(run)
    assert "made anew" in caplog.text
    assert weights.read_bytes() == good


def test_a_run_computes_with_one_thread_unless_told_and_says_so(kept, monkeypatch):
    seen = []
    before = torch.get_num_threads()
    monkeypatch.setattr(
        theorem, "strongly_convex", lambda *_: seen.append(torch.get_num_threads()) or []
    )
    torch.set_num_threads(2)
    try:
        assert Theorem(**SMALL).outcome()["threads"] == 1
        with processes.with_threads(3):
            assert results.cached(Theorem(**SMALL, seed=7)).outcome()["threads"] == 3
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert seen == [1, 3]


def test_rows_say_how_many_threads_made_them(kept):
    rows = results.finished_rows("trial", kept[0], size="smoke")
    assert rows["threads"].tolist() == [1]


@pytest.mark.parametrize("told", ["0", "-1", "two", "1.5"])
def test_threads_that_make_no_sense_are_refused(monkeypatch, told):
    monkeypatch.setenv(processes.VARIABLE, told)
    with pytest.raises(ValueError, match=f"ISOMORPH_THREADS is '{told}'"):
        Theorem(**SMALL).infra._run_method()


def _kinds(of=Run):
    return [of, *(kind for below in of.__subclasses__() for kind in _kinds(below))]


@pytest.mark.parametrize("kind", _kinds(), ids=lambda kind: kind.__name__)
def test_every_kind_of_run_is_kept_so(kind):
    assert isinstance(kind.model_fields["infra"].default, Cache)
