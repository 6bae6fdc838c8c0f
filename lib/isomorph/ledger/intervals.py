"""From one number a unit to an estimate with its 95% interval.

A unit is what could have been drawn anew: a pretraining seed, a tuning seed. Of means the interval
is Student's: of the differences where terms share their units (paired), else Welch's. Of a standard
deviation, and of the ratio of two, it is Bonett's (2006), which allows for tails that are heavier or
lighter than those of a normal distribution, with Student's quantile in the place of the normal one.
`tests/ledger/test_intervals.py` holds how often each covers the truth.

Fewer than five units give no interval but the range of what was seen, and so does a number that is
the same in every unit: nothing then says how far it could have moved.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import ndtri, stdtr, stdtrit  # of `scipy.stats`, which takes half a second

CONFIDENCE = 0.95
FEWEST = 5  # units that give an interval
POWER = 0.8  # with which an effect would have been found that is called the smallest one findable


@dataclass(frozen=True)
class Estimate:
    """A number over units, and how far it may be from the truth.

    low and high are the ends of the interval when `kind` is "interval" and the smallest and the
    largest unit when it is "range"; None without a value. `error` is the standard error and
    `freedom` its degrees of freedom, on the scale of `value`, or of its logarithm for a ratio.
    """

    value: float | None
    low: float | None
    high: float | None
    units: int
    kind: Literal["interval", "range", "none"]
    paired: bool = False
    error: float = math.nan
    freedom: float = math.nan
    logarithmic: bool = False

    def findable(self) -> float:
        """The smallest effect that so many units would have found in four trials of five; nan
        without an interval. Of a ratio it is the factor."""
        if self.kind != "interval":
            return math.nan
        quantiles = stdtrit(self.freedom, [(1 + CONFIDENCE) / 2, POWER])
        effect = float(quantiles.sum() * self.error)
        return math.exp(effect) if self.logarithmic else effect

    def chance(self, bound: float, side: Literal["above", "below"]) -> float:
        """One-sided p: how surprising this is if the truth lay at the bound; 1 without an interval."""
        if self.kind != "interval":
            return 1.0
        value, bound = (math.log(self.value), math.log(bound)) if self.logarithmic else (
            self.value, bound)  # fmt: skip
        if not self.error:
            return float(value >= bound if side == "below" else value <= bound)
        distance = (value - bound) / self.error
        return float(stdtr(self.freedom, -distance if side == "above" else distance))


NOTHING = Estimate(None, None, None, 0, "none")


def of_means(
    samples: Sequence[np.ndarray], signs: Sequence[int], *, paired: bool, least: float = FEWEST
) -> Estimate:
    """The signed sum of the samples' means; each sample is (units,).

    `paired`: the samples have the same units in the same order. Else each has its own, and degrees
    of freedom are Welch and Satterthwaite's.
    """
    paired = paired and len(samples) > 1
    if paired or len(samples) == 1:
        whole = sum(sign * sample for sign, sample in zip(signs, samples, strict=True))
        samples, signs = [np.asarray(whole, float)], [1]
    units = min(map(len, samples))
    if not units:
        return NOTHING
    value = float(sum(s * sample.mean() for s, sample in zip(signs, samples, strict=True)))
    ends = [
        sum(s * (sample.min() if (s > 0) == lower else sample.max())
            for s, sample in zip(signs, samples, strict=True))
        for lower in (True, False)
    ]  # fmt: skip
    seen = Estimate(value, float(ends[0]), float(ends[1]), units, "range", paired)
    if units < max(least, 2):
        return seen
    parts = np.array([sample.var(ddof=1) / len(sample) for sample in samples])
    if all(map(does_not_vary, samples)):
        return seen
    error = float(np.sqrt(parts.sum()))
    shares = sum(part**2 / (len(s) - 1) for part, s in zip(parts, samples, strict=True))
    freedom = float(parts.sum() ** 2 / shares)
    reach = float(stdtrit(freedom, (1 + CONFIDENCE) / 2)) * error
    return Estimate(value, value - reach, value + reach, units, "interval", paired, error, freedom)


def of_spreads(samples: Sequence[np.ndarray], *, least: float = FEWEST) -> Estimate:
    """A sample's standard deviation over units, or the ratio of the first sample's to the second's.

    Bonett, D. G. (2006), "Approximate confidence interval for standard deviation of nonnormal
    distributions" and "Robust confidence interval for a ratio of standard deviations": the log of
    the variance has a standard error that depends on the kurtosis, which is estimated about a
    trimmed mean, and of two samples together.
    """
    units = min(map(len, samples))
    if units < 2 or all(map(does_not_vary, samples)):
        return NOTHING
    deviations = [float(sample.std(ddof=1)) for sample in samples]
    logs = [math.log(d) + math.log(_small_sample(len(s))) / 2
            for d, s in zip(deviations, samples, strict=True)]  # fmt: skip
    value = deviations[0] if len(samples) == 1 else deviations[0] / deviations[1]
    if units < max(least, FEWEST):
        return Estimate(value, value, value, units, "range", logarithmic=True)
    kurtosis = _kurtosis(samples)
    variances = [max(kurtosis - (len(s) - 3) / len(s), 1e-3) / (len(s) - 1) for s in samples]
    error = math.sqrt(sum(variances)) / 2  # of the log of a standard deviation, not of a variance
    freedom = float(sum(len(s) - 1 for s in samples))
    reach = float(stdtrit(freedom, (1 + CONFIDENCE) / 2)) * error
    middle = logs[0] - logs[1] if len(samples) == 2 else logs[0]
    return Estimate(value, math.exp(middle - reach), math.exp(middle + reach), units, "interval",
                    False, error, freedom, True)  # fmt: skip


def _small_sample(units: int) -> float:
    """Bonett's correction, which centres the interval: n / (n - 1.96)."""
    return units / (units - ndtri((1 + CONFIDENCE) / 2)) if units > 3 else 1.0


def _kurtosis(samples: Sequence[np.ndarray]) -> float:
    """Pooled, about trimmed means: less biased towards light tails than the usual estimate."""
    fourth = second = 0.0
    for sample in samples:
        cut = 1 / (2 * math.sqrt(max(len(sample) - 4, 1)))
        fourth += float(((sample - _trimmed_mean(sample, min(cut, 0.49))) ** 4).sum())
        second += float(((sample - sample.mean()) ** 2).sum())
    return sum(map(len, samples)) * fourth / second**2


def _trimmed_mean(sample: np.ndarray, share: float) -> float:
    """Without a share of the numbers at either end."""
    cut = int(share * len(sample))
    return np.sort(sample)[cut : len(sample) - cut].mean()


def does_not_vary(sample: np.ndarray) -> bool:
    """Whether numbers (n,) are one number but for rounding."""
    return bool(np.ptp(sample) <= 1e-9 * np.abs(sample).max())


def holm(chances: Sequence[float]) -> list[float]:
    """p values corrected for their number (Holm 1979), in the order given."""
    order = np.argsort(chances)
    corrected, largest = [1.0] * len(chances), 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(chances) - rank) * chances[index]))
        corrected[index] = largest
    return corrected
