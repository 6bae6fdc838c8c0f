"""Tokens a second of our pretraining against `transformers.Trainer`; see README.md beside this.

The same architecture, text, vocabulary, batch, length and threads on both sides, in turns. What is
timed is each side's own training loop after its warm-up, batches and masking included.
"""

import argparse
import gc
import json
import os
import platform
from pathlib import Path

import pandas as pd
import torch
import transformers
from contestants import (
    BASELINES,
    OURS,
    THEIR_ACTIVATION,
    TURNS,
    Contestant,
    Workload,
    compare_losses,
    time_ours,
    time_trainer,
)
from tqdm.auto import tqdm

from isomorph.runs import code_version

# Dense bf16 matrix product in TFLOP/s, from the makers' data sheets; longer names come first.
PEAKS = {
    "H100 PCIe": 756, "H100 NVL": 835, "H100": 989, "H200": 989, "A100": 312, "L40S": 362, "L4": 121,
}  # fmt: skip


def ratios(runs: pd.DataFrame) -> pd.DataFrame:
    """Ours over each baseline, both of the same round: the median and the extremes over rounds."""
    rows = []
    for dropout, part in runs.groupby("dropout", sort=False):
        speed = part.pivot(index="round", columns="contestant", values="tokens_per_second")
        cpu = part.pivot(index="round", columns="contestant", values="tokens_per_cpu_second")
        for mine in map(str, OURS):
            for theirs in map(str, BASELINES):
                ratio = speed[mine] / speed[theirs]
                rows.append(
                    {"dropout": dropout, "ours": mine, "baseline": theirs,
                     "median": ratio.median(), "min": ratio.min(), "max": ratio.max(),
                     "median_by_cpu_time": (cpu[mine] / cpu[theirs]).median()}
                )  # fmt: skip
    return pd.DataFrame(rows)


def machine(device: str) -> dict:
    """What the numbers were measured on, without naming the machine."""
    name, flags = platform.processor() or platform.machine(), set()
    if Path("/proc/cpuinfo").exists():
        lines = [line.partition(":") for line in Path("/proc/cpuinfo").read_text().splitlines()]
        listed = {key.strip(): value.strip() for key, _, value in lines}
        name = listed.get("model name", name)
        flags = set(listed.get("flags", listed.get("Features", "")).split())
    return {
        "processor": name,
        "cores": os.cpu_count(),
        "vector_instructions": torch.backends.cpu.get_cpu_capability(),
        "bf16_instructions": sorted(flags & {"avx512_bf16", "amx_bf16", "bf16"}),
        "gpu": torch.cuda.get_device_name() if device == "cuda" else None,
        "load_average_at_start": os.getloadavg()[0],
        "system": platform.system(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "isomorph": code_version("isomorph.runs.pretraining"),
    }


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    numbers = (
        ("width", 128, 32, "of the encoder; 32 dimensions a head"),
        ("vocabulary", 8000, 500, "subwords of both languages together"),
        ("layers", 4, 1, "of the encoder"),
        ("batch", 32, 1, "blocks or lines a step"),
        ("length", 128, 8, "tokens a block, and of the longest line"),
        ("steps", 40, 1, "timed steps a run"),
        ("warmup", 8, 1, "steps before the clock starts"),
        ("rounds", 3, 1, "turns of each contestant"),
        ("threads", 1, 1, "threads of the processor"),
    )
    for name, default, _, meaning in numbers:
        parser.add_argument(f"--{name}", type=int, default=default, help=f"{meaning} ({default})")
    parser.add_argument("--dropout", type=float, nargs="+", default=[0.1, 0.0], help="both sides'")
    parser.add_argument("--activation", choices=sorted(THEIR_ACTIVATION), default="gelu_tanh")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--peak-tflops", type=float, help="of the device, for the utilisation")
    parser.add_argument("--json", type=Path, help="write settings, machine, runs and ratios here")
    chosen = parser.parse_args()
    for name, _, least, _ in numbers:
        if (value := getattr(chosen, name)) < least:
            parser.error(f"{name} is {value}; allowed is {least} or more.")
    if chosen.width % 32:
        parser.error(f"width is {chosen.width}; allowed are multiples of 32.")
    for dropout in chosen.dropout:
        if not 0 <= dropout < 1:
            parser.error(f"dropout is {dropout}; allowed is from 0 to below 1.")
    if chosen.peak_tflops is not None and chosen.peak_tflops <= 0:
        parser.error(f"peak-tflops is {chosen.peak_tflops}; allowed is more than 0.")
    there = torch.cuda.is_available()
    if chosen.device == "cuda" and not there:
        parser.error("device is 'cuda'; here there is only 'cpu'.")
    if chosen.device == "auto":
        chosen.device = "cuda" if there else "cpu"
    if chosen.device == "cuda" and not chosen.peak_tflops:
        name = torch.cuda.get_device_name()
        chosen.peak_tflops = next((peak for key, peak in PEAKS.items() if key in name), None)
        if not chosen.peak_tflops:
            parser.error(f"the peak of {name!r} is not known here; give it as --peak-tflops.")
    return chosen


def one_run(work: Workload, who: Contestant, dropout: float) -> dict:
    gc.collect()
    timer = time_trainer if who.library == "Trainer" else time_ours
    run = timer(work, who, dropout)
    run["tokens_per_second"] = run["tokens"] / run["seconds"]
    run["tokens_per_cpu_second"] = run["tokens"] / run["cpu_seconds"]
    if work.chosen.peak_tflops and who.text != "lines":
        done = work.flops() * run["tokens_per_second"]
        run["utilisation"] = done / (work.chosen.peak_tflops * 1e12)
    return {"dropout": dropout, "contestant": str(who)} | run


def write(report: dict, path: Path | None) -> None:
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(report, indent=1) + "\n")


def show(runs: pd.DataFrame, compared: pd.DataFrame) -> None:
    measures = {"tokens_per_second": "{:,.0f}", "tokens_per_cpu_second": "{:,.0f}",
                "utilisation": "{:.1%}"}  # fmt: skip
    measures = {name: form.format for name, form in measures.items() if name in runs}
    speeds = runs.groupby(["dropout", "contestant"], sort=False)[list(measures)].median()
    print(
        "Medians over rounds",
        speeds.to_string(formatters=measures, na_rep=""),
        sep="\n",
        end="\n\n",
    )
    for title, cells in (
        ("Ours over the baseline: median (least to most)", compared.apply(_span, axis=1)),
        ("The same by processor time", compared["median_by_cpu_time"].map("{:.2f}".format)),
    ):
        table = compared.assign(cell=cells).pivot_table(
            index=["dropout", "ours"],
            columns="baseline",
            values="cell",
            aggfunc="first",
            sort=False,
        )
        print(title, table.to_string(), sep="\n", end="\n\n")


def _span(row: pd.Series) -> str:
    return f"{row['median']:.2f} ({row['min']:.2f} to {row['max']:.2f})"


def main() -> None:
    chosen = arguments()
    torch.set_num_threads(chosen.threads)
    transformers.logging.set_verbosity_error()
    settings = {name: value for name, value in vars(chosen).items() if name != "json"}
    report = {"settings": settings, "machine": machine(chosen.device)}
    work = Workload(chosen)
    report |= {
        "losses": compare_losses(work),
        "predicted_share": work.predicted,
        "flops_per_token": work.flops(),
        "attention_of_bert": work.bert(0.0).config._attn_implementation,
    }
    runs, per_round = [], len(chosen.dropout) * len(TURNS)
    with tqdm(total=chosen.rounds * per_round, unit="run") as bar:
        for turn in range(chosen.rounds):
            for dropout in chosen.dropout:
                for who in TURNS:
                    bar.set_description(f"{who}, dropout {dropout}")
                    runs.append({"round": turn} | one_run(work, who, dropout))
                    bar.update()
            compared = ratios(pd.DataFrame(runs))
            report |= {"ratios": compared.to_dict("records"), "runs": runs}
            write(report, chosen.json)  # an interrupted benchmark leaves its finished rounds
    show(pd.DataFrame(runs), compared)


if __name__ == "__main__":
    main()
