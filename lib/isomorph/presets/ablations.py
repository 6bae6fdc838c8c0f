"""Which factor makes a model multilingual: the ablations of Conneau, Wu et al. (ACL 2020, section 4).

`factors` has the ten rows of the paper's Table 1 by name, the dials that only a controlled world
has, what the paper did not take apart, and two floors. `copy_factors` has English with its copy, and
`french_factors` English and French on more and more varied text, both at a size where transfer can
be seen; inference stands at its floor there. Each condition changes one thing of `default`, of which it
keeps everything else.
"""

from collections.abc import Callable, Iterable
from functools import partial
from itertools import product

from isomorph.config import Size
from isomorph.models.settings import TuningConfig
from isomorph.presets.recipes import (
    ANCHORS,
    FRESH,
    PAPER_GRIDS,
    changed,
    crossed,
    experiment,
    paper_run,
    real_default,
    smoke_default,
    smoke_text_run,
    text_run,
    world_default,
)
from isomorph.results import Condition
from isomorph.runs import AnchorShare, CopyText, Pretraining, Run, ShippedText, Task, Transfer
from isomorph.text.worlds import World

SEEDS = 5
PAPER_LANGUAGES = ("fr", "ru", "zh")  # each with English (section 4)
PAIRS = (("en", "fr"), ("en", "ru"), ("en", "zh"))

# The paper's "Sep" rows name layers of eight; these are their shares of the stack. "Emb" includes the
# positions, and the softmax, which is tied to the embeddings (section 4.3).
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
TABLE = (*TABLE_ONE, *FLOORS)
BEYOND = ("sep_positions", "sep_softmax", "sep_top_3", "sep_top_6")
# What primary predictions and their controls read of worlds.
DECIDING = (*TABLE, "sep_softmax", "order_reversed", "far_default", "far_extra_anchors")
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


# What else a name changes: of a part of the default, or of its text by kind.
CHANGES = {
    "default": {},
    "random_encoder": {},
    "monolingual": {"read": "first"},
    "no_anchors": {"vocabulary": {"anchors": "none"}},
    "default_anchors": {"vocabulary": {"anchors": "default"}},
    "extra_anchors": {"vocabulary": {"anchors": "extra"}},
} | {name: {"encoder": shape} for name, shape in SHAPES.items()}
SHIPPED = {name: {"domains": both} for name, both in
           {"domain_mismatch": ("bible", "help"), "help_help": ("help", "help")}.items()}  # fmt: skip
TEXTS = {
    "world": {"domain_mismatch": {"topic_overlap": 0.0}, "far": DISTANT} | DIALS | ORDERS,
    "shipped": SHIPPED,
    "copy": SHIPPED
    | {name: dial for name, dial in (DIALS | ORDERS).items() if "anchors" in dial}
    | {"order_reversed": ORDERS["order_reversed"]},
    "hub": {"domain_mismatch": {"web": "the second language"}},
}


def vary(default: Pretraining, name: str) -> Pretraining:
    """A condition's pretraining: the default one with what its name says changed.

    Raises ValueError for a name that is neither in the paper's table nor one of ours, or that the
    text knows nothing of.
    """
    if name in CHANGES:
        return changed(default, **CHANGES[name])
    if name in SEPARATE:
        # Two vocabularies joined, and random words of the batch's language (section 4.3).
        parts = separated(name, default.encoder.layers)
        joined = vary(default, "default_anchors")
        return changed(joined, training={"random_words": "same"}, encoder={"specific": parts})
    if name in FAR:
        return vary(_with_text(default, "far"), name.removeprefix("far_"))
    if any(name in texts for texts in TEXTS.values()):
        return _with_text(default, name)
    raise ValueError(f"condition is {name!r}; it is none of the experiment 'factors'.")


def _with_text(run: Pretraining, name: str) -> Pretraining:
    allowed = TEXTS[run.text.kind]
    if name not in allowed:
        raise ValueError(
            f"condition is {name!r}; of text of the kind {run.text.kind!r} allowed are {list(allowed)}."
        )
    text = allowed[name]
    if run.text.kind == "world":
        text = {"world": World(**run.text.world.model_dump() | text)}
    elif run.text.kind == "hub":
        text = {"web": run.languages[1:]}
    return changed(run, text=text)


# Whatever masked-LM training leaves at the first token, it was not trained to hold a sentence.
# How much to tune was chosen on two seeds of the default condition, before any other was tuned.
WORLD_TASKS = (
    Task(source="world_nli", train=5000, test=600, tuning=TuningConfig(pooling="mean")),
    Task(source="world_ner", train=2000, test=600, tuning=TuningConfig(epochs=2)),
    Task(source="world_parsing", train=1500, test=600),
)


def _real_tuning(epochs: int, **changes) -> TuningConfig:
    return TuningConfig(epochs=epochs, learning_rate=5e-4, precision="bf16", **changes)


ENTITIES = Task(source="wikiann", train=5000, test=2000, tuning=_real_tuning(2))
TREEBANK = Task(source="universal_dependencies", train=4000, test=None, tuning=_real_tuning(2))
REAL_TASKS = (
    Task(source="passage_relation", train=4000, tuning=_real_tuning(2, pooling="mean")),
    Task(source="interface_terms", test=None, tuning=_real_tuning(3)),
    Task(source="xnli", test=2000, tuning=_real_tuning(1, pooling="mean")),
    ENTITIES,
    TREEBANK,
)


def smoke_tasks(*sources: str) -> tuple[Task, ...]:
    once = TuningConfig(epochs=1)
    return tuple(Task(source=source, train=60, test=60, tuning=once) for source in sources)


SMOKE_TASKS = smoke_tasks("world_nli", "world_ner", "world_parsing")


def transfer(pretraining: Pretraining, name: str, tasks: tuple[Task, ...]) -> Transfer:
    weights = "random" if name == "random_encoder" else "trained"
    return Transfer(pretraining=vary(pretraining, name), tasks=tasks, weights=weights)


def paper_rows(
    languages: tuple[str, str] = ("en", "fr"), seed: int = 0
) -> list[tuple[str, Pretraining]]:
    """The ten rows of Table 1 for one pair of languages, by name and in the table's order.

    Conneau, Wu et al. (2020, sections 4.1 to 4.3). Three rows stand in for the paper's:
    `domain_mismatch` (Wiki-CC) reads the second language from mC4, a cleaned Common Crawl, where
    the paper has a random part of Common Crawl; `extra_anchors` switches words by the shipped
    dictionaries, which are smaller than PanLex and have no quality weights; and where embeddings
    are separate each language has a row, and a score, for every subword of the union, not for its
    own 40,000 alone.
    """
    return [(name, vary(paper_run(languages, seed), name)) for name in TABLE_ONE]


def paper_table(seed: int = 0) -> list[tuple[str, Pretraining]]:
    """All thirty models of Table 1: ten rows for each of French, Russian and Chinese."""
    return [row for language in PAPER_LANGUAGES for row in paper_rows(("en", language), seed)]


def paper_transfer(pretraining: Pretraining) -> Transfer:
    """A row of Table 1 with the paper's tasks and its grids of ways to tune (section 3.2)."""
    sources = {"nli": "xnli", "ner": "wikiann", "parsing": "universal_dependencies"}
    tasks = []
    for name, source in sources.items():
        first, *others = (TuningConfig(**each) for each in PAPER_GRIDS[name].settings)
        whole = {"test": None, "development": None}
        tasks.append(Task(source=source, tuning=first, alternatives=tuple(others), **whole))
    return Transfer(pretraining=pretraining, tasks=tuple(tasks))


def in_worlds(
    size: Size,
    run: Callable[[Pretraining, str], Run],
    names: Iterable[str],
    seeds: Iterable[int] = range(SEEDS),
) -> list[Condition]:
    """The runs of some names on a world's default model, of each seed; at `smoke` on one that a test
    can train."""
    if size == "smoke":
        return crossed(lambda name, _: run(smoke_default(0), name), names)
    seeds = seeds if size == "laptop" else ()
    return crossed(lambda name, seed: run(world_default(seed), name), names, seeds)


@experiment
def factors(size: Size):
    """What helps, and what hurts, zero-shot transfer? (Conneau, Wu et al. 2020, claims 1 to 7)"""
    if size in ("smoke", "laptop"):
        tasks, names = (SMOKE_TASKS, TABLE) if size == "smoke" else (
            WORLD_TASKS, (*TABLE, *BEYOND, *DIALS, *FAR, *ORDERS, *SHAPES))  # fmt: skip
        run = partial(transfer, tasks=tasks)
        fresh = in_worlds(size, run, DECIDING, FRESH) if size == "laptop" else []
        return in_worlds(size, run, names) + fresh
    if size in ("hub", "paper"):  # the paper's models were never published
        table = paper_table() if size == "paper" else ()
        return [Condition(name, paper_transfer(run)) for name, run in table]
    # French first, with everything; then the other pairs; then more seeds.
    french = (*TABLE, "help_help", *BEYOND, "layers_2", "layers_6")
    more = [(pair, seed, TABLE) for seed in range(3) for pair in PAIRS][1:]
    return [
        Condition(name, transfer(real_default(pair, seed), name, REAL_TASKS))
        for pair, seed, names in [(PAIRS[0], 0, french), *more]
        for name in names
    ]


TEXT_SEEDS = (1, 2, 3, 4, 5)  # recipes were tried on seed 100, which is in no row
# No word in common, as in K et al. (2020); and its words from last to first.
COPY_BEYOND = ("anchors_00", "order_reversed")
BOTH = ("bible+help", "bible+help")
TEXT_TASKS = (
    Task(source="parts_of_speech", train=4000, test=None, tuning=_real_tuning(2)),
    TREEBANK,
    ENTITIES,
)


def copied(seed: int, domains: tuple[str, str] = BOTH) -> CopyText:
    """About as much of the subwords is shared as of English and French ones."""
    return CopyText(domains=domains, anchors=ANCHORS, seed=seed)


@experiment
def copy_factors(size: Size):
    """What helps transfer to a copy of English, word for word? (1.1, 1.2, 1.4 to 1.7)"""
    if size == "smoke":
        default = smoke_text_run(copied(0, ("help", "help")), 0, layers=4)
        run = partial(transfer, default, tasks=smoke_tasks("interface_terms"))
        yield from (Condition(name, run(name)) for name in ("default", *FLOORS, *COPY_BEYOND))
    elif size == "reference":
        for names, seed in product((TABLE, COPY_BEYOND), TEXT_SEEDS):
            default = text_run(copied(seed), seed=seed, tokens=3_000_000)
            yield from (Condition(name, transfer(default, name, TEXT_TASKS)) for name in names)


@experiment
def french_factors(size: Size):
    """What helps transfer from English to French, on Bible and help? (1.1, 1.2, 1.4 to 1.7)"""
    for seed in TEXT_SEEDS if size == "reference" else ():
        default = text_run(ShippedText(domains=BOTH, overlap="dropped"), seed=seed)
        for name in TABLE:
            yield Condition(name, transfer(default, name, TEXT_TASKS))


# What might let separate embeddings work in a world: room, time, and words; and what inference needs.
BIGGER = {
    "as_is": {},
    "wide": {"width": 256, "rate": 1.5e-3},  # at twice that it fits worse, on seed 100
    "long": {"tokens": 6_000_000},
    "many_words": {"lexemes": 1000, "words": 4000},
    "matched": {"premises": "matched"},
}
INFERENCE = Task(
    source="world_nli", train=10_000, test=1000, tuning=TuningConfig(pooling="mean", epochs=4)
)


@experiment
def bigger_worlds(size: Size):
    """What rescues separate embeddings, and in which world is inference learnt? (1.4)

    "wide_sep_emb" are separate embeddings in a wide model. Of "matched", premises tell nothing.
    """
    for world, seed in product(BIGGER, range(SEEDS) if size == "laptop" else ()):
        default = world_default(seed, **BIGGER[world])
        tasks = (INFERENCE,) if world == "matched" else WORLD_TASKS[1:]
        for name in ("default", "no_anchors", "sep_emb", "random_encoder"):
            yield Condition(f"{world}_{name}", transfer(default, name, tasks))


COUNTED = (
    "no_anchors", "default_anchors", "default", "extra_anchors",
    "anchors_00", "anchors_15", "anchors_45", "anchors_60",
    "far_default_anchors", "far_default", "far_extra_anchors",
)  # fmt: skip


@experiment
def anchor_shares(size: Size):
    """What do the languages share in their text? Of one seed: another hardly changes it."""
    if size == "paper":  # its text is fetched, and too long to count for a figure in the margin
        return []
    return [
        Condition(condition.name, AnchorShare(pretraining=condition.run.pretraining))
        for condition in factors(size)
        if condition.name in COUNTED and condition.run.seed == 0
    ]
