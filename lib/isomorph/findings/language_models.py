"""The language model behind a condition, for what a chapter does with it live.

trained       the model, trained now where that has not been done here, and what it read
Trained       its words, their vectors, and the states from which it predicts
levels        measures with their intervals over seeds, each in its own unit
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from isomorph import effects
from isomorph.findings import NOT_RUN, Found, condition_name, score_name
from isomorph.trained import Trained, trained_models

if TYPE_CHECKING:
    from pandas import DataFrame

    from isomorph.results import Condition

MEASURES = {
    "negative_product_share": "states with a negative product, share",
    "offset_size": "size of the sum of b/g",
    "pair_distance": "distance of two words",
    "pair_distance_scaled": "distance of two words, over their mean length",
    "average_cosine": "cosine of two words",
    "norm": "length of a word's vector",
    "origin_outside": "origin outside the hull, share of models",
    "hull_margin": "largest margin, over a state's length",
    "state_cosine": "cosine of two states",
    "absent_negative_share": "products of absent words and states below 0, share",
    "absent_norm": "length of an absent word's vector",
    "absent_direction_cosine": "cosine of absent words with the direction of g and b",
    "unnormalised_origin_outside": "before the normalisation: origin outside, share of models",
    "unnormalised_hull_margin": "before the normalisation: largest margin",
}


def trained(condition: Condition) -> Trained:
    """The model that a condition measures, ready to read; see `isomorph.trained`."""
    return trained_models(condition.run)[0]


def levels(
    found: Found,
    names: Mapping[str, str] | Sequence[str],
    measures: Mapping[str, str] | Sequence[str],
) -> DataFrame:
    """A line a measure, a column a condition: "0.52 [0.5, 0.54]" over seeds, and how many seeds.

    names, measures: conditions and metrics as the rows have them; a mapping says what to call them.
    """
    import pandas as pd

    if not isinstance(names, Mapping):
        names = {name: condition_name(name) for name in names}
    if not isinstance(measures, Mapping):
        measures = {metric: MEASURES.get(metric, score_name(metric)) for metric in measures}
    lines = []
    for metric, name in measures.items():
        line, seeds = {"measure": name}, set()
        for condition, label in names.items():
            own = found.rows[found.rows["condition"] == condition]
            line[label] = "–" if len(own) else NOT_RUN
            if (own["metric"] == metric).any():
                level = effects.level(own, metric, condition)
                ends = (x / 100 for x in (level.value, level.low, level.high))
                line[label] = _with_interval(*ends)
                seeds.add(level.seeds)
        lines.append(line | {"seeds": ", ".join(map(str, sorted(seeds)))})
    return pd.DataFrame(lines)


def _with_interval(value: float, low: float | None, high: float | None) -> str:
    unknown = low is None or math.isnan(low)
    return f"{value:.3g}" + ("" if unknown else f" [{low:.3g}, {high:.3g}]")
