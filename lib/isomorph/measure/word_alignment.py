"""Which word of a sentence is which of its translation, and the vectors of such pairs.

- `mutual_links`: the words whose vectors are nearest to each other within a sentence pair, the
  "Argmax" method of SimAlign (Jalili Sabet et al. 2020), on the vectors of any encoder of both
  languages.
- `linked_vectors`: the vectors that two encoders give to linked words.

Words are told apart as `represent` does at the level "word": by (text, position).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from isomorph.measure.neighbours import best_first, unit_rows

if TYPE_CHECKING:
    from isomorph.measure.represent import Representation

Link = tuple[int, int, int]  # a text, a position in it, and one in its translation


def mutual_links(source: Representation, target: Representation, layer: int) -> list[Link]:
    """Links between words that are each other's nearest by cosine, text by text.

    source, target: words of parallel texts, in the same order. Each side's mean over all texts is
    subtracted first. Ties go to the earlier word. Texts without a word on a side have no link.
    """
    vectors = [unit_rows(side[layer], "vectors", center=True) for side in (source, target)]
    first, second = _by_text(source), _by_text(target)
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


def _by_text(words: Representation) -> dict[int, list[int]]:
    rows: dict[int, list[int]] = {}
    for row, text in enumerate(words.texts.tolist()):
        rows.setdefault(text, []).append(row)
    return rows
