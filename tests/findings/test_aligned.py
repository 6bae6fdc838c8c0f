"""What is read off rows by layer: tables, curves, grids, and what nobody has run."""

from dataclasses import replace

import pandas as pd
import pytest

from isomorph.findings import Found, aligned

WAVER = (0.0, 0.005, -0.005, 0.002, -0.002)
PAIR = {"monolingual": "a-b", "bilingual": "a-b", "same_language": "a-a"}


def rows(values, seeds=5, digest="d"):
    """values: condition -> metric -> layer -> value; each seed adds a hundredth, and of the conditions
    one more wavers by half of one."""
    lines = [
        {
            "experiment": "alignment", "size": "laptop", "condition": name, "metric": metric,
            "pair": PAIR[name], "layer": layer, "seed": seed,
            "value": value + seed / 100 + WAVER[seed] * (name == "same_language"),
            "tokens": 5, "seconds": 1.0, "digest": f"{digest}{name}{seed}", "provenance": "recorded",
        }
        for name, metrics in values.items()
        for metric, layers in metrics.items()
        for layer, value in layers.items()
        for seed in range(seeds)
    ]  # fmt: skip
    return pd.DataFrame(lines).astype({"layer": "Int64"})


@pytest.fixture
def found():
    values = {
        "monolingual": {
            "cka": {0: 0.9, 1: 0.5}, "retrieval_p1": {0: 0.8, 1: 0.6},
            "cka_to_0": {0: 0.9, 1: 0.2}, "cka_to_1": {0: 0.1, 1: 0.5},
        },
        "same_language": {"cka": {0: 0.95, 1: 0.7}},
    }  # fmt: skip
    return Found(rows(values), "laptop", 9, ("monolingual", "bilingual", "same_language"))


def test_a_table_has_a_line_a_condition_and_a_column_a_layer(found):
    table = aligned.by_layer(found, "cka", percent=False).set_index("condition")
    assert list(table) == ["layer 0", "layer 1", "seeds"]
    assert table.loc["two monolingual models", "layer 0"].startswith("0.92 [0.90, 0.94")
    assert table.loc["one bilingual model"].tolist() == ["not run", "not run", 0]
    percent = aligned.by_layer(found, "cka", ["monolingual"])
    assert percent["layer 1"].item().startswith("52.0 [")
    few = Found(rows({"monolingual": {"cka": {0: 0.5}}}, seeds=4), "laptop", 4, ("monolingual",))
    assert aligned.by_layer(few, "cka", percent=False)["layer 0"].item() == "0.52"


def test_seeds_are_counted_by_the_cell(found):
    rows, live = found.rows, found.rows["metric"] == "retrieval_p1"
    few = replace(
        found,
        rows=rows[~live | ((rows["seed"] == 0) & (rows["layer"] == 0))].assign(
            metric=lambda t: t["metric"].replace("retrieval_p1", "cka_of_words"),
            provenance=lambda t: [
                "live" if m == "cka_of_words" else "recorded" for m in t["metric"]
            ],
        ),
    )
    measures = {"cka": "CKA", "cka_of_words": "of words"}
    (line,) = aligned.of_words(few, measures, ["monolingual"]).to_dict("records")
    assert line["seeds"] == 5 and line["CKA"].endswith("]")
    assert line["of words"] == "80.0 (one live run, not in the recorded rows)"
    short = rows[(rows["layer"] == 0) | (rows["seed"] < 3)]
    by_layer = aligned.by_layer(replace(found, rows=short), "cka", ["monolingual"])
    assert by_layer["layer 1"].item() == "51.0 (3 seeds)" and by_layer["seeds"].item() == 5


def test_curves_keep_the_order_asked_for_and_speak_plainly(found):
    own = aligned.curves(found, "cka", ("same_language", "monolingual"))
    assert list(dict.fromkeys(own["condition"])) == [
        "two models of one language", "two monolingual models",
    ]  # fmt: skip
    assert len(aligned.curves(found, "cka", pair="a-a")) == 10
    assert aligned.curves(found, "cka", ("bilingual",)).empty


def test_grids_are_means_over_seeds(found):
    grids = aligned.cka_grids(found, ("monolingual", "bilingual"))
    assert list(grids) == ["two monolingual models"]
    (table,) = grids.values()
    assert table.loc[1, 0] == pytest.approx(0.22) and table.loc[0, 1] == pytest.approx(0.12)


def test_the_best_layer_of_each_seed(found):
    assert aligned.best_layers(found, "retrieval_p1", "monolingual") == [0] * 5
    assert aligned.best_layers(found, "retrieval_p1", "bilingual") == []


def test_a_language_with_itself_can_be_compared_with_a_pair(found):
    told = aligned.apart(found, "cka", "same_language", "monolingual", percent=False)
    assert told.startswith("two models of one language against two monolingual models: +0.05")
    assert "+0.20" in told and "at the last layer" in told
    points = aligned.apart(found, "cka", "same_language", "monolingual")
    assert "+5.0 [+4.5, +5.5] points at the embeddings" in points
    assert aligned.apart(found, "cka", "bilingual", "monolingual").endswith("not run")


def test_two_measures_over_layers(found):
    table = aligned.together(found, "cka", "retrieval_p1", ("monolingual", "bilingual"))
    assert table["of each seed"].tolist() == ["1.00, 1.00, 1.00, 1.00, 1.00"]
    assert list(aligned.together(found, "cka", "none", ("bilingual",))) == [
        "condition", "pair", "of each seed",
    ]  # fmt: skip


def test_words_have_no_layer_or_the_first():
    values = {"monolingual": {"translation_p1": {0: 0.5}, "translation_contextual_p1": {1: 0.9}}}
    made = rows(values)
    plain = made[made["metric"] == "translation_p1"].assign(
        condition="word_vectors", layer=pd.NA, value=0.7
    )
    both = pd.concat([made, plain.astype({"layer": "Int64"})], ignore_index=True)
    found = Found(both, "laptop", 2, ("monolingual", "word_vectors"))
    table = aligned.of_words(found, {"translation_p1": "P@1", "other": "else"}, found.names)
    assert table["P@1"].tolist()[0].startswith("52.0") and table["P@1"].tolist()[1].startswith("70")
    assert set(table["else"]) == {"not run"}
