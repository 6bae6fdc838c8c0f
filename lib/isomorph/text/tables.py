"""Tables: those that ship, rows drawn from any, and rows of public ones judged as they are read.

Every check of a row names what is wrong and what is allowed; `examples_of` and `at_row` add the data
set and the row, counted from 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from isomorph.text import shipped
from isomorph.text.shipped import DOMAINS, LANGUAGES

if TYPE_CHECKING:
    import pyarrow
    from datasets import Dataset

CHOICE_SEED = 0  # part of the definition of what is taken, like the order of a file


@cache
def schema_of(relative_path: str) -> pyarrow.Schema:
    """The columns of a shipped table, in the order in which they are written.

    Raises ValueError for a table that does not ship.
    """
    import pyarrow as pa

    text, small, number = pa.string(), pa.int8(), pa.int32()
    if relative_path in [f"text/{domain}.parquet" for domain in DOMAINS]:
        columns = {"id": number} | dict.fromkeys(("group", "document", "split", *LANGUAGES), text)
    elif relative_path in [f"dictionaries/en-{language}.parquet" for language in LANGUAGES[1:]]:
        sides = [f"count_{side}" for side in ("source", "target")]
        counts = (*sides, *(f"{side}_{domain}" for side in sides for domain in DOMAINS))
        columns = {"source": text, "target": text, "split": text, "rank": pa.int16()}
        columns |= dict.fromkeys((*counts, "count_together"), number)
    else:
        columns = {
            "text/near_copies.parquet": {
                "domain": text, "id": number, "split": text, "language": text, "copies": number,
                "cosine": pa.float64(),
            },
            "tasks/passage_relation.parquet": {
                "id_a": number, "id_b": number, "label": small, "domain": text, "split": text,
            },
            "tasks/interface_terms.parquet": {
                "id": number, "split": text,
                **{f"tokens_{language}": pa.list_(text) for language in LANGUAGES},
                **{f"tags_{language}": pa.list_(small) for language in LANGUAGES},
            },
            "tasks/paraphrases.parquet": {
                "id": number, "split": text, "first": text, "second": text,
            },
        }.get(relative_path)  # fmt: skip
    if columns is None:
        raise ValueError(f"{relative_path} is no table that ships.")
    return pa.schema(list(columns.items()))


def read_table(relative_path: str, columns: list[str] | None = None) -> Dataset:
    """A shipped parquet file as a Dataset in memory, after its checksum has been verified.

    columns: read only these, in this order. Other ways to store the same column (dictionaries of
    strings, wider numbers) are brought to the type of `schema_of`. Nothing is written: the usual
    cache of ``datasets`` would copy every file once more.
    Raises shipped.DataCorrupted, in one sentence, for a damaged file, a column that is missing or of
    another type, and a row without a value.
    """
    import pyarrow
    import pyarrow.parquet
    from datasets import Dataset

    path, schema = shipped.verified(relative_path), schema_of(relative_path)
    schema = schema if columns is None else pyarrow.schema([schema.field(name) for name in columns])

    def refused(problem: str) -> shipped.DataCorrupted:
        return shipped.DataCorrupted(f"{path} {problem}: {shipped.REBUILD}.")

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            there = file.schema_arrow.names
            missing = [name for name in schema.names if there.count(name) != 1]
            if missing:
                held = ", ".join(there)
                raise refused(f"needs one column {missing[0]!r}, and its columns are {held}")
            table = file.read(columns=schema.names)
    except pyarrow.ArrowException as problem:
        raise refused(f"is no readable table ({str(problem).splitlines()[0]})") from None
    made = []
    for field in schema:
        column = table[field.name]
        try:
            if not _alike(column.type, field.type):
                raise pyarrow.ArrowInvalid
            column = column.cast(field.type)
        except pyarrow.ArrowException:
            raise refused(
                f"holds {column.type} in column {field.name!r}, which is of {field.type}"
            ) from None
        if empty := _without_value(column):
            raise refused(f"has no value in column {field.name!r}, row {empty[0]}")
        made.append(column)
    return Dataset(pyarrow.table(made, schema=schema))


def _alike(found: pyarrow.DataType, wanted: pyarrow.DataType) -> bool:
    """Whether two types are of the same kind of value: a cast alone would write numbers as text."""
    from pyarrow import types

    if types.is_dictionary(found):
        return _alike(found.value_type, wanted)
    if types.is_list(wanted):
        listed = types.is_list(found) or types.is_large_list(found)
        return listed and _alike(found.value_type, wanted.value_type)
    if types.is_string(wanted):
        return types.is_string(found) or types.is_large_string(found)
    kinds = (types.is_integer, types.is_floating)
    return any(of_kind(found) and of_kind(wanted) for of_kind in kinds)


def _without_value(column: pyarrow.ChunkedArray) -> list[int]:
    """The rows that are null, or lists with a null in them."""
    from pyarrow import compute, types

    inner = compute.list_flatten(column) if types.is_list(column.type) else column
    if not column.null_count + inner.null_count:
        return []
    rows = enumerate(column.to_pylist())
    return [i for i, value in rows if value is None or (inner is not column and None in value)]


def drawn(available: int, count: int | None, source: str) -> np.ndarray:
    """The places of `count` of so many rows, in the order of the draw; of all for None.

    Fewer begin more, and files of the same length give the same places. At random and not from the
    start, since files are ordered, by genre for example.
    source: what the rows are, for the message.
    Raises ValueError when count is none from 1 to what there is.
    """
    if count is not None:
        require_count(count, available, source)
    return np.random.default_rng(CHOICE_SEED).permutation(available)[:count]


def require_count(count: object, available: int, source: str) -> None:
    """Raise ValueError, naming what the source allows, unless count is a number from 1 to that."""
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= available:
        raise ValueError(f"count is {count!r}; {source} allows 1 to {available}.")


def taken(rows: Sequence, count: int | None, source: str) -> list:
    """``count`` of the rows, `drawn`, in the order in which they stand; all for None."""
    return [rows[place] for place in np.sort(drawn(len(rows), count, source))]


def examples_of(
    rows: Dataset,
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


def declared(rows: Dataset, column: str, names: Sequence[str], where: str) -> Sequence[str]:
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
