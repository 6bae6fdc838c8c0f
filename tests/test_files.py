"""Files are replaced whole, or stay as they were."""

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
