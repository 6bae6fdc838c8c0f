"""Dependency trees as distances and depths, and how well guessed ones give the tree back.

A tree is known by how many edges lie between any two of its words, and, once its root is, by how
many lie above each (Hewitt & Manning 2019, section 2). Words are (n,) in their order, heads
as in `isomorph.text.examples.TreeExample`: 0 for the root, else a position from 1.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.stats import rankdata

from isomorph.measure.pairs import snapped

LENGTHS = (5, 50)  # of sentences, in words, that count in a Spearman score

Edges = set[tuple[int, int]]


def ancestors(heads: Sequence[int]) -> np.ndarray:
    """(n, n) bool: word j is word i, or above it in the tree.

    Raises ValueError when a head is no word of the sentence, there is not one root, or words go
    round in a circle.
    """
    parents = np.asarray(heads, dtype=np.int64)
    n = len(parents)
    if not n or parents.min() < 0 or parents.max() > n:
        raise ValueError(f"heads is {list(heads)}; allowed are 0 to the number of words, {n}.")
    if (roots := np.count_nonzero(parents == 0)) != 1:
        raise ValueError(f"heads is {list(heads)}, with {roots} roots; allowed is one, marked 0.")
    above = np.eye(n, dtype=bool)
    words, at = np.arange(n), parents
    for _ in range(n):
        words, at = words[at > 0], at[at > 0]
        if not len(at):
            return above
        above[words, at - 1] = True
        at = parents[at - 1]
    raise ValueError(f"heads is {list(heads)}, which goes round in a circle; allowed is a tree.")


def tree_depths(heads: Sequence[int]) -> np.ndarray:
    """How many edges lie between each word and the root, (n,) int. Errors as of `ancestors`."""
    return ancestors(heads).sum(1) - 1


def tree_distances(heads: Sequence[int]) -> np.ndarray:
    """How many edges lie between any two words, (n, n) int. Errors as of `ancestors`."""
    above = ancestors(heads).astype(np.int64)
    # The way leads up to the lowest word above both; all words above that one are above both.
    counts = above.sum(1)
    return counts[:, None] + counts - 2 * above @ above.T


def tree_edges(heads: Sequence[int], counted: Sequence[bool] | None = None) -> Edges:
    """The edges between counted words, as pairs (smaller, larger) from 0; all words for None."""
    counted = [True] * len(heads) if counted is None else counted
    return {
        (min(word, head - 1), max(word, head - 1))
        for word, head in enumerate(heads)
        if head and counted[word] and counted[head - 1]
    }


def spanning_edges(distances: np.ndarray, counted: Sequence[bool] | None = None) -> Edges:
    """The edges of the minimum spanning tree of the counted words, pairs as of `tree_edges`.

    distances: (n, n), symmetric; of edges as long those of earlier words go first. Raises ValueError for another shape or values that are not finite.
    """
    distances = np.asarray(distances, dtype=float)
    n = len(distances)
    if distances.shape != (n, n) or not np.isfinite(distances).all():
        raise ValueError(
            f"distances is {distances.shape}; allowed is (n, n), and finite numbers in it."
        )
    words = np.arange(n) if counted is None else np.flatnonzero(counted)
    if len(words) < 2:
        return set()
    first, second = np.triu_indices(len(words), 1)
    among = distances[words[first], words[second]]
    # The tree depends on the order of the edges alone, and SciPy takes 0 for no edge.
    order, ranks = np.argsort(_snapped(among), kind="stable"), np.zeros((len(words), len(words)))
    ranks[first[order], second[order]] = np.arange(1, len(order) + 1)
    tree = minimum_spanning_tree(ranks).tocoo()
    pairs = zip(words[tree.row].tolist(), words[tree.col].tolist(), strict=True)
    return {(min(pair), max(pair)) for pair in pairs}


def uuas(gold: Iterable[Edges], predicted: Iterable[Edges]) -> float:
    """The share of gold edges that are predicted, over all sentences, from 0 to 1.

    "Undirected unlabelled attachment score". Raises ValueError when no sentence has an edge.
    Source: Hewitt & Manning 2019, as in their reporter.py.
    """
    right = total = 0
    for true, guessed in zip(gold, predicted, strict=True):
        right += len(true & guessed)
        total += len(true)
    if not total:
        raise ValueError("gold has no edge; at least one is needed to score.")
    return right / total


def spearman_by_length(gold: Iterable[np.ndarray], predicted: Iterable[np.ndarray]) -> float:
    """The mean Spearman correlation of the sentences of each length, averaged over lengths 5 to 50.

    gold, predicted: of each sentence depths (n,), or distances (n, n), whose rows are correlated
    one by one, each with its 0. All words count, as in the authors' code. A word whose predictions
    are all the same, and so order nothing, counts as 0; one whose true values are is left out.
    Raises ValueError when there is no sentence of such length.
    Source: Hewitt & Manning 2019, as in their reporter.py.
    """
    low, high = LENGTHS
    found: dict[int, list[np.ndarray]] = defaultdict(list)
    for true, guessed in zip(gold, predicted, strict=True):
        if low <= len(true) <= high:
            found[len(true)].append(_correlations(np.atleast_2d(true), np.atleast_2d(guessed)))
    means = [row.mean() for rows in found.values() if (row := np.concatenate(rows)).size]
    if not means:
        raise ValueError(f"gold has no sentence of {low} to {high} words to correlate.")
    return float(np.mean(means))


def _snapped(values: np.ndarray) -> np.ndarray:
    return snapped(torch.from_numpy(values).double()).numpy() if values.size else values


def _correlations(gold: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Spearman's of each row, for the rows of gold that vary."""
    varies = gold.max(1) > gold.min(1)
    ranks = [rankdata(_snapped(rows[varies]), axis=1) for rows in (gold, predicted)]
    first, second = (rank - rank.mean(1, keepdims=True) for rank in ranks)
    lengths = np.sqrt((first**2).sum(1) * (second**2).sum(1))
    return (first * second).sum(1) / np.where(lengths > 0, lengths, 1.0)
