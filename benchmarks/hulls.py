"""Is the origin in the hull of many states? Ours against a linear programme; see README.md beside this.

Each turn of a contestant is a process of its own, so that its peak memory is its own. Both work on the
same states with the same number of threads. What is timed is the call alone; after it every certificate
is checked on the states, and has to show the side on which the cloud was planted.
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
from scipy import optimize

WHO = ("ours", "linear programme")
CONTAINS_ORIGIN = {"layer norm": False, "one side": False, "gaussian": True}
# Sizes (n, width) at which both run, and at which a linear programme would take hours or not fit.
BOTH = ((2_000, 64), (5_000, 128), (10_000, 128), (20_000, 256))
MILLION = ((200_000, 768), (1_000_000, 768))
ALONE = {"layer norm": MILLION, "gaussian": MILLION, "one side": ((1_000_000, 256), (50_000, 768))}
QUICK = (200, 16)
ROWS_AT_ONCE = 2**10
EXACT = 1e-9  # a mixture this short, beside the longest state, is the origin


def states(cloud: str, n: int, width: int) -> torch.Tensor:
    """(n, width) in float32, the same at every call, made some rows at a time.

    layer norm: what a layer normalisation with a gain and an offset gives: on a plane that misses the
        origin, so outside.
    one side: Gaussian, mirrored to one side of a random plane through the origin, and 0.001 off it:
        barely outside, and every other direction is wrong for some.
    gaussian: centred. Outside with a probability of 2^(1-n) times a sum of `width` binomials (Wendel
        1962), which is nothing for n far above twice the width: inside.
    """
    generator = torch.Generator().manual_seed(0)
    gain = 0.5 + torch.rand(width, generator=generator)
    offset = 0.3 * torch.randn(width, generator=generator)
    normal = torch.nn.functional.normalize(torch.randn(width, generator=generator), dim=0)
    made = torch.empty(n, width)
    for block in made.split(ROWS_AT_ONCE):
        block.normal_(generator=generator)
        if cloud == "layer norm":
            block.copy_(torch.nn.functional.layer_norm(block, (width,), gain, offset))
        elif cloud == "one side":
            along = block @ normal
            block += torch.outer(along.abs() - along + 1e-3, normal)
    return made


def turn(cloud: str, n: int, width: int, who: str, threads: int) -> dict:
    """One timed call, in this process; peak memory above what imports and states take."""
    from isomorph.measure.degeneration import hull

    torch.set_num_threads(threads)
    hidden = states(cloud, n, width)
    before = peak_mb()
    cpu, wall = time.process_time(), time.perf_counter()
    found = hull(hidden) if who == "ours" else by_linear_programme(hidden)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    memory = peak_mb() - before
    margin = found.margin(hidden)
    longest = float(hidden.norm(dim=1).max())
    return {
        "cloud": cloud, "n": n, "width": width, "who": who,
        "contains_origin": found.contains_origin, "looks": found.rounds, "margin": margin,
        "holds": margin <= EXACT * longest if found.contains_origin else margin > 0,
        "seconds": wall, "cpu_seconds": cpu, "memory_mb": memory,
    }  # fmt: skip


def by_linear_programme(hidden: torch.Tensor):
    """max t over v in the unit cube, such that every unit state has product -t or less with v."""
    from isomorph.measure.degeneration import Hull

    units = hidden.double() / hidden.double().norm(dim=1, keepdim=True)
    n, width = units.shape
    solved = optimize.linprog(
        c=np.append(np.zeros(width), -1.0),
        A_ub=np.hstack([units.numpy(), np.ones((n, 1))]),
        b_ub=np.zeros(n),
        bounds=[(-1, 1)] * width + [(None, None)],
        method="highs",
    )
    if solved.x[-1] > EXACT:
        direction = torch.from_numpy(solved.x[:-1])
        return Hull(direction / direction.norm())
    # At t = 0 the multipliers of the states are a mixture that yields the origin.
    weights = torch.from_numpy(-solved.ineqlin.marginals) / hidden.double().norm(dim=1)
    used = weights > 0
    return Hull(None, torch.arange(n)[used], weights[used] / weights[used].sum())


def peak_mb() -> float:
    """The most memory that this process has had, in MiB."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux's ru_maxrss may be that of the process that started this one
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def in_a_process(cloud: str, n: int, width: int, who: str, threads: int) -> dict:
    command = [sys.executable, __file__, "--turn", cloud, str(n), str(width), who]
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    done = subprocess.run(
        command + ["--threads", str(threads)],
        check=False, capture_output=True, text=True, env=environment,
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"{cloud}, {n} by {width}, {who}: {done.stderr.strip().splitlines()[-1]}")
    made = json.loads(done.stdout.strip().splitlines()[-1])
    if not made["holds"] or made["contains_origin"] != CONTAINS_ORIGIN[cloud]:
        sys.exit(f"{cloud}, {n} by {width}, {who}: the certificate does not hold: {made}")
    return made


def plan(clouds: list[str], quick: bool) -> list[tuple[str, int, int, str]]:
    """The turns of a round."""
    if quick:
        return [(cloud, *QUICK, who) for cloud in clouds for who in WHO]
    both = [(cloud, *size, who) for cloud in clouds for size in BOTH for who in WHO]
    return both + [(cloud, *size, "ours") for cloud in clouds for size in ALONE[cloud]]


def summary(runs: list[dict]):
    """A line a contestant: medians, and the linear programme's over ours of the same round."""
    import pandas as pd

    table = pd.DataFrame(runs)
    case = ["cloud", "n", "width"]
    lines = []
    for (*at, who), own in table.groupby([*case, "who"], sort=False):
        same = (table[case] == at).all(axis=1) & (table["who"] == "ours")
        own, ours = own.set_index("round"), table[same].set_index("round")
        ratios = own["cpu_seconds"] / ours["cpu_seconds"]
        memory = own["memory_mb"] / ours["memory_mb"].clip(lower=1)
        lines.append(
            dict(zip(case, at, strict=True)) | {
                "who": who, "looks": int(own["looks"].iloc[0]),
                "CPU seconds": own["cpu_seconds"].median(), "MB": own["memory_mb"].median(),
                "time over ours": ratios.median(), "least": ratios.min(), "most": ratios.max(),
                "memory over ours": memory.median(),
            }
        )  # fmt: skip
    return pd.DataFrame(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small clouds, to see that it works")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each contestant (3)")
    parser.add_argument("--threads", type=int, default=1, help="threads of the processor (1)")
    parser.add_argument(
        "--clouds", nargs="+", choices=list(CONTAINS_ORIGIN), default=list(CONTAINS_ORIGIN)
    )
    parser.add_argument("--json", type=Path, help="write machine, runs and summary here")
    parser.add_argument("--turn", nargs=4, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.turn:
        cloud, n, width, who = chosen.turn
        print(json.dumps(turn(cloud, int(n), int(width), who, chosen.threads)))
        return
    from pretraining import machine

    report = {"machine": machine("cpu"), "threads": chosen.threads, "runs": []}
    for number in range(chosen.rounds):
        for at in plan(chosen.clouds, chosen.quick):
            report["runs"].append(in_a_process(*at, chosen.threads) | {"round": number})
            table = summary(report["runs"])
            if chosen.json:  # an interrupted benchmark leaves its finished turns
                chosen.json.parent.mkdir(parents=True, exist_ok=True)
                report["summary"] = table.to_dict("records")
                chosen.json.write_text(json.dumps(report, indent=1) + "\n")
    print(table.to_string(index=False, float_format="{:.4g}".format))


if __name__ == "__main__":
    main()
