"""Data through the real clients of the hub, which talk to a stand-in on this machine."""

import re
import warnings

import pytest

from tests import hub as stand_in

XNLI = {"premise": ["a b", "c"], "hypothesis": ["d", "e f"], "label": [2, 0]}


def load(dataset_id, config="en", split="test", streaming=False):
    """Rows or the sentence of the error, warnings, and what a run would name as read."""
    from isomorph.text import fetch

    fetch.PATIENCE = 0.5
    with warnings.catch_warnings(record=True) as warned, fetch.reading() as found:
        warnings.simplefilter("always")
        try:
            rows = fetch.load_hub(dataset_id, config, split, streaming=streaming)
            rows = list(rows) if streaming else rows.to_list()
        except fetch.DataUnavailable as problem:
            rows = str(problem)
    return rows, [str(w.message) for w in warned if "from the cache" in str(w.message)], found


def named(function, *arguments):
    """What a function of isomorph.text.tasks gives, or the sentence of its error."""
    from isomorph.text import fetch, tasks

    try:
        result = getattr(tasks, function)(*arguments)
        return result.to_list() if hasattr(result, "to_list") else result
    except (ValueError, fetch.DataUnavailable) as problem:
        return str(problem)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return str(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def there(served, home):
    """A function that calls another where the hub can be had."""
    with stand_in.user(served[1], home) as call:
        yield call
        served[0].stop.set()  # the process ends only once its requests that hang are answered


def test_a_set_comes_with_the_commit_it_is_of(hub, there):
    commit = hub.put_tables("some/set", {"en/test": XNLI, "fr/test": {"text": ["x"]}})
    rows, warned, read = there(load, "some/set")
    assert [row["label"] for row in rows] == [2, 0] and not warned
    assert read == {f"some/set/en/test@{commit}"}
    moved = hub.put_tables("some/set", {"en/test": {"text": ["anew"]}})
    assert there(load, "some/set") == ([{"text": "anew"}], [], {f"some/set/en/test@{moved}"})


def test_rows_may_come_one_after_another(hub, there):
    commit = hub.put_tables("some/stream", {"en/train": {"text": ["a", "b"]}})
    rows, _, read = there(load, "some/stream", "en", "train", True)
    assert [row["text"] for row in rows] == ["a", "b"]
    assert read == {f"some/stream/en/train@{commit}"}


def refused(name):
    return lambda hub: getattr(hub, name).add("some/trouble")


def failing(hub):
    hub.failing["some/trouble"] = 99


TROUBLES = [
    (refused("gated"), "it is gated: ask for access at http.*/datasets/some/trouble and log in"),
    (refused("hanging"), "the hub has not answered within 0.5 seconds"),
    (refused("refused"), r"the hub refuses the login \(401\)"),
    (failing, r"the hub fails \(500 Internal Server Error\)"),
    (lambda hub: hub.repositories.pop("datasets/some/trouble"), "the hub has no such data set"),
]


@pytest.mark.parametrize(("trouble", "sentence"), TROUBLES)
def test_each_trouble_has_its_sentence_and_is_not_remembered(hub, there, trouble, sentence):
    put = lambda: hub.put_tables("some/trouble", {"en/test": XNLI, "fr/test": XNLI})
    put()
    trouble(hub)
    message, warned, read = there(load, "some/trouble", "fr")
    assert re.search(rf"some/trouble \(fr, test\) is not available: {sentence}", message)
    assert "\n" not in message and "MIRROR" not in message and not warned and not read
    for left in (hub.gated, hub.hanging, hub.refused, hub.failing):
        left.clear()
    put()
    assert len(there(load, "some/trouble", "fr")[0]) == 2
    trouble(hub)  # now it has been read once
    rows, warned, read = there(load, "some/trouble", "fr")
    assert len(rows) == 2 and len(read) == 1
    assert re.search(rf"read from the cache, of commit [0-9a-f]+: {sentence}", *warned)
    # Another configuration in the cache is not this one.
    assert re.search(rf"is not available: {sentence}", there(load, "some/trouble", "en")[0])
    hub.repositories.pop("datasets/some/trouble", None)
    there(forget, "some/trouble")


def forget(dataset_id):
    import shutil
    from pathlib import Path

    import datasets

    shutil.rmtree(Path(datasets.config.HF_DATASETS_CACHE, dataset_id.replace("/", "___")))


def evaluated(name, language):
    from isomorph.text import fetch, tasks

    try:
        return tasks.evaluation_split(name, language)
    except fetch.HubAway as problem:
        return f"away: {problem}"


def test_only_what_the_hub_does_not_have_is_replaced_by_something_else(hub, there):
    wikiann, tagged = "unimelb-nlp/wikiann", {"tokens": [["Rome"]], "ner_tags": [[5]]}
    hub.put_tables(wikiann, {"fr/validation": tagged, "ru/test": tagged, "ru/validation": tagged})
    assert there(evaluated, "wikiann", "fr") == "dev"
    hub.failing[wikiann] = 1  # the test split is asked for once
    assert there(evaluated, "wikiann", "ru").startswith("away: unimelb-nlp/wikiann (ru, test)")
    assert there(evaluated, "wikiann", "ru") == "test"


def test_a_configuration_or_split_that_is_not_there_is_named(hub, there):
    hub.put_tables("some/small", {"en/test": XNLI})
    assert "'de' not found. Available: ['en']" in there(load, "some/small", "de")[0]
    assert "Unknown split" in there(load, "some/small", "en", "train")[0]


def test_a_hub_that_is_gone_or_not_to_be_asked_leaves_what_was_downloaded(served, hub, there, home):
    commit = hub.put_tables("some/kept", {"en/test": XNLI})
    there(load, "some/kept")
    with stand_in.user("http://127.0.0.1:9", home) as gone:
        rows, (warning,), read = gone(load, "some/kept")
        assert len(rows) == 2 and read == {f"some/kept/en/test@{commit}"}
        assert "the hub cannot be reached" in warning
        assert len(gone(load, "some/kept", "en", "test", True)[0]) == 2
        assert "is not available: the hub cannot be reached" in gone(load, "some/never")[0]
        assert gone(load, "some/never", "en", "test", True)[0].endswith("streamed is not kept.")
    hub.asked.clear()
    with stand_in.user(served[1], home, HF_HUB_OFFLINE="1") as offline:
        rows, (warning,), read = offline(load, "some/kept")
        assert len(rows) == 2 and read == {f"some/kept/en/test@{commit}"}
        assert "HF_HUB_OFFLINE is set" in warning
        assert "HF_HUB_OFFLINE is set" in offline(load, "some/never")[0]
    assert not hub.asked


def test_nothing_is_asked_under_the_owner_local(hub, there):
    hub.put_tables("local/word-similarity", {"en/test": XNLI})
    message = there(load, "local/word-similarity")[0]
    assert "in no hub but in a mirror, and ISOMORPH_MIRROR is not set" in message
    assert not hub.asked


WORDS = {
    "tokens": [["Va", "de", "le", "roi"]],
    "upos": [["VERB", "ADP", "DET", "NOUN"]],
    "head": [["0", "4", "4", "1"]],
    "deprel": [["root", "case", "det", "obl:arg"]],
    "mwt": [[{"id": "2-3", "form": "du"}]],
}
OLD = "universal-dependencies/universal_dependencies"
NEW = "commul/universal_dependencies"


def test_treebanks_come_from_the_release_that_is_kept_up(hub, there):
    hub.put("datasets", OLD, {"universal_dependencies.py": b"a script", "README.md": b""})
    hub.put_tables(NEW, {"fr_gsd/dev": {**WORDS, "tokens": [["Va", "de", "la", "reine"]]}})
    trees = ("examples", "universal_dependencies", "fr", "dev")
    message = there(named, *trees)
    assert (
        f"{OLD} (fr_gsd, validation) is not available: {NEW}, 2.17: the hub has no rev" in message
    )
    hub.put_tables(NEW, {"fr_gsd/dev": WORDS}, "2.17")
    (tree,) = there(named, *trees).items
    assert (tree.words, tree.heads) == (("Va", "de", "le", "roi"), (0, 4, 4, 1))
    assert tree.relations == ("root", "case", "det", "obl")
    tagged = there(named, "examples", "parts_of_speech", "fr", "dev")
    assert tagged.items[0].tags == ("VERB", "ADP", "DET", "NOUN")
    message = there(named, "examples", "universal_dependencies", "de", "test")
    assert "(de_gsd, test) is not available: commul/" in message and "'de_gsd' not found" in message
