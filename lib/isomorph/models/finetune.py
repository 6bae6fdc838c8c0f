"""Fine-tuning: an encoder and a task's head, tuned in one language and scored in any.

The loop of Conneau, Wu et al. (ACL 2020, section 3.2): AdamW, warm-up over the first tenth of the
steps and linear decay, for our encoder and any Hugging Face encoder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from isomorph.models.features import IGNORED
from isomorph.models.heads import Head, Prediction
from isomorph.models.pretrain import accelerate
from isomorph.models.settings import Device, TuningConfig

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from isomorph.models.features import Encoded
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
) -> list[float]:
    """Tune the head and its encoder in place; the mean loss, in nats, of each epoch.

    language: of the examples, where the encoder has parts for each. What is frozen stays as it is.
    Examples of which nothing can be learnt, such as a text without words, are left out.
    Raises ValueError when there are no examples or the device is not there.
    """
    if not examples.items:
        raise ValueError("examples has no items; at least one is needed to tune on.")
    accelerator = accelerate(config, device)
    head.to(accelerator.device)
    encoded = [row for row in head.encode(examples, tokenizer) if _teaches(row)]
    if not encoded:
        raise ValueError(
            f"none of the {len(examples.items)} examples has an answer among the names {head.names}; "
            "at least one is needed to tune on."
        )
    optimiser = make_optimiser(head, config)
    peaks = [group["lr"] for group in optimiser.param_groups]
    per_epoch = -(-len(encoded) // config.batch)
    steps, step, losses = config.epochs * per_epoch, 0, []
    head.train()
    hidden = {} if progress else {"disable": True}
    with (
        tqdm(
            total=steps, desc=f"tuning {examples.task}", unit="step", leave=False, **hidden
        ) as bar,
        torch.random.fork_rng(devices=_generators(accelerator.device)),
    ):
        torch.manual_seed(seed)  # dropout can only draw from the global generator
        for epoch in range(config.epochs):
            total = 0.0
            for rows in _shuffled(encoded, config.batch, seed, epoch):
                for group, peak in zip(optimiser.param_groups, peaks, strict=True):
                    group["lr"] = peak * config.rate(step, steps)
                with accelerator.autocast():
                    loss = head.loss(head.collate(rows, tokenizer), language)
                loss.backward()
                nn.utils.clip_grad_norm_(head.parameters(), config.clip)
                optimiser.step()
                optimiser.zero_grad()
                total, step = total + float(loss.detach()), step + 1
                bar.update()
            losses.append(total / per_epoch)
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


def make_optimiser(head: Head, config: TuningConfig) -> torch.optim.Optimizer:
    """AdamW with one rate for the encoder and one for the head; only matrices decay."""
    own = {id(parameter) for parameter in head.encoder.parameters()}
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for parameter in head.parameters():
        if parameter.requires_grad:
            groups.setdefault((id(parameter) in own, parameter.ndim > 1), []).append(parameter)
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "lr": config.learning_rate if encoder else config.head_rate,
                "weight_decay": config.weight_decay if matrix else 0.0,
            }
            for (encoder, matrix), parameters in groups.items()
        ],
        fused=True,
    )


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
