"""Whether hidden states hold whole trees: a linear map under which distances are those of a tree.

- `fit_distance_probe`: squared distances that are to be numbers of edges between words.
- `fit_depth_probe`: squared lengths that are to be numbers of edges above words.

Hewitt & Manning (2019). Sentences are of `isomorph.measure.probe_sentences`, and trees are read off
in `isomorph.measure.trees`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from isomorph.measure.axes import principal_axes
from isomorph.measure.pairs import snapped
from isomorph.measure.probe_sentences import Sentences
from isomorph.measure.probe_training import Training, check, train_until_it_stops
from isomorph.measure.trees import (
    spanning_edges,
    spearman_by_length,
    tree_depths,
    tree_distances,
    tree_edges,
    uuas,
)

TRAINING = Training(learning_rate=0.05, batch=20, epochs=40, patience=4, weight_decay=0.0)


@dataclass(frozen=True)
class StructuralProbe:
    """A fitted map of the vectors of one layer, h -> B h.

    layer: which it reads. matrix: B, (rank, width), in the unit of the vectors.
    dev_loss: in edges, at the epoch that was kept. epochs: how many ran.
    """

    layer: int
    matrix: Tensor
    dev_loss: float
    epochs: int

    def _mapped(self, sentences: Sentences) -> list[Tensor]:
        vectors = _vectors(sentences, self.layer)
        if vectors.shape[1] != self.matrix.shape[1]:
            raise ValueError(
                f"sentences has vectors of width {vectors.shape[1]}; allowed is the probe's, "
                f"{self.matrix.shape[1]}."
            )
        # In float64: tiny distances are differences of large numbers.
        mapped = (vectors @ self.matrix.T.to(vectors)).double()
        return [mapped[start:end] for start, end in sentences.bounds]


@dataclass(frozen=True)
class DistanceProbe(StructuralProbe):
    """A map under which squared distances are numbers of edges. See `fit_distance_probe`."""

    def distances(self, sentences: Sentences) -> list[np.ndarray]:
        """|B (h_i - h_j)|^2 of all pairs of words of each sentence, (n, n) each, float64."""
        return [_squares(words[None])[0].cpu().numpy() for words in self._mapped(sentences)]

    def uuas(self, sentences: Sentences) -> float:
        """The share of edges that the minimum spanning trees of the distances have, 0 to 1.

        Words that are not counted are in neither tree. Source: Hewitt & Manning 2019, their reporter.py.
        """
        gold = map(tree_edges, sentences.heads, sentences.counted)
        return uuas(gold, map(spanning_edges, self.distances(sentences), sentences.counted))

    def spearman(self, sentences: Sentences) -> float:
        """DSpr., the correlation with the true distances, by `trees.spearman_by_length`."""
        return spearman_by_length(map(tree_distances, sentences.heads), self.distances(sentences))


@dataclass(frozen=True)
class DepthProbe(StructuralProbe):
    """A map under which squared lengths are depths. See `fit_depth_probe`."""

    def depths(self, sentences: Sentences) -> list[np.ndarray]:
        """|B h_i|^2 of all words of each sentence, (n,) each, float64."""
        return [words.square().sum(1).cpu().numpy() for words in self._mapped(sentences)]

    def root_accuracy(self, sentences: Sentences) -> float:
        """The share of sentences whose counted word of the least depth is the root, 0 to 1.

        Of words as deep it is the first. One whose root is not counted is wrong.
        """
        guesses = [
            int(np.where(counted, snapped(torch.from_numpy(depths)), np.inf).argmin())
            for depths, counted in zip(self.depths(sentences), sentences.counted, strict=True)
        ]
        roots = [heads.index(0) for heads in sentences.heads]
        return float(np.mean(np.equal(roots, guesses)))

    def spearman(self, sentences: Sentences) -> float:
        """NSpr., the correlation with the true depths, by `trees.spearman_by_length`."""
        return spearman_by_length(map(tree_depths, sentences.heads), self.depths(sentences))


def fit_distance_probe(
    train: Sentences,
    dev: Sentences,
    *,
    layer: int,
    rank: int | None = None,
    seed: int = 0,
    training: Training = TRAINING,
) -> DistanceProbe:
    """The map B (rank, width) that minimises, over sentences of n words with tree distances d_T,

        mean of  1 / n^2  sum over i, j of | d_T(i, j) - |B (h_i - h_j)|^2 |

    rank: at most the width; None for the width. seed: of the first map and the order of sentences;
    the global generators are left alone. training: batches are of sentences, and the rate is in
    units of what the first map's entries are in root mean square.
    Computes in float32 on the device of the vectors. Raises ValueError when a layer is not there, a
    rank is not allowed, heads are no tree, or a value is not finite.
    Source: Hewitt & Manning 2019, section 2.1.
    """
    return DistanceProbe(*_fit(train, dev, layer, rank, seed, training, _squares, tree_distances))


def fit_depth_probe(
    train: Sentences,
    dev: Sentences,
    *,
    layer: int,
    rank: int | None = None,
    seed: int = 0,
    training: Training = TRAINING,
) -> DepthProbe:
    """The map B (rank, width) that minimises, over sentences of n words with depths t,

        mean of  1 / n  sum over i of | t(i) - |B h_i|^2 |

    Nothing is subtracted from the vectors, so where they lie matters. Arguments and errors as of
    `fit_distance_probe`. Source: Hewitt & Manning 2019, section 2.
    """
    return DepthProbe(*_fit(train, dev, layer, rank, seed, training, _lengths, tree_depths))


def _fit(
    train: Sentences,
    dev: Sentences,
    layer: int,
    rank: int | None,
    seed: int,
    training: Training,
    measure: Callable[[Tensor], Tensor],
    truth: Callable[[Sequence[int]], np.ndarray],
) -> tuple[int, Tensor, float, int]:
    """What a probe is made of.

    measure: (batch, n, rank) mapped words to what is to be as the truth of their heads.
    """
    vectors, others = _vectors(train, layer), _vectors(dev, layer)
    width, device = vectors.shape[1], vectors.device
    rank = width if rank is None else rank
    check("rank", rank, 1)
    if rank > width or others.shape[1] != width:
        raise ValueError(
            f"rank is {rank} and dev has vectors of width {others.shape[1]}; train's have {width}, "
            "so allowed is a rank up to that, and the same width."
        )
    if not vectors.isfinite().all():
        raise ValueError("train has vectors that are not finite; allowed are finite ones.")
    generator = torch.Generator().manual_seed(seed)
    gold = [torch.from_numpy(truth(heads)).float().to(device) for heads in train.heads]
    gold_dev = [torch.from_numpy(truth(heads)).float().to(device) for heads in dev.heads]
    # AdamW has a rate for each coordinate, so what it reaches would depend on how the vectors happen
    # to be turned. It works along their principal axes instead, wherever these point,
    # with signs by a rule.
    axes = principal_axes(vectors.T.double() @ vectors.double())[1].flip(1).float()
    vectors, others = vectors @ axes, others @ axes
    # Entries of about 1, whatever the scale of the vectors, so that one learning rate fits all.
    matrix = torch.randn(rank, width, generator=generator).to(device)
    unit = _unit(vectors @ matrix.T, train, gold, measure)
    matrix.requires_grad_()

    def loss(sentences: Sentences, source: Tensor, true: list[Tensor], rows: Tensor) -> Tensor:
        chosen = rows.tolist()
        index, lengths = _padded([sentences.bounds[row] for row in chosen], device)
        words = source[index]
        found = measure(words @ (unit * matrix).T)
        wanted = torch.zeros_like(found)
        real = torch.zeros_like(found, dtype=torch.bool)
        for at, row in enumerate(chosen):
            n = len(true[row])
            here = (at, *[slice(n)] * true[row].ndim)
            wanted[here], real[here] = true[row], True
        off = (found - wanted).abs().masked_fill(~real, 0.0).flatten(1).sum(1)
        return (off / lengths ** (found.ndim - 1)).mean()

    def dev_loss() -> float:
        parts = torch.arange(len(dev)).split(training.batch)
        total = sum(float(loss(dev, others, gold_dev, rows)) * len(rows) for rows in parts)
        return total / len(dev)

    best, epochs = train_until_it_stops(
        [{"params": [matrix]}],
        len(train),
        lambda rows: loss(train, vectors, gold, rows),
        dev_loss,
        generator,
        training,
    )
    return layer, (unit * matrix).detach() @ axes.T, best, epochs


def _unit(mapped: Tensor, train: Sentences, gold: list[Tensor], measure) -> Tensor:
    """What to multiply a map with so that it gives on average what is true."""
    found = sum(measure(mapped[None, start:end]).double().sum() for start, end in train.bounds)
    true = sum(values.double().sum() for values in gold)
    # Where nothing differs, or nothing has a distance, no scale is better than another.
    return (true / found).sqrt().float() if found > 0 and true > 0 else torch.ones(())


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
