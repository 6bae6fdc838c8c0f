"""The tables that ship, which columns each has, and which rows of any are taken where not all are."""

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
def schema_of(relative_path: str) -> "pyarrow.Schema":
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


def read_table(relative_path: str, columns: list[str] | None = None) -> "Dataset":
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


def _alike(found: "pyarrow.DataType", wanted: "pyarrow.DataType") -> bool:
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


def _without_value(column: "pyarrow.ChunkedArray") -> list[int]:
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
