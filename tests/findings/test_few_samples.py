"""Few samples, many seeds: spreads, the best of some seeds, and what the paper prints beside."""

import math
from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from isomorph import metrics
from isomorph.findings import Found, few_samples, many_seeds, printed_spreads
from isomorph.labels import CONDITIONS
from isomorph.ledger.tables import few_sample
from isomorph.presets import conditions

STANDARD = np.array([0.40, 0.44, 0.42, 0.46, 0.38, 0.42])
CELLS = {
    ("standard_1k", "test_score"): STANDARD,
    ("standard_1k", "dev_score"): np.roll(STANDARD, 1),
    ("bert_adam_1k", "test_score"): 0.42 + 3 * (STANDARD - 0.42),
    ("bert_adam_1k", "dev_score"): STANDARD,
    ("standard_1k", "weight_distance"): np.full(6, 1.0),
    ("bert_adam_1k", "weight_distance"): np.full(6, 4.0),
}
ASKED = ("standard_1k", "bert_adam_1k", "reinit_1k")


def place(cells=None):
    lines = [
        {"condition": name, "metric": metric, "seed": seed, "value": float(value), "pair": "nli",
         "layer": pd.NA, "tokens": 0, "size": "laptop", "provenance": "recorded",
         "digest": f"{name}{seed}"}
        for (name, metric), values in (CELLS if cells is None else cells).items()
        for seed, value in enumerate(values)
    ]  # fmt: skip
    for name, seed in {(line["condition"], line["seed"]) for line in lines}:
        shared = {"condition": name, "seed": seed, "pair": "nli", "layer": pd.NA, "tokens": 0,
                  "size": "laptop", "provenance": "recorded", "digest": f"{name}{seed}"}  # fmt: skip
        lines += [shared | {"metric": "floor", "value": 0.36},
                  shared | {"metric": "failed_run", "value": 0.0}]  # fmt: skip
    columns = ["condition", "metric", "seed", "value", "pair", "layer", "tokens", "size",
               "provenance", "digest"]  # fmt: skip
    rows = pd.DataFrame(lines, columns=columns).astype({"layer": "Int64"})
    return Found(rows, "laptop", 18, ASKED)


HERE, NOTHING = place(), place({})
TABLES = few_sample()
ONE = TABLES[TABLES["table"] == "Table 1"]


def test_how_long_each_condition_trains():
    table = few_samples.settings("laptop").set_index("condition")
    assert list(table.index) == [CONDITIONS[name] for name in few_samples.names("laptop")]
    assert table.loc["standard, 1k"].tolist() == [1000, 96, 20]
    assert few_samples.steps("standard") == 237 and few_samples.steps("standard_longer") == 800
    with pytest.raises(ValueError, match="name is 'nothing', but must be one of standard_1k"):
        few_samples.steps("nothing")


def test_short_runs_step_too_far_on_average_and_long_ones_do_not():
    table = few_samples.step_factors({"short": 96, "long": 40_000}).set_index("run")
    assert table.loc["short", "last"] == pytest.approx(3.304, abs=1e-3)
    assert table.loc["short", "largest"] == pytest.approx(6.569, abs=1e-3)
    assert 5 < table.loc["short", "average"] < 5.5 and table.loc["long", "average"] < 1.02
    acting = few_samples.schedules(96)
    of = {name: own.set_index("step")["value"] for name, own in acting.groupby("optimiser")}
    assert of["corrected"].max() == 1
    factor = of["not corrected"].sum() / of["corrected"].sum()
    assert factor == pytest.approx(table.loc["short", "average"])


def test_decay_adds_up_over_the_rates_of_a_run():
    rates = [0.001 * rate for rate in few_samples._rates(96)]
    left = math.prod(1 - 0.1 * rate for rate in rates)
    assert few_samples.shrunk(96, rate=1e-3, decay=0.1) == pytest.approx(1 - left)
    assert few_samples.shrunk(96, rate=1e-3, decay=0.1) < 0.01


def test_every_run_is_a_row_for_the_boxes():
    table = few_samples.runs(HERE, ASKED, groups={"standard_1k": "corrected"})
    assert len(table) == 12 and table["value"].iloc[0] == pytest.approx(40)
    assert set(table["condition"]) == {"standard, 1k", "uncorrected Adam, 1k"}
    assert table["group"].tolist()[:6] == ["corrected"] * 6
    assert few_samples.floor(HERE) == {"most frequent answer": pytest.approx(36)}
    assert few_samples.runs(NOTHING, ASKED).empty and few_samples.floor(NOTHING) == {}


def test_spreads_are_told_with_their_intervals():
    table = few_samples.spreads(HERE, [*ASKED, "standard"]).set_index("condition")
    assert list(table.index) == [CONDITIONS[name] for name in ASKED], "standard is not asked for"
    one = table.loc["standard, 1k"]
    assert one["mean"].startswith("42.0 [") and one["spread"].startswith("2.8 [")
    assert (one["from"], one["to"], one["seeds"]) == ("38.0", "46.0", 6)
    assert (one["failed"], one["failed or nearly"]) == ("0%", "17%")
    assert table.loc["re-initialised, 1k", "spread"] == "not run"
    single = few_samples.spreads(place({("standard_1k", "test_score"): [0.4]}), ASKED[:1])
    assert single["spread"].tolist() == ["–"]


def test_spreads_are_compared_by_their_ratio_over_the_runs_that_learnt():
    own = 100 * STANDARD.std(ddof=1)
    assert few_samples.spread(HERE, "standard_1k").value == pytest.approx(own)
    wide = {("standard_1k", "test_score"): STANDARD,
            ("bert_adam_1k", "test_score"): 0.42 + 8 * (STANDARD - 0.42)}  # fmt: skip
    told = few_samples.spread_ratio(place(wide), "bert_adam_1k", "standard_1k")
    assert told.startswith("is 8.00 times as large [") and told.endswith("]")
    low, high = map(float, told[told.index("[") + 1 : -1].split(", "))
    assert 1 < low < 8 < high
    same = few_samples.spread_ratio(HERE, "standard_1k", "standard_1k")
    assert same.startswith("is 1.00 times") and same.endswith("which is not told from as large")
    assert few_samples.spread_ratio(HERE, "reinit_1k", "standard_1k") == "is not known yet"
    # Two of six runs fail: their scores do not widen the spread, and four are too few.
    failed = HERE.rows["metric"].eq("failed_run") & HERE.rows["condition"].eq("bert_adam_1k")
    failed &= HERE.rows["seed"].isin((3, 4))
    rows = HERE.rows.assign(value=HERE.rows["value"].mask(failed, 1.0))
    left = (3 * STANDARD[[0, 1, 2, 5]]).std(ddof=1) / STANDARD.std(ddof=1)
    assert few_samples.spread_ratio(Found(rows, "laptop", 18, ASKED), *ASKED[1::-1]) == (
        f"is {left:.2f} times as large (too few seeds for an interval)"
    )


@pytest.mark.parametrize("count", [1, 2, 4, 6])
def test_the_best_of_n_is_that_of_all_ways_to_draw_them(count):
    drawn = list(combinations(range(6), count))
    slow = np.mean([max(STANDARD[list(chosen)]) for chosen in drawn])
    assert many_seeds.expected_best(STANDARD)[count - 1] == pytest.approx(slow)
    others = np.arange(6.0)
    told = []
    for chosen in drawn:
        tied = [i for i in chosen if STANDARD[i] == max(STANDARD[list(chosen)])]
        told.append(others[tied].mean())
    found = many_seeds.expected_best(STANDARD, others)[count - 1]
    # Seeds 2 and 5 tie; drawn alone each tells its own value, which the mean over both equals.
    assert found == pytest.approx(np.mean(told))


def test_the_best_of_nothing_is_refused():
    with pytest.raises(ValueError, match="there are 2 scores for 3 values"):
        many_seeds.expected_best([1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match="there are 0 scores"):
        many_seeds.expected_best([])


def test_curves_of_the_best_run():
    curves = many_seeds.best_curves(HERE, ASKED, told="test_score")
    own = curves[curves["condition"] == "standard, 1k"]
    assert own["seeds tried"].tolist() == [1, 2, 3, 4, 5, 6]
    assert own["value"].iloc[0] == pytest.approx(42), "one run is the average run"
    assert own["value"].iloc[-1] == pytest.approx(38), "the test score of the best by development"
    assert many_seeds.best_curves(NOTHING, ASKED).empty


def test_how_many_seeds_are_enough():
    table = many_seeds.enough(HERE, ASKED, points=1).set_index("condition")
    assert table.loc["standard, 1k", "mean known to 1"] == str(math.ceil(8.0))
    assert table.loc["standard, 1k", "gain of choosing, development"] == "+4.0"
    assert table.loc["standard, 1k", "gain of choosing, test"] == "-4.0"
    assert table.loc["re-initialised, 1k", "mean known to 1"] == "not run"


def test_how_often_few_seeds_say_the_opposite():
    apart = np.array([0.03, -0.01, -0.01, 0.03, 0.03, 0.03])
    cells = {("standard_1k", "test_score"): STANDARD,
             ("reinit_1k", "test_score"): STANDARD + apart}  # fmt: skip
    contrasts = [("reinit_1k", "standard_1k"), ("bert_adam_1k", "standard_1k")]
    table = many_seeds.disagreeing(place(cells), contrasts, (1, 2, 6))
    first, second = (line for _, line in table.iterrows())
    assert first["difference"] == "+1.7"
    assert int(first["1 seed"][:-1]) == pytest.approx(33, abs=3)
    # Of 15 pairs of seeds one is on the other side, and none is a tie.
    assert int(first["2 seeds"][:-1]) == pytest.approx(7, abs=2)
    assert first["6 seeds"] == "–", "all seeds cannot disagree with themselves"
    assert second["difference"] == second["1 seed"] == "not run"


def test_how_far_weights_move_and_how_sure_a_score_is():
    assert few_samples.further(HERE, "bert_adam_1k", "standard_1k") == pytest.approx(4)
    assert math.isnan(few_samples.further(HERE, "reinit_1k", "standard_1k"))
    assert few_samples.chance_error(0.5, 100) == pytest.approx(5)
    table = few_samples.distances(HERE, ["standard_1k"], {"weight_distance": "all"})
    assert table["condition"].tolist() == ["standard, 1k"] and table["all"][0].startswith("1.00")
    table = few_samples.distances(HERE, ["reinit_1k"], {"weight_distance": "all"})
    assert table["all"].tolist() == ["not run"]


@pytest.mark.parametrize(
    ("seeds", "provenance", "said"),
    [(1, "live", " (one live run, not in the recorded rows)"), (1, "recorded", " (1 seed)"),
     (2, "recorded", " (2 seeds)")],
)  # fmt: skip
def test_a_cell_of_fewer_seeds_than_its_line_says_so(seeds, provenance, said):
    rows = HERE.rows[HERE.rows["condition"] == "standard_1k"]
    new = rows[(rows["metric"] == "weight_distance") & (rows["seed"] < seeds)]
    new = new.assign(metric="effective_rank", value=0.7, provenance=provenance)
    both = Found(pd.concat([rows, new], ignore_index=True), "laptop", 6, ("standard_1k",))
    measures = {"weight_distance": "all", "effective_rank": "rank", "isoscore": "IsoScore"}
    (line,) = few_samples.distances(both, ["standard_1k"], measures).to_dict("records")
    assert line["seeds"] == 6 and "seed" not in line["all"]
    assert line["rank"] == "0.70" + said and line["IsoScore"] == "–"


@pytest.mark.parametrize("value", [-0.001, 0.0, 0.001])
def test_nothing_has_no_sign(value):
    cells = {("standard_1k", "weight_distance"): np.full(6, value - 0.002)}
    table = few_samples.distances(place(cells), ["standard_1k"], {"weight_distance": "all"})
    assert "-0.00" not in table["all"].iloc[0]


def test_ours_stand_beside_the_papers():
    table = printed_spreads.beside_paper(
        {"here": HERE}, ONE, ("standard_1k", "reinit_1k", "standard"), ("mnli", "cola")
    ).set_index("condition")
    assert table.loc["standard, 1k"].tolist() == ["42.0 ± 2.8 (6)", "52.2 ± 4.2", "45.9 ± 1.6"]
    assert table.loc["re-initialised, 1k", "here"] == "not run"
    assert table.loc["standard"].tolist() == ["–", "", "63.0 ± 1.5"]


def test_tables_are_as_printed_and_disputes_are_told():
    table = printed_spreads.printed(ONE).set_index("name")
    assert table.loc["Standard, 3 epochs", "rte, accuracy"] == "69.5 ± 2.5"
    assert table.loc["Standard, 3 epochs", "mnli, accuracy"] == ""
    majority = printed_spreads.printed(TABLES[TABLES["table"] == "Table 3"])
    assert majority["rte, accuracy"].tolist() == ["52.5"]
    apart = printed_spreads.disputed(TABLES)
    assert apart["data set"].tolist() == ["mrpc", "cola"]
    assert apart["Table 2"].tolist() == ["91.0 ± 1.3", "64.2 ± 1.6"]


def test_seeds_that_a_printed_difference_asks_for():
    same = ONE.assign(value=1.0)
    contrasts = {"re-init": ("reinit", "standard")}
    table = printed_spreads.settled(ONE, contrasts)
    needed = math.ceil(4 * (1.5**2 + 1.9**2) / 0.9**2)
    assert table["cola"].tolist() == [f"+0.9: {needed}"]
    assert printed_spreads.settled(same, contrasts)["cola"].tolist() == ["+0.0: never"]


def test_no_condition_is_left_without_words():
    asked = {c.name for size in ("smoke", "laptop", "reference", "paper")
             for c in conditions("few_samples", size)}  # fmt: skip
    ours = set(few_samples.names("laptop")) | set(few_samples.names("reference"))
    assert ours <= set(CONDITIONS) and ours <= asked
    assert metrics.label("failed_run") == "failed runs"
