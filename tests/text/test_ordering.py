"""Texts to put in order: passages of shipped text, parallel and inside one chapter, and stories."""

from collections import Counter
from itertools import pairwise

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from data.build import relation

from isomorph.text import fetch
from isomorph.text.examples import ORDER, OrderExample
from isomorph.text.parallel import load_parallel
from isomorph.text.shipped_tasks import LONGEST_GAP, SENTENCES, _passages
from isomorph.text.tasks import examples


def restored(item: OrderExample) -> list[str]:
    """The sentences in their true order."""
    places = sorted(range(len(item.order)), key=lambda i: item.order[i])
    return [item.sentences[i] for i in places]


@pytest.mark.parametrize("domain", ["bible", "help"])
@pytest.mark.parametrize("split", ["dev", "test"])
def test_passages_follow_the_text_inside_one_chapter_and_split(domain, split):
    rows = load_parallel(domain).to_list()
    place = {row["fr"]: number for number, row in enumerate(rows)}
    found = examples(f"{domain}_order", "fr", split)
    assert (found.task, found.names) == (ORDER, ())
    assert found.source == f"ordering {domain} fr {split}"
    used = []
    for item in found.items:
        places = [place[sentence] for sentence in restored(item)]
        assert places == list(range(places[0], places[0] + SENTENCES))
        passage = [rows[number] for number in places]
        assert {row["split"] for row in passage} == {split}
        assert len({row["group"] for row in passage}) == 1
        gaps = [b["id"] - a["id"] for a, b in pairwise(passage)]
        assert max(gaps) <= LONGEST_GAP[domain]
        used += places
    assert len(used) == len(set(used)) and len(found.items) > 50


def test_there_are_thousands_to_train_on():
    assert len(examples("bible_order", "en", "train").items) > 5000
    assert len(examples("help_order", "en", "train").items) > 1000


def test_the_first_passage_of_all():
    first = restored(examples("bible_order", "en", "train").items[0])
    assert first[0] == "At the first God made the heaven and the earth."
    assert first[4].startswith("Naming the light, Day, and the dark, Night.")


def test_languages_are_parallel_and_shuffled_alike():
    rows = load_parallel("help").to_list()
    translation = {row["en"]: row["zh"] for row in rows}
    english, chinese = (examples("help_order", code, "test").items for code in ("en", "zh"))
    for one, other in zip(english, chinese, strict=True):
        assert one.order == other.order
        assert tuple(map(translation.get, one.sentences)) == other.sentences


def test_every_order_is_as_likely():
    items = examples("bible_order", "en", "train").items
    for place in range(SENTENCES):  # of the sentence that is read first, second ...
        counts = Counter(item.order[place] for item in items)
        assert set(counts) == set(range(SENTENCES))
        assert all(abs(count / len(items) - 0.2) < 0.03 for count in counts.values())
    unshuffled = sum(item.order == tuple(range(SENTENCES)) for item in items)
    assert 0 < unshuffled < 3 * len(items) / 120


def test_fewer_are_among_more_and_shuffled_alike():
    every = examples("help_order", "en", "test").items
    ten, forty = (examples("help_order", "en", "test", count).items for count in (10, 40))
    assert len(ten) == 10 and set(ten) < set(forty) < set(every)
    assert [item for item in every if item in forty] == list(forty)
    for count in (0, len(every) + 1, True, 2.0):
        with pytest.raises(ValueError, match=f"count is {count}; ordering help en test allows 1"):
            examples("help_order", "en", "test", count)


def test_a_gap_and_the_end_of_a_chapter_end_a_passage():
    numbers = [1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29]
    rows = [(number, str(number)) for number in numbers]
    assert [first for first, _ in _passages(rows, 1)] == [6, 20, 25]
    assert [first for first, _ in _passages(rows, 2)] == [1, 7, 20, 25]
    assert list(_passages(rows[:4], 1)) == []
    assert LONGEST_GAP == relation.LONGEST_GAP


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="language is 'it'; allowed are"):
        examples("bible_order", "it", "test")
    for sentences, order in ((("a", "b"), (0, 2)), (("a", "b"), (0,)), (("a",), (0,))):
        with pytest.raises(ValueError, match="each place from 0 once"):
            OrderExample(sentences, order)


@pytest.fixture
def mirror(no_hub, tmp_path, monkeypatch):
    monkeypatch.setenv("ISOMORPH_MIRROR", str(tmp_path))

    def write(name, split, *stories):
        path = tmp_path / "local" / "sentence-ordering" / name / f"{split}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        names = [f"{split}-{number}" for number in range(len(stories))]
        pq.write_table(pa.table({"story_id": names, "sentences": list(stories)}), path)

    return write


def test_stories_come_from_a_mirror(mirror):
    stories = [[f"{story} {number}" for number in range(5)] for story in ("a", "b", "c")]
    twice, single = ["x", "y", "x"], ["x"]
    mirror("sind", "train", ["p", "q"])
    mirror("sind", "validation", stories[0], twice, stories[1], single, stories[2])
    found = examples("sind", "en", "dev")
    assert (found.task, found.source) == (ORDER, "ordering sind validation")
    assert [restored(item) for item in found.items] == stories
    assert found == examples("sind", "en", "dev")
    (one,) = examples("sind", "en", "dev", 1).items
    assert one in found.items
    assert [restored(item) for item in examples("sind", "en", "train").items] == [["p", "q"]]


def test_without_stories_to_train_on_those_of_validation_are_parted(mirror):
    stories = [[f"{story} {number}" for number in range(5)] for story in range(30)]
    mirror("rocstories", "validation", *stories)
    mirror("rocstories", "test", ["p", "q"])
    train, dev = (examples("rocstories", "en", split) for split in ("train", "dev"))
    assert (len(train.items), len(dev.items)) == (27, 3)
    both = [tuple(restored(item)) for found in (train, dev) for item in found.items]
    assert sorted(both) == sorted(map(tuple, stories))
    assert dev.source == "ordering rocstories validation, part dev"
    assert set(examples("rocstories", "en", "train", 5).items) < set(train.items)
    assert [restored(item) for item in examples("rocstories", "en", "test").items] == [["p", "q"]]


def test_without_a_mirror_one_sentence_says_so(mirror, monkeypatch):
    mirror("sind", "test", ["a", "b"])
    for name, split in (("rocstories", "test"), ("sind", "train")):
        with pytest.raises(fetch.DataUnavailable, match="local/sentence-ordering"):
            examples(name, "en", split)
    monkeypatch.delenv("ISOMORPH_MIRROR")
    with pytest.raises(fetch.DataUnavailable, match="ISOMORPH_MIRROR is not set"):
        examples("sind", "en", "test")
