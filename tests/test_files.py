"""Files are replaced whole, or stay as they were."""

import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from isomorph import files


def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path):
    path = tmp_path / "new" / "file.json"
    files.write_text(path, "первый")
    files.write_text(path, "second")
    assert path.read_text("utf-8") == "second"
    assert [p.name for p in path.parent.iterdir()] == ["file.json"]


def test_what_breaks_off_leaves_the_earlier_file(tmp_path):
    path = tmp_path / "file.bin"
    path.write_bytes(b"whole")
    with pytest.raises(OSError, match="disk"), files.replacing(path) as aside:
        aside.write_bytes(b"ha")
        assert path.read_bytes() == b"whole"
        raise OSError("the disk is full")
    assert path.read_bytes() == b"whole"
    assert [p.name for p in tmp_path.iterdir()] == ["file.bin"]


def test_a_folder_is_made_once_and_whole_or_not_at_all(tmp_path):
    folder, made = tmp_path / "new" / "folder", []

    def make(aside):
        (aside / "half").write_text("half")
        made.append(aside)
        if len(made) == 1:
            raise OSError("the disk is full")
        (aside / "other").write_text("half")

    with pytest.raises(OSError, match="disk"):
        files.made_once(folder, make)
    assert [path.name for path in folder.parent.iterdir()] == ["folder.lock"]
    for _ in range(2):
        assert files.made_once(folder, make) == folder
        assert {path.name for path in folder.iterdir()} == {"half", "other"}
    assert len(made) == 2


def test_two_at_a_time_make_a_folder_once(tmp_path):
    made, both = [], threading.Barrier(2)

    def make(aside):
        made.append(aside)
        (aside / "whole").write_text("whole")
        time.sleep(0.2)

    def ask(_):
        both.wait()
        return files.made_once(tmp_path / "folder", make) / "whole"

    with ThreadPoolExecutor(2) as pool:
        assert [path.read_text() for path in pool.map(ask, range(2))] == ["whole"] * 2
    assert len(made) == 1


def killed(folder):
    def make(aside):
        (aside / "half").write_text("half")
        os.kill(os.getpid(), signal.SIGKILL)

    files.made_once(folder, make)


def test_what_a_killed_process_left_is_made_anew(tmp_path):
    folder = tmp_path / "folder"
    process = multiprocessing.get_context("spawn").Process(target=killed, args=(folder,))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL and not folder.exists()
    files.made_once(folder, lambda aside: (aside / "whole").write_text("whole"))
    assert [path.name for path in folder.iterdir()] == ["whole"]
    assert {path.name for path in tmp_path.iterdir()} == {"folder", "folder.lock"}
