"""Scored pairs by name from a mirror; without one, one sentence."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from isomorph.text import fetch
from isomorph.text.examples import SENTENCES, scored_pairs


@pytest.fixture
def mirror(no_hub, tmp_path, monkeypatch):
    monkeypatch.setenv("ISOMORPH_MIRROR", str(tmp_path))

    def write(path, **columns):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(columns), tmp_path / path)

    return write


def test_pairs_keep_their_order_and_scale(mirror):
    mirror("mteb/sts12-sts/default/test.parquet",
           sentence1=["a", "b"], sentence2=["c", "d"], score=[4.4, 0.0])  # fmt: skip
    assert scored_pairs("sts12") == (["a", "b"], ["c", "d"], [4.4, 0.0])
    mirror("local/word-similarity/rg65/test.parquet", word1=["gem"], word2=["jewel"], score=[3.9])
    assert scored_pairs("rg65") == (["gem"], ["jewel"], [3.9])


def test_the_papers_seven_sets_are_there():
    assert set(SENTENCES) == {"stsb", "sickr", *(f"sts{year}" for year in range(12, 17))}


def test_what_is_not_there_is_said(mirror):
    with pytest.raises(fetch.DataUnavailable, match="word-similarity"):
        scored_pairs("men")
    with pytest.raises(ValueError, match="name is 'sts99'; allowed are 'stsb'"):
        scored_pairs("sts99")
