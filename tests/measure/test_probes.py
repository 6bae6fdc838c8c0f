"""Edge probes: planted labels, vectors that hold nothing, control tasks, spans from examples."""

from dataclasses import replace

import pytest
import torch
from scipy.stats import ortho_group

from isomorph.measure.probe_spans import Spans
from isomorph.measure.probe_training import Training
from isomorph.measure.probes import fit_probe
from isomorph.measure.selectivity import control_task, selectivity

from .clouds import gaussian

WIDTH, NAMES = 12, ("noun", "verb", "other")
SHORT = Training(learning_rate=0.01, batch=64, epochs=8, patience=3)


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
@pytest.mark.parametrize("hidden", [0, 16])
def test_the_mix_finds_the_layer_that_holds_the_labels(layer, hidden):
    train, dev, test = splits(layer=layer)
    probe = fit_probe(train, dev, hidden=hidden)
    assert probe.mix.sum() == pytest.approx(1)
    assert probe.mix[layer] > 0.85
    assert abs(probe.centre - layer) < 0.3
    assert probe.accuracy(test) > 0.95
    others = [l for l in range(4) if l != layer]
    assert fit_probe(train, dev, hidden=hidden, layers=others).accuracy(test) < 0.42
    alone = fit_probe(train, dev, layers=layer, hidden=hidden)
    assert alone.layers == (layer,) and alone.centre == layer
    assert alone.accuracy(test) > 0.95


def test_two_layers_are_mixed_as_much_as_they_hold():
    train, dev, _ = splits(train=6000, layer=1, strength=1.6)
    for part in (train, dev):
        part.layers[3][:, : len(NAMES)] += 0.8 * torch.eye(len(NAMES))[part.labels]
    # With the same noise in both, the best weights are as strong as the labels are.
    mix = fit_probe(train, dev).mix
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
    assert other.mix == pytest.approx(straight.mix, abs=0.05)
    assert other.accuracy(moved[2]) == pytest.approx(straight.accuracy(test), abs=0.02)


def test_a_linear_probe_cannot_tell_what_a_hidden_layer_can():
    def xor(n, seed):
        spans = planted(n, seed, strength=0.0)
        labels = (spans.layers[2][:, 0] * spans.layers[2][:, 1] > 0).long()
        return spans.labelled(labels)

    train, dev, test = xor(3000, 0), xor(600, 1), xor(600, 2)
    longer = Training(learning_rate=0.02, batch=128, epochs=60, patience=15)
    assert fit_probe(train, dev, layers=2, training=longer).accuracy(test) < 0.6
    assert fit_probe(train, dev, layers=2, hidden=32, training=longer).accuracy(test) > 0.85


def test_vectors_that_hold_nothing_give_chance_and_no_selectivity():
    found = selectivity(*splits(strength=0.0))
    assert found.majority == pytest.approx(1 / 3)
    assert found.accuracy == pytest.approx(1 / 3, abs=0.06)
    assert found.selectivity == pytest.approx(0, abs=0.1)
    rare = [part.labelled((part.labels == 2).long()) for part in splits(strength=0.0)]
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
    with pytest.raises(ValueError, match="shares is"):
        control_task(train, torch.ones(2), seed=0)


def pairs(n, seed):
    """Pairs of spans of one to three words, at random places, with random labels."""
    generator = torch.Generator().manual_seed(seed)
    vectors = {0: gaussian(4 * n, WIDTH, seed + 50).float()}
    ends = torch.randint(1, 4, (n, 2), generator=generator)
    starts = torch.randint(0, 4 * n - 3, (n, 2), generator=generator)
    bounds = [torch.stack([starts[:, k], starts[:, k] + ends[:, k]], 1) for k in (0, 1)]
    labels = torch.randint(0, 2, (n,), generator=generator)
    return Spans(vectors, *bounds, labels, NAMES[:2], ("",) * n)


@pytest.mark.parametrize("pooling", ["mean", "attention"])
@pytest.mark.parametrize("two", [False, True])
def test_pooling_agrees_with_one_span_at_a_time(pooling, two):
    spans = pairs(40, 0)
    spans = spans if two else replace(spans, second=None)
    probe = fit_probe(spans, spans, pooling=pooling, hidden=5, training=SHORT)
    assert probe.two == two
    weights = probe.parameters
    words = (spans.layers[0] - probe.shift[0]) / probe.scale[0]
    slow = []
    for row in range(len(spans)):
        sides = []
        for side, bounds in enumerate([spans.first, spans.second][: 1 + two]):
            inside = words[slice(*bounds[row].tolist())]
            share = torch.full((len(inside),), 1 / len(inside))
            if pooling == "attention":
                share = (inside @ weights["attention"][side]).softmax(0)
            sides.append((share[:, None] * inside).sum(0))
        inner = torch.tanh(weights["inner"] @ torch.cat(sides) + weights["inner_bias"])
        slow.append(weights["outer"] @ inner + weights["outer_bias"])
    assert torch.allclose(probe.logits(spans), torch.stack(slow), atol=1e-5)
    assert torch.equal(probe.predict(spans), torch.stack(slow).argmax(1))


def test_attention_finds_the_word_of_a_span_that_tells_the_label():
    def marked(n, seed):
        spans = replace(pairs(n, seed), second=None)
        starts = torch.arange(n) * 4
        vectors = spans.layers[0].clone()
        # One word of three bears the label, and a mark that says so; the others bear a random one.
        noise = torch.randint(0, 2, (4 * n,), generator=torch.Generator().manual_seed(seed))
        tells = starts + noise[:n] * 2
        noise[tells] = spans.labels
        vectors[:, 0] = 4.0 * noise - 2
        vectors[:, 1] = 0.0
        vectors[tells, 1] = 6.0
        first = torch.stack([starts, starts + 3], 1)
        return replace(spans, layers={0: vectors}, first=first)

    train, dev, test = marked(1500, 0), marked(500, 1), marked(500, 2)
    longer = Training(learning_rate=0.02, batch=64, epochs=30, patience=8)
    scores = {
        pooling: fit_probe(train, dev, pooling=pooling, training=longer).accuracy(test)
        for pooling in ("mean", "attention")
    }
    assert scores["mean"] < 0.9
    assert scores["attention"] > 0.97


def test_a_pair_of_words_tells_what_one_does_not():
    def edges(n, seed):
        spans = planted(n, seed)
        heads = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
        return replace(spans, second=spans.first[heads], labels=spans.labels[heads])

    train, dev, test = edges(1500, 0), edges(500, 1), edges(500, 2)
    assert fit_probe(train, dev, layers=2).accuracy(test) > 0.95
    alone = [replace(part, second=None) for part in (train, dev, test)]
    assert fit_probe(*alone[:2], layers=2).accuracy(alone[2]) < 0.45


def test_the_seed_decides_and_the_global_generator_is_left_alone():
    train, dev, test = splits(strength=0.7)
    before = torch.get_rng_state()
    probes = [fit_probe(train, dev, hidden=4, seed=seed, training=SHORT) for seed in (1, 1, 2)]
    assert torch.equal(torch.get_rng_state(), before)
    first, again, other = (probe.logits(test) for probe in probes)
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_the_epoch_that_is_best_on_dev_is_kept():
    train, dev, _ = splits(strength=0.5)
    eager = Training(learning_rate=0.3, batch=16, epochs=30, patience=2)
    probe = fit_probe(train, dev, training=eager)
    assert probe.epochs < 30
    loss = torch.nn.functional.cross_entropy(probe.logits(dev), dev.labels)
    assert probe.dev_loss == pytest.approx(float(loss), rel=1e-4)


def test_arguments_that_make_no_sense_are_refused():
    train, dev, _ = splits()
    for argument, message in {
        ("pooling", "max"): "pooling is 'max'",
        ("hidden", -1): "hidden is -1",
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
    with pytest.raises(ValueError, match="two spans a label"):
        fit_probe(train, replace(dev, second=dev.first))
    with pytest.raises(ValueError, match="width 5"):
        fit_probe(train, replace(dev, layers={l: v[:, :5] for l, v in dev.layers.items()}))
    broken = {l: torch.full_like(v, torch.nan) for l, v in train.layers.items()}
    with pytest.raises(ValueError, match="not finite"):
        fit_probe(replace(train, layers=broken), dev)
    with pytest.raises(ValueError, match="not finite"):
        fit_probe(train, replace(dev, layers={l: v * torch.nan for l, v in dev.layers.items()}))
    with pytest.raises(ValueError, match="without has 'x'"):
        fit_probe(train, dev, layers=0, training=SHORT).scores(dev, without=("x",))
    for field in ("learning_rate", "batch", "epochs", "patience"):
        with pytest.raises(ValueError, match=f"{field} is 0"):
            replace(SHORT, **{field: 0})
    with pytest.raises(ValueError, match="weight_decay is -1"):
        replace(SHORT, weight_decay=-1)
