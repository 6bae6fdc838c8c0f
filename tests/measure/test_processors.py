"""The same on every processor, where the data leave a result open too."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import ortho_group

from isomorph.measure import cures, isotropy, numerics, retrieval, similarity
from isomorph.measure.degeneration import hull
from isomorph.measure.numerics import nearest_map, principal_axes
from isomorph.measure.words import mutual_links

from .clouds import gaussian
from .processors import other_processor

# What these play on any x86-64: Intel's and PyTorch's own ways of telling processors apart.
SETTINGS = tuple(
    {"MKL_CBWR": name, "ATEN_CPU_CAPABILITY": capability}
    for name, capability in (("AVX512", "avx512"), ("AVX2", "avx2"), ("COMPATIBLE", "default"))
)


def few(n, p, q, seed=0):
    return gaussian(n, p, seed), gaussian(n, q, seed + 1)


def tied():
    """Vectors (30, 8) whose second moment has equal eigenvalues, and which are no axes of ours."""
    turn = torch.tensor(ortho_group.rvs(30, random_state=1))[:, :8]
    values = torch.tensor([5.0, 3, 3, 3, 2, 1, 1, 0]).double()
    return turn * values @ torch.tensor(ortho_group.rvs(8, random_state=2)).T


def copies():
    return gaussian(6, 7, 3).repeat(4, 1)


def words(vectors, count):
    rows = torch.arange(len(vectors))
    from isomorph.measure.represent import Representation

    return Representation({0: vectors}, rows // count, rows % count, 0)


# Each gives tensors or numbers; all where something is left open.
OPEN = {
    "procrustes, few pairs": lambda: similarity.procrustes(*few(6, 9, 9)),
    "procrustes, upwards": lambda: similarity.procrustes(*few(4, 7, 11)),
    "procrustes, downwards": lambda: similarity.procrustes(*few(4, 11, 7)),
    "procrustes, one pair": lambda: similarity.procrustes(*few(1, 5, 5)),
    "procrustes, nothing": lambda: similarity.procrustes(torch.zeros(3, 4), gaussian(3, 4, 0)),
    "procrustes, at right angles": lambda: similarity.procrustes(
        torch.eye(8)[:3].double(), torch.eye(8)[3:6].double()
    ),
    "procrustes, unrelated": lambda: similarity.procrustes(
        torch.tensor([[1.0, 0], [1, 0], [-1, 0], [-1, 0]]) + 0.1,
        torch.tensor([[1.0, 0], [-1, 0], [1, 0], [-1, 0]]),
    ),
    "axes of equal values": lambda: principal_axes(tied().T @ tied())[1][:, :7],
    "axes of a sphere": lambda: principal_axes(torch.eye(5).double())[1],
    "whitening": lambda: cures.whitening(tied()).matrix,
    "whitening, cut among equals": lambda: cures.whitening(tied(), k=2).matrix,
    "all but the top, cut among equals": lambda: cures.all_but_the_top(tied(), 2).matrix,
    "null top": lambda: cures.null_top(tied()).matrix,
    "removal": lambda: cures.removal(tied(), [1.0, 0.5, 0.2]).matrix,
    "partition ratio": lambda: isotropy.partition_ratio(tied()),
    "partition ratio of axes": lambda: isotropy.partition_ratio(torch.eye(6)),
    "isoscore": lambda: isotropy.isoscore(tied()),
    "nearest of copies": lambda: retrieval.nearest(gaussian(5, 7, 9), copies(), k=5)[1].double(),
    "csls of copies": lambda: retrieval.nearest(
        gaussian(5, 7, 9), copies(), k=5, scoring="csls"
    )[1].double(),
    "hubness of copies": lambda: retrieval.hubness(gaussian(5, 7, 9), copies()),
    "links of copies": lambda: torch.tensor(
        mutual_links(words(copies(), 12), words(copies(), 12), 0)
    ).double(),
    "distances to copies": lambda: isotropy.nearest_distances(copies(), torch.arange(24), 5),
    "hull": lambda: float(hull(gaussian(30, 4, 10) + 1.5).contains_origin),
    "widest": lambda: hull(gaussian(30, 4, 10) + 3, widest=True).direction,
}  # fmt: skip


@pytest.fixture(params=range(3), ids=lambda seed: f"processor {seed}")
def another(request):
    with other_processor(request.param):
        yield


HERE = {name: torch.as_tensor(made()).double() for name, made in OPEN.items()}


@pytest.mark.parametrize("name", OPEN)
def test_what_is_left_open_is_chosen_by_a_rule(name, another):
    assert torch.allclose(torch.as_tensor(OPEN[name]()).double(), HERE[name], atol=1e-8, rtol=1e-8)


def test_other_processors_do_answer_in_another_way():
    table = tied().T @ tied()
    plain, open_table = torch.linalg.svd(table), few(3, 6, 6)[0].T @ few(3, 6, 6)[1]
    with other_processor(0):
        other = torch.linalg.svd(table)
        assert torch.allclose(other.U * other.S @ other.Vh, table)
        assert torch.allclose(other.U.T @ other.U, torch.eye(8).double())
        assert not torch.allclose(other.U.abs(), plain.U.abs(), atol=0.1)
        values, axes = torch.linalg.eigh(table)
        assert torch.allclose(axes * values @ axes.T, table)
        left, _, right = torch.linalg.svd(open_table, full_matrices=False)
        there = left @ right
    left, _, right = torch.linalg.svd(open_table, full_matrices=False)
    assert not torch.allclose(left @ right, there, atol=0.1)


@pytest.mark.parametrize("p, q", [(9, 9), (6, 9), (9, 6)])
@pytest.mark.parametrize("n", [1, 3, 5])
def test_the_rotation_is_the_best_and_of_the_best_the_nearest_to_the_identity(n, p, q):
    source, target = few(n, p, q, seed=n)
    found = similarity.procrustes(source, target)
    small = torch.eye(min(p, q)).double()
    assert torch.allclose(found @ found.T if p <= q else found.T @ found, small, atol=1e-10)
    best = float(torch.linalg.svdvals(source.T @ target).sum())
    assert float((found * (source.T @ target)).sum()) == pytest.approx(best)
    identity = torch.eye(p, q).double()
    for seed in range(20):  # other optima: what svd leaves open, turned
        with other_processor(seed):
            left, _, right = torch.linalg.svd(source.T @ target, full_matrices=False)
        other = left @ right
        assert float((other * (source.T @ target)).sum()) == pytest.approx(best)
        assert float((found - identity).norm()) <= float((other - identity).norm()) + 1e-9


def test_enough_pairs_give_the_plain_factor():
    source, target = few(40, 9, 9)
    left, _, right = torch.linalg.svd(source.T @ target)
    assert torch.equal(similarity.procrustes(source, target), left @ right)
    assert torch.equal(nearest_map(torch.eye(3).double()), torch.eye(3).double())
    half = similarity.procrustes(source[:4], source[:4])
    assert torch.allclose(half, torch.eye(9).double(), atol=1e-9), "a copy stays where it is"


def test_ties_go_to_the_first():
    scores = torch.tensor([[0.3, 0.1 + 0.2, 0.9, 0.3, 0.1], [0.0] * 5]).double()
    best, columns = numerics.best_first(scores, 3)
    assert columns.tolist() == [[2, 0, 1], [0, 1, 2]]
    assert torch.allclose(best, scores.gather(1, columns))
    assert numerics.best_first(scores, 5)[1].tolist() == [[2, 0, 1, 3, 4], [0, 1, 2, 3, 4]]
    rng = np.random.default_rng(0)
    for k in range(1, 8):  # a slow reference, on a grid with many ties, broken by rounding
        grid = rng.integers(0, 4, (50, 7))
        found = numerics.best_first(torch.tensor(grid + 1e-14 * rng.standard_normal(grid.shape)), k)
        slow = [sorted(range(7), key=lambda j: (-row[j], j))[:k] for row in grid]
        assert found[1].tolist() == slow


def fingerprints():
    return {
        name: torch.as_tensor(made()).double().flatten().tolist() for name, made in OPEN.items()
    }


@pytest.mark.skipif(platform.machine() != "x86_64", reason="only such processors can be played")
def test_the_processors_that_settings_play_agree():
    made, raw = [], set()
    for setting in SETTINGS:
        done = subprocess.run(
            [sys.executable, "-m", "tests.measure.test_processors"],
            env=os.environ | setting | {"OMP_NUM_THREADS": "1"},
            cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True,
        )  # fmt: skip
        answer = json.loads(done.stdout.splitlines()[-1])
        raw.add(answer["raw"])
        made.append(answer["found"])
    for name, here in HERE.items():
        for other in made:
            assert other[name] == pytest.approx(here.flatten().tolist(), abs=1e-8, rel=1e-8), name
    assert torch.backends.mkl.is_available() <= (len(raw) > 1), "MKL answers alike under all"


def raw():
    """What this processor leaves of the null space of a table: digits that settings change."""
    left, _, right = torch.linalg.svd(few(15, 20, 20)[0].T @ few(15, 20, 20)[1])
    return float((left @ right).trace())


if __name__ == "__main__":
    print(json.dumps({"raw": raw(), "found": fingerprints()}))
