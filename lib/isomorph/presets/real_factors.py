"""The factors of Conneau, Wu et al. (ACL 2020, table 1) on real text where transfer can be seen.

`copy_factors` has English with its copy, and `french_factors` English and French on more and more
varied text than `factors` has. Both are tuned on universal parts of speech, parsing and entities;
inference stands at its floor at this size.
"""

from isomorph.models.settings import EncoderConfig, TrainingConfig, TuningConfig
from isomorph.presets.ablations import ANCHORS, FLOORS, TABLE_ONE, transfer
from isomorph.results import Condition
from isomorph.runs import CopyText, Pretraining, ShippedText, Task
from isomorph.sizes import Size, sized
from isomorph.text.vocab import VocabularyConfig

SEEDS = (1, 2, 3, 4, 5)  # recipes were tried on seed 100, which is in no row
NAMES = (*TABLE_ONE, *FLOORS)
# No word in common, as in K et al. (2020); and its words from last to first.
BEYOND = ("anchors_00", "order_reversed")
BOTH = ("bible+help", "bible+help")

TUNING = TuningConfig(epochs=2, learning_rate=5e-4, precision="bf16")
TASKS = (
    Task(source="parts_of_speech", train=4000, test=None, tuning=TUNING),
    Task(source="universal_dependencies", train=4000, test=None, tuning=TUNING),
    Task(source="wikiann", train=5000, test=2000, tuning=TUNING),
)


def real_recipe(text: CopyText | ShippedText, tokens: int, seed: int) -> Pretraining:
    """That of `factors`; bf16 was half as fast again as fp32 where the precision was tried."""
    return Pretraining(
        text=text,
        vocabulary=VocabularyConfig(size=5000),
        encoder=EncoderConfig(layers=4, width=128, heads=4),
        training=TrainingConfig(
            tokens=tokens, batch=32, length=64, masking=0.3, precision="bf16"
        ),
        seed=seed,
    )  # fmt: skip


def copy_default(seed: int) -> Pretraining:
    """About as much of the subwords is shared as of English and French ones."""
    return real_recipe(CopyText(domains=BOTH, anchors=ANCHORS, seed=seed), 3_000_000, seed)


def french_default(seed: int) -> Pretraining:
    return real_recipe(ShippedText(domains=BOTH, overlap="dropped"), 12_000_000, seed)


def smoke_copy(seed: int) -> Pretraining:
    """So small that a test can train it."""
    return Pretraining(
        text=CopyText(domains=("help", "help"), anchors=ANCHORS, seed=seed),
        vocabulary=VocabularyConfig(size=1000),
        encoder=EncoderConfig(layers=4, width=32, heads=1),
        training=TrainingConfig(tokens=20_000, batch=8, length=64, warmup=10),
        seed=seed,
    )


SMOKE_TASKS = (Task(source="interface_terms", train=60, test=60, tuning=TuningConfig(epochs=1)),)


@sized
def copy_factors(size: Size) -> list[Condition]:
    """What helps transfer to a copy of English, word for word? (1.1, 1.2, 1.4 to 1.7)"""
    if size == "smoke":
        names = ("default", *FLOORS, *BEYOND)
        return [Condition(name, transfer(smoke_copy(0), name, SMOKE_TASKS)) for name in names]
    if size != "reference":
        return []
    return [
        Condition(name, transfer(copy_default(seed), name, TASKS))
        for names in (NAMES, BEYOND)
        for seed in SEEDS
        for name in names
    ]


@sized
def french_factors(size: Size) -> list[Condition]:
    """What helps transfer from English to French, on Bible and help? (1.1, 1.2, 1.4 to 1.7)"""
    if size != "reference":
        return []
    return [
        Condition(name, transfer(french_default(seed), name, TASKS))
        for seed in SEEDS
        for name in NAMES
    ]
