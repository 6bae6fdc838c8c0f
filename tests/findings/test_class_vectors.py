"""The chapter on [CLS]: planted vectors, an encoder's first tokens, and rows that are partly there."""

import math

import pandas as pd
import pytest
import torch

from isomorph.findings import Found, class_vectors
from isomorph.findings.tables import points
from isomorph.models.isobn import IsoBN


def found(values, seeds=5):
    """Rows of (condition, metric) -> value, a seed a hundredth higher than the one before."""
    lines = [
        {"condition": condition, "pair": "nli", "layer": pd.NA, "seed": seed, "metric": metric,
         "value": value + seed / 100, "tokens": 0, "size": "laptop", "provenance": "recorded",
         "digest": f"{condition}{seed}"}
        for (condition, metric), value in values.items() for seed in range(seeds)
    ]  # fmt: skip
    columns = ["condition", "pair", "layer", "seed", "metric", "value", "tokens", "digest"]
    rows = pd.DataFrame(lines, columns=None if lines else [*columns, "provenance"])
    names = ("none", "isobn", "batch", "layer")
    return Found(rows.astype({"layer": "Int64"}), "laptop", 4 * seeds, names)


def test_planted_vectors_are_a_choir_and_soloists():
    x = class_vectors.planted()
    correlation = torch.corrcoef(x.T)
    assert torch.allclose(correlation[0, 1:8], torch.tensor(0.8).double(), atol=0.05)
    assert correlation[8:, :8].abs().max() < 0.1
    assert x.std(0).min() == pytest.approx(0.3, rel=0.1)
    assert x.std(0).max() == pytest.approx(3, rel=0.1)


def test_isobn_changes_variances_and_not_correlations():
    x = class_vectors.planted()
    module = class_vectors.settled(x)
    table = class_vectors.described({"before": x, "after": module(x)}).set_index("vectors")
    same, flatter = "absolute correlation of two coordinates", "IsoScore"
    assert table.loc["before", same] == table.loc["after", same]
    assert table.loc["after", flatter] > table.loc["before", flatter] + 0.1
    steps = class_vectors.steps(x, module)
    choir, solo = steps.iloc[7], steps.iloc[15]
    assert choir["gamma"] > solo["gamma"] and choir["factor"] < solo["factor"]
    assert steps["afterwards"].tolist() == pytest.approx(module(x).std(0, correction=0), abs=0.006)


def test_shuffling_keeps_each_coordinate_and_takes_what_they_share():
    x = class_vectors.planted()
    dealt = class_vectors.shuffled(x)
    assert torch.equal(dealt.sort(0).values, x.sort(0).values)
    assert torch.corrcoef(dealt.T).fill_diagonal_(0).abs().max() < 0.1


def test_correlations_put_the_loudest_coordinate_first():
    x = torch.tensor([[1.0, 9.0, 2.0], [2.0, 1.0, -2.0], [3.0, 5.0, 3.0]])
    expected = torch.corrcoef(x[:, [1, 2, 0]].double().T)
    torch.testing.assert_close(class_vectors.correlations(x), expected)
    assert class_vectors.correlations(torch.randn(300, 200)).shape == (96, 96)


def test_loudness_falls_and_its_ranks_end_at_the_width():
    table = class_vectors.loudness({"x": class_vectors.planted(), "y": torch.randn(9, 100)})
    for _, own in table.groupby("vectors"):
        assert own["value"].is_monotonic_decreasing
        assert own["rank, over the width"].iloc[-1] == 1 and len(own) <= class_vectors.RANKS


def test_estimates_start_too_high_and_settle():
    x = class_vectors.planted()
    table = class_vectors.settling(x, stops=(1, 60))
    estimated = table[table["correlation"] == "as estimated"]["value"].tolist()
    true = table[table["correlation"] == "of all vectors"]["value"].iloc[0]
    assert estimated[0] > 0.8 and estimated[1] == pytest.approx(true, abs=0.05)
    module = IsoBN(16).double()
    module(x[:32])
    believed = (module.covariance / torch.outer(module.std, module.std)).clamp(-1, 1).abs()
    assert estimated[0] == pytest.approx(float((believed.sum() - 16) / 240))


def test_every_text_has_the_same_first_token_until_it_is_read():
    seen = class_vectors.seen("en", class_vectors.verses(12))
    assert seen.first.shape == seen.mean.shape == (12, 128)
    assert seen.embedded.std(0).max() == 0 and seen.first.std(0).min() > 0


def test_gains_are_of_what_was_run_and_say_so_in_words():
    part = found({("none", "test_score"): 0.5, ("isobn", "test_score"): 0.53})
    table = class_vectors.gains({"here": part, "there": found({})}, paper=1.0)
    assert table["paper"].tolist() == [1.0]
    assert table["label"].tolist() == ["IsoBN"] and table["source"].tolist() == ["here"]
    assert table["value"].iloc[0] == pytest.approx(3)
    assert "rises by 3.0 points" in class_vectors.in_words(table)
    assert points(table, "normalisation")["points"].iloc[0].startswith("+3.0")
    nothing = class_vectors.gains({"there": found({("isobn", "test_score"): 0.53})})
    assert nothing.empty and "yet" in class_vectors.in_words(nothing)
    assert points(nothing, "normalisation").empty


def test_shares_take_untuned_vectors_from_any_condition():
    part = found({("isobn", "cls_top_share_before"): 0.2, ("isobn", "cls_top_share"): 0.6,
                  ("isobn", "cls_top_share_scaled"): 0.4})  # fmt: skip
    table = class_vectors.shares({"here": part, "there": found({})})
    assert table["stage"].tolist() == ["untuned", "tuned with IsoBN", "the same, after IsoBN"]
    assert table["value"].tolist() == pytest.approx([22, 62, 42])


def test_levels_name_what_was_not_run():
    table = class_vectors.levels(found({("isobn", "cls_isoscore"): 0.2}), ("cls_isoscore",))
    assert (
        table["IsoBN"].iloc[0].startswith("0.22") and table["no normalisation"].iloc[0] == "not run"
    )
    assert len(class_vectors.levels(found({}), ("cls_isoscore", "cls_top_share"))) == 2


def test_the_largest_change_is_over_runs():
    same = {("isobn", "cls_correlation"): 0.2, ("isobn", "cls_correlation_scaled"): 0.25}
    assert class_vectors.largest_change(found(same)) == pytest.approx(0.05)
    assert math.isnan(class_vectors.largest_change(found({})))
