"""Few examples, many seeds: what makes fine-tuning unstable, and what helps (Zhang et al. 2021)."""

from isomorph.models.settings import TuningConfig
from isomorph.presets.degeneration import MINILM
from isomorph.presets.fine_tuning import BERT_LARGE, FEW, HALF, world_encoder
from isomorph.results import Condition
from isomorph.runs import FineTuning, Pretraining, Task
from isomorph.sizes import Size, sized

SEEDS = 20  # as in the paper

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
    ("standard", "_1k_longer"),
    ("reinit", "_1k_longer"),
    ("bert_adam", "_1k_longer"),
    ("standard", ""),
    ("reinit", ""),
    ("standard", "_longer"),
    ("reinit", "_longer"),
    ("standard", "_full_data"),
    ("bert_adam", "_full_data"),
)


@sized
def few_samples(size: Size) -> list[Condition]:
    """Few examples, many seeds: what makes fine-tuning unstable, and what helps? (6.1 to 6.7)

    All seeds start from one pretrained encoder, as in the paper: what varies is the tuning.
    """
    if size in ("smoke", "laptop"):
        return [*_few_in_worlds(smoke=size == "smoke")]
    return [*(_few_on_bert() if size == "paper" else _few_on_minilm())]


def _few_in_worlds(*, smoke: bool):
    start = world_encoder(smoke=smoke)
    few = ("standard", "bert_adam", "reinit")
    for name, length in WORLD_CONDITIONS:
        if smoke and (name not in few or length not in ("_1k", "_1k_longer")):
            continue
        train, steps, seeds = LENGTHS[length]
        changes = METHODS[name] | ({"steps": steps} if steps else {})
        if smoke:
            train, seeds = 50, 1
            changes |= {"reinit": min(1, changes.get("reinit", 0))}
            changes |= {"steps": 6} if steps else {}
        task = Task(
            source="world_nli", topics=HALF, train=train, test=600, development=200,
            tuning=TuningConfig(pooling="mean", checks=10, **{"weight_decay": 0.0} | changes),
        )  # fmt: skip
        yield from _seeds(name + length, start, task, seeds)
    # An easier task first, then the few examples of the task itself.
    parsing = Task(source="world_parsing", topics=HALF, train=50 if smoke else 2000, test=100)
    train, _, seeds = LENGTHS["_1k"]
    task = Task(
        source="world_nli", topics=HALF, train=50 if smoke else train, test=600, development=200,
        tuning=TuningConfig(pooling="mean", checks=10, weight_decay=0.0),
    )  # fmt: skip
    yield from _seeds("intermediate_task_1k", start, task, 1 if smoke else seeds, parsing)


def _seeds(name: str, encoder: str | Pretraining, task: Task, seeds: int = SEEDS, *first: Task):
    """A condition with each seed; `first` is what the encoder is tuned on before."""
    for seed in range(seeds):
        run = FineTuning(encoder=encoder, task=task, intermediate=first, seed=seed)
        yield Condition(name, run)


# What is asked of CoLA on MiniLM, which has no pooler that was pretrained.
COLA_CONDITIONS = (
    *((name, "_1k") for name in METHODS if name != "reinit_pooler"),
    *((name, "_1k_longer") for name in ("standard", "reinit")),
)


def _few_on_minilm():
    """CoLA, whose sentences are short enough for twenty seeds on a processor core."""
    rates = {"pooling": "mean", "learning_rate": 1e-4, "precision": "bf16", "weight_decay": 0.0}
    measured = rates | {"checks": 10}
    for name, length in COLA_CONDITIONS:
        train, steps, _ = LENGTHS[length]
        changes = METHODS[name] | ({"steps": steps} if steps else {})
        if "reinit" in changes:
            changes |= {"reinit_pooler": False}
        tuning = TuningConfig(**measured | changes)
        task = Task(source="cola", train=train, test=None, tuning=tuning)
        yield from _seeds(name + length, MINILM, task)
    # A larger task first, as in the paper.
    first = Task(source="xnli", train=3000, test=500, longest=64, tuning=TuningConfig(**rates))
    task = Task(source="cola", train=FEW, test=None, tuning=TuningConfig(**measured))
    yield from _seeds("intermediate_task_1k", MINILM, task, SEEDS, first)


def _few_on_bert():
    """Their BERT-large and their four sets, in full and of 1,000 examples."""
    rates = {"pooling": "pooler", "learning_rate": 2e-5, "head_rate": 2e-5, "dropout": 0.1}
    blocks = {"reinit": {"reinit": 6}, "reinit_too_many": {"reinit": 10}}  # of 24
    for name, method in METHODS.items():
        changes = method | blocks.get(name, {})
        tuning = TuningConfig(checks=10, **{"weight_decay": 0.0} | rates | changes)
        for source in ("rte", "mrpc", "stsb", "cola"):
            for length, train in (("_1k", FEW), ("", None)):
                task = Task(source=source, train=train, test=None, tuning=tuning)
                yield from _seeds(name + length, BERT_LARGE, task)
