"""One way to tune an encoder on a task of two languages: the part of a transfer that is kept by itself.

A grid of thirty ways takes days. Each is a run of its own, so that a transfer that is cut off, by the
time limit of a job or otherwise, goes on with the next way, and several processes divide them.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import TYPE_CHECKING, Literal

from isomorph.processes import threads
from isomorph.runs.cache import held
from isomorph.runs.encoders import combined_checksum, foundations_trained, untrained
from isomorph.runs.pretraining import Pretraining, UsesPretraining
from isomorph.runs.run import Run, device_name, records_of
from isomorph.runs.tasks import Task, chosen
from isomorph.runs.texts import WorldText
from isomorph.text.examples import Examples
from isomorph.text.shipped import checksum

if TYPE_CHECKING:
    import torch

    from isomorph.models.masked_lm import BilingualMaskedLM
    from isomorph.text.vocab import Vocabulary

Loaded = tuple[Callable[[], "BilingualMaskedLM"], "Vocabulary"]
Material = tuple[Examples, dict[str, Examples]]
CHOICE = "choice"  # the main score on development examples


Weights = Literal["trained", "random"]  # "random": the floor, nothing pretrained


class Tuned(UsesPretraining):
    """What runs have in common that tune a pretraining's encoder: their `weights` and `tasks`."""

    def foundations(self) -> tuple[Pretraining, ...]:
        return (self.pretraining,) if self.weights == "trained" else ()

    def checksum(self) -> str | None:
        text = super().checksum()
        if text is None:
            return None
        # What pretraining reads is in its own checksum already.
        domains = "+".join(getattr(self.pretraining.text, "domains", ())).split("+")
        files = {file for task in self.tasks for file in task.origin.files or ()}
        files -= {f"text/{domain}.parquet" for domain in domains}
        shipped = sorted(files, reverse=True)  # the order is part of recorded checksums
        return combined_checksum([text, *map(checksum, shipped)]) if shipped else text


class Tuning(Tuned):
    """A task, tuned in one way in the first language and tested in both."""

    kind: Literal["tuning"] = "tuning"
    task: Task
    weights: Weights = "trained"
    judged: bool = False  # on development examples too, by which the best of many ways are chosen

    def problems(self) -> Iterator[str]:
        yield from task_problems(self.tasks, self.pretraining.text)
        if self.task.alternatives:
            yield "task.alternatives is set; allowed is one way to tune."

    @property
    def tasks(self) -> tuple[Task, ...]:
        return (self.task,)

    def measure(self, place: torch.device) -> Iterator[dict]:
        """What `tuned_scores` says."""
        material = self.task.material(self.pretraining.text, self.languages)
        with foundations_trained(self) as below:
            yield from tuned_scores(self, material, loader(self, below))


def task_problems(tasks: tuple[Task, ...], text) -> Iterator[str]:
    """A sentence for each task that is not in both languages of a text, or for that there is none."""
    if not tasks:
        yield "tasks is empty; at least one task is needed."
    for task in tasks:
        if task.prefix is None:
            yield f"source is {task.source!r}, which is no task of two languages."
        if task.of_world != isinstance(text, WorldText):
            yield f"source is {task.source!r}, which does not go with text of the kind {text.kind!r}."


def tuned_scores(run: Tuning, material: Material, load: Loaded) -> Iterator[dict]:
    """Each `<score>` of the test examples of each language and part, and perhaps CHOICE."""
    from isomorph.models.finetune import finetune, predict

    ((train, test), (fresh, vocabulary)), task = (material, load), run.task
    text, (source, _) = run.pretraining.text, run.languages
    head = task.head(
        fresh(), train.names, seed=run.seed, restart=not run.pretraining.training.continuous
    )
    finetune(head, train, vocabulary.tokenizer(source), task.tuning, language=source,
             seed=run.seed, device=run.device, progress=run.progress)  # fmt: skip
    for language, examples in test.items():
        answers = predict(head, examples, vocabulary.tokenizer(language), language=language)
        for part, places in topic_parts(examples, text).items():
            if not places or (part and language == source):
                continue
            split = part or ("source" if language == source else "test")
            scores = task.scores(*chosen(examples, answers, places))
            # In a part there are too few of a type.
            scores = {name: v for name, v in scores.items() if not (part and name[:3] == "f1_")}
            yield from records_of(scores, split=split)
    if run.judged:
        dev = task.examples("dev", source, text)
        answers = predict(head, dev, vocabulary.tokenizer(source), language=source)
        yield from records_of({CHOICE: task.main(dev, answers)}, split="dev")


def kept(part: Run) -> dict:
    """The outcome of a part, tied to a cache or not; one that other code, another kind of device,
    other text or another number of threads has left there is made anew."""
    from isomorph.models.settings import device_named

    if part.infra.folder is None:
        return part.outcome()
    with held([part]) if int(os.environ.get("WORLD_SIZE", "1")) == 1 else nullcontext():
        if part.infra.status() == "completed":
            here = (part.code, device_name(device_named(part.device)), threads())
            there = part.outcome()
            made = (there["code"], there["device"], there["threads"])
            if made == here and part.is_of(there["data"]):
                return there
            part.infra.clear_job()
        return part.outcome()


def loader(run: Tuned, below: dict[str, Pretraining]) -> Loaded:
    """A function that gives a fresh copy of the encoder, and the vocabulary."""
    from isomorph.models.pretrained import load_masked_lm

    if run.weights == "random":
        model, vocabulary = untrained(run.pretraining)
        return lambda: copy.deepcopy(model), vocabulary
    folder = below[run.pretraining.digest].model_folder()
    return lambda: load_masked_lm(folder)[0], load_masked_lm(folder)[1]


def topic_parts(examples: Examples, text) -> dict[str, list[int]]:
    """Places of all examples, and in a world of those on the first and on the second half of the
    topics."""
    parts = {"": list(range(len(examples.items)))}
    if isinstance(text, WorldText) and text.world.topics % 2 == 0:
        first = [item.topic < text.world.topics // 2 for item in examples.items]
        parts["lost"] = [i for i in parts[""] if first[i]]
        parts["kept"] = [i for i in parts[""] if not first[i]]
    return parts
