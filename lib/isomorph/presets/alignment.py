"""Are monolingual models alike? The second half of Conneau, Wu et al. (ACL 2020, section 5).

`alignment` compares encoders on the same sentences and words: two models of one language each, one
model of both, an untrained one on the second side, and two seeds of one language. `layer_transfer`
learns tasks on the states of one model's layers and tests them through the other's.
"""

from isomorph.models.settings import TuningConfig
from isomorph.presets.ablations import SEEDS, vary
from isomorph.presets.recipes import real_default, smoke_default, world_default
from isomorph.results import Condition
from isomorph.runs import (
    Comparison,
    LayerTransfer,
    Pretraining,
    ShippedText,
    Task,
    WordVectors,
)
from isomorph.sizes import Size, sized

PAIRS = (("en", "fr"), ("en", "de"), ("en", "ru"), ("en", "zh"))
# The paper compares with LASER; this encoder of a hundred languages can be had and read safely.
REFERENCE = "intfloat/multilingual-e5-small"
ONCE = TuningConfig(epochs=1)
# Half of what a transfer of the factors tunes on: the encoder is frozen, and there are five layers.
WORDS = ("world_ner", "world_parsing")
WORLD_TASKS = tuple(Task(source=source, train=1000, test=600) for source in WORDS)
REAL_TASKS = tuple(
    Task(source=source, train=3000, test=test, tuning=TuningConfig(epochs=2, precision="bf16"))
    for source, test in (("wikiann", 2000), ("universal_dependencies", None))
)
OTHER_SEED = 1000  # two models of one seed and shape would start from the same weights


def monolingual(both: Pretraining, language: str, *, other_seed: bool = False) -> Pretraining:
    """A model of one of two languages: what the bilingual one is, on that language's text alone.

    The second language's model has another seed, or the two would start from the same weights and
    not be trained apart; with `other_seed` so has that of the first.
    """
    first, second = both.languages
    if isinstance(both.text, ShippedText):
        domain = both.text.domains[both.languages.index(language)]
        half = "even" if language == first else "odd"
        changed = {"languages": (language,), "domains": (domain,), "half": half}
        text = both.text.model_copy(update=changed)
    else:
        text = both.text.model_copy(update={"only": language})
    apart = language == second or other_seed
    seed = both.seed + OTHER_SEED if apart else both.seed
    return both.model_copy(update={"text": text, "seed": seed})


def compared(name: str, both: Pretraining, **fields) -> Comparison:
    """A condition: "monolingual", "bilingual", "random" or "same_language"."""
    first, second = both.languages
    source, text = monolingual(both, first), both.text
    if name == "bilingual":
        return Comparison(text=text, source=both, **fields)
    if name == "same_language":
        other = monolingual(both, first, other_seed=True)
        return Comparison(text=source.text, source=source, target=other)
    weights = "random" if name == "random" else "trained"
    target = monolingual(both, second)
    return Comparison(text=text, source=source, target=target, weights=weights, **fields)


def word_vectors(both: Pretraining) -> WordVectors:
    """Skip-gram vectors of the same texts, as wide as the models, which read as many words."""
    return WordVectors(
        text=both.text, vocabulary=both.vocabulary, width=both.encoder.width,
        words_read=both.training.tokens, seed=both.seed,
    )  # fmt: skip


def carried_over(name: str, both: Pretraining, tasks: tuple[Task, ...]) -> LayerTransfer:
    """A condition of `layer_transfer`: "monolingual", rotated between two models, or "bilingual"."""
    first, second = both.languages
    if name == "bilingual":
        return LayerTransfer(text=both.text, source=both, tasks=tasks)
    real = isinstance(both.text, ShippedText)
    return LayerTransfer(
        text=both.text, source=monolingual(both, first), target=monolingual(both, second),
        aligner=both if real else None, tasks=tasks,
    )  # fmt: skip


CONDITIONS = ("monolingual", "bilingual", "random", "same_language")


@sized
def alignment(size: Size) -> list[Condition]:
    """Do models of two languages align by a rotation, and how alike are they? (Claims 1.8 to 1.11)"""
    if size == "smoke":
        both = smoke_default(0)
        runs = [Condition(name, compared(name, both)) for name in CONDITIONS]
        return [*runs, Condition("word_vectors", word_vectors(both))]
    if size == "laptop":
        near = [(name, name, world_default) for name in CONDITIONS]
        distant = [
            (f"far_{name}", name, lambda seed: vary(world_default(seed), "far_default"))
            for name in ("monolingual", "bilingual")
        ]
        runs = [
            Condition(label, compared(name, both(seed)))
            for label, name, both in (*near, *distant)
            for seed in range(SEEDS)
        ]
        plain = [Condition("word_vectors", word_vectors(world_default(s))) for s in range(SEEDS)]
        return [*runs, *plain]
    if size == "paper":
        return []
    others = {"others": ("help", "tatoeba")}
    reference = [
        Condition("e5", Comparison(text=ShippedText(languages=pair), hub=REFERENCE, **others))
        for pair in PAIRS
    ]
    runs = [
        condition
        for seed in range(3)
        for pair in PAIRS
        for condition in (
            *(
                Condition(n, compared(n, real_default(pair, seed), **others))
                for n in CONDITIONS[:3]
            ),
            Condition("word_vectors", word_vectors(real_default(pair, seed))),
        )
    ]
    same = [
        Condition("same_language", compared("same_language", real_default(PAIRS[0], seed)))
        for seed in range(3)
    ]
    first = [condition for condition in runs if condition.run.seed == 0]
    return [*first, same[0], *reference, *runs[len(first) :], *same[1:]]


@sized
def layer_transfer(size: Size) -> list[Condition]:
    """Which layer carries a task over best, and does a rotation do as well as sharing? (Claim 1.9)"""
    names = ("monolingual", "bilingual")
    if size == "smoke":
        tasks = tuple(Task(source=s, train=60, test=60, tuning=ONCE) for s in WORDS)
        return [Condition(n, carried_over(n, smoke_default(0), tasks)) for n in names]
    if size == "laptop":
        return [
            Condition(name, carried_over(name, world_default(seed), WORLD_TASKS))
            for name in names
            for seed in range(SEEDS)
        ]
    if size == "paper":
        return []
    return [
        Condition(name, carried_over(name, real_default(pair, seed), REAL_TASKS))
        for seed in range(3)
        for pair in PAIRS
        for name in names
    ]
