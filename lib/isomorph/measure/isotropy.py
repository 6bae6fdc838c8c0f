"""How evenly vectors fill the directions of their space, and the shape of a vocabulary's cloud.

The average cosine sees the mean that all have in common and no stretch, IsoScore a stretch and no
mean: report both. vectors: (n, width), taken to float64 on their device; memory is a copy of them
and one block. All raise ValueError when a shape is not (n, width) or a value is not finite.
"""

import math
from itertools import pairwise

import torch
from torch import Tensor

from isomorph.measure.correlation import spearman
from isomorph.measure.numerics import ROUNDING, centred, checked, principal_axes, unit_rows

RANKS = (0, 100, 500, 5000)  # where the bins of Li et al. 2020, table 1, begin
NEAREST = 3  # words, of the rank correlation; the first line of that table
NEIGHBOURS = 20  # of the intrinsic dimension
TOP_SHARE = 0.1  # of the principal components, whose variance is told
DRAWN = 2000  # words or states, where all pairs would be many
DISTANCES_AT_ONCE = 2**25  # 256 MiB


def average_cosine(vectors: Tensor) -> float:
    """The mean cosine of all pairs of different vectors, exactly, from their sum: 0 when
    directions are spread evenly, and near 1 in a narrow cone.

    Zero vectors are left out; nan with fewer than two others. Source: the measure of Liang et al.
    2021 and Gao et al. 2019, section 3.
    """
    unit = unit_rows(vectors, "vectors")
    n = int((unit.norm(dim=1) > 0).sum())
    return (float(unit.sum(0).square().sum()) - n) / (n * (n - 1)) if n > 1 else math.nan


def isoscore(vectors: Tensor) -> float:
    """1 when the variance is the same in all directions, 0 when there is one direction only; nan
    where nothing varies. Raises ValueError with fewer than 2 vectors or a width of 1. Source:
    Rudman et al. 2022, steps of the authors' code."""
    n, width = vectors.shape if vectors.ndim == 2 else (0, 0)
    if n < 2 or width < 2:
        raise ValueError(
            f"vectors is {tuple(vectors.shape)}; IsoScore needs (n, width), both 2 up."
        )
    variances = _variances(vectors) / (n - 1)
    length = float(variances.norm())
    if not length > 0:
        return math.nan
    even = variances * math.sqrt(width) / length
    defect = float((even - 1).norm()) / math.sqrt(2 * (width - math.sqrt(width)))
    kept = width - defect**2 * (width - math.sqrt(width))
    return (kept**2 - width) / (width * (width - 1))


def _variances(vectors: Tensor) -> Tensor:
    """Sums of squares along the principal axes, about the mean, the largest first, (width,)."""
    moved, _ = centred(vectors, "vectors")
    return torch.linalg.eigvalsh(moved.T @ moved).flip(0).clamp(min=0)


def partition_ratio(vectors: Tensor) -> float:
    """min Z(c) / max Z(c) with Z(c) = sum over vectors w of exp(c'w); 1 when isotropic.

    c runs over the eigenvectors of W'W, of length 1 and in both signs; those of equal eigenvalues
    are the ones of `numerics.principal_axes`.
    Source: Mu & Viswanath 2018, after Arora et al. 2016.
    """
    vectors = checked(vectors, "vectors")
    _, directions = principal_axes(vectors.T @ vectors)  # (width, directions)
    along = vectors @ directions  # (n, directions)
    logs = torch.cat([torch.logsumexp(sign * along, dim=0) for sign in (1, -1)])
    return math.exp(float(logs.min() - logs.max()))


def cone(vectors: Tensor) -> dict[str, float]:
    """average_cosine, isoscore and partition_ratio of some vectors, (n, width)."""
    measures = (average_cosine, isoscore, partition_ratio)
    return {measure.__name__: measure(vectors) for measure in measures}


def sampled_cosines(vectors: Tensor, *, pairs: int = 100_000) -> Tensor:
    """Cosines of random pairs of different vectors, (pairs,), drawn with replacement. Raises
    ValueError with fewer than two vectors that are not zero."""
    if pairs < 1:
        raise ValueError(f"pairs is {pairs}; it must be at least 1.")
    unit = unit_rows(vectors, "vectors")
    unit = unit[unit.norm(dim=1) > 0]
    n = len(unit)
    if n < 2:
        raise ValueError(f"vectors has {n} that are not zero; a pair needs two.")
    generator = torch.Generator().manual_seed(0)
    first = torch.randint(n, (pairs,), generator=generator)
    other = (first + torch.randint(1, n, (pairs,), generator=generator)) % n  # never the same one
    return (unit[first.to(unit.device)] * unit[other.to(unit.device)]).sum(1)


def singular_values(vectors: Tensor) -> Tensor:
    """Singular values, the largest first, over the largest: (min(n, width),); exact to some 1e-8."""
    vectors = checked(vectors, "vectors")
    squares = torch.linalg.eigvalsh(vectors.T @ vectors).flip(0).clamp(min=0)
    values = squares.sqrt()[: min(vectors.shape)]
    return values / values[0] if values[0] > 0 else values


def variance_evenness(vectors: Tensor) -> float:
    """What the first tenth of the principal components, rounded up, would hold of the variance if
    it were even, over what they do hold: 1 when isotropic, 0.1 when all of it; nan where nothing
    varies."""
    variances = _variances(vectors)
    total, count = float(variances.sum()), math.ceil(TOP_SHARE * len(variances))
    if not total > 0:
        return math.nan
    return count / len(variances) / (float(variances[:count].sum()) / total)


def intrinsic_dimension(vectors: Tensor) -> float:
    """The maximum likelihood estimate of the dimension, from distances to K = 20 nearest
    neighbours.

        1 / mean over vectors and j < K of log(T_K / T_j),   T_j the distance to the j-th nearest

    At the edge of a cloud neighbours are missing on one side, so many dimensions with few vectors
    are told too few. At most `DRAWN` vectors, evenly spaced, have their neighbours looked up among
    all. Those with a copy among their neighbours are left out; nan where that leaves none. Raises
    ValueError when there are not more vectors than neighbours. Source: Levina & Bickel 2004,
    averaged as in MacKay & Ghahramani's comment.
    """
    vectors = checked(vectors, "vectors")
    distances = nearest_distances(vectors, _thinned(torch.arange(len(vectors))), NEIGHBOURS)
    copies = distances <= ROUNDING * vectors.norm(dim=1).max()
    distances = distances[~copies.any(1)]
    if not len(distances):
        return math.nan
    mean = float((distances[:, -1:] / distances[:, :-1]).log().mean())
    return 1 / mean if mean > 0 else math.nan


def nearest_distances(vectors: Tensor, rows: Tensor, neighbours: int) -> Tensor:
    """The distances of some rows to their nearest others, nearest first, (rows, neighbours).
    Raises ValueError when there are not more vectors than neighbours."""
    vectors = checked(vectors, "vectors")
    if not 1 <= neighbours < len(vectors):
        raise ValueError(
            f"neighbours is {neighbours}; with {len(vectors)} vectors allowed is 1 to one less."
        )
    block = max(1, DISTANCES_AT_ONCE // (len(vectors) + neighbours * vectors.shape[1]))
    distances = []
    for part in rows.to(vectors.device).split(block):
        table = torch.cdist(vectors[part], vectors)
        table[torch.arange(len(part)), part] = torch.inf  # not its own neighbour
        near = table.topk(neighbours, dim=1, largest=False).indices
        # The table comes from products, which leave 1e-8 of a length where two are the same.
        distances.append((vectors[part, None] - vectors[near]).norm(dim=-1).sort(dim=1).values)
    return torch.cat(distances)


def of_words(vectors: Tensor, *, part: tuple[int, int] = (0, 1)) -> dict[str, float]:
    """A vocabulary's geometry, by metric. vectors: (words, width), the most frequent word first.

    part: (k, of) measures every of-th word from the k-th, so that parts are independent samples of
        words; neighbours, and a word's average cosine, are still among all.

    average_cosine (over pairs), positive_cosine_share (of 100,000 pairs), negative_cosine_share
    (of words: whose average cosine with all others is below 0), mean_vector_share (length of the
    mean over the mean length), isoscore, partition_ratio, variance_evenness,
    intrinsic_dimension_share (of the width), singular_value_mean and singular_value_second (over
    the largest), norm, rank_norm_spearman, rank_cosine_spearman, rank_neighbour_distance_spearman
    (to the 3 nearest), and norm_K, cosine_K, distance_K of the K-th bin of ranks (0, 100, 500,
    5000), of Li et al. 2020, table 1. Raises ValueError with fewer than 25 words in the part, or
    as the measures do.
    """
    every, (first, of) = checked(vectors, "vectors"), part
    if of < 1 or not 0 <= first < of or len(every[first::of]) < 25:
        raise ValueError(
            f"vectors has {len(every)} words and part is {part}; a part (k, of) with k below of "
            "must hold 25 words."
        )
    unit = unit_rows(every, "vectors")
    cosines = ((unit @ unit.sum(0) - unit.square().sum(1)) / (len(unit) - 1))[first::of]
    ranks = torch.arange(len(every))[first::of]
    vectors, lengths = every[first::of], every[first::of].norm(dim=1)
    spectrum = singular_values(vectors)
    # All of the frequent ones, of which there are few, and some of the rest.
    asked = torch.cat([ranks[ranks < RANKS[2]], _thinned(ranks[ranks >= RANKS[2]])])
    distances = nearest_distances(every, asked, NEAREST).mean(1)
    metrics = {
        **cone(vectors),
        "positive_cosine_share": float((sampled_cosines(vectors) > 0).double().mean()),
        "negative_cosine_share": float((cosines < 0).double().mean()),
        "mean_vector_share": float(vectors.mean(0).norm() / lengths.mean()),
        "variance_evenness": variance_evenness(vectors),
        "intrinsic_dimension_share": intrinsic_dimension(vectors) / vectors.shape[1],
        "singular_value_mean": float(spectrum.mean()),
        "singular_value_second": float(spectrum[1]) if len(spectrum) > 1 else math.nan,
        "norm": float(lengths.mean()),
        "rank_norm_spearman": spearman(ranks, lengths).value,
        "rank_cosine_spearman": spearman(ranks, cosines).value,
        "rank_neighbour_distance_spearman": spearman(asked, distances).value,
    }
    columns = {"norm": (ranks, lengths), "cosine": (ranks, cosines), "distance": (asked, distances)}
    for name, (at, values) in columns.items():
        for number, (start, end) in enumerate(pairwise([*RANKS, len(every)])):
            inside = values[(at >= start) & (at < end)]
            if len(inside):
                metrics[f"{name}_{number}"] = float(inside.mean())
    return metrics


def of_group(vectors: Tensor) -> dict[str, float]:
    """How far apart the words of a group lie. vectors: (words, width).

    pair_distance (mean Euclidean distance of two different words), average_cosine, norm, and
    pair_distance_scaled (over the mean length), of at most `DRAWN` words, evenly spaced.
    Raises ValueError with fewer than two words.
    """
    vectors = checked(vectors, "vectors")
    if len(vectors) < 2:
        raise ValueError(f"vectors has {len(vectors)} words; a pair needs two.")
    vectors = _thinned(vectors)
    distance, length = float(torch.pdist(vectors).mean()), float(vectors.norm(dim=1).mean())
    return {
        "pair_distance": distance,
        "average_cosine": average_cosine(vectors),
        "norm": length,
        "pair_distance_scaled": distance / length if length > 0 else math.nan,
    }


def _thinned(rows: Tensor) -> Tensor:
    """At most `DRAWN` of some rows, evenly spaced."""
    if len(rows) <= DRAWN:
        return rows
    return rows[torch.linspace(0, len(rows) - 1, DRAWN, dtype=torch.float64).long()]
