"""Rows that are not as they have to be: each refused by its number, or read by the format's rules."""

import re

import pyarrow as pa
import pytest
from datasets import ClassLabel, Dataset, Features, List, Value

from isomorph.text import corpora, fetch
from isomorph.text.examples import TreeExample, scored_pairs
from isomorph.text.tasks import examples

GOOD = {
    "xnli": {"premise": "a", "hypothesis": "b", "label": 2},
    "wikiann": {"tokens": ["a", "b"], "ner_tags": [1, 2]},
    "rte": {"sentence1": "a", "sentence2": "b", "label": 1},
    "stsb": {"sentence1": "a", "sentence2": "b", "label": 2.5},
    "trees": {
        "tokens": ["a", "b"],
        "upos": ["NOUN", "VERB"],
        "head": ["2", "0"],
        "deprel": ["nsubj", "root"],
    },
    "sts": {"sentence1": "a", "sentence2": "b", "score": 2.5},
    "stories": {"sentences": ["a", "b"]},
    "squad": {
        "question": "who?",
        "context": "it is ann",
        "answers": {"text": ["ann"], "answer_start": [6]},
    },
}
READ = {
    "xnli": (("facebook/xnli", "en", "test"), lambda: examples("xnli", "en", "test").items),
    "wikiann": (
        ("unimelb-nlp/wikiann", "en", "test"),
        lambda: examples("wikiann", "en", "test").items,
    ),
    "rte": (("nyu-mll/glue", "rte", "train"), lambda: examples("rte", "en", "train").items),
    "stsb": (("nyu-mll/glue", "stsb", "train"), lambda: examples("stsb", "en", "train").items),
    "trees": (
        ("universal-dependencies/universal_dependencies", "en_ewt", "test"),
        lambda: examples("universal_dependencies", "en", "test").items,
    ),
    "sts": (("mteb/sts12-sts", "default", "test"), lambda: scored_pairs("sts12").scores),
    "stories": (
        ("local/sentence-ordering", "sind", "test"),
        lambda: examples("sind", "en", "test").items,
    ),
    "squad": (
        ("rajpurkar/squad", "plain_text", "validation"),
        lambda: examples("squad", "en", "test").items,
    ),
}


@pytest.fixture
def put(mirror):
    """Write rows as what a name of READ reads, and give the function that reads it."""

    def write(name, rows, schema=None):
        where, read = READ[name]
        mirror(*where, pa.Table.from_pylist(rows, schema))
        return read

    return write


@pytest.mark.parametrize("name", GOOD)
def test_what_is_as_it_has_to_be_is_read(put, name):
    assert len(put(name, [GOOD[name]] * 3)()) == 3


BAD = [
    ("xnli", {"label": -1}, "label is -1, which marks a row without a label; allowed are 0 (ent"),
    ("xnli", {"label": 3}, "label is 3; allowed are 0 (entailment), 1 (neutral), 2 (contradiction)"),
    ("xnli", {"label": None}, "label is None; allowed are 0"),
    ("xnli", {"premise": None}, "premise is None; allowed is some text"),
    ("xnli", {"hypothesis": " "}, "hypothesis is ' '; allowed is some text"),
    ("wikiann", {"ner_tags": [1, -1]}, "ner_tags[1] is -1, which marks a row without a label"),
    ("wikiann", {"ner_tags": [1, 7]}, "ner_tags[1] is 7; allowed are 0 (O), 1 (B-PER)"),
    ("wikiann", {"ner_tags": [1, 2, 0]}, "ner_tags is [1, 2, 0]; allowed is a list of 2, one for"),
    ("wikiann", {"ner_tags": None}, "ner_tags is None; allowed is a list of 2"),
    ("wikiann", {"tokens": []}, "tokens is []; allowed is a list of one text at least"),
    ("wikiann", {"tokens": ["a", None]}, "tokens[1] is None; allowed is some text"),
    ("rte", {"label": -1}, "label is -1, which marks a row without a label"),
    ("rte", {"sentence2": None}, "sentence2 is None; allowed is some text"),
    ("stsb", {"label": -1.0}, "label is -1.0; allowed is a number from 0 to 5"),
    ("stsb", {"label": float("nan")}, "label is nan; allowed is a number from 0 to 5"),
    ("sts", {"score": float("inf")}, "score is inf; allowed is a number"),
    ("sts", {"score": None}, "score is None; allowed is a number"),
    ("stories", {"sentences": ["a", None]}, "sentences[1] is None"),
    ("squad", {"answers": None}, "answers is None; allowed are 'text' and 'answer_start'"),
    ("squad", {"answers": {"text": ["ann"], "answer_start": [1]}}, "start is 1; allowed is where"),
    ("squad", {"answers": {"text": ["ann"], "answer_start": [None]}}, "answers is {'text': ['ann']"),
    ("squad", {"context": None}, "context is None; allowed is some text"),
    ("trees", {"head": ["3", "0"]}, "the head of word 1 is 3; allowed is 0, of the root, or the"),
    ("trees", {"head": ["1", "0"]}, "the head of word 1 is 1; allowed is 0"),
    ("trees", {"head": ["0", "0"]}, "the roots are [1, 2]; allowed is one word whose head is 0"),
    ("trees", {"head": ["2", "1"]}, "the roots are []; allowed is one word"),
    ("trees", {"head": ["-1", "0"]}, "head[0] is '-1'; allowed is the place of a word, or 0"),
    ("trees", {"head": ["x", "0"]}, "head[0] is 'x'; allowed is the place of a word, or 0"),
    ("trees", {"head": [None, "None"]}, "head is [None, 'None']; allowed is one word with a head"),
    ("trees", {"head": ["0"]}, "head is ['0']; allowed is a list of one for each of 2 tokens"),
    ("trees", {column: [] for column in GOOD["trees"]}, "head is []; allowed is one word with a head"),
    ("trees", {"deprel": ["subject", "root"]}, "relation is 'subject'; allowed are 'acl'"),
    ("trees", {"deprel": ["nsubj", "obj"]}, "the words [] have the relation 'root'; allowed is word 2"),
    ("trees", {"deprel": ["root", "root"]}, "the words [1, 2] have the relation 'root'"),
    ("trees", {"deprel": ["root:x", "obj"]}, "the words [1] have the relation 'root'; allowed is"),
    ("trees", {"deprel": [None, "root"]}, "deprel[0] is None; allowed is some text"),
    ("trees", {"upos": ["N", "VERB"]}, "upos[0] is 'N'; allowed are 0 (NOUN)"),
    ("trees", {"tokens": [None, "b"]}, "tokens[0] is None; allowed is some text"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "changed", "sentence"), BAD)
def test_a_row_that_is_not_is_refused_by_its_number(put, name, changed, sentence):
    read = put(name, [GOOD[name], GOOD[name] | changed, GOOD[name]])
    where = re.escape(fetch.named(*READ[name][0]))
    with pytest.raises(ValueError, match=f"^{where}, row 1: {re.escape(sentence)}") as caught:
        read()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", GOOD)
def test_a_column_that_is_not_there_is_named(put, name):
    for column in GOOD[name]:
        read = put(name, [{"other": 1} | {n: v for n, v in GOOD[name].items() if n != column}])
        with pytest.raises(ValueError, match=f"has no column '{column}'; it has 'other'"):
            read()


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("value", [True, 1.5, [["a"]], {"a": 1}, [{"a": 1}]])
def test_a_column_of_another_kind_is_refused(put, name, value):
    for column in GOOD[name]:
        if column == "score" and value == 1.5 or (name, column, value) == ("stsb", "label", 1.5):
            continue
        with pytest.raises(ValueError, match=r", row 0: "):
            put(name, [GOOD[name] | {column: value}])()


@pytest.mark.parametrize("name", GOOD)
def test_a_file_without_rows_is_refused(put, name):
    schema = pa.Table.from_pylist([GOOD[name]]).schema
    with pytest.raises(ValueError, match="has no rows; at least one is needed"):
        put(name, [], schema)()


def test_a_row_keeps_its_number_whatever_is_chosen(put, mirror):
    rows = [GOOD["rte"]] * 40
    rows[29] = GOOD["rte"] | {"label": -1}
    mirror("nyu-mll/glue", "rte", "validation", pa.Table.from_pylist(rows))
    said = []
    for split in ("dev", "test"):
        try:
            examples("rte", "en", split)
        except ValueError as problem:
            said.append(str(problem))
    assert len(said) == 1 and "(rte, validation), row 29: label is -1" in said[0]


def test_a_part_without_rows_is_refused(mirror):
    one = pa.Table.from_pylist([GOOD["rte"]])
    mirror("nyu-mll/glue", "rte", "validation", one)
    with pytest.raises(ValueError, match=r"\(rte, validation\) has 1 rows; dev and test need one"):
        examples("rte", "en", "dev")
    mirror("local/sentence-ordering", "sind", "test", {"sentences": [["a"], ["b", "b"]]})
    with pytest.raises(ValueError, match="ordering sind test has no text to put in order"):
        examples("sind", "en", "test")


def test_questions_of_many_languages_are_told_apart_by_their_id(mirror):
    rows = [GOOD["squad"] | {"id": own} for own in ("english-1", "2", "korean-3")]
    tydi = ("google-research-datasets/tydiqa", "secondary_task", "validation")
    mirror(*tydi, pa.Table.from_pylist(rows))
    assert len(examples("tydiqa", "en", "test").items) == 2
    mirror(*tydi, pa.Table.from_pylist([*rows, GOOD["squad"] | {"id": None}]))
    with pytest.raises(ValueError, match="row 3: id is None; allowed is some text"):
        examples("tydiqa", "en", "test")
    mirror(*tydi, pa.Table.from_pylist([GOOD["squad"]]))
    with pytest.raises(ValueError, match="has no column 'id'; it has 'question'"):
        examples("tydiqa", "en", "test")


def test_labels_go_by_their_names_where_a_file_has_them_in_another_order():
    ours = ("entailment", "neutral", "contradiction")
    label = ClassLabel(names=["contradiction", "entailment", "neutral"])
    rows = Dataset.from_dict({"label": [0]}, features=Features({"label": label}))
    own = fetch.declared(rows, "label", ours, "a set")
    assert fetch.label(rows[0], "label", own) == "contradiction"
    listed = Dataset.from_dict({"label": [[0]]}, features=Features({"label": List(label)}))
    assert fetch.declared(listed, "label", ours, "a set") == label.names
    plain = Dataset.from_dict({"label": [0]}, features=Features({"label": Value("int64")}))
    assert fetch.declared(plain, "label", ours, "a set") == ours
    with pytest.raises(ValueError, match="a set: label has the labels contradiction, .*allowed"):
        fetch.declared(rows, "label", ("yes", "no"), "a set")


def test_a_label_may_be_told_by_its_name(put):
    assert put("xnli", [GOOD["xnli"] | {"label": "neutral"}])()[0].label == "neutral"


def test_nodes_without_a_head_are_no_words_and_words_may_lack_a_part_of_speech(put):
    for head in (None, "None", "_"):
        nodes = {
            "tokens": ["a", "b", "c"], "upos": ["NOUN", "VERB", "VERB"], "head": ["2", "0", head],
            "deprel": ["nsubj", "root", None],
        }  # fmt: skip
        (tree,) = put("trees", [nodes])()
        assert (tree.words, tree.heads) == (("a", "b"), (2, 0))
    untagged = {
        **nodes,
        "upos": ["_", "VERB", "NOUN"],
        "head": [2, 0, 2],
        "deprel": ["obj", "root", "obj"],
    }
    (tree,) = put("trees", [untagged])()
    assert (tree.words, tree.heads) == (("a", "b", "c"), (2, 0, 2))
    with pytest.raises(ValueError, match=r"row 0: upos\[0\] is '_'; allowed are 0 \(NOUN\)"):
        examples("parts_of_speech", "en", "test")


def test_where_words_have_columns_of_their_own_each_needs_a_head(put):
    new = GOOD["trees"] | {"mwt": [{"id": "1-2"}]}
    assert put("trees", [new])()[0].heads == (2, 0)
    with pytest.raises(ValueError, match=r"row 0: head\[0\] is '_'; allowed is the place"):
        put("trees", [new | {"head": ["_", "0"]}])()


def test_a_circle_of_heads_is_shown():
    TreeExample(tuple("abcd"), (2, 0, 4, 2), ("obj", "root", "obj", "obj"))
    with pytest.raises(ValueError, match=r"the words \[3, 4, 5\] are each other's heads"):
        TreeExample(tuple("abcde"), (2, 0, 4, 5, 3), ("obj", "root", "obj", "obj", "obj"))


def test_texts_that_are_streamed_or_paired_are_judged_too(mirror):
    pairs = {"sentence1": ["a", None], "sentence2": ["b", "c"]}
    mirror("mteb/tatoeba-bitext-mining", "fra-eng", "test", pairs)
    with pytest.raises(ValueError, match=r"\(fra-eng, test\), row 1: sentence1 is None"):
        corpora.tatoeba("fr")
    few = {"sentence1": ["a"] * 500, "sentence2": ["b"] * 500}
    mirror("mteb/tatoeba-bitext-mining", "fra-eng", "test", few)
    with pytest.raises(
        fetch.DataUnavailable, match="holds 500 sentences; more than 500 are needed"
    ):
        corpora.hub_corpus(("en", "fr"), 1)
    mirror("mteb/tatoeba-bitext-mining", "fra-eng", "test", {n: t * 2 for n, t in few.items()})
    for text, message in (
        ({"text": ["", None]}, r"\(20231101.en, train\), row 1: text is None; allowed is a text"),
        ({"texts": ["a"]}, r"row 0: it has no column 'text'; it has 'texts'"),
    ):
        mirror("wikimedia/wikipedia", "20231101.en", "train", text)
        with pytest.raises(ValueError, match=message):
            corpora.hub_corpus(("en",), 1)
