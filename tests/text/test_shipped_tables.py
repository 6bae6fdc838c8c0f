"""A shipped table is read as what it should hold, or one sentence says what is wrong with it."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from isomorph.text import corpora, parallel, shipped
from isomorph.text.shipped import read_table, schema_of
from isomorph.text.tasks import examples

PATH = "tasks/paraphrases.parquet"
VALUES = {
    "id": [3, 1], "split": ["dev", "test"], "first": ["light", "dark"], "second": ["day", "night"],
}  # fmt: skip
ROWS = VALUES | {"id": pa.array([3, 1], pa.int32())}
TERMS = "tasks/interface_terms.parquet"


@pytest.fixture
def ship(tmp_path, monkeypatch):
    """A function that ships a table: its checksum is right, whatever it holds."""
    monkeypatch.setenv("ISOMORPH_DATA", str(tmp_path))

    def write(table, path=PATH):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        table = table if isinstance(table, pa.Table) else pa.table(table)
        pq.write_table(table, tmp_path / path)
        shipped.write_manifest_entry(path)

    return write


def test_every_shipped_table_has_its_columns_and_no_others():
    paths = [path for path in shipped.read_manifest()["files"] if path.endswith(".parquet")]
    own = [path for path in paths if not path.startswith("results/")]
    assert len(own) == 11
    for path in own:
        assert pq.read_schema(shipped.data_folder() / path).remove_metadata() == schema_of(path)
    with pytest.raises(ValueError, match="is no table that ships"):
        schema_of("text/other.parquet")


def test_columns_come_in_their_own_order(ship):
    ship({name: ROWS[name] for name in reversed(ROWS)} | {"more": [1.0, 2.0]})
    assert read_table(PATH).to_list()[0] == {name: column[0] for name, column in VALUES.items()}
    assert read_table(PATH).column_names == list(ROWS)
    assert read_table(PATH, ["second", "id"]).column_names == ["second", "id"]
    assert read_table(PATH, ["id"])[:] == {"id": VALUES["id"]}


@pytest.mark.parametrize("name", list(ROWS))
def test_a_missing_column_is_named(ship, name):
    ship({other: column for other, column in ROWS.items() if other != name})
    with pytest.raises(shipped.DataCorrupted, match=f"needs one column '{name}'.*data build"):
        read_table(PATH)


def test_a_table_of_one_column_is_no_surprise(ship):
    ship({"first": [{"id": 1, "second": "a"}]})  # a structure whose parts have the names of columns
    with pytest.raises(shipped.DataCorrupted, match="needs one column 'id', and its columns are f"):
        read_table(PATH)
    with pytest.raises(shipped.DataCorrupted, match="holds struct.* in column 'first'"):
        read_table(PATH, ["first"])


def test_a_column_that_is_there_twice_is_refused(ship):
    columns = [pa.array(column) for column in (*ROWS.values(), ROWS["first"])]
    ship(pa.Table.from_arrays(columns, names=[*ROWS, "first"]))
    with pytest.raises(shipped.DataCorrupted, match="needs one column 'first'"):
        read_table(PATH)


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("id", ["3", "1"]),
        ("id", [3.0, 1.0]),
        ("id", [True, False]),
        ("id", [3, 1]),  # wider numbers than an id needs
        ("first", pa.array(["light", "dark"]).dictionary_encode()),
        ("first", [1, 2]),
        ("first", [["light"], ["dark"]]),
        ("first", [b"light", b"dark"]),
        ("split", pa.array([1, 2]).dictionary_encode()),
        ("second", pa.nulls(2)),
    ],
)
def test_a_column_of_another_type_is_named(ship, name, column):
    ship(ROWS | {name: column})
    with pytest.raises(shipped.DataCorrupted, match=f"in column '{name}', which is of "):
        read_table(PATH)


def test_a_row_without_a_value_is_named(ship):
    ship(ROWS | {"first": ["light", None]})
    with pytest.raises(shipped.DataCorrupted, match="no value in column 'first', row 1"):
        read_table(PATH)
    assert read_table(PATH, ["second"])[:] == {"second": ROWS["second"]}


def test_lists_are_judged_to_the_last_value(ship):
    row = {"id": [1, 2], "split": ["test", "test"]}
    tags = pa.array([[0], [1, 2]], pa.list_(pa.int8()))
    row |= {f"tokens_{name}": [["a"], ["b", "c"]] for name in shipped.LANGUAGES}
    row |= {f"tags_{name}": tags for name in shipped.LANGUAGES}
    ship(row, TERMS)
    assert examples("interface_terms", "en", "test").items[1].words == ("b", "c")
    ship(row | {"tokens_en": [["a"], ["b", None]]}, TERMS)
    with pytest.raises(shipped.DataCorrupted, match="no value in column 'tokens_en', row 1"):
        examples("interface_terms", "en", "test")
    ship(row | {"tags_en": ["O", "O"]}, TERMS)
    with pytest.raises(shipped.DataCorrupted, match=r"holds string in column 'tags_en'"):
        examples("interface_terms", "en", "test")


def test_what_is_no_parquet_is_one_sentence(ship, tmp_path):
    ship(ROWS)
    (tmp_path / PATH).write_bytes(b"id,split\n")
    shipped.write_manifest_entry(PATH)
    with pytest.raises(shipped.DataCorrupted, match=r"paraphrases\.parquet is no readable table"):
        read_table(PATH)


def test_loaders_say_so_too(ship):
    ship({"id": [0], "split": ["train"], "en": ["a"]}, "text/bible.parquet")
    with pytest.raises(shipped.DataCorrupted, match="needs one column 'group'"):
        parallel.load_parallel("bible")
    with pytest.raises(shipped.DataCorrupted, match="needs one column 'fr'"):
        corpora.load_corpus(("fr",), ("bible",))
    ship({"source": ["a"]}, "dictionaries/en-fr.parquet")
    with pytest.raises(shipped.DataCorrupted, match="needs one column 'target'"):
        parallel.load_dictionary("fr")
