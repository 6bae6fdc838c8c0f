"""Tables and sentences that the chapters on one experiment share; see `isomorph.findings`.

Everything takes a `Found`, the rows of one experiment at one size. What nobody has run yet stands
as "not run", and is nan where a number is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from isomorph import claims, effects
from isomorph.effects import Contrast, Estimate
from isomorph.findings.words import condition_name, score_name, span
from isomorph.labels import WITHOUT_ENCODER
from isomorph.ledger.intervals import FEWEST

if TYPE_CHECKING:
    from pandas import DataFrame

    from isomorph.findings import Found

TASKS = ("nli_accuracy", "ner_f1", "las")
FLOORS = ("random_encoder", "monolingual")
NOT_RUN, NOT_MEASURED = "not run", "–"


def scores(
    found: Found,
    metrics: Sequence[str] = TASKS,
    names: Iterable[str] | None = None,
    *,
    pairs: Sequence[str] | None = None,
    floors: bool = True,
) -> DataFrame:
    """Scores to read: a line a condition, in percent, "52.1 [50.3, 54.0]" where seeds allow.

    With `floors` the levels to compare with close the table: a random encoder, a model pretrained
    on the first language alone, and what uses no encoder: the majority, and where it was measured
    what the premise alone tells of inference. `pairs` as in `isomorph.effects.levels`.
    """
    import pandas as pd

    names = list(found.names if names is None else names)
    names += [name for name in FLOORS if floors and name not in names]
    wanted = [(name, name, "") for name in names]
    wanted += [
        (name, "default", suffix)
        for name, suffix in WITHOUT_ENCODER.items()
        if floors and (name == "majority" or found.has(*(m + suffix for m in metrics)))
    ]
    lines = []
    for name, condition, suffix in wanted:
        own = {m: _level(found.rows, m + suffix, condition, pairs) for m in metrics}
        run = any(estimate.seeds for estimate in own.values())
        lines.append({"condition": condition_name(name)} | _cells(own, run=run))
    return pd.DataFrame(lines)


def effects_of(
    found: Found, contrasts: Iterable[Contrast], table: DataFrame | None = None
) -> DataFrame:
    """`isomorph.effects.effects`, without the contrasts whose score nobody measured or printed."""
    known = set(found.rows["metric"]) | (set() if table is None else set(table["metric"]))
    kept = [contrast for contrast in contrasts if contrast.metric in known]
    return effects.effects(found.rows, kept, table=table)


def combined(
    rows: DataFrame, plus: Sequence[tuple[str, str]], minus: Sequence[tuple[str, str]]
) -> Estimate:
    """A sum of scores less another, in percent points; each is (metric, condition).

    Seed by seed where all have the same seeds, so a difference of differences has an honest
    interval. All nan where one of them was not measured.
    """
    from isomorph.ledger.schema import Part
    from isomorph.ledger.verdicts import estimate

    terms = [[{"metric": m, "condition": c} for m, c in side] for side in (plus, minus)]
    part = Part(plus=terms[0], minus=terms[1], direction="above")
    own = effects.read(rows).reset_index(drop=True)
    return effects.in_points(estimate(part, own))


def points(table: DataFrame, what: str) -> DataFrame:
    """Gains to read: points with their interval, and seeds, a line each of a table with the columns
    label, source, value, low, high, seeds. what: the heading of the labels."""
    import pandas as pd

    lines = [
        {
            what: row.label,
            "where": row.source,
            "points": written(row, sign=True),
            "seeds": row.seeds,
        }
        for row in table.itertuples()
    ]
    return pd.DataFrame(lines, columns=[what, "where", "points", "seeds"])


def in_short(table: DataFrame) -> str:
    """The outcome of each claim of a table of `isomorph.claims.predictions`, and on what ground."""
    wanted = set(table["claim"])
    return " ".join(
        f"Claim {each.claim.id}: **{each.outcome}** ({claims.on_ground(each)})."
        for each in claims.judged()
        if each.claim.id in wanted
    )


def written(found, *, sign: bool = False, percent: bool = True) -> str:
    """A value with its interval, "52.1 [50.3, 54.0]"; of an Estimate or a row of a table.

    Estimates are in percent; `percent` off writes the measure itself, "0.52 [0.50, 0.54]".
    """
    if math.isnan(found.value):
        return NOT_RUN
    form = ("{:+" if sign else "{:") + (".1f}" if percent else ".2f}")
    digits = 1 if percent else 2
    # Rounded first, and + 0.0, so that what is nothing has no sign.
    value, low, high = (
        round(x if percent else x / 100, digits) + 0.0 for x in (found.value, found.low, found.high)
    )
    between = "" if math.isnan(low) else f" [{form}, {form}]".format(low, high)
    return form.format(value) + between


def with_seeds(cells: Mapping[str, tuple[str, int, DataFrame]]) -> dict:
    """A line's cells and, as "seeds", of how many the most are; a cell of fewer says so itself.

    cells: what is written, of how many seeds, and the rows behind it, by column.
    """
    most = max((seeds for _, seeds, _ in cells.values()), default=0)
    line = {}
    for column, (text, seeds, rows) in cells.items():
        if 0 < seeds < most:
            live = seeds == 1 and "recorded" not in set(rows["provenance"])
            of = "one live run, not in the recorded rows" if live else span(seeds, seeds, "seed")
            text = f"{text} ({of})"
        line[column] = text
    return line | {"seeds": most}


def moved(found) -> str:
    """A change in words, "falls by 3.2 points [2.1, 4.0]"; of an Estimate or a row of a table.

    What an interval cannot tell from no change, and what has none, is called so.
    """
    if math.isnan(found.value):
        return "was not run"
    verb = "falls" if found.value < 0 else "rises"
    told = f"{verb} by {abs(found.value):.1f} points"
    if math.isnan(found.low):
        told = told if abs(found.value) >= 0.05 else "does not move"
        return f"{told} ({without_interval(found)})"
    ends = sorted((abs(found.low), abs(found.high)))
    if found.low <= 0 <= found.high:
        return f"moves by {found.value:+.1f} points [{found.low:+.1f}, {found.high:+.1f}], which is not told from 0"
    return f"{told} [{ends[0]:.1f}, {ends[1]:.1f}]"


def without_interval(found) -> str:
    """Why an Estimate or a row of a table has none, in words."""
    few = found.seeds < FEWEST
    return "too few seeds for an interval" if few else "no interval: all agree, or are of one model"


def _level(rows: DataFrame, metric: str, condition: str, pairs) -> Estimate:
    if not (rows["metric"] == metric).any():
        return Estimate(math.nan, math.nan, math.nan, 0, False, ())
    (line,) = effects.levels(rows, metric, [condition], pairs=pairs).itertuples()
    return Estimate(line.value, line.low, line.high, line.seeds, False, tuple(line.pairs))


def _cells(of_metric: Mapping[str, Estimate], *, run: bool) -> dict:
    """A line's cells; what a condition that was run has no score of was not measured."""
    seeds = {estimate.seeds for estimate in of_metric.values() if estimate.seeds}
    counted = span(min(seeds), max(seeds), "seed") if seeds else "0"
    own = {
        score_name(metric): NOT_MEASURED if run and not estimate.seeds else written(estimate)
        for metric, estimate in of_metric.items()
    }
    return own | {"seeds": counted.split(" seed")[0]}
