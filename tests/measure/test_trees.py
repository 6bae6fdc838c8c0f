"""Distances, depths and spanning trees: against networkx and SciPy, one tree at a time."""

import networkx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from isomorph.measure.structural_probe import (
    ancestors,
    spanning_edges,
    spearman_by_length,
    tree_depths,
    tree_distances,
    tree_edges,
    uuas,
)
from isomorph.text.examples import TREE
from isomorph.text.tasks import world_examples
from isomorph.text.worlds import World

seeds = st.integers(0, 2**32 - 1)
quick = settings(max_examples=40, deadline=None)


def random_heads(n, rng):
    """A tree whose words are hung, in a random order, on words that hang already."""
    order = rng.permutation(n) + 1
    heads = np.zeros(n, dtype=int)
    for at in range(1, n):
        heads[order[at] - 1] = order[rng.integers(at)]
    return tuple(heads.tolist())


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
        (0, 0): "2 roots",
        (2, 1): "0 roots",
        (3, 0): "allowed are 0 to",
        (-1, 0): "allowed are 0 to",
        (): "allowed are 0 to",
        (1, 0): "circle",
    }.items():
        with pytest.raises(ValueError, match=message):
            ancestors(heads)
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
