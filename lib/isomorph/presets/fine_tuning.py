"""What fine-tuning changes: how far, where, on how few examples, and what helps.

In worlds, one small masked model is tuned on tasks whose answers are known by construction; a
reader can do that in seconds. On real text it is MiniLM, a pretrained English encoder that was
contrastively tuned, and BERT at the papers' size. A condition says how an encoder is tuned, and a
row's pair on which task.
"""

from itertools import product

from isomorph.config import Size
from isomorph.models.settings import TuningConfig
from isomorph.presets.degeneration import BERT, E5, MINILM
from isomorph.presets.recipes import SMALL, changed, crossed, experiment, world_run
from isomorph.results import Condition
from isomorph.runs import FineTuning, Pretraining, Task

BERT_LARGE = "google-bert/bert-large-uncased"  # of 24 blocks
FEW = 1000  # examples: what Zhang et al. (2021) take of larger sets
HALF = "first half"  # of a world's topics: the rest is out of domain
# Shares of the blocks; the paper of claim 5.5 freezes 8 of 12.
SHARES = {"third": 1 / 3, "two_thirds": 2 / 3, "all": 1.0}


def world_encoder(seed: int = 0, *, smoke: bool = False) -> Pretraining:
    """A masked model of one language of a world: six blocks, so that their depth can be told."""
    if smoke:
        return world_run(seed, words=500, tokens=60_000, only="a", **SMALL)
    return world_run(seed, layers=6, tokens=1_000_000, only="a")


# What is kept from moving, or cut off, as shares of the blocks.
DEPTHS = {
    "frozen_third": ("frozen", SHARES["third"]),
    "frozen_two_thirds": ("frozen", SHARES["two_thirds"]),
    "frozen_all": ("frozen", SHARES["all"]),
    "kept_third": ("kept", SHARES["third"]),
    "kept_two_thirds": ("kept", SHARES["two_thirds"]),
}
WORLD_TASKS = {
    "world_nli": {"train": 3000, "tuning": {"pooling": "mean", "epochs": 4}},
    "world_questions": {"train": 3000, "tuning": {"epochs": 4}},
    "world_parsing": {"train": 1500, "tuning": {}},
}
REAL_TASKS = {
    "xnli": {"train": 3000, "longest": 64, "tuning": {"pooling": "mean", "epochs": 1}},
    "tydiqa": {"train": 2000, "longest": 128, "tuning": {"batch": 16, "epochs": 1}},
    "universal_dependencies": {"train": 3000, "tuning": {"epochs": 1}},
}
RATES = {"learning_rate": 2e-4, "head_rate": 1e-3}  # of MiniLM: tried on another seed
# Of E5, likewise: at MiniLM's rate two of three seeds hardly learnt.
E5_RATES = RATES | {"learning_rate": 1e-4}


@experiment
def changes(size: Size):
    """What moves when an encoder is tuned, what stays, and which layers matter? (5.1 to 5.6)"""
    if size == "smoke":
        start, task = world_encoder(smoke=True), _world_task("world_nli", smoke=True)
        analyses, other = ("similarity", "reversion"), changed(start, seed=1000)
        run = FineTuning(encoder=start, other=other, task=task, analyses=analyses)
        yield Condition("tuned", run)
    for seed in {"smoke": (), "paper": range(3)}.get(size, range(5)):
        if size == "laptop":
            # The whole curve of two tasks; of questions the one point that the claim is on.
            tasks = [(_world_task(name), name != "world_questions") for name in WORLD_TASKS]
            start = world_encoder(seed)
            other = changed(start, seed=seed + 1000)
            yield from _changes(start, tasks, seed, blocks=start.encoder.layers, other=other)
        elif size == "reference":
            # What claims need an interval of, with every seed; the curve of one task once.
            tasks = [
                (_real_task(name, precision="bf16", **RATES), seed == 0 and name == "xnli")
                for name in REAL_TASKS
            ]
            yield from _changes(MINILM, tasks, seed, blocks=6)
        else:
            # Merchant et al. tune BERT-base on all of MNLI, SQuAD and a treebank.
            rates = {"learning_rate": 2e-5, "head_rate": 1e-3, "dropout": 0.1}
            poolings = {"xnli": {"pooling": "pooler"}, "squad": {}, "universal_dependencies": {}}
            tasks = [
                (Task(source=name, test=None, tuning=TuningConfig(**rates, **pooling)), True)
                for name, pooling in poolings.items()
            ]
            yield from _changes(BERT, tasks, seed, blocks=12)


def _changes(encoder: str | Pretraining, tasks, seed: int, *, blocks: int, other=None):
    """Each of (task, whether at every depth), tuned, probed and with blocks held; then untuned."""
    for task, whole in tasks:
        run = FineTuning(encoder=encoder, task=task, seed=seed)
        yield Condition("tuned", changed(run, analyses=("similarity", "reversion"), other=other))
        yield Condition("probed", changed(run, analyses=("probes",)))
        for name in DEPTHS if whole else ("frozen_two_thirds",):
            yield Condition(name, changed(run, task=held_at(task, name, blocks=blocks)))
    yield Condition("untuned", FineTuning(encoder=encoder, analyses=("probes",), seed=seed))


def held_at(task: Task, name: str, *, blocks: int) -> Task:
    """The task with some lower blocks frozen, or with them alone; `name` is one of DEPTHS."""
    field, share = DEPTHS[name]
    return changed(task, tuning={field: round(share * blocks)})


def _world_task(source: str, *, smoke: bool = False) -> Task:
    fields = {"test": 600} | WORLD_TASKS[source]
    fields |= {"train": 100, "test": 50, "development": 20} if smoke else {}
    tuning = TuningConfig(**fields.pop("tuning"))
    return Task(source=source, topics=HALF, **fields, tuning=tuning)


def _real_task(source: str, **changes) -> Task:
    fields = dict(REAL_TASKS[source])
    tuning = TuningConfig(**fields.pop("tuning") | changes)
    return Task(source=source, **fields, test=500, tuning=tuning)


@experiment
def class_vectors(size: Size):
    """Does it help to make what the classifier reads isotropic? (8.1 to 8.3, 9.1 to 9.3)

    The vector is that of the first token, as the papers have it; the papers' pooler, which ours and
    MiniLM were not pretrained with, is left out. "median" of five seeds is theirs; ours are means.
    """
    normalisations = ("none", "isobn", "batch", "layer")
    if size == "paper":
        encoder, sources, seeds = "google-bert/bert-base-cased", ("rte", "mrpc", "cola", "sst2"), 5
        tuning = {"learning_rate": 5e-5, "head_rate": 5e-5, "epochs": 10, "batch": 16,
                  "warmup": 0.06, "dropout": 0.1, "pooling": "pooler", "checks": 10}  # fmt: skip
        fields = {}
    elif size == "reference":
        encoder, sources, seeds = MINILM, ("cola",), 5
        tuning, fields = {"epochs": 3, "precision": "bf16", **RATES}, {"train": FEW}
    else:
        smoke = size == "smoke"
        encoder, sources, seeds = world_encoder(smoke=smoke), ("world_nli",), 1 if smoke else 10
        normalisations = ("isobn",) if smoke else normalisations
        tuning = {"epochs": 1 if smoke else 6}
        fields = {"topics": HALF, "train": 50 if smoke else FEW, "test": 600}
    tuning = TuningConfig(weight_decay=0.0, **tuning)
    for seed, source, name in product(range(seeds), sources, normalisations):
        task = Task(source=source, normalisation=name, tuning=tuning, **fields)
        run = FineTuning(encoder=encoder, analyses=("cls",), task=task, seed=seed)
        yield Condition(name, run)


@experiment
def phrases_first(size: Size):
    """Does training on paraphrases of phrases help before a task of few examples? (7.1 to 7.3)

    A condition is what comes first, and how many examples follow: "phrases_250". The same texts
    as a task on whole verses are the fair rival: as many updates, and no phrases. (Where that is
    the task itself, there is none.)
    """
    if size == "smoke":
        first, task = (
            Task(source="phrases", train=40, test=20, level=level)
            for level in ("phrases", "sentences")
        )
        return [Condition("phrases_40", FineTuning(encoder="en", intermediate=(first,), task=task))]
    if size == "paper":
        return _phrases_first(BERT, ("rte", "mrpc", "stsb"), (1000, None), 3, larger=(BERT_LARGE, {}),
                              learning_rate=2e-5, pooling="pooler")  # fmt: skip
    if size == "reference":
        # Of MiniLM's kind and width, with twice the blocks; it reads many languages.
        return _phrases_first(MINILM, ("stsb",), (250, 1000), 5, longest=64, larger=(E5, E5_RATES),
                              pooling="mean", precision="bf16", **RATES)  # fmt: skip
    return _phrases_first("en", ("phrases",), (250, 1000), 5)


def _phrases_first(
    encoder: str, sources, sizes, seeds: int, *, larger=None, longest=None, **tuning
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


@experiment
def orders(size: Size):
    """Can an encoder put shuffled sentences in order, and what of BERT4SO helps? (10.1, 10.2)"""
    encoder, sources, seeds, fields, tuning = "en", ("help_order",), 5, {}, {"pooling": "mean"}
    if size == "smoke":
        seeds, fields, tuning = 1, {"train": 16, "test": 16}, {}
    elif size == "reference":
        encoder, sources = MINILM, ("rocstories",)
        fields = {"train": 1200, "test": 1000, "longest": 96}
        tuning |= {"epochs": 1, "batch": 16, "precision": "bf16"} | RATES
    elif size == "paper":
        encoder, sources, seeds, fields = BERT, ("rocstories", "sind"), 3, {"test": None}
        tuning = {"learning_rate": 2e-5, "head_rate": 1e-3}
    names = ("full",) if size == "smoke" else ORDERED
    for seed, source, name in product(range(seeds), sources, names):
        task = Task(source=source, tuning=TuningConfig(**tuning), **fields, **ORDERED[name])
        yield Condition(name, FineTuning(encoder=encoder, seed=seed, task=task))


SEEDS = 20  # of few samples, as in the paper
# What the few-sample study varies, of a run of three epochs. Strengths were set before any run.
METHODS = {
    "standard": {},
    "bert_adam": {"optimiser": "bert_adam"},
    "reinit": {"reinit": 1, "reinit_pooler": True},
    "reinit_pooler": {"reinit_pooler": True},
    "reinit_too_many": {"reinit": 4, "reinit_pooler": True},
    "weight_decay": {"weight_decay": 0.1},
    "pretrained_weight_decay": {"pretrained_decay": 0.1},
    "mixout": {"mixout": 0.1},
    "layerwise_learning_rate": {"layer_decay": 0.95},
}
# Examples, steps (None is three epochs) and seeds of each condition that is trained otherwise.
LENGTHS = {"": (2500, None, SEEDS), "_longer": (2500, 800, 5), "_1k": (FEW, None, SEEDS),
           "_1k_longer": (FEW, 400, 10), "_full_data": (10_000, None, 3)}  # fmt: skip
WORLD_CONDITIONS = (
    *((name, "_1k") for name in METHODS),
    *((name, "_1k_longer") for name in ("standard", "reinit", "bert_adam")),
    *((name, length) for length in ("", "_longer") for name in ("standard", "reinit")),
    *((name, "_full_data") for name in ("standard", "bert_adam")),
)


@experiment
def few_samples(size: Size):
    """Few examples, many seeds: what makes fine-tuning unstable, and what helps? (6.1 to 6.7)

    All seeds start from one pretrained encoder, as in Zhang et al. (2021): what varies is the tuning.
    """
    if size == "paper":
        return _few_on_bert()
    return _few_on_minilm() if size == "reference" else _few_in_worlds(smoke=size == "smoke")


def _method(name: str, steps: int | None = None, **changes) -> TuningConfig:
    fixed = {"checks": 10, "weight_decay": 0.0} | METHODS[name]
    return TuningConfig(**fixed | ({"steps": steps} if steps else {}) | changes)


def _seeds(name: str, encoder: str | Pretraining, task: Task, seeds: int = SEEDS, *first: Task):
    """A condition with each seed; `first` is what the encoder is tuned on before."""
    run = FineTuning(encoder=encoder, task=task, intermediate=first)
    return crossed(lambda _, seed: changed(run, seed=seed), [name], range(seeds))


def _few_in_worlds(*, smoke: bool):
    start = world_encoder(smoke=smoke)
    wanted = WORLD_CONDITIONS
    if smoke:
        few = ("standard", "bert_adam", "reinit"), ("_1k", "_1k_longer")
        wanted = [each for each in wanted if each in product(*few)]
    fields = {"source": "world_nli", "topics": HALF, "test": 600, "development": 200}
    for name, length in wanted:
        train, steps, seeds = LENGTHS[length]
        tiny = {}
        if smoke:
            train, seeds, steps = 50, 1, 6 if steps else None
            tiny = {"reinit": min(1, METHODS[name].get("reinit", 0))}
        task = Task(train=train, tuning=_method(name, steps, pooling="mean", **tiny), **fields)
        yield from _seeds(name + length, start, task, seeds)
    # An easier task first, then the few examples of the task itself.
    first = Task(source="world_parsing", topics=HALF, train=50 if smoke else 2000, test=100)
    tuning = _method("standard", pooling="mean")
    task = Task(train=50 if smoke else FEW, tuning=tuning, **fields)
    yield from _seeds("intermediate_task_1k", start, task, 1 if smoke else SEEDS, first)


def _few_on_minilm():
    """CoLA, whose sentences are short enough for twenty seeds on a processor core; MiniLM has no
    pooler that was pretrained."""
    rates = {"pooling": "mean", "learning_rate": 1e-4, "precision": "bf16"}
    wanted = [(name, "_1k") for name in METHODS if name != "reinit_pooler"]
    for name, length in [*wanted, ("standard", "_1k_longer"), ("reinit", "_1k_longer")]:
        train, steps, _ = LENGTHS[length]
        tuning = _method(name, steps, reinit_pooler=False, **rates)
        task = Task(source="cola", train=train, test=None, tuning=tuning)
        yield from _seeds(name + length, MINILM, task)
    # A larger task first, as in the paper.
    tuning = TuningConfig(**rates, weight_decay=0.0)
    first = Task(source="xnli", train=3000, test=500, longest=64, tuning=tuning)
    task = Task(source="cola", train=FEW, test=None, tuning=_method("standard", **rates))
    yield from _seeds("intermediate_task_1k", MINILM, task, SEEDS, first)


def _few_on_bert():
    """Their BERT-large and their four sets, in full and of 1,000 examples."""
    rates = {"pooling": "pooler", "learning_rate": 2e-5, "head_rate": 2e-5, "dropout": 0.1}
    blocks = {"reinit": {"reinit": 6}, "reinit_too_many": {"reinit": 10}}  # of 24
    lengths = {"_1k": FEW, "": None}
    for name, source, length in product(METHODS, ("rte", "mrpc", "stsb", "cola"), lengths):
        tuning = _method(name, **rates, **blocks.get(name, {}))
        task = Task(source=source, train=lengths[length], test=None, tuning=tuning)
        yield from _seeds(name + length, BERT_LARGE, task)
