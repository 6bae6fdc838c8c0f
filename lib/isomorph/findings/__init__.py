"""What the chapters on one experiment share: its rows in worlds and on real text, and tables.

    in_worlds, on_real_text                   rows, with one run of the worlds made live
    behind, live_again                        sentences: how many runs, and how the live one compares
    scores                                    a table to read
    combined                                  any sum of scores with its interval
    points                                    gains to read
    written, moved                            one number with its interval, alone or in words
    in_short                                  what claims of the ledger come to, a sentence each
    claims_of                                 claims of the ledger, for what their papers print

A chapter asks for conditions by name. In worlds (or at `smoke`) one of them is run live and the
rest are recorded; real text is recorded only, unless the chapter runs at that size. What nobody has
run yet stands in tables as "not run", and is nan where a number is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from isomorph import claims, results
from isomorph.candidates import told as candidates_told
from isomorph.candidates import with_candidates
from isomorph.findings.tables import (
    FLOORS,
    NOT_RUN,
    TASKS,
    combined,
    effects_of,
    in_short,
    moved,
    points,
    scores,
    written,
)
from isomorph.findings.words import condition_name, score_name, span
from isomorph.presets import conditions
from isomorph.sizes import sized

if TYPE_CHECKING:
    from pandas import DataFrame

    from isomorph.claims import Claim
    from isomorph.results import Condition
    from isomorph.sizes import Size

__all__ = [
    "FLOORS",
    "NOT_RUN",
    "PAPER",
    "REAL",
    "TASKS",
    "WORLD",
    "Found",
    "behind",
    "chosen",
    "claims_of",
    "combined",
    "condition_name",
    "effects_of",
    "in_short",
    "in_worlds",
    "live_again",
    "moved",
    "on_real_text",
    "points",
    "score_name",
    "scores",
    "small",
    "written",
]

WORLD, REAL, PAPER = "controlled world", "real text", "the paper's size"
PROVENANCE = ("live", "cached", "recorded")  # cached: made here earlier, by the same code and data


@dataclass(frozen=True)
class Found:
    """An experiment's rows at one size, and what was asked for."""

    rows: DataFrame
    size: Size
    asked: int  # runs
    names: tuple[str, ...] = ()  # conditions

    @property
    def runs(self) -> int:
        """How many runs the rows come from."""
        return self.rows["digest"].nunique()

    def has(self, *metrics: str) -> list[str]:
        """Those of the metrics that any run measured, in the order given."""
        measured = set(self.rows["metric"])
        return [metric for metric in metrics if metric in measured]


def chosen(experiment: str, size: Size, names: Iterable[str]) -> list[Condition]:
    """The conditions of these names that an experiment has at a size, in its own order."""
    wanted = set(names)
    return [condition for condition in conditions(experiment, size) if condition.name in wanted]


@sized
def small(size: Size) -> Size:
    """The size at which a chapter runs something live."""
    return "smoke" if size == "smoke" else "laptop"


def in_worlds(
    experiment: str,
    names: Iterable[str],
    *,
    size: Size,
    live: str | None,
    recompute: bool,
) -> tuple[DataFrame | None, Found]:
    """The rows of the one run made now, and those of all conditions in worlds, that one included.

    `live` names the condition whose first run is made here and now. At `smoke` whatever is not
    recorded is run; at other sizes it is left out.
    """
    import pandas as pd

    at, names = small(size), tuple(names)
    wanted = chosen(experiment, at, names)
    first = next((condition for condition in wanted if condition.name == live), None)
    made = results.live(experiment, first, size=at) if first else None
    rest = [condition for condition in wanted if condition is not first]
    missing = "run" if at == "smoke" else "skip"
    rows = results.gather(experiment, rest, size=at, recompute=recompute, missing=missing)
    if made is not None:
        rows = pd.concat([made, rows], ignore_index=True) if len(rows) else made
    return made, Found(_with_retrieval(rows), at, len(wanted), names)


@sized
def on_real_text(experiment: str, names: Iterable[str], *, size: Size, recompute: bool) -> Found:
    """The recorded rows of all conditions on real text; at `reference` what is missing is run."""
    names, here = tuple(names), size == "reference"
    wanted = chosen(experiment, "reference", names)
    rows = results.gather(
        experiment, wanted, size="reference", recompute=recompute and here,
        missing="run" if here else "skip",
    )  # fmt: skip
    return Found(_with_retrieval(rows), "reference", len(wanted), names)


def claims_of(identifiers: Sequence[str]) -> list[Claim]:
    """Some claims of the ledger, for what their papers print. Raises ValueError for one not there."""
    known = {claim.id: claim for claim in claims.ledger()}
    missing = [name for name in identifiers if name not in known]
    if missing:
        raise ValueError(f"claim is {missing[0]!r}, but must be one of {', '.join(known)}.")
    return [known[name] for name in identifiers]


def behind(found: Found, names: Iterable[str] | None = None) -> str:
    """Sentences that count the runs behind a figure or table, say among how many candidates they
    retrieve, and name what was not run."""
    names = found.names if names is None else tuple(names)
    rows = found.rows[found.rows["condition"].isin(names)]
    if rows.empty:
        return "No run of this is recorded yet."
    of_each = rows.groupby(["condition", "pair"])["digest"].nunique()
    each = span(int(of_each.min()), int(of_each.max()))
    pairs = sorted(set(rows["pair"]))
    between = f" and pair ({', '.join(pairs)})" if len(pairs) > 1 else f", {pairs[0]}"
    among = candidates_told(rows)
    chosen_from = f" {among[:1].upper()}{among[1:]}." if among else ""
    absent = [condition_name(name) for name in names if name not in set(rows["condition"])]
    origin = rows.groupby("digest")["provenance"].first().value_counts()
    how = ", ".join(f"{origin[kind]} {kind}" for kind in PROVENANCE if kind in origin)
    runs = rows["digest"].nunique()
    told = f"{runs} run{'s' if runs > 1 else ''} ({how}): {each} for each condition{between}."
    told += chosen_from
    return told + (f" Not run: {', '.join(absent)}." if absent else "")


def live_again(experiment: str, made: DataFrame | None, metrics: Sequence[str] = TASKS) -> str:
    """How the run made now compares with the recorded one of the same configuration.

    The scores are in percent, the difference in points.
    """
    if made is None:
        return "Nothing was run live."
    own = _last(made)
    metrics = [metric for metric in metrics if metric in own]
    told = ", ".join(f"{score_name(m)} {100 * own[m]:.1f}%" for m in metrics)
    name = condition_name(made["condition"].iloc[0])
    now = f"Live: {name}, {made['seconds'].max():.0f} seconds. {told[:1].upper()}{told[1:]}."
    recorded = results.recorded(experiment)
    recorded = recorded[recorded["digest"] == made["digest"].iloc[0]]
    if recorded.empty:
        return f"{now} No rows of this very run are recorded to compare it with."
    earlier = _last(recorded)
    apart = max(abs(own[m] - earlier[m]) for m in metrics)
    if apart == 0:
        return f"{now} The recorded run of the same configuration has the very same scores."
    then = ", ".join(f"{score_name(m)} {100 * earlier[m]:.1f}%" for m in metrics)
    return (
        f"{now} The recorded run of the same configuration has {then}: at most "
        f"{100 * apart:.1f} points apart."
    )


def _last(rows: DataFrame) -> dict[str, float]:
    """Each score of one run, by name; only those that have no layers."""
    own = rows[rows["layer"].isna()]
    return dict(zip(own["metric"], own["value"], strict=True))


def _with_retrieval(rows: DataFrame) -> DataFrame:
    """The rows with their numbers of candidates, and the score "retrieval", which has no layer.

    It is the centred sentence retrieval of each run where Dufter and Schütze measure it, two thirds
    of the way up.
    """
    import pandas as pd

    rows = with_candidates(rows)
    by_layer = rows[rows["metric"] == "retrieval_p1_centred"]
    deepest = by_layer.groupby("digest")["layer"].transform("max").astype(float)
    upper = by_layer[by_layer["layer"].astype(float) == (2 * deepest / 3).round().clip(lower=1)]
    if upper.empty:
        return rows
    named = upper.assign(metric="retrieval", layer=pd.NA).astype({"layer": "Int64"})
    return pd.concat([rows, named], ignore_index=True)
