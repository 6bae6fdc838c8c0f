"""The run card: at the end of every chapter, what it cost and what it ran on.

The card is plain Markdown, so that the downloaded notebook shows it too.
"""

from collections import Counter
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

from isomorph.sizes import SIZES

from .chapters import Chapter

VERSIONS = ("isomorph", "torch", "transformers")
LIVE, CACHED, RECORDED = "live", "cached", "recorded"


def run_card(card: dict, fresh: bool) -> str:
    """The Markdown of the card from what the execution reported.

    `card` holds `seconds`, `peak_bytes`, `processor`, `started` (Unix time), `parameters`, perhaps
    `cpu_seconds`, and `runs`: one entry for every run the chapter used, with `provenance` (live,
    cached or recorded), and where known `device`, `seconds` and `seed`.
    """
    runs = card["runs"]
    rows = {
        "Size": f"`{card['parameters']['size']}`",
        "Executed": datetime.fromtimestamp(card["started"], UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "Time": _duration(card["seconds"]) + _of_the_processor(card),
        "Peak memory": f"{card['peak_bytes'] / 2**30:.2f} GiB",
        "Processor": card["processor"],
        "Device": ", ".join(sorted({r["device"] for r in runs if r.get("device")})) or "cpu",
        "Runs": _provenance(runs),
        "Seeds": ", ".join(map(str, sorted({r["seed"] for r in runs if "seed" in r}))) or "none",
        "With `RECOMPUTE=1`": _anew(runs, card["seconds"], card["parameters"]["size"]),
        "Versions": ", ".join(f"{name} {_version(name)}" for name in VERSIONS),
    }
    table = "\n".join(f"| {name} | {value} |" for name, value in rows.items())
    stale = (
        ""
        if fresh
        else "\nThis execution is out of date: the chapter, the library, the data or the size asked "
        "for has changed since. `make book` runs it again.\n"
    )
    return f"## Run card\n{stale}\n| What | This execution |\n|:--|:--|\n{table}"


def not_executed(chapter: Chapter, failed: bool) -> str:
    """The Markdown that stands in for a run card when there is no execution to show."""
    again = f"`make book CHAPTER={chapter.name}`"
    if failed:
        return (
            "> **This chapter stopped with an error when it was last executed here**, so it is "
            f"shown without its results. Run {again} to see why."
        )
    return (
        "> **This chapter has not been executed here yet**, so it is shown without its results. "
        f"Run {again}."
    )


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def _of_the_processor(card: dict) -> str:
    """What an execution says of its processor time; those of earlier libraries say nothing."""
    spent = card.get("cpu_seconds")
    return "" if spent is None else f", {_duration(spent)} of it on the processor"


def _provenance(runs: list[dict]) -> str:
    counts = Counter(run["provenance"] for run in runs)
    words = {
        LIVE: "run live in this execution",
        CACHED: "kept from an earlier execution on this machine",
        RECORDED: "recorded earlier and shipped",
    }
    told = [f"{counts[kind]} {words[kind]}" for kind in words if counts[kind]]
    return ", ".join(told) or "none"


def _anew(runs: list[dict], spent: float, size: str) -> str:
    """This execution plus the runs it read that are of its size or smaller."""
    sizes = SIZES[: SIZES.index(size) + 1]
    read = [run for run in runs if run["provenance"] != LIVE and run.get("size", size) in sizes]
    if any("seconds" not in run for run in read):
        return "not known"
    total = spent + sum(run["seconds"] for run in read)
    return f"about {_duration(total)}, by the time each run took where it was run"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"
