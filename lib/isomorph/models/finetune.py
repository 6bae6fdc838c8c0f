"""Fine-tuning: an encoder and a task's head, tuned in one language and scored in any.

The loop of Conneau, Wu et al. (ACL 2020, section 3.2): AdamW, warm-up over the first tenth of the
steps and linear decay, for our encoder and any Hugging Face encoder. The config may ask for what
Zhang et al. (ICLR 2021) and Merchant et al. (BlackboxNLP 2020) vary in it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from isomorph.models import blocks
from isomorph.models.encoder import BilingualEncoder
from isomorph.models.heads import Head, Prediction
from isomorph.models.inputs import IGNORED
from isomorph.models.optimisers import BertAdam, linear_weights, mixout, origins_of, pull
from isomorph.models.pretrain import accelerate
from isomorph.models.settings import Device, TuningConfig

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from isomorph.models.inputs import Encoded
    from isomorph.text.examples import Examples

POOL = 16  # batches among which examples are sorted by length, so that few positions are padding


def finetune(
    head: Head,
    examples: Examples,
    tokenizer: PreTrainedTokenizerFast,
    config: TuningConfig,
    *,
    language: str | None = None,
    seed: int = 0,
    device: Device = "auto",
    progress: bool = True,
    development: Examples | None = None,
    metric: Callable[[Examples, list[Prediction]], float] | None = None,
) -> list[float]:
    """Tune the head and its encoder in place; the mean loss, in nats, of each epoch.

    language: of the examples, where the encoder has parts for each. What is frozen stays as it is.
    Examples of which nothing can be learnt, such as a text without words, are left out. The encoder
    first becomes what the config asks for (`prepare`). With `config.checks`, the head is scored by
    `metric`, higher is better, on the development examples so many times, evenly spread and the last
    time at the end, and is left with the weights that scored best, the earliest of equals.
    Raises ValueError when there are no examples, the device is not there, checks come without
    development examples or these without checks, the loss is no longer a number, or `prepare` does.
    """
    if not examples.items:
        raise ValueError("examples has no items; at least one is needed to tune on.")
    if (config.checks > 0) != bool(development is not None and development.items):
        raise ValueError(
            f"checks is {config.checks} with {'no' if config.checks else 'some'} development "
            "examples; allowed are both or neither."
        )
    accelerator = accelerate(config, device)
    head.to(accelerator.device)
    encoded = [row for row in head.encode(examples, tokenizer) if _teaches(row)]
    if not encoded:
        raise ValueError(
            f"none of the {len(examples.items)} examples has an answer among the names {head.names}; "
            "at least one is needed to tune on."
        )
    prepare(head, config, seed=seed)
    update = _updater(head, tokenizer, config, accelerator, language)
    per_epoch = -(-len(encoded) // config.batch)
    steps, step, losses = config.steps or config.epochs * per_epoch, 0, []
    stops = {-(-steps * i // config.checks) for i in range(1, config.checks + 1)}
    best = _Best()
    hidden = {} if progress else {"disable": True}
    with (
        tqdm(
            total=steps, desc=f"tuning {examples.task}", unit="step", leave=False, **hidden
        ) as bar,
        torch.random.fork_rng(devices=_generators(accelerator.device)),
    ):
        torch.manual_seed(seed)  # dropout can only draw from the global generator
        for epoch in range(-(-steps // per_epoch)):
            total, count = 0.0, min(per_epoch, steps - step)
            for rows in islice(_shuffled(encoded, config.batch, seed, epoch), count):
                total += update(rows, config.rate(step, steps))
                step += 1
                bar.update()
                if step in stops:
                    answers = predict(head, development, tokenizer, language=language)
                    best.see(head, metric(development, answers))
            if not math.isfinite(total):
                raise ValueError(
                    f"tuning diverged: its loss is {total} by step {step}; it may learn from smaller "
                    "rates or decays."
                )
            losses.append(total / count)
    best.restore(head)
    head.eval()
    return losses


def predict(
    head: Head,
    examples: Examples,
    tokenizer: PreTrainedTokenizerFast,
    *,
    language: str | None = None,
    batch: int = 64,
) -> list[Prediction]:
    """The head's answer for each example, in their order.

    A label for a pair; tags for words; heads and relations for a tree. Words beyond what the
    encoder can read get no answer: scores count them as wrong.
    """
    if not examples.items:
        return []
    encoded = head.encode(examples, tokenizer)
    order = sorted(range(len(encoded)), key=lambda i: len(encoded[i].ids))
    found: dict[int, Prediction] = {}
    training = head.training
    head.eval()
    with torch.inference_mode():
        for start in range(0, len(order), batch):
            chosen = order[start : start + batch]
            rows = head.collate([encoded[i] for i in chosen], tokenizer)
            found.update(zip(chosen, head.decide(rows, language), strict=True))
    head.train(training)
    return [found[i] for i in range(len(encoded))]


def prepare(head: Head, config: TuningConfig, *, seed: int) -> None:
    """Make a head's encoder what the config asks for before it is tuned, in place.

    First the top is cut off (`kept`), then the top of what is left is drawn anew (`reinit`,
    `reinit_pooler`), then the bottom is frozen. `finetune` does this itself; done with the same seed
    to a copy of a head that is not tuned yet, it gives the weights from which tuning starts.
    Raises ValueError when the encoder has not so many blocks, or nothing that the head reads in the
    place of the pooler.
    """
    if config.kept is not None:
        blocks.truncate(head.encoder, config.kept)
    reads_pooler = getattr(head, "pooling", None) == "pooler"
    if config.reinit_pooler and not (reads_pooler or isinstance(head.encoder, BilingualEncoder)):
        # It would change nothing, and look like a finding.
        raise ValueError(
            "reinit_pooler is True, but the head reads no pooler; allowed is False, or pooling "
            "'pooler' of a pair."
        )
    if config.reinit or config.reinit_pooler:
        blocks.reinitialise(head.encoder, config.reinit, pooler=config.reinit_pooler, seed=seed)
    if config.frozen:
        blocks.freeze(head.encoder, config.frozen)


def make_optimiser(head: Head, config: TuningConfig) -> torch.optim.Optimizer:
    """Adam with one rate for the encoder and one for the head; only matrices decay.

    With `layer_decay`, the encoder's rate is that of its top block, and shrinks by it from each
    block to the one below, and once more to the embeddings (Zhang et al. 2021). With
    `pretrained_decay`, the encoder has no other decay.
    """
    levels, top = dict.fromkeys(head.encoder.parameters(), 0), 0
    if config.layer_decay != 1:
        levels, top = blocks.levels(head.encoder), len(blocks.blocks_of(head.encoder))
    groups: dict[tuple[int | None, bool], list[nn.Parameter]] = {}
    for parameter in head.parameters():
        if parameter.requires_grad:
            groups.setdefault((levels.get(parameter), parameter.ndim > 1), []).append(parameter)

    def rate(level: int | None) -> float:
        if level is None:
            return config.head_rate
        return config.learning_rate * config.layer_decay ** max(0, top - level)

    def decay(level: int | None, matrix: bool) -> float:
        elsewhere = level is not None and config.pretrained_decay > 0
        return config.weight_decay if matrix and not elsewhere else 0.0

    settings = [
        {"params": parameters, "lr": rate(level), "weight_decay": decay(level, matrix)}
        for (level, matrix), parameters in groups.items()
    ]
    if config.optimiser == "bert_adam":
        # With AdamW's own eps, so that the two differ in the correction alone.
        return BertAdam(settings, lr=config.learning_rate, eps=1e-8)
    return torch.optim.AdamW(settings, fused=True)


class _Best:
    """The weights of the best check so far."""

    def __init__(self):
        self.score, self.weights = -math.inf, None

    def see(self, head: Head, score: float) -> None:
        # A correlation with answers that are all alike is no number; any number is better.
        score = -math.inf if math.isnan(score) else score
        if self.weights is None or score > self.score:
            self.score = score
            self.weights = {name: each.clone() for name, each in head.state_dict().items()}

    def restore(self, head: Head) -> None:
        if self.weights is not None:
            head.load_state_dict(self.weights)


def _updater(head, tokenizer, config: TuningConfig, accelerator, language: str | None):
    """A function that makes one step on some rows, at a share of the peak rates, and gives their
    mean loss."""
    optimiser = make_optimiser(head, config)
    peaks = [group["lr"] for group in optimiser.param_groups]
    origins = origins_of(head.encoder) if config.pretrained_decay or config.mixout else {}
    mixed = linear_weights(head.encoder, origins)

    def update(rows: list[Encoded], share: float) -> float:
        head.train()
        if config.mixout:  # takes the place of dropout in the encoder, as in Lee et al. (2020)
            head.encoder.eval()
        for group, peak in zip(optimiser.param_groups, peaks, strict=True):
            group["lr"] = peak * share
        with mixout(mixed, config.mixout):
            with accelerator.autocast():
                loss = head.loss(head.collate(rows, tokenizer), language)
            loss.backward()
        nn.utils.clip_grad_norm_(head.parameters(), config.clip)
        if config.pretrained_decay:
            pull(optimiser, origins, config.pretrained_decay)
        optimiser.step()
        optimiser.zero_grad()
        return float(loss.detach())

    return update


def _teaches(row: Encoded) -> bool:
    # The mean loss of a batch in which no target counts is no number.
    return any(target != IGNORED for target in row.heads or row.targets)


def _shuffled(encoded: list[Encoded], batch: int, seed: int, epoch: int):
    """The batches of an epoch: examples of like length together, everything else by chance."""
    generator = np.random.default_rng([seed, epoch])
    order = generator.permutation(len(encoded))
    batches = []
    for start in range(0, len(order), POOL * batch):
        pool = sorted(order[start : start + POOL * batch], key=lambda i: len(encoded[i].ids))
        batches += [pool[at : at + batch] for at in range(0, len(pool), batch)]
    for i in generator.permutation(len(batches)):
        yield [encoded[j] for j in batches[i]]


def _generators(device: torch.device) -> list[torch.device]:
    return [device] if device.type == "cuda" else []
