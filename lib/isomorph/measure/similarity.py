"""How alike two sets of vectors of the same examples are, and the maps that carry one onto the other.

Rows are examples, (n, p) and (n, q), in any widths. A map is a matrix (p, q): `source @ map` lies where
the target does; scores of what it reaches are in `isomorph.measure.retrieval`. Everything is computed in
float64 on the device of the first, without a table of n by n. All raise ValueError when the two do not
pair or a value is not finite.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from isomorph.measure.numerics import ROUNDING, centred, nearest_map, paired, unit_rows

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from isomorph.measure.represent import Tokenizers

FEWEST = 4  # examples of a CKA: the unbiased estimator divides by n (n - 3)
PAIRS_AT_ONCE = 2**24  # 128 MiB of similarities
ROUNDS = 10  # of normalisation: lengths are then within 1e-3 of 1 on every model tried
# Of the ridge, as a share of the source's mean squared singular value, so that it means the same at
# every scale and number of pairs.
PENALTY = 0.1
TOKENS = 2000  # compared by layer; RSA has as many pairs as their square
BIN_WORDS = 5  # wide are the bins of texts that are of like length


def linear_cka(x: Tensor, y: Tensor, *, debiased: bool = True) -> float:
    """Centred kernel alignment by the inner product: 1 for vectors that differ by a rotation and scale.

    debiased: with the unbiased estimator of HSIC (Song et al. 2007), about 0 for unrelated vectors
    and sometimes below; else with tr(K H L H) / (n - 1)^2, which nears 1 for unrelated vectors as the
    widths over the examples grow. Costs n p q; nan where a side does not vary.
    Raises ValueError with fewer than 4 examples.
    Source: Kornblith et al. 2019; Nguyen, Raghu & Kornblith 2021, eq. 3.
    """
    paired(x, y, ("x", "y"))
    (x, at_x), (y, at_y) = centred(x, "x"), centred(y.to(x.device), "y")
    if len(x) < FEWEST:
        raise ValueError(f"x and y have {len(x)} rows; CKA needs at least {FEWEST}.")
    for side, mean in ((x, at_x), (y, at_y)):
        if side.square().sum() <= len(x) * ROUNDING**2 * (mean @ mean):
            return math.nan
    hsic = _unbiased_hsic if debiased else _biased_hsic
    return _ratio(hsic(x, y), hsic(x, x), hsic(y, y))


def _unbiased_hsic(x: Tensor, y: Tensor) -> float:
    n, products, a, b = len(x), x.T @ y, x.sum(0), y.sum(0)
    k, l = x.square().sum(1), y.square().sum(1)  # the diagonals, which do not count
    trace = products.square().sum() - k @ l
    sums = (a @ a - k.sum()) * (b @ b - l.sum())
    both = a @ products @ b - k @ (y @ b) - l @ (x @ a) + k @ l
    total = trace + sums / ((n - 1) * (n - 2)) - 2 * both / (n - 2)
    return float(total) / (n * (n - 3))


def _biased_hsic(x: Tensor, y: Tensor) -> float:
    products = x.T @ y - torch.outer(x.sum(0), y.sum(0)) / len(x)
    return float(products.square().sum()) / (len(x) - 1) ** 2


def _ratio(xy: float, xx: float, yy: float) -> float:
    """What two have in common over the geometric mean of each with itself; nan where that is 0."""
    return xy / math.sqrt(xx * yy) if min(xx, yy, xx * yy) > 0 else math.nan


def rsa(x: Tensor, y: Tensor) -> float:
    """Representational similarity analysis: Pearson's correlation of the cosines within x with those
    within y, of all pairs of examples; nan where the cosines of a side do not vary.

    Raises ValueError with fewer than 3 examples.
    Source: Kriegeskorte, Mur & Bandettini 2008; with cosines, as is usual for vectors of words.
    """
    x, y = paired(x, y, ("x", "y"))
    if len(x) < 3:
        raise ValueError(f"x and y have {len(x)} rows; RSA needs at least 3.")
    x, y = unit_rows(x, "x"), unit_rows(y, "y")
    # Less about their mean, the cosines keep their digits in the sums.
    means = [(s.sum(0) @ s.sum(0) - s.square().sum()) / (len(x) * (len(x) - 1)) for s in (x, y)]
    block = max(1, PAIRS_AT_ONCE // len(x))
    moments = torch.zeros(6, dtype=torch.float64, device=x.device)
    for start in range(0, len(x), block):
        rows = slice(start, start + block)
        upper = torch.ones(len(x[rows]), len(x) - start, device=x.device).triu(1).bool()
        a, b = ((s[rows] @ s[start:].T)[upper] - m for s, m in zip((x, y), means, strict=True))
        count = torch.tensor(float(len(a))).to(a)
        moments += torch.stack([count, a.sum(), b.sum(), a @ a, b @ b, a @ b])
    n, a, b, aa, bb, ab = moments.tolist()
    spreads = aa - a * a / n, bb - b * b / n
    # A cosine is at most 1, so that is what the deviations do not vary beside.
    return math.nan if min(spreads) <= n * ROUNDING**2 else _ratio(ab - a * b / n, *spreads)


def procrustes(source: Tensor, target: Tensor) -> Tensor:
    """The orthogonal map W (p, q) that minimises the distance of `source @ W` to `target`.

        W = U V',  U S V' = svd(source' target)

    Where p and q differ, W has orthonormal rows (p < q) or columns (p > q); the latter keep no
    distance, and what W maximises is the inner product of `source @ W` and `target`. With fewer
    independent pairs than dimensions there are many such maps: of these it is the one nearest to the
    identity, by `numerics.nearest_map`.
    Source: Schönemann 1966; Conneau, Wu et al. 2020, section 5.1, who write columns as pairs.
    """
    source, target = paired(source, target, ("source", "target"))
    rounding = ROUNDING * float(source.norm() * target.norm())
    return nearest_map(source.T @ target, rounding)


def ridge(source: Tensor, target: Tensor) -> Tensor:
    """The linear map (p, q) that minimises the squared distance plus `PENALTY` on its own norm.

    It may bend the space, so what it reaches and a rotation does not is no likeness of shape.
    """
    source, target = paired(source, target, ("source", "target"))
    gram = source.T @ source
    size = gram.diagonal().mean()
    damping = PENALTY * torch.where(size > 0, size, 1.0)  # of zeros the map is 0 with any
    return torch.linalg.solve(gram + damping * torch.eye(len(gram)).to(gram), source.T @ target)


def normalising_means(vectors: Tensor) -> list[Tensor]:
    """The means (width,) that iterative normalisation subtracts, by which `normalise` treats these
    vectors and others of the same model: rows are brought to length 1, then to mean 0, again and again.

    Source: Zhang et al. 2019, as in Conneau, Wu et al. 2020, section 5.1.
    """
    means = []
    for _ in range(ROUNDS):
        vectors = unit_rows(vectors, "vectors")
        means.append(vectors.mean(0))
        vectors = vectors - means[-1]
    return means


def normalise(vectors: Tensor, means: Sequence[Tensor]) -> Tensor:
    """Vectors (n, width) through the rounds whose means were learnt by `normalising_means`."""
    for mean in means:
        vectors = unit_rows(vectors, "vectors") - mean
    return vectors


def similarity_by_layer(
    before: PreTrainedModel,
    after: PreTrainedModel,
    tokenizer: Tokenizers,
    texts: Sequence[str],
    *,
    language: str | None = None,
    tokens: int = TOKENS,
    seed: int = 0,
    max_length: int | None = None,
) -> dict[str, dict[int, float]]:
    """{"rsa", "cka"} -> layer -> how alike the tokens' states are before and after, at most 1.

    Of all tokens of the texts so many are drawn, the same at each layer, of the layers that both have.
    Raises ValueError when there are fewer than 4 tokens.
    Source: Merchant et al. 2020 compare by RSA; CKA of Kornblith et al. 2019 beside it.
    """
    from isomorph.measure.represent import represent  # takes a second, and the measures need none

    first, second = (
        represent(model, tokenizer, texts, language=language, level="token", max_length=max_length)
        for model in (before, after)
    )
    count = len(first.texts)
    if count < 4:
        raise ValueError(f"texts has {count} tokens; at least 4 are needed.")
    drawn = torch.randperm(count, generator=torch.Generator().manual_seed(seed))[:tokens]
    similarity: dict[str, dict[int, float]] = {"rsa": {}, "cka": {}}
    for layer in sorted(set(first.layers) & set(second.layers)):
        x, y = first[layer][drawn], second[layer][drawn]
        similarity["rsa"][layer] = rsa(x, y)
        similarity["cka"][layer] = linear_cka(x, y)
    return similarity


def matched_for_length(first: Sequence[str], second: Sequence[str]) -> tuple[list[str], list[str]]:
    """As many texts of each of two sets as can be, of like lengths: of each bin of five words the same
    number, in the order given. Raises ValueError when no bin has a text of both."""
    bins: list[dict[int, list[str]]] = [defaultdict(list), defaultdict(list)]
    for by_length, texts in zip(bins, (first, second), strict=True):
        for text in texts:
            by_length[len(text.split()) // BIN_WORDS].append(text)
    kept: tuple[list[str], list[str]] = ([], [])
    for length in sorted(bins[0].keys() & bins[1].keys()):
        count = min(len(by_length[length]) for by_length in bins)
        for side, by_length in zip(kept, bins, strict=True):
            side.extend(by_length[length][:count])
    if not kept[0]:
        raise ValueError("first and second have no texts of like length; allowed are sets that do.")
    return kept
