"""Runs for the tests of sweeps."""

from isomorph.models.settings import TrainingConfig
from isomorph.presets import smoke_run
from isomorph.results import Condition
from isomorph.runs import Task, Transfer

TINY = TrainingConfig(tokens=4000, batch=8, length=32, warmup=2)


def tiny(seed: int, name: str | None = None, **changes) -> Condition:
    run = smoke_run(seed).model_copy(update={"training": TINY, "marks": 2} | changes)
    return Condition(name or f"tiny {seed}", run)


def long(seed: int) -> Condition:
    """A run that is caught at work."""
    return tiny(seed, training=TINY.model_copy(update={"tokens": 40_000_000}))


def transfer(seed: int, task: str = "nli") -> Condition:
    tasks = (Task(source=f"world_{task}", train=10, test=10),)
    return Condition(f"{task} {seed}", Transfer(pretraining=tiny(seed).run, tasks=tasks))
