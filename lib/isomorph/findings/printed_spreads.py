"""Means and spreads over seeds that a paper prints, next to ours and on their own.

beside_paper    a paper's mean and spread next to ours; `printed` is its table as it is printed
settled         how many seeds a difference that the paper prints asks for
disputed        where two tables of the paper print other numbers for one condition

Tables are those of `isomorph.ledger.tables.few_sample`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from isomorph.findings.few_samples import TEST, scores
from isomorph.findings.tables import NOT_MEASURED, NOT_RUN
from isomorph.findings.words import condition_name

if TYPE_CHECKING:
    from pandas import DataFrame

    from isomorph.findings import Found


def beside_paper(
    places: Mapping[str, Found], table: DataFrame, names: Iterable[str], sets: Sequence[str]
) -> DataFrame:
    """A line a condition: mean ± standard deviation over seeds in each place, then the paper's.

    table: of `isomorph.ledger.tables.few_sample`, one of its tables; sets: the paper's data sets to
    stand beside. Everything is times 100; a dash is for a condition that a place does not have.
    """
    import pandas as pd

    lines = []
    for name in names:
        line = {"condition": condition_name(name)}
        for where, found in places.items():
            own = 100 * scores(found, name, TEST)
            wide = f" ± {own.std(ddof=1):.1f}" if len(own) > 1 else ""
            line[where] = NOT_RUN if name in found.names else NOT_MEASURED
            if len(own):
                line[where] = f"{own.mean():.1f}{wide} ({len(own)})"
        theirs = table[table["condition"] == name].set_index("pair")
        for pair in sets:
            line[f"paper: {pair}"] = _cell(theirs.loc[pair]) if pair in theirs.index else ""
        lines.append(line)
    return pd.DataFrame(lines)


def printed(table: DataFrame) -> DataFrame:
    """A table of the paper as it is printed: a line a condition, a column a data set."""
    cells = table.assign(cell=[_cell(row) for _, row in table.iterrows()])
    cells = cells.assign(column=cells["pair"] + ", " + cells["score"])
    order, columns = list(dict.fromkeys(cells["name"])), list(dict.fromkeys(cells["column"]))
    wide = cells.pivot(index="name", columns="column", values="cell").fillna("")
    return wide.loc[order, columns].rename_axis(columns=None).reset_index()


def _cell(row) -> str:
    return f"{row['value']:.1f}" + ("" if math.isnan(row["std"]) else f" ± {row['std']:.1f}")


def settled(table: DataFrame, contrasts: Mapping[str, tuple[str, str]]) -> DataFrame:
    """How many seeds a difference that a paper prints asks for: derived here, by the spreads printed.

    contrasts: a name -> the conditions whose means are subtracted. A line a contrast and a column a
    data set: "+14.2: 2" is a difference of 14.2, which is twice its standard error from 2 seeds of
    each condition on. A difference of 0 is never settled.
    """
    import pandas as pd

    cells, lines = table.set_index(["condition", "pair"]), []
    for name, (plus, minus) in contrasts.items():
        line = {"difference": name}
        for pair in dict.fromkeys(table["pair"]):
            if {(plus, pair), (minus, pair)} <= set(cells.index):
                first, second = cells.loc[(plus, pair)], cells.loc[(minus, pair)]
                apart = round(first["value"] - second["value"], 1)
                noise = first["std"] ** 2 + second["std"] ** 2
                needed = max(2, math.ceil(4 * noise / apart**2)) if apart else "never"
                line[pair] = f"{apart:+.1f}: {needed}"
        lines.append(line)
    return pd.DataFrame(lines).fillna("")


def disputed(tables: DataFrame, first: str = "Table 1", second: str = "Table 2") -> DataFrame:
    """Cells for which two tables of the paper print other numbers: condition, data set, both."""
    import pandas as pd

    place = ["condition", "pair"]
    sides = [tables[tables["table"] == name].set_index(place) for name in (first, second)]
    shared = [key for key in sides[0].index if key in sides[1].index]
    lines = [
        {"condition": condition_name(key[0]), "data set": key[1],
         first: _cell(sides[0].loc[key]), second: _cell(sides[1].loc[key])}
        for key in shared
    ]  # fmt: skip
    table = pd.DataFrame(lines, columns=["condition", "data set", first, second])
    return table[table[first] != table[second]].reset_index(drop=True)
