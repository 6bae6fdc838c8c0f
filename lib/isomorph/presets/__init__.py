"""Experiments by name, at four sizes: each is a function from a size to its conditions.

`smoke` takes seconds and is for tests; `laptop` is controlled worlds on two CPU cores;
`reference` is real text, minutes a run on a GPU and most of an hour on a CPU core; `paper` is the
papers' own size. Same code, other configs.
"""

from collections.abc import Callable
from functools import cache

from isomorph.models.settings import EncoderConfig, TrainingConfig
from isomorph.presets.ablations import anchor_shares, elements, factors
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
from isomorph.presets.paper import paper_run
from isomorph.presets.real_factors import copy_factors, french_factors
from isomorph.results import Condition
from isomorph.runs import Pretraining, ShippedText, WorldText
from isomorph.sizes import Size, known, sized
from isomorph.text.vocab import VocabularyConfig
from isomorph.text.worlds import World

# Width, the model's name on the learning curve, and its heads; 32 dimensions a head throughout.
WIDTHS = {"narrow": 64, "middle": 128, "wide": 256}


def world_encoder(width: int = 64) -> EncoderConfig:
    """Two layers: the smallest encoder in which two languages merge within a minute."""
    return EncoderConfig(layers=2, width=width, heads=width // 32)


def world_training(tokens: int = 1_500_000) -> TrainingConfig:
    """Half a minute on one CPU core, in fp32 so that every machine gets the same curve.

    AdamW on everything: on worlds Muon lowers the loss sooner and aligns the lexicons less.
    """
    return TrainingConfig(
        tokens=tokens, batch=32, length=32, masking=0.2, optimiser="adamw", learning_rate=5e-3,
        warmup=50,
    )  # fmt: skip


def world_run(seed: int, *, tokens: int = 1_500_000, width: int = 64, **world) -> Pretraining:
    """A bilingual model of a controlled world; the seed is the world's and the model's."""
    return Pretraining(
        text=WorldText(world=World(seed=seed, **world)),
        vocabulary=VocabularyConfig(size=1000),
        encoder=world_encoder(width),
        training=world_training(tokens),
        marks=10,
        seed=seed,
    )


def smoke_run(seed: int) -> Pretraining:
    """A world and a model so small that a test can train it."""
    return Pretraining(
        text=WorldText(
            world=World(seed=seed, lexemes=64, training_sentences=2000, dev_sentences=50,
                        test_sentences=100)
        ),
        vocabulary=VocabularyConfig(size=500),
        encoder=EncoderConfig(layers=2, width=32, heads=2),
        training=TrainingConfig(
            tokens=60_000, batch=16, length=32, warmup=10, optimiser="adamw", learning_rate=5e-3
        ),
        marks=3,
        seed=seed,
    )  # fmt: skip


def reference_training(tokens: int = 12_000_000, **changes) -> TrainingConfig:
    """A recipe by which English and French come to share a space within minutes on one core."""
    settings = {"batch": 32, "length": 64, "masking": 0.3, "precision": "bf16"}
    return TrainingConfig(tokens=tokens, **settings | changes)


def real_run(
    languages: tuple[str, ...] = ("en", "fr"),
    *,
    seed: int = 0,
    width: int = 128,
    tokens: int = 12_000_000,
    marks: int = 14,
    half: str = "even",
) -> Pretraining:
    """A model of the shipped Bibles at reference size."""
    domains = ("bible",) * len(languages)
    return Pretraining(
        text=ShippedText(languages=languages, domains=domains, half=half),
        vocabulary=VocabularyConfig(size=5000),
        encoder=EncoderConfig(width=width, heads=width // 32),
        training=reference_training(tokens),
        marks=marks,
        seed=seed,
    )


@sized
def learning_curve(size: Size) -> list[Condition]:
    """When does a shared space appear, at which model size? (Dufter & Schütze 2020, claim 11.5)"""
    if size == "smoke":
        return [Condition("middle", smoke_run(0))]
    if size == "laptop":
        return [Condition("middle", world_run(seed)) for seed in range(5)]
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
    tokens, width, marks = (50_000, 32, 1) if size == "smoke" else (300_000, 64, 1)
    run = real_run(width=width, tokens=tokens, marks=marks)
    # fp32, since not every reader's processor has fast bf16.
    training = run.training.model_copy(update={"precision": "fp32"})
    return [Condition("first steps", run.model_copy(update={"training": training}))]


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
