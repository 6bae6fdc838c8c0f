"""Rows: what runs measured, live or recorded earlier by the very same configs.

A row is found by its run's digest, and is stale when its config no longer validates, no longer
has that digest, or its data has changed.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from isomorph import files
from isomorph.config import known
from isomorph.rows import (
    experiments_recorded,
    recorded,
    relative,
    results_path,
    rows_of,
    writing,
)
from isomorph.runs import Pretraining, Run, cache_folder, run_from_json, trained
from isomorph.runs.cache import busy, held
from isomorph.text import shipped

if TYPE_CHECKING:
    import pandas as pd

# It prints the traceback of a failure each time it looks at one; failures are reported here once.
logging.getLogger("exca").setLevel(logging.ERROR)
RUN_LOG = "ISOMORPH_RUN_LOG"  # names the file in which a chapter's run card reads
if RUN_LOG in os.environ:  # it says what was run, and the page is for what was found
    logging.getLogger("isomorph").setLevel(logging.ERROR)


@dataclass(frozen=True)
class Condition:
    """A run and the name of the condition it stands for in an experiment."""

    name: str
    run: Run


def recorded_digests(experiment: str) -> set[str]:
    """Of the runs whose rows ship. Raises as `recorded`."""
    return set(recorded(experiment, ["digest"])["digest"])


def gather(
    experiment: str,
    conditions: Sequence[Condition],
    *,
    size: str,
    recompute: bool = False,
    missing: Literal["run", "skip"] = "run",
) -> pd.DataFrame:
    """The rows of some conditions: recorded where they are, else run here.

    With `recompute` recorded rows do not count. `missing="skip"` leaves out what is not recorded,
    which is for conditions that take longer than a reader would wait. The column `provenance` is
    "recorded", "cached" (finished here earlier, by the same code and data) or "live".
    """
    import pandas as pd

    known(size)
    before, parts = recorded(experiment), []
    for condition in conditions:
        run, rows = condition.run, before[before["digest"] == condition.run.digest]
        if recompute or rows.empty:
            rows = before.iloc[:0]
            if finished(condition):
                rows = finished_rows(experiment, condition, size=size).assign(provenance="cached")
                rows = rows[rows["code"] == run.code]
            if rows.empty and (recompute or missing == "run"):
                rows = live(experiment, condition, size=size)
            if rows.empty:
                continue
        if rows["provenance"].iloc[0] != "live":
            _log(rows)
        # A condition may have been renamed since.
        parts.append(rows if run.names_conditions else rows.assign(condition=condition.name))
    return pd.concat(parts, ignore_index=True) if parts else before.iloc[:0]


def live(experiment: str, condition: Condition, *, size: str) -> pd.DataFrame:
    """Measure a condition now, whatever was recorded or cached, on models trained here.

    Those that this very code has trained on this machine are not trained again. An interrupted run
    goes on from its checkpoint.
    """
    known(size)
    run = cached(condition.run, mode="force")
    below = map(run.in_same_cache, run.foundations())
    train_here(below, and_measure=run.passes_records_on)
    with held([run]):  # another chapter, at the same time, may want the same run live
        outcome = run.outcome()
    rows = rows_of(run, outcome, experiment=experiment, size=size, condition=condition.name)
    rows = rows.assign(provenance="live")
    _log(rows)
    return rows


def train_here(pretrainings: Iterable[Pretraining], *, and_measure: bool = False) -> None:
    """Train some models, tied to a cache, unless this very code has trained them there.

    Chapters that are executed at a time and start from the same models share the work: each goes on
    with a model on which no other is at work.
    and_measure: what was measured in training is needed too, and has to be of this very code.
    """
    waiting = list(pretrainings)
    while waiting:
        below = next((b for b in waiting if not busy([b])), waiting[0])
        key, code = ("code", below.code) if and_measure else ("trained_by", below.training_code)
        with held([below]):
            if below.infra.status() == "completed" and below.outcome().get(key) != code:
                below.infra.clear_job()
            trained(below)
        waiting.remove(below)


def _log(rows: pd.DataFrame) -> None:
    """Tell the book's run card of a run that a chapter used, one JSON line each."""
    if not (path := os.environ.get(RUN_LOG)):
        return
    line = {name: rows[name].iloc[0] for name in ("provenance", "device", "size")}
    line |= {"seconds": float(rows["seconds"].max()), "seed": int(rows["seed"].iloc[0])}
    with Path(path).open("a") as log:
        log.write(json.dumps(line) + "\n")


def cached(run: Run, *, mode: str = "retry", **infra) -> Run:
    """The same run, kept by exca in the cache folder; `infra` says where exca executes it."""
    settings = {"folder": cache_folder(), "mode": mode} | infra
    return run.infra.clone_obj({f"infra.{key}": value for key, value in settings.items()})


def finished(condition: Condition) -> bool:
    """Whether exca has the run's outcome, measured on the text as it is now."""
    if not (cache_folder() / condition.run.infra.uid()).exists():
        return False  # a tied copy is made slowly, and most of a list was never run
    run = cached(condition.run, mode="cached")
    return run.infra.status() == "completed" and run.is_of(run.outcome()["data"])


def finished_rows(experiment: str, condition: Condition, *, size: str) -> pd.DataFrame:
    """The rows of a run that exca has finished."""
    run = cached(condition.run, mode="cached")
    rows = rows_of(run, run.outcome(), experiment=experiment, size=size, condition=condition.name)
    return rows.assign(provenance="live")


def record(experiment: str, conditions: Iterable[Condition], *, size: str) -> Path:
    """Write the finished runs' rows where they ship; a run's earlier rows are replaced.

    `recorded` is when, in UTC: a rule of the ledger that is younger than a row was not blind to it. A
    metric that was there before, of the same run, keeps its first time.
    Several processes may record at a time, and one that is killed leaves the earlier file whole.
    """
    import pandas as pd

    known(size)
    fresh = [finished_rows(experiment, each, size=size) for each in conditions if finished(each)]
    if not fresh:
        raise ValueError(f"nothing of {experiment!r} at size {size!r} has finished yet.")
    rows = pd.concat(fresh, ignore_index=True).drop(columns="provenance")
    rows["recorded"] = datetime.now(UTC).isoformat(timespec="minutes")
    path = results_path(experiment)
    with writing(path) as aside:
        if path.exists():  # else they are recorded anew
            kept = recorded(experiment).drop(columns="provenance")
            key = ["digest", "metric"]
            first = kept.drop_duplicates(key).set_index(key)["recorded"]
            measured = pd.MultiIndex.from_frame(rows[key])
            again = measured.isin(first.index)
            rows.loc[again, "recorded"] = first.reindex(measured[again]).to_numpy()
            kept = kept[~kept["digest"].isin(rows["digest"])]
            rows = pd.concat([kept, rows], ignore_index=True) if len(kept) else rows
        rows.to_parquet(aside, index=False, compression="zstd")
        files.sync(aside)
        # Listed first: whoever comes between finds in `aside` what is listed.
        shipped.write_manifest_entry(relative(path), rows=len(rows), written=aside)
        files.put(aside, path)
    return path


def stale(experiment: str | None = None) -> list[str]:
    """What is wrong with recorded rows, a sentence for each run; empty when all is well."""
    problems = []
    for name in [experiment] if experiment else experiments_recorded():
        try:
            problems += _stale(name)
        except shipped.DataCorrupted as damaged:
            problems.append(str(damaged))
    return problems


def _stale(experiment: str) -> Iterator[str]:
    columns = ["digest", "config", "data", "condition"]
    rows = recorded(experiment, columns).drop_duplicates(columns[:2])
    for digest, config, data, condition in rows[columns].itertuples(index=False):
        try:
            run = run_from_json(config)
        except ValueError as error:
            reason = f"their config no longer validates: {error}"
        else:
            if run.digest == digest and run.is_of(data):
                continue
            reason = "the text they were measured on has changed."
            if run.digest != digest:
                reason = f"their config now names another run ({run.digest})."
        yield f"{experiment}: the rows of {condition!r} ({digest}) are stale: {reason}"
