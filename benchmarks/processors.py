"""How far recorded rows move between processors: some cheap runs again, as if on others.

`MKL_CBWR` and `ATEN_CPU_CAPABILITY` tell the libraries to compute as on another processor. Each run
is trained and measured anew under each setting, in a process and a cache of its own with one thread,
and compared with its recorded rows. Training lets the last digits grow, so what is trained again is a
draw of its own. A row agrees where two draws would differ by as much in more than `CHANCE` of cases:
with s the standard deviation of the row over its n recorded seeds, the difference is at most
t sqrt(2) s, where t is Student's quantile for n - 1 degrees of freedom, since s itself is an estimate.
Where no seed moved a row, it has to be identical. A row of fewer than five seeds cannot be judged.

    .venv/bin/python benchmarks/processors.py --json benchmarks/results/processors.json
    .venv/bin/python benchmarks/processors.py --json benchmarks/results/processors.json --page

The second command computes nothing: it puts the table into book/how_to_reproduce.md.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

SETTINGS = {
    "AVX-512": {"MKL_CBWR": "AVX512", "ATEN_CPU_CAPABILITY": "avx512"},
    "AVX2": {"MKL_CBWR": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"},
    "compatible": {"MKL_CBWR": "COMPATIBLE", "ATEN_CPU_CAPABILITY": "default"},
}
RUNS = (  # experiment, size, condition, seed; the cheapest of each kind of computation
    ("theorems", "laptop", "absent_word", 1),
    ("anchor_shares", "smoke", "default", 0),
    ("learning_curve", "smoke", "middle", 0),
    ("encoder_words", "laptop", "glove", 0),
    ("language_models", "laptop", "layer_norm_direction", 0),
    ("alignment", "laptop", "far_bilingual", 0),
    ("changes", "laptop", "kept_third", 0),
)
PLACE = ["metric", "languages", "task", "split", "layer", "epoch", "blocks", "fold", "tokens"]
KEYS = [*PLACE, "seed"]
CHANCE = 0.0027  # on both sides; of a normal draw with a known spread, three standard deviations
PAGE = Path(__file__).parents[1] / "book" / "how_to_reproduce.md"
BEGIN, END = "<!-- processors: begin -->\n", "<!-- processors: end -->\n"


def again(experiment: str, size: str, condition: str, seed: int):
    """A run's recorded rows, with those made here and now, and each row's spread over seeds."""
    from isomorph import presets, results
    from isomorph.ledger.intervals import FEWEST

    recorded = results.recorded(experiment)
    recorded = recorded[(recorded["size"] == size) & (recorded["condition"] == condition)]
    digest = recorded.loc[recorded["seed"] == seed, "digest"].iloc[0]
    run = next(c for c in presets.conditions(experiment, size) if c.run.digest == digest)
    made = results.live(experiment, run, size=size)[[*KEYS, "value"]]
    spread = recorded.groupby(PLACE, dropna=False)["value"].agg(["std", "count"])
    spread["spread"] = spread["std"].where(spread["count"] >= FEWEST)
    spread = spread.rename(columns={"count": "seeds"}).drop(columns="std").reset_index()
    rows = recorded.loc[recorded["digest"] == digest, [*KEYS, "value"]]
    rows = rows.merge(made, on=KEYS, suffixes=("", "_again"), validate="1:1", how="outer")
    return rows.merge(spread, on=PLACE, how="left")


def summary(rows) -> dict:
    """How many rows are identical, how many agree by the rule, and which moved the furthest."""
    from scipy.stats import t

    moved = (rows["value_again"] - rows["value"]).abs()
    same = (moved == 0) | (rows["value"].isna() & rows["value_again"].isna())
    told = rows["spread"].notna() | same
    allowed = t.isf(CHANCE / 2, rows["seeds"] - 1) * 2**0.5 * rows["spread"]
    agree = same | (moved <= allowed)
    # The furthest is by its own spread where there is one, else beside its own size.
    far = (moved / rows["spread"]).fillna(moved / rows["value"].abs()).where(~same, 0.0)
    last = rows.loc[far.idxmax()]
    return {
        "rows": len(rows), "identical": int(same.sum()), "judged": int(told.sum()),
        "agree": int((agree & told).sum()), "metric": last["metric"],
        "recorded": float(last["value"]), "again": float(last["value_again"]),
        "spread": None if last["spread"] != last["spread"] else float(last["spread"]),
    }  # fmt: skip


def under(setting: str, run: tuple) -> dict:
    """`summary` of a run in a process of its own, under a setting."""
    with tempfile.TemporaryDirectory() as cache:
        env = os.environ | SETTINGS[setting] | {"OMP_NUM_THREADS": "1", "ISOMORPH_CACHE": cache}
        command = [sys.executable, __file__, "--one", *map(str, run)]
        done = subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE, text=True)
    named = dict(zip(("experiment", "size", "condition", "seed"), run, strict=True))
    return {"setting": setting, **named, **json.loads(done.stdout.splitlines()[-1])}


def table(found: list[dict]) -> str:
    """The Markdown table of the results, a line for each run and setting."""
    lines = [
        "| Run | As | Identical rows | Agree | Moved furthest | Recorded | Moved by | Spread over seeds |",
        "|:--|:--|--:|--:|:--|--:|--:|--:|",
    ]
    for one in found:
        run = f"`{one['experiment']}` {one['size']}, {one['condition'].replace('_', ' ')}"
        still = one["identical"] == one["rows"]
        spread = "one seed" if one["spread"] is None else f"{one['spread']:.3g}"
        moved = [
            f"`{one['metric']}`",
            f"{one['recorded']:.6g}",
            f"{one['again'] - one['recorded']:+.2g}",
            spread,
        ]
        cells = [run, one["setting"], f"{one['identical']} of {one['rows']}",
                 f"{one['agree']} of {one['judged']}", *(["none", "", "", ""] if still else moved)]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def with_table(page: str, results: dict) -> str:
    """The page with the table of these results between its two marks."""
    before, _, rest = page.partition(BEGIN)
    return before + BEGIN + "\n" + table(results["found"]) + "\n" + END + rest.partition(END)[2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--json", type=Path, help="where results are kept; what is there is not redone"
    )
    parser.add_argument("--page", action="store_true", help="put the table into the page")
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(summary(again(*given.one[:3], int(given.one[3])))))
        return
    if given.page:
        PAGE.write_text(with_table(PAGE.read_text(), json.loads(given.json.read_text())))
        return
    found = json.loads(given.json.read_text())["found"] if given.json.exists() else []
    for run in RUNS:
        for setting in SETTINGS:
            if any(one["setting"] == setting and one["experiment"] == run[0] for one in found):
                continue
            found.append(under(setting, run))
            print(found[-1], flush=True)
            written = {"machine": platform.platform(), "processor": _processor(), "found": found}
            given.json.write_text(json.dumps(written, indent=1) + "\n")


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    names = info.read_text().partition("model name\t: ")[2] if info.exists() else ""
    return names.partition("\n")[0] or platform.processor()


if __name__ == "__main__":
    main()
