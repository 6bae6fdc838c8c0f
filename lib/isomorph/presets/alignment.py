"""Are monolingual models alike? The second half of Conneau, Wu et al. (ACL 2020, section 5).

`alignment` compares encoders on the same sentences and words: two models of one language each, one
model of both, an untrained one on the second side, and two seeds of one language. `layer_transfer`
learns tasks on the states of one model's layers and tests them through the other's.
"""

from functools import partial
from itertools import product

from isomorph.config import Size
from isomorph.models.settings import TuningConfig
from isomorph.presets.ablations import (
    BOTH,
    SEEDS,
    TEXT_SEEDS,
    in_worlds,
    smoke_tasks,
    vary,
)
from isomorph.presets.recipes import (
    E5,
    FRESH,
    changed,
    experiment,
    real_default,
    text_run,
    world_default,
)
from isomorph.results import Condition
from isomorph.runs import (
    Comparison,
    LayerTransfer,
    Pretraining,
    ShippedText,
    Task,
    WordVectors,
)

PAIRS = (("en", "fr"), ("en", "de"), ("en", "ru"), ("en", "zh"))
# The paper compares with LASER; E5, of a hundred languages, can be had and read safely.
MULTILINGUAL = {"mbert": "google-bert/bert-base-multilingual-cased",
                "xlm_r": "FacebookAI/xlm-roberta-base", "eurobert": "EuroBERT/EuroBERT-210m"}  # fmt: skip
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
        text = {"languages": (language,), "domains": (domain,), "half": half}
    else:
        text = {"only": language}
    apart = language == second or other_seed
    return changed(both, text=text, seed=both.seed + OTHER_SEED if apart else both.seed)


def compared(both: Pretraining, name: str, **fields) -> Comparison:
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


def word_vectors(both: Pretraining, _: str = "") -> WordVectors:
    """Skip-gram vectors of the same texts, as wide as the models, which read as many words."""
    return WordVectors(
        text=both.text, vocabulary=both.vocabulary, width=both.encoder.width,
        words_read=both.training.tokens, seed=both.seed,
    )  # fmt: skip


def carried_over(both: Pretraining, name: str, tasks: tuple[Task, ...]) -> LayerTransfer:
    """A condition of `layer_transfer`: "monolingual", rotated between two models, or "bilingual"."""
    first, second = both.languages
    if name == "bilingual":
        return LayerTransfer(text=both.text, source=both, tasks=tasks)
    real = isinstance(both.text, ShippedText)
    return LayerTransfer(
        text=both.text, source=monolingual(both, first), target=monolingual(both, second),
        aligner=both if real else None, tasks=tasks,
    )  # fmt: skip


OTHERS = {"others": ("help", "tatoeba")}
CONDITIONS = ("monolingual", "bilingual", "random", "same_language")


@experiment
def alignment(size: Size):
    """Do models of two languages align by a rotation, and how alike are they? (Claims 1.8 to 1.11)"""
    yield from in_worlds(size, compared, CONDITIONS)
    for name, seed in product(CONDITIONS[:2], range(SEEDS if size == "laptop" else 0)):
        distant = vary(world_default(seed), "far_default")
        yield Condition(f"far_{name}", compared(distant, name))
    yield from in_worlds(size, word_vectors, ["word_vectors"])
    if size == "laptop":
        yield from in_worlds(size, compared, CONDITIONS[:3], FRESH)
        yield from in_worlds(size, word_vectors, ["word_vectors"], FRESH)
    for seed in range(3) if size == "reference" else ():
        for both in (real_default(pair, seed) for pair in PAIRS):
            yield from (Condition(n, compared(both, n, **OTHERS)) for n in CONDITIONS[:3])
            yield Condition("word_vectors", word_vectors(both))
        # Once all pairs have a seed; what is compared with follows the first.
        same = compared(real_default(PAIRS[0], seed), "same_language")
        yield Condition("same_language", same)
        for pair in PAIRS if seed == 0 else ():
            text = ShippedText(languages=pair)
            yield Condition("e5", Comparison(text=text, hub=E5, **OTHERS))
    if size == "hub":
        for (name, encoder), pair in product(MULTILINGUAL.items(), PAIRS):
            run = Comparison(text=ShippedText(languages=pair), hub=encoder, **OTHERS)
            yield Condition(name, run)


@experiment
def text_alignment(size: Size):
    """The same on Bible and help together, of five seeds. (Claims 1.8, 1.10 and 1.11)"""
    for seed, pair in product(TEXT_SEEDS if size == "reference" else (), PAIRS[:2]):
        both = text_run(ShippedText(languages=pair, domains=BOTH, overlap="dropped"), seed=seed)
        yield from (Condition(name, compared(both, name, **OTHERS)) for name in CONDITIONS[:3])
        yield Condition("word_vectors", word_vectors(both))


@experiment
def layer_transfer(size: Size):
    """Which layer carries a task over best, and does a rotation do as well as sharing? (Claim 1.9)"""
    names = CONDITIONS[:2]
    tasks = smoke_tasks(*WORDS) if size == "smoke" else WORLD_TASKS
    run = partial(carried_over, tasks=tasks)
    yield from in_worlds(size, run, names)
    if size == "laptop":
        yield from in_worlds(size, run, names[:1], FRESH)
    for seed, pair in product(range(3 if size == "reference" else 0), PAIRS):
        both = real_default(pair, seed)
        yield from (Condition(name, carried_over(both, name, REAL_TASKS)) for name in names)
