"""The papers' tables: transcribed right, and traceable."""

from pathlib import Path

import pytest

from isomorph import ledger as tables

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


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("table_one", "Conneau, Wu et al. (2020), Table 1, read in full text"),
        ("order_and_depth", "K et al. (2020), tables of XNLI accuracy, known from notes by others"),
        ("few_sample", "Zhang et al. (2021), Tables 1 to 3 (majority on test), read in full text"),
    ],
)
def test_every_table_says_where_it_stands_and_how_it_is_known(name, head):
    file = Path(tables.__file__).with_name("tables") / f"{name}.csv"
    assert file.read_text().startswith(f"# {head}.")


def test_a_table_that_was_changed_by_its_reader_is_read_anew():
    mine = tables.table_one()
    mine["value"] = 0
    assert tables.table_one()["value"].max() == 79.8


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
