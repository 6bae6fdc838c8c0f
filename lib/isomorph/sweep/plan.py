"""What is left of some experiments at a size, and what it costs: downloads, disk, memory, hours.

Beside each figure stands what it rests on. Of the papers' own models ten steps are taken
(`isomorph.dry_run`), which say how long their pretraining takes.
"""

from __future__ import annotations

import re
import timeit
from collections import defaultdict
from collections.abc import Sequence
from math import ceil
from statistics import median
from textwrap import fill
from typing import NamedTuple

import pandas as pd
import torch

from isomorph import dry_run, processes, results, sweep
from isomorph.config import Size
from isomorph.models.settings import device_named
from isomorph.presets import conditions
from isomorph.presets.recipes import BERT, PUBLIC, Shape
from isomorph.runs import HubText, Pretraining, Run, run_from_json
from isomorph.runs.run import device_name
from isomorph.sweep.downloads import Figure, Hub, reads, total
from isomorph.sweep.execution import in_order

# What is assumed of runs unlike any recorded one. A GPU's dense 16-bit FLOP/s are of the data sheet, of
# which models so narrow reach about a quarter.
PEAKS = {"A100": 312e12, "H100": 989e12}
UTILISATION = 0.25
UPDATE = 0.015  # seconds of an update at least, on a GPU: no few texts fill one
MEASURING = 20.0  # seconds of a run for what no encoder does
TOKENS = {"cures": 800_000, "comparison": 300_000, "encoder_words": 0}  # that each run reads
OTHERS, LENGTH = 100_000, 32  # that other runs read; of a text, where a task does not say
# To tune on, where a task takes all there are; of other sets 10,000.
EXAMPLES = {"xnli": 392_702, "squad": 87_599, "sst2": 67_349, "rocstories": 78_528, "sind": 40_155}
NOTE = """
r: recorded, of like runs on such a device. m: measured here and now, or told by the hub. a: assumed. ?: in
part unknown. Hours are of one run after another; where assumed, they are to those of runs on other encoders
as the arithmetic is. Memory is of the largest run: 20 bytes a weight that is trained, 8 of another, and
1 GB, without activations. Disk is downloads and trained models.
"""


class Plan(NamedTuple):
    """A line an experiment, and one of all; of each thing of the hub, as `downloads.reads` names it,
    its megabytes; what ten steps gave, if any were taken; and what the figures rest on."""

    table: pd.DataFrame
    downloads: dict[tuple[str, str, str], Figure]
    trials: pd.DataFrame | None
    notes: list[str]


def plan(names: Sequence[str], size: Size) -> Plan:
    """What is left to run of some experiments; those with no run of the size are left out.

    Ten steps are taken for one experiment of Wikipedia's text alone. Raises ValueError for an unknown
    experiment or size, and where none has a run.
    """
    wanted = {name: found for name in names if (found := conditions(name, size))}
    if not wanted:
        sweep.wanted(names[0], size)  # says so
    place = device_named("auto")
    pace = Pace(sweep.Forecast(device_name(place)), place)
    for name in results.experiments_recorded():
        pace.recall(results.recorded(name, ["config", "device", "seconds"]))
    trials, notes = None, [NOTE]
    first = next(iter(wanted.values()))
    models = [
        (c.name, run) for c in first for run in models_of(c.run) if isinstance(run.text, HubText)
    ]
    if models and len(wanted) == 1:
        trials, more = dry_run.ten_steps(models)
        pace.tokens, notes = trials["tokens_a_second"].mean(), [*more, NOTE]
    lines, downloads, hub, work = [], {}, Hub(), 0.0
    for name, every in wanted.items():
        shipped = results.recorded_digests(name)
        left = [c for c in every if c.run.digest not in shipped and not results.finished(c)]
        runs = [condition.run for condition in in_order(left)]
        pace.forecast.apart = {run.digest for run in runs}
        read = {each for run in runs for each in reads(run)}
        downloads |= {each: hub.megabytes(*each) for each in read - set(downloads)}
        own = {model.digest: shape_of(model).weights for run in runs for model in models_of(run)}
        kept = Figure(4e-6 * sum(own.values()), "a" * bool(own))
        memory = Figure(max(map(memory_of, runs), default=0.0), "a" * bool(runs))
        hours = total(pace.hours(run) for run in runs)
        work += sum(pace.work(run)[0] for run in runs)
        fetched = total(downloads[each] for each in read)
        lines.append([name, len(every), len(every) - len(left), fetched, kept, memory, hours])
    _, runs, done, _, kept, memory, hours = zip(*lines, strict=True)
    fetched = total(downloads.values())
    if len(lines) > 1:  # what several read is fetched once
        lines.append(["all", sum(runs), sum(done), fetched, total(kept), max(memory), total(hours)])
    for line in lines:
        line[4] = total(line[3:5])
    columns = ["experiment", "runs", "done", "fetch MB", "disk MB", "memory GB", "hours"]
    table = pd.DataFrame(lines, columns=columns)
    at = {gpu: sweep.duration(work / peak / UTILISATION) for gpu, peak in PEAKS.items()}
    gpus = (f"{taken} on one {gpu}" for gpu, taken in at.items())
    notes.append(f"These are hours of one {device_name(place)}. Their arithmetic alone takes, at "
                 f"{UTILISATION:.0%} of the data sheet's peak (assumed), {' and '.join(gpus)}.")  # fmt: skip
    return Plan(table, downloads, trials, notes)


def models_of(run: Run) -> tuple[Pretraining, ...]:
    """The models that a run trains, unless others have."""
    return (run,) if isinstance(run, Pretraining) else run.foundations()


def shape_of(run: Run) -> Shape:
    """Of the largest encoder of a run; vectors, and encoders that ship, are next to nothing."""
    named = (getattr(run, field, None) for field in ("encoder", "hub"))
    public = [PUBLIC.get(name, PUBLIC[BERT]) for name in named if "/" in str(name)]
    ours = [(model.encoder, model.vocabulary) for model in models_of(run)]
    trained = [Shape(encoder.layers, encoder.width, words.size) for encoder, words in ours]
    return max([*public, *trained, Shape(4, 128, 5000)], key=lambda shape: shape.weights)


def memory_of(run: Run) -> float:
    """GB, as NOTE says."""
    trains = bool(models_of(run) or getattr(run, "task", None))
    return 1 + 1e-9 * shape_of(run).weights * (20 if trains else 8)


class Pace:
    """How long runs take here. tokens: a second, of a model that ten steps were taken with."""

    def __init__(self, forecast: sweep.Forecast, place: torch.device):
        self.forecast, self.place, self.tokens = forecast, place, None
        self.speed, self._like = speed_of(place), defaultdict(list)

    def recall(self, rows: pd.DataFrame) -> None:
        """Take in the rows of earlier runs; of those on encoders with a name also how long they took for
        their arithmetic."""
        self.forecast.recall(rows)
        named = rows["config"].str.contains('"(?:encoder|hub)":"')
        rows = rows[named & (rows["device"] == self.forecast.device)]
        for config, seconds in rows.groupby("config")["seconds"].max().items():
            run = run_from_json(config)
            for kind in self._kinds(run):
                self._like[kind].append(seconds / max(1.0, self.work(run)[0]))

    @staticmethod
    def _kinds(run: Run) -> tuple:
        """What a run is like, from what says most to what says least."""
        return (run.kind, run.task_name, getattr(run, "analyses", ())), (run.kind,)

    def trained(self, run: Run) -> list[Pretraining]:
        """The models that the run itself trains, by the way."""
        return [each for each in run.foundations() if each.digest not in self.forecast.apart]

    def work(self, run: Run) -> tuple[float, int]:
        """FLOPs and updates of a run, with the pretrainings below it that are no runs of their own."""
        if isinstance(run, Pretraining):
            return run.training.tokens * dry_run.flops_of(run), run.training.steps
        below = map(self.work, self.trained(run))
        read, updates = TOKENS.get(run.kind, OTHERS), 0
        for task in (way for each in getattr(run, "tasks", ()) for way in each.ways()):
            many = task.train or EXAMPLES.get(task.source, 10_000)
            steps = task.tuning.steps or task.tuning.epochs * ceil(many / task.tuning.batch)
            updates += steps
            read += 3 * steps * task.tuning.batch * (task.longest or LENGTH)  # there and back
        own = 24 * shape_of(run).layers * shape_of(run).width ** 2 * read, updates
        return tuple(map(sum, zip(own, *below, strict=True)))

    def hours(self, run: Run) -> Figure:
        """As like runs took, by the tokens a second of ten steps, or by FLOPs."""
        if (known := self.forecast.seconds(run)) is not None:
            return Figure(known / 3600, "r")
        flops, updates = self.work(run)
        if like := next(
            (self._like[kind] for kind in self._kinds(run) if kind in self._like), None
        ):
            return Figure(median(like) * max(1.0, flops) / 3600, "a")
        stepped = [run] if isinstance(run, Pretraining) else self.trained(run)
        stepped = stepped if self.tokens else []
        measured = sum(model.training.tokens for model in stepped) / (self.tokens or 1)
        for model in stepped:
            flops, updates = (
                a - b for a, b in zip((flops, updates), self.work(model), strict=True)
            )
        least = UPDATE * updates if self.place.type != "cpu" else 0.0
        assumed = MEASURING + max(flops / self.speed, least)
        return Figure((measured + assumed) / 3600, "am" if stepped else "a")


def speed_of(place: torch.device) -> float:
    """FLOP/s that runs are assumed to reach: half of those of a product of matrices on as many threads,
    on a GPU a quarter of those in bf16."""
    kind, share = (torch.float32, 0.5) if place.type == "cpu" else (torch.bfloat16, UTILISATION)
    with processes.limited():
        matrix = torch.ones(1024, 1024, dtype=kind, device=place)
        taken = timeit.repeat(lambda: (matrix @ matrix)[0, 0].item(), number=1, repeat=4)
    return share * 2 * 1024**3 / min(taken)


def as_text(found: Plan) -> str:
    """The tables, what is fetched, alike names together, and what the figures rest on."""
    alike: dict[tuple[str, str], list[tuple[str, Figure]]] = {}
    for (kind, name, part), figure in sorted(found.downloads.items()):
        if figure.basis:
            shown = f"{name} ({part})" if part else name
            alike.setdefault((kind, re.sub(r"\d+", "", name)), []).append((shown, figure))
    lines = []
    for group in alike.values():
        more = f" and {len(group) - 1} like it" if len(group) > 1 else ""
        more += ", of a mirror alone" if group[0][0].startswith("local/") else ""
        lines.append(f"{total(figure for _, figure in group)!s:>11}  {group[0][0]}{more}")
    parts = [found.table.astype(str).to_string(index=False)]
    if found.trials is not None:
        parts.append(dry_run.as_table(found.trials))
    parts.append("\n".join(["Fetched, in MB:", *lines]) if lines else "Nothing is fetched.")
    return "\n\n".join([*parts, *(fill(" ".join(note.split()), 80) for note in found.notes)])
