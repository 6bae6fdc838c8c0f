"""Which factor makes a model multilingual: the ablations of Conneau, Wu et al. (ACL 2020, section 4).

`factors` has the ten rows of the paper's Table 1 by name, the dials that only a controlled world
has, what the paper did not take apart, and two floors. `elements` has those of Dufter and Schütze
(2020). Each condition changes one thing of `default`, of which it keeps everything else.
"""

from isomorph.models.settings import EncoderConfig, TrainingConfig, TuningConfig
from isomorph.presets.paper import PAPER_GRIDS, paper_table
from isomorph.results import Condition
from isomorph.runs import AnchorShare, Pretraining, ShippedText, Task, Transfer, WorldText
from isomorph.sizes import Size, sized
from isomorph.text.vocab import VocabularyConfig
from isomorph.text.worlds import World

SEEDS = 5
# A world's strings are shared to about the share that the shipped Bibles' subwords are.
ANCHORS = 0.3
PAIRS = (("en", "fr"), ("en", "ru"), ("en", "zh"))

# The paper's "Sep" rows name layers of eight; these are their shares of the stack.
EMBEDDINGS = ("embeddings", "positions", "softmax")
SEPARATE = {
    "sep_emb": (EMBEDDINGS, 0),
    "sep_l1_3": ((), 1 / 3),
    "sep_l1_6": ((), 3 / 4),
    "sep_emb_l1_3": (EMBEDDINGS, 1 / 3),
    "sep_emb_l1_6": (EMBEDDINGS, 3 / 4),
    # Not in the paper.
    "sep_positions": (("positions",), 0),
    "sep_softmax": (("softmax",), 0),
    "sep_top_3": ((), -1 / 3),
    "sep_top_6": ((), -3 / 4),
}
TABLE_ONE = (
    "default", "domain_mismatch", "no_anchors", "default_anchors", "extra_anchors",
    "sep_emb", "sep_l1_3", "sep_l1_6", "sep_emb_l1_3", "sep_emb_l1_6",
)  # fmt: skip
FLOORS = ("random_encoder", "monolingual")
BEYOND = ("sep_positions", "sep_softmax", "sep_top_3", "sep_top_6")
DIALS = {
    "topics_75": {"topic_overlap": 0.75},
    "topics_50": {"topic_overlap": 0.5},
    "topics_25": {"topic_overlap": 0.25},
    "anchors_00": {"anchors": 0.0},
    "anchors_15": {"anchors": 0.15},
    "anchors_45": {"anchors": 0.45},
    "anchors_60": {"anchors": 0.6},
}
# A distant second language: verbs last and no string in common. "far_x" is x between the two.
DISTANT = {"order": "verb-final", "anchors": 0.0}
FAR = ("far_default", "far_extra_anchors", "far_default_anchors", "far_sep_l1_6")
ORDERS = {
    "order_reversed": {"order": "reversed"},
    "order_verb_final": {"order": "verb-final"},
    "order_adjective": {"order": "adjective-after-noun"},
}
SHAPES = {
    "layers_2": {"layers": 2},
    "layers_6": {"layers": 6},
    "width_32": {"width": 32, "heads": 1},
    "width_128": {"width": 128, "heads": 4},
}


def separated(name: str, layers: int) -> tuple[str, ...]:
    """The language-specific parts of a "sep" condition, in a stack of so many layers."""
    parts, share = SEPARATE[name]
    count = round(abs(share) * layers)
    chosen = range(count) if share >= 0 else range(layers - count, layers)
    return (*parts, *(f"layer.{i}" for i in chosen))


def vary(default: Pretraining, name: str) -> Pretraining:
    """A condition's pretraining: the default one with what its name says changed.

    Raises ValueError for a name that is neither in the paper's table nor one of ours, or that the
    text knows nothing of.
    """
    vocabulary, training = default.vocabulary, default.training
    if name in ("default", *FLOORS):
        return default.model_copy(update={"read": "first"} if name == "monolingual" else {})
    if name in ("no_anchors", "default_anchors", "extra_anchors"):
        anchors = "none" if name == "no_anchors" else name.removesuffix("_anchors")
        changed = vocabulary.model_copy(update={"anchors": anchors})
        return default.model_copy(update={"vocabulary": changed})
    if name in SEPARATE:
        parts = separated(name, default.encoder.layers)
        return default.model_copy(
            update={
                # Two vocabularies joined, as in the paper; and random words of the same language.
                "vocabulary": vocabulary.model_copy(update={"anchors": "default"}),
                "encoder": default.encoder.model_copy(update={"specific": parts}),
                "training": training.model_copy(update={"random_words": "same"}),
            }
        )
    if name in FAR:
        far = default.model_copy(update={"text": _other_text(default.text, "far")})
        return vary(far, name.removeprefix("far_"))
    if name in SHAPES:
        return default.model_copy(
            update={"encoder": default.encoder.model_copy(update=SHAPES[name])}
        )
    if name == "domain_mismatch" or name in DIALS or name in ORDERS or name == "help_help":
        return default.model_copy(update={"text": _other_text(default.text, name)})
    raise ValueError(f"condition is {name!r}; it is none of the experiment 'factors'.")


def _other_text(text, name: str):
    dial = {"domain_mismatch": {"topic_overlap": 0.0}, "far": DISTANT} | DIALS | ORDERS
    domains = {"domain_mismatch": ("bible", "help"), "help_help": ("help", "help")}
    real = {name: {"domains": both} for name, both in domains.items()}
    copied = {name: dial[name] for name in dial if name.startswith("anchors_")}
    copied["order_reversed"] = ORDERS["order_reversed"]
    allowed = {"world": dial, "shipped": real, "copy": real | copied}.get(text.kind, {})
    if name not in allowed:
        raise ValueError(
            f"condition is {name!r}; of text of the kind {text.kind!r} allowed are {list(allowed)}."
        )
    if isinstance(text, WorldText):
        world = World(**text.world.model_dump() | dial[name])
        return text.model_copy(update={"world": world})
    return text.model_copy(update=allowed[name])


def world_default(seed: int, **changes) -> Pretraining:
    """Four layers, since layers are to be separated; three quarters of a minute on one CPU core."""
    settings = {"tokens": 1_500_000, "batch": 32, "length": 32, "masking": 0.2, "warmup": 50}
    return Pretraining(
        text=WorldText(world=World(seed=seed, anchors=ANCHORS, **changes)),
        vocabulary=VocabularyConfig(size=1000),
        encoder=EncoderConfig(layers=4, width=64, heads=2),
        training=TrainingConfig(**settings, optimiser="adamw", learning_rate=3e-3),
        seed=seed,
    )


# Whatever masked-LM training leaves at the first token, it was not trained to hold a sentence.
# How much to tune was chosen on two seeds of the default condition, before any other was tuned.
WORLD_TASKS = (
    Task(source="world_nli", train=5000, test=600, tuning=TuningConfig(pooling="mean")),
    Task(source="world_ner", train=2000, test=600, tuning=TuningConfig(epochs=2)),
    Task(source="world_parsing", train=1500, test=600),
)


def real_default(languages: tuple[str, str], seed: int) -> Pretraining:
    """The recipe of the learning curve's middle model on a quarter of its tokens."""
    return Pretraining(
        text=ShippedText(languages=languages),
        # Half of it is one language's where vocabularies are separate, and Chinese has 2,826 letters.
        vocabulary=VocabularyConfig(size=6000 if "zh" in languages else 5000),
        encoder=EncoderConfig(),
        training=TrainingConfig(
            tokens=3_000_000, batch=32, length=64, masking=0.3, precision="bf16"
        ),
        seed=seed,
    )


def _real_tuning(epochs: int, **changes) -> TuningConfig:
    return TuningConfig(epochs=epochs, learning_rate=5e-4, precision="bf16", **changes)


REAL_TASKS = (
    Task(source="passage_relation", train=4000, tuning=_real_tuning(2, pooling="mean")),
    Task(source="interface_terms", test=None, tuning=_real_tuning(3)),
    Task(source="xnli", test=2000, tuning=_real_tuning(1, pooling="mean")),
    Task(source="wikiann", train=5000, test=2000, tuning=_real_tuning(2)),
    Task(source="universal_dependencies", train=4000, test=None,
         tuning=_real_tuning(2)),
)  # fmt: skip


def smoke_default(seed: int) -> Pretraining:
    """So small that a test can train it."""
    world = World(seed=seed, anchors=ANCHORS, lexemes=64, training_sentences=2000,
                  dev_sentences=50, test_sentences=100)  # fmt: skip
    return Pretraining(
        text=WorldText(world=world),
        vocabulary=VocabularyConfig(size=500),
        encoder=EncoderConfig(layers=4, width=32, heads=2),
        training=TrainingConfig(
            tokens=30_000, batch=16, length=32, warmup=10, optimiser="adamw", learning_rate=5e-3
        ),
        seed=seed,
    )


SMOKE_TASKS = tuple(
    Task(source=source, train=60, test=60, tuning=TuningConfig(epochs=1))
    for source in ("world_nli", "world_ner", "world_parsing")
)


def transfer(pretraining: Pretraining, name: str, tasks: tuple[Task, ...]) -> Transfer:
    weights = "random" if name == "random_encoder" else "trained"
    return Transfer(pretraining=vary(pretraining, name), tasks=tasks, weights=weights)


def paper_transfer(pretraining: Pretraining) -> Transfer:
    """A row of Table 1 with the paper's tasks and its grids of ways to tune (section 3.2)."""
    sources = {"nli": "xnli", "ner": "wikiann", "parsing": "universal_dependencies"}
    tasks = []
    for name, source in sources.items():
        first, *others = (TuningConfig(**each) for each in PAPER_GRIDS[name].settings())
        whole = {"test": None, "development": None}
        tasks.append(Task(source=source, tuning=first, alternatives=tuple(others), **whole))
    return Transfer(pretraining=pretraining, tasks=tuple(tasks))


@sized
def factors(size: Size) -> list[Condition]:
    """What helps, and what hurts, zero-shot transfer? (Conneau, Wu et al. 2020, claims 1 to 7)"""
    table = (*TABLE_ONE, *FLOORS)
    if size == "smoke":
        return [Condition(n, transfer(smoke_default(0), n, SMOKE_TASKS)) for n in table]
    if size == "laptop":
        names = (*table, *BEYOND, *DIALS, *FAR, *ORDERS, *SHAPES)
        return [
            Condition(name, transfer(world_default(seed), name, WORLD_TASKS))
            for name in names
            for seed in range(SEEDS)
        ]
    if size == "paper":
        return [Condition(name, paper_transfer(run)) for name, run in paper_table()]
    # French first, with everything; then the other pairs; then more seeds.
    french = (*table, "help_help", *BEYOND, "layers_2", "layers_6")
    first = [(PAIRS[0], name, 0) for name in french]
    others = [(pair, name, 0) for pair in PAIRS[1:] for name in table]
    seeds = [(pair, name, seed) for seed in (1, 2) for pair in PAIRS for name in table]
    return [
        Condition(name, transfer(real_default(pair, seed), name, REAL_TASKS))
        for pair, name, seed in (*first, *others, *seeds)
    ]


ELEMENTS = {
    "original": {},
    "lang_pos": {"specific": ("positions",)},
    "shift_special": {"specific": ("special",)},
    "no_random": {"random_words": "none"},
    "all_three_overparam": {"specific": ("positions", "special"), "random_words": "none",
                            "width": 128, "heads": 4},
    "inv_order": {"order": "reversed"},
}  # fmt: skip


def element(default: Pretraining, name: str) -> Pretraining:
    """One of Dufter and Schütze's changes; nothing but special tokens is shared to begin with."""
    changes = dict(ELEMENTS[name])
    run = vary(default, "no_anchors")
    if "order" in changes:
        run = run.model_copy(update={"text": _other_text(run.text, "order_reversed")})
        del changes["order"]
    if words := changes.pop("random_words", None):
        training = run.training.model_copy(update={"random_words": words})
        run = run.model_copy(update={"training": training})
    return run.model_copy(update={"encoder": run.encoder.model_copy(update=changes)})


@sized
def elements(size: Size) -> list[Condition]:
    """Shared positions, shared special tokens, random words, few parameters. (Claims 11.1, 11.3)"""
    if size == "smoke":
        return [Condition(name, element(smoke_default(0), name)) for name in ELEMENTS]
    if size == "laptop":
        return [
            Condition(name, element(world_default(seed), name))
            for name in ELEMENTS
            for seed in range(SEEDS)
        ]
    return []


ANCHOR_POLICIES = ("no_anchors", "default_anchors", "default", "extra_anchors")
ANCHOR_DIAL = ("anchors_00", "anchors_15", "anchors_45", "anchors_60")
FAR_POLICIES = ("far_default_anchors", "far_default", "far_extra_anchors")


@sized
def anchor_shares(size: Size) -> list[Condition]:
    """What do the languages share in their text? Of one seed: another hardly changes it."""
    if size == "paper":  # its text is fetched, and too long to count for a figure in the margin
        return []
    return [
        Condition(condition.name, AnchorShare(pretraining=condition.run.pretraining))
        for condition in factors(size)
        if condition.name in (*ANCHOR_POLICIES, *ANCHOR_DIAL, *FAR_POLICIES)
        and condition.run.seed == 0
    ]
