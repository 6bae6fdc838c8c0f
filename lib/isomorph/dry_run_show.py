"""A dry run as text: two tables, and what has to be known to read them."""

from __future__ import annotations

from statistics import mean
from typing import TYPE_CHECKING

from isomorph.dry_run import PAPER_HOURS, TUNING_SECONDS, DryRun
from isomorph.presets.paper import PAPER_GRIDS

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

PAPER_GPUS = 8
V100_PEAK = 125e12  # FLOP/s in 16 bit, of the maker's data sheet


def show(result: DryRun, console: Console | None = None) -> None:
    """Print it, on standard output unless a console is given."""
    from rich.console import Console

    console = console or Console()
    console.print(_trials(result))
    console.print(_costs(result))
    for note in notes(result):
        console.print(note, highlight=False)


def _trials(result: DryRun) -> Table:
    table = _table(
        f"Ten steps on {result.device}; the sample is from {result.text}",
        "model", "parameters", "subwords", "loss", "s/row", "s/update", "tokens/s",
    )  # fmt: skip
    for trial in result.trials:
        table.add_row(
            trial.name, f"{trial.parameters / 1e6:.1f}M", f"{trial.pieces:,}",
            f"{mean(trial.losses):.2f}", f"{trial.row:.2g}", f"{trial.update:.2g}",
            f"{trial.tokens_a_second:,.0f}",
        )  # fmt: skip
    return table


def _costs(result: DryRun) -> Table:
    table = _table(
        f"GPU-hours: one model of {result.tokens / 1e9:.3g}G tokens, and all {result.models}",
        "device", "rests on", "tokens/s", "pretrain", "tune", "all",
    )  # fmt: skip
    for one in result.estimates:
        speed = "" if one.tokens_a_second is None else f"{one.tokens_a_second:,.0f}"
        tuning = "?" if one.tuning is None else f"{one.tuning:,.0f}"
        table.add_row(
            one.device, one.basis, speed, f"{one.pretraining:,.0f}", tuning,
            f"{one.table(result.models):,.0f}",
        )  # fmt: skip
    return table


def _table(title: str, *headings: str) -> Table:
    from rich.box import SIMPLE
    from rich.table import Table

    table = Table(title=title, box=SIMPLE)
    for heading in headings:
        words = heading in ("model", "device", "rests on")
        table.add_column(heading, justify="left" if words else "right", no_wrap=not words)
    return table


def notes(result: DryRun) -> list[str]:
    """What the tables leave out, a paragraph each."""
    cost = (
        f"A token costs {result.flops / 1e6:.0f} MFLOP: 6 x (layers x (12 width^2 + 2 length x "
        "width) + masked share x vocabulary x width)."
    )
    step = (
        f"A real step has {result.batch} rows; tokens/s is that of such a step, one update and its "
        "rows. On a processor it is reckoned from steps of few rows, in 32-bit arithmetic."
    )
    memory = f"Memory: the whole text takes about {result.memory / 1e9:.0f} GB in each process."
    return [cost, step, _paper_hours(result), _tuning(), memory]


def _paper_hours(result: DryRun) -> str:
    needed = result.tokens * result.flops / (PAPER_HOURS * 3600)  # FLOP/s of each GPU
    return (
        "V100: the paper's own hours. With our count of tokens they would mean "
        f"{needed / 1e12:.1f} TFLOP/s a GPU, {needed / V100_PEAK:.1%} of its peak. If each of the "
        f"{PAPER_GPUS} GPUs counted epochs of its own, as the code base named in the paper does, "
        f"they read {PAPER_GPUS} times as many tokens, at {PAPER_GPUS * needed / V100_PEAK:.0%} of "
        f"the peak. For that reading take {PAPER_GPUS} times the pretraining."
    )


def _tuning() -> str:
    grids = PAPER_GRIDS.values()
    settings = sum(len(grid.settings()) for grid in grids)
    updates = sum(grid.updates() for grid in grids)
    whole = sum(grid.updates(whole=True) for grid in grids)
    return (
        f"Tuning: {settings} settings of three tasks, {updates / 1e6:.1f}M updates a model. One "
        f"takes {TUNING_SECONDS * 1000:.0f} ms where assumed, and as long as a step on one row "
        "where measured. Several tunings may share a GPU. If an epoch of inference were its whole "
        f"training set and not 20,000 pairs, there would be {whole / 1e6:.0f}M updates."
    )
