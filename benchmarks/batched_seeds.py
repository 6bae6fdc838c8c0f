"""Are five seeds faster trained at once than one after another? See README.md beside this.

The default worlds of the experiment `factors`, which a sweep trains one seed a process. The
contestants take turns, alone and as two processes side by side, which is how a sweep runs.
"""

import argparse
import gc
import json
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pandas as pd
import torch
from pretraining import machine
from stacked import Stack, by_hand, train_stacked, transformed
from tqdm.auto import tqdm

from isomorph.models.masked_lm import BilingualMaskedLM
from isomorph.models.pretrain import initialise, pretrain
from isomorph.models.settings import TrainingConfig
from isomorph.presets.recipes import world_default
from isomorph.runs.pretraining import batches
from isomorph.text.vocab import learn

SINGLE = "single runs"
# How seeds are grouped, and how a group's losses are computed; None is the library's own loop.
CONTESTANTS = {
    SINGLE: (False, None),
    "stacked by vmap": (True, transformed),
    "stacked by hand": (True, by_hand),
    "by hand, one seed at a time": (False, by_hand),
}
EQUAL_STEPS, EQUAL = 20, 1e-5  # a parameter moves by about 0.02 in so many steps


class Seeds:
    """The runs of one condition, ready to train: a model and batches for each seed."""

    def __init__(self, count: int, sentences: int):
        self.runs = [world_default(seed, training_sentences=sentences) for seed in range(count)]
        self.sizes, self.batches = [], []
        for run in self.runs:
            corpus = run.text.corpus()
            vocabulary = learn(run.vocabulary, corpus.train)
            self.sizes.append(vocabulary.size)
            self.batches.append(batches(run, vocabulary, corpus))

    def models(self) -> list[BilingualMaskedLM]:
        return [
            initialise(run.encoder.shaped(size, run.languages, run.training.length), run.seed)
            for run, size in zip(self.runs, self.sizes, strict=True)
        ]

    def config(self, steps: int) -> TrainingConfig:
        """The training of the runs, over so many steps."""
        training = self.runs[0].training
        tokens = steps * training.batch * training.length
        return training.model_copy(update={"tokens": tokens})


def largest_differences(seeds: Seeds) -> dict[str, float]:
    """How far stacked runs are from single ones, in any parameter of any seed.

    Raises SystemExit when they differ by more than fp32 rounds: then they are not the same runs.
    """
    config, alone = seeds.config(EQUAL_STEPS), seeds.models()
    for model, own in zip(alone, seeds.batches, strict=True):
        pretrain(model, own, config, device="cpu", progress=False)
    found = {}
    for way in (transformed, by_hand):
        stack = Stack(seeds.models())
        train_stacked(stack, way, seeds.batches, config)
        differences = [
            (stack.single(seed)[name] - parameter).abs().max().item()
            for seed, model in enumerate(alone)
            for name, parameter in model.named_parameters()
        ]
        found[way.__name__] = max(differences)
        if not found[way.__name__] < EQUAL:
            raise SystemExit(f"Stacked runs ({way.__name__}) differ from single ones: {found}.")
    return found


def time_contestant(seeds: Seeds, name: str, warmup: int, steps: int) -> dict[str, float]:
    """Wall and processor milliseconds that a step of one seed takes; drawing its batch included."""
    together, way = CONTESTANTS[name]
    config, models, every = seeds.config(warmup + steps), seeds.models(), range(len(seeds.runs))
    wall = processor = 0.0
    for group in [every] if together else [[seed] for seed in every]:
        readings = []

        def read(model=None, readings=readings) -> list:
            readings.append((time.perf_counter(), time.process_time()))
            return []

        gc.collect()
        own = [seeds.batches[seed] for seed in group]
        if way is None:
            pretrain(
                models[group[0]], own[0], config, device="cpu", progress=False,
                marks=[warmup], measure=read,
            )  # fmt: skip
        else:
            stack = Stack([models[seed] for seed in group])
            train_stacked(stack, way, own, config, marks=[warmup], measure=read)
        wall += readings[1][0] - readings[0][0]
        processor += readings[1][1] - readings[0][1]
    share = 1000 / (steps * len(seeds.runs))
    return {"milliseconds": wall * share, "cpu_milliseconds": processor * share}


def time_drawing(seeds: Seeds, steps: int) -> float:
    """Processor milliseconds that drawing and masking one batch takes, of text already packed."""
    spent = []
    for _ in range(2):  # the first time packs an epoch
        began = time.process_time()
        for step in range(steps):
            for own in seeds.batches:
                own[step]
        spent.append(time.process_time() - began)
    return 1000 * spent[-1] / (steps * len(seeds.runs))


def start_worker(count: int, sentences: int, together) -> None:
    torch.set_num_threads(1)
    worker.update(seeds=Seeds(count, sentences), together=together)


def in_worker(name: str, processes: int, warmup: int, steps: int) -> dict[str, float]:
    if processes == 2:
        worker["together"].wait()
    return time_contestant(worker["seeds"], name, warmup, steps)


worker: dict = {}  # what each process keeps between turns


def compare(runs: pd.DataFrame) -> pd.DataFrame:
    """Single runs' time over each contestant's, both of the same round and process."""
    rows = []
    for processes, part in runs.groupby("processes"):
        turns = part.pivot(index=["round", "process"], columns="contestant")
        for name in list(CONTESTANTS)[1:]:
            row = {"processes": processes, "contestant": name}
            for measure in ("cpu_milliseconds", "milliseconds"):
                ratio = turns[measure][SINGLE] / turns[measure][name]
                row |= {
                    f"{measure}_{kind}": getattr(ratio, kind)() for kind in ("median", "min", "max")
                }
            rows.append(row)
    return pd.DataFrame(rows)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    numbers = (
        ("seeds", 5, 2, "of the condition"),
        ("steps", 10, 1, "timed steps a turn"),
        ("warmup", 3, 1, "steps before the clock starts"),
        ("rounds", 5, 1, "turns of each contestant"),
        ("sentences", 5000, 1000, "of each language's training text; a run has 50,000"),
    )
    for name, default, _, meaning in numbers:
        parser.add_argument(f"--{name}", type=int, default=default, help=f"{meaning} ({default})")
    parser.add_argument("--json", type=Path, help="write settings, machine, runs and ratios here")
    chosen = parser.parse_args()
    for name, _, least, _ in numbers:
        if (value := getattr(chosen, name)) < least:
            parser.error(f"{name} is {value}; allowed is {least} or more.")
    return chosen


def show(report: dict) -> None:
    print(f"Largest difference of a parameter after {EQUAL_STEPS} steps, stacked or single:")
    print(*(f"  {name}: {value:.1e}" for name, value in report["differences"].items()), sep="\n")
    print(f"Drawing a batch: {report['drawing_milliseconds']:.2f} ms of processor time\n")
    columns = ["milliseconds", "cpu_milliseconds"]
    medians = pd.DataFrame(report["runs"]).groupby(["processes", "contestant"], sort=False)
    print("Milliseconds a step of one seed, medians", medians[columns].median().round(1), sep="\n")
    ratios = pd.DataFrame(report["ratios"]).set_index(["processes", "contestant"])
    print("\nSingle runs' time over theirs (above 1: faster than single runs)")
    print(ratios.round(2).to_string())


def main() -> None:
    chosen = arguments()
    torch.set_num_threads(1)
    seeds = Seeds(chosen.seeds, chosen.sentences)
    report = {
        "settings": {name: value for name, value in vars(chosen).items() if name != "json"},
        "machine": machine("cpu"),
        "vocabularies": seeds.sizes,
        "differences": largest_differences(seeds),
        "drawing_milliseconds": time_drawing(seeds, chosen.steps),
    }
    context, runs = multiprocessing.get_context("spawn"), []
    start = (chosen.seeds, chosen.sentences, context.Barrier(2))
    turns = [(p, name) for name in CONTESTANTS for p in (1, 2)]
    with ProcessPoolExecutor(2, context, start_worker, start) as pool:
        # Every other round goes backwards, so that no contestant always follows the same one.
        order = [(r, t) for r in range(chosen.rounds) for t in turns[:: -1 if r % 2 else 1]]
        for turn, (processes, name) in tqdm(order, unit="turn"):
            task = (in_worker, name, processes, chosen.warmup, chosen.steps)
            asked = [pool.submit(*task) for _ in range(processes)]
            for process, answer in enumerate(asked):
                turn_of = {"round": turn, "processes": processes, "process": process}
                runs.append(turn_of | {"contestant": name} | answer.result())
    report |= {"ratios": compare(pd.DataFrame(runs)).to_dict("records"), "runs": runs}
    if chosen.json:
        chosen.json.parent.mkdir(parents=True, exist_ok=True)
        chosen.json.write_text(json.dumps(report, indent=1) + "\n")
    show(report)


if __name__ == "__main__":
    main()
