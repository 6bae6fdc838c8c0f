"""Experiments by name, at four sizes: each is a function from a size to its conditions.

`smoke` takes seconds and is for tests; `laptop` is controlled worlds on two CPU cores;
`reference` is real text, minutes a run on a GPU and most of an hour on a CPU core; `paper` is the
papers' own size. Same code, other configs.
"""

from collections.abc import Callable
from functools import cache

from isomorph.presets.ablations import (
    anchor_shares,
    copy_factors,
    elements,
    factors,
    french_factors,
)
from isomorph.presets.alignment import alignment, layer_transfer
from isomorph.presets.degeneration import (
    cures,
    encoder_words,
    english_models,
    language_models,
    theorems,
)
from isomorph.presets.few_samples import few_samples
from isomorph.presets.fine_tuning import changes, class_vectors, orders, phrases_first
from isomorph.presets.recipes import paper_run, real_run, smoke_run, world_run
from isomorph.results import Condition
from isomorph.sizes import Size, known, sized

# Width, the model's name on the learning curve.
WIDTHS = {"narrow": 64, "middle": 128, "wide": 256}


@sized
def learning_curve(size: Size) -> list[Condition]:
    """When does a shared space appear, at which model size? (Dufter & Schütze 2020, claim 11.5)"""
    if size == "smoke":
        return [Condition("middle", smoke_run(0))]
    if size == "laptop":
        return [Condition("middle", world_run(seed, marks=10)) for seed in range(5)]
    if size == "paper":
        return [Condition("middle", paper_run())]
    return [
        Condition(name, real_run(seed=seed, width=width))
        for seed in range(3)
        for name, width in WIDTHS.items()
    ]


@sized
def first_steps(size: Size) -> list[Condition]:
    """The beginning of a run on real text: what a reader can watch in half a minute."""
    tokens, width = (50_000, 32) if size == "smoke" else (300_000, 64)
    # fp32, since not every reader's processor has fast bf16.
    run = real_run(width=width, tokens=tokens, marks=1, precision="fp32")
    return [Condition("first steps", run)]


@sized
def encoders(size: Size) -> list[Condition]:
    """The trained encoders that ship, for chapters that analyse real models in seconds."""
    if size != "reference":
        return []
    return [
        Condition("en-fr", real_run(("en", "fr"))),
        Condition("en", real_run(("en",), half="even")),
        # The other half, so that the two together have seen no sentence with its translation.
        Condition("fr", real_run(("fr",), half="odd")),
    ]


EXPERIMENTS: dict[str, Callable[[Size], list[Condition]]] = {
    "learning_curve": learning_curve,
    "first_steps": first_steps,
    "encoders": encoders,
    "factors": factors,
    "copy_factors": copy_factors,
    "french_factors": french_factors,
    "elements": elements,
    "anchor_shares": anchor_shares,
    "alignment": alignment,
    "layer_transfer": layer_transfer,
    "language_models": language_models,
    "encoder_words": encoder_words,
    "cures": cures,
    "english_models": english_models,
    "theorems": theorems,
    "changes": changes,
    "few_samples": few_samples,
    "class_vectors": class_vectors,
    "phrases_first": phrases_first,
    "orders": orders,
}


def conditions(experiment: str, size: Size) -> list[Condition]:
    """The conditions of an experiment. Raises ValueError when it or the size does not exist."""
    if experiment not in EXPERIMENTS:
        raise ValueError(f"experiment is {experiment!r}; allowed are {sorted(EXPERIMENTS)}.")
    return list(_listed(EXPERIMENTS[experiment], known(size)))


@cache
def _listed(experiment: Callable[[Size], list[Condition]], size: Size) -> tuple[Condition, ...]:
    # A chapter asks many times, and a run's digest takes longer to find than its rows.
    return tuple(experiment(size))
