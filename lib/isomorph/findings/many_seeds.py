"""How many seeds are enough: for the best run, for a mean, and to tell two methods apart.

expected_best   the best of n seeds, on average; `best_curves` tells it condition by condition
enough          how many seeds it takes, by each of these meanings
disagreeing     how often n seeds call two conditions the other way round
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from isomorph.findings.few_samples import DEV, TEST, scores
from isomorph.findings.tables import NOT_MEASURED, NOT_RUN
from isomorph.findings.words import condition_name

if TYPE_CHECKING:
    from pandas import DataFrame

    from isomorph.findings import Found

DRAWS = 4000  # of n seeds: a share is then known to a percent point and a half at worst


def expected_best(scores: Sequence[float], of: Sequence[float] | None = None) -> np.ndarray:
    """What the best of n runs scores on average, n from 1 to all of them: (runs,).

    n of the runs are drawn, all different, and the best by `scores` is taken; what is told is its
    score, or its value in `of`. Of N runs in rising order, run i is the best of n with the chance
    C(i - 1, n - 1) / C(N, n). Runs that tie share their chances.
    Raises ValueError when there is no run or the two differ in length.
    """
    scores = np.asarray(scores, float)
    values = scores if of is None else np.asarray(of, float)
    count = len(scores)
    if not count or len(values) != count:
        raise ValueError(f"there are {count} scores for {len(values)} values; each run needs both")
    order = np.argsort(scores, kind="stable")
    ranked, told = scores[order], values[order]
    told = np.array([told[ranked == score].mean() for score in ranked])
    found = np.empty(count)
    for n in range(1, count + 1):
        ways = np.array([math.comb(i - 1, n - 1) for i in range(1, count + 1)], float)
        found[n - 1] = ways @ told / math.comb(count, n)
    return found


def best_curves(found: Found, names: Iterable[str], *, by: str = DEV, told: str = DEV) -> DataFrame:
    """The expected best run of n, condition by condition: columns condition, seeds tried, metric
    (`told`), value in percent. Chosen by the score `by`."""
    import pandas as pd

    lines = []
    for name in names:
        chosen, values = (scores(found, name, metric) for metric in (by, told))
        if len(chosen) and len(chosen) == len(values):
            lines += [
                {"condition": condition_name(name), "seeds tried": n, "metric": told,
                 "value": 100 * value}
                for n, value in enumerate(expected_best(chosen, values), start=1)
            ]  # fmt: skip
    return pd.DataFrame(lines, columns=["condition", "seeds tried", "metric", "value"])


def enough(found: Found, names: Iterable[str], *, points: float = 1.0) -> DataFrame:
    """A line a condition: how many seeds it takes, by three meanings of enough.

    `best`: until the expected best development score is within so many points of the best of all.
    `mean`: until the standard error of the mean test score is at most so many points.
    `gain of choosing`: how many points the run with the best development score of all seeds is
    above the average run, on development and on test.
    """
    import pandas as pd

    lines = []
    for name in names:
        dev, test = scores(found, name, DEV), scores(found, name, TEST)
        columns = (f"best run within {points:g}", f"mean known to {points:g}",
                   "gain of choosing, development", "gain of choosing, test")  # fmt: skip
        line = dict.fromkeys(columns, NOT_RUN if not len(dev) else NOT_MEASURED)
        if len(dev) > 1:
            best, chosen = 100 * expected_best(dev), 100 * expected_best(dev, test)
            first = int(np.argmax(best >= best[-1] - points - 1e-9)) + 1
            needed = max(1, math.ceil((100 * test.std(ddof=1) / points) ** 2 - 1e-9))
            cells = (str(first), str(needed), f"{best[-1] - best[0]:+.1f}",
                     f"{chosen[-1] - chosen[0]:+.1f}")  # fmt: skip
            line = dict(zip(columns, cells, strict=True))
        lines.append({"condition": condition_name(name)} | line | {"seeds": len(dev)})
    return pd.DataFrame(lines)


def disagreeing(
    found: Found, contrasts: Iterable[tuple[str, str]], counts: Sequence[int] = (1, 3, 5, 10)
) -> DataFrame:
    """How often n seeds say of two conditions the opposite of what all seeds say, in percent.

    A line a pair (plus, minus): the difference of the mean test scores over all seeds that both
    have, and a column for each n: n of these seeds drawn, all different, over and over. A tie counts
    half. Of as many seeds as there are, nothing is told.
    """
    import pandas as pd

    generator, lines = np.random.default_rng(0), []
    for plus, minus in contrasts:
        apart = _differences(found, plus, minus)
        line = {"first": condition_name(plus), "second": condition_name(minus)}
        line["difference"] = f"{100 * apart.mean():+.1f}" if len(apart) else NOT_RUN
        side = np.sign(apart.mean()) if len(apart) else 0
        for n in counts:
            cell = NOT_MEASURED if len(apart) else NOT_RUN
            if n < len(apart) and side:
                drawn = generator.random((DRAWS, len(apart))).argsort(1)[:, :n]
                # Sums of a few hundredths: what differs by rounding alone is a tie.
                means = apart[drawn].mean(1).round(9) * side
                cell = f"{100 * ((means < 0).mean() + (means == 0).mean() / 2):.0f}%"
            line[f"{n} seed{'s' if n > 1 else ''}"] = cell
        lines.append(line | {"seeds": len(apart)})
    return pd.DataFrame(lines)


def _differences(found: Found, plus: str, minus: str) -> np.ndarray:
    own = found.rows[(found.rows["metric"] == TEST) & found.rows["condition"].isin((plus, minus))]
    wide = own.pivot(index="seed", columns="condition", values="value")
    if not {plus, minus} <= set(wide):
        return np.array([])
    return (wide[plus] - wide[minus]).dropna().to_numpy(float)
