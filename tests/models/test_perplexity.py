"""Pseudo-perplexity: each subword is hidden exactly once, and the loss is that of a plain loop."""

import math

import pytest
import torch
import torch.nn.functional as F

from isomorph.models import pretrain as measured
from isomorph.models.inputs import IGNORED
from isomorph.models.pretrain import perplexity, pseudo_perplexity
from isomorph.text.packed import pack
from isomorph.text.vocab import MASK, SPECIAL
from tests.models import toy

TEXTS = [f"the {a} {verb} the {b} ." for a in toy.SMALL for b in toy.LARGE
         for verb in ("sees", "hears", "fears")]  # fmt: skip


@pytest.fixture
def shown(monkeypatch):
    """What a model was shown and asked: (input ids, labels) of each batch."""
    seen = []

    class Watched(measured.Batch):
        def rows(self, chosen):
            part = super().rows(chosen)
            seen.append((part.input_ids, part.labels))
            return part

    made = measured.as_batch

    def watch(*arguments):
        batch = made(*arguments)
        return Watched(
            batch.language, batch.input_ids, batch.labels, batch.positions, batch.segments
        )

    monkeypatch.setattr(measured, "as_batch", watch)
    return seen


@pytest.mark.parametrize("folds", [2, 7, 100])
def test_every_subword_is_hidden_exactly_once(shown, folds, monkeypatch):
    monkeypatch.setattr(measured, "FOLDS", folds)
    model, vocabulary = toy.ours(), toy.vocabulary()
    pseudo_perplexity(model, vocabulary, "a", TEXTS, length=12)
    ids = torch.from_numpy(pack(vocabulary.encode("a", TEXTS), 12).ids)
    times = torch.zeros_like(ids)
    assert len(shown) == folds
    for inputs, labels in shown:
        hidden = labels != IGNORED
        assert torch.equal(inputs == MASK, hidden) and torch.equal(labels[hidden], ids[hidden])
        assert torch.equal(inputs[~hidden], ids[~hidden])
        assert hidden.sum(1).max() <= math.ceil(12 / folds)
        times += hidden
    assert torch.equal(times, (ids >= len(SPECIAL)).long())


def test_it_is_the_mean_loss_of_a_plain_loop(shown):
    model, vocabulary = toy.ours(), toy.vocabulary()
    found = pseudo_perplexity(model, vocabulary, "a", TEXTS, length=12)
    packed = pack(vocabulary.encode("a", TEXTS), 12)
    losses = []
    for inputs, labels in shown:
        for row, (own, wanted) in enumerate(zip(inputs, labels, strict=True)):
            segments = torch.from_numpy(packed.segments[row])
            for segment in segments.unique():
                inside = segments == segment
                with torch.inference_mode():
                    logits = model(
                        input_ids=own[inside][None], language="a",
                        position_ids=torch.from_numpy(packed.positions[row])[inside][None],
                    ).logits[0]  # fmt: skip
                asked = wanted[inside] != IGNORED
                losses += F.cross_entropy(
                    logits[asked], wanted[inside][asked], reduction="none"
                ).tolist()
    assert found == pytest.approx(math.exp(sum(losses) / len(losses)), rel=1e-4)


def test_it_moves_less_with_the_draw_than_one_draw_of_masks():
    model, vocabulary = toy.ours(seed=3), toy.vocabulary()
    with torch.no_grad():  # far from uniform, so that subwords differ in how hard they are
        model.get_input_embeddings("a").weight.mul_(20)
    both = [
        [measure(model, vocabulary, "a", TEXTS, length=12, seed=seed) for seed in range(6)]
        for measure in (pseudo_perplexity, perplexity)
    ]
    every, one = (torch.tensor(own).log().std() for own in both)
    assert every < one / 2
    again = pseudo_perplexity(model, vocabulary, "a", TEXTS, length=12)
    assert again == both[0][0]


def test_what_it_cannot_be_is_refused():
    model, vocabulary = toy.ours(causal=True), toy.vocabulary()
    with pytest.raises(ValueError, match="model is causal"):
        pseudo_perplexity(model, vocabulary, "a", TEXTS, length=12)
    with pytest.raises(ValueError, match="no subword of the held-out text is hidden"):
        perplexity(toy.ours(), vocabulary, "a", TEXTS, length=12, masking=1e-9)
    diverged = toy.ours()
    with torch.no_grad():
        for parameter in diverged.parameters():
            parameter.mul_(1e6)
    with pytest.raises(ValueError, match="the model has diverged"):
        perplexity(diverged, vocabulary, "a", TEXTS, length=12)
