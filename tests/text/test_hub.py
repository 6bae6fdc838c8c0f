"""Data by id from a small mirror; without mirror and network, one clear sentence."""

import hashlib

import pytest

from isomorph.runs import HubText, WordVectors
from isomorph.runs.run import names_reads
from isomorph.text import corpora, fetch
from isomorph.text.examples import UPOS
from isomorph.text.tasks import SOURCES, examples


def test_the_mirror_is_read(mirror):
    mirror("facebook/xnli", "fr", "test", {"premise": ["a"], "hypothesis": ["b"], "label": [2]})
    rows = fetch.load_hub("facebook/xnli", "fr", "test")
    assert rows.to_list() == [{"premise": "a", "hypothesis": "b", "label": 2}]
    rows = fetch.load_hub("facebook/xnli", "fr", "test", streaming=True)
    assert [row["label"] for row in rows] == [2]


def test_without_mirror_and_network_one_sentence_names_what_and_why(no_hub):
    with pytest.raises(fetch.DataUnavailable) as caught:
        examples("xnli", "fr", "test")
    message = str(caught.value)
    assert message.startswith("facebook/xnli (fr, test) is not available: HF_HUB_OFFLINE is set")
    assert "ISOMORPH_MIRROR" not in message and "\n" not in message


def test_a_file_of_a_mirror_that_is_no_table_is_named(mirror, tmp_path):
    mirror("some/set", "en", "test", {"text": ["a"]})
    path = tmp_path / "some/set/en/test.parquet"
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(ValueError, match="some/set/en/test.parquet is no table in Parquet"):
        fetch.load_hub("some/set", "en", "test")


def test_a_mirror_without_the_file_says_so(mirror, tmp_path):
    mirror("facebook/xnli", "fr", "test", {"premise": ["a"], "hypothesis": ["b"], "label": [2]})
    with pytest.raises(fetch.DataUnavailable, match="does not hold it"):
        examples("xnli", "fr", "train")


def test_trees_count_words_and_not_multiword_tokens(mirror):
    source = SOURCES["universal_dependencies"]
    upos = [UPOS.index(name) for name in ("VERB", "_", "ADP", "DET", "NOUN")]
    columns = {
        "tokens": [["Parle", "du", "de", "le", "roi"]],
        "upos": [upos],
        "head": [["0", "None", "4", "4", "1"]],
        "deprel": [["root", "_", "case", "det", "obl"]],
    }
    mirror(source.dataset, "fr_gsd", "test", columns)
    (tree,) = examples("universal_dependencies", "fr", "test").items
    assert tree.words == ("Parle", "de", "le", "roi")
    assert (tree.heads, tree.relations) == ((0, 4, 4, 1), ("root", "case", "det", "obl"))
    (tagged,) = examples("parts_of_speech", "fr", "test").items
    assert tagged.tags == ("VERB", "ADP", "DET", "NOUN")


def test_trees_leave_out_elided_words(mirror):
    source = SOURCES["universal_dependencies"]
    upos = [UPOS.index(name) for name in ("PRON", "VERB", "VERB", "ADV")]
    columns = {
        "tokens": [["you", "do", "like", "why"]],  # the third word is only in the enhanced tree
        "upos": [upos],
        "head": [["2", "0", "None", "2"]],
        "deprel": [["nsubj", "root", "_", "advmod"]],
    }
    mirror(source.dataset, "en_ewt", "test", columns)
    (tree,) = examples("universal_dependencies", "en", "test").items
    assert (tree.words, tree.heads) == (("you", "do", "why"), (2, 0, 2))


@pytest.fixture
def wikipedia(mirror):
    """Two tiny Wikipedias and a thousand Tatoeba pairs."""
    english = [f"This is article number {n} of many. It has words enough.\nHead" for n in range(9)]
    french = [
        f"Voici un long article, le numéro {n}.\nIl continue ici longuement." for n in range(9)
    ]
    held_out = [f"Tatoeba sentence number {n} in English." for n in range(999)]
    held_out.append("This is article number 3 of many.")
    for language, texts in (("en", english), ("fr", french)):
        mirror("wikimedia/wikipedia", f"20231101.{language}", "train", {"text": texts})
    pairs = {"sentence1": [f"Phrase {n} en français." for n in range(1000)], "sentence2": held_out}
    mirror("mteb/tatoeba-bitext-mining", "fra-eng", "test", {**pairs, "lang": ["fra-eng"] * 1000})


def test_a_corpus_from_wikipedia(wikipedia):
    corpus = corpora.hub_corpus(("en", "fr"), 6)
    assert corpus.train["fr"][:2] == [
        "Voici un long article, le numéro 0.",
        "Il continue ici longuement.",
    ]
    assert len(corpus.train["en"]) == len(corpus.train["fr"]) == 6
    assert len(corpus.dev["en"]) == len(corpus.test["fr"]) == 500
    assert corpus.test["fr"][0] == "Phrase 500 en français."
    assert corpus.test["en"][0] == "Tatoeba sentence number 500 in English."
    assert ("house", "maison") in corpus.dictionary["train"] + corpus.dictionary["test"]
    known = {target for _, target in corpus.dictionary["train"]}
    assert corpus.dictionary["test"] and not known & {b for _, b in corpus.dictionary["test"]}
    assert corpus.checksum == corpora.hub_corpus(("en", "fr"), 6).checksum
    assert corpus.checksum != corpora.hub_corpus(("en", "fr"), 5).checksum


def test_held_out_sentences_are_not_trained_on(wikipedia):
    corpus = corpora.hub_corpus(("en",), 8)
    assert "This is article number 2 of many." in corpus.train["en"]
    assert "This is article number 3 of many." not in corpus.train["en"]
    assert corpus.dictionary == {}


def test_one_language_may_be_read_from_the_web(wikipedia, mirror):
    pages = [f"Une page du web, la numéro {n}, assez longue." for n in range(9)]
    mirror("allenai/c4", "fr", "train", {"text": pages})
    corpus = HubText(languages=("en", "fr"), sentences=6, web=("fr",)).corpus()
    encyclopedic = corpora.hub_corpus(("en", "fr"), 6)
    assert list(corpus.train["fr"]) == pages[:6]
    assert list(corpus.train["en"]) == list(encyclopedic.train["en"])
    assert (corpus.dev, corpus.test) == (encyclopedic.dev, encyclopedic.test)
    assert corpus.checksum != encyclopedic.checksum


def test_english_of_the_web_is_of_the_same_make(wikipedia, mirror):
    mirror("allenai/c4", "en-multi", "train", {"text": ["A page of the web, long enough."] * 3})
    corpus = corpora.hub_corpus(("en",), 3, web=("en",))
    assert list(corpus.train["en"]) == ["A page of the web, long enough."] * 3


def test_too_small_a_wikipedia_is_reported(wikipedia):
    with pytest.raises(fetch.DataUnavailable, match="18 sentences; 100 were asked for"):
        corpora.hub_corpus(("fr", "en"), 100)


def test_sentences_of_a_text():
    text = "One. Two is 2.5 long!\nThree"
    assert list(corpora.split_sentences(text)) == ["One.", "Two is 2.5 long!", "Three"]
    assert list(corpora.split_sentences("一。二！三")) == ["一。", "二！", "三"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fetch.load_hub("xnli", "fr", "test"), "dataset_id is 'xnli'"),
        (
            lambda: fetch.load_hub("../..", "fr", "test"),
            r"dataset_id is '../..'; allowed is '<owner>",
        ),
        (lambda: fetch.load_hub("some/...", "fr", "test"), "dataset_id is 'some/...'"),
        (lambda: fetch.load_hub("some/set/x", "fr", "test"), "dataset_id is 'some/set/x'"),
        (lambda: fetch.load_hub("/some/set", "fr", "test"), "dataset_id is '/some/set'"),
        (lambda: fetch.load_hub(None, "fr", "test"), "dataset_id is None"),
        (lambda: fetch.load_hub("some/set", "../../../", "test"), "config is '../../../'; allowed"),
        (lambda: fetch.load_hub("some/set", "..", "test"), "config is '..'; allowed is a name"),
        (lambda: fetch.load_hub("some/set", "", "test"), "config is ''; allowed"),
        (lambda: fetch.load_hub("some/set", "fr", "../test"), "split is '../test'; allowed"),
        (lambda: fetch.load_hub("some/set", "fr\n", "test"), "config is 'fr"),
        (lambda: corpora.tatoeba("en"), "language is 'en'"),
        (lambda: corpora.hub_corpus(("fr", "de"), 9), "English and another one"),
        (lambda: corpora.hub_corpus(("en", "en"), 9), "English and another one"),
        (lambda: corpora.hub_corpus(("en",), 0), "sentences is 0"),
        (
            lambda: corpora.hub_corpus(("en", "fr"), 9, ("de",)),
            "web is 'de'; allowed are 'en', 'fr'",
        ),
        (lambda: HubText(web=("de",)), "web is .de.; allowed are .en., .fr."),
    ],
)
def test_bad_input_is_refused_in_one_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_run_names_the_public_data_it_read_after_the_checksum_of_what_ships(mirror, tmp_path):
    mirror("some/set", "en", "test", {"text": ["a"]})
    mirror("some/set", "en", "train", {"text": ["b"]})

    @names_reads
    def inner(run):
        fetch.load_hub("some/set", "en", "train")
        return {"data": ""}

    @names_reads
    def outer(run):
        inner(run)
        fetch.load_hub("some/set", "en", "test")
        return {"data": "1234", "records": []}

    content = (tmp_path / "some/set/en/test.parquet").read_bytes()
    version = hashlib.sha256(content).hexdigest()
    outcome = outer(None)
    assert outcome == {"data": f"1234; some/set/en/test@{version}", "records": []}
    run = WordVectors(text={"kind": "shipped"})
    own = run.checksum()
    assert run.is_of(own) and run.is_of(f"{own}; some/set/en/test@{version}")
    assert not run.is_of(f"0{own}; some/set/en/test@{version}") and not run.is_of("")
