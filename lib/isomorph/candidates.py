"""Among how many candidates a score of retrieval or translation is, read off the rows.

One in five is little among ten sentences and much among a thousand, so no such score is shown
without their number.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pandas import DataFrame, Series

# A share of right answers, or a mean reciprocal rank, and what is looked for.
SCORE = re.compile(
    r"(?P<of>(?:\w+_)?retrieval|translation(?:_contextual)?)(?:_isolated)?"
    r"(?:_(?:p\d+|mrr)(?:_(?!chance)\w+)?)?"
)
NAMES = {
    "retrieval": "sentence retrieval",
    "help_retrieval": "retrieval of help paragraphs",
    "tatoeba_retrieval": "retrieval of Tatoeba sentences",
    "translation": "word translation",
    "translation_contextual": "contextual word translation",
}


def with_candidates(rows: DataFrame) -> DataFrame:
    """The rows with the column `among`, which the figures put into their labels; see `among`."""
    found = {metric: among(rows, metric) for metric in set(rows["metric"])}
    return rows.assign(among=rows["metric"].map(found).astype(object))


def among(rows: DataFrame, metric: str) -> str:
    """How many candidates the runs of some rows choose from: "among 1,000", "among 431 to 480".

    Of retrieval this is the inverse of its recorded chance. Rows of translation that were recorded
    without a number have chance alone, which also depends on how many answers are right: "chance 1
    in 212". Empty for a metric that is no such score, and where rows have neither.
    """
    of = _looked_for(metric)
    if of is None:
        return ""
    counted, chances = (
        rows[rows["metric"] == f"{of}_{kind}"].dropna(subset=["value"])
        for kind in ("candidates", "p1_chance")
    )
    if len(counted) and _runs(counted) >= _runs(chances):
        told = f"among {_span(counted['value'])}"
    elif len(chances):
        certain = of.endswith("retrieval")
        told = f"{'among' if certain else 'chance 1 in'} {_span(1 / chances['value'])}"
    else:
        return ""
    return f"sentences {told}" if metric == "multilinguality" else told


def in_words(rows: DataFrame, metrics: Iterable[str] | None = None) -> str:
    """The same in words, for all scores that some rows have, or for some metrics of these.

    "sentence retrieval among 1,000, word translation chance 1 in 212"; empty where there are none.
    """
    held = set(rows["metric"])
    kinds = [_looked_for(metric) for metric in (held if metrics is None else held & set(metrics))]
    named = {of: among(rows, of) for of in NAMES if of in kinds}
    return ", ".join(f"{NAMES[of]} {number}" for of, number in named.items() if number)


def _looked_for(metric: str) -> str | None:
    found = SCORE.fullmatch("retrieval" if metric == "multilinguality" else metric)
    return found["of"] if found else None


def _runs(rows: DataFrame) -> int:
    return rows["digest"].nunique() if "digest" in rows.columns else 1


def _span(numbers: Series) -> str:
    least, most = (f"{round(end):,}" for end in (numbers.min(), numbers.max()))
    return least if least == most else f"{least} to {most}"
