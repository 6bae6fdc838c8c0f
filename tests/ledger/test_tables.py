"""The papers' tables: transcribed right, traceable, and refused when wrong."""

from pathlib import Path

import pytest

from isomorph.ledger import tables
from isomorph.ledger.schema import LedgerError
from isomorph.ledger.tables import spreads

# Means over French, Russian and Chinese, worked out from the paper's cells by hand, and the changes
# against Default which the paper itself prints.
MEANS = {
    "default": (70.20, 68.10, 52.87),
    "domain_mismatch": (68.83, 61.83, 50.43),
    "no_anchors": (69.10, 65.63, 51.97),
    "default_anchors": (70.33, 64.77, 52.77),
    "extra_anchors": (71.97, 67.53, 53.13),
    "sep_emb": (65.70, 64.00, 51.07),
    "sep_l1_3": (66.83, 62.70, 50.07),
    "sep_l1_6": (47.63, 29.33, 35.10),
    "sep_emb_l1_3": (62.43, 58.03, 48.57),
    "sep_emb_l1_6": (40.60, 20.97, 19.60),
}
PRINTED_CHANGES = {
    "domain_mismatch": (-1.4, -6.2, -2.5),
    "no_anchors": (-1.1, -2.4, -0.9),
    "default_anchors": (0.1, -3.3, -0.1),
    "extra_anchors": (1.8, -0.5, 0.3),
    "sep_emb": (-4.5, -4.1, -1.8),
    "sep_l1_3": (-3.4, -5.3, -2.8),
    "sep_l1_6": (-22.6, -38.7, -17.8),
    "sep_emb_l1_3": (-7.8, -10.0, -4.3),
    "sep_emb_l1_6": (-29.6, -47.1, -33.3),
}
TASKS = ("nli_accuracy", "ner_f1", "las")


@pytest.fixture(scope="module")
def means():
    return tables.table_one().groupby(["condition", "metric"])["value"].mean()


def test_table_one_has_every_cell_once():
    table = tables.table_one()
    assert len(table) == 10 * 3 * 3
    assert not table.duplicated(["condition", "metric", "languages"]).any()
    assert list(dict.fromkeys(table["condition"])) == list(MEANS)
    assert set(table["languages"]) == {"en-fr", "en-ru", "en-zh"}
    assert list(table) == ["condition", "name", "metric", "languages", "value"]


@pytest.mark.parametrize("condition", MEANS)
def test_the_means_over_languages_are_the_derived_ones(means, condition):
    assert [means[condition, task] for task in TASKS] == pytest.approx(MEANS[condition], abs=0.005)


@pytest.mark.parametrize("condition", PRINTED_CHANGES)
def test_the_changes_against_default_are_the_printed_ones(means, condition):
    changes = [means[condition, task] - means["default", task] for task in TASKS]
    # Printed changes and printed cells are each rounded.
    assert changes == pytest.approx(PRINTED_CHANGES[condition], abs=0.11)


def test_order_and_depth_give_the_differences_stated_with_them():
    table = tables.order_and_depth()
    cells = table[table["metric"] == "nli_accuracy"].pivot(
        index="condition", columns="languages", values="value"
    )
    drop = cells.loc["no_anchors"] - cells.loc["order_permuted"]
    assert drop[["en-es", "en-hi", "en-ru"]].tolist() == pytest.approx([8.4, 16.5, 12.1])
    overlap = cells.loc["default"] - cells.loc["no_anchors"]
    assert overlap[["en-es", "en-hi", "en-ru"]].tolist() == pytest.approx([1.4, 0.5, 0.7])
    source = table[table["metric"] == "nli_accuracy_source"].set_index("condition")["value"]
    assert source["layers_1"] - cells.loc["layers_1", "en-ru"] == pytest.approx(21.6)


@pytest.mark.parametrize("name", tables.NAMES)
def test_every_table_can_be_followed_to_its_paper(name):
    from pybtex.database import parse_file

    bibliography = parse_file(Path(__file__).parents[2] / "book" / "references.bib")
    table = tables.load(name)
    assert table.paper.key in bibliography.entries
    assert table.source.provenance


def test_only_what_was_read_in_the_paper_counts_as_read_there():
    assert tables.load("table_one").source.provenance == ("full text",)
    assert tables.load("order_and_depth").source.provenance == ("notes by others",)


def test_an_unknown_table_is_named():
    with pytest.raises(ValueError, match="name is 'table_two', but must be one of table_one"):
        tables.load("table_two")


TABLE = """
paper: {citation: Planted (2000), title: A planted paper, key: planted2000}
source: {where: Table 1, provenance: [full text]}
pairs: [en-fr, en-ru]
rows:
  - {condition: one, name: The first, las: [12.5, null]}
  - {condition: two, name: The second, las: [1, 2], ner_f1: [3, 4]}
"""


def test_an_unknown_number_gives_no_row():
    frame = tables.parse(TABLE, "planted.yaml").frame()
    assert len(frame) == 5
    (known,) = frame[frame["condition"] == "one"].itertuples()
    assert (known.name, known.metric, known.languages, known.value) == (
        "The first", "las", "en-fr", 12.5,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("12.5", "125", "rows.0.las.0 is 125, but input should be less than or equal to 100"),
        ("las: [1, 2]", "las: [1]", "las of 'two' has 1 numbers, but must have one for each"),
        ("condition: two", "condition: one", "condition 'one' must stand in one row only"),
        ("ner_f1", "bleu", "rows.1.bleu is"),
        ("en-ru]", "english]", "pairs.1 is 'english'"),
        ("[full text]", "[from memory]", "provenance.0 is 'from memory'"),
        ("rows:", "rows: [", "is not YAML"),
    ],
)
def test_a_bad_table_is_refused_in_one_sentence(old, new, told):
    assert old in TABLE
    with pytest.raises(LedgerError, match=r"^planted\.yaml[^\n]*\.$") as refusal:
        tables.parse(TABLE.replace(old, new), "planted.yaml")
    assert told in str(refusal.value)


def test_few_samples_have_every_cell_once_with_its_spread():
    table = tables.few_sample()
    counts = table.groupby("table").size()
    assert dict(counts) == {"Table 1": 4 * 4 + 4 * 8, "Table 2": 8 * 4, "Table 3": 8}
    assert not table.duplicated(["table", "condition", "task"]).any()
    assert (table["metric"] == "score").all() and table["std"].max() == 4.2
    assert table[table["table"] != "Table 3"]["std"].notna().all()
    one = table[(table["table"] == "Table 1") & (table["task"] == "mnli")].set_index("condition")
    assert one.loc["standard_1k", ["value", "std", "score"]].tolist() == [52.2, 4.2, "accuracy"]
    assert one.loc["reinit_1k", "value"] == 66.4


def test_conditions_of_few_samples_are_those_of_our_runs():
    from isomorph.presets import conditions

    ours = {c.name for c in conditions("few_samples", "laptop")}
    theirs = tables.few_sample()
    one = theirs[theirs["table"] == "Table 1"]
    assert set(one["condition"]) <= ours
    # Table 2 is of the full sets; we compare methods on 1,000 examples.
    two = theirs[(theirs["table"] == "Table 2") & (theirs["condition"] != "standard_longer")]
    assert {f"{name}_1k" for name in two["condition"]} <= ours


def test_two_cells_of_few_samples_are_disputed_as_the_paper_prints_them():
    table = tables.few_sample()
    first, second = (
        table[table["table"] == name].set_index(["condition", "task"])[["value", "std"]]
        for name in ("Table 1", "Table 2")
    )
    shared = first.index.intersection(second.index)
    assert len(shared) == 3 * 4
    apart = (first.loc[shared] != second.loc[shared]).any(axis=1)
    assert sorted(shared[apart]) == [("reinit", "cola"), ("standard_longer", "mrpc")]
    assert second.loc[("standard_longer", "mrpc")].tolist() == [91.0, 1.3]


def test_what_the_ledger_prints_of_few_samples_is_in_the_tables():
    from isomorph.claims import ledger

    table = tables.few_sample()
    (claim,) = [claim for claim in ledger() if claim.id == "6.3"]
    sets = {"RTE": "rte", "MRPC": "mrpc", "STS-B": "stsb", "CoLA": "cola"}
    one = table[table["table"] == "Table 1"].set_index(["condition", "task"])["value"]
    for label, values in claim.paper_value.items():
        pair = sets.get(label.partition(",")[0])
        ending = "" if pair else "_1k"
        assert values == (one["standard" + ending, pair or "mnli"],
                          one["reinit" + ending, pair or "mnli"])  # fmt: skip


SPREADS = """
paper: {citation: Planted (2000), title: A planted paper, key: planted2000}
scores: {rte: accuracy, cola: Matthews}
tables:
  - name: Table 1
    source: {where: Table 1, provenance: [full text]}
    rows:
      - {condition: one, name: The first, mean: {rte: 60, cola: 5}, std: {rte: 1, cola: 2}}
      - {condition: two, name: The second, mean: {rte: 50}}
"""


def test_a_mean_may_stand_without_a_spread():
    frame = spreads.parse(SPREADS, "planted.yaml").frame()
    assert frame["std"].isna().tolist() == [False, False, True]
    assert frame["score"].tolist() == ["accuracy", "Matthews", "accuracy"]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("rte: 60", "rte: 600", "mean.rte is 600, but input should be less than or equal to 100"),
        ("std: {rte: 1, cola: 2}", "std: {rte: 1}", "std of 'one' in Table 1 must be of the data"),
        ("mean: {rte: 50}", "mean: {sst2: 50}", "'two' in Table 1 has a data set without an entry"),
        ("condition: two", "condition: one", "condition 'one' must stand once in Table 1"),
        ("[full text]", "[from memory]", "provenance.0 is 'from memory'"),
        ("tables:", "tables: [", "is not YAML"),
    ],
)
def test_bad_spreads_are_refused_in_one_sentence(old, new, told):
    assert old in SPREADS
    with pytest.raises(LedgerError, match=r"^planted\.yaml[^\n]*\.$") as refusal:
        spreads.parse(SPREADS.replace(old, new), "planted.yaml")
    assert told in str(refusal.value)


@pytest.mark.parametrize("name", spreads.NAMES)
def test_spreads_can_be_followed_to_their_paper(name):
    from pybtex.database import parse_file

    bibliography = parse_file(Path(__file__).parents[2] / "book" / "references.bib")
    found = spreads.load(name)
    assert found.paper.key in bibliography.entries
    assert all(table.source.provenance == ("full text",) for table in found.tables)
    with pytest.raises(ValueError, match="name is 'x', but must be one of few_sample"):
        spreads.load("x")
