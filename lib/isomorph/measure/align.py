"""Maps that carry the vectors of one model onto those of another, and which words belong together.

- `procrustes`: the best rotation, which changes no distance (Conneau, Wu et al. 2020, section 5.1).
- `ridge`: a linear map of any kind, but one that stays small. It may bend the space, so what it
  reaches and a rotation does not is no likeness of shape.
- `iterative_normalisation`: rows of length 1 and mean 0, which a rotation needs to fit both sides
  (Zhang et al. 2019, "Are Girls Neko or Shojo?").
- `mutual_links`, `linked_vectors`: which word of a sentence is which of its translation.

A map is a matrix (width of the source, width of the target): `source @ map` lies where the target
does. Everything is computed in float64, on the device of the source; a map is float64.
Scores of what a map reaches are in `isomorph.measure.retrieval`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.linalg import schur
from torch import Tensor

from isomorph.measure.numerics import ROUNDING, best_first, nearest_map, paired, unit_rows

if TYPE_CHECKING:
    from isomorph.measure.represent import Representation

ROUNDS = 10  # of normalisation: lengths are then within 1e-3 of 1 on every model tried
# Of the ridge, as a share of the source's mean squared singular value, so that it means the same at
# every scale and number of pairs.
PENALTY = 0.1

Link = tuple[int, int, int]  # a text, a word's position in it, and one in its translation


def procrustes(source: Tensor, target: Tensor) -> Tensor:
    """The orthogonal map W that minimises the distance of `source @ W` to `target`.

    source (n, p), target (n, q): rows are pairs. W is (p, q); with X = source and Y = target,

        W = U V',  U S V' = svd(X' Y)

    Where p and q differ, W has orthonormal rows (p < q) or columns (p > q); the latter keep no
    distance, and what W maximises is the inner product of `source @ W` and `target`.
    With fewer independent pairs than dimensions there are many such maps. Of these it is the one
    nearest to the identity, by `numerics.nearest_map`, where the proof is: what the pairs say
    nothing of stays in its place, in so far as it can.
    Raises ValueError when the two do not pair or a value is not finite.
    Source: Schönemann 1966; Conneau, Wu et al. 2020, section 5.1, who write columns as pairs.
    """
    source, target = paired(source, target, ("source", "target"))
    rounding = ROUNDING * float(source.norm() * target.norm())
    return nearest_map(source.T @ target, rounding)


def ridge(source: Tensor, target: Tensor) -> Tensor:
    """The linear map (p, q) that minimises the squared distance plus `PENALTY` on its own norm.

    source (n, p), target (n, q): rows are pairs. Raises ValueError as `procrustes`.
    """
    source, target = paired(source, target, ("source", "target"))
    gram = source.T @ source
    size = gram.diagonal().mean()
    damping = PENALTY * torch.where(size > 0, size, 1.0)  # of zeros the map is 0 with any
    return torch.linalg.solve(gram + damping * torch.eye(len(gram)).to(gram), source.T @ target)


def iterative_normalisation(vectors: Tensor) -> Tensor:
    """Rows brought to length 1, then to mean 0, again and again: (n, width), float64.

    The last step is the mean, so that it is 0 and lengths are 1 but for what a round changes.
    Raises ValueError when `vectors` is not (n, width) or not finite.
    Source: Zhang et al. 2019, as in Conneau, Wu et al. 2020, section 5.1.
    """
    return normalise(vectors, normalising_means(vectors))


def normalising_means(vectors: Tensor) -> list[Tensor]:
    """The mean that each round of `iterative_normalisation` subtracts, (width,) each.

    Learnt on some vectors, they normalise others of the same model in the same way (`normalise`).
    """
    means = []
    for _ in range(ROUNDS):
        vectors = unit_rows(vectors, "vectors")
        means.append(vectors.mean(0))
        vectors = vectors - means[-1]
    return means


def normalise(vectors: Tensor, means: Sequence[Tensor]) -> Tensor:
    """Vectors (n, width) through the rounds whose means were learnt by `normalising_means`."""
    for mean in means:
        vectors = unit_rows(vectors, "vectors") - mean
    return vectors


def part_way(rotation: Tensor, share: float) -> Tensor:
    """A rotation gone only part of the way: 0 is none of it, 1 is all, (d, d) in float64.

    Every plane that it turns is turned by the same share of its angle. What it mirrors instead goes
    through 0 half-way: a mirror cannot be reached by turning.
    Raises ValueError when the map is not orthogonal.
    """
    matrix = rotation.detach().cpu().double().numpy()
    if matrix.ndim != 2 or not np.allclose(matrix @ matrix.T, np.eye(len(matrix)), atol=1e-6):
        raise ValueError(f"rotation is {tuple(rotation.shape)}; it must be square and orthogonal.")
    turns, basis = schur(matrix, output="complex")
    angles = np.angle(turns.diagonal())
    mirrored = np.abs(angles) > np.pi - 1e-9
    values = np.where(mirrored, 1 - 2 * share, np.exp(1j * share * angles))
    return torch.from_numpy(((basis * values) @ basis.conj().T).real)


def mutual_links(source: Representation, target: Representation, layer: int) -> list[Link]:
    """Links between words that are each other's nearest by cosine, text by text.

    source, target: words of parallel texts, in the same order, by any encoder of both languages.
    Each side's mean over all texts is subtracted first. Ties go to the earlier word.
    Source: the "Argmax" method of SimAlign, Jalili Sabet et al. 2020.
    """
    vectors = [unit_rows(side[layer], "vectors", center=True) for side in (source, target)]
    first, second = _rows_by_text(source), _rows_by_text(target)
    links = []
    for text in sorted(first.keys() & second.keys()):
        rows, columns = first[text], second[text]
        scores = vectors[0][rows] @ vectors[1][columns].T
        there, back = (best_first(table)[1][:, 0] for table in (scores, scores.T))
        links += [
            (text, int(source.positions[rows[i]]), int(target.positions[columns[j]]))
            for i, j in enumerate(there.tolist())
            if int(back[j]) == i
        ]
    return links


def linked_vectors(
    source: Representation, target: Representation, links: Iterable[Link], layer: int
) -> tuple[Tensor, Tensor]:
    """(links, width) of each side; links of which a word has no vector are left out.

    Raises ValueError when none is left.
    """
    rows = [
        {(int(t), int(p)): row for row, (t, p) in enumerate(zip(s.texts, s.positions, strict=True))}
        for s in (source, target)
    ]
    pairs = [
        (rows[0][text, i], rows[1][text, j])
        for text, i, j in links
        if (text, i) in rows[0] and (text, j) in rows[1]
    ]
    if not pairs:
        raise ValueError("links has no pair of words of which both have a vector.")
    chosen = torch.tensor(pairs)
    return source[layer][chosen[:, 0]], target[layer][chosen[:, 1]]


def _rows_by_text(words: Representation) -> dict[int, list[int]]:
    rows: dict[int, list[int]] = {}
    for row, text in enumerate(words.texts.tolist()):
        rows.setdefault(text, []).append(row)
    return rows
