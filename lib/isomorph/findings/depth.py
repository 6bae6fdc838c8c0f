"""Which layers a tuned encoder needs, read off the rows of `changes`: frozen, cut off, put back.

by_task      scores in percent, a line a condition and a column a task
ladder       rows for a figure: scores by how many blocks were tuned, with the rest frozen or cut off
put_back     rows for a figure: scores by how many blocks were put back after tuning
questions    two thirds of the blocks frozen, or put back, and a third cut off: what each costs
told         the same in sentences
spared       how many blocks can be put back at little cost
levels       the score without an encoder, for a figure's dashed lines
sampling     what drawing the test examples alone does to a score
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from isomorph import effects
from isomorph.effects import PERCENT, Contrast
from isomorph.findings import Found, chosen
from isomorph.findings.tables import NOT_RUN, moved, without_interval, written
from isomorph.findings.words import TUNED_FOR as TASKS
from isomorph.findings.words import condition_name
from isomorph.presets.fine_tuning import DEPTHS, SHARES

if TYPE_CHECKING:
    from pandas import DataFrame, Series

    from isomorph.effects import Estimate

CONDITIONS = ("tuned", *DEPTHS)
SCORE = "test_score"
WAYS = {"frozen": "lower blocks frozen", "kept": "upper blocks cut off"}
ENDS = {
    "score_bottom_reverted": "from the bottom up",
    "score_top_reverted": "from the top down",
}
BOUND = 2.0  # points: what claim 5.5 calls a notable drop, by our reading
WHOLE = "nothing put back"
# What each question asks of a score: what it means that little is lost, and that much is.
ANSWERS = {
    "frozen": ("the upper blocks can do it alone", "the upper blocks cannot do it alone"),
    "cut": ("the upper blocks are not needed", "the upper blocks are needed"),
    "below": ("the lower blocks carry little of it", "the lower blocks carry part of it"),
    "above": ("the upper blocks carry little of it", "the upper blocks carry part of it"),
}


def tasks_of(found: Found) -> dict[str, str]:
    """The tasks that any run was tuned on, by pair, in the order of TASKS."""
    measured = set(found.rows.loc[found.rows["condition"].isin(CONDITIONS), "pair"])
    return {pair: name for pair, name in TASKS.items() if pair in measured}


def blocks_of(found: Found) -> int:
    """How many blocks the encoder has; 0 where no row says."""
    own = found.rows
    whole = [name for name in CONDITIONS if not name.startswith("kept")]
    own = own[(own["metric"] == "weight_distance") & own["condition"].isin(whole)]
    return 0 if own.empty else int(own["layer"].max())


def by_task(found: Found, names: Iterable[str] = CONDITIONS) -> DataFrame:
    """A line a condition, a column a task: the score in percent with its interval over seeds.

    The last line is the score without an encoder.
    """
    import pandas as pd

    lines = [
        {"condition": condition_name(name)}
        | {task: written(_level(found, SCORE, name, pair)) for pair, task in TASKS.items()}
        for name in names
    ]
    floors = {task: written(_floor(found, pair)) for pair, task in TASKS.items()}
    return pd.DataFrame([*lines, {"condition": "no encoder"} | floors])


def levels(found: Found) -> dict[str, dict[str, float]]:
    """{"no encoder": task -> the score of the most frequent answer, or of guessing, in percent}."""
    own = {task: _floor(found, pair).value for pair, task in tasks_of(found).items()}
    return {"no encoder": {task: value for task, value in own.items() if not math.isnan(value)}}


def ladder(found: Found, pairs: Sequence[str] = tuple(TASKS)) -> DataFrame:
    """Rows with a column "blocks tuned", the task as their metric, and as "way" what became of the
    other blocks: frozen below, or cut off above. None of them is where all are tuned."""
    import pandas as pd

    count, rows = blocks_of(found), found.rows
    rows = rows[(rows["metric"] == SCORE) & rows["pair"].isin(pairs)]
    parts = []
    for way, label in WAYS.items():
        tuned = {"tuned": count}
        for name, (kind, share) in DEPTHS.items():
            held = round(share * count)
            if kind == way:
                tuned[name] = held if kind == "kept" else count - held
        own = rows[rows["condition"].isin(tuned)]
        parts.append(own.assign(**{"blocks tuned": own["condition"].map(tuned), "way": label}))
    return _of_tasks(pd.concat(parts, ignore_index=True)).astype({"blocks tuned": int})


def put_back(found: Found) -> DataFrame:
    """Rows with a column "blocks put back", the task as their metric, and as "way" where they were
    begun from. Of the condition "tuned"."""
    import pandas as pd

    own = found.rows
    own = own[own["metric"].isin(ENDS) & (own["condition"] == "tuned")]
    own = own.assign(
        **{"way": own["metric"].map(ENDS), "blocks put back": own["layer"].astype(int)}
    )
    # A figure averages over layers, where its dial is another column.
    return _of_tasks(own.assign(layer=pd.NA).astype({"layer": "Int64"}))


def questions(found: Found) -> DataFrame:
    """What each intervention costs, a line a task and question: change in percent points.

    Columns task, question, value, low, high, seeds, so. With two thirds of the blocks frozen, cut to
    these, or put back; and with the upper third put back. What was not run is left out.
    """
    import pandas as pd

    count = blocks_of(found)
    low = round(SHARES["two_thirds"] * count)
    high = count - low
    asked = {
        "frozen": (f"lower {low} frozen", "frozen_two_thirds", "tuned"),
        "cut": (f"upper {high} cut off", "kept_two_thirds", "tuned"),
        "below": (f"lower {low} put back", f"below {low}", WHOLE),
        "above": (f"upper {high} put back", f"above {high}", WHOLE),
    }
    contrasts = {
        (pair, kind): Contrast(label, SCORE, plus, minus, TASKS[pair], (pair,))
        for pair in tasks_of(found)
        for kind, (label, plus, minus) in asked.items()
    }
    every = replace(found, rows=_as_conditions(found))
    lines = []
    for (_, kind), contrast in contrasts.items():
        for row in effects.effects(every.rows, [contrast]).itertuples() if len(every.rows) else ():
            if math.isnan(row.value):
                continue
            lines.append(
                {"task": row.heading, "question": row.label, "value": row.value, "low": row.low,
                 "high": row.high, "seeds": row.seeds, "so": answer(kind, row)}
            )  # fmt: skip
    return pd.DataFrame(lines, columns=["task", "question", "value", "low", "high", "seeds", "so"])


def answer(kind: str, change: Estimate | Series) -> str:
    """What a change says to one of the questions in ANSWERS, by its interval and BOUND."""
    little, much = ANSWERS[kind]
    if math.isnan(change.value):
        return NOT_RUN
    if math.isnan(change.low):
        return without_interval(change)
    if change.low > -BOUND:
        return little
    return much if change.high < -BOUND else "not told"


def told(table: DataFrame) -> str:
    """`questions` in sentences, one a task."""
    said = []
    for task, own in table.groupby("task", sort=False):
        each = "; ".join(f"with the {row.question}, it {moved(row)}" for row in own.itertuples())
        said.append(f"**{task.capitalize()}**, and what becomes of its score: {each}.")
    return " ".join(said) or "No run of this is recorded yet."


def spared(found: Found, points: float = BOUND) -> DataFrame:
    """How many blocks can be put back, from either end, before the mean score is that much lower
    than with none; and the score with all of them put back. A line a task."""
    import pandas as pd

    rows, count = put_back(found), blocks_of(found)
    lines = []
    for task in dict.fromkeys(rows["metric"]):
        own = rows[rows["metric"] == task]
        line = {"task": task}
        for way in ENDS.values():
            curve = own[own["way"] == way].groupby("blocks put back")["value"].mean()
            near = curve >= curve.iloc[0] - points / PERCENT
            line[f"spared {way}"] = f"{int(near.cummin().sum()) - 1} of {count}"
            line["none put back"] = f"{PERCENT * curve.iloc[0]:.1f}"
            line["all put back"] = f"{PERCENT * curve.iloc[-1]:.1f}"
        lines.append(line | {"seeds": own["seed"].nunique()})
    columns = ["task", *(f"spared {way}" for way in ENDS.values()), "none put back",
               "all put back", "seeds"]  # fmt: skip
    return pd.DataFrame(lines, columns=columns)


class Sampling(NamedTuple):
    """A share of right answers in percent, of how many examples, and its standard error in points."""

    score: float
    examples: int
    error: float


def sampling(found: Found, pair: str = "nli") -> Sampling | None:
    """How far the score of a tuned encoder may be off because its test is a sample; None where it
    was not run. Only for a task whose score is a share of its test examples."""
    score = _level(found, SCORE, "tuned", pair).value
    own = [c.run for c in chosen("changes", found.size, ["tuned"]) if c.run.pair == pair]
    if math.isnan(score) or not own:
        return None
    share, examples = score / PERCENT, own[0].downstream.test
    return Sampling(score, examples, PERCENT * math.sqrt(share * (1 - share) / examples))


def _level(found: Found, metric: str, name: str, pair: str) -> Estimate | Series:
    own = found.rows[(found.rows["metric"] == metric) & (found.rows["pair"] == pair)]
    if not (own["condition"] == name).any():
        return effects.Estimate(math.nan, math.nan, math.nan, 0, False, ())
    return effects.level(own, metric, name)


def _floor(found: Found, pair: str) -> Estimate | Series:
    """The score without an encoder, which is the same whatever was frozen."""
    own = found.rows[(found.rows["metric"] == "floor") & (found.rows["pair"] == pair)]
    measured = set(own["condition"])
    name = next((name for name in CONDITIONS if name in measured), "tuned")
    return _level(found, "floor", name, pair)


def _as_conditions(found: Found) -> DataFrame:
    """The test scores, and beside them those with blocks put back, each as a condition of its own:
    "below 4" has the lower four put back."""
    import pandas as pd

    rows = found.rows
    scores = rows[(rows["metric"] == SCORE) & rows["condition"].isin(CONDITIONS)]
    parts = [scores]
    for metric, end in zip(ENDS, ("below", "above"), strict=True):
        own = rows[(rows["metric"] == metric) & (rows["condition"] == "tuned")]
        own = own.assign(condition=[f"{end} {layer}" for layer in own["layer"]], metric=SCORE)
        parts.append(own.assign(layer=pd.NA))
        if end == "below":
            none = own[own["layer"] == 0]
            parts.append(none.assign(condition=WHOLE, layer=pd.NA))
    parts = [part.astype({"layer": "Int64"}) for part in parts if len(part)]
    return pd.concat(parts, ignore_index=True) if parts else scores


def _of_tasks(rows: DataFrame) -> DataFrame:
    """The rows with the task as their metric, since a figure has an axis a metric."""
    named = rows.assign(metric=rows["pair"].map(TASKS))
    return named.sort_values("pair", key=lambda pairs: pairs.map([*TASKS].index), kind="stable")
