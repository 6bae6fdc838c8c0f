"""Nearest neighbours by cosine or CSLS, and the ranks of the right answers.

CSLS corrects cosines for hubs, vectors that are near everything (Conneau, Lample et al. 2018,
section 2.3):

    csls(x, y) = 2 cos(x, y) - r_target(x) - r_source(y)

with r_target(x) the mean cosine of x to its K nearest targets, r_source(y) that of y to its K
nearest sources, K = 10.

Everything is computed in float64, in blocks of rows, so that memory does not grow with the product
of the two sizes; `nearest` can search a large table in float32. Candidates whose scores differ by
less than `ROUNDING` are tied. A score of ranks is then the expected value over a random order of the
tied, and of neighbours the one with the lowest row number comes first.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from isomorph.measure.pairs import ROUNDING, scaled

SCORINGS = ("cosine", "csls")
NEIGHBOURS = 10  # K; 5, 10 and 50 gave the same results in Conneau, Lample et al. 2018
SCORES_AT_ONCE = 2**25  # 256 MiB in float64; a product of fewer rows would wait for memory


def csls(source: Tensor, target: Tensor, *, neighbours: int = NEIGHBOURS) -> Tensor:
    """All CSLS scores, (n_source, width) and (n_target, width) to (n_source, n_target), float64.

    neighbours: K, at most the number of vectors on the other side.
    Raises ValueError when a value is not finite or `neighbours` is below 1.
    Source: Conneau, Lample et al. 2018, section 2.3.
    """
    source, target = unit_rows(source, "source"), unit_rows(target, "target")
    of_source, of_target = hub_corrections(source, target, "csls", neighbours)
    return 2 * source @ target.T - of_source[:, None] - of_target


def nearest(
    queries: Tensor,
    candidates: Tensor,
    *,
    k: int = 1,
    scoring: str = "cosine",
    neighbours: int = NEIGHBOURS,
    center: bool = False,
    dtype: torch.dtype = torch.float64,
    block: int | None = None,
) -> tuple[Tensor, Tensor]:
    """The k best candidates of each query, best first: scores (n, k) and row numbers (n, k).

    queries (n, width), candidates (m, width), on the same device; k is at most m.
    dtype: torch.float32 is twice as fast and takes half the memory on large tables.
    Other arguments as of `isomorph.measure.retrieval.retrieval`. Memory is a copy of both tables and one block of scores.
    Raises ValueError when a value is not finite, k is not between 1 and m, or an argument is not
    allowed.
    """
    if not 1 <= k <= len(candidates):
        raise ValueError(f"k is {k}; with {len(candidates)} candidates allowed is 1 to as many.")
    queries = unit_rows(queries, "queries", center, dtype)
    candidates = unit_rows(candidates, "candidates", center, dtype)
    hubs = hub_corrections(queries, candidates, scoring, neighbours, block)
    return _best(queries, candidates, k, scoring, hubs, block)


def _best(queries, candidates, k, scoring, corrections, block) -> tuple[Tensor, Tensor]:
    """`nearest` for unit rows and their corrections."""
    scores, columns, weight = [], [], 2 if scoring == "csls" else 1
    for part in _blocks(len(queries), len(candidates), block):
        # A query's own correction changes no order, and is subtracted from its best ones only.
        best, where = best_first(weight * queries[part] @ candidates.T - corrections[1], k)
        scores.append(best - corrections[0][part, None])
        columns.append(where)
    return torch.cat(scores), torch.cat(columns)


def best_first(scores: Tensor, k: int = 1) -> tuple[Tensor, Tensor]:
    """The k largest of each row of scores (n, m) and their columns, (n, k) each, the best first.

    Of scores that rounding may have told apart the one of the lower column comes first: those within
    `ROUNDING`, or in float32 within 1e-6, of cosines and the like.
    """
    tie = ROUNDING if scores.dtype == torch.float64 else 1e-6
    best, columns = scores.topk(min(k + 1, scores.shape[1]), dim=1)
    if best.shape[1] > k:  # where the next one ties with the last, which are among the k?
        rows = (best[:, k - 1] - best[:, k] <= tie).nonzero()[:, 0]
        own, last = scores[rows], best[rows, k - 1 : k]
        surely = own > last + tie
        tied = ~surely & (own >= last - tie)
        room = k - surely.sum(1, keepdim=True)
        kept = surely | (tied & (tied.cumsum(1, dtype=torch.int32) <= room))
        best, columns = best[:, :k].contiguous(), columns[:, :k].contiguous()
        columns[rows] = kept.nonzero()[:, 1].view(-1, k)
        best[rows] = own.gather(1, columns[rows])
    order = best.argsort(dim=1, descending=True, stable=True)
    best, columns = best.gather(1, order), columns.gather(1, order)
    group = torch.zeros_like(columns)
    group[:, 1:] = (best[:, :-1] - best[:, 1:] > tie).cumsum(1)
    order = (group * scores.shape[1] + columns).argsort(1)
    return best.gather(1, order), columns.gather(1, order)


def unit_rows(
    vectors: Tensor, name: str, center: bool = False, dtype: torch.dtype = torch.float64
) -> Tensor:
    """Rows of length 1, after subtracting their mean when `center`; zeros stay zeros.

    Raises ValueError, with the name given, when `vectors` is not (n, width) or not finite.
    """
    if vectors.ndim != 2 or 0 in vectors.shape:
        raise ValueError(f"{name} is {tuple(vectors.shape)}; it must be (n, width), neither zero.")
    if vectors.device.type == "mps" and dtype == torch.float64:
        vectors = vectors.cpu()  # MPS has no float64
    vectors = vectors.detach().to(dtype)
    if not vectors.isfinite().all():
        raise ValueError(f"{name} has values that are not finite; a cosine needs finite ones.")
    vectors, smallest = scaled(vectors, (0, 1) if center else 1), 0.0
    if center:
        # What rounding leaves of a vector that equals the mean has no direction.
        smallest = ROUNDING * vectors.norm(dim=1).max()
        vectors = vectors - vectors.mean(0)
    lengths = vectors.norm(dim=1, keepdim=True)
    return torch.where(lengths > smallest, vectors / lengths, 0.0)


def hub_corrections(
    source: Tensor,
    target: Tensor,
    scoring: str,
    neighbours: int = NEIGHBOURS,
    block: int | None = None,
) -> tuple[Tensor, Tensor]:
    """What CSLS subtracts for each source and each target; zeros for the plain cosine.

    source, target: unit rows. Returns (n_source,) and (n_target,).
    Raises ValueError when `scoring` is unknown, or `neighbours` or `block` below 1.
    """
    if scoring not in SCORINGS:
        raise ValueError(f"scoring is {scoring!r}; allowed are {', '.join(SCORINGS)}.")
    if neighbours < 1:
        raise ValueError(f"neighbours is {neighbours}; it must be at least 1.")
    if scoring == "cosine":
        return source.new_zeros(len(source)), target.new_zeros(len(target))
    return _crowding(source, target, neighbours, block), _crowding(
        target, source, neighbours, block
    )


def _crowding(queries: Tensor, others: Tensor, neighbours: int, block: int | None) -> Tensor:
    """The mean cosine of each query to its nearest neighbours among the others, (queries,)."""
    count = min(neighbours, len(others))
    return torch.cat(
        [
            (queries[rows] @ others.T).topk(count, dim=1).values.mean(1)
            for rows in _blocks(len(queries), len(others), block)
        ]
    )


def _blocks(rows: int, columns: int, block: int | None) -> Iterator[slice]:
    if block is not None and block < 1:
        raise ValueError(f"block is {block}; it must be at least 1.")
    block = block or max(1, SCORES_AT_ONCE // columns)
    return (slice(start, start + block) for start in range(0, rows, block))


def ranks(
    queries: Tensor,
    candidates: Tensor,
    rows: Tensor,
    columns: Tensor,
    corrections: tuple[Tensor, Tensor],
    block: int | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Where each query's best right answer stands among the candidates.

    queries (n, width) and candidates (m, width): unit rows.
    rows, columns: (answers,) each, sorted by row: candidate columns[i] is right for query rows[i].
        Every query has at least one.
    corrections: of the queries (n,) and the candidates (m,), from `hub_corrections`.
    Returns, (n,) each: how many candidates score above the best right one, how many wrong ones tie
    with it, and how many right ones do (itself included).
    """
    above, wrong, right = [], [], []
    for part in _blocks(len(queries), len(candidates), block):
        scores = 2 * queries[part] @ candidates.T  # (block, m)
        scores -= corrections[0][part, None] + corrections[1]
        first, last = torch.searchsorted(
            rows, torch.tensor([part.start, part.start + len(scores)], device=rows.device)
        )
        mine = rows[first:last] - part.start
        answers = scores[mine, columns[first:last]]
        best = torch.full_like(scores[:, 0], -torch.inf)
        best = best.scatter_reduce_(0, mine, answers, "amax")
        higher = (scores > best[:, None] + ROUNDING).sum(1)
        tied = (scores >= best[:, None] - ROUNDING).sum(1) - higher
        tied_right = torch.zeros_like(higher).index_add_(
            0, mine, (answers >= best[mine] - ROUNDING).long()
        )
        above.append(higher)
        wrong.append(tied - tied_right)
        right.append(tied_right)
    return torch.cat(above), torch.cat(wrong), torch.cat(right)


def hits(above: Tensor, wrong: Tensor, right: Tensor, k: int) -> Tensor:
    """The probability that a right answer is among the first k, ties in random order, (n,).

    One minus the chance that all the places left within k go to wrong candidates.
    """
    places = (k - above).clamp(min=0)
    miss = torch.ones(len(above), dtype=torch.float64, device=above.device)
    for taken in range(k):
        one_more_wrong = (wrong - taken).clamp(min=0).double() / (wrong + right - taken).clamp(
            min=1
        )
        miss *= torch.where(places > taken, one_more_wrong, 1.0)
    return 1 - miss


def reciprocal_ranks(above: Tensor, wrong: Tensor, right: Tensor) -> Tensor:
    """The expected reciprocal rank of the one right answer, ties in random order, (n,).

    The mean of 1/rank over the places from above + 1 to above + wrong + 1. `right` is 1.
    """
    del right
    first, last = (above + 1).double(), (above + wrong + 2).double()
    shared = (torch.digamma(last) - torch.digamma(first)) / (wrong + 1)
    return torch.where(wrong > 0, shared, 1 / first)
