"""How right the labels of a probe are, and at which layers that is gained."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from isomorph.measure.pairs import varies


@dataclass(frozen=True)
class LabelScores:
    """Shares from 0 to 1.

    accuracy: the share of labels that are right.
    micro_f1: F1 over all labels together; the accuracy, unless labels are left out.
    macro_f1: the mean F1 of the labels that are true or predicted anywhere.
    """

    accuracy: float
    micro_f1: float
    macro_f1: float


def label_scores(
    gold: Tensor, predicted: Tensor, names: Sequence[str], *, without: Sequence[str] = ()
) -> LabelScores:
    """Accuracy and F1 of labels.

    gold, predicted: (n,) numbers of the labels in `names`. without: labels that F1 does not count,
    such as "O" of entity tags; accuracy counts them. F1 is 0 where nothing is left.
    Raises ValueError for a label in `without` that is not among the names, or unlike lengths.
    """
    if gold.shape != predicted.shape or not len(gold):
        raise ValueError(
            f"predicted is {tuple(predicted.shape)} and gold {tuple(gold.shape)}; allowed is the "
            "same number, from 1."
        )
    for name in without:
        if name not in names:
            raise ValueError(f"without has {name!r}; allowed are {', '.join(names)}.")
    counted = torch.tensor([name not in without for name in names])
    right = predicted == gold
    hits = torch.bincount(gold[right], minlength=len(names))[counted].double()
    # F1 is twice the hits over how often a label is true plus how often it is predicted.
    both = torch.bincount(torch.cat([gold, predicted]), minlength=len(names))[counted]
    seen = both > 0
    return LabelScores(
        accuracy=float(right.double().mean()),
        micro_f1=float(2 * hits.sum() / both.sum().clamp(min=1)),
        macro_f1=float((2 * hits[seen] / both[seen]).mean()) if seen.any() else 0.0,
    )


def expected_layer(scores: Sequence[float]) -> float:
    """The mean layer at which a score is gained, in layers.

    scores: of probes that mix layers 0 to l, for every l from 0. With the gain d_l of layer l over
    those below it, the value is the sum of l d_l over the sum of d_l, both from l = 1. A loss counts
    as a negative gain, so the value may lie outside the layers; nan where nothing is gained.
    Raises ValueError with fewer than 2 scores.
    Source: Tenney, Das & Pavlick 2019, section 3.
    """
    if len(scores) < 2:
        raise ValueError(f"scores has {len(scores)} entries; layer 0 and another are needed.")
    if not varies(torch.tensor([scores[0], scores[-1]], dtype=torch.float64)):
        return math.nan
    gains = [after - before for before, after in itertools.pairwise(scores)]
    return sum(layer * gain for layer, gain in enumerate(gains, 1)) / sum(gains)
