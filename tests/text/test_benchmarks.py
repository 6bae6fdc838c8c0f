"""Benchmarks of GLUE, from a small mirror: labels by name, halves of the validation set, counts."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from isomorph.text.examples import PAIR, SCORE, PairExample, ScoredExample
from isomorph.text.tasks import examples


@pytest.fixture
def mirror(no_hub, tmp_path, monkeypatch):
    """Each benchmark with as many rows as are asked for; its rows are numbered."""
    monkeypatch.setenv("ISOMORPH_MIRROR", str(tmp_path))

    def write(name: str, split: str, rows: int):
        numbers = list(range(rows))
        one = name in ("cola", "sst2")
        texts = {"sentence": list(map(str, numbers))} if one else {
            "sentence1": list(map(str, numbers)), "sentence2": [f"of {n}" for n in numbers]
        }  # fmt: skip
        labels = [n / 4 for n in numbers] if name == "stsb" else [n % 2 for n in numbers]
        path = tmp_path / "nyu-mll/glue" / name / f"{split}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(texts | {"label": labels, "idx": numbers}), path)

    return write


def test_labels_have_names_and_scores_are_numbers(mirror):
    for name in ("rte", "mrpc", "stsb", "cola", "sst2"):
        mirror(name, "train", 3)
    assert examples("rte", "en", "train").items[1] == PairExample("1", "of 1", "not_entailment")
    assert examples("mrpc", "en", "train").items[1].label == "equivalent"
    assert examples("cola", "en", "train").items[1] == PairExample("1", None, "acceptable")
    scored = examples("stsb", "en", "train")
    assert scored.task == SCORE and scored.names == ()
    assert scored.items[2] == ScoredExample("2", "of 2", 0.5)
    assert examples("sst2", "en", "train").task == PAIR


def test_development_and_test_are_halves_of_the_validation_set(mirror):
    mirror("rte", "validation", 277)
    dev, test = (examples("rte", "en", split).items for split in ("dev", "test"))
    assert (len(dev), len(test)) == (138, 139)
    numbers = [int(item.first) for item in (*dev, *test)]
    assert sorted(numbers) == list(range(277))
    assert numbers[:138] != list(range(138)), "the file may be ordered, so the half is drawn"


def test_fewer_are_among_more(mirror):
    mirror("rte", "train", 200)
    few, more = (set(examples("rte", "en", "train", count).items) for count in (20, 60))
    assert len(few) == 20 and few < more
    assert len(examples("rte", "en", "train").items) == 200


@pytest.mark.parametrize("name, split, count, said", [
    ("rte", "validation", None, "split is 'validation'; allowed are"),
    ("rte", "train", 4, "count is 4; rte train allows 1 to 3."),
    ("rte", "train", 0, "count is 0; rte train allows 1 to 3."),
    ("rte", "train", True, "count is True; rte train allows 1 to 3."),
])  # fmt: skip
def test_what_is_not_there_is_refused_in_a_sentence(mirror, name, split, count, said):
    mirror("rte", "train", 3)
    with pytest.raises(ValueError, match=said):
        examples(name, "en", split, count)
