"""Pretraining, masked or causal: one loop for a CPU core, a GPU or many; and how well a model then
predicts text.

The recipe of Conneau, Wu et al. (ACL 2020, section 3.1) at any size: one language a batch, the
vocabulary projected on masked positions only. The smaller sizes may use Muon (Jordan et al. 2024)
for the layers' matrices, which leaves the plateau on which AdamW sits long; the config says so.

A perplexity is over the subwords of one vocabulary. Models with other vocabularies, and so two
languages, or a model of one language and a model of two, cannot be compared by it.
"""

import logging
import math
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import torch
from torch import nn
from tqdm import tqdm

from isomorph.models.checkpoints import restore, save
from isomorph.models.encoder import BilingualConfig, seeded
from isomorph.models.inputs import IGNORED
from isomorph.models.masked_lm import Batch, Batches, BilingualMaskedLM, as_batch, following, mask
from isomorph.models.settings import Device, TrainingConfig
from isomorph.models.steps import accelerate, ahead, fitting_rows, scaler_of, step_of, update
from isomorph.processes import MICRO_BATCH, limited
from isomorph.text.packed import pack
from isomorph.text.vocab import MASK, SPECIAL, Vocabulary

LARGEST = 700.0  # nats: exp of a little more is no number
ROWS = 64  # of held-out text, that are read at a time
FOLDS = 7  # of a pseudo-perplexity
SEARCHED = ("cuda",)  # kinds of devices whose memory says how many rows go at a time
log = logging.getLogger(__name__)


def initialise(config: BilingualConfig, seed: int) -> BilingualMaskedLM:
    """A model with random weights that depend on the seed alone."""
    with seeded(seed):
        return BilingualMaskedLM(config)


@limited()
def pretrain(
    model: BilingualMaskedLM,
    batches: Batches,
    config: TrainingConfig,
    *,
    seed: int = 0,
    device: Device = "auto",
    micro_batch: int | None = None,
    marks: Sequence[int] = (),
    measure: Callable[[BilingualMaskedLM], list[dict]] | None = None,
    checkpoint: Path | None = None,
    same: Mapping[str, str | int] | None = None,
    every: float = 60.0,
    progress: bool = True,
) -> list[dict]:
    """Train `model` in place and return what was measured on the way.

    At each of `marks` (steps done; 0 is before training) and at the end, a record {metric: "loss",
    value, step, tokens, seconds} gives the mean training loss, in nats, since the last;
    `measure(model)` may add others. With `checkpoint`, the state is written there every
    `every` seconds, and a run that finds it goes on from it, on a CPU to the same bits; not from a
    damaged one, nor where what `same` names (the text, the code) has another value now.
    It computes with one thread, unless told (`isomorph.processes`). `micro_batch` splits a step to
    save memory, and changes nothing but the draws of dropout; where it is None it is
    ISOMORPH_MICRO_BATCH, or else what fits into a GPU: the batch, half of it, and so on. Several
    processes started by `torchrun` share each batch.

    Raises ValueError when the device is not there, the processes do not divide the batch,
    `micro_batch` is not positive, the loss is no longer a number, or nothing was predicted in any
    step: text in which no subword was masked trains nothing.
    """
    told = (os.environ.get(MICRO_BATCH) or None) if micro_batch is None else micro_batch
    if told is not None and not (str(told).isdecimal() and int(told)):
        raise ValueError(f"micro_batch is {told}, but it must be a whole number above 0.")
    accelerator = accelerate(config, device, unused=bool(model.config.specific))
    if config.batch % accelerator.num_processes:
        raise ValueError(
            f"training.batch is {config.batch}, which {accelerator.num_processes} processes do not "
            "divide evenly."
        )
    prepared, scaler = accelerator.prepare(model), scaler_of(accelerator)
    optimisers = make_optimisers(model, config)
    rates = [[group["lr"] for group in o.param_groups] for o in optimisers]
    stops = sorted({*marks, config.steps})
    state = _restored(checkpoint, same or {}, model, [*optimisers, scaler])
    step, records, loss, counted = state["step"], state["records"], state["loss"], state["counted"]
    predicted = state["predicted"]
    if step:
        log.info("pretraining goes on at step %d of %d, from %s", step, config.steps, checkpoint)
    began, saved = time.monotonic() - state["seconds"], time.monotonic()

    # Only ever switched off here, so that TQDM_DISABLE in the environment can do so too.
    hidden = {} if progress and accelerator.is_main_process else {"disable": True}
    bar = tqdm(total=config.steps, initial=step, desc="pretraining", unit="step", mininterval=1.0,
               **hidden)  # fmt: skip

    def reach(*losses: float) -> None:
        tokens = step * config.batch * config.length
        done = {"step": step, "tokens": tokens, "seconds": time.monotonic() - began}
        measured = [{"metric": "loss", "value": loss} for loss in losses]
        measured += measure(model) if measure else []
        records.extend({**record, **done} for record in measured)
        model.train()

    model.train()
    if step == 0 and 0 in stops:
        reach()
    rows = None if told is None else int(told)
    if rows is None and accelerator.device.type in SEARCHED and step < config.steps:
        rows = fitting_rows(model, batches[step], accelerator, config, seed)
    read = ahead(
        lambda number: step_of(number, batches[number], accelerator, rows),
        range(step, config.steps),
        accelerator.device,
    )
    for each in read:
        for optimiser, peaks in zip(optimisers, rates, strict=True):
            for group, peak in zip(optimiser.param_groups, peaks, strict=True):
                group["lr"] = peak * config.rate(step)
        predicted += each.predicted
        loss += update(prepared, each, optimisers, scaler, accelerator, config, seed)
        step, counted = step + 1, counted + 1
        bar.update()
        if step in stops:
            mean, loss, counted = float(loss) / counted, 0.0, 0
            if not math.isfinite(mean):
                raise ValueError(
                    f"training diverged: its mean loss is {mean} by step {step}; it may learn from "
                    "smaller rates, weight_decay or cosine."
                )
            bar.set_postfix(loss=f"{mean:.3f}")
            reach(mean)
        if checkpoint and step < config.steps and time.monotonic() - saved > every:
            if accelerator.is_main_process:
                _save(checkpoint, model, [*optimisers, scaler], config, same or {}, step=step,
                      records=records, loss=float(loss), counted=counted, predicted=predicted,
                      seconds=time.monotonic() - began)  # fmt: skip
            saved = time.monotonic()
    bar.close()
    if not predicted:
        raise ValueError(f"nothing was trained: no subword was masked in any of {step} steps.")
    if checkpoint and accelerator.is_main_process:
        Path(checkpoint).unlink(missing_ok=True)
    model.eval()
    return records


def make_optimisers(model: nn.Module, config: TrainingConfig) -> list[torch.optim.Optimizer]:
    """AdamW on everything, or Muon on the layers' matrices and AdamW on the rest.

    Biases, norms and embeddings are not decayed.
    """
    matrices, plain, rest = [], [], []
    for name, parameter in model.named_parameters():
        if ".layers." in name and parameter.ndim == 2:
            (matrices if config.optimiser == "muon" else plain).append(parameter)
        else:
            rest.append(parameter)
    groups = [{"params": plain, "weight_decay": config.weight_decay}] if plain else []
    groups.append({"params": rest, "weight_decay": 0.0})
    optimisers = [torch.optim.AdamW(groups, lr=config.learning_rate, eps=1e-6, fused=True)]
    if matrices:
        optimisers.append(
            torch.optim.Muon(matrices, lr=config.muon_rate, weight_decay=config.weight_decay)
        )
    return optimisers


def _save(path: Path, model, others, config, same: Mapping, **state) -> None:
    whole = {"model": model.state_dict(), "others": [other.state_dict() for other in others]}
    save(path, state | whole, {**same, "step": state["step"], "steps": config.steps})


def _restored(path: Path | None, same: Mapping, model, others) -> dict:
    fresh = {"step": 0, "records": [], "loss": 0.0, "counted": 0, "predicted": 0, "seconds": 0.0}
    state = restore(path, **same)
    if state is None:
        return fresh
    model.load_state_dict(state["model"])
    for other, saved in zip(others, state["others"], strict=True):
        if saved:  # a scaler that scaled nothing has no state
            other.load_state_dict(saved)
    return {key: state[key] for key in fresh}


def pseudo_perplexity(
    model: BilingualMaskedLM,
    vocabulary: Vocabulary,
    language: str,
    texts: list[str],
    *,
    length: int,
    continuous: bool = False,
    seed: int = 0,
) -> float:
    """exp of the mean loss over every subword of held-out text, each hidden exactly once.

    Each block's subwords are dealt at random into FOLDS of equal size, give or take one; a fold is
    hidden at a time, all of it by [MASK], and predicted from the rest: near the 15% of training. In
    Salazar et al. (2020, section 2), whose term it is, one subword is, so theirs is lower.

    Raises ValueError for a causal model, whose `perplexity` is exact, and when the text does not
    fill one block of `length`.
    """
    if model.config.causal:
        raise ValueError("model is causal; its perplexity hides nothing, and has no folds.")
    packed = pack(vocabulary.encode(language, texts), length, continuous=continuous)
    ids = torch.from_numpy(packed.ids)
    generator = torch.Generator().manual_seed(seed)
    # Subwords first, in random order, and special tokens after them.
    drawn = torch.rand(ids.shape, generator=generator) + (ids < len(SPECIAL))
    fold = drawn.argsort(1).argsort(1) % FOLDS
    hidden = [(fold == number) & (ids >= len(SPECIAL)) for number in range(FOLDS)]
    return _perplexity(
        model,
        (as_batch(language, packed, ids.masked_fill(at, MASK), ids.masked_fill(~at, IGNORED))
         for at in hidden),
    )  # fmt: skip


def perplexity(
    model: BilingualMaskedLM,
    vocabulary: Vocabulary,
    language: str,
    texts: list[str],
    *,
    length: int,
    masking: float = 0.15,
    continuous: bool = False,
    seed: int = 0,
) -> float:
    """Perplexity of held-out text: exp of the mean loss on a fixed choice of subwords.

    Every chosen subword is masked, none kept or replaced (Dufter & Schütze 2020, their code). Over
    500 verses another `seed` moves it by 4 to 8% (one standard deviation, of the encoders that
    ship): it is to follow a training; for anything else use `pseudo_perplexity`.
    Of a causal model it is exact: of every subword after those before it in its block.

    Raises ValueError when nothing is hidden, and for a model that has diverged.
    """
    packed = pack(vocabulary.encode(language, texts), length, continuous=continuous)
    ids = torch.from_numpy(packed.ids)
    if model.config.causal:
        whole = as_batch(language, packed, ids, following(packed))
    else:
        generator = torch.Generator().manual_seed(seed)
        _, labels = mask(ids, masking, ids.new_tensor([0]), generator)
        whole = as_batch(language, packed, torch.where(labels >= 0, MASK, ids), labels)
    return _perplexity(model, [whole])


def _perplexity(model: BilingualMaskedLM, wholes: Iterable[Batch]) -> float:
    """exp of the mean loss of all that is to be predicted."""
    total, count, training = 0.0, 0, model.training
    model.eval()
    with torch.inference_mode():
        for whole in wholes:
            for start in range(0, len(whole.input_ids), ROWS):
                part = whole.rows(slice(start, start + ROWS))
                predicted = int((part.labels >= 0).sum())
                if predicted:
                    total += model(**part.inputs(model.device)).loss.item() * predicted
                    count += predicted
    model.train(training)
    if not count:
        raise ValueError("no subword of the held-out text is hidden, so none can be foretold.")
    if not total / count < LARGEST:
        raise ValueError(
            f"the loss on held-out text is {total / count:.3g} nats a subword; the model has diverged."
        )
    return math.exp(total / count)
