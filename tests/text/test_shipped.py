"""The shipped data is what the manifest says, and damage is found before use."""

import hashlib
import json
import os
import shutil

import pytest

from isomorph.text import shipped

TEXT = "text/words.txt"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A data folder of one file, of which the manifest is right."""
    (tmp_path / "text").mkdir()
    (tmp_path / TEXT).write_text("light\n")
    monkeypatch.setenv("ISOMORPH_DATA", str(tmp_path))
    shipped.write_manifest_entry(TEXT, sources=["b", "a"], rows=1)
    return tmp_path


def test_every_shipped_file_is_the_one_in_the_manifest():
    assert shipped.verify() == []


def test_every_shipped_text_task_and_dictionary_is_listed():
    folder, files = shipped.data_folder(), shipped.read_manifest()["files"]
    for part in ("text", "tasks", "dictionaries", "licences"):
        found = {path.relative_to(folder).as_posix() for path in (folder / part).iterdir()}
        assert found and found <= set(files)


def test_every_source_of_a_file_is_recorded_with_version_and_checksum():
    manifest = shipped.read_manifest()
    for path, entry in manifest["files"].items():
        for name in entry["sources"]:
            assert manifest["sources"][name]["version"], path
            assert len(manifest["sources"][name]["sha256"]) == 64


def test_texts_and_tasks_stay_within_15_megabytes():
    files = shipped.read_manifest()["files"]
    parts = ("text/", "tasks/", "dictionaries/")
    assert sum(entry["bytes"] for path, entry in files.items() if path.startswith(parts)) < 15e6


def test_the_entry_describes_the_file(folder):
    entry = shipped.read_manifest()["files"][TEXT]
    digest = hashlib.sha256(b"light\n").hexdigest()
    assert entry == {"sha256": digest, "bytes": 6, "rows": 1, "sources": ["a", "b"]}
    assert shipped.checksum(TEXT) == digest
    assert shipped.verified(TEXT) == folder / TEXT


def test_a_changed_file_is_refused_with_advice(folder):
    (folder / TEXT).write_text("night\n")  # as long as before: only the checksum can tell
    with pytest.raises(shipped.DataCorrupted, match="damaged.*isomorph data build"):
        shipped.verified(TEXT)
    assert len(shipped.verify()) == 1


def test_a_change_after_a_first_check_is_noticed(folder):
    shipped.verified(TEXT)
    (folder / TEXT).write_text("light and dark\n")
    with pytest.raises(shipped.DataCorrupted, match="damaged"):
        shipped.verified(TEXT)


def test_a_missing_file_is_refused_with_advice(folder):
    (folder / TEXT).unlink()
    with pytest.raises(shipped.DataCorrupted, match=r"words\.txt is missing.*isomorph data build"):
        shipped.checksum(TEXT)


def test_a_file_outside_the_manifest_is_refused(folder):
    with pytest.raises(shipped.DataCorrupted, match="not listed"):
        shipped.verified("text/other.txt")


@pytest.mark.parametrize(
    "content",
    ["{", "[]", "{}", '{"files": {}}', '{"files": [], "sources": {}}', "null",
     '{"files": {"text/words.txt": {}}, "sources": {}}'],
)  # fmt: skip
def test_a_damaged_manifest_is_refused(folder, content):
    (folder / shipped.MANIFEST).write_text(content)
    with pytest.raises(shipped.DataCorrupted, match="not a readable manifest"):
        shipped.verified(TEXT)
    assert len(shipped.verify()) == 1


def test_a_missing_folder_is_one_clear_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("ISOMORPH_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(shipped.DataCorrupted, match="isomorph data build"):
        shipped.verified(TEXT)


def test_a_damaged_parquet_stops_the_loader(tmp_path, monkeypatch):
    from isomorph.text.corpora import load_corpus

    shutil.copytree(shipped.data_folder() / "text", tmp_path / "text")
    shutil.copy(shipped.data_folder() / shipped.MANIFEST, tmp_path)
    path = tmp_path / "text/help.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    monkeypatch.setenv("ISOMORPH_DATA", str(tmp_path))
    with pytest.raises(shipped.DataCorrupted, match="help.parquet is damaged"):
        load_corpus(("en",), ("help",))


def test_entering_a_file_keeps_the_others(folder):
    (folder / "card.json").write_text("{}")
    shipped.write_manifest_entry("card.json")
    manifest = json.loads((folder / shipped.MANIFEST).read_text())
    assert set(manifest["files"]) == {TEXT, "card.json"}
    assert shipped.verify() == []


def test_a_manifest_that_lists_less_or_nothing_does_not_pass(folder):
    (folder / "other.txt").write_text("dark\n")
    (problem,) = shipped.verify()
    assert "other.txt is not listed" in problem
    shipped.write_manifest({"files": {}, "sources": {}})
    assert "lists no file" in " ".join(shipped.verify())


def test_what_a_writer_leaves_or_an_editor_hides_is_no_shipped_file(folder):
    names = ("README.md", "MANIFEST.lock", "text/.partial-1/words.txt", ".DS_Store", "build/a.py")
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("")
    assert shipped.verify() == []


def test_a_change_within_a_tick_of_the_clock_is_noticed(folder):
    """The clock of files is coarse: two states of a file may have the same time."""
    for _ in range(50):
        (folder / TEXT).write_text("light\n")
        shipped.verified(TEXT)
        (folder / TEXT).write_text("night\n")
        with pytest.raises(shipped.DataCorrupted):
            shipped.verified(TEXT)


def test_a_change_under_its_old_date_is_noticed(folder):
    path = folder / TEXT
    date = path.stat().st_mtime_ns - 10**10
    os.utime(path, ns=(date, date))
    shipped.verified(TEXT)
    path.write_text("night\n")
    os.utime(path, ns=(date, date))
    with pytest.raises(shipped.DataCorrupted):
        shipped.verified(TEXT)
