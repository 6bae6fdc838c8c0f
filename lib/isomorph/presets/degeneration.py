"""Language models whose word vectors may crowd into a cone (Gao et al. 2019).

`language_models` has causal models of whole words with tied embeddings, trained by likelihood
("mle"), with the cosine regulariser at several weights ("cosreg" is the authors' own weight, 1),
without a last layer normalisation, and masked models of the same shape. `encoder_words` measures
other people's encoders, `cures` tries every cure, and `english_models` does both on models of ours.
"""

from collections.abc import Iterator
from itertools import product

from isomorph.config import Size, known
from isomorph.models.settings import EncoderConfig, TrainingConfig
from isomorph.presets import recipes
from isomorph.presets.recipes import FRESH, crossed, experiment, smoke_text_run, text_run
from isomorph.results import Condition
from isomorph.runs import Cures, EncoderWords, Geometry, Pretraining, ShippedText, Theorem
from isomorph.text.vocab import VocabularyConfig

# Weights of the regulariser; the paper has 1 and calls the choice insensitive, without a sweep.
WEIGHTS = {"cosreg": 1.0, "cosreg_01": 0.1, "cosreg_10": 10.0, "cosreg_100": 100.0}
# Measured on the very models of "mle"; word2vec on the text that they read.
PARTS = {"frequent_words": "frequent", "rare_words": "rare", "layer_norm_direction": "states",
         "word2vec": "word2vec"}  # fmt: skip
NAMES = ("mle", "cosreg", "masked", *PARTS, "no_last_norm", "cosreg_10", "cosreg_100", "cosreg_01",
         "masked_cosreg")  # fmt: skip
DECIDING = ("mle", "cosreg", *PARTS)  # what primary predictions and their controls read
THEOREMS = ("absent_word", "point_clouds", "strongly_convex")


# Tokens, batch, length, warmup, layers and width; real text has the last.
SHAPES = {"smoke": (20_000, 8, 32, 10, 2, 32), "laptop": (600_000, 16, 64, 50, 2, 64)}
LARGEST = (2_000_000, 32, 64, 50, 4, 128)
CHANGES = {"no_last_norm": {"final_norm": False}, "masked": {"causal": False},
           "masked_cosreg": {"causal": False}}  # fmt: skip


def language_model(size: Size, seed: int, name: str = "mle") -> Pretraining:
    """One model; `name` is "mle", one of `CHANGES` or one of `WEIGHTS`."""
    tokens, batch, length, warmup, layers, width = SHAPES.get(known(size), LARGEST)
    encoder = {"layers": layers, "width": width, "heads": width // 32, "causal": True}
    text, words = ShippedText(languages=("en",), domains=("bible",)), 3000
    if size == "reference":
        # All English that ships has 10,556 different words.
        text = ShippedText(languages=("en",), domains=("bible+help",), half="both")
        words = 10_000
    return Pretraining(
        text=text, seed=seed, vocabulary=VocabularyConfig(size=words, units="words"),
        encoder=EncoderConfig(**encoder | {"softmax_bias": False} | CHANGES.get(name, {})),
        training=TrainingConfig(
            tokens=tokens, batch=batch, length=length, warmup=warmup, continuous=True, masking=0.3,
            cosine=WEIGHTS.get(name.removeprefix("masked_"), 0.0),
        ),
    )  # fmt: skip


def geometry(size: Size, seed: int, name: str) -> Geometry:
    """A condition of `language_models`."""
    if name in PARTS:
        return Geometry(pretraining=language_model(size, seed), of=PARTS[name])
    of = "states" if name == "no_last_norm" else "words"
    return Geometry(pretraining=language_model(size, seed, name), of=of)


@experiment
def language_models(size: Size):
    """Do word vectors crowd into a cone, which words, and does the regulariser help? (2.3 to 2.6)"""
    seeds = {"smoke": 1, "laptop": 5, "reference": 3}.get(size, 0)
    for names, each in (NAMES, range(seeds)), (DECIDING, FRESH if size == "laptop" else ()):
        yield from crossed(lambda name, seed: geometry(size, seed, name), names, each)


# "pretrained" is MiniLM here and BERT at size `hub`.
ENCODERS = {
    "smoke": [("glove", {"encoder": "glove", "most": 2000})],
    "laptop": [
        ("pretrained", {"encoder": recipes.MINILM}),
        ("glove", {"encoder": "glove", "most": 20_000}),
        ("bible", {"encoder": "en"}),
    ],
    # As many words of GloVe as the language models of this size have.
    "reference": [("e5", {"encoder": recipes.E5}), ("glove", {"encoder": "glove", "most": 10_000})],
    # As many as in the table that Liang et al. (2021) published.
    "hub": [("bert_base_uncased", {"encoder": recipes.BERT, "most": 21_722})],
}
# Public encoders that were trained by masking alone, each beside its shape with weights drawn anew.
MASKED = {
    "pretrained": recipes.BERT,
    **{"bert_L{}_H{}".format(*shape): name for shape, name in recipes.MINIATURES.items()},
    "distilbert": "distilbert/distilbert-base-uncased",
    "modernbert": "answerdotai/ModernBERT-base",
}


@experiment
def encoder_words(size: Size):
    """Do frequent words lie near the origin, and rare ones far and sparse? (3.1, 3.2, 4a.1, 4a.4)"""
    for name, fields in ENCODERS.get(size, ()):
        yield Condition(name, EncoderWords(**fields))
    if size == "hub":
        seeds = [("multiberts", name) for name in recipes.MULTIBERTS]
        for name, encoder in [*MASKED.items(), *seeds]:
            yield Condition(name, EncoderWords(encoder=encoder))
            yield Condition(f"untrained_{name}", EncoderWords(encoder=encoder, weights="random"))
        for step, encoder in product(recipes.STEPS, recipes.MULTIBERTS[:5]):
            yield Condition(f"step_{step}", EncoderWords(encoder=f"{encoder}-step_{step}"))


# Encoder, task and prefix. One run has many conditions, a cure each; its own name says which encoder
# and task.
CURED = {
    "smoke": [],
    "laptop": [
        ("translations", "en-fr", "translations", ""),
        ("passages", recipes.MINILM, "passages", "minilm_"),
        ("passages_bible", "en", "passages", "bible_"),
    ],
    "reference": [
        ("word_similarity", recipes.MINILM, "word_similarity", ""),
        ("sentence_similarity", recipes.MINILM, "sentence_similarity", ""),
        ("bible_sentence_similarity", "en", "sentence_similarity", "bible_"),
        ("e5_sentence_similarity", recipes.E5, "sentence_similarity", "e5_"),
    ],
    # Of no hub's sets, so that they take a mirror.
    "paper": [("word_similarity", recipes.BERT, "word_similarity", "")],
}
# What of MASKED is tuned to nothing and small enough to have its sentences compared in minutes.
COMPARED = ("pretrained", "bert_L2_H128", "bert_L4_H256", "bert_L4_H512", "bert_L8_H512", "distilbert",
            "modernbert")  # fmt: skip


@experiment
def cures(size: Size):
    """Which cure flattens the cone, and does that help? (3.3 to 3.5, 4a.2, 4a.3)"""
    for name, encoder, task, prefix in CURED.get(size, ()):
        yield Condition(name, Cures(encoder=encoder, task=task, prefix=prefix))
    if size == "hub":
        seeds = [("multiberts", name) for name in recipes.MULTIBERTS[:5]]
        for name, encoder in [*((name, MASKED[name]) for name in COMPARED), *seeds]:
            run = Cures(encoder=encoder, task="sentence_similarity")
            yield Condition(name, run)
            drawn = {"weights": "random", "prefix": "untrained_"}
            yield Condition(f"untrained_{name}", run.model_copy(update=drawn))


@experiment
def theorems(size: Size):
    """Do the theorems hold where all their constants are known? (claims 2.1, 2.2 and 2.4)"""
    if size == "smoke":
        few = {"width": 3, "states": 20, "cases": 10, "steps": 300}
        yield from crossed(lambda name, _: Theorem(theorem=name, **few), THEOREMS)
    for seed in range(5) if size == "laptop" else ():
        yield from (Condition(name, Theorem(theorem=name, seed=seed)) for name in THEOREMS)


ENGLISH_SEEDS = (1, 2, 3, 4, 5)  # every recipe was tried on seed 100, which is in no row


def english_model(seed: int) -> Pretraining:
    """All English that ships, twelve times over; some 17 minutes on one core."""
    return text_run(
        ShippedText(languages=("en",), domains=("bible+help",), half="both", overlap="dropped"),
        seed=seed,
    )


def smoke_model(seed: int) -> Pretraining:
    """So small that a test can train it."""
    return smoke_text_run(ShippedText(languages=("en",), domains=("help",)), seed, layers=2)


def measured(model: Pretraining, tasks: tuple[str, ...]) -> Iterator[Condition]:
    """A model and its beginning: their words, and every cure of them at each task."""
    for name, weights in {"trained": "trained", "untrained": "random"}.items():
        start = {"encoder": model, "weights": weights}
        yield Condition(name, EncoderWords(**start))
        for task in tasks:
            yield Condition(f"{name}_{task}", Cures(**start, task=task, prefix=f"{name}_"))


@experiment
def english_models(size: Size):
    """Words and sentences of masked models with seeds of their own (3.1 to 3.5, 4a, 4b, 4c)

    A subject of the papers' own kind for what they say of BERT: five models that are trained by
    likelihood alone, with tied embeddings, and never told what a cosine is; and their first weights.
    """
    if size == "smoke":
        return measured(smoke_model(0), ("passages",))
    seeds = ENGLISH_SEEDS if size == "reference" else ()
    scored = ("word_similarity", "sentence_similarity", "passages")
    wanted = [each for seed in seeds for each in measured(english_model(seed), scored)]
    # Weights are learnt for pairs of words, which takes longer than the model did: they come last.
    return sorted(wanted, key=lambda condition: condition.name.endswith("word_similarity"))
