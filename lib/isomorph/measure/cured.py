"""Each cure by name, and whether it helps: similarity, matching, retrieval and translation.

Everything takes vectors that are made once, and gives a number for each cure and each fold. Folds
are every fifth item. They are no independent samples: cures are fitted on all items, each fold has
verses of every chapter, and pairs of several folds share a word or a sentence. So their spread is
too small for an interval, which `isomorph.measure.items` takes over chapters, words or sentences.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from isomorph.measure.cures import (
    all_but_the_top,
    conceptor_negation,
    null_top,
    standardisation,
    whitening,
)
from isomorph.measure.flow import fit_flow
from isomorph.measure.isotropy import average_cosine, isoscore, partition_ratio

FOLDS = 5
Fitted = Callable[[Tensor], Tensor]
# A cure by name: from the vectors it is fitted on to the function that it is.
CURES: dict[str, Callable[[Tensor], Fitted]] = {
    "original": lambda _: lambda vectors: vectors.double(),
    "all_but_the_top": all_but_the_top,
    "null_top": lambda vectors: null_top(vectors, 1),
    "standardisation": standardisation,
    "conceptor_negation": conceptor_negation,
    "whitening": whitening,
    # Of the directions that can vary: fewer vectors than dimensions leave some flat.
    "whitening_third": lambda vectors: whitening(
        vectors, max(1, min(vectors.shape[1], len(vectors) - 1) // 3)
    ),
    "flow": fit_flow,
}


def cone(vectors: Tensor) -> dict[str, float]:
    """average_cosine, isoscore and partition_ratio of some vectors, (n, width)."""
    return {
        "average_cosine": average_cosine(vectors),
        "isoscore": isoscore(vectors),
        "partition_ratio": partition_ratio(vectors),
    }


def folds(count: int) -> list[slice]:
    """Every fifth of so many items, from the first, from the second ..."""
    return [slice(fold, count, FOLDS) for fold in range(FOLDS)]


def cosines(first: Tensor, second: Tensor) -> Tensor:
    """The cosine of each row of the one with the same row of the other, (n,) in float64."""
    return cosine_similarity(first.double(), second.double())


def matching_auc(scores: Tensor, matches: Tensor) -> float:
    """Share of (match, other) pairs of pairs of which the match has the higher score.

    scores (n,), matches (n,) of bool. 0.5 is chance. Raises ValueError where one class is missing.
    Source: the unsupervised matching of Li et al. 2020, table 4.
    """
    from sklearn.metrics import roc_auc_score

    if matches.all() or not matches.any():
        raise ValueError("matches is all of one class; both are needed.")
    return float(roc_auc_score(matches.numpy(), scores.numpy()))


def edit_distances(first: Sequence[str], second: Sequence[str]) -> Tensor:
    """Levenshtein distance in characters of each text to its partner, in lower case, (n,).

    Source: Li et al. 2020, table 6.
    """
    from rapidfuzz.distance import Levenshtein

    pairs = zip(first, second, strict=True)
    return torch.tensor([float(Levenshtein.distance(a.lower(), b.lower())) for a, b in pairs])
