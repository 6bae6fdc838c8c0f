"""Language models whose word vectors may crowd into a cone (Gao et al. 2019).

`language_models` has causal models of whole words with tied embeddings, trained by likelihood
("mle"), with the cosine regulariser at several weights ("cosreg" is the authors' own weight, 1),
without a last layer normalisation, and masked models of the same shape. `encoder_words` measures
other people's encoders, `cures` tries every cure, and `english_models` does both on models of ours.
"""

from isomorph.models.settings import EncoderConfig, TrainingConfig
from isomorph.presets.recipes import smoke_text_run, text_run
from isomorph.results import Condition
from isomorph.runs import Cures, EncoderWords, Geometry, Pretraining, ShippedText, Theorem
from isomorph.sizes import Size, sized
from isomorph.text.vocab import VocabularyConfig

# Weights of the regulariser; the paper has 1 and calls the choice insensitive, without a sweep.
WEIGHTS = {"cosreg": 1.0, "cosreg_01": 0.1, "cosreg_10": 10.0, "cosreg_100": 100.0}
# Measured on the very models of "mle"; word2vec on the text that they read.
PARTS = {"frequent_words": "frequent", "rare_words": "rare", "layer_norm_direction": "states",
         "word2vec": "word2vec"}  # fmt: skip
NAMES = ("mle", "cosreg", "masked", *PARTS, "no_last_norm", "cosreg_10", "cosreg_100", "cosreg_01",
         "masked_cosreg")  # fmt: skip
THEOREMS = ("absent_word", "point_clouds", "strongly_convex")


@sized
def language_model(size: Size, seed: int, name: str = "mle") -> Pretraining:
    """One model; `name` is "mle", "masked", "no_last_norm", "masked_cosreg" or one of `WEIGHTS`."""
    layers, width = {"smoke": (2, 32), "laptop": (2, 64)}.get(size, (4, 128))
    changes = {"no_last_norm": {"final_norm": False}}
    changes |= {masked: {"causal": False} for masked in ("masked", "masked_cosreg")}
    encoder = EncoderConfig(
        **{"layers": layers, "width": width, "heads": width // 32, "causal": True,
           "softmax_bias": False} | changes.get(name, {})
    )  # fmt: skip
    text, words = ShippedText(languages=("en",), domains=("bible",)), 3000
    if size == "reference":
        # All English that ships has 10,556 different words.
        text = ShippedText(languages=("en",), domains=("bible+help",), half="both")
        words = 10_000
    tokens, batch, length, warmup = {
        "smoke": (20_000, 8, 32, 10), "laptop": (600_000, 16, 64, 50),
    }.get(size, (2_000_000, 32, 64, 50))  # fmt: skip
    training = TrainingConfig(
        tokens=tokens, batch=batch, length=length, warmup=warmup, continuous=True, masking=0.3,
        cosine=WEIGHTS.get(name.removeprefix("masked_"), 0.0),
    )  # fmt: skip
    return Pretraining(
        text=text, vocabulary=VocabularyConfig(size=words, units="words"), encoder=encoder,
        training=training, seed=seed,
    )  # fmt: skip


@sized
def language_models(size: Size) -> list[Condition]:
    """Do word vectors crowd into a cone, which words, and does the regulariser help? (2.3 to 2.6)"""
    if size == "paper":
        return []
    seeds = {"smoke": 1, "laptop": 5}.get(size, 3)
    return [Condition(name, geometry(size, seed, name)) for name in NAMES for seed in range(seeds)]


@sized
def geometry(size: Size, seed: int, name: str) -> Geometry:
    """A condition of `language_models`."""
    if name in PARTS:
        return Geometry(pretraining=language_model(size, seed), of=PARTS[name])
    of = "states" if name == "no_last_norm" else "words"
    return Geometry(pretraining=language_model(size, seed, name), of=of)


MINILM = "sentence-transformers/all-MiniLM-L6-v2"  # contrastively tuned, as E5 is
E5 = "intfloat/multilingual-e5-small"
BERT = "google-bert/bert-base-uncased"  # what the papers look at
WORDS_OF_AUTHORS = 21_722  # in the table that Liang et al. (2021) published


@sized
def encoder_words(size: Size) -> list[Condition]:
    """Do frequent words lie near the origin, and rare ones far and sparse? (3.1, 3.2, 4a.1, 4a.4)

    "pretrained" is MiniLM here and BERT at the papers' size.
    """
    if size == "smoke":
        return [Condition("glove", EncoderWords(encoder="glove", most=2000))]
    if size == "laptop":
        return [
            Condition("pretrained", EncoderWords(encoder=MINILM)),
            Condition("glove", EncoderWords(encoder="glove", most=20_000)),
            Condition("bible", EncoderWords(encoder="en")),
        ]
    if size == "reference":
        # As many words of GloVe as the language models of this size have.
        return [
            Condition("e5", EncoderWords(encoder=E5)),
            Condition("glove", EncoderWords(encoder="glove", most=10_000)),
        ]
    bert = EncoderWords(encoder=BERT)
    return [
        Condition("pretrained", bert),
        Condition("bert_base_uncased", bert.model_copy(update={"most": WORDS_OF_AUTHORS})),
    ]


@sized
def cures(size: Size) -> list[Condition]:
    """Which cure flattens the cone, and does that help? (3.3 to 3.5, 4a.2, 4a.3)

    One run has many conditions, a cure each; its own name says which encoder and task.
    """
    if size == "smoke":
        return []
    if size == "laptop":
        return [
            Condition("translations", Cures(encoder="en-fr", task="translations")),
            Condition("passages", Cures(encoder=MINILM, task="passages", prefix="minilm_")),
            Condition("passages_bible", Cures(encoder="en", task="passages", prefix="bible_")),
        ]
    tasks = ("word_similarity", "sentence_similarity")
    if size == "paper":
        return [Condition(task, Cures(encoder=BERT, task=task)) for task in tasks]
    sentences = {"": MINILM, "bible_": "en", "e5_": E5}
    return [
        Condition("word_similarity", Cures(encoder=MINILM, task="word_similarity")),
        *(
            Condition(f"{prefix}sentence_similarity",
                      Cures(encoder=encoder, task="sentence_similarity", prefix=prefix))
            for prefix, encoder in sentences.items()
        ),
    ]  # fmt: skip


@sized
def theorems(size: Size) -> list[Condition]:
    """Do the theorems hold where all their constants are known? (claims 2.1, 2.2 and 2.4)"""
    if size == "smoke":
        few = {"width": 3, "states": 20, "cases": 10, "steps": 300}
        return [Condition(name, Theorem(theorem=name, **few)) for name in THEOREMS]
    if size != "laptop":
        return []
    return [
        Condition(name, Theorem(theorem=name, seed=seed)) for seed in range(5) for name in THEOREMS
    ]


ENGLISH_SEEDS = (1, 2, 3, 4, 5)  # every recipe was tried on seed 100, which is in no row
SCORED = ("word_similarity", "sentence_similarity", "passages")
STATES = {"trained": "trained", "untrained": "random"}


def english_model(seed: int) -> Pretraining:
    """All English that ships, twelve times over; some 17 minutes on one core."""
    return text_run(
        ShippedText(languages=("en",), domains=("bible+help",), half="both", overlap="dropped"),
        seed=seed,
    )


def smoke_model(seed: int) -> Pretraining:
    """So small that a test can train it."""
    return smoke_text_run(ShippedText(languages=("en",), domains=("help",)), seed, layers=2)


def measured(model: Pretraining, tasks: tuple[str, ...]) -> list[Condition]:
    """A model and its beginning: their words, and every cure of them at each task."""
    return [
        condition
        for name, weights in STATES.items()
        for condition in (
            Condition(name, EncoderWords(encoder=model, weights=weights)),
            *(
                Condition(
                    f"{name}_{task}",
                    Cures(encoder=model, weights=weights, task=task, prefix=f"{name}_"),
                )
                for task in tasks
            ),
        )
    ]


@sized
def english_models(size: Size) -> list[Condition]:
    """Words and sentences of masked models with seeds of their own (3.1 to 3.5, 4a, 4b, 4c)

    A subject of the papers' own kind for what they say of BERT: five models that are trained by
    likelihood alone, with tied embeddings, and never told what a cosine is; and their first weights.
    """
    if size == "smoke":
        return measured(smoke_model(0), ("passages",))
    if size != "reference":
        return []
    wanted = [
        condition for seed in ENGLISH_SEEDS for condition in measured(english_model(seed), SCORED)
    ]
    # Weights are learnt for pairs of words, which takes longer than the model did: they come last.
    return sorted(wanted, key=lambda condition: condition.name.endswith("word_similarity"))
