"""What the chapters on one experiment share: its rows in worlds and on real text, and tables.

A chapter asks for conditions by name. In worlds (or at `smoke`) one of them is run live and the
rest are recorded; real text is recorded only, unless the chapter runs at that size.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from isomorph import results
from isomorph.presets import conditions

if TYPE_CHECKING:
    from pandas import DataFrame

    from isomorph.results import Condition
    from isomorph.sizes import Size

WORLD, REAL = "controlled world", "real text"


@dataclass(frozen=True)
class Found:
    """An experiment's rows at one size, and how many runs were asked for."""

    rows: DataFrame
    size: Size
    asked: int

    @property
    def runs(self) -> int:
        """How many runs the rows come from."""
        return self.rows["digest"].nunique()


def chosen(experiment: str, size: Size, names: Iterable[str]) -> list[Condition]:
    """The conditions of these names that an experiment has at a size, in its own order."""
    wanted = set(names)
    return [condition for condition in conditions(experiment, size) if condition.name in wanted]


def small(size: Size) -> Size:
    """The size at which a chapter runs something live."""
    return "smoke" if size == "smoke" else "laptop"


def in_worlds(
    experiment: str, names: Iterable[str], *, size: Size, live: str | None, recompute: bool
) -> tuple[DataFrame | None, Found]:
    """The rows of the one run made now, and those of all conditions in worlds, that one included.

    `live` names the condition whose first run is made here and now. At `smoke` whatever is not
    recorded is run; at other sizes it is left out.
    """
    import pandas as pd

    at = small(size)
    wanted = chosen(experiment, at, names)
    first = next((condition for condition in wanted if condition.name == live), None)
    made = results.live(experiment, first, size=at) if first else None
    rest = [condition for condition in wanted if condition is not first]
    missing = "run" if at == "smoke" else "skip"
    rows = results.gather(experiment, rest, size=at, recompute=recompute, missing=missing)
    if made is not None:
        rows = pd.concat([made, rows], ignore_index=True) if len(rows) else made
    return made, Found(rows, at, len(wanted))


def on_real_text(experiment: str, names: Iterable[str], *, size: Size, recompute: bool) -> Found:
    """The recorded rows of all conditions on real text; at `reference` what is missing is run."""
    wanted = chosen(experiment, "reference", names)
    here = size == "reference"
    rows = results.gather(
        experiment, wanted, size="reference", recompute=recompute and here,
        missing="run" if here else "skip",
    )  # fmt: skip
    return Found(rows, "reference", len(wanted))
