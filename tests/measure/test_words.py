"""Vectors of word types: which words have one, and means over contexts by explicit loops.

Links between words of parallel sentences, and the vectors they pair.
"""

import weakref

import pytest
import torch

from isomorph.measure import words as measured
from isomorph.measure.represent import Representation, represent
from isomorph.measure.words import (
    Reader,
    embedding_words,
    input_embedding,
    linked_vectors,
    mutual_links,
    word_averages,
)
from isomorph.models.encoder import BilingualConfig
from isomorph.models.masked_lm import BilingualMaskedLM

from .conftest import WORDS, make_tokenizer

TEXTS = [
    "the Cat sat on a mat .",
    "under the trees",
    "a dog",
    "dogs sat under the cat .",
    "the cat",
]


def reference(model, tokenizer, texts, word):
    """The mean over occurrences of a word given in split texts, one text at a time."""
    found = []
    for text in texts:
        split = text.split()
        vectors = represent(model, tokenizer, [split], level="word")
        found += [vectors[2][place] for place, other in enumerate(split) if other.lower() == word]
    return sum(found) / len(found), len(found)


@pytest.mark.parametrize("batch_size", [1, 3, 64])
@pytest.mark.parametrize("split", [False, True])
def test_averages_agree_with_the_slow_reference(model, tokenizer, batch_size, split):
    words = ["cat", "under", "zebra", "the", "dogs", "CAT"]
    texts = [text.split() for text in TEXTS] if split else TEXTS
    fast = word_averages(Reader(model, tokenizer, None), texts, words, batch_size=batch_size)
    assert fast[1].tolist() == [3, 2, 0, 4, 1, 3]  # the tokeniser does not tell Cat from cat
    assert sorted(fast[0]) == [0, 1, 2, 3]
    for row, word in enumerate(words):
        if word == "zebra":
            assert not fast[0][2][row].any()
            continue
        mean, count = reference(model, tokenizer, TEXTS, word.lower())
        assert count == fast[1][row]
        assert torch.allclose(fast[0][2][row], mean, atol=1e-5)


def test_an_unknown_word_has_no_average(model, tokenizer):
    found = word_averages(Reader(model, tokenizer, None), ["the zebra sat"], ["zebra", "sat"])
    assert found[1].tolist() == [0, 1]


def test_more_text_keeps_no_more_than_sums(model, tokenizer, monkeypatch):
    once = word_averages(Reader(model, tokenizer, None), TEXTS, ["cat", "dog"])
    alive, held = [], []
    means = measured.unit_means

    def watched(hidden, index):
        alive.append(weakref.ref(hidden))
        held.append(sum(state() is not None for state in alive))
        return means(hidden, index)

    monkeypatch.setattr(measured, "unit_means", watched)
    endless = (text for _ in range(100) for text in TEXTS)
    often = word_averages(
        Reader(model, tokenizer, None), endless, ["cat", "dog"], layers=[3], batch_size=5
    )
    assert often[1].tolist() == [300, 100]
    assert torch.allclose(often[0][3], once[0][3], atol=1e-5)
    assert len(held) > 50 and max(held) <= 2


def test_words_of_unspaced_text_are_looked_up_longest_first(model):
    apart, merged = make_tokenizer(), make_tokenizer(chinese=True)
    texts, words = ["上帝上", "帝上帝上帝"], ["上", "上帝"]
    found = word_averages(Reader(model, apart, "zh"), texts, words)
    assert found[1].tolist() == [1, 3]
    tokens = represent(model, apart, texts, level="token")
    assert torch.allclose(found[0][2][0], tokens[2][2], atol=1e-5)
    pairs = [tokens[2][[start, start + 1]].mean(0) for start in (0, 4, 6)]
    assert torch.allclose(found[0][2][1], sum(pairs) / 3, atol=1e-5)
    # Here 上帝 is one subword: nothing of its own is left for a word that ends inside it.
    assert word_averages(Reader(model, merged, "zh"), ["上帝"], words)[1].tolist() == [0, 1]
    assert word_averages(Reader(model, merged, "zh"), ["上帝"], ["上"])[1].tolist() == [0]
    # A spaced language is read as the tokeniser splits it.
    assert word_averages(Reader(model, apart, None), texts, words)[1].tolist() == [4, 0]


def test_embedding_rows_of_single_subwords(tokenizer):
    matrix = torch.arange(40.0)[:, None].expand(40, 3).bfloat16()
    rows, kept = embedding_words(tokenizer, matrix, ["cat", "under", "Dog", "zebra", "s", "cat"])
    assert kept == ["cat", "Dog"]
    assert rows.dtype == torch.float32
    assert rows[:, 0].tolist() == [5.0 + WORDS.index("cat"), 5.0 + WORDS.index("dog")]
    nothing, kept = embedding_words(tokenizer, matrix, [])
    assert nothing.shape == (0, 3) and kept == []


def test_the_embedding_of_a_language():
    torch.manual_seed(0)
    shape = {"vocabulary": 20, "languages": ("a", "b"), "layers": 1, "width": 8, "heads": 1}
    apart = BilingualMaskedLM(BilingualConfig(specific=("embeddings",), **shape))
    shared = BilingualMaskedLM(BilingualConfig(**shape))
    assert not torch.equal(input_embedding(apart, "a"), input_embedding(apart, "b"))
    assert input_embedding(shared, "a") is input_embedding(shared, "b")


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
