"""`isomorph run`: list an experiment's runs, run what is missing, export and record the rows; and
how long it will take, judged by what like runs took."""

from __future__ import annotations

import json
import os
import statistics
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from isomorph import results
from isomorph.config import SIZES, Size
from isomorph.models import checkpoints
from isomorph.models.settings import device_named
from isomorph.presets import EXPERIMENTS, conditions
from isomorph.results import Condition
from isomorph.runs import Pretraining, Run
from isomorph.runs.run import device_name
from isomorph.sweep.execution import Cluster, RunFailed, execute, in_order
from isomorph.sweep.slurm import settings as slurm_settings
from isomorph.text.shipped import INSTALLED, data_folder

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "EXPERIMENTS", "Cluster", "RunFailed", "RunsFailed", "conditions", "describe", "execute",
    "export", "listing", "slurm_settings", "sweep", "sweep_all",
]  # fmt: skip


class RunsFailed(RuntimeError):
    """Some runs of an experiment failed; the others are kept."""


def sweep(
    experiment: str,
    *,
    size: Size,
    cluster: Cluster = "none",
    jobs: int = 1,
    slurm: Iterable[str] = (),
    anew: bool = False,
    record: bool = False,
    say: Callable[[str], None] = print,
) -> None:
    """Run what is neither recorded nor finished here, saying what happens.

    With `anew` recorded runs are run too, where they have not finished here. With `record` the rows
    of each run are recorded as it ends. `slurm` says what a job asks for, as KEY=VALUE.

    Raises ValueError for an unknown experiment, an empty one, a `slurm` that makes no sense or where
    rows of an installed library would be changed, and
    RunsFailed after the last run when some failed, naming each with its log.
    """
    slurm = list(slurm)
    slurm_settings(slurm)
    if record and data_folder() == INSTALLED:
        raise ValueError(
            "rows are recorded in a checkout, or where ISOMORPH_DATA says; --export writes them to a file."
        )
    every = wanted(experiment, size)
    # Rows whose file was removed, as a sentence about a damaged one advises, are recorded anew.
    removed = record and not results.results_path(experiment).exists()
    shipped = set() if removed else results.recorded_digests(experiment)
    finished = [condition for condition in every if results.finished(condition)]
    there = {condition.run.digest for condition in finished} | (set() if anew else shipped)
    missing = [condition for condition in every if condition.run.digest not in there]
    alone = int(os.environ.get("RANK", "0")) == 0  # of several processes on one run, one speaks
    speak = say if alone else (lambda line: None)

    speak(_state(experiment, size, every, missing))
    unrecorded = [c for c in finished if anew or c.run.digest not in shipped]
    if record and alone and unrecorded:
        path = results.record(experiment, unrecorded, size=size)
        speak(f"{len(unrecorded)} that finished earlier are recorded in {path}.")
    if not missing:
        return
    left = {condition.run.digest: condition for condition in in_order(missing)}
    # What nodes of a cluster have is not known here.
    forecast = Forecast(
        None if cluster == "slurm" else device_name(device_named("auto")), apart=set(left)
    )
    earlier = [results.finished_rows(experiment, each, size=size) for each in finished]
    for rows in (*map(results.recorded, results.experiments_recorded()), *earlier):
        forecast.recall(rows)
    asked = {condition.run.digest for condition in missing}  # not those that they build on
    total, failed = len(left), []

    def time_left() -> str:
        return forecast.left([each.run for each in left.values()], jobs)

    def done(condition: Condition, failure: RunFailed | None) -> None:
        left.pop(condition.run.digest, None)
        if failure:
            failed.append(f"  {describe(condition)}: {failure}\n    log: {failure.log}")
        else:
            if record and alone and condition.run.digest in asked:
                results.record(experiment, [condition], size=size)
            rows = results.finished_rows(experiment, condition, size=size)
            forecast.learn(condition.run, rows["seconds"].max())
        how = f"failed: {failure}" if failure else "finished"
        more = f", {time_left()}" if left else ""
        speak(f"{describe(condition)} {how}; {len(left)} to go{more}.")

    if record:
        speak(f"Each is recorded in {results.results_path(experiment)} as it ends.")
    at_a_time = f", {jobs} at a time" if jobs > 1 else ""
    speak(f"Time: {time_left()}{at_a_time}.")
    try:
        execute(missing, cluster=cluster, jobs=jobs, slurm=slurm, done=done)
    except KeyboardInterrupt:
        queued = " Jobs that Slurm has go on, and are waited for next time; scancel ends them."
        kept = f"{total - len(left) - len(failed)} of {total} runs are finished and kept."
        speak(kept + (queued if cluster == "slurm" else ""))
        raise
    if failed:
        many = f"{len(failed)} of {total} runs failed; the same command tries them again."
        raise RunsFailed("\n".join([many, *failed]))


def sweep_all(*, size: Size, say: Callable[[str], None] = print, **options) -> None:
    """`sweep` of every experiment that has runs of the size, one after another.

    Raises ValueError as it does, and RunsFailed after the last one, naming every failure.
    """
    failures = []
    for name in (name for name in EXPERIMENTS if conditions(name, size)):
        try:
            sweep(name, size=size, say=say, **options)
        except RunsFailed as failed:
            failures.append(f"{name}: {failed}")
    if failures:
        raise RunsFailed("\n".join(failures))


def _state(experiment: str, size: str, every: list[Condition], missing: list[Condition]) -> str:
    """What is there and what is not, and each condition that has runs to go."""
    there = len(every) - len(missing)
    counts = f"{len(every)} runs, {there} recorded or finished, {len(missing)} to go"
    lines = [f"{experiment} at {size}: {counts}."]
    lines += [f"  begun: {said}" for said in dict.fromkeys(map(_begun, missing)) if said]
    seeds: dict[str, dict[str, list[str]]] = {}
    for condition in missing:
        by_text = seeds.setdefault(condition.name, {})
        by_text.setdefault(condition.run.about, []).append(str(condition.run.seed))
    for name, of in seeds.items():
        each = (
            f"{about} seed{'s' if len(own) > 1 else ''} {', '.join(own)}"
            for about, own in of.items()
        )
        lines.append(f"  {name}: {'; '.join(each)}")
    return "\n".join(lines)


def _begun(condition: Condition) -> str | None:
    """Where a training that was interrupted will go on; None when none was."""
    for run in [condition.run, *condition.run.foundations()]:
        path = results.cached(run).checkpoint() if isinstance(run, Pretraining) else None
        if path is None or not path.exists():
            continue
        try:
            head = checkpoints.about(path)
        except (checkpoints.Damaged, OSError) as error:
            return f"{describe(condition)} starts anew, since {error}."
        if head["code"] != run.code:
            return f"{describe(condition)} starts anew, since other code began it."
        return f"{describe(condition)} goes on at step {head['step']} of {head['steps']}."
    return None


def listing(experiment: str | None, *, size: Size) -> pd.DataFrame:
    """Each run with its state, "recorded", "finished" or "missing"; of all when none is named."""
    import pandas as pd

    lines = []
    for name in [experiment] if experiment else sorted(EXPERIMENTS):
        shipped = results.recorded_digests(name)
        for condition in conditions(name, size):
            run = condition.run
            state = "recorded"
            if run.digest not in shipped:
                state = "finished" if results.finished(condition) else "missing"
            lines.append((name, size, condition.name, "-".join(run.languages), run.task_name,
                          run.seed, run.tokens, run.digest, state))  # fmt: skip
    columns = ["experiment", "size", "condition", "languages", "task", "seed", "tokens", "digest",
               "state"]  # fmt: skip
    return pd.DataFrame(lines, columns=columns)


def export(experiment: str, path: Path, *, size: Size) -> int:
    """Write the finished or recorded rows of a size as .parquet, .csv or .json; how many.

    Raises ValueError when there are none.
    """
    import pandas as pd

    shipped = results.recorded(experiment)
    parts = []
    for condition in wanted(experiment, size):
        rows = shipped[shipped["digest"] == condition.run.digest]
        if len(rows):
            parts.append(rows)
        elif results.finished(condition):
            parts.append(results.finished_rows(experiment, condition, size=size))
    if not parts:
        raise ValueError(f"nothing of {experiment!r} at size {size!r} has finished yet.")
    rows = pd.concat(parts, ignore_index=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".json":
        rows.to_json(path, orient="records", indent=1)
    else:
        getattr(rows, f"to_{path.suffix[1:]}")(path, index=False)
    return len(rows)


def wanted(experiment: str, size: Size) -> list[Condition]:
    """The conditions of an experiment at a size. Raises ValueError where it has none."""
    every = conditions(experiment, size)
    if not every:
        others = ", ".join(each for each in SIZES if conditions(experiment, each))
        raise ValueError(f"{experiment!r} has nothing at size {size!r}; it has {others}.")
    return every


def likeness(config: Mapping) -> tuple[str, float]:
    """What runs of the same pace have in common, and how much there is to do at that pace.

    For a pretraining the shape of the encoder, of the batches and of the vocabulary, and the tokens;
    for another run the same of each that it starts from and everything else of it but seeds, and 1.
    """
    if "training" not in config:
        parts = {
            name: likeness(value) if isinstance(value, Mapping) else value
            for name, value in config.items()
            if name != "seed"
        }
        return json.dumps(parts, sort_keys=True), 1.0
    encoder, training = config["encoder"], config["training"]
    shape = (
        config["text"]["kind"], config["vocabulary"]["size"], encoder["layers"], encoder["width"],
        training["batch"], training["length"], training["precision"], training["optimiser"],
    )  # fmt: skip
    return json.dumps(shape), training["tokens"]


class Forecast:
    """Knows the paces of runs that have ended, and guesses those of others.

    device: the kind of device that the runs will have; None takes what any device took. apart: the
    digests of the pretrainings that are runs of their own.
    """

    def __init__(self, device: str | None = None, apart: Collection[str] = ()):
        self.device, self.apart = device, apart
        self._paces: dict[str, list[float]] = defaultdict(list)

    def recall(self, rows: pd.DataFrame) -> None:
        """Take in the rows of earlier runs, of any experiment."""
        for config, run in rows.groupby("config"):
            if self.device in (None, run["device"].iloc[0]):
                like, amount = likeness(json.loads(config))
                self._paces[like].append(run["seconds"].max() / amount)

    def learn(self, run: Run, seconds: float) -> None:
        """Take in a run that has ended just now, which says more than all earlier ones."""
        like, amount = likeness(json.loads(run.config_json()))
        self._paces[like] = [seconds / amount]

    def seconds(self, run: Run) -> float | None:
        """How long one run will take, or None when nothing like it has been seen.

        The seconds of a run's rows include those of the pretrainings it starts from.
        """
        like, amount = likeness(json.loads(run.config_json()))
        if like not in self._paces:
            return None
        apart = [self.seconds(below) for below in run.foundations() if below.digest in self.apart]
        return max(0.0, amount * statistics.median(self._paces[like]) - sum(filter(None, apart)))

    def left(self, runs: Sequence[Run], jobs: int) -> str:
        """The time until all runs have ended, `jobs` at a time, in words."""
        known = [seconds for run in runs if (seconds := self.seconds(run)) is not None]
        if not known:
            return "no estimate, since no like run is known"
        words = f"about {duration(max(max(known), sum(known) / jobs))}"
        unknown = len(runs) - len(known)
        return f"{words}, not counting {unknown} unlike any known run" if unknown else words


def duration(seconds: float) -> str:
    """Rounded to what matters: "40 s", "12 min", "3.3 h"."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"


def describe(condition: Condition) -> str:
    run = condition.run
    read = f"{run.tokens / 1e6:.3g}M tokens" if run.tokens else ""
    said = ", ".join(filter(None, [run.about, f"seed {run.seed}", read]))
    return f"{condition.name} ({said})"
