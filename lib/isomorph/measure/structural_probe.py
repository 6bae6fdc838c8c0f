"""Whether hidden states hold whole trees: a linear map under which distances are those of a tree.

A tree is known by how many edges lie between any two of its words, and, once its root is, by how many
lie above each. Hewitt & Manning (2019). Sentences are of `isomorph.measure.probe_data`; heads as in
`isomorph.text.examples.TreeExample`: 0 for the root, else a position from 1.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse.csgraph import minimum_spanning_tree, shortest_path
from scipy.stats import rankdata
from torch import Tensor

from isomorph.measure.numerics import principal_axes, snapped
from isomorph.measure.probe_data import Sentences
from isomorph.measure.probes import Training, train_until_it_stops
from isomorph.text.examples import check_tree

TRAINING = Training(learning_rate=0.05, batch=20, epochs=40, patience=4, weight_decay=0.0)
LENGTHS = (5, 50)  # of sentences, in words, that count in a Spearman score

Edges = set[tuple[int, int]]


@dataclass(frozen=True)
class StructuralProbe:
    """A fitted map of the vectors of one layer, h -> B h, of the kind "distance" or "depth":
    matrix, B, is (rank, width); dev_loss is in edges, at the epoch that was kept. See
    `fit_structural_probe`."""

    kind: str
    layer: int
    matrix: Tensor
    dev_loss: float

    def values(self, sentences: Sentences) -> list[np.ndarray]:
        """Of each sentence the distances (n, n) or depths (n,) of its words, in float64."""
        vectors = _vectors(sentences, self.layer)
        if vectors.shape[1] != self.matrix.shape[1]:
            raise ValueError(
                f"sentences has vectors of width {vectors.shape[1]}; allowed is the probe's, "
                f"{self.matrix.shape[1]}."
            )
        # In float64: tiny distances are differences of large numbers.
        mapped = (vectors @ self.matrix.T.to(vectors)).double()
        measure, _ = KINDS[self.kind]
        return [
            measure(mapped[None, start:end])[0].cpu().numpy() for start, end in sentences.bounds
        ]

    def uuas(self, sentences: Sentences) -> float:
        """The share of edges that the minimum spanning trees of the distances have, 0 to 1. Words
        that are not counted are in neither tree. Source: Hewitt & Manning 2019, their reporter.py.
        """
        gold = map(tree_edges, sentences.heads, sentences.counted)
        return uuas(gold, map(spanning_edges, self.values(sentences), sentences.counted))

    def root_accuracy(self, sentences: Sentences) -> float:
        """The share of sentences whose counted word of the least depth, the first of equals, is
        the root."""
        guesses = [
            int(np.where(counted, _snapped(depths), np.inf).argmin())
            for depths, counted in zip(self.values(sentences), sentences.counted, strict=True)
        ]
        roots = [heads.index(0) for heads in sentences.heads]
        return float(np.mean(np.equal(roots, guesses)))

    def spearman(self, sentences: Sentences) -> float:
        """DSpr. or NSpr., the correlation with what is true, by `spearman_by_length`."""
        return spearman_by_length(map(KINDS[self.kind][1], sentences.heads), self.values(sentences))


def fit_structural_probe(
    kind: str,
    train: Sentences,
    dev: Sentences,
    *,
    layer: int,
    rank: int | None = None,
    seed: int = 0,
) -> StructuralProbe:
    """The map B (rank, width) that minimises, over sentences of n words with tree distances d_T and
    depths t,

        "distance":  mean of  1 / n^2  sum over i, j of | d_T(i, j) - |B (h_i - h_j)|^2 |
        "depth":     mean of  1 / n  sum over i of | t(i) - |B h_i|^2 |

    Nothing is subtracted from the vectors, so where they lie matters to depths.
    rank: at most the width; None for the width. seed: of the first map and the order of sentences;
    the global generators are left alone.
    Computes in float32 on the device of the vectors. Raises ValueError when a layer is not there, a
    rank is not allowed, heads are no tree, or a value is not finite.
    Source: Hewitt & Manning 2019, section 2.
    """
    measure, truth = KINDS[kind]
    vectors, others = _vectors(train, layer), _vectors(dev, layer)
    width, device = vectors.shape[1], vectors.device
    rank = width if rank is None else rank
    if not 1 <= rank <= width or others.shape[1] != width:
        raise ValueError(
            f"rank is {rank} and dev has vectors of width {others.shape[1]}; train's have {width}, "
            "so allowed is a rank from 1 to that, and the same width."
        )
    if not vectors.isfinite().all():
        raise ValueError("train has vectors that are not finite; allowed are finite ones.")
    generator = torch.Generator().manual_seed(seed)
    gold, gold_dev = (
        [torch.from_numpy(truth(heads)).float().to(device) for heads in part.heads]
        for part in (train, dev)
    )
    # AdamW has a rate for each coordinate, so what it reaches would depend on how the vectors happen
    # to be turned. It works along their principal axes instead, with signs by a rule.
    axes = principal_axes(vectors.T.double() @ vectors.double())[1].flip(1).float()
    vectors, others = vectors @ axes, others @ axes
    # Entries of about 1, whatever the scale of the vectors, so that one learning rate fits all.
    matrix = torch.randn(rank, width, generator=generator).to(device)
    mapped = vectors @ matrix.T
    total = sum(measure(mapped[None, start:end]).double().sum() for start, end in train.bounds)
    true = sum(values.double().sum() for values in gold)
    # Where nothing differs, or nothing has a distance, no scale is better than another.
    unit = (true / total).sqrt().float() if total > 0 and true > 0 else torch.ones(())
    matrix.requires_grad_()

    def loss(sentences: Sentences, source: Tensor, true: list[Tensor], rows: Tensor) -> Tensor:
        chosen = rows.tolist()
        index, lengths = _padded([sentences.bounds[row] for row in chosen], device)
        measured = measure(source[index] @ (unit * matrix).T)
        wanted, real = torch.zeros_like(measured), torch.zeros_like(measured, dtype=torch.bool)
        for at, row in enumerate(chosen):
            here = (at, *[slice(len(true[row]))] * true[row].ndim)
            wanted[here], real[here] = true[row], True
        off = (measured - wanted).abs().masked_fill(~real, 0.0).flatten(1).sum(1)
        return (off / lengths ** (measured.ndim - 1)).mean()

    def dev_loss() -> float:
        parts = torch.arange(len(dev)).split(TRAINING.batch)
        total = sum(float(loss(dev, others, gold_dev, rows)) * len(rows) for rows in parts)
        return total / len(dev)

    best = train_until_it_stops(
        [{"params": [matrix]}],
        len(train),
        lambda rows: loss(train, vectors, gold, rows),
        dev_loss,
        generator,
        TRAINING,
    )
    return StructuralProbe(kind, layer, (unit * matrix).detach() @ axes.T, best)


def _squares(words: Tensor) -> Tensor:
    """Squared distances of all pairs, (batch, n, rank) to (batch, n, n), by way of products."""
    words = words - words.mean(1, keepdim=True).detach()  # large means would cost digits
    squares = words.square().sum(2)
    products = words @ words.transpose(1, 2)
    return squares[:, :, None] + squares[:, None] - 2 * products


def _lengths(words: Tensor) -> Tensor:
    """Squared lengths, (batch, n, rank) to (batch, n)."""
    return words.square().sum(2)


def _padded(bounds: Sequence[tuple[int, int]], device: torch.device) -> tuple[Tensor, Tensor]:
    """Rows of the words of sentences (batch, longest), the last one repeated, and the lengths."""
    starts, ends = torch.tensor(bounds, device=device).T
    along = torch.arange(int((ends - starts).max()), device=device)
    return torch.minimum(starts[:, None] + along, ends[:, None] - 1), ends - starts


def _vectors(sentences: Sentences, layer: int) -> Tensor:
    if layer not in sentences.layers:
        raise ValueError(f"layer is {layer!r}; allowed are {sorted(sentences.layers)}.")
    return sentences.layers[layer].float()


def _ways(heads: Sequence[int]) -> np.ndarray:
    """(n + 1, n + 1) int: how many edges lie between any two words, place 0 being above the root.
    Raises ValueError where heads make no tree."""
    check_tree(heads)
    n = len(heads)
    graph = np.zeros((n + 1, n + 1))
    graph[np.arange(1, n + 1), heads] = 1
    ways = shortest_path(graph, directed=False, unweighted=True)
    return ways.astype(np.int64)


def tree_depths(heads: Sequence[int]) -> np.ndarray:
    """How many edges lie between each word and the root, (n,) int. Raises ValueError for no tree."""
    return _ways(heads)[0, 1:] - 1


def tree_distances(heads: Sequence[int]) -> np.ndarray:
    """How many edges lie between any two words, (n, n) int. Raises ValueError for no tree."""
    return _ways(heads)[1:, 1:]


# What a map is to make true: a measure of mapped words (batch, n, rank), and its truth of heads.
KINDS = {"distance": (_squares, tree_distances), "depth": (_lengths, tree_depths)}


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

    distances: (n, n), symmetric; of edges as long those of earlier words go first. Raises
    ValueError for another shape or values that are not finite.
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
    """The share of gold edges that are predicted, over all sentences, from 0 to 1: "undirected
    unlabelled attachment score". Raises ValueError when no sentence has an edge."""
    pairs = [
        (len(true & guessed), len(true)) for true, guessed in zip(gold, predicted, strict=True)
    ]
    right, total = map(sum, zip(*pairs, strict=True)) if pairs else (0, 0)
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
    by_length: dict[int, list[np.ndarray]] = defaultdict(list)
    for true, guessed in zip(gold, predicted, strict=True):
        if low <= len(true) <= high:
            by_length[len(true)].append(_correlations(np.atleast_2d(true), np.atleast_2d(guessed)))
    means = [row.mean() for rows in by_length.values() if (row := np.concatenate(rows)).size]
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
