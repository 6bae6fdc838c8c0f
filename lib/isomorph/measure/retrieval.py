"""How well the vectors of two languages line up, without any mapping between them.

- `retrieval`: does a sentence find its translation, and at what rank (Conneau, Wu et al. 2020,
  section 5.1; Dufter and Schütze 2020).
- `translation`: does a word find one of its translations (Conneau, Lample et al. 2018).
- `multilinguality`: both in one number (Dufter and Schütze 2020).

Scores are cosines or CSLS, see `isomorph.measure.neighbours`. Ties count as the expected value over
a random order, so vectors that are all alike score exactly chance. Procrustes and other mappings
are no part of this module: the two languages are compared as one model represents them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from isomorph.measure.neighbours import (
    NEIGHBOURS,
    hits,
    hub_corrections,
    nearest,
    ranks,
    reciprocal_ranks,
    unit_rows,
)


def retrieval(source: Tensor, target: Tensor, **options) -> dict[str, float]:
    """How often row i of one side is nearest to row i of the other, and at what reciprocal rank.

    Returns p1_forward, p1_backward, p1 (their mean), mrr_forward, mrr_backward and mrr, each from 0
    to 1. Chance is 1/n for P@1. Arguments and errors are those of `retrieval_by_row`.
    """
    found = retrieval_by_row(source, target, **options)
    result = {name: rows.mean().item() for name, rows in found.items()}
    for metric in ("p1", "mrr"):
        result[metric] = (result[f"{metric}_forward"] + result[f"{metric}_backward"]) / 2
    return result


def retrieval_by_row(
    source: Tensor,
    target: Tensor,
    *,
    scoring: str = "cosine",
    neighbours: int = NEIGHBOURS,
    center: bool = False,
    block: int | None = None,
) -> dict[str, Tensor]:
    """p1_forward, p1_backward, mrr_forward and mrr_backward of `retrieval`, of each row, (n,).

    source, target: (n, width), on the same device.
    scoring: "cosine" or "csls"; neighbours: K of CSLS, at most n.
    center: subtract each side's own mean first. A zero vector has cosine 0 with everything.
    block: rows of scores held at once; None chooses. It changes no result.
    Raises ValueError when the shapes differ or are not (n, width), when a value is not finite, or
    when an argument is not allowed.
    """
    if source.shape != target.shape:
        raise ValueError(
            f"source is {tuple(source.shape)} and target {tuple(target.shape)}; "
            "retrieval pairs rows, so they must have the same shape."
        )
    source, target = unit_rows(source, "source", center), unit_rows(target, "target", center)
    hubs = hub_corrections(source, target, scoring, neighbours, block)
    rows = torch.arange(len(source), device=source.device)
    result = {}
    for direction, queries, candidates, correction in (
        ("forward", source, target, hubs),
        ("backward", target, source, hubs[::-1]),
    ):
        places = ranks(queries, candidates, rows, rows, correction, block)
        result[f"p1_{direction}"] = hits(*places, k=1)
        result[f"mrr_{direction}"] = reciprocal_ranks(*places)
    return result


def hubness(
    source: Tensor,
    target: Tensor,
    *,
    scoring: str = "cosine",
    k: int = NEIGHBOURS,
    neighbours: int = NEIGHBOURS,
    block: int | None = None,
) -> float:
    """The skewness of how often each target is among the k nearest of the sources.

    About 0 when all targets are found alike often; large where a few hubs are near everything. k is
    at most the number of targets. nan where all are found equally often.
    Other arguments and errors as of `isomorph.measure.neighbours.nearest`.
    Source: Radovanovic, Nanopoulos & Ivanovic 2010, section 2.
    """
    _, columns = nearest(
        source, target, k=min(k, len(target)), scoring=scoring, neighbours=neighbours, block=block
    )
    counts = columns.flatten().bincount(minlength=len(target)).double()
    centred = counts - counts.mean()
    spread = centred.square().mean().sqrt()
    return float((centred**3).mean() / spread**3) if spread > 0 else float("nan")


def translation(
    source_vectors: Tensor,
    target_vectors: Tensor,
    pairs: Iterable[tuple[str, str]],
    source_words: Sequence[str],
    target_words: Sequence[str],
    *,
    scoring: str = "cosine",
    k: Sequence[int] = (1, 5),
    neighbours: int = NEIGHBOURS,
    center: bool = False,
    skip_identical: bool = True,
    block: int | None = None,
    by_word: dict[str, float] | None = None,
) -> dict[str, float]:
    """How often a word's nearest target words include one of its translations.

    source_vectors: (n_source, width), of `source_words`; target_vectors likewise.
    pairs: (source word, translation); a source word may have several. Each source word counts once
        and is a hit at k if any of its translations is among the k nearest target words.
    skip_identical: leave out a word that is itself among the target words. Where a vocabulary is
        shared the two have the same vector, so it would find itself whatever the model has learnt.
    by_word: is filled with the hits of each word that was asked, at the first k.
    CSLS takes its neighbourhoods from all the words given. Other arguments as in `retrieval`.

    Returns p<k> for every k, queries (how many words were asked), coverage (their share of the
    source words in `pairs` that are not skipped), candidates (n_target) and chance (P@1 of a random
    answer). With no query, p<k> and chance are NaN.
    Raises ValueError when vectors and words differ in number, a word is listed twice, a value is not
    finite, or an argument is not allowed.
    """
    for side, vectors, words in (
        ("source", source_vectors, source_words),
        ("target", target_vectors, target_words),
    ):
        if len(vectors) != len(words):
            raise ValueError(f"{side}_words has {len(words)} words for {len(vectors)} vectors.")
        if len(set(words)) != len(words):
            raise ValueError(f"{side}_words lists a word twice; every word must be there once.")
    if not k or min(k) < 1:
        raise ValueError(f"k is {tuple(k)}; it must name ranks of 1 or more.")
    asked, queries = _queries(pairs, source_words, target_words, skip_identical)
    counts = {
        "queries": len(queries),
        "coverage": len(queries) / asked if asked else 0.0,
        "candidates": len(target_words),
    }
    if not queries:
        return {f"p{rank}": float("nan") for rank in k} | counts | {"chance": float("nan")}
    source = unit_rows(source_vectors, "source_vectors", center)
    target = unit_rows(target_vectors, "target_vectors", center)
    hubs = hub_corrections(source, target, scoring, neighbours, block)
    word, rows, columns = [], [], []
    for query, (number, golds) in enumerate(queries.values()):
        word.append(number)
        rows += [query] * len(golds)
        columns += golds
    word, rows, columns = (
        torch.tensor(part, device=source.device) for part in (word, rows, columns)
    )
    places = ranks(source[word], target, rows, columns, (hubs[0][word], hubs[1]), block)
    found = {f"p{rank}": hits(*places, k=rank) for rank in k}
    if by_word is not None:
        by_word |= zip(queries, found[f"p{k[0]}"].tolist(), strict=True)
    scores = {name: of_words.mean().item() for name, of_words in found.items()}
    return scores | counts | {"chance": len(columns) / len(queries) / len(target_words)}


def translation_both_ways(
    source_vectors: Tensor,
    target_vectors: Tensor,
    pairs: Iterable[tuple[str, str]],
    source_words: Sequence[str],
    target_words: Sequence[str],
    *,
    known: Iterable[tuple[str, str]] = (),
    **options,
) -> dict[str, float]:
    """`translation` from source to target and back: <name>_forward, <name>_backward, and <name>.

    <name> is the mean of the two. known: further (source word, translation) pairs, which count as
    right but ask no further word; a dictionary split by source word needs them on the way back.
    Other arguments, results and errors are those of `translation`.
    """
    pairs, known = list(pairs), list(known)
    asked = [{pair[side] for pair in pairs} for side in (0, 1)]
    there = pairs + [pair for pair in known if pair[0] in asked[0]]
    back = [pair[::-1] for pair in pairs + [pair for pair in known if pair[1] in asked[1]]]
    forward = translation(
        source_vectors, target_vectors, there, source_words, target_words, **options
    )
    backward = translation(
        target_vectors, source_vectors, back, target_words, source_words, **options
    )
    result = {}
    for name in forward:
        result[f"{name}_forward"], result[f"{name}_backward"] = forward[name], backward[name]
        result[name] = (forward[name] + backward[name]) / 2
    return result


def two_thirds_layer(layers: int) -> int:
    """The layer two thirds of the way up, as 8 of 12: where Dufter and Schütze 2020 measure.

    layers: how many the model has, without the embeddings.
    """
    if layers < 1:
        raise ValueError(f"layers is {layers}; a model has at least 1.")
    return max(1, round(2 * layers / 3))


def multilinguality(
    retrieval_0: float, retrieval_m: float, translation_0: float, translation_m: float
) -> float:
    """The mean of retrieval P@1 and word translation P@1 over two layers.

    Layer 0 is the embeddings' output, layer m the one two thirds up (`two_thirds_layer`). Sentences
    are means of token vectors, words are encoded alone as `[CLS] word [SEP]`, both compared by
    cosine, and P@1 is averaged over both directions. Source: Dufter and Schütze 2020, who take
    layers 0 and 8 of 12 and translate every item of the vocabulary.
    """
    return (retrieval_0 + retrieval_m + translation_0 + translation_m) / 4


def _queries(pairs, source_words, target_words, skip_identical) -> tuple[int, dict]:
    """How many source words could have been asked, and those that can: word -> (row, columns)."""
    source_rows = {word: row for row, word in enumerate(source_words)}
    target_rows = {word: row for row, word in enumerate(target_words)}
    translations: dict[str, set[str]] = {}
    for source, target in pairs:
        translations.setdefault(source, set()).add(target)
    if skip_identical:
        translations = {
            word: golds
            for word, golds in translations.items()
            if word not in target_rows and word not in golds
        }
    queries = {}
    for word, golds in translations.items():
        columns = sorted(target_rows[gold] for gold in golds if gold in target_rows)
        if word in source_rows and columns:
            queries[word] = (source_rows[word], columns)
    return len(translations), queries
