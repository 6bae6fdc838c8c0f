"""Clouds of words and what is read off them: planted shapes, levels, trends model by model."""

import pandas as pd
import pytest
import torch

from isomorph.findings import Found, clouds, cured


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
