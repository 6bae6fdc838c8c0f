"""From rows to a verdict: one number a seed, an interval over seeds, a side of the bound.

The interval is a percentile bootstrap over seeds, with percentiles widened for the number of seeds
(Hesterberg 2015, "What Teachers Should Know About the Bootstrap"). The plain percentile interval
is too narrow when seeds are few: on normal data a nominal 95% interval holds the truth 76, 79, 83,
89 and 91 times of 100 with 3, 4, 5, 8 and 10 seeds; widened, 76, 87, 93, 94 and 95 times. No
bootstrap of a mean reaches beyond its seeds, so with three seeds the interval is just their range,
and under no effect at all they agree on a side one time in four. Five seeds are the honest least.

A part is *reproduced* when its whole interval lies on the predicted side of the bound,
*contradicted* when all of it lies on the other side, else *inconclusive*. A claim is
*contradicted* when one of its parts is; *not yet measured* when a part has no rows; *reproduced*
when all its parts are; else *inconclusive*. So a claim which says more is harder to reproduce and
easier to contradict, as it should be.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from isomorph.ledger.quantities import QUANTITIES, is_number

if TYPE_CHECKING:
    from pandas import DataFrame, Series

    from isomorph.ledger.schema import Part, Rule, Selection

CONFIDENCE = 0.95
RESAMPLES = 10_000
DECIDES = ("contradicted", "not yet measured", "inconclusive", "reproduced")  # the first one found


@dataclass(frozen=True)
class Verdict:
    """What the rows say of a claim, or of one part of it.

    value, low, high are in the quantity's own unit, None where unknown. For a claim they are those
    of the part which decides: the first with the claim's verdict, in the order of the rule.
    """

    value: float | None
    low: float | None
    high: float | None
    n_seeds: int
    verdict: str
    size: str | None
    reason: str
    parts: tuple["Verdict", ...] = ()
    prediction: str = ""  # of a part, in words
    quantity: str = ""  # of a part, by its name in QUANTITIES; "number" is a value and no share
    candidates: str = ""  # among how many a score of retrieval or translation is, in words
    paired: bool = False  # whether the interval is over differences seed by seed


def _std(values: np.ndarray, axis: int) -> np.ndarray:
    return np.std(values, axis=axis, ddof=1)


STATISTICS = {"mean": np.mean, "std": _std}


def widened_tail(seeds: int) -> float:
    """The tail to cut from a percentile bootstrap of so many seeds for a 95% interval.

    Normal percentiles are replaced by those of Student's t, and the factor sqrt(n / (n - 1)) makes
    good that resampling sees the variance divided by n (Hesterberg 2015).
    """
    quantile = stats.t.ppf((1 + CONFIDENCE) / 2, seeds - 1)
    return float(stats.norm.cdf(-np.sqrt(seeds / (seeds - 1)) * quantile))


def combine(samples: list[np.ndarray], signs: list[int], over_seeds: str, axis: int = -1):
    """Signed sum of a statistic (mean or std) of each sample along its axis of seeds."""
    statistic = STATISTICS[over_seeds]
    terms = [sign * statistic(s, axis=axis) for sign, s in zip(signs, samples, strict=True)]
    return sum(terms[1:], start=terms[0])


def bootstrap_interval(
    samples: list[np.ndarray],
    signs: list[int],
    *,
    paired: bool,
    over_seeds: str = "mean",
    seed: int = 0,
) -> tuple[float, float]:
    """95% interval of `combine(samples, signs)` over seeds; each sample is (seeds,).

    `paired` resamples the same seeds from every sample, else each is resampled on its own.
    """
    result = stats.bootstrap(
        samples,
        lambda *drawn, axis: combine(drawn, signs, over_seeds, axis),
        n_resamples=RESAMPLES,
        confidence_level=1 - 2 * widened_tail(min(map(len, samples))),
        method="percentile",  # BCa has no answer for constant data, and seeds do tie
        paired=paired and len(samples) > 1,
        vectorized=True,
        rng=np.random.default_rng(seed),
    )
    return float(result.confidence_interval.low), float(result.confidence_interval.high)


def side(part: "Part", low: float, high: float) -> str:
    """Where the interval lies: reproduced, contradicted or inconclusive."""
    if part.direction == "within":
        least, most = part.bound - part.tolerance, part.bound + part.tolerance
        inside, outside = least <= low and high <= most, high < least or low > most
    elif part.direction == "above":
        inside, outside = low > part.bound, high < part.bound
    else:
        inside, outside = high < part.bound, low > part.bound
    return "reproduced" if inside else "contradicted" if outside else "inconclusive"


def judge(rule: "Rule", rows: "DataFrame", size: str | None) -> Verdict:
    """The verdict of a rule on the rows of one size."""
    parts = []
    for part in rule.parts:
        parts += [
            replace(_judge_part(single, rows, size), prediction=str(single), quantity=_kind(single))
            for single in part.split(_found(part, rows))
        ]
    decided = next(name for name in DECIDES if any(part.verdict == name for part in parts))
    which = next(number for number, part in enumerate(parts) if part.verdict == decided)
    chosen = parts[which]
    told = f"part {which + 1} of {len(parts)}: " if len(parts) > 1 else ""
    return Verdict(
        chosen.value,
        chosen.low,
        chosen.high,
        chosen.n_seeds,
        decided,
        size,
        told + chosen.reason,
        tuple(parts),
    )


def _kind(part: "Part") -> str:
    metrics = {name for side in part.terms() for term in side for name in term.metric}
    return "number" if part.quantity == "value" and is_number(metrics) else part.quantity


def _found(part: "Part", rows: "DataFrame") -> list[str]:
    """The values of the column named in `each` among the rows which the part selects."""
    if part.each is None:
        return []
    chosen = select(rows, part.terms()[0][0], part.beside)
    return sorted(chosen[part.each].dropna().unique())


def _judge_part(part: "Part", rows: "DataFrame", size: str | None) -> Verdict:
    plus, minus = part.terms()
    terms, signs = (*plus, *minus), [1] * len(plus) + [-1] * len(minus)
    selected = [select(rows, term, part.beside) for term in terms]
    for term, frame in zip(terms, selected, strict=True):
        if frame.empty:
            return Verdict(None, None, None, 0, "not yet measured", size, f"no rows for {term}")
    comparable = _comparable(selected, terms)
    measured = [_per_seed(f, t, part) for f, t in zip(comparable, terms, strict=True)]
    samples, paired = _samples(measured, part.seeds)
    n_seeds = min(map(len, samples))
    left_out = max(frame["seed"].nunique() - n_seeds for frame in selected)
    aside = f"; {left_out} left out, incomplete or without the quantity" if left_out else ""
    by_seed = paired and len(terms) > 1

    enough = 2 if part.over_seeds == "std" else 1
    value = float(combine(samples, signs, part.over_seeds)) if n_seeds >= enough else None
    if n_seeds < part.seeds:
        few = f"{n_seeds} of the {part.seeds} seeds which an interval needs{aside}"
        return Verdict(value, None, None, n_seeds, "inconclusive", size, few, paired=by_seed)
    low, high = bootstrap_interval(samples, signs, paired=paired, over_seeds=part.over_seeds)
    how = "" if len(terms) == 1 else " paired" if paired else " unpaired"
    reason = f"{n_seeds}{how} seeds; predicted {part}{aside}"
    found = side(part, low, high)
    return Verdict(value, low, high, n_seeds, found, size, reason, paired=by_seed)


def _samples(measured: list["Series"], needed: int) -> tuple[list[np.ndarray], bool]:
    """Each term's numbers, of the same seeds in the same order where enough seeds are shared."""
    shared = sorted(set.intersection(*(set(term.index) for term in measured)))
    paired = len(shared) >= needed or all(len(term) == len(shared) for term in measured)
    return [(term[shared] if paired else term).to_numpy(float) for term in measured], paired


def select(rows: "DataFrame", term: "Selection", beside: str | None) -> "DataFrame":
    """The rows of a selection, with those of the second metric which go with them.

    A row of the second metric without a pair or a layer (a loss, say) goes with all of them.
    """
    second = rows["metric"].isin([beside] if beside else [])
    kept = rows["metric"].isin(term.metric) | second
    if term.condition is not None:
        kept &= rows["condition"].isin(term.condition)
    if term.pair is not None:
        kept &= rows["pair"].isin(term.pair) | (second & rows["pair"].isna())
    if term.layer is not None:
        # Of these metrics alone: another may number something else, as a loss does its epochs.
        own = rows["layer"].where(rows["metric"].isin(term.metric))
        deepest = own.groupby(rows["condition"]).transform("max")
        layers = [deepest + 1 + layer if layer < 0 else layer for layer in term.layer]
        chosen = sum((rows["layer"] == layer).fillna(False).astype(int) for layer in layers) > 0
        kept &= chosen | (second & rows["layer"].isna())
    chosen_rows = rows[kept]
    return chosen_rows if chosen_rows["metric"].isin(term.metric).any() else rows.iloc[:0]


def _comparable(frames: list["DataFrame"], terms: tuple["Selection", ...]) -> list["DataFrame"]:
    """Only the pairs and layers which all terms have: else a contrast compares unlike things."""
    for column in ("pair", "layer"):
        if any(getattr(term, column) is not None for term in terms):
            continue
        # What has none at all, such as word vectors beside a model's layers, goes with any.
        values = [own for frame in frames if (own := set(frame[column].dropna()))]
        shared = set.intersection(*values) if values else set()
        frames = [frame[frame[column].isin(shared) | frame[column].isna()] for frame in frames]
    return frames


def _per_seed(rows: "DataFrame", term: "Selection", part: "Part") -> "Series":
    """The quantity of each seed, averaged over its conditions and pairs.

    Only of the seeds which have every condition, pair, layer and metric that any seed has.
    """
    import pandas as pd

    is_main = rows["metric"].isin(term.metric)
    main, second = rows[is_main], rows[~is_main]
    cells = main.groupby(["condition", "pair", "layer", "metric"], dropna=False).ngroup()
    complete = cells.groupby(main["seed"]).nunique() == cells.nunique()
    compute, found = QUANTITIES[part.quantity].compute, {}
    for (seed, condition, pair), own in main.groupby(["seed", "condition", "pair"], dropna=False):
        if len(second):  # those which go with this condition and pair, or with every pair
            of_pair = second["pair"].isna() | (second["pair"] == pair)
            beside = second[of_pair & (second["seed"] == seed) & (second["condition"] == condition)]
            own = pd.concat([own, beside])
        found.setdefault(seed, []).append(compute(own, term.metric, part))
    means = {seed: float(np.mean(values)) for seed, values in found.items()}
    return pd.Series(means, dtype=float)[complete].dropna()
