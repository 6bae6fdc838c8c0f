"""What fine-tuning changes: how far, where, on how few examples, and what helps.

In worlds, one small masked model is tuned on tasks whose answers are known by construction; a
reader can do that in seconds. On real text it is the small BERT that ships, and MiniLM, a pretrained
English encoder that was contrastively tuned; BERT of fewer blocks at `hub`, and BERT at the papers'
size. A condition says how an encoder is tuned, and a row's pair on which task.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from math import ceil

from isomorph.config import Size
from isomorph.models.settings import TuningConfig
from isomorph.presets import recipes
from isomorph.presets.recipes import FRESH, SMALL, changed, experiment, world_run
from isomorph.results import Condition
from isomorph.runs import FineTuning, Pretraining, Task

FEW = 1000  # examples: what Zhang et al. (2021) take of larger sets
HALF = "first half"  # of a world's topics: the rest is out of domain
FEWER = {"train": 100, "test": 50, "development": 20}  # of a test


def world_encoder(seed: int = 0, *, smoke: bool = False) -> Pretraining:
    """A masked model of one language of a world: six blocks, so that their depth can be told."""
    if smoke:
        return world_run(seed, words=500, tokens=60_000, only="a", **SMALL)
    return world_run(seed, layers=6, tokens=1_000_000, only="a")


# What is kept from moving, or cut off, as shares of the blocks; the paper of claim 5.5 freezes 8 of 12.
DEPTHS = {
    "frozen_third": ("frozen", 1 / 3),
    "frozen_two_thirds": ("frozen", 2 / 3),
    "frozen_all": ("frozen", 1.0),
    "kept_third": ("kept", 1 / 3),
    "kept_two_thirds": ("kept", 2 / 3),
}
RATES = {"learning_rate": 2e-4, "head_rate": 1e-3}  # of MiniLM: tried on another seed
# Of E5, likewise: at MiniLM's rate two of three seeds hardly learnt. Small BERTs take it untried.
E5_RATES = RATES | {"learning_rate": 1e-4}
WORLD_TASKS = [
    Task(source=source, topics=HALF, train=train, test=600, tuning=TuningConfig(**tuning))
    for source, train, tuning in (
        ("world_nli", 3000, {"pooling": "mean", "epochs": 4}),
        ("world_questions", 3000, {"epochs": 4}),
        ("world_parsing", 1500, {}),
    )
]
REAL_TASKS = [
    Task(
        source=source, train=train, test=500, longest=longest,
        tuning=TuningConfig(epochs=1, precision="bf16", **RATES, **tuning),
    )
    for source, train, longest, tuning in (
        ("xnli", 3000, 64, {"pooling": "mean"}),
        ("tydiqa", 2000, 128, {"batch": 16}),
        ("universal_dependencies", 3000, None, {}),
    )
]  # fmt: skip
# Of the small BERT that ships: on seed 100, by development scores, the best of 2e-5 to 2e-4 of STS-B,
# the treebank and questions, and 16 points of inference better than 2e-5.
BERT_RATES = RATES
# It has read less than MiniLM: of inference it needs all that the mirror has, and its pooler was trained.
BERT_TASKS = [
    changed(REAL_TASKS[0], train=9000, tuning={"epochs": 2, "pooling": "pooler", **BERT_RATES}),
    *(changed(task, tuning=BERT_RATES) for task in REAL_TASKS[1:]),
]
HUB_TASKS = [changed(task, tuning=E5_RATES) for task in REAL_TASKS]
# Merchant et al. tune BERT-base on all of MNLI, SQuAD and a treebank.
PAPER_TASKS = [
    Task(
        source=source, test=None,
        tuning=TuningConfig(learning_rate=2e-5, head_rate=1e-3, dropout=0.1, **tuning),
    )
    for source, tuning in (
        ("xnli", {"pooling": "pooler"}), ("squad", {}), ("universal_dependencies", {}),
    )
]  # fmt: skip


@experiment
def changes(size: Size):
    """What moves when an encoder is tuned, what stays, and which layers matter? (5.1 to 5.6)"""
    moved = ("similarity", "reversion")
    if size == "smoke":
        start, task = world_encoder(smoke=True), changed(WORLD_TASKS[0], **FEWER)
        run = FineTuning(encoder=start, other=changed(start, seed=1000), task=task, analyses=moved)
        yield Condition("tuned", run)
        return
    tuned = {
        "laptop": [(None, 6, WORLD_TASKS)],
        "reference": [(recipes.MINILM, 6, REAL_TASKS), (recipes.BERT_EN, 8, BERT_TASKS)],
        "hub": [(recipes.MINIATURES[blocks, 512], blocks, HUB_TASKS) for blocks in (4, 8)],
        "paper": [(recipes.BERT, 12, PAPER_TASKS)],
    }[size]
    seeds = {"laptop": (*range(5), *FRESH), "paper": range(3)}.get(size, range(5))
    for (encoder, blocks, tasks), seed in product(tuned, seeds):
        other = None
        if size == "laptop":
            encoder = world_encoder(seed)
            other = changed(encoder, seed=seed + 1000)
        for task in tasks:
            run = FineTuning(encoder=encoder, task=task, seed=seed)
            yield Condition("tuned", changed(run, analyses=moved, other=other))
            yield Condition("probed", changed(run, analyses=("probes",)))
            # The whole curve of most tasks, but on MiniLM of one, once; else the point of the claim.
            once = size not in ("reference", "hub") or (seed == 0 and task.source == "xnli")
            whole = once and task.source != "world_questions" and seed not in FRESH
            for name in DEPTHS if whole else ("frozen_two_thirds",):
                yield Condition(name, changed(run, task=held_at(task, name, blocks=blocks)))
        yield Condition("untuned", FineTuning(encoder=encoder, analyses=("probes",), seed=seed))


def held_at(task: Task, name: str, *, blocks: int) -> Task:
    """The task with some lower blocks frozen, or with them alone; `name` is one of DEPTHS."""
    field, share = DEPTHS[name]
    return changed(task, tuning={field: round(share * blocks)})


SWEPT = (2e-5, 5e-5, 1e-4, 2e-4)  # from BERT's own rate to that of `RATES`


@experiment
def tuning_rates(size: Size):
    """Do depth, freezing and closeness to the start hang on the learning rate? (5.3, 5.5, 5.6)"""
    if size != "reference":
        return
    both = ((recipes.BERT_EN, 8, BERT_TASKS), (recipes.MINILM, 6, REAL_TASKS))
    for (encoder, blocks, tasks), seed, rate in product(both, range(5), SWEPT):
        for task in tasks:
            task = changed(task, tuning={"learning_rate": rate})
            run = FineTuning(encoder=encoder, task=task, seed=seed)
            yield Condition(f"tuned_{rate:g}", changed(run, analyses=("similarity", "reversion")))
            held = held_at(task, "frozen_two_thirds", blocks=blocks)
            yield Condition(f"frozen_{rate:g}", changed(run, task=held))


def studied(
    encoder: str | Pretraining, sources: tuple[str, ...], seeds: Iterable[int], fields: dict,
    tuning: dict, settings: Mapping[str, dict], **more,
) -> Iterator[Condition]:  # fmt: skip
    """A condition of each setting of a task by its name, on each set of examples, with each seed."""
    for seed, source, (name, setting) in product(seeds, sources, settings.items()):
        task = Task(source=source, tuning=TuningConfig(**tuning), **fields, **setting)
        yield Condition(name, FineTuning(encoder=encoder, task=task, seed=seed, **more))


# Encoder, sets, seeds, what of a set, and how to tune. The small BERT's pooler was trained.
CLASSIFIED = {
    "smoke": [(world_encoder(smoke=True), ("world_nli",), range(1),
               {"topics": HALF, "train": 50, "test": 600}, {"epochs": 1})],
    "laptop": [(world_encoder(), ("world_nli",), range(10),
                {"topics": HALF, "train": FEW, "test": 600}, {"epochs": 6})],
    "reference": [
        (recipes.MINILM, ("cola",), range(5), {"train": FEW},
         {"epochs": 3, "precision": "bf16", **RATES}),
        (recipes.BERT_EN, ("sst2", "xnli"), range(5), {"train": 6000, "longest": 64},
         {"epochs": 2, "precision": "bf16", "pooling": "pooler", **BERT_RATES}),
    ],
    "paper": [(recipes.BERT_CASED, ("rte", "mrpc", "cola", "sst2"), range(5), {}, {
        "learning_rate": 5e-5, "head_rate": 5e-5, "epochs": 10, "batch": 16, "warmup": 0.06,
        "dropout": 0.1, "pooling": "pooler", "checks": 10,
    })],
}  # fmt: skip


@experiment
def class_vectors(size: Size):
    """Does it help to make what the classifier reads isotropic? (8.1 to 8.3, 9.1 to 9.3)

    The vector is that of the first token, as the papers have it; the papers' pooler is left out where
    an encoder was not pretrained with one. "median" of five seeds is theirs; ours are means.
    """
    if size == "hub":  # as it is before any tuning: the classifier alone learns
        still = TuningConfig(epochs=3, weight_decay=0.0, frozen=12)
        task = Task(source="sst2", train=FEW, tuning=still)
        return [
            Condition("none", FineTuning(encoder=name, task=task, seed=seed, analyses=("cls",)))
            for name, seed in [
                (recipes.BERT_CASED, 0),
                *zip(recipes.MULTIBERTS[:5], range(5), strict=True),
            ]
        ]
    names = ("isobn",) if size == "smoke" else ("none", "isobn", "batch", "layer")
    ways = {name: {"normalisation": name} for name in names}
    return [
        condition
        for *what, tuning in CLASSIFIED[size]
        for condition in studied(*what, {"weight_decay": 0.0, **tuning}, ways, analyses=("cls",))
    ]


@experiment
def phrases_first(size: Size):
    """Does training on paraphrases of phrases help before a task of few examples? (7.1 to 7.3)

    A condition is what comes first, and how many examples follow: "phrases_250". The same texts
    as a task on whole verses are the fair rival: as many updates, and no phrases. (Where that is
    the task itself, there is none.) On real text two more: "longer", as many updates on the task
    itself, and "frozen", a head on the encoder as it was.
    """
    if size == "smoke":
        first, task = (
            Task(source="phrases", train=40, test=20, level=level)
            for level in ("phrases", "sentences")
        )
        return [Condition("phrases_40", FineTuning(encoder="en", intermediate=(first,), task=task))]
    if size == "hub":
        return []
    if size == "paper":
        return _phrases_first(recipes.BERT, ("rte", "mrpc", "stsb"), (1000, None), 3,
                              larger=(recipes.BERT_LARGE, {}), learning_rate=2e-5, pooling="pooler")  # fmt: skip
    if size == "reference":
        # Beside MiniLM one of its kind and width, with twice the blocks; it reads many languages.
        shared = {"longest": 64, "precision": "bf16"}
        return [
            *_phrases_first(recipes.MINILM, ("stsb",), (250, 1000), 5, blocks=6, pooling="mean",
                            larger=(recipes.E5, E5_RATES), **shared, **RATES),
            *_phrases_first(recipes.BERT_EN, ("stsb",), (250, 1000), 5, blocks=8, pooling="pooler",
                            **shared, **BERT_RATES),
        ]  # fmt: skip
    return _phrases_first("en", ("phrases",), (250, 1000), 5)


def _phrases_first(
    encoder: str, sources, sizes, seeds: int, *, larger=None, longest=None, blocks=None, **tuning
):
    shared = {"longest": longest, "tuning": TuningConfig(**tuning)}
    phrases, verses = (
        Task(source="phrases", train=2000, level=level, **shared)
        for level in ("phrases", "sentences")
    )
    for seed, source, train in product(range(seeds), sources, sizes):
        # Of verses, the task itself is to tell whether two say the same.
        level, rival = {}, {"verses": (verses,)}
        if source == "phrases":
            level, rival = {"level": "sentences"}, {}
        task = Task(source=source, train=train, **shared, **level)
        run = FineTuning(encoder=encoder, task=task, seed=seed)
        for name, first in ({"plain": (), "phrases": (phrases,)} | rival).items():
            yield Condition(f"{name}_{train or 'all'}", changed(run, intermediate=first))
        if blocks:
            steps = sum(
                each.tuning.epochs * ceil(each.train / each.tuning.batch)
                for each in (phrases, task)
            )
            for name, change in {"longer": {"steps": steps}, "frozen": {"frozen": blocks}}.items():
                yield Condition(f"{name}_{train}", changed(run, task=changed(task, tuning=change)))
        if larger and train == FEW:
            same = changed(task, tuning=larger[1])
            yield Condition(f"larger_plain_{train}", changed(run, encoder=larger[0], task=same))


# What BERT4SO adds, taken away: sentences that see each other, and the margin of the loss.
ORDERED = {
    "full": {},
    "no_margin": {"margin": 0.0},
    "no_interaction": {"interaction": False},
    "neither": {"margin": 0.0, "interaction": False},
}


# Encoder, sets, seeds, what of a set, and how to tune.
SHUFFLED = {
    "smoke": ("en", ("help_order",), range(1), {"train": 16, "test": 16}, {}),
    "laptop": ("en", ("help_order",), range(5), {}, {"pooling": "mean"}),
    "reference": (recipes.MINILM, ("rocstories",), range(5),
                  {"train": 1200, "test": 1000, "longest": 96},
                  {"pooling": "mean", "epochs": 1, "batch": 16, "precision": "bf16", **RATES}),
    "paper": (recipes.BERT, ("rocstories", "sind"), range(3), {"test": None},
              {"learning_rate": 2e-5, "head_rate": 1e-3}),
}  # fmt: skip


@experiment
def orders(size: Size):
    """Can an encoder put shuffled sentences in order, and what of BERT4SO helps? (10.1, 10.2)"""
    if size not in SHUFFLED:
        return
    encoder, sources, seeds, *how = SHUFFLED[size]
    yield from studied(encoder, sources, seeds, *how, {"full": {}} if size == "smoke" else ORDERED)
    if size == "laptop":
        deciding = {name: ORDERED[name] for name in ("full", "no_interaction")}
        yield from studied(encoder, sources, FRESH, *how, deciding)
