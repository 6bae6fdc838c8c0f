"""Labelled spans from examples and their representations, and the scores of labels."""

from dataclasses import replace

import pytest
import torch

from isomorph.measure.probe_data import labelled_spans
from isomorph.measure.probes import fit_probe
from isomorph.measure.represent import Representation, represent
from isomorph.text.examples import TAG, TREE, Examples, PairExample, TaggedExample, TreeExample

from .clouds import gaussian

NAMES = ("noun", "verb", "other")

TAGGED = Examples(
    TAG,
    ("O", "B-PER", "I-PER", "B-LOC"),
    (
        TaggedExample(("the", "dogs", "sat"), ("B-PER", "I-PER", "O")),
        TaggedExample(("a", "mat", "trees"), ("I-PER", "B-LOC", "B-LOC")),
    ),
    "made up",
)
TREES = Examples(
    TREE,
    ("root", "det", "nsubj"),
    (
        TreeExample(("the", "dogs", "sat"), (2, 3, 0), ("det", "nsubj", "root")),
        TreeExample(("a", "mat"), (2, 0), ("det", "root")),
    ),
    "made up",
)


def words_of(examples):
    return [list(item.words) for item in examples.items]


def test_spans_of_tags_entities_and_edges(model, tokenizer):
    found = represent(model, tokenizer, words_of(TAGGED), level="word")
    tags = labelled_spans(found, TAGGED, "pos")
    assert tags.first.tolist() == [[i, i + 1] for i in range(6)]
    assert [tags.names[label] for label in tags.labels] == [
        *TAGGED.items[0].tags,
        *TAGGED.items[1].tags,
    ]
    assert tags.types == ("the", "dogs", "sat", "a", "mat", "trees")
    assert tags.second is None and tags.layers is found.layers
    named = labelled_spans(found, TAGGED, "entity")
    assert named.first.tolist() == [[0, 2], [3, 4], [4, 5], [5, 6]]
    assert named.names == ("PER", "LOC") and named.labels.tolist() == [0, 0, 1, 1]
    assert named.types[0] == "the dogs"
    edges = labelled_spans(
        represent(model, tokenizer, words_of(TREES), level="word"), TREES, "relation"
    )
    assert edges.first.tolist() == [[0, 1], [1, 2], [3, 4]]
    assert edges.second.tolist() == [[1, 2], [2, 3], [4, 5]]
    assert edges.labels.tolist() == [1, 2, 1]
    assert edges.types == ("the", "dogs", "a")
    probe = fit_probe(edges, edges)
    assert len(probe.shares) == 4 and probe.predict(edges).shape == (3,)


def test_entities_end_where_another_begins():
    tags = ("B-A", "B-A", "I-A", "I-B", "O", "I-A", "I-A")
    words = tuple("abcdefg")
    examples = Examples(TAG, ("O", "B-A", "I-A", "I-B"), (TaggedExample(words, tags),), "made up")
    found = Representation({0: gaussian(7, 3, 0)}, torch.zeros(7).long(), torch.arange(7), 0)
    spans = labelled_spans(found, examples, "entity")
    assert spans.first.tolist() == [[0, 1], [1, 3], [3, 4], [5, 7]]
    assert [spans.names[label] for label in spans.labels] == ["A", "A", "B", "A"]


def test_spans_whose_words_have_no_vector_are_left_out():
    # The second word of the first text, and the last of the second, were not read.
    found = Representation(
        {0: gaussian(4, 3, 0)}, torch.tensor([0, 0, 1, 1]), torch.tensor([0, 2, 0, 1]), 1
    )
    tags, named = labelled_spans(found, TAGGED, "pos"), labelled_spans(found, TAGGED, "entity")
    assert tags.types == ("the", "sat", "a", "mat")
    assert named.first.tolist() == [[2, 3], [3, 4]]


def test_a_representation_of_something_else_is_refused(model, tokenizer):
    for level, words in {"word": "vector of word", "sentence": "one vector a text"}.items():
        found = represent(model, tokenizer, words_of(TAGGED), level=level)
        fewer = replace(TAGGED, items=TAGGED.items[:1]) if level == "word" else TAGGED
        with pytest.raises(ValueError, match=words):
            labelled_spans(found, fewer, "pos")
    with pytest.raises(ValueError, match="task 'ner'; allowed is 'parsing'"):
        labelled_spans(found, TAGGED, "relation")
    with pytest.raises(ValueError, match="task 'nli'"):
        labelled_spans(
            found, Examples("nli", ("x",), (PairExample("a", "b", "x"),), "made up"), "pos"
        )
    lonely = replace(TAGGED, items=(TaggedExample(("the",), ("O",)),))
    with pytest.raises(ValueError, match="no labelled span"):
        labelled_spans(represent(model, tokenizer, [["the"]], level="word"), lonely, "entity")
