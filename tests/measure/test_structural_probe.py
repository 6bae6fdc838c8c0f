"""Distances, depths and spanning trees: against networkx and SciPy, one tree at a time.

Structural probes: trees that are embedded exactly, slow references, rotations, chance.
"""

from dataclasses import replace
from functools import partial

import networkx
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ortho_group, spearmanr

from isomorph.measure import structural_probe
from isomorph.measure.probe_data import Sentences, tree_sentences
from isomorph.measure.probes import Training
from isomorph.measure.represent import Representation, represent
from isomorph.measure.structural_probe import (
    StructuralProbe,
    fit_structural_probe,
    spanning_edges,
    spearman_by_length,
    tree_depths,
    tree_distances,
    tree_edges,
    uuas,
)
from isomorph.text.examples import TAG, TREE, Examples, TreeExample
from isomorph.text.worlds import World, world_examples

from .clouds import gaussian

fit_distance_probe, fit_depth_probe = (
    partial(fit_structural_probe, kind) for kind in ("distance", "depth")
)
seeds = st.integers(0, 2**32 - 1)
quick = settings(max_examples=40, deadline=None)


def random_heads(n, rng):
    """A tree whose words are hung, in a random order, on words that hang already."""
    order = rng.permutation(n) + 1
    heads = np.zeros(n, dtype=int)
    for at in range(1, n):
        heads[order[at] - 1] = order[rng.integers(at)]
    return tuple(heads.tolist())


def ancestors(heads):
    """(n, n) bool: word j is word i, or above it in the tree."""
    above = np.eye(len(heads), dtype=bool)
    for word in range(len(heads)):
        at = word + 1
        while at:
            above[word, at - 1], at = True, heads[at - 1]
    return above


def graph_of(heads):
    graph = networkx.Graph()
    graph.add_nodes_from(range(len(heads)))
    graph.add_edges_from((word, head - 1) for word, head in enumerate(heads) if head)
    return graph


@quick
@given(seed=seeds, n=st.integers(1, 30))
def test_distances_depths_and_edges_are_those_of_networkx(seed, n):
    heads = random_heads(n, np.random.default_rng(seed))
    graph = graph_of(heads)
    slow = dict(networkx.all_pairs_shortest_path_length(graph))
    distances = tree_distances(heads)
    assert distances.tolist() == [[slow[i][j] for j in range(n)] for i in range(n)]
    root = heads.index(0)
    assert tree_depths(heads).tolist() == [slow[root][i] for i in range(n)]
    assert tree_edges(heads) == {tuple(sorted(edge)) for edge in graph.edges}
    assert spanning_edges(distances) == tree_edges(heads)


@quick
@given(seed=seeds, n=st.integers(1, 12), same=st.booleans())
def test_the_spanning_tree_is_the_shortest_of_the_counted_words(seed, n, same):
    rng = np.random.default_rng(seed)
    distances = np.zeros((n, n)) if same else rng.normal(size=(n, n)) ** 2
    distances = distances + distances.T
    counted = rng.random(n) < 0.7
    found = spanning_edges(distances, counted)
    words = np.flatnonzero(counted).tolist()
    assert len(found) == max(len(words) - 1, 0)
    full = networkx.Graph()
    full.add_weighted_edges_from((i, j, distances[i, j]) for i in words for j in words if i < j)
    slow = {tuple(sorted(edge)) for edge in networkx.minimum_spanning_edges(full, data=False)}
    if same:  # then all trees are as short
        assert networkx.is_forest(networkx.Graph(list(found))) if found else not slow
    else:
        assert found == slow


def test_heads_that_are_no_tree_are_refused():
    for heads, message in {
        (2, 1, 0): "circle",
        (0, 0): r"roots are \[1, 2\]",
        (2, 1): r"roots are \[\]",
        (3, 0): "the head of word 1 is 3; allowed is 0",
        (-1, 0): "the head of word 1 is -1",
        (): r"roots are \[\]",
        (1, 0): "the head of word 1 is 1",
    }.items():
        with pytest.raises(ValueError, match=message):
            tree_depths(heads)
    with pytest.raises(ValueError, match="distances is"):
        spanning_edges(np.full((2, 2), np.nan))
    with pytest.raises(ValueError, match="gold has no edge"):
        uuas([set()], [{(0, 1)}])


def test_words_that_do_not_count_are_in_no_tree():
    heads, counted = (2, 0, 2, 3), (True, True, True, False)
    assert tree_edges(heads, counted) == {(0, 1), (1, 2)}
    assert spanning_edges(tree_distances(heads), counted) == {(0, 1), (1, 2)}
    assert uuas([{(0, 1), (1, 2)}, {(0, 1)}], [{(0, 1), (0, 2)}, {(0, 1)}]) == pytest.approx(2 / 3)


@quick
@given(seed=seeds, depths=st.booleans())
def test_spearman_agrees_with_one_row_at_a_time(seed, depths):
    rng = np.random.default_rng(seed)
    heads = [random_heads(n, rng) for n in rng.integers(2, 9, size=6)] + [random_heads(5, rng)]
    truth = tree_depths if depths else tree_distances
    gold = [truth(tree) for tree in heads]
    guessed = [np.round(true + rng.normal(size=true.shape), 1) for true in gold]
    by_length = {}
    for true, other in zip(gold, guessed, strict=True):
        rows = zip(np.atleast_2d(true), np.atleast_2d(other), strict=True)
        if len(true) >= 5:
            by_length.setdefault(len(true), []).extend(spearmanr(*row).correlation for row in rows)
    slow = np.mean([np.mean(values) for values in by_length.values()])
    assert spearman_by_length(gold, guessed) == pytest.approx(slow)


def test_spearman_of_what_orders_nothing():
    gold = [tree_depths((0, 1, 2, 3, 4))]
    assert spearman_by_length(gold, [np.ones(5)]) == 0
    assert spearman_by_length(gold, gold) == pytest.approx(1)
    with pytest.raises(ValueError, match="no sentence of 5 to 50 words"):
        spearman_by_length([np.arange(4)], [np.arange(4)])


def test_the_trees_of_a_world_are_trees():
    examples = world_examples(TREE, World(dev_sentences=50), "a", "dev", 50)
    for item in examples.items:
        assert spanning_edges(tree_distances(item.heads)) == tree_edges(item.heads)


LONGEST, WIDTH = 9, 16


def embedded(n_sentences, seed, *, noise=2.0, scale=1.0, turn=True):
    """Trees embedded exactly in some dimensions, and noise in the others.

    A word is the sum of one axis for each edge above it: then the squared distance of two words is
    the number of edges between them, and the squared length of a word its depth.
    """
    rng = np.random.default_rng(seed)
    heads = [random_heads(n, rng) for n in rng.integers(5, LONGEST + 1, size=n_sentences)]
    vectors = []
    for tree in heads:
        above = ancestors(tree).astype(float)
        above[:, tree.index(0)] = 0  # there is no edge above the root
        row = noise * rng.normal(size=(len(tree), WIDTH))
        row[:, :LONGEST] = 0
        row[:, : len(tree)] = above
        vectors.append(row)
    table = scale * np.concatenate(vectors)
    if turn:
        table = table @ ortho_group.rvs(WIDTH, random_state=7)
    return sentences_of(table, heads)


def sentences_of(table, heads):
    ends = np.cumsum([len(tree) for tree in heads]).tolist()
    bounds = tuple(zip([0, *ends[:-1]], ends, strict=True))
    counted = tuple((True,) * len(tree) for tree in heads)
    return Sentences({0: torch.as_tensor(table).float()}, bounds, tuple(heads), counted)


def test_the_root_is_looked_for_among_the_words_that_count():
    """A comma that lies lowest is no root; nor is a later word as low as the root."""
    table = torch.tensor([[3.0], [2.0], [1.0], [2.0 + 1e-7]]).double()
    heads, marks = ((2, 0, 2, 2),), ((True, True, False, True),)
    probe = StructuralProbe("depth", 0, torch.ones(1, 1), 0.0)
    sentences = Sentences({0: table.float()}, ((0, 4),), heads, marks)
    assert probe.root_accuracy(sentences) == 1
    assert probe.root_accuracy(replace(sentences, counted=((True,) * 4,))) == 0
    assert probe.root_accuracy(replace(sentences, counted=((True, False, False, True),))) == 0


def plain_uuas(sentences):
    """Without a probe: as if its matrix were the identity."""
    width = sentences.layers[0].shape[1]
    return StructuralProbe("distance", 0, torch.eye(width), 0.0).uuas(sentences)


@pytest.mark.parametrize("rank", [None, LONGEST])
@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_trees_that_are_there_are_found(rank, scale):
    train, dev, test = (embedded(n, seed, scale=scale) for seed, n in enumerate((800, 100, 100)))
    assert plain_uuas(test) < 0.6
    probe = fit_distance_probe(train, dev, layer=0, rank=rank)
    assert probe.matrix.shape == (rank or WIDTH, WIDTH)
    assert probe.uuas(test) == 1
    assert probe.dev_loss < 0.01
    # Below 1, since words that are equally far are ordered by what little noise is left.
    assert probe.spearman(test) > 0.93
    off = [
        np.abs(found - tree_distances(heads)).mean()
        for found, heads in zip(probe.values(test), test.heads, strict=True)
    ]
    assert np.mean(off) < 0.01
    depth = fit_depth_probe(train, dev, layer=0, rank=rank)
    assert depth.root_accuracy(test) == 1
    assert depth.spearman(test) > 0.9
    assert depth.dev_loss < 0.01


def test_an_exact_embedding_has_every_edge_before_any_probe():
    exact = embedded(50, 3, noise=0.0)
    assert plain_uuas(exact) == 1
    matrix = torch.eye(WIDTH)
    assert StructuralProbe("distance", 0, matrix, 0.0).spearman(exact) > 0.95
    found = StructuralProbe("depth", 0, matrix, 0.0).values(exact)
    for depths, heads in zip(found, exact.heads, strict=True):
        assert depths == pytest.approx(tree_depths(heads), abs=1e-4)


def test_a_rank_that_is_too_low_finds_less():
    train, dev, test = (embedded(n, seed) for seed, n in enumerate((300, 100, 100)))
    scores = [fit_distance_probe(train, dev, layer=0, rank=r).uuas(test) for r in (1, 4, None)]
    assert scores[0] < scores[1] - 0.1 < scores[2] - 0.2, scores


def test_a_rotation_changes_nothing_that_a_probe_of_full_rank_can_reach():
    straight = [embedded(n, seed, turn=False) for seed, n in enumerate((300, 100, 100))]
    turn = torch.tensor(ortho_group.rvs(WIDTH, random_state=1)).float()
    turned = [replace(part, layers={0: part.layers[0] @ turn}) for part in straight]
    for fit in (fit_distance_probe, fit_depth_probe):
        first, other = (fit(*parts[:2], layer=0) for parts in (straight, turned))
        assert first.dev_loss < 0.01
        assert other.dev_loss < 0.01
        # A probe moves with the vectors: B' R maps the turned ones as B maps the others.
        moved = replace(first, matrix=first.matrix @ turn)
        assert moved.spearman(turned[2]) == pytest.approx(first.spearman(straight[2]), abs=0.01)
        assert other.spearman(turned[2]) == pytest.approx(first.spearman(straight[2]), abs=0.02)


def test_a_shift_changes_no_distance():
    train, dev, test = (embedded(n, seed) for seed, n in enumerate((100, 50, 50)))
    probe = fit_distance_probe(train, dev, layer=0)
    moved = replace(test, layers={0: test.layers[0] + 20.0})
    for one, other in zip(probe.values(test), probe.values(moved), strict=True):
        assert other == pytest.approx(one, abs=1e-3)


def test_vectors_that_hold_no_tree_give_what_guessing_gives():
    rng = np.random.default_rng(0)
    parts = []
    for count in (300, 100, 200):
        heads = [random_heads(8, rng) for _ in range(count)]
        parts.append(sentences_of(rng.normal(size=(8 * count, WIDTH)), heads))
    probe = fit_distance_probe(*parts[:2], layer=0)
    # 7 edges of 28 pairs.
    assert probe.uuas(parts[2]) == pytest.approx(0.25, abs=0.05)
    depth = fit_depth_probe(*parts[:2], layer=0)
    assert depth.spearman(parts[2]) == pytest.approx(0, abs=0.1)
    assert depth.root_accuracy(parts[2]) == pytest.approx(1 / 8, abs=0.08)


def slow_loss(probe, sentences, depths):
    total = 0.0
    for (start, end), heads in zip(sentences.bounds, sentences.heads, strict=True):
        words, n, off = sentences.layers[0][start:end], end - start, 0.0
        for i in range(n):
            if depths:
                found = probe.matrix @ words[i]
                off += abs(float(found @ found) - tree_depths(heads)[i]) / n
                continue
            for j in range(n):
                found = probe.matrix @ (words[i] - words[j])
                off += abs(float(found @ found) - tree_distances(heads)[i, j]) / n**2
        total += off
    return total / len(sentences)


@pytest.mark.parametrize("depths", [False, True])
@pytest.mark.parametrize("batch", [1, 7, 100])
def test_the_loss_of_batches_is_that_of_one_pair_at_a_time(monkeypatch, depths, batch):
    train, dev = embedded(30, 0), embedded(20, 1)
    training = Training(learning_rate=0.05, batch=batch, epochs=2, patience=2)
    monkeypatch.setattr(structural_probe, "TRAINING", training)
    fit = fit_depth_probe if depths else fit_distance_probe
    probe = fit(train, dev, layer=0, rank=5)
    assert probe.dev_loss == pytest.approx(slow_loss(probe, dev, depths), rel=1e-4)


def test_the_seed_decides_and_the_global_generator_is_left_alone(monkeypatch):
    train, dev = embedded(60, 0), embedded(30, 1)
    training = Training(learning_rate=0.02, batch=20, epochs=3, patience=2)
    monkeypatch.setattr(structural_probe, "TRAINING", training)
    before = torch.get_rng_state()
    for fit in (fit_distance_probe, fit_depth_probe):
        first, again, other = (fit(train, dev, layer=0, seed=seed).matrix for seed in (1, 1, 2))
        assert torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), before)


TREES = Examples(
    TREE,
    ("root", "det", "nsubj", "punct"),
    (
        TreeExample(("the", "dogs", "sat", "."), (2, 3, 0, 3), ("det", "nsubj", "root", "punct")),
        TreeExample(("a", "mat"), (2, 0), ("det", "root")),
    ),
    "made up",
)


def test_sentences_of_examples(model, tokenizer):
    texts = [list(item.words) for item in TREES.items]
    found = represent(model, tokenizer, texts, level="word")
    sentences = tree_sentences(found, TREES)
    assert sentences.bounds == ((0, 4), (4, 6)) and len(sentences) == 2
    assert sentences.heads == ((2, 3, 0, 3), (2, 0)) and sentences.layers is found.layers
    assert sentences.counted == ((True, True, True, False), (True, True))
    probe = fit_distance_probe(sentences, sentences, layer=2)
    assert 0 <= probe.uuas(sentences) <= 1 and probe.layer == 2
    cut = Representation({0: gaussian(5, 3, 0)}, found.texts[1:], found.positions[1:], 1)
    assert tree_sentences(cut, TREES).bounds == ((3, 5),)
    with pytest.raises(ValueError, match="task 'ner'; allowed is 'parsing'"):
        tree_sentences(found, Examples(TAG, ("O",), (), "made up"))
    with pytest.raises(ValueError, match="vector of word 0 of text 1"):
        tree_sentences(found, replace(TREES, items=TREES.items[:1]))


def test_arguments_that_make_no_sense_are_refused():
    train, dev = embedded(20, 0), embedded(10, 1)
    for arguments, message in {
        (("layer", 3),): "layer is 3",
        (("layer", 0), ("rank", 0)): "rank is 0",
        (("layer", 0), ("rank", WIDTH + 1)): f"rank is {WIDTH + 1}",
    }.items():
        with pytest.raises(ValueError, match=message):
            fit_distance_probe(train, dev, **dict(arguments))
    broken = replace(train, layers={0: train.layers[0] * torch.nan})
    for parts in ((broken, dev), (train, replace(dev, layers={0: dev.layers[0] * torch.nan}))):
        with pytest.raises(ValueError, match="not finite"):
            fit_distance_probe(*parts, layer=0)
    probe = fit_depth_probe(train, dev, layer=0)
    with pytest.raises(ValueError, match="width 3"):
        probe.values(replace(dev, layers={0: dev.layers[0][:, :3]}))
