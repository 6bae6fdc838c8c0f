"""The benchmark of hulls: clouds are where they say they are, and ratios are of the same round."""

import importlib.util
from pathlib import Path

import pytest
import torch


@pytest.fixture(scope="module")
def benchmark():
    path = Path(__file__).parents[1] / "benchmarks" / "hulls.py"
    spec = importlib.util.spec_from_file_location("hulls", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("cloud", ["layer norm", "one side", "gaussian"])
def test_both_show_the_side_that_was_planted(benchmark, cloud):
    for who in benchmark.WHO:
        made = benchmark.turn(cloud, *benchmark.QUICK, who, 1)
        assert made["holds"]
        assert made["contains_origin"] == benchmark.CONTAINS_ORIGIN[cloud]
    n, width = benchmark.QUICK
    states = benchmark.states(cloud, n, width)
    assert states.shape == (n, width) and states.dtype == torch.float32
    assert torch.equal(states, benchmark.states(cloud, n, width))


def test_more_rows_than_are_made_at_once_all_differ(benchmark):
    states = benchmark.states("gaussian", benchmark.ROWS_AT_ONCE + 5, 3)
    assert len(states.unique(dim=0)) == len(states)


def test_large_clouds_are_for_ours_alone(benchmark):
    turns = benchmark.plan(["gaussian"], False)
    assert ("gaussian", 1_000_000, 768, "ours") in turns
    assert max(n for _, n, _, who in turns if who == "linear programme") == 20_000


def test_ratios_are_of_the_same_round(benchmark):
    def made(who, number, seconds):
        return {"cloud": "gaussian", "n": 5, "width": 2, "who": who, "round": number, "looks": 1,
                "cpu_seconds": seconds, "memory_mb": 10.0}  # fmt: skip

    runs = [
        made("ours", 0, 1.0),
        made("ours", 1, 4.0),
        made("linear programme", 0, 3.0),
        made("linear programme", 1, 8.0),
    ]
    table = benchmark.summary(runs).set_index("who")
    assert table.loc["linear programme", ["least", "most"]].tolist() == [2.0, 3.0]
    assert table.loc["ours", "time over ours"] == 1.0
