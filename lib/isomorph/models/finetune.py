"""Fine-tuning: an encoder and a task's head, tuned in one language and scored in any.

The loop of Conneau, Wu et al. (ACL 2020, section 3.2): AdamW, warm-up over the first tenth of the
steps and linear decay. The config may ask for what studies vary in it: BERT's Adam, mixout and
decay towards the start (Zhang et al., ICLR 2021; Lee et al., ICLR 2020), and which blocks are
tuned (Merchant et al., BlackboxNLP 2020).
"""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn
from tqdm import tqdm
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from isomorph.models import blocks
from isomorph.models.encoder import seeded
from isomorph.models.heads import Head, PairHead, Prediction, ScoreHead, TagHead, TreeHead
from isomorph.models.inputs import IGNORED, Encoded, Features
from isomorph.models.ordering import OrderingHead
from isomorph.models.settings import Device, TuningConfig
from isomorph.models.spans import PhraseHead, QuestionHead
from isomorph.models.steps import accelerate, ahead, computing, own_devices, scaler_of
from isomorph.text import examples as kinds
from isomorph.text.examples import Examples, require

POOL = 16  # batches among which examples are sorted by length, so that few positions are padding
Origins = Mapping[nn.Parameter, Tensor]  # of each weight, the value that it started from
HEADS = {
    kinds.PAIR: PairHead, kinds.SCORE: ScoreHead, kinds.TAG: TagHead, kinds.SPEECH: TagHead,
    kinds.TREE: TreeHead, kinds.ORDER: OrderingHead, kinds.PHRASES: PhraseHead,
    kinds.QUESTION: QuestionHead,
}  # fmt: skip


def head_for(task: str, model: PreTrainedModel, names=(), *, seed: int, **settings) -> Head:
    """The head of a task on an encoder, with random weights that depend on the seed alone; names and
    settings as its class takes them. Raises ValueError for an unknown task."""
    require("task", task, tuple(HEADS))
    with seeded(seed):
        return HEADS[task](model, names, **settings)


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

    language: of the examples, where the encoder has parts for each. Examples of which nothing can
    be learnt are left out. The encoder first becomes what the config asks for (`blocks.prepare`).
    With `config.checks`, the head is scored by `metric`, higher is better, on the development
    examples so many times, evenly spread, the last time at the end, and is left with the weights
    that scored best. Raises ValueError when there are no examples, the device is not there, checks
    come without development examples or these without checks, the loss is no longer a number, or
    `prepare` does.
    """
    if not examples.items:
        raise ValueError("examples has no items; at least one is needed to tune on.")
    if (config.checks > 0) != bool(development is not None and development.items):
        raise ValueError(
            f"checks is {config.checks} with {'no' if config.checks else 'some'} development "
            "examples; allowed are both or neither."
        )
    accelerator = accelerate(config, device)
    place = accelerator.device
    head.to(place)
    # The mean loss of a batch in which no target counts is no number.
    encoded = [
        row
        for row in head.encode(examples, tokenizer)
        if any(target != IGNORED for target in row.heads or row.targets)
    ]
    if not encoded:
        raise ValueError(
            f"none of the {len(examples.items)} examples has an answer among the names {head.names}; "
            "at least one is needed to tune on."
        )
    blocks.prepare(head, config, seed=seed)
    update = _updater(head, config, accelerator, language)
    per_epoch = -(-len(encoded) // config.batch)
    steps, step, losses = config.steps or config.epochs * per_epoch, 0, []
    stops = {-(-steps * i // config.checks) for i in range(1, config.checks + 1)}
    best, kept = -math.inf, None
    hidden = {} if progress else {"disable": True}
    with (
        tqdm(
            total=steps, desc=f"tuning {examples.task}", unit="step", leave=False, **hidden
        ) as bar,
        torch.random.fork_rng(devices=own_devices(place)),
    ):
        torch.manual_seed(seed)  # dropout can only draw from the global generator
        for epoch in range(-(-steps // per_epoch)):
            each, count = [], min(per_epoch, steps - step)
            chosen = islice(_shuffled(encoded, config.batch, seed, epoch), count)
            for batch in ahead(lambda rows: head.collate(rows, tokenizer), chosen, place):
                each.append(update(batch, config.rate(step, steps)))
                step += 1
                bar.update()
                if step in stops:
                    answers = predict(head, development, tokenizer, language=language)
                    score = metric(development, answers)
                    # Answers that are all alike have no correlation; any number is better.
                    score = -math.inf if math.isnan(score) else score
                    if kept is None or score > best:
                        best = score
                        kept = {name: w.clone() for name, w in head.state_dict().items()}
            total = 0.0
            for loss in torch.stack(each).tolist():  # the first that a GPU is asked for
                total += loss
            if not math.isfinite(total):
                raise ValueError(
                    f"tuning diverged: its loss is {total} by step {step}; it may learn from smaller "
                    "rates or decays."
                )
            losses.append(total / count)
    if kept is not None:
        head.load_state_dict(kept)
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

    Words beyond what the encoder can read get no answer: scores count them as wrong.
    """
    if not examples.items:
        return []
    encoded = head.encode(examples, tokenizer)
    order = sorted(range(len(encoded)), key=lambda i: len(encoded[i].ids))
    answers, training = {}, head.training
    head.eval()
    with torch.inference_mode():
        for start in range(0, len(order), batch):
            chosen = order[start : start + batch]
            rows = head.collate([encoded[i] for i in chosen], tokenizer)
            answers |= zip(chosen, head.decide(rows, language), strict=True)
    head.train(training)
    return [answers[i] for i in range(len(encoded))]


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
    settings = []
    for (level, matrix), parameters in groups.items():
        rate, decay = config.head_rate, config.weight_decay if matrix else 0.0
        if level is not None:
            rate = config.learning_rate * config.layer_decay ** max(0, top - level)
            decay = 0.0 if config.pretrained_decay else decay
        settings.append({"params": parameters, "lr": rate, "weight_decay": decay})
    if config.optimiser == "bert_adam":
        # With AdamW's own eps, so that the two differ in the correction alone.
        return BertAdam(settings, lr=config.learning_rate, eps=1e-8)
    return torch.optim.AdamW(settings, fused=True)


def _updater(head: Head, config: TuningConfig, accelerator: Accelerator, language: str | None):
    """A function that makes one step on a batch, at a share of the peak rates, and gives its mean
    loss, (), for which a GPU is not waited for."""
    optimiser, scaler = make_optimiser(head, config), scaler_of(accelerator)
    peaks = [group["lr"] for group in optimiser.param_groups]
    origins = origins_of(head.encoder) if config.pretrained_decay or config.mixout else {}
    mixed = linear_weights(head.encoder, origins)

    def update(batch: Features, share: float) -> Tensor:
        head.train()
        if config.mixout:  # takes the place of dropout in the encoder, as in Lee et al. (2020)
            head.encoder.eval()
        for group, peak in zip(optimiser.param_groups, peaks, strict=True):
            group["lr"] = peak * share
        with mixout(mixed, config.mixout), computing(accelerator.device, config.precision):
            with accelerator.autocast():
                loss = head.loss(batch, language)
            accelerator.backward(loss)
        scaler.unscale_(optimiser)
        nn.utils.clip_grad_norm_(head.parameters(), config.clip)
        if config.pretrained_decay:
            pull(optimiser, origins, config.pretrained_decay)
        scaler.step(optimiser)
        scaler.update()
        optimiser.zero_grad()
        return loss.detach()

    return update


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


class BertAdam(torch.optim.Optimizer):
    """Adam without bias correction, the optimiser that BERT came with (Zhang et al. 2021).

    m and v are the running means of the gradient g and its square, from 0 and never corrected:

        m = b1 m + (1 - b1) g,  v = b2 v + (1 - b2) g²,  w = w - lr (m / (√v + eps) + decay w)

    so that the first steps are too long, see `overstep`. The default eps is BERT's.
    """

    BETAS = (0.9, 0.999)

    def __init__(self, params, lr: float, *, eps: float = 1e-6, weight_decay: float = 0.0):
        super().__init__(params, {"lr": lr, "eps": eps, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self) -> None:
        """Move every weight that has a gradient."""
        first, second = self.BETAS
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                if not self.state[weight]:
                    self.state[weight] = {name: torch.zeros_like(weight) for name in ("m", "v")}
                mean, square = self.state[weight]["m"], self.state[weight]["v"]
                mean.lerp_(weight.grad, 1 - first)
                square.mul_(second).addcmul_(weight.grad, weight.grad, value=1 - second)
                if group["weight_decay"]:
                    weight.mul_(1 - group["lr"] * group["weight_decay"])
                weight.addcdiv_(mean, square.sqrt().add_(group["eps"]), value=-group["lr"])


def overstep(step: int, betas: tuple[float, float] = BertAdam.BETAS) -> float:
    """How many times as long `BertAdam`'s step is as Adam's, where eps does not count; from step
    1."""
    return (1 - betas[0] ** step) / (1 - betas[1] ** step) ** 0.5


@contextmanager
def mixout(origins: Origins, probability: float) -> Iterator[None]:
    """For one forward and backward pass, mix weights with those they started from (Lee et al.
    2020).

    Each entry w of a weight is replaced by its origin u with this probability, and the others are
    moved to u + (w - u) / (1 - probability), so that the expectation stays w. Afterwards the
    weights are what they were, and the gradients in them, of which there must be none before, are
    those for w. Draws from the global generator of the weights' device. Raises ValueError for a
    probability outside 0 to 1.
    """
    if not 0 <= probability <= 1:
        raise ValueError(f"probability is {probability}; allowed are 0 to 1.")
    if probability == 0:
        yield
        return
    before, slopes = {}, {}
    with torch.no_grad():
        for weight, origin in origins.items():
            slope = (torch.rand_like(weight) >= probability).to(weight.dtype)
            if probability < 1:
                slope /= 1 - probability
            before[weight], slopes[weight] = weight.data, slope
            # The tensor that optimisers and others hold stays the same; only what it shows changes.
            weight.data = torch.addcmul(origin, slope, weight - origin)
    try:
        yield
    finally:
        for weight, values in before.items():
            weight.data = values
    for weight, slope in slopes.items():
        if weight.grad is not None:
            weight.grad *= slope


@torch.no_grad()
def pull(optimiser: torch.optim.Optimizer, origins: Origins, decay: float) -> None:
    """Weight decay towards where the weights started: w = w - lr decay (w - origin), decoupled, of
    weights that have a gradient; before the optimiser's step."""
    for group in optimiser.param_groups:
        for weight in group["params"]:
            if weight.grad is not None and weight in origins:
                weight.lerp_(origins[weight], group["lr"] * decay)


def origins_of(encoder: nn.Module) -> dict[nn.Parameter, Tensor]:
    """Copies of an encoder's matrices that are to be tuned; no decay is of biases and norms."""
    return {
        weight: weight.detach().clone()
        for weight in encoder.parameters()
        if weight.requires_grad and weight.ndim > 1
    }


def linear_weights(encoder: nn.Module, origins: Origins) -> dict[nn.Parameter, Tensor]:
    """Of the origins those of linear layers, which mixout mixes; embeddings are not mixed."""
    return {
        module.weight: origins[module.weight]
        for module in encoder.modules()
        if isinstance(module, nn.Linear) and module.weight in origins
    }
