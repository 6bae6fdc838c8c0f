"""Rows of labelled tables, judged as they are read: the one door of all task examples.

Every check names what is wrong and what is allowed; `examples_of` and `at_row` add the data set and
the row, counted from 0.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from isomorph.text.tables import drawn

if TYPE_CHECKING:
    from datasets import Dataset


def examples_of(
    rows: "Dataset",
    columns: Sequence[str],
    make: Callable[[dict], object],
    where: str,
    places: Sequence[int] | None = None,
) -> tuple:
    """What ``make`` makes of each row, or of those at some places, from these columns.

    where: the data set, for messages.  Raises ValueError for a column that is not there, for no rows,
    and where ``make`` does, by the number of the row.
    """
    for column in columns:
        if column not in rows.column_names:
            there = ", ".join(map(repr, rows.column_names))
            raise ValueError(f"{where} has no column {column!r}; it has {there}.")
    if not len(rows):
        raise ValueError(f"{where} has no rows; at least one is needed.")
    places = np.arange(len(rows)) if places is None else places
    found = []
    chosen = rows.select_columns(list(columns)).select(places).to_list()
    for place, row in zip(places, chosen, strict=True):
        with at_row(where, place):
            found.append(make(row))
    return tuple(found)


def places_of(rows: "Dataset", count: int | None, source: str) -> np.ndarray:
    """``count`` places of a table in the order of the file; all for None. See `tables.drawn`."""
    return np.sort(drawn(len(rows), count, source))


@contextmanager
def at_row(where: str, place: int) -> Iterator[None]:
    try:
        yield
    except ValueError as problem:
        raise ValueError(f"{where}, row {place}: {problem}") from None


def text(row: dict, column: str, *, blank: bool = False) -> str:
    if column not in row:
        raise ValueError(f"it has no column {column!r}; it has {', '.join(map(repr, row))}.")
    value = row[column]
    if not isinstance(value, str) or not (blank or value.strip()):
        raise ValueError(f"{column} is {value!r}; allowed is {'a' if blank else 'some'} text.")
    return value


def texts(row: dict, column: str) -> tuple[str, ...]:
    """One text at least: the words of a sentence, for example."""
    value = row[column]
    if not isinstance(value, list) or not value:
        raise ValueError(f"{column} is {value!r}; allowed is a list of one text at least.")
    return tuple(text({f"{column}[{i}]": one}, f"{column}[{i}]") for i, one in enumerate(value))


def score(row: dict, column: str, low: float = -math.inf, high: float = math.inf) -> float:
    value = row[column]
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or not low <= value <= high:
        bounds = f" from {low:g} to {high:g}" if math.isfinite(high - low) else ""
        raise ValueError(f"{column} is {value!r}; allowed is a number{bounds}.")
    return float(value)


def label(row: dict, column: str, names: Sequence[str]) -> str:
    """A label by its number, as ``names`` has them, or by its name."""
    value = row[column]
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(names):
        return names[value]
    if isinstance(value, str) and value in names:
        return value
    unlabelled = ", which marks a row without a label" if value == -1 else ""
    listed = ", ".join(f"{i} ({name})" for i, name in enumerate(names))
    raise ValueError(f"{column} is {value!r}{unlabelled}; allowed are {listed}.")


def labels(row: dict, column: str, names: Sequence[str], count: int) -> tuple[str, ...]:
    """The labels of so many words."""
    value = row[column]
    if not isinstance(value, list) or len(value) != count:
        raise ValueError(f"{column} is {value!r}; allowed is a list of {count}, one for each word.")
    return tuple(
        label({f"{column}[{i}]": one}, f"{column}[{i}]", names) for i, one in enumerate(value)
    )


def declared(rows: "Dataset", column: str, names: Sequence[str], where: str) -> Sequence[str]:
    """The names of a column's labels in the order of the file, where it says one; else ``names``.

    Raises ValueError where the file's names are others.
    """
    feature = rows.features.get(column)
    own = getattr(getattr(feature, "feature", feature), "names", names)
    if set(own) != set(names):
        raise ValueError(
            f"{where}: {column} has the labels {', '.join(own)}; allowed are {', '.join(names)}."
        )
    return own


def tree(heads: Sequence[int], relations: Sequence[str]) -> None:
    """Raises ValueError unless heads, counted from 1, make one tree under one root, whose head is 0
    and which alone has the relation "root"."""
    count = len(heads)
    for i, head in enumerate(heads):
        if not 0 <= head <= count or head == i + 1:
            raise ValueError(
                f"the head of word {i + 1} is {head}; allowed is 0, of the root, or the place of "
                f"another word, from 1 to {count}."
            )
    roots = [i + 1 for i, head in enumerate(heads) if head == 0]
    if len(roots) != 1:
        raise ValueError(f"the roots are {roots}; allowed is one word whose head is 0.")
    named = [i + 1 for i, name in enumerate(relations) if name.partition(":")[0] == "root"]
    if named != roots:
        raise ValueError(
            f"the words {named} have the relation 'root'; allowed is word {roots[0]} alone, whose "
            "head is 0."
        )
    reached = {0, roots[0]}
    for i in range(1, count + 1):
        path = []
        while i not in reached:
            if i in path:
                raise ValueError(
                    f"the words {path} are each other's heads in a circle; allowed is a tree."
                )
            path.append(i)
            i = heads[i - 1]
        reached.update(path)
