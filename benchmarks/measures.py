"""Our measures against what a user would pick instead; see README.md beside this.

Each turn of a contestant is a process of its own, so that its peak memory is its own. All of a case
work on the same arrays with the same number of threads and have to give the same result; what is
timed is the call alone, after imports and after the arrays are there.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch

# Sizes (n, width) by case, full and --quick.
SIZES = {
    "cka": ((2000, 768), (200, 32)),
    "rsa": ((1500, 768), (100, 32)),
    "procrustes": ((5000, 768), (200, 32)),
    "nearest": ((40_000, 300), (500, 32)),
    "csls": ((40_000, 300), (500, 32)),
}
TOLERANCE = 2e-4  # faiss and sentence-transformers compute in 32 bits
NEIGHBOURS = 10


def arrays(case: str, quick: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Two sides (n, width) in 32 bits that have something in common, the same at every call."""
    n, width = SIZES[case][quick]
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(n, width, generator=generator)
    return x, x + 2 * torch.randn(n, width, generator=generator)


def cka_ours(x, y):
    from isomorph.measure.similarity import linear_cka

    return lambda: linear_cka(x, y)


def cka_ckatorch(x, y):
    from ckatorch.core import cka_base

    return lambda: float(cka_base(x, y, kernel="linear", unbiased=True, method="fro_norm"))


def cka_torch_cka(x, y):
    """It takes models and batches: identities, and one batch of everything, so values compare."""
    from torch.utils.data import DataLoader, TensorDataset
    from torch_cka import CKA

    loaders = [DataLoader(TensorDataset(side), batch_size=len(side)) for side in (x, y)]

    def call():
        both = [torch.nn.Sequential(torch.nn.Identity()) for _ in range(2)]
        found = CKA(*both, "x", "y", model1_layers=["0"], model2_layers=["0"])
        found.compare(*loaders)
        return float(found.export()["CKA"][0, 0])

    return call


def rsa_ours(x, y):
    from isomorph.measure.similarity import rsa

    def call():
        # Cosines of centred rows are correlations, which is what rsatoolbox has.
        return rsa(*(side - side.mean(1, keepdim=True) for side in (x, y)))

    return call


def rsa_rsatoolbox(x, y):
    import rsatoolbox

    sides = [rsatoolbox.data.Dataset(side.double().numpy()) for side in (x, y)]

    def call():
        tables = [rsatoolbox.rdm.calc_rdm(side, method="correlation") for side in sides]
        return float(rsatoolbox.rdm.compare(*tables, method="corr")[0, 0])

    return call


def procrustes_ours(x, y):
    from isomorph.measure.similarity import procrustes

    return lambda: float(procrustes(x, y).double().sum())


def procrustes_scipy(x, y):
    from scipy.linalg import orthogonal_procrustes

    x, y = x.double().numpy(), y.double().numpy()
    return lambda: float(orthogonal_procrustes(x, y)[0].sum())


def nearest_ours(x, y):
    from isomorph.measure.retrieval import nearest

    return lambda: float(nearest(x, y, k=NEIGHBOURS, dtype=torch.float32)[0].double().mean())


def nearest_ours_float64(x, y):
    from isomorph.measure.retrieval import nearest

    return lambda: float(nearest(x, y, k=NEIGHBOURS)[0].mean())


def nearest_faiss(x, y):
    def call():
        sides = [_unit(side) for side in (x, y)]
        return float(_faiss(*sides, NEIGHBOURS)[0].mean(dtype=np.float64))

    return call


def nearest_sentence_transformers(x, y):
    from sentence_transformers.util import semantic_search

    def call():
        found = semantic_search(x, y, top_k=NEIGHBOURS)
        return float(np.mean([hit["score"] for hits in found for hit in hits]))

    return call


def csls_ours(x, y):
    from isomorph.measure.retrieval import nearest

    return lambda: float(nearest(x, y, scoring="csls", dtype=torch.float32)[0].double().mean())


def csls_faiss(x, y):
    """Exactly, by two searches for the hubs, and one with their corrections as one more width."""

    def call():
        sides = [_unit(side) for side in (x, y)]
        of_x = _faiss(*sides, NEIGHBOURS)[0].mean(1)
        of_y = _faiss(*sides[::-1], NEIGHBOURS)[0].mean(1)
        longer = np.hstack([2 * sides[0], -np.ones((len(x), 1), np.float32)])
        others = np.hstack([sides[1], of_y[:, None]])
        best = _faiss(longer, others, 1)[0][:, 0]
        return float((best - of_x).mean(dtype=np.float64))

    return call


def _unit(side: torch.Tensor) -> np.ndarray:
    return torch.nn.functional.normalize(side).numpy()


def _faiss(queries: np.ndarray, others: np.ndarray, k: int):
    import faiss

    index = faiss.IndexFlatIP(others.shape[1])
    index.add(np.ascontiguousarray(others))
    return index.search(np.ascontiguousarray(queries), k)


CONTESTANTS = {
    "cka": {"ours": cka_ours, "ckatorch": cka_ckatorch, "torch-cka": cka_torch_cka},
    "rsa": {"ours": rsa_ours, "rsatoolbox": rsa_rsatoolbox},
    "procrustes": {"ours": procrustes_ours, "scipy": procrustes_scipy},
    "nearest": {
        "ours": nearest_ours, "ours, float64": nearest_ours_float64, "faiss": nearest_faiss,
        "sentence-transformers": nearest_sentence_transformers,
    },
    "csls": {"ours": csls_ours, "faiss": csls_faiss},
}  # fmt: skip


def turn(case: str, who: str, quick: bool, threads: int) -> dict:
    """One timed call, in this process; peak memory above what imports and arrays take."""
    torch.set_num_threads(threads)
    if "faiss" in who:
        import faiss

        faiss.omp_set_num_threads(threads)
    call = CONTESTANTS[case][who](*arrays(case, quick))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    cpu, wall = time.process_time(), time.perf_counter()
    value = call()
    return {
        "case": case, "who": who, "value": value,
        "seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu,
        "memory_mb": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024,
    }  # fmt: skip


def in_a_process(case: str, who: str, quick: bool, threads: int) -> dict | None:
    """A turn in a process of its own; None, with a word on why, where its library is not there."""
    command = [sys.executable, __file__, "--turn", case, who, "--threads", str(threads)]
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "TQDM_DISABLE": "1"}
    done = subprocess.run(
        command + ["--quick"] * quick, check=False, capture_output=True, text=True, env=environment
    )
    if done.returncode:
        print(f"{case}, {who}: left out ({done.stderr.strip().splitlines()[-1]})", file=sys.stderr)
        return None
    return json.loads(done.stdout.strip().splitlines()[-1])


def summary(runs: list[dict]):
    """A line a contestant: medians, and theirs over ours of the same round."""
    import pandas as pd

    table = pd.DataFrame(runs)
    lines = []
    for (case, who), own in table.groupby(["case", "who"], sort=False):
        ours = table[(table["case"] == case) & (table["who"] == "ours")].set_index("round")
        ratios = own.set_index("round")["cpu_seconds"] / ours["cpu_seconds"]
        memory = own.set_index("round")["memory_mb"] / ours["memory_mb"].clip(lower=1)
        lines.append(
            {
                "case": case, "who": who, "value": own["value"].iloc[0],
                "CPU seconds": own["cpu_seconds"].median(), "MB": own["memory_mb"].median(),
                "time over ours": ratios.median(), "least": ratios.min(), "most": ratios.max(),
                "memory over ours": memory.median(),
            }
        )  # fmt: skip
    return pd.DataFrame(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small arrays, to see that it works")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each contestant (5)")
    parser.add_argument("--threads", type=int, default=1, help="threads of the processor (1)")
    parser.add_argument("--cases", nargs="+", choices=list(SIZES), default=list(SIZES))
    parser.add_argument("--json", type=Path, help="write machine, runs and summary here")
    parser.add_argument("--turn", nargs=2, metavar=("CASE", "WHO"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.turn:
        print(json.dumps(turn(*chosen.turn, chosen.quick, chosen.threads)))
        return
    runs = []
    for number in range(chosen.rounds):
        for case in chosen.cases:
            for who in CONTESTANTS[case]:
                if made := in_a_process(case, who, chosen.quick, chosen.threads):
                    runs.append(made | {"round": number})
    table = summary(runs)
    print(table.to_string(index=False, float_format="{:.4g}".format))
    apart = table.groupby("case")["value"].agg(lambda values: float(values.max() - values.min()))
    if (apart > TOLERANCE * table.groupby("case")["value"].max().abs().clip(lower=1)).any():
        sys.exit(f"results differ by more than {TOLERANCE:g}: {apart.to_dict()}")
    if chosen.json:
        from pretraining import machine

        report = {"machine": machine("cpu"), "threads": chosen.threads, "sizes": SIZES}
        report |= {"runs": runs, "summary": table.to_dict("records")}
        chosen.json.parent.mkdir(parents=True, exist_ok=True)
        chosen.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
