"""`isomorph run`: list an experiment's runs, run what is missing, export and record the rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from isomorph import results
from isomorph.presets import EXPERIMENTS, conditions
from isomorph.results import Cluster, Condition
from isomorph.sizes import Size

if TYPE_CHECKING:
    import pandas as pd


class RunsFailed(RuntimeError):
    """Some runs of an experiment failed; the others are kept."""


def sweep(
    experiment: str,
    *,
    size: Size,
    cluster: Cluster = "none",
    jobs: int = 1,
    anew: bool = False,
    say: Callable[[str], None] = print,
) -> None:
    """Run what is neither recorded nor finished here, saying what happens.

    With `anew` recorded runs are run too, where they have not finished here.

    Raises ValueError for an unknown experiment or an empty one, and RunsFailed after the last run
    when some failed, naming each.
    """
    wanted = _wanted(experiment, size)
    shipped = set() if anew else set(results.recorded(experiment)["digest"])
    missing = [
        condition
        for condition in wanted
        if condition.run.digest not in shipped and not results.finished(condition)
    ]
    there = len(wanted) - len(missing)
    say(f"{experiment} at {size}: {len(wanted)} runs, {there} recorded or finished.")
    left = len(missing)

    def done(condition: Condition, error: BaseException | None) -> None:
        nonlocal left
        left -= 1
        how = f"failed: {error}" if error else "finished"
        say(f"{describe(condition)} {how}; {left} to go.")

    failures = results.execute(missing, cluster=cluster, jobs=jobs, done=done)
    if failures:
        raise RunsFailed(
            f"{len(failures)} of {len(missing)} runs failed ({', '.join(failures)}); the same "
            "command tries them again."
        )


def listing(experiment: str | None, *, size: Size) -> pd.DataFrame:
    """Each run with its state, "recorded", "finished" or "missing"; of all when none is named."""
    import pandas as pd

    names = [experiment] if experiment else sorted(EXPERIMENTS)
    lines = []
    for name in names:
        shipped = set(results.recorded(name)["digest"])
        for condition in conditions(name, size):
            run = condition.run
            state = "finished" if results.finished(condition) else "missing"
            lines.append(
                {
                    "experiment": name, "size": size, "condition": condition.name,
                    "pair": run.pair, "seed": run.seed, "tokens": run.training.tokens,
                    "digest": run.digest,
                    "state": "recorded" if run.digest in shipped else state,
                }
            )  # fmt: skip
    columns = ["experiment", "size", "condition", "pair", "seed", "tokens", "digest", "state"]
    return pd.DataFrame(lines, columns=columns)


def export(experiment: str, path: Path, *, size: Size) -> int:
    """Write the finished or recorded rows of a size as .parquet, .csv or .json; how many.

    Raises ValueError when there are none.
    """
    import pandas as pd

    shipped = results.recorded(experiment)
    parts = []
    for condition in _wanted(experiment, size):
        rows = shipped[shipped["digest"] == condition.run.digest]
        if len(rows):
            parts.append(rows)
        elif results.finished(condition):
            parts.append(results.finished_rows(experiment, condition, size=size))
    if not parts:
        raise ValueError(f"nothing of {experiment!r} at size {size!r} has finished yet.")
    rows = pd.concat(parts, ignore_index=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        rows.to_parquet(path, index=False)
    elif path.suffix == ".csv":
        rows.to_csv(path, index=False)
    else:
        rows.to_json(path, orient="records", indent=1)
    return len(rows)


def describe(condition: Condition) -> str:
    run = condition.run
    return (
        f"{condition.name} ({run.pair}, seed {run.seed}, {run.training.tokens / 1e6:.3g}M tokens)"
    )


def _wanted(experiment: str, size: Size) -> list[Condition]:
    wanted = conditions(experiment, size)
    if not wanted:
        raise ValueError(f"{experiment!r} has nothing at size {size!r}.")
    return wanted
