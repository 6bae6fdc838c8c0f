"""What two languages share in an encoder, drawn and counted: the figure and tables of its chapter.

diagram, parts_table    which parts are shared under each condition (Conneau, Wu et al. 2020,
                        section 4.3, and what the paper did not try)
moved, told             a change of a score, in words
fall_further            how much further the distant pair falls (claim 1.5)
left_over               what is left of the transfer above its floor (claim 1.6)
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from isomorph import effects, figures
from isomorph.findings import (
    NOT_RUN,
    TASKS,
    Found,
    combined,
    condition_name,
    moved,
    score_name,
    written,
)
from isomorph.presets.ablations import SEPARATE, separated
from isomorph.presets.paper import SEPARATE as PAPER_SEPARATE

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

    from isomorph.effects import Estimate

CLOSE = ("default_anchors", "sep_l1_6")
FAR = ("far_default_anchors", "far_sep_l1_6")
THIRD = 100 / 3  # three balanced labels: chance in the paper's inference
LEAST_ROOM = 3.0  # points above the floor; of less than that no share is worth telling


def specific_parts(name: str, layers: int) -> tuple[str, ...]:
    """The parts that each language has for itself under a condition; none where all is shared."""
    return separated(name, layers) if name in SEPARATE else ()


def diagram(names: Sequence[str], layers: int) -> tuple[Figure, DataFrame]:
    """A column a condition and a row a part: one box where it is shared, else one a language.

    Returns the figure and the same as a table.
    """
    import pandas as pd
    from matplotlib.patches import Rectangle

    stack = ["embeddings", "positions", *(f"layer.{i}" for i in range(layers)), "softmax"]
    shown = [_part_name(part) for part in stack]
    figure, (axis,) = figures.blank(9.6, 1.4 + 0.4 * len(stack))
    common, *owned = figures.palette(3)
    table = pd.DataFrame({"part": shown})
    with figures.theme():
        for x, name in enumerate(names):
            own = specific_parts(name, layers)
            table[condition_name(name)] = [
                "each its own" if part in own else "shared" for part in stack
            ]
            for y, part in enumerate(stack):
                boxes = [("", -0.4, 0.8, common)]
                if part in own:
                    boxes = [("a", -0.4, 0.38, owned[0]), ("b", 0.02, 0.38, owned[1])]
                for language, left, wide, colour in boxes:
                    box = Rectangle((x + left, y - 0.4), wide, 0.8, color=colour, alpha=0.55)
                    axis.add_patch(box)
                    axis.text(x + left + wide / 2, y, language, ha="center", va="center")
        axis.set(xlim=(-0.6, len(names) - 0.4), ylim=(-0.6, len(stack) - 0.4))
        wrapped = [textwrap.fill(condition_name(name), 12) for name in names]
        axis.set_xticks(range(len(names)), wrapped, fontsize=7)
        axis.set_yticks(range(len(stack)), shown)
        axis.grid(False)
    return figure, table


def parts_table(layers: int, table: DataFrame) -> DataFrame:
    """Each separate condition, its name in the paper's `table`, and what it separates: of so many
    layers, and of the paper's eight."""
    import pandas as pd

    names = dict(zip(table["condition"], table["name"], strict=True))
    return pd.DataFrame(
        {
            "here": condition_name(name),
            "in the paper": names.get(name, "not tried"),
            f"separate, of our {layers} layers": _listed(separated(name, layers)),
            "separate, of the paper's eight": _listed(PAPER_SEPARATE.get(name, ())),
        }
        for name in SEPARATE
    )


def role_map(table: DataFrame) -> Figure:
    """The counts of `isomorph.measure.roles.nearest_categories` as a map: a row a category of the
    second language, darker where more of its words are, and a frame around the right places.
    """
    from matplotlib.patches import Rectangle

    kept = table.index[(table.sum(axis=1) > 0).to_numpy() | (table.sum(axis=0) > 0).to_numpy()]
    own = table.loc[kept, kept]
    shares = own.div(own.sum(axis=1).where(own.sum(axis=1) > 0, 1), axis=0)
    figure, (axis,) = figures.blank(7.0, 1.4 + 0.32 * len(kept))
    with figures.theme():
        axis.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        for up in range(len(kept)):
            frame = Rectangle((up - 0.5, up - 0.5), 1, 1, fill=False, edgecolor="black")
            axis.add_patch(frame)
            for right in range(len(kept)):
                count, dark = int(own.iat[up, right]), shares.iat[up, right] > 0.6
                look = {"ha": "center", "va": "center", "fontsize": 8}
                if count:
                    axis.text(right, up, str(count), color="white" if dark else "black", **look)
        axis.set_xticks(range(len(kept)), list(kept), rotation=45, ha="right", fontsize=8)
        axis.set_yticks(range(len(kept)), list(kept), fontsize=8)
        axis.set(xlabel="kind of the nearest word of a", ylabel="kind of the word of b")
        axis.grid(False)
    return figure


def change(rows: DataFrame, metric: str, plus: str, minus: str = "default_anchors") -> Estimate:
    """How many points a score changes from `minus` to `plus`; nan where one was not run."""
    return combined(rows, [(metric, plus)], [(metric, minus)])


def told(rows: DataFrame, metrics: Iterable[str], plus: str, minus: str = "default_anchors") -> str:
    """The change of each score in one line: "inference falls by ..., entities rises by ..."."""
    return ", ".join(
        f"{score_name(metric)} {moved(change(rows, metric, plus, minus))}" for metric in metrics
    )


def fall_further(rows: DataFrame, table: DataFrame, metrics: Sequence[str] = TASKS) -> DataFrame:
    """From all layers shared to three quarters separate: the change of the close pair, of the
    distant pair, and the second less the first, paired by seed; and the same of the paper's
    `table` for French and Chinese. In percent points.
    """
    import pandas as pd

    lines = []
    for metric in metrics:
        cells = _cells(table, metric)
        theirs = cells.loc[CLOSE[1]] - cells.loc[CLOSE[0]]
        difference = combined(
            rows,
            [(metric, FAR[1]), (metric, CLOSE[0])],
            [(metric, FAR[0]), (metric, CLOSE[1])],
        )
        lines.append(
            {
                "score": score_name(metric),
                "close pair": written(change(rows, metric, *CLOSE[::-1]), sign=True),
                "distant pair": written(change(rows, metric, *FAR[::-1]), sign=True),
                "distant less close": written(difference, sign=True),
                "seeds": difference.seeds,
                "the paper: French": f"{theirs['en-fr']:+.1f}",
                "Chinese": f"{theirs['en-zh']:+.1f}",
                "Chinese less French": f"{theirs['en-zh'] - theirs['en-fr']:+.1f}",
            }
        )
    return pd.DataFrame(lines)


def left_over(
    places: Mapping[str, Found],
    table: DataFrame,
    *,
    cut: str = "sep_emb_l1_6",
    metrics: Sequence[str] = TASKS,
) -> DataFrame:
    """How much of what stood above its floor is left when parts are cut, by pair of languages.

    The paper's inference from `table`, whose floor is chance; then each of `places`, whose floor is
    the random encoder.
    """
    import pandas as pd

    printed = _cells(table, "nli_accuracy")
    lines = [
        (
            "the paper",
            pair,
            "nli_accuracy",
            printed.loc[CLOSE[0], pair],
            printed.loc[cut, pair],
            THIRD,
        )
        for pair in printed.columns
    ]
    for where, found in places.items():
        for pair in sorted(set(found.rows["pair"].dropna())):
            for metric in found.has(*metrics):
                scores = effects.levels(
                    found.rows, metric, (CLOSE[0], cut, "random_encoder"), pairs=[pair]
                )
                lines.append((where, pair, metric, *scores["value"]))
    return pd.DataFrame(
        {
            "where": where,
            "pair": pair,
            "score": score_name(metric),
            "all shared": _number(before),
            condition_name(cut): _number(after),
            "floor": _number(floor),
            "left of what is above the floor": left_share(before, after, floor),
        }
        for where, pair, metric, before, after, floor in lines
    )


def left_share(before: float, after: float, floor: float) -> str:
    """The share that is left of a score's points above its floor, in words; all are in percent."""
    if any(map(math.isnan, (before, after, floor))):
        return NOT_RUN
    room = before - floor
    return f"{(after - floor) / room:.0%}" if room >= LEAST_ROOM else "nothing to lose"


def _cells(table: DataFrame, metric: str) -> DataFrame:
    own = table[table["metric"] == metric]
    return own.pivot(index="condition", columns="pair", values="value")


def _part_name(part: str) -> str:
    return f"layer {int(part[6:]) + 1}" if part.startswith("layer.") else part


def _listed(parts: Sequence[str]) -> str:
    """Parts in words: "embeddings, positions, softmax, 3 layers from the bottom"."""
    layers = [int(part[6:]) for part in parts if part.startswith("layer.")]
    told = [part for part in parts if not part.startswith("layer.")]
    if layers:
        end = "bottom" if min(layers) == 0 else "top"
        many = "1 layer" if len(layers) == 1 else f"{len(layers)} layers"
        told.append(f"{many} from the {end}")
    return ", ".join(told)


def _number(value: float) -> str:
    return NOT_RUN if math.isnan(value) else f"{value:.1f}"
