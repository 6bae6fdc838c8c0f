"""How well the vectors of two languages line up: nearest neighbours, and the ranks of right
answers.

CSLS corrects cosines for hubs, vectors that are near everything (Conneau, Lample et al. 2018,
section 2.3):

    csls(x, y) = 2 cos(x, y) - r_target(x) - r_source(y)

with r_target(x) the mean cosine of x to its K = 10 nearest targets, r_source(y) that of y to
sources.

Everything is computed in float64, in blocks of rows. Candidates whose scores differ by less than
`ROUNDING` are tied: a score of ranks is then the expected value over a random order of the tied,
and of neighbours the one with the lowest row number comes first. source and target are (n, width)
on one device; scoring is "cosine" or "csls". All raise ValueError when a value is not finite or an
argument not allowed.
"""

from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor

from isomorph.measure.numerics import ROUNDING, best_first, unit_rows

SCORINGS = ("cosine", "csls")
NEIGHBOURS = 10  # K; 5, 10 and 50 gave the same results in Conneau, Lample et al. 2018
SCORES_AT_ONCE = 2**25  # 256 MiB in float64; a product of fewer rows would wait for memory

# Of each query: how many candidates score above its best right one, how many wrong ones tie with
# that, and how many right ones do, itself included; (queries,) each.
Places = tuple[Tensor, Tensor, Tensor]


def nearest(
    queries: Tensor,
    candidates: Tensor,
    *,
    k: int = 1,
    scoring: str = "cosine",
    dtype: torch.dtype = torch.float64,
) -> tuple[Tensor, Tensor]:
    """The k best candidates of each query, best first: scores (n, k) and row numbers (n, k).

    dtype: torch.float32 is twice as fast and takes half the memory on large tables.
    """
    if not 1 <= k <= len(candidates):
        raise ValueError(f"k is {k}; with {len(candidates)} candidates allowed is 1 to as many.")
    queries = unit_rows(queries, "queries", dtype=dtype)
    candidates = unit_rows(candidates, "candidates", dtype=dtype)
    of_query, of_candidate = _hub_corrections(queries, candidates, scoring)
    scores, columns, weight = [], [], 2 if scoring == "csls" else 1
    for part in _blocks(len(queries), len(candidates)):
        # A query's own correction changes no order, and is subtracted from its best ones only.
        best, where = best_first(weight * queries[part] @ candidates.T - of_candidate, k)
        scores.append(best - of_query[part, None])
        columns.append(where)
    return torch.cat(scores), torch.cat(columns)


def hubness(source: Tensor, target: Tensor, *, scoring: str = "cosine") -> float:
    """The skewness of how often each target is among the `NEIGHBOURS` nearest of the sources:
    about 0 when all are found alike often; large where a few hubs are near everything; nan where
    all are found equally often. Source: Radovanovic, Nanopoulos & Ivanovic 2010, section 2."""
    _, columns = nearest(source, target, k=min(NEIGHBOURS, len(target)), scoring=scoring)
    counts = columns.flatten().bincount(minlength=len(target)).double()
    deviations = counts - counts.mean()
    spread = deviations.square().mean().sqrt()
    return float((deviations**3).mean() / spread**3) if spread > 0 else float("nan")


def retrieval(source: Tensor, target: Tensor, **options) -> dict[str, float]:
    """How often row i of one side is nearest to row i of the other, and at what reciprocal rank:
    p1_forward, p1_backward, p1 (their mean), mrr_forward, mrr_backward and mrr, each from 0 to 1.

    Chance is 1/n for P@1. Arguments and errors are those of `retrieval_by_row`.
    Source: Conneau, Wu et al. 2020, section 5.1; Dufter and Schütze 2020.
    """
    rows = retrieval_by_row(source, target, **options)
    return _with_means({name: values.mean().item() for name, values in rows.items()})


def retrieval_by_row(
    source: Tensor, target: Tensor, *, scoring: str = "cosine", center: bool = False
) -> dict[str, Tensor]:
    """p1_forward, p1_backward, mrr_forward and mrr_backward of `retrieval`, of each row, (n,).

    center: subtract each side's own mean first. A zero vector has cosine 0 with everything.
    Raises ValueError when the shapes differ.
    """
    if source.shape != target.shape:
        raise ValueError(
            f"source is {tuple(source.shape)} and target {tuple(target.shape)}; "
            "retrieval pairs rows, so they must have the same shape."
        )
    source, target = unit_rows(source, "source", center), unit_rows(target, "target", center)
    hubs = _hub_corrections(source, target, scoring)
    rows = torch.arange(len(source), device=source.device)
    result = {}
    for direction, queries, candidates, correction in (
        ("forward", source, target, hubs),
        ("backward", target, source, hubs[::-1]),
    ):
        above, wrong, right = _places(queries, candidates, rows, rows, correction)
        result[f"p1_{direction}"] = _hits(above, wrong, right, 1)
        # The expected reciprocal rank: the mean over the places that the tied may take.
        first, last = (above + 1).double(), (above + wrong + 2).double()
        shared = (torch.digamma(last) - torch.digamma(first)) / (wrong + 1)
        result[f"mrr_{direction}"] = torch.where(wrong > 0, shared, 1 / first)
    return result


def translation(
    source_vectors: Tensor,
    target_vectors: Tensor,
    pairs: Iterable[tuple[str, str]],
    source_words: Sequence[str],
    target_words: Sequence[str],
    *,
    scoring: str = "cosine",
    k: Sequence[int] = (1, 5),
    center: bool = False,
    by_word: dict[str, float] | None = None,
) -> dict[str, float]:
    """How often a word's nearest target words include one of its translations (Conneau, Lample et
    al. 2018).

    source_vectors: (n_source, width), of `source_words`; target_vectors likewise. pairs: (source
    word, translation); a source word may have several, and counts once. One that is
        itself among the target words is not asked: where a vocabulary is shared it would find
        itself whatever the model has learnt.
    by_word: is filled with the hits of each word that was asked, at the first k. CSLS takes its
    neighbourhoods from all the words given. Other arguments as in `retrieval`.

    Returns p<k> for every k, queries (how many words were asked), coverage (their share of the
    source words in `pairs` that are not skipped), candidates (n_target) and chance (P@1 of a
    random answer). With no query, p<k> and chance are NaN. Raises ValueError when vectors and
    words differ in number, or a word is listed twice.
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
    asked, queries = _queries(pairs, source_words, target_words)
    counts = {
        "queries": len(queries),
        "coverage": len(queries) / asked if asked else 0.0,
        "candidates": len(target_words),
    }
    if not queries:
        return {f"p{rank}": float("nan") for rank in k} | counts | {"chance": float("nan")}
    source = unit_rows(source_vectors, "source_vectors", center)
    target = unit_rows(target_vectors, "target_vectors", center)
    hubs = _hub_corrections(source, target, scoring)
    answers = [(query, gold) for query, (_, golds) in enumerate(queries.values()) for gold in golds]
    rows, columns = torch.tensor(answers, device=source.device).T.contiguous()
    word = torch.tensor([row for row, _ in queries.values()], device=source.device)
    places = _places(source[word], target, rows, columns, (hubs[0][word], hubs[1]))
    hits = {f"p{rank}": _hits(*places, rank) for rank in k}
    if by_word is not None:
        by_word |= zip(queries, hits[f"p{k[0]}"].tolist(), strict=True)
    scores = {name: of_words.mean().item() for name, of_words in hits.items()}
    return scores | counts | {"chance": len(answers) / len(queries) / len(target_words)}


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
    """`translation` from source to target and back: <name>_forward, <name>_backward, and their
    mean <name>.

    known: further (source word, translation) pairs, which count as right but ask no further word;
    a dictionary split by source word needs them on the way back.
    """
    pairs, known = list(pairs), list(known)
    asked = [{pair[side] for pair in pairs} for side in (0, 1)]
    there = pairs + [pair for pair in known if pair[0] in asked[0]]
    back = [pair[::-1] for pair in pairs + [pair for pair in known if pair[1] in asked[1]]]
    sides = (source_vectors, target_vectors), (source_words, target_words)
    forward = translation(*sides[0], there, *sides[1], **options)
    backward = translation(*sides[0][::-1], back, *sides[1][::-1], **options)
    both = {f"{name}_forward": value for name, value in forward.items()}
    return _with_means(both | {f"{name}_backward": value for name, value in backward.items()})


def _with_means(scores: dict[str, float]) -> dict[str, float]:
    """Scores of both directions, and under the bare name their mean."""
    names = [name.removesuffix("_forward") for name in scores if name.endswith("_forward")]
    means = {name: (scores[f"{name}_forward"] + scores[f"{name}_backward"]) / 2 for name in names}
    return scores | means


def _queries(pairs, source_words, target_words) -> tuple[int, dict[str, tuple[int, list[int]]]]:
    """How many source words could have been asked, and those that can: word -> (row, columns)."""
    source_rows = {word: row for row, word in enumerate(source_words)}
    target_rows = {word: row for row, word in enumerate(target_words)}
    translations: dict[str, set[str]] = {}
    for source, target in pairs:
        translations.setdefault(source, set()).add(target)
    asked, queries = 0, {}
    for word, golds in translations.items():
        if word in target_rows or word in golds:
            continue
        asked += 1
        columns = sorted(target_rows[gold] for gold in golds if gold in target_rows)
        if word in source_rows and columns:
            queries[word] = (source_rows[word], columns)
    return asked, queries


def _hub_corrections(source: Tensor, target: Tensor, scoring: str) -> tuple[Tensor, Tensor]:
    """What CSLS subtracts for each source and each target; zeros for the plain cosine.

    source, target: unit rows. Returns (n_source,) and (n_target,).
    """
    if scoring not in SCORINGS:
        raise ValueError(f"scoring is {scoring!r}; allowed are {', '.join(SCORINGS)}.")
    if scoring == "cosine":
        return source.new_zeros(len(source)), target.new_zeros(len(target))
    return _crowding(source, target), _crowding(target, source)


def _crowding(queries: Tensor, others: Tensor) -> Tensor:
    """The mean cosine of each query to its nearest neighbours among the others, (queries,)."""
    count = min(NEIGHBOURS, len(others))
    blocks = _blocks(len(queries), len(others))
    tables = (queries[rows] @ others.T for rows in blocks)
    return torch.cat([table.topk(count, dim=1).values.mean(1) for table in tables])


def _blocks(rows: int, columns: int) -> Iterator[slice]:
    block = max(1, SCORES_AT_ONCE // columns)
    return (slice(start, start + block) for start in range(0, rows, block))


def _places(
    queries: Tensor,
    candidates: Tensor,
    rows: Tensor,
    columns: Tensor,
    corrections: tuple[Tensor, Tensor],
) -> Places:
    """Where each query's best right answer stands among the candidates, all unit rows.

    rows, columns: (answers,) each, sorted by row: candidate columns[i] is right for query rows[i];
        every query has one. corrections: of queries and candidates, from `_hub_corrections`.
    """
    above, wrong, right = [], [], []
    for part in _blocks(len(queries), len(candidates)):
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


def _hits(above: Tensor, wrong: Tensor, right: Tensor, k: int) -> Tensor:
    """The probability that a right answer is among the first k, ties in random order, (n,): one
    minus the chance that all the places left within k go to wrong candidates."""
    places = (k - above).clamp(min=0)
    miss = torch.ones(len(above), dtype=torch.float64, device=above.device)
    for taken in range(k):
        left = (wrong + right - taken).clamp(min=1)
        one_more_wrong = (wrong - taken).clamp(min=0).double() / left
        miss *= torch.where(places > taken, one_more_wrong, 1.0)
    return 1 - miss
