"""A step of training, and how it uses a device: number formats, memory, and batches made ahead.

None of what is chosen here for a GPU names a run. On a processor a run computes what its config says.
"""

import logging
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext
from functools import cache
from typing import NamedTuple, TypeVar

import torch
import torch.nn.functional as F
from accelerate import Accelerator, DistributedDataParallelKwargs
from accelerate.state import AcceleratorState
from accelerate.utils import find_executable_batch_size
from torch import Tensor, nn

from isomorph.models.masked_lm import Batch, BilingualMaskedLM
from isomorph.models.settings import FP32, Device, TrainingConfig, TuningConfig, device_named

FORMATS = ("tf32", "exact", "half")
AHEAD = 2  # batches
# Of the weights, beside their gradients: two that AdamW keeps, and what processes exchange.
COPIES = 3
log = logging.getLogger(__name__)
Item, Made = TypeVar("Item"), TypeVar("Made")


def number_format(precision: str, place: torch.device) -> str:
    """What training multiplies matrices in: "fp32", "tf32", "bf16" or "fp16".

    precision: a config's, which a processor always gets. A GPU takes fp32 in TF32 (10 bits of
    mantissa, sums in 32) where it can, unless ISOMORPH_FP32 is "exact"; with "half" it takes it as
    bf16. Where the hardware has no bf16 (V100, T4) and PyTorch would emulate it, fp16 takes its place,
    with scaled losses (Micikevicius et al. 2018). Raises ValueError for another ISOMORPH_FP32.
    """
    wanted = os.environ.get(FP32) or FORMATS[0]
    if wanted not in FORMATS:
        raise ValueError(f"{FP32} is {wanted!r}; allowed are {', '.join(FORMATS)}.")
    if place.type != "cuda":
        return precision
    modern = torch.cuda.is_bf16_supported(including_emulation=False)  # these have TF32 as well
    if precision == "fp32" and wanted != "half":
        return "tf32" if modern and wanted == "tf32" else "fp32"
    if not modern:
        _say_once(f"{torch.cuda.get_device_name(place)} has no bf16: training is in fp16, scaled.")
    return "bf16" if modern else "fp16"


@cache
def _say_once(line: str) -> None:
    log.warning(line)


@contextmanager
def computing(place: torch.device, precision: str) -> Iterator[None]:
    """Let matrix products on a GPU be in TF32 meanwhile, where that is the format of training."""
    if number_format(precision, place) != "tf32":
        yield
        return
    products = torch.backends.cuda.matmul
    before, products.fp32_precision = products.fp32_precision, "tf32"
    try:
        yield
    finally:
        products.fp32_precision = before


def accelerate(
    config: TrainingConfig | TuningConfig, device: Device, *, unused: bool = True
) -> Accelerator:
    """The `Accelerator` that places a run. Raises ValueError when the device is not there.

    unused: whether a step may leave some weights without a gradient, as a batch in one language
    leaves the other language's own parts; several processes then have to look for them.
    """
    place = device_named(device)
    form = number_format(config.precision, place)
    # The library keeps the first run's precision for the whole process; a second may differ.
    AcceleratorState._reset_state(reset_partial_state=not torch.distributed.is_initialized())
    return Accelerator(
        # With no accelerator, "auto" must say so too: else several processes do not find each other.
        cpu=place.type == "cpu",
        mixed_precision=form if form in ("bf16", "fp16") else "no",
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=unused)],
    )


def scaler_of(accelerator: Accelerator) -> torch.amp.GradScaler:
    """What scales the losses in fp16, and elsewhere does nothing."""
    return accelerator.scaler or torch.amp.GradScaler(accelerator.device.type, enabled=False)


def own_devices(place: torch.device) -> list[torch.device]:
    """Those whose random state a step forks: reading another GPU's would open a context on it."""
    return [place] if place.type == "cuda" else []


def ahead(
    make: Callable[[Item], Made], items: Iterable[Item], place: torch.device
) -> Iterator[Made]:
    """What `make` gives of each item, in order; for a GPU by a thread, which is AHEAD of them."""
    if place.type != "cuda":
        yield from map(make, items)
        return
    worker, waiting = ThreadPoolExecutor(1), deque[Future]()
    try:
        for item in items:
            waiting.append(worker.submit(make, item))
            if len(waiting) > AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        worker.shutdown(cancel_futures=True)


def largest_that_fits(trial: Callable[[int], object], rows: int) -> int:
    """`rows`, or the first of its halves with which `trial` does not run out of memory.

    Raises RuntimeError when it does with one row.
    """
    tried = rows

    def halve() -> int:
        nonlocal tried
        if tried == 1:
            raise RuntimeError("one row takes more memory than the device has free.")
        tried //= 2
        return tried

    @find_executable_batch_size(starting_batch_size=rows, reduce_batch_size_fn=halve)
    def fitting(count: int) -> int:
        trial(count)
        return count

    return fitting()


class Part(NamedTuple):
    """Some rows of a batch on the device, and their share of all that the batch predicts."""

    inputs: dict
    share: float


class Step(NamedTuple):
    """What one process reads in one step, and how much all processes predict in it."""

    number: int
    language: str
    predicted: int
    parts: list[Part]


def step_of(number: int, batch: Batch, accelerator: Accelerator, rows: int | None) -> Step:
    """This process's rows of a batch, so many at a time."""
    rank, ranks = accelerator.process_index, accelerator.num_processes
    mine, predicted = batch.rows(slice(rank, None, ranks)), int((batch.labels >= 0).sum())
    parts, rows = [], rows or len(mine.input_ids)
    for start in range(0, len(mine.input_ids), rows):
        part = mine.rows(slice(start, start + rows))
        share = int((part.labels >= 0).sum()) / max(1, predicted)
        if share or ranks > 1:  # each process must take part in every exchange of gradients
            parts.append(Part(part.inputs(accelerator.device), share))
    return Step(number, batch.language, predicted, parts)


def _gradients(prepared, step: Step, accelerator, config, seed: int) -> Tensor:
    """Leave a step's gradients in the weights; this process's share of the batch's mean loss."""
    ranks, device = accelerator.num_processes, accelerator.device
    model = accelerator.unwrap_model(prepared)
    total = torch.zeros((), device=device)
    with ExitStack() as stack:
        stack.enter_context(computing(device, config.precision))
        if prepared.training and model.config.dropout:
            # Dropout can only draw from the global generator: lend it a seed of this step's own.
            stack.enter_context(torch.random.fork_rng(devices=own_devices(device)))
            torch.manual_seed(hash((seed, step.number, accelerator.process_index)) % 2**63)
        for left, part in zip(range(len(step.parts))[::-1], step.parts, strict=True):
            # Processes exchange gradients once a step, with those of the last part.
            with accelerator.no_sync(prepared) if left else nullcontext():
                loss = prepared(**part.inputs).loss
                # They average them, and each has only its rows' share of the loss.
                accelerator.backward(loss * part.share * ranks)
            total = total + loss.detach() * part.share
        if config.cosine:
            words = model.get_input_embeddings(step.language).weight
            accelerator.backward(config.cosine * cosine_regulariser(words))
    return total


def update(
    prepared: nn.Module,
    step: Step,
    optimisers: Sequence[torch.optim.Optimizer],
    scaler: torch.amp.GradScaler,
    accelerator: Accelerator,
    config: TrainingConfig,
    seed: int,
) -> Tensor:
    """One step of every optimiser; the batch's mean loss. Nothing of it waits for a GPU."""
    if not step.predicted:  # a tiny batch can have nothing masked
        return torch.zeros(())
    total = _gradients(prepared, step, accelerator, config, seed)
    for optimiser in optimisers:
        scaler.unscale_(optimiser)
    nn.utils.clip_grad_norm_(prepared.parameters(), config.clip)
    for optimiser in optimisers:
        scaler.step(optimiser)
        optimiser.zero_grad()
    scaler.update()
    return accelerator.reduce(total, "sum")


def fitting_rows(
    model: BilingualMaskedLM,
    batch: Batch,
    accelerator: Accelerator,
    config: TrainingConfig,
    seed: int,
) -> int:
    """How many rows at a time fit into a GPU's memory beside all else that training keeps there."""
    own = config.batch // accelerator.num_processes
    whole = batch.rows(torch.arange(config.batch) % len(batch.input_ids))

    def trial(rows: int) -> None:
        model.zero_grad()
        room = [torch.empty_like(weight) for weight in model.parameters() for _ in range(COPIES)]
        step = step_of(0, whole, accelerator, rows)
        _gradients(model, step._replace(parts=step.parts[:1]), accelerator, config, seed)
        del room

    try:
        found = largest_that_fits(trial, own)
    finally:
        model.zero_grad()
    every = accelerator.gather(torch.tensor([found], device=accelerator.device))
    found = int(every.min())  # all processes take as many parts
    if found < own:
        log.info("%d of %d rows at a time fit into the GPU's memory.", found, own)
    return found


def cosine_regulariser(words: Tensor) -> Tensor:
    """MLE-CosReg, a loss that pushes word vectors apart: the sum of cosines over ordered pairs of
    different words, over the number of words squared.

    words: (words, width). A number from -1/words up to 1, in time linear in the words:

        1/N^2 sum_i sum_(j != i) u_i'u_j  =  (|sum_i u_i|^2 - N) / N^2,   u = w / |w|

    Source: Gao et al. 2019; the linear form is an identity.
    """
    unit = F.normalize(words.float(), dim=1)
    return (unit.sum(0).square().sum() - len(words)) / len(words) ** 2
