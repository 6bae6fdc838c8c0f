"""The benchmark of measures: contestants that are there agree, and ratios are of the same round."""

import importlib.util
from pathlib import Path

import pytest
import torch


@pytest.fixture(scope="module")
def benchmark():
    path = Path(__file__).parents[1] / "benchmarks" / "measures.py"
    spec = importlib.util.spec_from_file_location("measures", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("case", ["cka", "rsa", "procrustes", "nearest", "csls"])
def test_ours_gives_what_the_obvious_way_gives(benchmark, case):
    x, y = (side.double() for side in benchmark.arrays(case, True))
    unit = [torch.nn.functional.normalize(side) for side in (x, y)]
    cosines = unit[0] @ unit[1].T
    of_x, of_y = (table.topk(10, dim=1).values.mean(1) for table in (cosines, cosines.T))
    obvious = {
        "nearest": lambda: cosines.topk(10, dim=1).values.mean(),
        "csls": lambda: (2 * cosines - of_x[:, None] - of_y).amax(1).mean(),
        "procrustes": lambda: float(benchmark.procrustes_scipy(x, y)()),
        "rsa": lambda: torch.corrcoef(torch.stack([_pairs(x), _pairs(y)]))[0, 1],
        "cka": lambda: _debiased(x, y),
    }[case]()
    assert benchmark.turn(case, "ours", True, 1)["value"] == pytest.approx(float(obvious), abs=1e-5)


def _pairs(side):
    table = torch.corrcoef(side)
    return table[tuple(torch.triu_indices(len(side), len(side), 1))]


def _debiased(x, y):
    from tests.measure.test_similarity import slow_cka

    return slow_cka(x, y)


def test_ratios_are_of_the_same_round(benchmark):
    def made(who, number, seconds):
        return {"case": "cka", "who": who, "round": number, "value": 1.0, "cpu_seconds": seconds,
                "seconds": seconds, "memory_mb": 10.0}  # fmt: skip

    runs = [
        made("ours", 0, 1.0),
        made("ours", 1, 4.0),
        made("theirs", 0, 3.0),
        made("theirs", 1, 8.0),
    ]
    table = benchmark.summary(runs).set_index("who")
    assert table.loc["theirs", ["least", "most"]].tolist() == [2.0, 3.0]
    assert table.loc["ours", "time over ours"] == 1.0
