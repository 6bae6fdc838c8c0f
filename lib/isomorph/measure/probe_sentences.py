"""Sentences with the vectors of their words and their trees, for a structural probe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

from isomorph.measure.probe_spans import rows_of
from isomorph.text.examples import TREE

if TYPE_CHECKING:
    from isomorph.measure.represent import Representation
    from isomorph.text.examples import Examples

PUNCTUATION = ("punct",)


@dataclass(frozen=True)
class Sentences:
    """Sentences, each with the vectors of all its words at each layer, and its tree.

    layers: layer -> (n_words of all, width); not copied.
    bounds: for each sentence its first row of the vectors, and the first behind it.
    heads: for each sentence and word, 0 for the root, else a position from 1.
    counted: for each sentence and word, whether it counts where trees are scored: no punctuation.
    left_out: how many sentences have words without a vector.
    """

    layers: dict[int, Tensor]
    bounds: tuple[tuple[int, int], ...]
    heads: tuple[tuple[int, ...], ...]
    counted: tuple[tuple[bool, ...], ...]
    left_out: int = 0

    def __post_init__(self):
        if not self.bounds:
            raise ValueError("bounds is empty; at least one sentence is needed.")
        rows = min((len(vectors) for vectors in self.layers.values()), default=0)
        sentences = zip(self.bounds, self.heads, self.counted, strict=True)
        for number, ((start, end), heads, counted) in enumerate(sentences):
            if not 0 <= start < end <= rows or not end - start == len(heads) == len(counted):
                raise ValueError(
                    f"sentence {number} has rows {start} to {end} of {rows}, {len(heads)} heads and "
                    f"{len(counted)} marks in counted; allowed is one of each a word."
                )

    def __len__(self) -> int:
        return len(self.bounds)


def tree_sentences(
    representation: Representation,
    examples: Examples,
    *,
    punctuation: Sequence[str] = PUNCTUATION,
) -> Sentences:
    """Sentences with their trees; one of which a word has no vector is left out.

    representation: of `[item.words for item in examples.items]` at level "word".
    punctuation: the relations whose words do not count where trees are scored.
    Raises ValueError for examples without trees, when the representation does not belong to them,
    and when no sentence is left.
    """
    if examples.task != TREE:
        raise ValueError(f"examples has the task {examples.task!r}; allowed is {TREE!r}.")
    rows = rows_of(representation, [len(item.words) for item in examples.items])
    whole = [
        (at, item)
        for at, item in zip(rows, examples.items, strict=True)
        if len(at) == len(item.words)
    ]
    return Sentences(
        layers=representation.layers,
        bounds=tuple((at[0], at[0] + len(at)) for at, _ in whole),
        heads=tuple(item.heads for _, item in whole),
        counted=tuple(
            tuple(name not in punctuation for name in item.relations) for _, item in whole
        ),
        left_out=len(rows) - len(whole),
    )
