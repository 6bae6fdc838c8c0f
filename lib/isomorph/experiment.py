"""An experiment as a chapter sees it: its configurations, one model made now, the rows of all seeds.

experiment = Experiment("language_models", size)
run = experiment.run("mle")              # a configuration, to read or to change
model = experiment.model(run)            # the model that it trains, trained here
live = experiment.measure(run)           # its rows, measured here
rows = experiment.rows("mle", "masked")  # the recorded rows of all seeds
summary(rows, ["isoscore"])              # means with their intervals
verdict("2.7")                           # what the rules of the ledger say of the rows
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from isomorph import metrics, results
from isomorph.config import known
from isomorph.ledger.estimates import estimate
from isomorph.ledger.evidence import about, of_items
from isomorph.ledger.schema import Part
from isomorph.outcomes import answer, verdict
from isomorph.presets import conditions
from isomorph.results import Condition
from isomorph.rows import among_in_words, by_split, where, with_candidates

if TYPE_CHECKING:
    from pandas import DataFrame

    from isomorph.config import Size
    from isomorph.ledger.intervals import Estimate
    from isomorph.runs import Run
    from isomorph.trained import Trained

__all__ = ["Experiment", "answer", "change", "effects", "summary", "verdict"]


class Experiment:
    """An experiment of `isomorph.presets`, at the size of a chapter.

    In worlds, which is where a chapter makes something live, it is at `laptop`, or at `smoke` when
    the chapter is; real text is recorded at `reference`. With `recompute` recorded rows do not
    count. Raises ValueError for an unknown name or size.
    """

    def __init__(self, name: str, size: Size, *, recompute: bool = False) -> None:
        known(size)
        self.name, self.size, self.recompute = name, size, recompute
        self.small: Size = "smoke" if size == "smoke" else "laptop"
        self.conditions = conditions(name, self.small)

    def run(self, condition: str, seed: int = 0) -> Run:
        """The configuration of a condition and a seed; the first, where a condition is of several
        languages or tasks.

        Change it as any pydantic model: `run.model_copy(update={"seed": 7})`. Raises ValueError for
        one that the experiment does not have.
        """
        for each in self.conditions:
            if (each.name, each.run.seed) == (condition, seed):
                return each.run
        raise ValueError(
            f"condition is {condition!r} of seed {seed}; {self.name} at {self.small} has "
            f"{', '.join(dict.fromkeys(each.name for each in self.conditions))}."
        )

    def model(self, run: Run) -> Trained:
        """The model that a run trains or starts from, trained here unless this code has done so."""
        from isomorph.trained import trained_models

        return trained_models(run, first=True)[0]

    def models(self, run: Run) -> tuple[Trained, ...]:
        """The models of a run: of a comparison one for each of its two languages, in that order."""
        from isomorph.trained import trained_models

        return trained_models(run)

    def measure(
        self, run: Run, condition: str = "live", *, split: Sequence[str] = ("test",)
    ) -> DataFrame:
        """The rows of a run, measured now, on models trained here; see `isomorph.results.live`."""
        live = results.live(self.name, Condition(condition, run), size=self.small)
        return where(live, split=split)

    def rows(
        self,
        *names: str,
        at: Size | None = None,
        of: Sequence[str] = (),
        split: Sequence[str] = ("test",),
    ) -> DataFrame:
        """The recorded rows of some conditions, or of all; a row a measurement.

        at: the size, by default that of the worlds. of: models by name, where an experiment at that
        size has several; by default all. split: of which examples, where a score has a
        choice (`isomorph.rows`). What nobody has recorded is left out, and run
        at `smoke` or when the chapter itself is at that size. Raises ValueError for a model that
        the conditions do not have.
        """
        at = self.small if at is None else known(at)
        wanted = [c for c in conditions(self.name, at) if not names or c.name in names]
        if of:
            models = [about(c.run.config_json()).model for c in wanted]
            if unknown := sorted({*of} - {*models}):
                raise ValueError(f"of names {unknown}; allowed are {sorted({*models})}.")
            wanted = [c for c, model in zip(wanted, models, strict=True) if model in of]
        here = at in ("smoke", self.size)
        rows = results.gather(
            self.name, wanted, size=at, recompute=self.recompute and here,
            missing="run" if here and at != "laptop" else "skip",
        )  # fmt: skip
        return with_candidates(upper_retrieval(where(rows, split=split)))


def upper_retrieval(rows: DataFrame) -> DataFrame:
    """The rows with the score "retrieval": the centred sentence retrieval of each run two thirds of
    the way up, where Dufter and Schütze (2020) measure it."""
    import pandas as pd

    by_layer = rows[rows["metric"] == "retrieval_p1_centred"]
    deepest = by_layer.groupby("digest")["layer"].transform("max").astype(float)
    upper = by_layer[by_layer["layer"].astype(float) == (2 * deepest / 3).round().clip(lower=1)]
    if upper.empty:
        return rows
    named = upper.assign(metric="retrieval", layer=pd.NA).astype({"layer": "Int64"})
    return pd.concat([rows, named], ignore_index=True)


def summary(
    rows: DataFrame,
    metric: str | Sequence[str],
    index: str = "condition",
    columns: str = "metric",
    *,
    names: Sequence[str] | None = None,
) -> DataFrame:
    """Means over seeds with their 95% intervals, to read: "52.1 [50.3, 54.0]".

    A line for each value of the column `index` and a column for each of `columns`; of anything else
    that varies (languages, layers) a cell is the mean. A metric of another split than the test
    examples has that in its name, "las_source". names: the lines, in their order; of conditions
    also "majority" and "premise_alone", answers that use no encoder. A cell without
    an interval says what it is a mean of: "52.1 (3 runs)"; one that nobody measured is empty. The
    table's note, which `isomorph.figures.show_table` prints, says how many seeds intervals are of,
    and of retrieval and translation among how many candidates.
    Shares are in percent; `isomorph.metrics` says which metric is one. Raises ValueError when the
    rows hold none of the metrics, or several metrics would share a cell.
    """
    import pandas as pd

    wanted = [metric] if isinstance(metric, str) else list(metric)
    if len(wanted) > 1 and "metric" not in (index, columns):
        raise ValueError(f"metric is {wanted}; by {index} and {columns} a table can hold but one.")
    rows = by_split(rows)
    rows = rows if names is None or index != "condition" else with_answers(rows, names)
    own = rows[rows["metric"].isin(wanted)]
    own = own if names is None else own[own[index].isin(names)]
    if own.empty and len(rows):
        raise ValueError(f"metric is {wanted}, but the rows hold {sorted(set(rows['metric']))}.")
    found = {
        (line, column): (mean_of(cell, name), name, of_items(cell))
        for (line, column), both in own.groupby([index, columns], sort=False)
        for name, cell in both.groupby("metric")
    }
    cells = {place: estimate_text(*each[:2], parts=each[2]) for place, each in found.items()}
    lines = list(dict.fromkeys(own[index])) if names is None else list(names)
    heads = wanted if columns == "metric" else sorted(set(own[columns].dropna()))
    heads = [head for head in heads if any((line, head) in cells for line in lines)]
    table = pd.DataFrame(
        [[cells.get((line, head), "") for head in heads] for line in lines],
        index=pd.Index([_named(index, line) for line in lines], name=index),
        columns=[_named(columns, head) for head in heads],
    )
    measured = rows[rows["condition"].isin(set(own["condition"]))]
    among = among_in_words(measured, wanted)
    notes = _note([each for each, *_ in found.values()], wanted), among and f"{among}."
    table.attrs["note"] = " ".join(note[0].upper() + note[1:] for note in notes if note)
    return table


def with_answers(rows: DataFrame, names: Sequence[str]) -> DataFrame:
    """The rows with those of `names` that use no encoder as conditions of their own.

    Each run has them as the metrics of `isomorph.metrics.WITHOUT_ENCODER`; those of the first of `names` that
    has some are taken, since other conditions may have other test examples.
    """
    import pandas as pd

    parts = [rows]
    for name in set(names) & set(metrics.WITHOUT_ENCODER):
        own = rows[rows["metric"].str.endswith(metrics.WITHOUT_ENCODER[name])]
        first = next((other for other in names if other in set(own["condition"])), None)
        own = own[own["condition"] == first]
        metric = own["metric"].str.removesuffix(metrics.WITHOUT_ENCODER[name])
        parts.append(own.assign(metric=metric, condition=name))
    return pd.concat(parts, ignore_index=True)


def _note(found: list[Estimate], metric: Sequence[str]) -> str:
    """In which unit a table is, and how many seeds its intervals are of."""
    seeds = sorted({each.units for each in found if each.kind == "interval"})
    units = {metrics.metric(name).unit for name in metric}
    said = "In percent" if units == {"%"} else "Shares in percent" if "%" in units else ""
    if seeds:
        many = f"{seeds[0]}" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
        what = f"mean of {many} seeds [its 95% interval]"
        said = f"{said}: {what}" if said else what.capitalize()
    return f"{said}." if said else ""


def _named(column: str, value) -> str:
    """A value of a column of the rows as a reader should see it."""
    words = {
        "condition": metrics.condition_label,
        "task": metrics.condition_label,
        "metric": metrics.label,
    }
    return words[column](value) if column in words else (
        f"{column} {value}" if column in ("layer", "seed") else str(value))  # fmt: skip


def mean_of(rows: DataFrame, metric: str) -> Estimate:
    """The mean of a metric over the seeds of some rows, as the ledger estimates it."""
    rows = rows[rows["metric"] == metric].assign(condition="any").reset_index(drop=True)
    languages = tuple(sorted(set(rows["languages"].dropna()))) or None
    part = Part(metric=metric, languages=languages, plus=("any",), direction="above")
    return estimate(part, rows)


def change(rows: DataFrame, metric: str, plus: str, minus: str, **where) -> str:
    """How far one condition lies above another, to read: "+3.2 points [2.1, 4.0]".

    Seed by seed where both have the same. where: values of columns, such as `layer=0`. Empty where
    one of them was not measured.
    """
    rows = by_split(rows)
    for column, value in where.items():
        rows = rows[rows[column] == value]
    own = rows[(rows["metric"] == metric) & rows["condition"].isin([plus, minus])]
    part = Part(metric=metric, plus=(plus,), minus=(minus,), direction="above")
    return estimate_text(estimate(part, own.reset_index(drop=True)), metric, sign=True)


def effects(
    rows: DataFrame, contrasts: Iterable[tuple[str, ...]], *, table: DataFrame | None = None
) -> DataFrame:
    """What conditions change in scores, in percent points, as the ledger estimates it.

    contrasts: label, metric, plus, minus and perhaps a heading: the metric under the condition `plus`
    less that under `minus`. rows: of one size. A line a contrast: its fields, value, low and high (95%
    over seeds; nan with fewer than five), seeds, and paper: the same change in `table`
    (`isomorph.ledger.table_one`), the mean over its languages, nan where it has none.
    Raises ValueError for rows of several sizes and for a metric that is nowhere.
    """
    import pandas as pd

    if rows["size"].nunique() > 1:
        raise ValueError(
            f"the rows are of the sizes {sorted(rows['size'].unique())}; allowed is one."
        )
    held = set(rows["metric"]) | set(() if table is None else table["metric"])
    lines = []
    for label, metric, plus, minus, *heading in contrasts:
        if metric not in held:
            raise ValueError(f"metric is {metric!r}, but the rows hold {sorted(held)}")
        part = Part(metric=metric, plus=plus, minus=minus, direction="above")
        ours = estimate(part, where(rows, metric=metric))
        ends = (ours.low, ours.high) if ours.kind == "interval" else (None, None)
        value, low, high = (math.nan if x is None else 100 * x for x in (ours.value, *ends))
        paper = math.nan if table is None else _change(table, metric, plus, minus)
        lines.append(
            (label, metric, plus, minus, "".join(heading), value, low, high, ours.units, paper)
        )
    columns = "label metric plus minus heading value low high seeds paper"
    return pd.DataFrame(lines, columns=columns.split())


def _change(table: DataFrame, metric: str, plus: str, minus: str) -> float:
    cells = table[table["metric"] == metric]
    cells = cells.pivot(index="languages", columns="condition", values="value")
    return float((cells[plus] - cells[minus]).mean()) if {plus, minus} <= set(cells) else math.nan


def estimate_text(found: Estimate, metric: str, *, sign: bool = False, parts: bool = False) -> str:
    """An estimate in the metric's unit with its interval, or with what it is a mean of.

    parts: it is a mean over parts of one model's items, and not over runs.
    """
    if found.value is None or math.isnan(found.value):
        return ""
    scale = metrics.metric(metric).scale
    digits = 1 if scale == 100 or abs(found.value) >= 100 else 2
    # Rounded first, and + 0.0, so that what is nothing has no sign.
    value, low, high = (
        f"{round(scale * end, digits) + 0.0:{'+' if sign else ''}.{digits}f}"
        for end in (found.value, found.low, found.high)
    )
    value += " points" if scale == 100 and sign else ""
    if found.kind == "interval":
        return f"{value} [{low}, {high}]"
    if parts:
        return f"{value} (one model)"
    return f"{value} ({found.units} run{'s' if found.units > 1 else ''})"
