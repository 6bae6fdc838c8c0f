"""Vectors of word types: which words have one, and means over contexts by explicit loops."""

import weakref

import pytest
import torch

from isomorph.measure import words as measured
from isomorph.measure.represent import represent
from isomorph.measure.words import (
    embedding_words,
    input_embedding,
    isolated_word_vectors,
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
    fast = word_averages(model, tokenizer, texts, words, batch_size=batch_size)
    assert fast.counts.tolist() == [3, 2, 0, 4, 1, 3]  # the tokeniser does not tell Cat from cat
    assert sorted(fast.layers) == [0, 1, 2, 3]
    for row, word in enumerate(words):
        if word == "zebra":
            assert not fast[2][row].any()
            continue
        mean, count = reference(model, tokenizer, TEXTS, word.lower())
        assert count == fast.counts[row]
        assert torch.allclose(fast[2][row], mean, atol=1e-5)


def test_an_unknown_word_has_no_average(model, tokenizer):
    found = word_averages(model, tokenizer, ["the zebra sat"], ["zebra", "sat"])
    assert found.counts.tolist() == [0, 1]


def test_more_text_keeps_no_more_than_sums(model, tokenizer, monkeypatch):
    once = word_averages(model, tokenizer, TEXTS, ["cat", "dog"])
    alive, held = [], []
    means = measured.unit_means

    def watched(hidden, index):
        alive.append(weakref.ref(hidden))
        held.append(sum(state() is not None for state in alive))
        return means(hidden, index)

    monkeypatch.setattr(measured, "unit_means", watched)
    endless = (text for _ in range(100) for text in TEXTS)
    often = word_averages(model, tokenizer, endless, ["cat", "dog"], layers=[3], batch_size=5)
    assert often.counts.tolist() == [300, 100]
    assert torch.allclose(often[3], once[3], atol=1e-5)
    assert len(held) > 50 and max(held) <= 2


def test_words_of_unspaced_text_are_looked_up_longest_first(model):
    apart, merged = make_tokenizer(), make_tokenizer(chinese=True)
    texts, words = ["上帝上", "帝上帝上帝"], ["上", "上帝"]
    found = word_averages(model, apart, texts, words, language="zh")
    assert found.counts.tolist() == [1, 3]
    tokens = represent(model, apart, texts, level="token")
    assert torch.allclose(found[2][0], tokens[2][2], atol=1e-5)
    pairs = [tokens[2][[start, start + 1]].mean(0) for start in (0, 4, 6)]
    assert torch.allclose(found[2][1], sum(pairs) / 3, atol=1e-5)
    # Here 上帝 is one subword: nothing of its own is left for a word that ends inside it.
    assert word_averages(model, merged, ["上帝"], words, language="zh").counts.tolist() == [0, 1]
    assert word_averages(model, merged, ["上帝"], ["上"], language="zh").counts.tolist() == [0]
    # A spaced language is read as the tokeniser splits it.
    assert word_averages(model, apart, texts, words).counts.tolist() == [4, 0]


def test_embedding_rows_of_single_subwords(tokenizer):
    matrix = torch.arange(40.0)[:, None].expand(40, 3).bfloat16()
    rows, kept, left_out = embedding_words(
        tokenizer, matrix, ["cat", "under", "Dog", "zebra", "s", "cat"]
    )
    assert (kept, left_out) == (["cat", "Dog"], ["under", "zebra", "s"])
    assert rows.dtype == torch.float32
    assert rows[:, 0].tolist() == [5.0 + WORDS.index("cat"), 5.0 + WORDS.index("dog")]
    nothing, kept, _ = embedding_words(tokenizer, matrix, [])
    assert nothing.shape == (0, 3) and kept == []


def test_the_embedding_of_a_language():
    torch.manual_seed(0)
    shape = {"vocabulary": 20, "languages": ("a", "b"), "layers": 1, "width": 8, "heads": 1}
    apart = BilingualMaskedLM(BilingualConfig(specific=("embeddings",), **shape))
    shared = BilingualMaskedLM(BilingualConfig(**shape))
    assert not torch.equal(input_embedding(apart, "a"), input_embedding(apart, "b"))
    assert input_embedding(shared, "a") is input_embedding(shared, "b")


def test_a_word_alone_is_between_its_special_tokens(model, tokenizer):
    alone = isolated_word_vectors(model, tokenizer, ["cat", "under"], layers=[2])
    assert sorted(alone) == [2]
    model.eval()
    for row, ids in enumerate(([2, 6, 3], [2, 12, 13, 3])):
        state = model(input_ids=torch.tensor([ids]), output_hidden_states=True).hidden_states[2]
        assert torch.allclose(alone[2][row], state[0, 1:-1].mean(0), atol=1e-5)
