"""The shape of a cloud of word vectors, and of the hidden states it is multiplied with, in numbers.

- `of_words`: a vocabulary's vectors, the most frequent first: cone, spectrum, and what changes
  from frequent to rare words.
- `of_group`: how far apart the words of one group lie.
- `of_states`: where the origin lies beside the hidden states (Gao et al. 2019).

Every function gives a dictionary from a metric's name to its value.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor

from isomorph.measure.correlation import spearman
from isomorph.measure.degeneration import hull, layer_norm_direction
from isomorph.measure.isotropy import (
    RANKS,
    average_cosine,
    intrinsic_dimension,
    isoscore,
    nearest_distances,
    partition_ratio,
    sampled_cosines,
    singular_values,
    variance_evenness,
)
from isomorph.measure.neighbours import unit_rows
from isomorph.measure.pairs import checked

NEAREST = 3  # words, of the rank correlation; the first line of Li et al. 2020, table 1
DRAWN = 2000  # words or states, where all pairs would be many


def of_words(vectors: Tensor, *, part: tuple[int, int] = (0, 1)) -> dict[str, float]:
    """A vocabulary's geometry. vectors: (words, width), the most frequent word first.

    part: (k, of) measures every of-th word from the k-th, so that parts are independent samples of
        words; neighbours, and a word's average cosine, are still among all.

    Metrics: average_cosine (over pairs), positive_cosine_share (of 100,000 pairs),
    negative_cosine_share (of words: whose average cosine with all others is below 0),
    mean_vector_share (length of the mean over the mean length), isoscore, partition_ratio,
    variance_evenness, intrinsic_dimension_share (of the width), singular_value_mean and
    singular_value_second (over the largest), norm, rank_norm_spearman, rank_cosine_spearman,
    rank_neighbour_distance_spearman (to the 3 nearest), and norm_K, cosine_K, distance_K of the
    K-th bin of ranks (0, 100, 500, 5000), of Li et al. 2020, table 1.
    Raises ValueError with fewer than 25 words in the part, or as the measures do.
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
    found = {
        "average_cosine": average_cosine(vectors),
        "positive_cosine_share": float((sampled_cosines(vectors) > 0).double().mean()),
        "negative_cosine_share": float((cosines < 0).double().mean()),
        "mean_vector_share": float(vectors.mean(0).norm() / lengths.mean()),
        "isoscore": isoscore(vectors),
        "partition_ratio": partition_ratio(vectors),
        "variance_evenness": variance_evenness(vectors),
        "intrinsic_dimension_share": intrinsic_dimension(vectors, asked=DRAWN) / vectors.shape[1],
        "singular_value_mean": float(spectrum.mean()),
        "singular_value_second": float(spectrum[1]) if len(spectrum) > 1 else math.nan,
        "norm": float(lengths.mean()),
        "rank_norm_spearman": spearman(ranks, lengths),
        "rank_cosine_spearman": spearman(ranks, cosines),
        "rank_neighbour_distance_spearman": spearman(asked, distances),
    }
    columns = {"norm": (ranks, lengths), "cosine": (ranks, cosines), "distance": (asked, distances)}
    for name, (own, values) in columns.items():
        for number, (start, end) in enumerate(pairwise([*RANKS, len(every)])):
            inside = values[(own >= start) & (own < end)]
            if len(inside):
                found[f"{name}_{number}"] = float(inside.mean())
    return found


def of_group(vectors: Tensor) -> dict[str, float]:
    """How far apart the words of a group lie. vectors: (words, width).

    Metrics: pair_distance (mean Euclidean distance of two different words), average_cosine, norm,
    and pair_distance_scaled (of the vectors over their mean length). Of more than 2,000 words as
    many are taken, evenly spaced. Raises ValueError with fewer than two words.
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


def of_states(
    states: Tensor, absent: Tensor, *, gain: Tensor | None = None, offset: Tensor | None = None
) -> dict[str, float]:
    """Where the origin lies beside the states that a softmax sees, and where absent words went.

    states: (n, width). absent: (words, width), the vectors of words that never occurred. gain and
    offset (width,): of the last layer normalisation, if there is one.

    Metrics: origin_outside (1 where the hull of the states does not contain the origin, else 0; nan
    where neither certificate holds), hull_margin (largest margin of a uniformly negative direction
    over the mean length of a state; 0 inside), state_cosine; absent_negative_share (of products of
    an absent word and a state, those below 0) and absent_norm. With a normalisation also
    offset_size (|sum b/g|), negative_product_share (of states, those with a product below 0 with
    the direction that g and b give) and absent_direction_cosine (of absent words with it).
    Source: Gao et al. 2019, theorems 1 and 2 and the remark on layer normalisation.
    """
    states, absent = checked(states, "states"), checked(absent, "absent")
    found = {
        **_outside(states),
        "state_cosine": average_cosine(states),
        "absent_negative_share": float((absent @ states.T < 0).double().mean()),
        "absent_norm": float(absent.norm(dim=1).mean()),
    }
    if gain is None or offset is None:
        return found
    direction, _ = layer_norm_direction(gain, offset)
    direction = direction.to(states.device)
    found["offset_size"] = abs(float((offset.detach().double() / gain.detach().double()).sum()))
    found["negative_product_share"] = float((states @ direction < 0).double().mean())
    found["absent_direction_cosine"] = float((unit_rows(absent, "absent") @ direction).mean())
    return found


def _outside(states: Tensor) -> dict[str, float]:
    try:
        decided = hull(states, widest=True)
    except ArithmeticError:
        return {"origin_outside": math.nan, "hull_margin": math.nan}
    margin = 0.0 if decided.contains_origin else decided.margin(states)
    length = float(states.norm(dim=1).mean())
    return {
        "origin_outside": float(not decided.contains_origin),
        "hull_margin": margin / length if length > 0 else 0.0,
    }


def _thinned(rows: Tensor) -> Tensor:
    """At most `DRAWN` of some rows, evenly spaced."""
    if len(rows) <= DRAWN:
        return rows
    return rows[torch.linspace(0, len(rows) - 1, DRAWN, dtype=torch.float64).long()]
