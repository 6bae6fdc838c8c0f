"""Ten steps of the papers' own models: what a token costs, how fast they are here, what memory they take.

Nothing is trained to an end and nothing is kept. `isomorph.sweep.plan` has what any experiment costs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from statistics import mean

import pandas as pd
import torch

from isomorph.models.pretrain import initialise, pretrain
from isomorph.models.settings import EncoderConfig
from isomorph.models.steps import accelerate
from isomorph.runs.pretraining import Pretraining, batches
from isomorph.runs.run import device_name
from isomorph.runs.texts import HubText, ShippedText
from isomorph.text.corpora import Corpus
from isomorph.text.fetch import DataUnavailable
from isomorph.text.vocab import learn

STEPS = 10
SENTENCES = 3000  # of each language in the sample
TRIED = ("default", "sep_l1_3")  # the whole model shared, and one with parts of each language
FEW_ROWS = 3  # in the longer steps on a processor: 768 would take minutes each
# Conneau, Wu et al. (2020, section 3.1): eight V100 of 32 GB, about three days a model.
PAPER_HOURS = 8 * 3 * 24
V100_PEAK = 125e12  # FLOP/s in 16 bit, of the maker's data sheet


def flops_per_token(encoder: EncoderConfig, vocabulary: int, length: int, masking: float) -> float:
    """FLOPs of training on one token, forward and backward.

    Twice the weights it meets for the forward pass, and as much again for each of the two products
    of the backward pass: 6 x weights (Kaplan et al. 2020, section 2.1). A layer has 12 width^2 of
    them, and 2 length width for the scores of attention and their use. The softmax is reckoned on
    the masked share of the tokens only. Looking up embeddings, norms, activations and the
    optimiser are left out.
    """
    width = encoder.width
    layer = 12 * width**2 + 2 * length * width
    head = vocabulary * width + (width**2 if encoder.transform else 0)
    return 6 * (encoder.layers * layer + masking * head)


def flops_of(run: Pretraining) -> float:
    training = run.training
    return flops_per_token(run.encoder, run.vocabulary.size, training.length, training.masking)


def ten_steps(rows: Sequence[tuple[str, Pretraining]]) -> tuple[pd.DataFrame, list[str]]:
    """Build the models of `rows`, or of the TRIED among them, and take ten steps with each.

    rows: (name, run). Returns a line a model, as `try_out` has it, and what it leaves open, a
    paragraph each. Raises ValueError when a device is not there.
    """
    tried = {name: run for name, run in reversed(rows) if name in TRIED}  # the first of a name
    rows = [(name, tried[name]) for name in TRIED if name in tried] or rows[:1]
    places = [accelerate(run.training, run.device).device for _, run in rows]  # says what is absent
    first = rows[0][1]
    corpus, source = sample(first.languages)
    # One at a time is in memory.
    trials = pd.DataFrame([try_out(name, run, corpus) for name, run in rows])
    return trials, notes(first, text_memory(first, corpus), device_name(places[-1]), source)


def sample(languages: tuple[str, ...]) -> tuple[Corpus, str]:
    """A few thousand sentences of each language, and where they are from."""
    try:
        corpus = HubText(languages=languages, sentences=SENTENCES).corpus()
        source = "Wikipedia"
    except DataUnavailable:
        corpus = ShippedText(languages=languages, domains=("bible",) * len(languages)).corpus()
        source = "the shipped Bibles, as no Wikipedia is in reach"
    train = {language: texts[:SENTENCES] for language, texts in corpus.train.items()}
    return replace(corpus, train=train), source


def text_memory(run: Pretraining, corpus: Corpus) -> float:
    """Bytes that the run's text takes in each process.

    Sentences and their ids are mapped from the cache. Of each sentence an epoch has its place in the
    order and where it begins, 4 and 8 bytes; there is an epoch of each language and the next of one.
    """
    return 12 * getattr(run.text, "sentences", SENTENCES) * (len(corpus.train) + 1)


def try_out(name: str, run: Pretraining, corpus: Corpus) -> dict:
    """Ten steps of the run's own loop, by turns on one row and on many: its parameters, the subwords
    that the sample gave, the losses in nats, the seconds of a step on one row (`smallest`), of each
    further row and of an update whatever its rows, the tokens a second of the real batch, and the most
    memory of a GPU in GB, nan on a processor.

    The model has the rows that the real vocabulary needs, though the sample's is smaller. A GPU
    gets the real batch, so many rows at a time as in the run itself; a processor gets a few rows and
    32-bit arithmetic, as not every one has fast bf16.
    """
    place = accelerate(run.training, run.device).device
    training, on_gpu = run.training, place.type == "cuda"
    many = training.batch if on_gpu else min(FEW_ROWS, training.batch)
    changes = {"batch": many, "tokens": STEPS * many * training.length}
    changes |= {} if on_gpu else {"precision": "fp32"}
    small = run.model_copy(update={"training": training.model_copy(update=changes)})
    vocabulary = learn(small.vocabulary, corpus.train)
    shape = small.encoder.shaped(small.vocabulary.size, small.languages, training.length)
    model = initialise(shape, small.seed)
    whole = batches(small, vocabulary, corpus)
    if on_gpu:
        torch.cuda.reset_peak_memory_stats(place)
    records = pretrain(
        model, [whole[i].rows(slice(0, many if i % 2 else 1)) for i in range(STEPS)], small.training,
        seed=small.seed, device=small.device, micro_batch=small.micro_batch,
        marks=range(1, STEPS + 1), progress=small.progress,
    )  # fmt: skip
    ends = [0.0, *(record["seconds"] for record in records)]
    taken = [after - before for before, after in pairwise(ends)]
    # The first two steps, one of each kind, also make the optimiser's state and warm up. Of the
    # others the fastest counts: other work on the machine can only slow a step.
    smallest, longer = min(taken[2::2]), min(taken[3::2])
    row, update = step_cost(smallest, longer, many)
    return {
        "name": name,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "subwords": vocabulary.size,
        "losses": [record["value"] for record in records],
        "smallest": smallest,
        "row": row,
        "update": update,
        "tokens_a_second": training.batch * training.length / (update + training.batch * row),
        "GB": torch.cuda.max_memory_allocated(place) / 1e9 if on_gpu else math.nan,
    }


def step_cost(smallest: float, longer: float, many: int) -> tuple[float, float]:
    """Seconds a row and a step cost, from those of a step on one row and of one on `many`.

    Where noise makes the longer step no longer, all of its time is put down to its rows.
    """
    row = (longer - smallest) / (many - 1) if many > 1 else 0.0
    row = min(row, longer / many) if row > 0 else longer / many
    return row, longer - many * row


def notes(run: Pretraining, memory: float, device: str, source: str) -> list[str]:
    """What ten steps rest on and leave open; memory: bytes of the whole text in each process."""
    flops = flops_of(run)
    needed = run.training.tokens * flops / (PAPER_HOURS * 3600)  # FLOP/s of each GPU
    return f"""
Ten steps on {device}; the sample is from {source}. A token costs {flops / 1e6:.0f} MFLOP. A real step has
{run.training.batch} rows; tokens/s is that of such a step. On a processor it is reckoned from steps of few
rows, in 32-bit arithmetic. The text is fetched and tokenised once, and kept in the cache as files that all
processes read; each needs about {memory / 1e9:.1f} GB of memory for the order of its sentences.

The paper had 8 V100 for about 3 days a model, {PAPER_HOURS} GPU-hours. With our count of tokens that means
{needed / 1e12:.1f} TFLOP/s a GPU, {needed / V100_PEAK:.1%} of its peak. If each GPU counted epochs of its
own, as the code base named in the paper does, they read 8 times as many: take 8 times the hours.
""".strip().split("\n\n")


def as_table(trials: pd.DataFrame) -> str:
    """The trials, printed."""
    trials = trials.assign(losses=trials["losses"].map(mean)).drop(columns="smallest")
    forms = {"losses": "{:.2f}", "row": "{:.2g}", "update": "{:.2g}"}
    names = {"losses": "loss", "row": "s/row", "update": "s/update", "tokens_a_second": "tokens/s"}
    numbers = trials.select_dtypes("number")
    printed = {name: numbers[name].map(forms.get(name, "{:,.0f}").format) for name in numbers}
    return trials.assign(**printed).rename(columns=names).to_string(index=False)
