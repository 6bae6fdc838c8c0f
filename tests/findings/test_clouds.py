"""Clouds of words and what is read off them: planted shapes, levels, trends model by model."""

import pandas as pd
import pytest
import torch

from isomorph.findings import Found, clouds, cured, frequency
from isomorph.findings.clouds import Cloud


def rows_of(values, metric="rank_norm_spearman"):
    """A row a seed of each condition."""
    lines = [
        {"condition": name, "pair": "en", "layer": pd.NA, "seed": seed, "metric": metric,
         "value": value + seed / 1000, "tokens": 0, "size": "laptop", "provenance": "recorded",
         "digest": f"{name}{seed}"}
        for name, value in values.items() for seed in range(5)
    ]  # fmt: skip
    return pd.DataFrame(lines).astype({"layer": "Int64"})


def found(values, metric="rank_norm_spearman"):
    return Found(rows_of(values, metric), "laptop", 5 * len(values), tuple(values))


def test_a_shift_and_a_stretch_fool_different_measures():
    table = clouds.planted().set_index("cloud")
    ball, moved = table.loc["a ball"], table.loc["the ball, moved away"]
    stretched = table.loc["the ball, stretched along one axis"]
    assert moved["average cosine"] > 0.8 and moved["IsoScore"] == ball["IsoScore"]
    assert stretched["IsoScore"] < 0.1 and abs(stretched["average cosine"]) < 0.05
    assert table.loc["the ball, three times as large", "partition ratio"] < ball["partition ratio"]


def test_a_classifier_has_no_cone():
    digits = clouds.digit_classifier()
    table = clouds.measured({"digits": digits})
    assert table["average cosine"].iloc[0] < 0 and digits.words[0] == "0"


def test_levels_are_numbers_with_intervals():
    table = clouds.levels(found({"mle": 0.5, "glove": -0.1}), {"rank_norm_spearman": "trend"})
    assert table["trend"].iloc[0].startswith("0.50 [0.50, ") and table["seeds"].tolist() == [5, 5]
    assert table["vectors"].iloc[0] == "causal, by likelihood"
    absent = clouds.levels(found({"mle": 0.5}), {"isoscore": "IsoScore"})
    assert absent["IsoScore"].iloc[0] == "–", "run, and not measured"
    absent = clouds.levels(found({"mle": 0.5}), {"rank_norm_spearman": "trend"}, ["glove"])
    assert absent["trend"].iloc[0] == "not run"


@pytest.mark.parametrize(
    ("seeds", "provenance", "said"),
    [(1, "live", " (one live run, not in the recorded rows)"), (1, "recorded", " (1 seed)"),
     (2, "recorded", " (2 seeds)")],
)  # fmt: skip
def test_a_cell_of_fewer_seeds_than_its_line_says_so(seeds, provenance, said):
    new = rows_of({"mle": 0.7}, "effective_rank").assign(provenance=provenance)
    both = pd.concat([rows_of({"mle": 0.5}), new[new["seed"] < seeds]], ignore_index=True)
    measures = {"rank_norm_spearman": "trend", "effective_rank": "rank", "isoscore": "IsoScore"}
    (line,) = clouds.levels(Found(both, "laptop", 5, ("mle",)), measures).to_dict("records")
    assert line["seeds"] == 5 and "seed" not in line["trend"]
    assert line["rank"] == "0.70" + said and line["IsoScore"] == "–"


def test_each_model_has_a_verdict_of_its_own():
    table = frequency.by_model({"here": found({"mle": 0.5, "glove": -0.3, "e5": 0.0})})
    assert table["claim 3.1"].tolist()[:2] == ["holds", "does not hold"]
    assert (table["claim 3.2"] == "not measured").all()


def test_bins_and_extremes():
    vectors = torch.arange(1, 201, dtype=torch.float64)[:, None] * torch.tensor([[1.0, 0.5]])
    cloud = Cloud([f"w{i}" for i in range(200)], vectors)
    table = frequency.by_rank({"planted": cloud})
    assert table["ranks"].tolist() == ["0 to 100", "100 to 500"]
    assert table["length"].is_monotonic_increasing
    ends = frequency.extremes(cloud, 2)
    assert ends == {"shortest": ["w0", "w1"], "longest": ["w199", "w198"]}
    assert frequency.ranks_of(cloud, ends["shortest"]) == [1, 2]
    beside = frequency.beside_paper(table, "length", "3.1")
    assert beside.iloc[0]["0 to 100"] == 0.95 and beside.iloc[1]["5000 up"] == ""


def test_every_cure_has_a_cloud_and_a_sentence():
    generator = torch.Generator().manual_seed(0)
    vectors = torch.randn(600, 8, generator=generator, dtype=torch.float64) + 2
    views, told, table, rows = cured.cured(vectors, {"again": vectors.flip(0)})
    assert table["vectors"].tolist() == list(views)
    assert set(views) == set(told) and len(rows) == 400 and rows[0] == 0 and rows[-1] == 599
    assert all(len(view) == 400 for view in views.values()) and "again" in views
    assert "average cosine 0.8" in told["as trained"] or "average cosine 0.7" in told["as trained"]


def test_the_regulariser_weight_by_weight():
    one = found({"mle": 44.0, "cosreg": 45.0}, "perplexity")
    table = cured.regularised(one, ("perplexity",)).set_index("weight")
    assert table.loc["1", "change of perplexity"].startswith("+1.00")
    assert table.loc["0", "perplexity"].startswith("44.00")
    assert table.loc["10", "perplexity"] == "not run"
    assert cured.behind(one).startswith("10 of 10 runs (10 recorded)")


@pytest.mark.parametrize("value", [-0.001, 0.0, 0.001])
def test_nothing_has_no_sign(value):
    table = clouds.levels(found({"mle": value - 0.002}), {"rank_norm_spearman": "trend"})
    assert "-0.00" not in table["trend"].iloc[0]
