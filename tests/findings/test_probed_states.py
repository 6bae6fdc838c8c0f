"""What probes find before and after tuning: the numbers of the chapter, from planted rows."""

import pandas as pd

from isomorph import findings
from isomorph.findings import Found, probed_states
from isomorph.runs import COLUMNS

SHIFT = {"nli": -0.02, "parsing": 0.10}


def planted(tasks=("nli", "parsing"), seeds=5):
    """UUAS of three layers and selectivity, as the untuned encoder has them and after tasks."""
    rows = []
    for seed in range(seeds):
        for condition, pair, shift in (
            ("untuned", "no task", 0.0),
            *(("probed", task, SHIFT[task]) for task in tasks),
        ):
            run = {"condition": condition, "pair": pair, "seed": seed,
                   "digest": f"{condition}-{pair}-{seed}"}  # fmt: skip
            for layer in range(3):
                # All of the loss, three times the mean one, is at the last layer.
                extra = 3 * shift if layer == 2 else 0.0
                value = 0.7 + 0.01 * seed + extra + (seed - 2) / 1000 * (condition == "probed")
                rows.append(run | {"metric": "uuas", "layer": layer, "value": value})
                rows.append(run | {"metric": "relation_accuracy", "layer": layer, "value": 0.98})
            rows.append(run | {"metric": "relation_selectivity", "layer": 2, "value": 0.12})
            rows.append(run | {"metric": "relation_centre", "layer": None, "value": 1.5})
    columns = list(dict.fromkeys([*COLUMNS, "provenance"]))
    table = pd.DataFrame(rows).reindex(columns=columns)
    table = table.assign(size="laptop", tokens=1, provenance="recorded", experiment="changes")
    names = ("untuned", "probed")
    return Found(table.astype({"layer": "Int64"}), "laptop", 2 * seeds, names)


def test_a_curve_before_and_after_each_task_that_was_run():
    table = probed_states.curves(planted(), "uuas", name="edges")
    assert list(dict.fromkeys(table["encoder"])) == [
        "before tuning", "after inference", "after parsing",
    ]  # fmt: skip
    assert set(table["metric"]) == {"edges"} and len(table) == 3 * 3 * 5
    assert probed_states.curves(planted(), "pos_accuracy", name="tags").empty


def test_changes_are_of_the_mean_over_layers_seed_by_seed():
    (line,) = probed_states.changed(planted(), ("uuas", "pos_accuracy")).to_dict("records")
    assert line["before tuning"].startswith("72.0 [")
    assert line["after inference"].startswith("-2.0 [-2.2, -1.8]")
    assert line["after parsing"].startswith("+10.0 [")
    assert line["after questions"] == "not run" and line["seeds"] == 5


def test_the_worst_task_and_layer_are_named():
    said = probed_states.told(planted(), "uuas")
    assert "*inference*, -2.0 points [-2.2, -1.8]" in said and "at layer 2 -6.0" in said
    assert probed_states.told(planted(tasks=()), "uuas") == ""


def test_scores_without_a_curve_are_told_as_they_are():
    table = probed_states.once(planted()).set_index("score")
    assert list(table["before tuning"].str[:4]) == ["0.12", "1.50"]
    assert set(table["after questions"]) == {"not run"}


def test_nothing_run_gives_empty_tables():
    none = Found(planted().rows.iloc[:0], "laptop", 0, ("untuned", "probed"))
    assert probed_states.changed(none, ("uuas",)).empty and probed_states.once(none).empty
    assert findings.behind(none) == "No run of this is recorded yet."
