"""How well scores agree with what people say, and how far a score would move with other items.

Correlations say nan, and do not warn, where there is nothing to correlate.

Each `Score` comes with what every item adds to its error, its *influence*; the sum of their
squares, taken over the clusters that make items dependent, is the score's variance: the limit of a
jackknife that leaves out ever less. A difference of two scores on the same items has the
difference of their influences, so it is paired. The interval is over items of one model and one
fit. Source: Efron & Tibshirani 1993, chapter 22; over clusters Cameron & Miller 2015.
"""

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from scipy import stats
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from isomorph.measure.numerics import snapped, varies

CONFIDENCE = 0.95
FOLDS = 5
GROUPS = 10  # of items that a jackknife leaves out in turn
LARGEST_FAMILY = 0.25  # of linked pairs, as a share of all, to be a cluster like the others


def edit_distances(first: Sequence[str], second: Sequence[str]) -> Tensor:
    """Levenshtein distance in characters of each text to its partner, letter case aside, (n,).
    Source: Li et al. 2020, table 6."""
    from rapidfuzz.distance import Levenshtein

    pairs = zip(first, second, strict=True)
    return torch.tensor([float(Levenshtein.distance(a.casefold(), b.casefold())) for a, b in pairs])


class Score(NamedTuple):
    """A score, and the influence of each item on it, (n,): about what one more like it would add."""

    value: float
    influence: np.ndarray


def mean_score(values: Tensor) -> Score:
    """The mean of (n,), such as the share of hits."""
    array = _array(values)
    return Score(float(array.mean()), (array - array.mean()) / len(array))


def jackknife(measure: Callable[[Tensor], float], count: int) -> Score:
    """What a measure makes of so many items, by their places (n,), and the influence of each of at most
    `GROUPS` groups of them: for what is no mean of its items, such as CKA.

    Every tenth item is a group. No item is drawn twice, as by a bootstrap, which makes pairs of an item
    with itself: a kernel, or a nearest neighbour, takes such a copy for a likeness.
    Source: Efron & Tibshirani 1993, chapter 11.
    """
    places, groups = torch.arange(count), min(GROUPS, count)
    without = np.array([measure(places[places % groups != group]) for group in range(groups)])
    return Score(measure(places), (without.mean() - without) * (groups - 1) / groups)


def matching_auc(scores: Tensor, matches: Tensor) -> Score:
    """Share of (match, other) pairs of pairs of which the match has the higher score; 0.5 is chance.

    scores (n,), matches (n,) of bool. Raises ValueError where one class is missing.
    Source: the unsupervised matching of Li et al. 2020, table 4; of its variance DeLong et al. 1988.
    """
    array, match = snapped(scores.cpu()).numpy(), matches.cpu().numpy()
    if match.all() or not match.any():
        raise ValueError("matches is all of one class; both are needed.")
    above = np.empty(len(array))  # of the other class, as the item's side wants them
    above[match] = _share_below(array[match], array[~match])
    above[~match] = 1 - _share_below(array[~match], array[match])
    value = above[match].mean()
    return Score(float(value), (above - value) / np.where(match, match.sum(), (~match).sum()))


def pearson(values: Sequence[float] | Tensor, gold: Sequence[float] | Tensor) -> Score:
    """Correlation of two (n,); all nan with fewer than 3, or where a side does not vary."""
    first, second = (side - side.mean() for side in map(_array, (values, gold)))
    return _of_products((values, gold), (first, second), np.zeros((3, len(first))))


def spearman(values: Sequence[float] | Tensor, gold: Sequence[float] | Tensor) -> Score:
    """Rank correlation of two (n,), numbers that only rounding tells apart being tied; nan as `pearson`.

    An item also moves the ranks of the others, which counts. Source: the projection of Hoeffding 1948.
    """
    sides = [snapped(torch.from_numpy(_array(side))).numpy() for side in (values, gold)]
    first, second = (stats.rankdata(side) / len(side) for side in sides)
    first, second = first - first.mean(), second - second.mean()
    # What an item adds to the ranks of those above it, times what these are multiplied with.
    moved = [
        _sum_above(sides[0], second) + _sum_above(sides[1], first),
        2 * _sum_above(sides[0], first),
        2 * _sum_above(sides[1], second),
    ]
    return _of_products((values, gold), (first, second), np.stack(moved))


def _of_products(sides: Sequence, centred: Sequence[np.ndarray], more: np.ndarray) -> Score:
    """A correlation of two sides, of what is correlated of them, and what else moves its covariance
    and variances, item by item."""
    first, second = centred
    products = [first * second, first**2, second**2]
    if len(first) < 3 or not all(map(varies, map(_column, sides))):
        return Score(math.nan, np.full(len(first), math.nan))
    both, one, other = (part.mean() for part in products)
    value = both / math.sqrt(one * other)
    moves = [part + extra for part, extra in zip(products, more, strict=True)]
    moves = [(part - part.mean()) / len(part) for part in moves]
    influence = moves[0] / math.sqrt(one * other)
    influence = influence - value / 2 * (moves[1] / one + moves[2] / other)
    return Score(float(value), influence)


def folds(count: int) -> list[slice]:
    """Every fifth of so many items, from the first, from the second ... One fit serves all of
    them, so their spread gives no interval."""
    return [slice(fold, count, FOLDS) for fold in range(FOLDS)]


def over_folds(folds: Sequence[tuple[slice | Sequence[int], Score]], count: int) -> Score:
    """The mean of the scores of disjoint folds of so many items, each with its items' places."""
    influence = np.zeros(count)
    for places, score in folds:
        influence[places] = score.influence / len(folds)
    return Score(float(np.mean([score.value for _, score in folds])), influence)


def standard_error(influence: np.ndarray, *members: Sequence[Hashable]) -> tuple[float, int]:
    """Of a score over clusters, and how many there are.

    members: one label an item, such as its chapter, or two lists of labels, such as the two words
    of a pair: two items depend where they share a label, on whichever side. Raises ValueError
    where labels and items differ in number, or there is one cluster. Source: Cameron & Miller
    2015; with two labels Aronow, Samii & Assenova 2015.
    """
    number: dict[Hashable, int] = {}
    sides = [np.array([number.setdefault(m, len(number)) for m in side], int) for side in members]
    if len(number) < 2 or any(len(side) != len(influence) for side in sides):
        raise ValueError(
            f"members is of {[len(side) for side in sides]} items and {len(number)} clusters; "
            f"allowed are the {len(influence)} items, of two clusters or more."
        )
    first, second = sides[0], sides[-1]
    total = np.bincount(first, influence, len(number))
    apart = first != second
    total += np.bincount(second[apart], influence[apart], len(number))
    # What shares both labels has been counted in both clusters.
    ends = np.sort(np.stack([first[apart], second[apart]], axis=1), axis=1)
    _, pair = np.unique(ends, axis=0, return_inverse=True)
    twice = np.bincount(pair.reshape(-1), influence[apart])
    variance = np.square(total).sum() - np.square(twice).sum()
    return math.sqrt(max(variance, 0) * len(number) / (len(number) - 1)), len(number)


def clusters_of_pairs(
    first: Sequence[Hashable], second: Sequence[Hashable]
) -> tuple[Sequence[Hashable], ...]:
    """Members for `standard_error` of pairs of texts: of each pair all that others link with it,
    as far as such a family is small; else both of its texts.

    Sets of sentences are made of families, which are alike beyond what they share: a score's error
    is up to 1.6 times that over sentences alone. Of words, all are of one family.
    """
    number: dict[Hashable, int] = {}
    ends = [[number.setdefault(text, len(number)) for text in side] for side in (first, second)]
    links = coo_array((np.ones(len(ends[0])), ends), shape=(len(number), len(number)))
    family = connected_components(links, directed=False)[1][ends[0]]
    small = np.bincount(family).max() <= LARGEST_FAMILY * len(family)
    return (family.tolist(),) if small else (first, second)


def intervals(
    scores: Mapping[str, Score], *members: Sequence[Hashable], reference: str
) -> dict[str, dict[str, float]]:
    """Of each condition: low and high; and gain, gain_low and gain_high, what it has above
    `reference`.

    scores: by condition, all on the same items. members: see `standard_error`. The 95% intervals
    are Student's t, of one degree of freedom less than clusters.
    """
    bounds: dict[str, dict[str, float]] = {}
    for name, score in scores.items():
        bounds[name] = _bounds("", score, members)
        if name != reference:
            pairs = zip(score, scores[reference], strict=True)
            gain = Score(*(value - other for value, other in pairs))
            bounds[name] |= {"gain": gain.value} | _bounds("gain_", gain, members)
    return bounds


def _bounds(before: str, score: Score, members) -> dict[str, float]:
    error, clusters = standard_error(score.influence, *members)
    reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, clusters - 1)) * error
    return {f"{before}low": score.value - reach, f"{before}high": score.value + reach}


def _column(values: Tensor | Sequence[float]) -> Tensor:
    """Numbers in the type that they come in, which says what rounding makes of them."""
    numbers = values if isinstance(values, Tensor) else torch.tensor(values, dtype=torch.float64)
    return numbers.detach().cpu()


def _array(values: Tensor | Sequence[float]) -> np.ndarray:
    return _column(values).double().numpy()


def _share_below(values: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The share of the others that are below each value, ties as half."""
    ordered = np.sort(others)
    sides = [np.searchsorted(ordered, values, side) for side in ("left", "right")]
    return (sides[0] + sides[1]) / 2 / len(others)


def _sum_above(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Over n, the sum of the weights of the values above each, and half of its ties' and its own."""
    distinct, place = np.unique(values, return_inverse=True)
    of_value = np.bincount(place, weights, len(distinct))
    above = of_value[::-1].cumsum()[::-1] - of_value / 2
    return above[place] / len(values)
