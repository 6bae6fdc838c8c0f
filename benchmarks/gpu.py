"""What one GPU does with our training, our sweeps and our measures; see README.md beside this.

    .venv/bin/python benchmarks/gpu.py --json benchmarks/results/gpu.json

Under ten minutes on one GPU: what has not begun by then is left out, and the file says so. `--tiny`
does all of it on small models, on a processor too, to see that it works.
"""

import argparse
import json
import os
import platform
import subprocess
import tempfile
import time
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import torch

from isomorph import sweep
from isomorph.dry_run import flops_per_token
from isomorph.measure.retrieval import nearest
from isomorph.measure.similarity import linear_cka, procrustes
from isomorph.models import steps
from isomorph.models.masked_lm import Batch, mask
from isomorph.models.pretrain import initialise, pretrain
from isomorph.models.settings import EncoderConfig, TrainingConfig
from isomorph.presets import smoke_run
from isomorph.presets.recipes import world_run
from isomorph.results import Condition
from isomorph.runs import code_version
from isomorph.runs.run import device_name

WARM = 3  # steps before the clock starts
TOLERANCE = 2e-4  # of a measure on the GPU and on the processor


class Shape(NamedTuple):
    """A model, its batches, and how many of these are timed."""

    layers: int
    width: int
    heads: int
    vocabulary: int
    batch: int
    length: int
    steps: int


SHAPES = {  # a world's model, one of the reference size, one as in Conneau, Wu et al. (2020)
    "world": Shape(4, 64, 2, 1000, 32, 32, 200),
    "reference": Shape(4, 256, 8, 8000, 64, 128, 100),
    "paper": Shape(8, 768, 12, 80_000, 768, 256, 5),
}
TINY = {"tiny": Shape(1, 16, 2, 60, 4, 8, 4)}
MEASURED = {"cka": (20_000, 768), "procrustes": (20_000, 768), "csls": (40_000, 300)}


def training(shape: Shape, form: str, place: torch.device) -> dict:
    """Tokens a second of `pretrain` in a number format, and the FLOP/s that they need."""
    vocabulary, length, batch = shape.vocabulary, shape.length, shape.batch
    encoder = EncoderConfig(layers=shape.layers, width=shape.width, heads=shape.heads, norm="post")
    tokens = (WARM + shape.steps) * batch * length
    config = TrainingConfig(tokens=tokens, batch=batch, length=length, optimiser="adamw",
                            precision="bf16" if form == "bf16" else "fp32")  # fmt: skip
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(5, vocabulary, (batch, length), generator=generator)
    words = torch.arange(5, vocabulary)
    batches = [Batch("a", *mask(ids, config.masking, words, generator)) for _ in range(8)] * (
        config.steps // 8 + 1
    )
    model = initialise(encoder.shaped(vocabulary, ("a", "b"), length), 0)
    if place.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    with mock.patch.object(steps, "number_format", lambda precision, device: form):
        warm, end = pretrain(model, batches, config, device=place.type, progress=False,
                             marks=(WARM,))  # fmt: skip
    speed = shape.steps * batch * length / (end["seconds"] - warm["seconds"])
    flops = flops_per_token(encoder, vocabulary, length, config.masking)
    found = {"format": form, "tokens_per_second": speed, "flops_per_second": speed * flops,
             "loss": end["value"]}  # fmt: skip
    if place.type == "cuda":
        found["peak_gb"] = torch.cuda.max_memory_allocated() / 1e9
    return found


def products(form: str, place: torch.device, size: int) -> float:
    """FLOP/s of one large product of square matrices in a number format."""
    kind = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(form, torch.float32)
    a = torch.ones(size, size, dtype=kind, device=place)
    with (
        mock.patch.object(steps, "number_format", lambda precision, device: form),
        steps.computing(place, "fp32"),
    ):
        taken = min(timed(lambda: a @ a, place) for _ in range(5))
    return 2 * size**3 / taken


def timed(call, place: torch.device) -> float:
    """Seconds of a call, to its end on the device."""
    began = time.perf_counter()
    call()
    if place.type == "cuda":
        torch.cuda.synchronize(place)
    return time.perf_counter() - began


def measures(case: str, n: int, width: int, place: torch.device) -> dict:
    """Seconds of a measure on arrays on a device, the second time, and a value of it."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(n, width, generator=generator)
    y = x + 2 * torch.randn(n, width, generator=generator)
    x, y = x.to(place), y.to(place)
    call = {
        "cka": lambda: linear_cka(x, y),
        "procrustes": lambda: procrustes(x, y).diagonal().mean(),
        "csls": lambda: nearest(x, y, k=1, scoring="csls")[0].mean(),
    }[case]
    value = float(call())
    return {"case": case, "device": place.type, "seconds": timed(call, place), "value": value}


def small_runs(count: int, jobs: int, tiny: bool) -> dict:
    """Seconds of so many small worlds, trained and measured, some at a time on one device."""
    runs = [
        smoke_run(s, tokens=4000) if tiny else world_run(s, tokens=500_000) for s in range(count)
    ]
    with (
        tempfile.TemporaryDirectory() as cache,
        mock.patch.dict(os.environ, {"ISOMORPH_CACHE": cache}),
    ):
        began = time.monotonic()
        failures = sweep.execute([Condition(f"world {run.seed}", run) for run in runs],
                                 cluster="local", jobs=jobs)  # fmt: skip
        seconds = time.monotonic() - began
    if failures:
        raise SystemExit(f"{len(failures)} runs failed: {next(iter(failures.values()))}")
    return {"runs": count, "jobs": jobs, "seconds": seconds}


def machine(place: torch.device) -> dict:
    asked = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    commit = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
    return {
        "device": device_name(place), "cores": os.cpu_count(), "cuda": torch.version.cuda,
        "python": platform.python_version(), "torch": torch.__version__, "commit": commit or None,
        "isomorph": code_version("isomorph.runs.pretraining"),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="write settings, machine and results here")
    parser.add_argument("--tiny", action="store_true", help="small models, on a processor too")
    parser.add_argument("--minutes", type=float, default=9, help="nothing is begun later (9)")
    parser.add_argument("--jobs", type=int, help="small runs at a time (one a core, at most 16)")
    chosen = parser.parse_args()
    place = steps.device_named("auto")
    if place.type != "cuda" and not chosen.tiny:
        parser.error("there is no CUDA GPU here; --tiny tries it on a processor.")
    on_gpu, began = place.type == "cuda", time.monotonic()
    forms = ("fp32", "tf32", "bf16", "fp16") if on_gpu else ("fp32", "bf16")
    jobs = chosen.jobs or (2 if chosen.tiny else min(16, os.cpu_count()))
    report = {"machine": machine(place), "tiny": chosen.tiny, "left_out": []}

    def add(name: str, make, *given, **more) -> None:
        if time.monotonic() - began > 60 * chosen.minutes:
            report["left_out"].append(f"{name} {more}")
            return
        report.setdefault(name, []).append(more | make(*given))
        print(name, report[name][-1], flush=True)
        if chosen.json:
            chosen.json.parent.mkdir(parents=True, exist_ok=True)
            chosen.json.write_text(json.dumps(report, indent=1) + "\n")

    side = 8192 if on_gpu and not chosen.tiny else 64
    peaks = {form: products(form, place, side) for form in forms}
    report["product_flops_per_second"] = peaks
    shapes = TINY if chosen.tiny else SHAPES
    for name, shape in shapes.items():
        for form in forms:
            add("training", training, shape, form, place, shape=name)
    for each in report.get("training", []):
        each["utilisation"] = each["flops_per_second"] / peaks[each["format"]]
    for case, (n, width) in MEASURED.items():
        n, width = (100, 16) if chosen.tiny else (n, width)
        for device in {place.type: place, "cpu": torch.device("cpu")}.values():
            add("measures", measures, case, n, width, device)
    values: dict[str, list[float]] = {}
    for each in report.get("measures", []):
        values.setdefault(each["case"], []).append(each["value"])
    for case, both in values.items():
        if max(both) - min(both) > TOLERANCE:
            raise SystemExit(f"{case} is {both}: the devices do not agree.")
    add("sweep", small_runs, *((2, jobs, True) if chosen.tiny else (100, jobs, False)))
    if chosen.json:
        chosen.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
