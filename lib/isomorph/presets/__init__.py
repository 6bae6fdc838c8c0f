"""Experiments by name, at five sizes: each is a function from a size to its conditions.

`smoke` takes seconds and is for tests; `laptop` is controlled worlds on two CPU cores;
`reference` is real text, minutes a run on a GPU and most of an hour on a CPU core; `hub`
is public encoders, minutes a run with the hub at hand; `paper` is the papers' own size. Same code,
other configs; where an experiment makes no sense at a size, it has no run there.
"""

from itertools import product

from isomorph.config import Size
from isomorph.presets import (
    ablations,
    alignment,
    degeneration,
    elements,
    few_samples,
    fine_tuning,
)
from isomorph.presets.recipes import (
    EXPERIMENTS,
    crossed,
    experiment,
    paper_run,
    real_run,
    smoke_run,
    world_run,
)
from isomorph.results import Condition

__all__ = [
    "EXPERIMENTS", "ablations", "alignment", "conditions", "degeneration", "elements", "few_samples",
    "fine_tuning",
]  # fmt: skip

# Width, the model's name on the learning curve.
WIDTHS = {"narrow": 64, "middle": 128, "wide": 256}


@experiment
def learning_curve(size: Size):
    """When does a shared space appear, at which model size? (Dufter & Schütze 2020, claim 11.5)"""
    if size == "reference":
        runs = product(range(3), WIDTHS.items())
        return [Condition(n, real_run(seed=seed, width=width)) for seed, (n, width) in runs]
    if size == "laptop":
        return crossed(lambda _, seed: world_run(seed, marks=10), ["middle"], range(5))
    last = {"smoke": smoke_run(0), "paper": paper_run()}
    return [Condition("middle", last[size])] if size in last else []


@experiment
def encoders(size: Size):
    """The trained encoders that ship, for chapters that analyse real models in seconds."""
    if size == "reference":
        yield Condition("en-fr", real_run(("en", "fr")))
        yield Condition("en", real_run(("en",), half="even"))
        # The other half, so that the two together have seen no sentence with its translation.
        yield Condition("fr", real_run(("fr",), half="odd"))


def conditions(experiment: str, size: Size) -> list[Condition]:
    """The conditions of an experiment. Raises ValueError when it or the size does not exist."""
    if experiment not in EXPERIMENTS:
        raise ValueError(f"experiment is {experiment!r}; allowed are {sorted(EXPERIMENTS)}.")
    return EXPERIMENTS[experiment](size)
