"""What the chapter on few samples and many seeds reads off its rows.

settings        how much each condition trains; `steps` are those of one
told            a change in words
step_factors    how much too long the steps of an uncorrected Adam are, run by run
schedules       the rate of one run, as it is set and as it then acts; `shrunk` is what decay does
runs            a row a run, for boxes; `floor` is the score without an encoder
further         how many times as far the weights move in one condition as in another
chance_error    how far a score may be off because test sentences are few
spreads         mean, spread over seeds and failed runs, condition by condition
spread_ratio    one condition's spread in multiples of another's
distances       how far weights move, condition by condition

`isomorph.findings.many_seeds` asks how many seeds are enough, and `printed_spreads` what the paper
prints.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from isomorph import effects
from isomorph.effects import Estimate, in_points
from isomorph.findings.tables import NOT_MEASURED, NOT_RUN, moved, with_seeds, written
from isomorph.findings.words import condition_name
from isomorph.ledger.schema import Part
from isomorph.ledger.verdicts import estimate
from isomorph.models.optimisers import overstep
from isomorph.models.settings import TuningConfig
from isomorph.presets import conditions

if TYPE_CHECKING:
    from pandas import DataFrame

    from isomorph.findings import Found
    from isomorph.runs.downstream import Downstream
    from isomorph.sizes import Size

EXPERIMENT = "few_samples"
TEST, DEV = "test_score", "dev_score"
# On RTE the paper counts the runs below 55%, which is 2.5 points above the most frequent answer.
MARGIN = 2.5


def names(size: Size) -> tuple[str, ...]:
    """The conditions that the experiment has at a size, in its own order."""
    return tuple(dict.fromkeys(c.name for c in conditions(EXPERIMENT, size)))


def steps_of(task: Downstream) -> int:
    """How many updates a tuning makes; its number of examples must be known."""
    return task.tuning.steps or task.tuning.epochs * -(-task.train // task.tuning.batch)


def steps(name: str, size: Size = "laptop") -> int:
    """The updates of one condition at a size. Raises ValueError for one that is not there."""
    for condition in conditions(EXPERIMENT, size):
        if condition.name == name:
            return steps_of(condition.run.downstream)
    raise ValueError(f"name is {name!r}, but must be one of {', '.join(names(size))}.")


def told(found: Estimate) -> str:
    """A change in words, as `isomorph.findings.moved` has them; what has no value is not known."""
    return "is not known yet" if math.isnan(found.value) else moved(found)


def settings(size: Size) -> DataFrame:
    """A line a condition: examples, steps and seeds as configured."""
    import pandas as pd

    lines = {}
    for condition in conditions(EXPERIMENT, size):
        task = condition.run.downstream
        line = lines.setdefault(condition.name, {
            "condition": condition_name(condition.name), "examples": task.train,
            "steps": steps_of(task), "seeds": 0})  # fmt: skip
        line["seeds"] += 1
    return pd.DataFrame(lines.values())


def step_factors(lengths: Mapping[str, int]) -> DataFrame:
    """How many times too long an uncorrected Adam's steps are in runs of some lengths.

    lengths: a name -> steps. The factor at the largest, at the last step, and on average over the
    run with each step weighted by its learning rate, which rises over a tenth of the steps and then
    falls to 0: a warm-up hides the worst steps of a long run, and not of a short one.
    """
    import pandas as pd

    lines = []
    for name, steps in lengths.items():
        factors = np.array([overstep(step) for step in range(1, steps + 1)])
        lines.append({"run": name, "steps": steps, "largest": factors.max(), "last": factors[-1],
                      "average": float(np.average(factors, weights=_rates(steps)))})  # fmt: skip
    return pd.DataFrame(lines)


def schedules(steps: int) -> DataFrame:
    """The learning rate of each step of a run as a share of its peak, as it is set and as an
    uncorrected Adam acts on it: columns metric, value, step and optimiser, two rows a step."""
    import pandas as pd

    rates = _rates(steps)
    acts = rates * [overstep(step) for step in range(1, steps + 1)]
    parts = [
        pd.DataFrame({"metric": "rate", "step": range(1, steps + 1), "value": values,
                      "optimiser": name})
        for name, values in {"corrected": rates, "not corrected": acts}.items()
    ]  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def shrunk(steps: int, *, rate: float, decay: float) -> float:
    """What share of a weight decay alone takes away over a run, at this peak of the rate."""
    return float(1 - np.prod(1 - rate * decay * _rates(steps)))


def _rates(steps: int) -> np.ndarray:
    return np.array([TuningConfig().rate(step, steps) for step in range(steps)])


def there(found: Found, names: Iterable[str]) -> list[str]:
    """Those of the conditions that were asked for in this place, whether or not they have run."""
    return [name for name in names if name in found.names]


def runs(
    found: Found, names: Iterable[str], metric: str = TEST, groups: Mapping[str, str] | None = None
) -> DataFrame:
    """A row a run: condition (in words), value in percent, seed, provenance and group.

    groups: what stands in `group`, by condition. Conditions that nobody has run are left out.
    """
    import pandas as pd

    parts = []
    for name in names:
        own = found.rows[(found.rows["metric"] == metric) & (found.rows["condition"] == name)]
        own = own.sort_values("seed")
        parts.append(pd.DataFrame({
            "condition": condition_name(name), "value": 100 * own["value"].astype(float),
            "seed": own["seed"], "provenance": own["provenance"],
            "group": (groups or {}).get(name, ""),
        }))  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def floor(found: Found) -> dict[str, float]:
    """The score of the most frequent answer in percent, as a figure's `levels`, and what the premise
    alone tells; of those that are known."""
    named = {"most frequent answer": "floor", "premise alone": "floor_premise"}
    own = {name: found.rows.loc[found.rows["metric"] == m, "value"] for name, m in named.items()}
    return {name: 100 * float(values.mean()) for name, values in own.items() if len(values)}


def further(found: Found, plus: str, minus: str) -> float:
    """How many times as far from their start the blocks' weights end, on average; nan if not run."""
    own = found.rows[found.rows["metric"] == "weight_distance"]
    far = own.groupby("condition")["value"].mean()
    return float(far[plus] / far[minus]) if {plus, minus} <= set(far.index) else math.nan


def chance_error(share: float, examples: int) -> float:
    """The standard error, in points, of an accuracy that is measured on so many examples."""
    return 100 * math.sqrt(share * (1 - share) / examples)


def spread(found: Found, name: str, metric: str = TEST) -> Estimate:
    """The standard deviation over seeds in percent points, with its interval; nan with one seed."""
    return in_points(_spread(found, metric, name))


def spread_ratio(found: Found, plus: str, minus: str, metric: str = TEST) -> str:
    """How many times as far one condition spreads over seeds as another, in words, of the runs that
    learnt: "is 0.59 times as large [0.38, 0.91]"."""
    own = _spread(found, metric, plus, minus, learnt=True)
    if own.value is None:
        return "is not known yet"
    told = f"is {own.value:.2f} times as large"
    if own.kind != "interval":
        return f"{told} (too few seeds for an interval)"
    told += f" [{own.low:.2f}, {own.high:.2f}]"
    return f"{told}, which is not told from as large" if own.low <= 1 <= own.high else told


def _spread(found: Found, metric: str, plus: str, *minus: str, learnt: bool = False):
    part = Part(metric=metric, plus=plus, minus=list(minus), over_seeds="std", learnt=learnt,
                direction="below")  # fmt: skip
    return estimate(part, found.rows.reset_index(drop=True))


def spreads(found: Found, names: Iterable[str], metric: str = TEST) -> DataFrame:
    """A line a condition, in percent: the mean score with its interval, the standard deviation over
    seeds with its own, the lowest and highest run, the share of failed runs, and of those that are at
    most `MARGIN` points above the most frequent answer. Conditions that the place does not have are
    left out."""
    import pandas as pd

    columns = ["condition", "mean", "spread", "from", "to", "failed", "failed or nearly", "seeds"]
    lines = []
    for name in there(found, names):
        own = scores(found, name, metric)
        line = dict.fromkeys(columns[1:-1], NOT_RUN)
        if len(own):
            (mean,) = effects.levels(found.rows, metric, [name]).itertuples()
            (failed,) = effects.levels(found.rows, "failed_run", [name]).itertuples()
            wide = spread(found, name, metric)
            near = 100 * own <= 100 * scores(found, name, "floor") + MARGIN + 1e-9
            line = {
                "mean": written(mean), "failed": f"{failed.value:.0f}%",
                "spread": NOT_MEASURED if math.isnan(wide.value) else written(wide),
                "from": f"{100 * own.min():.1f}", "to": f"{100 * own.max():.1f}",
                "failed or nearly": f"{100 * near.mean():.0f}%",
            }  # fmt: skip
        lines.append({"condition": condition_name(name)} | line | {"seeds": len(own)})
    return pd.DataFrame(lines, columns=columns)


def scores(found: Found, name: str, metric: str) -> np.ndarray:
    """The score of each seed, in the order of seeds."""
    own = found.rows[(found.rows["metric"] == metric) & (found.rows["condition"] == name)]
    return own.sort_values("seed")["value"].to_numpy(float)


def distances(found: Found, names: Iterable[str], measures: Mapping[str, str]) -> DataFrame:
    """A line a condition, a column a measure: the mean over seeds with its interval, as numbers."""
    import pandas as pd

    lines = []
    for name in names:
        line, run = {}, (found.rows["condition"] == name).any()
        for metric, label in measures.items():
            own = found.rows[(found.rows["metric"] == metric) & (found.rows["condition"] == name)]
            line[label] = NOT_MEASURED if run else NOT_RUN, 0, own
            if len(own):
                (level,) = effects.levels(own, metric, [name]).itertuples()
                line[label] = written(level, percent=False), level.seeds, own
        lines.append({"condition": condition_name(name)} | with_seeds(line))
    return pd.DataFrame(lines)
