"""What is left of some experiments at a size, and what it costs: downloads, disk, memory, hours.

Beside each figure stands what it rests on. Of the papers' own models ten steps are taken
(`isomorph.dry_run`), which say how long their pretraining takes.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from importlib.util import find_spec
from math import ceil
from pathlib import Path
from statistics import median
from textwrap import fill
from typing import NamedTuple

import pandas as pd
import torch
from huggingface_hub import HfApi, constants, errors, try_to_load_from_cache

from isomorph import dry_run, processes, results, sweep
from isomorph.config import Size
from isomorph.models.pretrained import PACKAGED, PATIENCE, READ
from isomorph.models.settings import device_named
from isomorph.presets import conditions
from isomorph.presets.recipes import BERT, PUBLIC, Shape
from isomorph.runs import HubText, Pretraining, Run, run_from_json
from isomorph.runs.run import device_name
from isomorph.sweep.execution import in_order
from isomorph.text.corpora import TATOEBA, TATOEBA_CODES, WEB, WEB_CONFIGS, WIKIPEDIA
from isomorph.text.examples import SENTENCES
from isomorph.text.tasks import SOURCES, TREEBANKS

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


class Figure(NamedTuple):
    """A number and the letters of what it rests on, which NOTE explains."""

    value: float
    basis: str

    def __str__(self) -> str:
        number = f"{self.value:,.{int(0 < self.value < 10)}f} " if self != (0, "?") else ""
        return f"{number}{self.basis}".strip()


def total(figures: Iterable[Figure]) -> Figure:
    figures = list(figures)
    letters = {letter for each in figures for letter in each.basis}
    return Figure(sum(each.value for each in figures), "".join(sorted(letters)))


class Plan(NamedTuple):
    """A line an experiment, and one of all; of each thing of the hub, as `reads` names it, its
    megabytes; what ten steps gave, if any were taken; and what the figures rest on."""

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
    models = [(c.name, run) for every in wanted.values() for c in every for run in models_of(c.run)]
    models = [(name, run) for name, run in models if isinstance(run.text, HubText)]
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
        trained = {
            model.digest: weights(shape_of(model)) for run in runs for model in models_of(run)
        }
        kept = Figure(4e-6 * sum(trained.values()), "a" * bool(trained))
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
    gpus = (
        f"{sweep.duration(work / peak / UTILISATION)} on one {gpu}" for gpu, peak in PEAKS.items()
    )
    notes.append(f"These are hours of one {device_name(place)}. Their arithmetic alone takes, at {UTILISATION:.0%} "
                 f"of the data sheet's peak (assumed), {' and '.join(gpus)}.")  # fmt: skip
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
    return max([*public, *trained, Shape(4, 128, 5000)], key=weights)


def weights(shape: Shape) -> int:
    return shape.vocabulary * shape.width + 12 * shape.layers * shape.width**2


def memory_of(run: Run) -> float:
    """GB, as NOTE says."""
    trains = bool(models_of(run) or getattr(run, "task", None))
    return 1 + 1e-9 * weights(shape_of(run)) * (20 if trains else 8)


class Pace:
    """How long runs take here. tokens: a second, of a model that ten steps were taken with."""

    def __init__(self, forecast: sweep.Forecast, place: torch.device):
        self.forecast, self.place, self.tokens = forecast, place, None
        self.speed, self._like = speed_of(place), defaultdict(list)

    def recall(self, rows: pd.DataFrame) -> None:
        """Take in the rows of earlier runs; of those on encoders with a name also how long they took for
        their arithmetic."""
        self.forecast.recall(rows)
        named = rows[
            rows["config"].str.contains('"(?:encoder|hub)":"')
            & (rows["device"] == self.forecast.device)
        ]
        for config, seconds in named.groupby("config")["seconds"].max().items():
            run = run_from_json(config)
            for kind in self._kinds(run):
                self._like[kind].append(seconds / max(1.0, self.work(run)[0]))

    @staticmethod
    def _kinds(run: Run) -> tuple:
        """What a run is like, from what says most to what says least."""
        return (run.kind, run.task_name, getattr(run, "analyses", ())), (run.kind,)

    def work(self, run: Run) -> tuple[float, int]:
        """FLOPs and updates of a run with the pretrainings below it that are no runs of their own."""
        if isinstance(run, Pretraining):
            return run.training.tokens * dry_run.flops_of(run), run.training.steps
        below = [
            self.work(each) for each in run.foundations() if each.digest not in self.forecast.apart
        ]
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
        (flops, updates), measured = self.work(run), []
        for model in models_of(run) if self.tokens else ():
            if model is run or model.digest not in self.forecast.apart:
                measured.append(Figure(model.training.tokens / self.tokens / 3600, "m"))
                flops, updates = (
                    a - b for a, b in zip((flops, updates), self.work(model), strict=True)
                )
        like = next((self._like[kind] for kind in self._kinds(run) if kind in self._like), None)
        if like and not measured:
            seconds = median(like) * max(1.0, flops)
        else:
            least = UPDATE * updates if self.place.type != "cpu" else 0.0
            seconds = MEASURING + max(flops / self.speed, least)
        return total([*measured, Figure(seconds / 3600, "a")])


def speed_of(place: torch.device) -> float:
    """FLOP/s that runs are assumed to reach: half of those of a product of matrices on as many threads,
    on a GPU a quarter of those in bf16."""
    kind, share = (torch.float32, 0.5) if place.type == "cpu" else (torch.bfloat16, UTILISATION)
    with processes.limited():
        matrix, taken = torch.ones(1024, 1024, dtype=kind, device=place), []
        for _ in range(4):
            began = time.perf_counter()
            (matrix @ matrix)[0, 0].item()
            taken.append(time.perf_counter() - began)
    return share * 2 * 1024**3 / min(taken)


def reads(run: Run) -> Iterator[tuple[str, str, str]]:
    """What a run may read of the hub: "model" or "dataset", the id, and the configuration."""
    sources: set[str] = set()
    for part in _parts(json.loads(run.config_json())):
        for name in (part.get("encoder"), part.get("hub")):
            if isinstance(name, str) and "/" in name:
                yield "model", name, ""
        if isinstance(source := part.get("source"), str):
            sources.add(source)
        if "probes" in part.get("analyses", ()) and "/" in str(part["encoder"]):
            sources |= {"universal_dependencies", "wikiann"}
        for language in part["languages"] if part.get("kind") == "hub" else ():
            of, known = (WEB, WEB_CONFIGS) if language in part["web"] else (WIKIPEDIA, {})
            yield "dataset", of[0], of[1].format(known.get(language, language))
    for source in (SOURCES[name] for name in sources if SOURCES[name].public):
        for language in {*run.languages} & {*source.languages}:
            choice = TREEBANKS[language][0] if "head" in source.columns else language
            name, _ = source.place or (source.dataset, None)
            yield "dataset", name, source.config.format(choice)
    if run.task_name == "sentence_similarity":
        yield from (("dataset", name, "default") for name, _ in SENTENCES.values())
    if "tatoeba" in getattr(run, "others", ()):
        yield "dataset", TATOEBA[0], TATOEBA[1].format(TATOEBA_CODES[run.languages[-1]])


def _parts(value: object) -> Iterator[dict]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    for inner in value if isinstance(value, list) else ():
        yield from _parts(inner)


def here(kind: str, name: str, part: str) -> bool:
    """Whether a model or a data set is on this machine: in a mirror, a package or the hub's cache."""
    mirror = os.environ.get("ISOMORPH_MIRROR")
    if mirror and Path(mirror, name, part).is_dir():
        return True
    if kind == "dataset":
        kept = os.environ.get("HF_DATASETS_CACHE") or Path(constants.HF_HOME, "datasets")
        return Path(kept, name.replace("/", "___"), part).is_dir()
    packaged = name in PACKAGED and find_spec(PACKAGED[name][0])
    cached = any(
        isinstance(try_to_load_from_cache(name, file), str)
        for file in ("model.safetensors", "pytorch_model.bin")
    )
    return bool(packaged) or cached or Path(name).is_dir()


class Hub:
    """Asks the hub how large things are, and no more once it does not answer."""

    def __init__(self) -> None:
        self.away, self.known = bool(constants.HF_HUB_OFFLINE), {}

    def files(self, kind: str, name: str) -> dict[str, int]:
        """Bytes of each file; none where the hub does not say."""
        if not (self.away or name.startswith("local/") or (kind, name) in self.known):
            ask = {"repo_type": kind, "files_metadata": True, "timeout": PATIENCE}
            self.known[kind, name] = {}
            try:
                told = HfApi().repo_info(name, **ask).siblings
                self.known[kind, name] = {file.rfilename: file.size or 0 for file in told}
            except errors.HfHubHTTPError:  # of this one alone: the run will say it
                pass
            except Exception:  # noqa: BLE001 - errors of the network have no class of their own
                self.away = True
        return self.known.get((kind, name), {})

    def megabytes(self, kind: str, name: str, part: str) -> Figure:
        """Of what is still to be fetched."""
        if here(kind, name, part):
            return Figure(0.0, "")
        files = self.files(kind, name)
        if kind == "model":
            own = {file: size for file, size in files.items() if "/" not in file}
            safe = any(file.endswith(".safetensors") for file in own)
            kinds = READ if safe else (*READ, "pytorch_model.bin")
            told = sum(size for file, size in own.items() if file.endswith(tuple(kinds)))
        else:
            told = sum(n for f, n in files.items() if part == "default" or f"{part}/" in f)
        if told:
            return Figure(1e-6 * told, "m")
        assumed = 4e-6 * weights(PUBLIC.get(name, PUBLIC[BERT]))
        return Figure(assumed, "a") if kind == "model" else Figure(0.0, "?")


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
