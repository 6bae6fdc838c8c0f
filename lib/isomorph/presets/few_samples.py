"""Few examples, many seeds: what makes fine-tuning unstable, and what helps (Zhang et al. 2021).

In worlds, on MiniLM and on the small BERT that ships, BERT of four blocks at `hub`, and theirs at `paper`.
"""

from collections.abc import Iterator
from itertools import product

from isomorph.config import Size
from isomorph.models.settings import TuningConfig
from isomorph.presets import recipes
from isomorph.presets.fine_tuning import BERT_RATES, FEW, HALF, world_encoder
from isomorph.presets.recipes import crossed, experiment
from isomorph.results import Condition
from isomorph.runs import FineTuning, Task

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
    if size == "paper":  # their BERT-large and their four sets, of 1,000 examples and in full
        rates = {"pooling": "pooler", "learning_rate": 2e-5, "head_rate": 2e-5, "dropout": 0.1}
        blocks = {"reinit": {"reinit": 6}, "reinit_too_many": {"reinit": 10}}  # of 24
        sets = product(METHODS, ("rte", "mrpc", "stsb", "cola"), {"_1k": FEW, "": None}.items())
        for name, source, (length, train) in sets:
            tuning = _method(name, **rates, **blocks.get(name, {}))
            task = Task(source=source, train=train, test=None, tuning=tuning)
            yield from _seeds(name + length, SEEDS, encoder=recipes.BERT_LARGE, task=task)
        return
    smoke, few = size == "smoke", 50 if size == "smoke" else FEW
    if size == "reference":
        yield from _of_bert()
    if size in ("reference", "hub"):
        # CoLA, whose sentences are short enough for twenty seeds on a processor core; MiniLM has no
        # pooler that was pretrained. A larger task first, as in the paper. Of four blocks, on STS-B.
        encoder, fields, rates = recipes.MINILM, {"source": "cola", "test": None}, {
            "pooling": "mean", "learning_rate": 1e-4, "precision": "bf16", "reinit_pooler": False,
        }  # fmt: skip
        if size == "hub":
            encoder, fields["source"] = recipes.MINIATURES[4, 512], "stsb"
        wanted = [(name, "_1k") for name in METHODS if name != "reinit_pooler"]
        wanted += [("standard", "_1k_longer"), ("reinit", "_1k_longer")]
        tuning = TuningConfig(**rates, weight_decay=0.0)
        first = Task(source="xnli", train=3000, test=500, longest=64, tuning=tuning)
    else:
        encoder, rates = world_encoder(smoke=smoke), {"pooling": "mean"}
        fields = {"source": "world_nli", "topics": HALF, "test": 600, "development": 200}
        quick = set(product(("standard", "bert_adam", "reinit"), ("_1k", "_1k_longer")))
        wanted = [each for each in WORLD_CONDITIONS if not smoke or each in quick]
        # An easier task first, then the few examples of the task itself.
        first = Task(source="world_parsing", topics=HALF, train=50 if smoke else 2000, test=100)
    for name, length in wanted:
        train, steps, seeds = LENGTHS[length]
        if smoke:
            train, steps, seeds = few, steps and 6, 1
        most = {"reinit": 3} if (size, name) == ("hub", "reinit_too_many") else {}  # of four
        task = Task(train=train, tuning=_method(name, steps, **rates, **most), **fields)
        seeds = {"reference": SEEDS, "hub": 10}.get(size, seeds)
        yield from _seeds(name + length, seeds, encoder=encoder, task=task)
    task = Task(train=few, tuning=_method("standard", **rates), **fields)
    seeds = {"smoke": 1, "hub": 10}.get(size, SEEDS)
    yield from _seeds("intermediate_task_1k", seeds, encoder=encoder, task=task,
                      intermediate=(first,))  # fmt: skip


def _of_bert() -> Iterator[Condition]:
    """The small BERT, on two sets of which it learns enough for methods to be told apart."""
    rates = {"pooling": "pooler", "precision": "bf16", **BERT_RATES}
    blocks = {"reinit": {"reinit": 2}}  # of eight, as six of the paper's 24; METHODS has too many
    wanted = [*product(METHODS, ("_1k",)),
              *product(("standard", "bert_adam", "reinit"), ("_1k_longer",))]  # fmt: skip
    first = Task(source="xnli", train=9000, test=500, longest=64,
                 tuning=_method("standard", **rates, epochs=1, checks=0))  # fmt: skip
    for source in ("stsb", "sst2"):
        fields = {"source": source, "longest": 64, "test": None}
        for name, length in wanted:
            train, steps, _ = LENGTHS[length]
            tuning = _method(name, steps, **rates, **blocks.get(name, {}))
            task = Task(train=train, tuning=tuning, **fields)
            yield from _seeds(name + length, SEEDS, encoder=recipes.BERT_EN, task=task)
        task = Task(train=FEW, tuning=_method("standard", **rates), **fields)
        yield from _seeds("intermediate_task_1k", SEEDS, encoder=recipes.BERT_EN, task=task,
                          intermediate=(first,))  # fmt: skip


def _method(name: str, steps: int | None = None, **changes) -> TuningConfig:
    fixed = {"checks": 10, "weight_decay": 0.0} | METHODS[name]
    return TuningConfig(**fixed | ({"steps": steps} if steps else {}) | changes)


def _seeds(name: str, seeds: int, **run) -> list[Condition]:
    """A condition with each seed."""
    return crossed(lambda _, seed: FineTuning(seed=seed, **run), [name], range(seeds))
