"""Models by recipe, of a controlled world, of text that ships, and of the papers' own size; and what
experiments are made of.

A test's, so small that it is trained within a second or two, are `smoke_run` and `smoke_text_run`.
"""

from collections.abc import Callable, Iterable
from functools import cache, wraps
from itertools import product
from math import ceil
from typing import NamedTuple, TypeVar

from isomorph.config import Config, Size, known
from isomorph.models.settings import EncoderConfig, TrainingConfig
from isomorph.results import Condition
from isomorph.runs import CopyText, HubText, Pretraining, Run, ShippedText, WorldText
from isomorph.text.vocab import VocabularyConfig
from isomorph.text.worlds import World

SMALL = {"lexemes": 64, "training_sentences": 2000, "dev_sentences": 50, "test_sentences": 100}
# Looked at by nobody when the rules that decide were fixed. What a primary prediction or its control
# reads is run on them as well, and where these rows can decide, they alone do.
FRESH = range(5, 10)
# A world's strings are shared to about the share that the shipped Bibles' subwords are.
ANCHORS = 0.3
VOCABULARY = 80_000  # of the paper, of both languages together: 80k joint, or 40k and 40k

MINILM = "sentence-transformers/all-MiniLM-L6-v2"  # contrastively tuned, as E5 is
E5 = "intfloat/multilingual-e5-small"
BERT_EN = "bert-en"  # ships: a small BERT of English (`data/build/bert.py`), with a [CLS] that was trained
BERT = "google-bert/bert-base-uncased"  # what the papers look at
BERT_CASED = "google-bert/bert-base-cased"
BERT_LARGE = "google-bert/bert-large-uncased"  # of 24 blocks
MULTIBERTS = tuple(f"google/multiberts-seed_{seed}" for seed in range(25))
# Steps at which checkpoints of the first five are public, of 28.
STEPS = ("20k", "100k", "200k", "1000k")
_NAMED = {(2, 128): "tiny", (4, 256): "mini", (4, 512): "small", (8, 512): "medium"}
# Turc et al. (2019): blocks and width -> id. Of 12 and 768, the last, BERT itself stands in.
MINIATURES = {
    shape: f"gaunernst/bert-{_NAMED.get(shape, 'L{}-H{}'.format(*shape))}-uncased"
    for shape in [*product(range(2, 13, 2), (128, 256, 512, 768))][:-1]
}


class Shape(NamedTuple):
    """How large a public encoder is: blocks, width, and tokens of its vocabulary."""

    layers: int
    width: int
    vocabulary: int = 30_522

    @property
    def weights(self) -> int:
        """Of embeddings and blocks; norms, biases and positions are left out."""
        return self.vocabulary * self.width + 12 * self.layers * self.width**2


PUBLIC = {
    MINILM: Shape(6, 384), E5: Shape(12, 384, 250_037), BERT: Shape(12, 768),
    BERT_CASED: Shape(12, 768, 28_996), BERT_LARGE: Shape(24, 1024),
    "distilbert/distilbert-base-uncased": Shape(6, 768),
    "answerdotai/ModernBERT-base": Shape(22, 768, 50_368),
    "google-bert/bert-base-multilingual-cased": Shape(12, 768, 119_547),
    "FacebookAI/xlm-roberta-base": Shape(12, 768, 250_002),
    "EuroBERT/EuroBERT-210m": Shape(12, 768, 128_256),
} | {name: Shape(*shape) for shape, name in MINIATURES.items()}  # fmt: skip
"""Of an id that is not here, such as the MultiBERTs', BERT's own."""

C = TypeVar("C", bound=Config)
EXPERIMENTS: dict[str, Callable[[Size], list[Condition]]] = {}


def experiment(
    function: Callable[[Size], Iterable[Condition]],
) -> Callable[[Size], list[Condition]]:
    """Enters a function from a size to conditions among the experiments, by its name.

    A chapter asks many times, and a run's digest takes longer to find than its rows: each size is
    listed once. Raises ValueError for an unknown size.
    """
    listed = cache(lambda size: tuple(function(size)))

    @wraps(function)
    def of_known_size(size: Size) -> list[Condition]:
        return list(listed(known(size)))

    EXPERIMENTS[function.__name__] = of_known_size
    return of_known_size


def crossed(
    run: Callable[[str, int], Run], names: Iterable[str], seeds: Iterable[int] = (0,)
) -> list[Condition]:
    """A condition of each name, and within it of each seed."""
    return [Condition(name, run(name, seed)) for name, seed in product(names, seeds)]


def changed(config: C, **changes) -> C:
    """A copy with other values; those of a part of it as a dictionary of its fields."""
    parts = {
        name: getattr(config, name).model_copy(update=value) if isinstance(value, dict) else value
        for name, value in changes.items()
    }
    return config.model_copy(update=parts)


def model_of(
    text, words: int, encoder: dict, *, seed: int, marks: int = 1, **training
) -> Pretraining:
    """A pretraining by its text, the size of its vocabulary, and the fields of its parts."""
    return Pretraining(
        text=text, vocabulary=VocabularyConfig(size=words), encoder=EncoderConfig(**encoder),
        training=TrainingConfig(**training), marks=marks, seed=seed,
    )  # fmt: skip


def world_run(
    seed: int,
    *,
    layers: int = 2,
    width: int = 64,
    words: int = 1000,
    tokens: int = 1_500_000,
    rate: float = 5e-3,
    only: str | None = None,
    marks: int = 1,
    **world,
) -> Pretraining:
    """A model of a controlled world; the seed is the world's and the model's.

    Two layers are the fewest in which two languages merge within a minute. Half a minute on one CPU
    core, in fp32 so that every machine gets the same curve. AdamW on everything: on worlds Muon
    lowers the loss sooner and aligns the lexicons less.
    """
    return model_of(
        WorldText(world=World(seed=seed, **world), only=only), words,
        {"layers": layers, "width": width, "heads": width // 32}, seed=seed, marks=marks,
        tokens=tokens, batch=32, length=32, masking=0.2, optimiser="adamw", learning_rate=rate,
        warmup=50,
    )  # fmt: skip


def smoke_run(
    seed: int, *, layers: int = 2, tokens: int = 60_000, marks: int = 3, **world
) -> Pretraining:
    """A world and a model so small that a test can train it."""
    return model_of(
        WorldText(world=World(seed=seed, **SMALL, **world)), 500,
        {"layers": layers, "width": 32, "heads": 2}, seed=seed, marks=marks,
        tokens=tokens, batch=16, length=32, warmup=10, optimiser="adamw", learning_rate=5e-3,
    )  # fmt: skip


def world_default(seed: int, **changes) -> Pretraining:
    """Four layers, since layers are to be separated; three quarters of a minute on one CPU core."""
    return world_run(seed, **{"layers": 4, "rate": 3e-3, "anchors": ANCHORS} | changes)


def smoke_default(seed: int) -> Pretraining:
    """The same, so small that a test can train it."""
    return smoke_run(seed, layers=4, tokens=30_000, marks=1, anchors=ANCHORS)


def text_run(
    text: ShippedText | CopyText, *, tokens: int = 12_000_000, words: int = 5000, width: int = 128,
    **run,
) -> Pretraining:  # fmt: skip
    """The recipe by which English and French come to share a space within minutes on one core.

    bf16 was half as fast again as fp32 where the precision was tried. `run` has the seed and marks.
    """
    return model_of(
        text, words, {"width": width, "heads": width // 32},
        tokens=tokens, batch=32, length=64, masking=0.3, precision="bf16", **run,
    )  # fmt: skip


def real_run(
    languages: tuple[str, ...] = ("en", "fr"),
    *,
    seed: int = 0,
    half: str = "even",
    marks: int = 14,
    **changes,
) -> Pretraining:
    """A model of the shipped Bibles; `changes` are those of `text_run`."""
    text = ShippedText(languages=languages, domains=("bible",) * len(languages), half=half)
    return text_run(text, seed=seed, marks=marks, **changes)


def real_default(languages: tuple[str, str], seed: int) -> Pretraining:
    """The recipe of the learning curve's middle model on a quarter of its tokens."""
    # Half of it is one language's where vocabularies are separate, and Chinese has 2,826 letters.
    words = 6000 if "zh" in languages else 5000
    return real_run(languages, seed=seed, tokens=3_000_000, words=words, marks=1)


def smoke_text_run(text: ShippedText | CopyText, seed: int, *, layers: int) -> Pretraining:
    """A model of text that ships, so small that a test can train it."""
    shape = {"layers": layers, "width": 32, "heads": 1}
    return model_of(text, 1000, shape, seed=seed, tokens=20_000, batch=8, length=64, warmup=10)


def paper_run(languages: tuple[str, str] = ("en", "fr"), seed: int = 0) -> Pretraining:
    """The Default model of Conneau, Wu et al. (2020, section 3.1).

    The paper's count of batches does not fit its hours, so `tokens` is ours: 200 epochs of
    200,000 sentences of 256 tokens, an epoch being counted once. The code base the paper names
    counts it on each GPU: with the paper's eight that would be eight times as many. Lower case,
    WordPiece in place of BPE and the clipping of gradients are ours too, and Chinese is cut into
    characters where the paper has the Stanford segmenter's words.
    """
    return model_of(
        HubText(languages=languages), VOCABULARY,
        {"layers": 8, "width": 768, "heads": 12, "norm": "post", "activation": "gelu",
         "dropout": 0.1},
        seed=seed, marks=14, tokens=200 * 200_000 * 256, batch=768, length=256, continuous=True,
        optimiser="adamw", learning_rate=1e-4, weight_decay=0.0, warmup=30_000,
        schedule="inverse-sqrt", precision="bf16",
    )  # fmt: skip


class TuningGrid(NamedTuple):
    """Every combination among which a task's tuning is chosen, each as the fields of a
    `TuningConfig`, and the optimiser steps of them all."""

    settings: list[dict]
    updates: int


def grid(
    examples: int, batches: tuple[int, ...], rates: tuple[float, ...], heads: tuple = (None,),
    **fixed,
) -> TuningGrid:  # fmt: skip
    """examples: of an epoch. rates: of the encoder. heads: of the classifier; None is the encoder's."""
    settings = [
        {**fixed, "batch": batch, "learning_rate": rate, "head_rate": head or rate,
         "steps": fixed["epochs"] * ceil(examples / batch)}
        for batch, rate, head in product(batches, rates, heads)
    ]  # fmt: skip
    return TuningGrid(settings, sum(each["steps"] for each in settings))


# Of words: the sizes of WikiANN's English split by Rahimi et al. (2019) and of UD English-EWT 2.3.
TENTH = {"epochs": 10, "schedule": "linear", "warmup": 0.1}
PAPER_GRIDS = {
    "nli": grid(20_000, (4, 8), (1.25e-6, 2.5e-6, 5e-6), (5e-6, 2.5e-5, 1.25e-4),
                epochs=200, schedule="constant", warmup=0.0),
    "ner": grid(20_000, (16, 32), (2e-5, 3e-5, 5e-5), **TENTH),
    "parsing": grid(12_543, (16, 32), (2e-5, 3e-5, 5e-5), **TENTH),
}  # fmt: skip
"""The paper's grids by task (Conneau, Wu et al. 2020, section 3.2).

The language-specific parts are frozen while tuning (section 4.3). For NLI, on MultiNLI's 392,702
examples, the paper says 200 epochs and not how long one is. The published recipe of the code base it
names has epochs of 20,000 examples, which makes ten passes over the data; 200 passes would take
twenty times as long.
"""
