"""Links between words of parallel sentences, and the vectors they pair."""

import pytest
import torch

from isomorph.measure.represent import Representation
from isomorph.measure.words import linked_vectors, mutual_links


def words(vectors, texts, positions):
    return Representation(
        {0: torch.tensor(vectors).float()}, torch.tensor(texts), torch.tensor(positions), 0
    )


AXES = torch.eye(6).tolist()


def test_each_word_finds_its_counterpart_in_its_own_sentence_only():
    source = words([AXES[0], AXES[1], AXES[2], AXES[0]], [0, 0, 1, 1], [0, 1, 0, 1])
    target = words([AXES[1], AXES[0], AXES[0], AXES[2]], [0, 0, 1, 1], [0, 1, 0, 1])
    assert mutual_links(source, target, 0) == [(0, 0, 1), (0, 1, 0), (1, 0, 1), (1, 1, 0)]


def test_only_mutual_choices_count():
    """Two words of the source want the one word of the target; the nearer gets it."""
    near = [[1.0, 0, 0], [0.8, 0.6, 0], [0, 0, 1.0]]
    source = words(near, [0, 0, 1], [0, 1, 0])
    target = words([[1.0, 0, 0], [0, 0, 1.0]], [0, 1], [0, 0])
    assert mutual_links(source, target, 0) == [(0, 0, 0), (1, 0, 0)]


def test_a_shift_of_one_side_changes_nothing():
    torch.manual_seed(0)
    vectors = torch.randn(12, 8)
    texts, positions = [0] * 6 + [1] * 6, [*range(6), *range(6)]
    source = words(vectors.tolist(), texts, positions)
    target = words((vectors + 5).tolist(), texts, positions)
    assert mutual_links(source, target, 0) == [
        (t, i, i) for t, i in zip(texts, positions, strict=True)
    ]


def test_sentences_without_a_word_have_no_link():
    source = words([AXES[0], AXES[1]], [0, 2], [0, 0])
    target = words([AXES[0], AXES[1]], [1, 2], [0, 0])
    assert mutual_links(source, target, 0) == [(2, 0, 0)]


def test_vectors_are_those_of_the_linked_words():
    source = words([AXES[0], AXES[1], AXES[2]], [0, 0, 1], [0, 2, 5])
    target = words([AXES[3], AXES[4]], [0, 1], [1, 0])
    links = [(0, 2, 1), (1, 5, 0), (0, 1, 1), (7, 0, 0)]  # the last two have no vector
    first, second = linked_vectors(source, target, links, 0)
    assert first.tolist() == [AXES[1], AXES[2]] and second.tolist() == [AXES[3], AXES[4]]
    with pytest.raises(ValueError, match="no pair of words"):
        linked_vectors(source, target, [(9, 0, 0)], 0)
