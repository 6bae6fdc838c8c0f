"""Rows made again as on other processors: the rule by which they agree, the table, one cheap run."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest


@pytest.fixture(scope="module")
def benchmark():
    path = Path(__file__).parents[1] / "benchmarks" / "processors.py"
    spec = importlib.util.spec_from_file_location("processors", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rows(again, spread, seeds=5):
    return pd.DataFrame(
        {
            "metric": list("abc")[: len(again)],
            "value": [1.0, 2.0, np.nan][: len(again)],
            "value_again": again,
            "spread": spread,
            "seeds": seeds,
        }
    )


def test_a_row_agrees_where_two_draws_of_its_seeds_could_be_as_far_apart(benchmark):
    found = benchmark.summary(rows([1.0, 2.25, np.nan], [0.1, 0.1, 0.1]))
    assert (found["rows"], found["identical"], found["judged"], found["agree"]) == (3, 2, 3, 3)
    assert (found["metric"], found["recorded"], found["again"]) == ("b", 2.0, 2.25)
    # t for 4 degrees of freedom is 6.6, and for a hundred 3.1, near a normal draw's 3.
    assert benchmark.summary(rows([1.0, 2.93, np.nan], [0.1, 0.1, 0.1]))["agree"] == 3
    assert benchmark.summary(rows([1.0, 2.95, np.nan], [0.1, 0.1, 0.1]))["agree"] == 2
    assert benchmark.summary(rows([1.0, 2.42, np.nan], [0.1, 0.1, 0.1], 101))["agree"] == 3
    assert benchmark.summary(rows([1.0, 2.45, np.nan], [0.1, 0.1, 0.1], 101))["agree"] == 2
    assert benchmark.summary(rows([1.05, 2.3, np.nan], [0.1, 0.1, 0.1]))["metric"] == "b"
    one_seed = benchmark.summary(rows([1.0, 2.25], [np.nan, np.nan], 1))
    assert (one_seed["judged"], one_seed["agree"], one_seed["spread"]) == (1, 1, None)
    lost = benchmark.summary(rows([np.nan, 2.0, np.nan], [0.1, 0.1, 0.1]))
    assert lost["agree"] == 2, "a row that is not there any more does not agree"
    still = benchmark.summary(rows([1.0, 2.0 + 1e-9, np.nan], [0.1, 0.0, 0.1]))
    assert still["agree"] == 2, "what no seed moved, another processor must not move"


def test_two_draws_agree_as_often_as_the_rule_says(benchmark):
    draws = np.random.default_rng(0).normal(size=(40_000, 6))
    made = pd.DataFrame({"metric": "a", "value": draws[:, 0], "value_again": draws[:, 5]})
    made = made.assign(spread=draws[:, :5].std(axis=1, ddof=1), seeds=5)
    assert 1 - benchmark.summary(made)["agree"] / 40_000 <= 1.5 * benchmark.CHANCE


def test_all_rows_of_the_results_agree_and_the_page_has_their_table(benchmark):
    path = benchmark.PAGE.parents[1] / "benchmarks" / "results" / "processors.json"
    results, page = json.loads(path.read_text()), benchmark.PAGE.read_text()
    assert benchmark.with_table(page, results) == page
    assert len(results["found"]) == len(benchmark.RUNS) * len(benchmark.SETTINGS)
    assert all(one["agree"] == one["judged"] > 0 for one in results["found"])


def test_a_run_made_again_here_agrees(benchmark, tmp_path, monkeypatch):
    monkeypatch.setenv("ISOMORPH_CACHE", str(tmp_path))
    found = benchmark.summary(benchmark.again(*benchmark.RUNS[0]))
    assert found["rows"] == found["judged"] == found["agree"] == 60
