"""What RSA and CKA say of known changes."""

import pytest

from isomorph.findings import known_changes


def test_by_hand_only_the_moved_point_changes_a_table():
    found = known_changes.pulled()
    assert found.rsa["all turned"] == pytest.approx(1)
    assert found.rsa["all three times as long"] == pytest.approx(1)
    assert found.rsa["dog moved"] < 0.5
    before, after = (t.set_index("point") for t in (found.before, found.after))
    same = before == after
    assert not same.loc["dog", ["cat", "run", "walk"]].any()
    assert same.loc[["cat", "run", "walk"], ["cat", "run", "walk"]].all().all()


def test_each_measure_is_blind_where_the_chapter_says_so():
    table = known_changes.toy().set_index("what was done")
    assert list(table.loc["turned, and three times as large"]) == [1, 1, 1]
    shifted, stretched = (
        table.loc[name]
        for name in ("the same vector added to all", "each vector at a length of its own")
    )
    assert shifted["CKA, debiased"] == 1 and shifted["RSA"] < 0.9
    assert stretched["RSA"] == 1 and stretched["CKA, debiased"] < 0.9
    assert table.loc["one coordinate ten times as loud", ["RSA", "CKA, debiased"]].max() < 0.5
    assert abs(table.loc["unrelated", "CKA, debiased"]) < 0.05 < table["CKA, biased"].min()
