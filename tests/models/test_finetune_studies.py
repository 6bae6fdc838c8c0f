"""What studies vary in fine-tuning does what its name says, and nothing else."""

import copy
from itertools import pairwise

import pytest
import torch
from torch import nn

from isomorph.models.blocks import blocks_of, levels, prepare, weight_distances
from isomorph.models.finetune import BertAdam, make_optimiser, overstep
from isomorph.models.settings import TuningConfig
from isomorph.text.examples import PAIR, TAG, Examples
from tests.models import toy
from tests.models.test_finetune import differing, tune, weights

FEW = toy.examples(TAG, count=40)
ONE = {"epochs": 1, "batch": 10, "learning_rate": 5e-3}  # four steps on FEW


def tuned(kind: str = "ours", seed: int = 0, encoder=None, **changes):
    """A head tuned on a few examples, and its losses."""
    head = toy.head_of(TAG, encoder or toy.model(kind))
    language = "a" if kind == "ours" else None
    return head, tune(head, FEW, TuningConfig(**ONE | changes), kind, language=language, seed=seed)


def moved(head, kind: str = "ours") -> torch.Tensor:
    """How far each entry of the encoder's weights is from where it began."""
    before = toy.model(kind).base_model.parameters()
    pairs = zip(head.encoder.parameters(), before, strict=True)
    return torch.cat([(a.detach() - b.detach()).flatten() for a, b in pairs])


def test_the_first_step_of_berts_adam_is_too_long():
    far, near = (
        moved(tuned(steps=1, weight_decay=0, warmup=0, optimiser=name)[0])
        for name in ("bert_adam", "adamw")
    )
    clear = near.abs() > 4.9995e-3  # where the gradient is so small that eps counts, it is shorter
    assert clear.sum() > 1000
    assert torch.allclose(far[clear], overstep(1) * near[clear], rtol=0.01)


def test_steps_take_the_place_of_epochs():
    by_epochs, by_steps = tuned(epochs=3), tuned(epochs=1, steps=12)
    assert by_epochs[1] == by_steps[1] and len(by_steps[1]) == 3
    assert not differing(weights(by_epochs[0]), weights(by_steps[0]))
    # Constant rates, so that what is shorter is the beginning of what is longer.
    constant = {"schedule": "constant", "warmup": 0}
    short, long = tuned(steps=6, **constant)[1], tuned(steps=8, **constant)[1]
    assert short[0] == long[0] and len(short) == len(long) == 2 and short[1] != long[1]
    # The mean of a part of an epoch is over the steps that were made.
    (one,), (two,) = tuned(steps=1, **constant)[1], tuned(steps=2, **constant)[1]
    assert 0.6 * one < two < one


@pytest.mark.parametrize("kind", ["ours", "bert"])
def test_the_weights_of_the_best_check_are_kept(kind):
    scores, seen = iter([0.2, float("nan"), 0.7, 0.7, 0.1]), []
    head, language = toy.head(TAG, kind), "a" if kind == "ours" else None
    development = toy.examples(TAG, count=10, seed=1)

    def metric(examples: Examples, answers) -> float:
        assert examples is development and len(answers) == len(examples.items)
        seen.append(weights(head))
        return next(scores)

    settings = {"kind": kind, "language": language}
    config = TuningConfig(**ONE, steps=10, checks=5)
    losses = tune(head, FEW, config, development=development, metric=metric, **settings)
    assert len(seen) == 5 and all(differing(a, b) for a, b in pairwise(seen))
    assert not differing(weights(head), seen[2]) and not head.training
    # Looking on leaves training as it was.
    alone = toy.head(TAG, kind)
    assert tune(alone, FEW, config.model_copy(update={"checks": 0}), **settings) == losses
    assert not differing(weights(alone), seen[-1])


def test_checks_start_from_no_number_and_may_outnumber_steps():
    count = []
    head = toy.head(TAG)
    config = TuningConfig(**ONE, steps=3, checks=10)
    tune(head, FEW, config, development=FEW, metric=lambda *_: count.append(1) or float("nan"))
    assert len(count) == 3


def test_checks_and_development_examples_need_each_other():
    with pytest.raises(ValueError, match="checks is 2 with no development examples; allowed"):
        tuned(checks=2)
    with pytest.raises(ValueError, match="checks is 0 with some development examples; allowed"):
        tune(toy.head(TAG), FEW, TuningConfig(), development=FEW)


@pytest.mark.parametrize("kind", ["ours", "bert", "roberta"])
def test_frozen_blocks_stay_and_all_above_moves(kind):
    start = toy.model(kind).base_model
    head, _ = tuned(kind, frozen=1)
    found = dict(head.encoder.named_parameters())
    for name, before in start.named_parameters():
        if "pooler" in name:
            continue  # nothing reads it here
        still = levels(head.encoder)[found[name]] <= 1
        assert torch.equal(found[name], before) == still, name


@pytest.mark.parametrize("kind", ["ours", "bert"])
def test_what_is_prepared_is_what_tuning_starts_from(kind):
    changes = {"kept": 2, "reinit": 1, "frozen": 1, "learning_rate": 1e-12}
    three = {"layers": 3} if kind == "ours" else {"num_hidden_layers": 3}
    encoder = toy.ours(**three) if kind == "ours" else toy.hugging_face(kind, **three)
    whole, copied = copy.deepcopy(encoder.base_model), toy.head_of(TAG, copy.deepcopy(encoder))
    prepare(copied, TuningConfig(**ONE | changes), seed=4)
    head, _ = tuned(kind, 4, encoder, **changes)
    assert len(blocks_of(head.encoder)) == 2
    assert weight_distances(head.encoder, copied.encoder) == pytest.approx([0, 0], abs=1e-6)
    blocks_of(whole).pop(2)
    lower, upper = weight_distances(head.encoder, whole)
    assert lower == 0 and upper > 0.1


def test_the_pooler_is_drawn_anew_only_where_it_is_read():
    head = toy.head(PAIR, "bert", pooling="pooler")
    before = weights(head)
    prepare(head, TuningConfig(reinit_pooler=True), seed=0)
    assert differing(before, weights(head)) == {
        "encoder.pooler.dense.weight", *([] if not before["encoder.pooler.dense.bias"].any() else
                                         ["encoder.pooler.dense.bias"])
    }  # fmt: skip
    for blind in (toy.head(PAIR, "bert"), toy.head(PAIR, "bert", pooling="mean"),
                  toy.head(TAG, "bert")):  # fmt: skip
        with pytest.raises(ValueError, match="reinit_pooler is True, but the head reads no pooler"):
            prepare(blind, TuningConfig(reinit_pooler=True), seed=0)
    ours = toy.head(TAG)
    nn.init.constant_(ours.encoder.final_norm.weight, 3.0)
    before = weights(ours)
    prepare(ours, TuningConfig(reinit_pooler=True), seed=0)
    assert differing(before, weights(ours)) == {"encoder.final_norm.weight"}


def test_a_pair_is_read_through_the_pooler():
    head, language = toy.head(PAIR, "bert", pooling="pooler"), None
    wanted = toy.examples(PAIR, count=200)
    before = weights(head)
    config = TuningConfig(epochs=4, batch=16, learning_rate=5e-3, head_rate=5e-3)
    losses = tune(head, wanted, config, "bert", language=language)
    assert losses[-1] < 0.5 * losses[0]
    assert "encoder.pooler.dense.weight" in differing(before, weights(head))
    batch = head.collate(head.encode(wanted, toy.tokenizer("bert"))[:3], toy.tokenizer("bert"))
    with torch.no_grad():
        read = head.encoder(batch.ids, batch.attention, batch.segments).pooler_output
        assert torch.allclose(head.scores(batch, None), head.out(read), atol=1e-6)
    for kind in ("ours", "bert-mlm"):
        with pytest.raises(ValueError, match="pooling is 'pooler', but this .* has none"):
            toy.head(PAIR, kind, pooling="pooler")


def test_mixing_everything_in_holds_the_linear_weights():
    head, _ = tuned("bert", mixout=1.0, weight_decay=0)
    still = [m.weight for m in toy.model("bert").base_model.modules() if isinstance(m, nn.Linear)]
    now = [m.weight for m in head.encoder.modules() if isinstance(m, nn.Linear)]
    assert all(torch.equal(a, b) for a, b in zip(still, now, strict=True))
    assert moved(head, "bert").any()  # biases, norms and embeddings are not mixed


def test_mixout_draws_by_the_seed_and_takes_the_place_of_dropout():
    losses = [tuned("bert", seed, mixout=p)[1] for seed, p in ((0, 0.5), (0, 0.5), (0, 0.0))]
    assert losses[0] == losses[1] != losses[2]
    dropping = toy.hugging_face("bert", hidden_dropout_prob=0.5)
    assert tuned("bert", encoder=dropping)[1] != losses[2]
    dropping = toy.hugging_face("bert", hidden_dropout_prob=0.5)
    almost_none = tuned("bert", encoder=dropping, mixout=1e-12)[1]
    assert almost_none == pytest.approx(losses[2], rel=1e-4)


def test_decay_towards_the_start_keeps_the_encoder_near():
    start = toy.ours().base_model
    far, near = (
        sum(weight_distances(tuned(epochs=3, pretrained_decay=decay)[0].encoder, start))
        for decay in (0.0, 100.0)
    )
    assert near < 0.8 * far
    head = toy.head(TAG)
    config = TuningConfig(weight_decay=0.1, pretrained_decay=0.01)
    found = {p: group["weight_decay"] for group in make_optimiser(head, config).param_groups
             for p in group["params"]}  # fmt: skip
    assert {found[p] for p in head.encoder.parameters()} == {0.0}
    assert found[head.out.weight] == 0.1


@pytest.mark.parametrize("name", ["adamw", "bert_adam"])
def test_rates_shrink_from_the_top_to_the_embeddings(name):
    head = toy.head(PAIR, "bert", pooling="pooler")
    config = TuningConfig(learning_rate=1e-3, head_rate=2e-3, layer_decay=0.5, optimiser=name)
    optimiser = make_optimiser(head, config)
    assert isinstance(optimiser, BertAdam if name == "bert_adam" else torch.optim.AdamW)
    rates = {p: group["lr"] for group in optimiser.param_groups for p in group["params"]}
    assert len(rates) == len(list(head.parameters()))
    expected = {"encoder.embeddings": 2.5e-4, "encoder.encoder.layer.0": 5e-4,
                "encoder.encoder.layer.1": 1e-3, "encoder.pooler": 1e-3, "out": 2e-3}  # fmt: skip
    for part, rate in expected.items():
        assert {rates[p] for p in head.get_submodule(part).parameters()} == {rate}, part
