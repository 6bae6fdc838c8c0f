"""How alike two sets of vectors of the same examples are, whatever rotation lies between them.

- `linear_cka`: centred kernel alignment (Kornblith et al. 2019). Debiased by default: the plain one
  is near 1 for unrelated vectors wherever widths are large beside the examples. `cka_table` is of
  all layers against all layers.
- `cka_interval`, `cka_null`: how sure a value is, and what unrelated vectors give.
- `rsa`: representational similarity analysis, the correlation of two tables of similarities.
- `similarity_by_layer`: both of an encoder's layers before and after something was done to it.

Rows are examples, (n, p) and (n, q), in any widths; results are Python floats unless said otherwise.
Everything is computed in float64 on the device of the first, without a table of n by n.
All raise ValueError when the two do not pair or a value is not finite.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from isomorph.measure.numerics import ROUNDING, centred, paired, unit_rows
from isomorph.measure.represent import represent

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from isomorph.measure.represent import Tokenizers

FEWEST = 4  # examples of a CKA: the unbiased estimator divides by n (n - 3)
GROUPS = 50  # of rows that an interval leaves out in turn
CONFIDENCE = 0.95
PAIRS_AT_ONCE = 2**24  # 128 MiB of similarities
TOKENS = 2000  # compared by layer; RSA has as many pairs as their square
BIN_WORDS = 5  # wide are the bins of texts that are of like length


class Interval(NamedTuple):
    """A value with its 95% interval."""

    value: float
    low: float
    high: float


def linear_cka(x: Tensor, y: Tensor, *, debiased: bool = True) -> float:
    """CKA with the inner product as its kernel: 1 for vectors that differ by a rotation and scale.

    debiased: with the unbiased estimator of HSIC (Song et al. 2007), about 0 for unrelated vectors
    and sometimes below; else with tr(K H L H) / (n - 1)^2, which grows with the widths over the
    examples. Costs n p q; nan where a side does not vary. Raises ValueError with fewer than 4
    examples.
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


def cka_table(layers_x: Sequence[Tensor], layers_y: Sequence[Tensor]) -> Tensor:
    """`linear_cka` of each layer of one model with each of another, (layers of x, layers of y)."""
    table = [[linear_cka(x, y) for y in layers_y] for x in layers_x]
    return torch.tensor(table, dtype=torch.float64)


def cka_interval(x: Tensor, y: Tensor) -> Interval:
    """Debiased linear CKA with its interval over examples, by leaving out a fiftieth at a time.

    It is for independent rows: where the sentences of a page are alike, the interval is several
    times too narrow. It is Student's t with one degree of freedom less than groups, around the value,
    and says how far another sample might lie, and nothing of other seeds.
    Raises ValueError with fewer than 50 examples.
    Source: the delete-group jackknife, Efron & Tibshirani 1993, chapter 11.
    """
    if len(x) < GROUPS:
        raise ValueError(f"x has {len(x)} rows; an interval needs at least {GROUPS}.")
    value, group = linear_cka(x, y), torch.arange(len(x), device=x.device) % GROUPS
    left_out = [linear_cka(x[group != g], y[(group != g).to(y.device)]) for g in range(GROUPS)]
    spread = float(np.square(np.subtract(left_out, np.mean(left_out))).mean())
    reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, GROUPS - 1)) * math.sqrt((GROUPS - 1) * spread)
    return Interval(value, value - reach, value + reach)


def cka_null(x: Tensor, y: Tensor, *, seed: int, permutations: int = 200) -> Tensor:
    """Debiased linear CKA of y shuffled, so that nothing pairs: (permutations,).

    The share of these at or above the true value, counting that one among them, is the chance that
    unrelated vectors look so alike. Errors as of `linear_cka`; permutations below 1 raise ValueError.
    """
    if permutations < 1:
        raise ValueError(f"permutations is {permutations}; it must be at least 1.")
    generator = torch.Generator().manual_seed(seed)
    orders = [torch.randperm(len(y), generator=generator).to(y.device) for _ in range(permutations)]
    return torch.tensor([linear_cka(x, y[order]) for order in orders], dtype=torch.float64)


def rsa(x: Tensor, y: Tensor) -> float:
    """Pearson's correlation of the cosines within x with those within y, of all pairs of examples.

    In blocks of bounded memory. nan where the cosines of a side do not vary.
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

    Of all tokens of the texts so many are drawn, the same at each layer. Where the encoder after has
    fewer layers, those it has are compared.
    Raises ValueError when there are fewer than 4 tokens.
    Source: Merchant et al. 2020 compare by RSA; CKA of Kornblith et al. 2019 beside it.
    """
    first, second = (
        represent(model, tokenizer, texts, language=language, level="token", max_length=max_length)
        for model in (before, after)
    )
    count = len(first.texts)
    if count < FEWEST:
        raise ValueError(f"texts has {count} tokens; at least {FEWEST} are needed.")
    drawn = torch.randperm(count, generator=torch.Generator().manual_seed(seed))[:tokens]
    similarity: dict[str, dict[int, float]] = {"rsa": {}, "cka": {}}
    for layer in sorted(set(first.layers) & set(second.layers)):
        x, y = first[layer][drawn], second[layer][drawn]
        similarity["rsa"][layer] = rsa(x, y)
        similarity["cka"][layer] = linear_cka(x, y)
    return similarity


def matched_for_length(first: Sequence[str], second: Sequence[str]) -> tuple[list[str], list[str]]:
    """As many texts of each of two sets as can be, of like lengths: of each bin of five words the same
    number, in the order given.

    Raises ValueError when no bin has a text of both.
    """
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
