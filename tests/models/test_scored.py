"""One text alone, and a number in place of a label: read, learnt and refused."""

import numpy as np
import pytest
import torch

from isomorph.measure.correlation import spearman
from isomorph.models.finetune import finetune, head_for, predict
from isomorph.models.inputs import encode
from isomorph.models.settings import TuningConfig
from isomorph.text.examples import PAIR, SCORE, Examples, PairExample, ScoredExample
from tests.models import toy

FAST = TuningConfig(epochs=6, batch=16, learning_rate=5e-3, head_rate=5e-3, pooling="mean")


def alone(count: int, seed: int = 0) -> Examples:
    """Whether the animal of a text is small."""
    generator = np.random.default_rng(seed)
    items = []
    for _ in range(count):
        small = generator.random() < 0.5
        word = generator.choice(toy.SMALL if small else toy.LARGE)
        items.append(PairExample(f"the {word} sees oslo .", None, "small" if small else "large"))
    return Examples(PAIR, ("small", "large"), tuple(items), "toy alone")


def scored(count: int, seed: int = 0) -> Examples:
    """How many of two animals are large."""
    generator = np.random.default_rng(seed)
    items = []
    for _ in range(count):
        words = generator.choice([*toy.SMALL, *toy.LARGE], size=2)
        first, second = (f"the {word} sees oslo ." for word in words)
        items.append(ScoredExample(first, second, float(np.isin(words, toy.LARGE).sum())))
    return Examples(SCORE, (), tuple(items), "toy scored")


@pytest.mark.parametrize("kind", toy.KINDS)
def test_one_text_is_read_as_one_and_learnt(kind):
    language = "a" if kind == "ours" else None
    head = head_for(PAIR, toy.model(kind), ("small", "large"), seed=0, pooling="mean")
    tokenizer = toy.tokenizer(kind)
    (row, *_) = head.encode(alone(5), tokenizer)
    assert set(row.segments) == {0}
    finetune(head, alone(200), tokenizer, FAST, language=language, device="cpu", progress=False)
    held_out = alone(60, seed=1)
    answers = predict(head, held_out, tokenizer, language=language)
    assert np.mean([item.label == a for item, a in zip(held_out.items, answers, strict=True)]) > 0.9


def test_a_text_alone_is_cut_to_what_the_encoder_reads():
    long = Examples(PAIR, ("x",), (PairExample("oslo " * 50, None, "x"),), "toy")
    for each in (False, True):
        (row,) = encode(long, toy.tokenizer("ours"), ("x",), longest=12, each=each)
        assert len(row.ids) == 12


def test_texts_with_and_without_a_second_do_not_mix():
    both = Examples(PAIR, ("x",), (PairExample("a", None, "x"), PairExample("a", "b", "x")), "toy")
    with pytest.raises(ValueError, match="some examples have a second text and some have none"):
        encode(both, toy.tokenizer("ours"), ("x",), longest=20)


@pytest.mark.parametrize("kind", toy.KINDS)
def test_a_number_is_learnt(kind):
    language, tokenizer = "a" if kind == "ours" else None, toy.tokenizer(kind)
    head = head_for(SCORE, toy.model(kind), (), seed=0, pooling="mean")
    losses = finetune(
        head, scored(300), tokenizer, FAST, language=language, device="cpu", progress=False
    )
    assert losses[-1] < losses[0]
    held_out = scored(60, seed=1)
    answers = predict(head, held_out, tokenizer, language=language)
    assert all(isinstance(answer, float) for answer in answers)
    assert spearman(answers, [item.score for item in held_out.items]).value > 0.8


def test_the_loss_is_the_mean_squared_error():
    head = head_for(SCORE, toy.model("ours"), (), seed=0, pooling="mean").eval()
    tokenizer, few = toy.tokenizer("ours"), scored(7)
    batch = head.collate(head.encode(few, tokenizer), tokenizer)
    assert batch.targets.dtype == torch.float32
    with torch.no_grad():
        loss = float(head.loss(batch, "a"))
        answers = head.decide(batch, "a")
    gold = np.array([item.score for item in few.items])
    assert loss == pytest.approx(np.mean((np.array(answers) - gold) ** 2), rel=1e-5)
