"""Runs that train in less than a second, for tests of what is done with runs."""

from isomorph.models.settings import TrainingConfig
from isomorph.presets import smoke_run
from isomorph.results import Condition
from isomorph.runs import Pretraining, Task, Transfer, WorldText

SHORT = TrainingConfig(tokens=4000, batch=8, length=32, warmup=2)


def tiny_run(seed: int = 0, **changes) -> Pretraining:
    """Little training on little text: most of the time goes into measuring words in their contexts."""
    run = smoke_run(seed)
    world = run.text.world.model_copy(update={"training_sentences": 300})
    small = {"text": WorldText(world=world), "training": SHORT, "marks": 2}
    return run.model_copy(update=small | changes)


def tiny(seed: int, name: str | None = None, **changes) -> Condition:
    return Condition(name or f"tiny {seed}", tiny_run(seed, **changes))


def long(seed: int) -> Condition:
    """A run that is caught at work."""
    return tiny(seed, training=SHORT.model_copy(update={"tokens": 40_000_000}))


def transfer(seed: int, task: str = "nli") -> Condition:
    tasks = (Task(source=f"world_{task}", train=10, test=10),)
    return Condition(f"{task} {seed}", Transfer(pretraining=tiny_run(seed), tasks=tasks))
