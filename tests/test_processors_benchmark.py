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


def rows(again, spread):
    value = [1.0, 2.0, np.nan][: len(again)]
    return pd.DataFrame(
        {
            "metric": list("abc")[: len(again)],
            "value": value,
            "value_again": again,
            "spread": spread,
        }
    )


def test_a_row_agrees_within_three_deviations_of_its_seeds(benchmark):
    found = benchmark.summary(rows([1.0, 2.25, np.nan], [0.1, 0.1, 0.1]))
    assert (found["rows"], found["identical"], found["judged"], found["agree"]) == (3, 2, 3, 3)
    assert (found["metric"], found["recorded"], found["again"]) == ("b", 2.0, 2.25)
    assert benchmark.summary(rows([1.0, 2.35, np.nan], [0.1, 0.1, 0.1]))["agree"] == 2
    assert benchmark.summary(rows([1.05, 2.3, np.nan], [0.1, 0.1, 0.1]))["metric"] == "b"
    one_seed = benchmark.summary(rows([1.0, 2.25], [np.nan, np.nan]))
    assert (one_seed["judged"], one_seed["agree"], one_seed["spread"]) == (1, 1, None)
    lost = benchmark.summary(rows([np.nan, 2.0, np.nan], [0.1, 0.1, 0.1]))
    assert lost["agree"] == 2, "a row that is not there any more does not agree"


def test_the_page_has_the_table_of_the_results(benchmark):
    path = benchmark.PAGE.parents[1] / "benchmarks" / "results" / "processors.json"
    results, page = json.loads(path.read_text()), benchmark.PAGE.read_text()
    assert benchmark.with_table(page, results) == page
    apart = [one for one in results["found"] if one["agree"] < one["judged"]]
    # What does not agree is told, and is the translation of few words alone.
    assert {one["experiment"] for one in apart} <= {"alignment"}
    assert all(one["metric"].startswith("translation") for one in apart)
    assert sum(one["judged"] - one["agree"] for one in apart) == 4 and "Four rows do not" in page


def test_a_run_made_again_here_agrees(benchmark, tmp_path, monkeypatch):
    monkeypatch.setenv("ISOMORPH_CACHE", str(tmp_path))
    found = benchmark.summary(benchmark.again(*benchmark.RUNS[0]))
    assert found["rows"] == found["judged"] == found["agree"] == 60
