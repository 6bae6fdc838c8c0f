"""Edge probes: planted labels, vectors that hold nothing, control tasks, spans from examples."""

from dataclasses import replace

import pytest
import torch
from scipy.stats import ortho_group

from isomorph.measure import probes
from isomorph.measure.probe_data import Spans
from isomorph.measure.probes import (
    Training,
    control_task,
    fit_probe,
    selectivity,
    train_until_it_stops,
)

from .clouds import gaussian

WIDTH, NAMES = 12, ("noun", "verb", "other")


@pytest.fixture
def short(monkeypatch):
    training = Training(learning_rate=0.01, batch=64, epochs=8, patience=3)
    monkeypatch.setattr(probes, "TRAINING", training)


def planted(n, seed, layer=2, layers=4, strength=3.0):
    """Noise in all layers, and in one of them a direction for each label."""
    vectors = {l: gaussian(n, WIDTH, 97 * seed + l).float() for l in range(layers)}
    labels = torch.arange(n) % len(NAMES)
    vectors[layer][:, : len(NAMES)] += strength * torch.eye(len(NAMES))[labels]
    rows = torch.arange(n)
    bounds = torch.stack([rows, rows + 1], 1)
    words = tuple(f"word {i // 3 % 200}" for i in range(n))
    return Spans(vectors, bounds, None, labels, NAMES, words)


def splits(train=1500, **settings):
    return [planted(n, seed, **settings) for seed, n in enumerate((train, 600, 600))]


@pytest.mark.parametrize("layer", [0, 2])
def test_the_mix_finds_the_layer_that_holds_the_labels(layer):
    train, dev, test = splits(layer=layer)
    probe = fit_probe(train, dev)
    assert probe.shares.sum() == pytest.approx(1)
    assert probe.shares[layer] > 0.85
    assert abs(probe.centre - layer) < 0.3
    assert probe.accuracy(test) > 0.95
    others = [l for l in range(4) if l != layer]
    assert fit_probe(train, dev, layers=others).accuracy(test) < 0.42
    alone = fit_probe(train, dev, layers=layer)
    assert alone.layers == (layer,) and alone.centre == layer
    assert alone.accuracy(test) > 0.95


def test_two_layers_are_mixed_as_much_as_they_hold():
    train, dev, _ = splits(train=6000, layer=1, strength=1.6)
    for part in (train, dev):
        part.layers[3][:, : len(NAMES)] += 0.8 * torch.eye(len(NAMES))[part.labels]
    # With the same noise in both, the best weights are as strong as the labels are.
    mix = fit_probe(train, dev).shares
    assert mix[1] / mix[3] == pytest.approx(2, rel=0.3)
    assert mix[0] + mix[2] < 0.15


def test_a_layers_scale_and_place_do_not_matter_nor_does_a_rotation():
    train, dev, test = splits(strength=1.5)
    turn = torch.tensor(ortho_group.rvs(WIDTH, random_state=0)).float()
    moved = [
        replace(
            part, layers={l: 50.0 * v @ turn - 3.0 if l == 2 else v for l, v in part.layers.items()}
        )
        for part in (train, dev, test)
    ]
    straight, other = fit_probe(train, dev), fit_probe(*moved[:2])
    assert other.shares == pytest.approx(straight.shares, abs=0.05)
    assert other.accuracy(moved[2]) == pytest.approx(straight.accuracy(test), abs=0.02)


def test_vectors_that_hold_nothing_give_chance_and_no_selectivity():
    found = selectivity(*splits(strength=0.0))
    assert found.accuracy == pytest.approx(1 / 3, abs=0.06)
    assert found.selectivity == pytest.approx(0, abs=0.1)
    rare = [replace(part, labels=(part.labels == 2).long()) for part in splits(strength=0.0)]
    assert fit_probe(*rare[:2]).accuracy(rare[2]) == pytest.approx(2 / 3, abs=0.01)


def test_labels_in_the_vectors_are_selective_and_word_types_are_not():
    assert selectivity(*splits()).selectivity > 0.4
    # Vectors that tell the types apart and nothing else, and labels of types.
    codes = gaussian(200, 200, 5).float()
    byheart = []
    for part in splits():
        numbers = torch.tensor([int(word.split()[1]) for word in part.types])
        byheart.append(replace(part, layers={0: codes[numbers]}, labels=numbers % 3))
    found = selectivity(*byheart)
    assert found.accuracy > 0.95 and found.control > 0.95


def test_a_word_has_one_random_label_in_every_split():
    train, _, test = splits()
    shares = torch.tensor([0.7, 0.3, 0.0])
    first, second = (control_task(part, shares, seed=3) for part in (train, test))
    of = dict(zip(first.types, first.labels.tolist(), strict=True))
    assert all(
        of[word] == label for word, label in zip(first.types, first.labels.tolist(), strict=True)
    )
    assert [of[word] for word in second.types] == second.labels.tolist()
    assert set(of.values()) == {0, 1}
    assert torch.bincount(torch.tensor(list(of.values())))[0] / len(of) == pytest.approx(
        0.7, abs=0.1
    )
    assert control_task(train, shares, seed=4).labels.ne(first.labels).any()
    assert first.layers is train.layers


def pairs(n, seed):
    """Pairs of spans of one to three words, at random places, with random labels."""
    generator = torch.Generator().manual_seed(seed)
    vectors = {0: gaussian(4 * n, WIDTH, seed + 50).float()}
    ends = torch.randint(1, 4, (n, 2), generator=generator)
    starts = torch.randint(0, 4 * n - 3, (n, 2), generator=generator)
    bounds = [torch.stack([starts[:, k], starts[:, k] + ends[:, k]], 1) for k in (0, 1)]
    labels = torch.randint(0, 2, (n,), generator=generator)
    return Spans(vectors, *bounds, labels, NAMES[:2], ("",) * n)


@pytest.mark.parametrize("two", [False, True])
def test_pooling_agrees_with_one_span_at_a_time(short, two):
    spans = pairs(40, 0)
    spans = spans if two else replace(spans, second=None)
    probe = fit_probe(spans, spans)
    words = (spans.layers[0] - probe.shift[0]) / probe.scale[0]
    slow = []
    for row in range(len(spans)):
        bounds = [spans.first, spans.second][: 1 + two]
        sides = [words[slice(*side[row].tolist())].mean(0) for side in bounds]
        slow.append(probe.weight @ torch.cat(sides) + probe.bias)
    assert torch.allclose(probe.logits(spans), torch.stack(slow), atol=1e-5)
    assert torch.equal(probe.predict(spans), torch.stack(slow).argmax(1))


def test_a_pair_of_words_tells_what_one_does_not():
    def edges(n, seed):
        spans = planted(n, seed)
        heads = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
        return replace(spans, second=spans.first[heads], labels=spans.labels[heads])

    train, dev, test = edges(1500, 0), edges(500, 1), edges(500, 2)
    assert fit_probe(train, dev, layers=2).accuracy(test) > 0.95
    alone = [replace(part, second=None) for part in (train, dev, test)]
    assert fit_probe(*alone[:2], layers=2).accuracy(alone[2]) < 0.45


def test_the_seed_decides_and_the_global_generator_is_left_alone(short):
    train, dev, test = splits(strength=0.7)
    before = torch.get_rng_state()
    fitted = [fit_probe(train, dev, seed=seed) for seed in (1, 1, 2)]
    assert torch.equal(torch.get_rng_state(), before)
    first, again, other = (probe.logits(test) for probe in fitted)
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_training_stops_and_the_epoch_that_is_best_on_dev_is_kept():
    generator, value = torch.Generator().manual_seed(0), torch.zeros(1, requires_grad=True)
    seen = []

    def dev_loss():  # falls until the value reaches 1, and rises behind it
        seen.append(abs(float(value) - 1))
        return seen[-1]

    eager = Training(learning_rate=0.3, batch=16, epochs=30, patience=2, weight_decay=0.0)
    groups = [{"params": [value]}]
    best = train_until_it_stops(groups, 16, lambda rows: -value.sum(), dev_loss, generator, eager)
    assert best == min(seen) == abs(float(value.detach()) - 1) and 3 < len(seen) < 31


def test_arguments_that_make_no_sense_are_refused():
    train, dev, _ = splits()
    for argument, message in {
        ("layers", 9): "layers is 9",
        ("layers", (1, 1)): "layers is",
        ("layers", ()): "layers is",
    }.items():
        with pytest.raises(ValueError, match=message):
            fit_probe(train, dev, **dict([argument]))
    with pytest.raises(ValueError, match="spans has the names"):
        fit_probe(train, replace(dev, names=("a", "b", "c")))
    with pytest.raises(ValueError, match="lacks the layers"):
        fit_probe(train, replace(dev, layers={0: dev.layers[0]}))
    with pytest.raises(ValueError, match="2 spans a label"):
        fit_probe(train, replace(dev, second=dev.first))
    with pytest.raises(ValueError, match="width 5"):
        fit_probe(train, replace(dev, layers={l: v[:, :5] for l, v in dev.layers.items()}))
    broken = {l: torch.full_like(v, torch.nan) for l, v in train.layers.items()}
    with pytest.raises(ValueError, match="not finite"):
        fit_probe(replace(train, layers=broken), dev)
    with pytest.raises(ValueError, match="not finite"):
        fit_probe(train, replace(dev, layers={l: v * torch.nan for l, v in dev.layers.items()}))
