"""Tuning learns, freezes what belongs to one language, and depends on its seed alone."""

import numpy as np
import pytest
import torch
from torch import nn

from isomorph.models.finetune import POOL, _shuffled, finetune, make_optimiser, predict
from isomorph.models.settings import TuningConfig
from isomorph.runs.tasks import KINDS
from isomorph.text.examples import (
    PAIR,
    SPEECH,
    TAG,
    TASKS,
    TREE,
    Examples,
    PairExample,
    TaggedExample,
    TreeExample,
)
from tests.models import toy

FAST = TuningConfig(epochs=4, batch=16, learning_rate=5e-3, head_rate=5e-3)
PARTS = ("embeddings", "special", "positions", "layer.0")


def tune(head, wanted: Examples, config: TuningConfig = FAST, kind: str = "ours", **settings):
    settings = {"device": "cpu", "progress": False, "language": "a"} | settings
    return finetune(head, wanted, toy.tokenizer(kind), config, **settings)


def answers(head, wanted: Examples, language: str = "a", **settings):
    return predict(
        head, wanted, toy.vocabulary().tokenizer(language), language=language, **settings
    )


def weights(module) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in module.state_dict().items()}


MAIN = {PAIR: "accuracy", TAG: "f1", TREE: "las", SPEECH: "accuracy"}


def score(examples, found) -> dict[str, float]:
    return KINDS[examples.task].scores(examples, found)


def differing(before: dict, after: dict) -> set[str]:
    return {name for name in before if not torch.equal(before[name], after[name])}


@pytest.mark.parametrize("kind", toy.KINDS)
@pytest.mark.parametrize("task", TASKS)
def test_every_head_learns_on_every_encoder(task, kind):
    head, language = toy.head(task, kind), "a" if kind == "ours" else None
    losses = tune(head, toy.examples(task, count=200), kind=kind, language=language)
    assert len(losses) == FAST.epochs and losses[-1] < 0.5 * losses[0]
    held_out = toy.examples(task, count=60, seed=1)
    found = predict(head, held_out, toy.tokenizer(kind), language=language)
    assert score(held_out, found)[MAIN[task]] > 0.9
    assert not head.training


RECORDED = {  # mean losses of the epochs, before any study of fine-tuning had its options
    (PAIR, "bert", 0.1): [0.8825945, 0.6970622, 0.7223226],
    (TAG, "ours", 0.3): [1.0717337, 0.2361707, 0.1461460],
    (TREE, "ours", 0.0): [3.0495506, 1.7043127, 1.0940211],
    (TAG, "roberta", 0.0): [1.1063405, 0.6408103, 0.4758902],
}


@pytest.mark.parametrize(("task", "kind", "dropout"), RECORDED)
def test_tuning_is_that_of_a_plain_loop_to_the_bit(task, kind, dropout):
    config = TuningConfig(epochs=3, batch=7, learning_rate=5e-3)
    wanted, language = toy.examples(task, count=40), "a" if kind == "ours" else None
    head, plain = (toy.head(task, kind, dropout=dropout) for _ in range(2))
    losses = tune(head, wanted, config, kind=kind, language=language)
    assert losses == pytest.approx(RECORDED[task, kind, dropout], rel=1e-2)

    rows = plain.encode(wanted, toy.tokenizer(kind))
    own = set(plain.encoder.parameters())
    optimiser = torch.optim.AdamW(
        [
            {"params": [p], "lr": 5e-3 if p in own else 1e-3, "weight_decay": 0.01 * (p.ndim > 1)}
            for p in plain.parameters()
        ],
        fused=True,
    )
    peaks, step, expected = [group["lr"] for group in optimiser.param_groups], 0, []
    plain.train()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for epoch in range(3):
            total = 0.0
            for batch in _shuffled(rows, 7, 0, epoch):
                for group, peak in zip(optimiser.param_groups, peaks, strict=True):
                    group["lr"] = peak * config.rate(step, 18)
                optimiser.zero_grad()
                loss = plain.loss(plain.collate(batch, toy.tokenizer(kind)), language)
                loss.backward()
                nn.utils.clip_grad_norm_(plain.parameters(), 1.0)
                optimiser.step()
                total, step = total + float(loss.detach()), step + 1
            expected.append(total / 6)
    assert losses == expected and not differing(weights(head), weights(plain))


def test_a_mean_pooled_pair_is_learnt_by_the_mark_of_the_second_sentence():
    head = toy.head(PAIR, pooling="mean")
    tune(head, toy.examples(PAIR, count=200))
    held_out = toy.examples(PAIR, count=60, seed=1)
    assert score(held_out, answers(head, held_out))["accuracy"] > 0.95
    with torch.no_grad():
        head.second.zero_()
    assert score(held_out, answers(head, held_out))["accuracy"] < 0.8


@pytest.mark.parametrize("part", PARTS)
def test_what_belongs_to_one_language_is_frozen_and_what_is_shared_moves(part):
    head = toy.head_of(TAG, toy.ours(specific=(part,)))
    before = weights(head)
    tune(head, toy.examples(TAG, count=20), TuningConfig(epochs=1, batch=5))
    moved = differing(before, weights(head))
    own = {name for name in before if ".a." in name or ".b." in name}
    assert own and not moved & own
    # Of shared weights only those stay that no example reads, or that need no marking of pairs.
    assert set(before) - own - moved <= {"second"}


def test_each_language_reads_with_its_own_parts_after_tuning():
    head = toy.head_of(TAG, toy.ours(specific=("embeddings", "layer.0")))
    tune(head, toy.examples(TAG, count=160))
    test = {language: toy.examples(TAG, language, count=30, seed=1) for language in ("a", "b")}
    there = {language: answers(head, test[language], language) for language in test}
    assert score(test["a"], there["a"])["f1"] > 0.5
    with torch.no_grad():
        for part in head.encoder.specific_parts():
            for parameter in part["a"].parameters():
                parameter.zero_()
    assert answers(head, test["a"], "a") != there["a"]
    assert answers(head, test["b"], "b") == there["b"]


def test_the_same_words_in_both_languages_are_tagged_alike_where_all_is_shared():
    head = toy.head(TAG)
    tune(head, toy.examples(TAG, count=40))
    test = toy.examples(TAG, count=20, seed=1)
    assert answers(head, test, "a") == answers(head, test, "b")


@pytest.mark.parametrize("task", [PAIR, TREE])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_the_seed_alone_decides_what_is_learnt(task, dropout):
    wanted, config = toy.examples(task, count=40), FAST.model_copy(update={"epochs": 1})
    found = []
    for seed, elsewhere in ((0, 98), (0, 99), (1, 98)):
        torch.manual_seed(elsewhere)
        head = toy.head(task, dropout=dropout)
        losses = tune(head, wanted, config, seed=seed)
        found.append((losses, weights(head)))
    assert found[0][0] == found[1][0] and not differing(found[0][1], found[1][1])
    assert found[0][0] != found[2][0] and differing(found[0][1], found[2][1])


def test_dropout_draws_and_only_in_tuning():
    wanted, config = toy.examples(TAG, count=40), FAST.model_copy(update={"epochs": 1})
    with_dropout, without = toy.head(TAG, dropout=0.5), toy.head(TAG)
    assert tune(with_dropout, wanted, config) != tune(without, wanted, config)
    assert answers(with_dropout, wanted) == answers(with_dropout, wanted)


def test_global_randomness_is_left_alone():
    torch.manual_seed(5)
    np.random.seed(5)
    before, numbers = torch.get_rng_state(), np.random.get_state()[1].copy()
    head = toy.head(TREE, "bert", dropout=0.2)
    tune(head, toy.examples(TREE, count=20), TuningConfig(epochs=1), kind="bert", language=None)
    predict(head, toy.examples(TREE, count=5), toy.tokenizer("bert"))
    assert torch.equal(before, torch.get_rng_state())
    assert (numbers == np.random.get_state()[1]).all()


@pytest.mark.parametrize("task", [TAG, TREE])
def test_answers_come_in_the_order_of_the_examples(task):
    wanted = toy.examples(task, count=30)
    lengths = [len(item.words) for item in wanted.items]
    assert lengths != sorted(lengths)
    found = answers(toy.head(task), wanted, batch=7)
    assert [len(answer if task == TAG else answer[0]) for answer in found] == lengths


def test_predicting_leaves_the_head_as_it_was():
    head, wanted = toy.head(TAG, dropout=0.5), toy.examples(TAG, count=3)
    before = weights(head)
    for training in (True, False):
        head.train(training)
        assert answers(head, wanted) == answers(head, wanted)
        assert head.training == head.encoder.training == training
    assert not differing(before, weights(head))
    assert all(p.grad is None for p in head.parameters())
    assert answers(head, Examples(TAG, wanted.names, (), "none")) == []


def test_examples_that_teach_nothing_change_nothing():
    wanted = toy.examples(TREE, count=20)
    empty = TreeExample(("\u200e",), (0,), ("root",))
    more = Examples(TREE, wanted.names, (*wanted.items, empty), "more")
    found = []
    for each in (wanted, more):
        head = toy.head(TREE)
        found.append((tune(head, each, TuningConfig(epochs=1, batch=5)), weights(head)))
    assert found[0][0] == found[1][0] and not differing(found[0][1], found[1][1])


@pytest.mark.parametrize(
    ("task", "item"),
    [
        (PAIR, PairExample("the ant", "the flea", "unknown")),
        (TAG, TaggedExample(("\u200e",), ("O",))),
        (TREE, TreeExample(("\u200e",), (0,), ("root",))),
    ],
)
def test_nothing_to_learn_from_is_refused_in_a_sentence(task, item):
    names = toy.NAMES[task]
    with pytest.raises(ValueError, match="none of the 1 examples has an answer among the names"):
        tune(toy.head(task), Examples(task, names, (item,), "nothing"))
    with pytest.raises(ValueError, match="examples has no items"):
        tune(toy.head(task), Examples(task, names, (), "none"))


def test_a_tuning_that_diverges_says_so():
    config = TuningConfig(epochs=3, learning_rate=1e30, head_rate=1e30, warmup=0)
    with pytest.raises(ValueError, match=r"tuning diverged: its loss is nan by step \d+"):
        tune(toy.head(TAG), toy.examples(TAG, count=20), config)


def test_an_absent_device_is_named(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="device is 'cuda'"):
        tune(toy.head(TAG), toy.examples(TAG, count=2), device="cuda")


def test_half_precision_learns_too():
    head = toy.head(TAG)
    config = FAST.model_copy(update={"precision": "bf16"})
    assert tune(head, toy.examples(TAG, count=100), config)[-1] < 0.4
    assert {p.dtype for p in head.parameters()} == {torch.float32}


def test_every_weight_that_is_tuned_has_its_rate_and_only_matrices_decay():
    head = toy.head_of(TREE, toy.ours(specific=("layer.0", "positions")))
    config = TuningConfig(learning_rate=1e-3, head_rate=2e-3, weight_decay=0.1)
    groups = make_optimiser(head, config).param_groups
    found = {id(p): group for group in groups for p in group["params"]}
    assert len(found) == sum(len(group["params"]) for group in groups)
    for name, parameter in head.named_parameters():
        if ".a." in name or ".b." in name:
            assert id(parameter) not in found
            continue
        group = found.pop(id(parameter))
        assert group["lr"] == (1e-3 if name.startswith("encoder.") else 2e-3), name
        assert group["weight_decay"] == (0.1 if parameter.ndim > 1 else 0.0), name
    assert not found


def test_rates_rise_and_fall():
    config = TuningConfig(warmup=0.1)
    assert [config.rate(step, 100) for step in (0, 9, 10)] == [0.1, 1.0, 1.0]
    assert config.rate(55, 100) == pytest.approx(0.5)
    assert config.rate(99, 100) == pytest.approx(1 / 90)
    constant = TuningConfig(warmup=0.0, schedule="constant")
    assert {constant.rate(step, 7) for step in range(7)} == {1.0}
    assert TuningConfig().rate(0, 1) == 1.0  # a single step has no warm-up


def test_an_epoch_takes_every_example_once_and_like_lengths_together():
    head = toy.head(TAG)
    rows = head.encode(toy.examples(TAG, count=4 * POOL + 3), toy.tokenizer("ours"))
    first, again, second = (list(_shuffled(rows, 4, 0, epoch)) for epoch in (0, 0, 1))
    assert [len(batch) for batch in first].count(4) == POOL and len(first) == POOL + 1
    read = [id(row) for batch in first for row in batch]
    assert sorted(read) == sorted(map(id, rows))
    assert [[id(r) for r in b] for b in first] == [[id(r) for r in b] for b in again]
    assert [[id(r) for r in b] for b in first] != [[id(r) for r in b] for b in second]

    def padding(batches) -> int:
        sizes = [[len(row.ids) for row in batch] for batch in batches]
        return sum(max(size) * len(size) - sum(size) for size in sizes)

    unsorted = [rows[i : i + 4] for i in range(0, len(rows), 4)]
    assert padding(first) < 0.5 * padding(unsorted)
