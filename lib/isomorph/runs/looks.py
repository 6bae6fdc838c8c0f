"""What a fine-tuning run looks at beside the score: how far states moved, what they still hold.

Each look takes a `State` and gives records.

- `states`: RSA and CKA of each layer before and after, on text of the task and of another domain.
- `probes`: what each layer tells of words, entities and trees (`isomorph.runs.probing`).
- `reversion`: the score with some blocks put back to what they were.
- `cls`: the shape of the vectors that a classifier reads, and the gradient that reaches them.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from isomorph.runs.probing import probes
from isomorph.text import examples as labelled
from isomorph.text import tasks

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

    from isomorph.models.heads import Head
    from isomorph.runs.downstream import Downstream
    from isomorph.text.examples import Examples
    from isomorph.text.worlds import World

__all__ = ["State", "cls", "peak", "probes", "reversion", "shape", "states", "texts_of", "watched"]

TEXTS = 250  # of each domain, before they are matched for length
LONGEST = 64  # tokens of a text that are compared
REVERTED = 300  # test examples; each is answered twice as often as there are blocks
SHAPED = 500  # texts of which the [CLS] is looked at


@dataclass(frozen=True)
class State:
    """An encoder before and after tuning, and what it was tuned on (None, {}: nothing)."""

    original: PreTrainedModel
    other: PreTrainedModel | None
    encoder: PreTrainedModel
    head: Head | None
    tokenizer: PreTrainedTokenizerFast
    language: str
    world: World | None
    task: Downstream | None
    seed: int
    examples: dict[str, Examples]


def states(state: State) -> list[dict]:
    """`rsa` and `cka` of each layer on texts of the task, the same as the split "out" on as many of the
    same lengths out of its domain, and `texts`, how many of each; `rsa_other` and `cka_other` of the
    encoder as it was and another one, where there is one that reads the same subwords."""
    from isomorph.measure.comparison import matched_for_length, similarity_by_layer
    from isomorph.models.inputs import longest_input

    inside, outside = matched_for_length(*_domains(state))
    records = [{"metric": "texts", "value": len(inside)}]
    compared = [("", "test", inside, state.encoder), ("", "out", outside, state.encoder)]
    if state.other is not None:
        compared.append(("_other", "test", inside, state.other))
    for suffix, split, texts, after in compared:
        found = similarity_by_layer(
            state.original, after, state.tokenizer, texts, language=state.language,
            seed=state.seed, max_length=longest_input(after, state.tokenizer, LONGEST),
        )  # fmt: skip
        for name, by_layer in found.items():
            records += [
                {"metric": name + suffix, "value": value, "layer": layer, "split": split}
                for layer, value in by_layer.items()
            ]
    return records


def reversion(state: State) -> list[dict]:
    """`score_bottom_reverted` and `score_top_reverted`: on some test examples, with that many of the
    lowest or highest blocks put back to what they were before tuning; 0 is none."""
    from isomorph.models.blocks import blocks_of, revert
    from isomorph.models.finetune import predict

    test = state.examples["test"]
    few = labelled.Examples(test.task, test.names, test.items[:REVERTED], test.source)
    count = len(blocks_of(state.encoder))
    ends = {
        "score_bottom_reverted": list(range(count)),
        "score_top_reverted": list(range(count))[::-1],
    }
    records = []
    for name, order in ends.items():
        head = copy.deepcopy(state.head)
        for reverted in range(count + 1):
            if reverted:
                revert(head.encoder, state.original, [order[reverted - 1]])
            answers = predict(head, few, state.tokenizer, language=state.language)
            value = state.task.main(few, answers)
            records.append({"metric": name, "value": value, "blocks": reverted})
    return records


def cls(state: State) -> list[dict]:
    """Of the vectors that the classifier of a pair reads: `cls_std_spread`, the largest standard deviation of a coordinate over the mean;
    `cls_correlation`, the mean absolute correlation of two coordinates; `cls_mean_share`, the length
    of the mean over the mean length; `cls_isoscore`; `cls_top_share`, of the variance on the first
    principal direction; and `cls_gradient_norm`, the length of the loss's gradient at such a vector.
    With the suffix `_scaled` after normalisation, where there is one, and `_before` untuned."""
    head = state.head
    untuned = state.task.head(
        copy.deepcopy(state.original), state.examples["train"].names, seed=state.seed
    ).to(head.device)
    records = []
    for suffix, own in (("_before", untuned), ("", head)):
        vectors, gradient = _classified(state, own, untuned=bool(suffix))
        records += shape(vectors, suffix)
        records.append({"metric": f"cls_gradient_norm{suffix}", "value": gradient})
        if isinstance(own.out, torch.nn.Sequential):
            with torch.no_grad():
                scaled = own.out[0](vectors.to(own.device)).cpu()
            records += shape(scaled, "_scaled" + suffix)
    return records


def _classified(state: State, head: Head, *, untuned: bool) -> tuple[torch.Tensor, float]:
    """(texts, width) what the classifier reads, and the mean length of the gradient there."""
    head = copy.deepcopy(head).eval()
    head.out.train(untuned)  # what normalises by statistics has none yet
    test = state.examples["train"]
    few = labelled.Examples(test.task, test.names, test.items[:SHAPED], test.source)
    encoded = head.encode(few, state.tokenizer)
    vectors, lengths = [], []
    for start in range(0, len(encoded), 50):
        batch = head.collate(encoded[start : start + 50], state.tokenizer)
        with torch.no_grad():
            pooled = head.pooled(batch, state.language).float()
        vectors.append(pooled)
        leaf = pooled.clone().requires_grad_()
        loss = torch.nn.functional.cross_entropy(
            head.out(leaf), batch.targets[:, 0], reduction="sum"
        )
        (slope,) = torch.autograd.grad(loss, leaf)
        lengths.append(slope.norm(dim=1))
    return torch.cat(vectors).cpu(), float(torch.cat(lengths).mean())


@contextmanager
def watched(head: Head) -> Iterator[list[float]]:
    """Of each step that trains a head meanwhile, the mean length of the gradient at the vector that
    the classifier reads: of a text's own loss, where the step's loss is the mean of its texts'."""
    lengths: list[float] = []

    def read(_: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        if inputs[0].requires_grad:
            inputs[0].register_hook(keep)

    def keep(slope: torch.Tensor) -> None:
        lengths.append(len(slope) * float(slope.float().norm(dim=1).mean()))

    handle = head.out.register_forward_pre_hook(read)
    try:
        yield lengths
    finally:
        handle.remove()


def peak(lengths: list[float]) -> dict:
    """`cls_gradient_peak`: the largest of the lengths over the steps of a run, over their median."""
    found = torch.tensor(lengths, dtype=torch.float64)
    return {"metric": "cls_gradient_peak", "value": float(found.max() / found.quantile(0.5))}


def shape(vectors: torch.Tensor, suffix: str = "") -> list[dict]:
    """The measures of `cls` that are of vectors (texts, width) alone.

    Coordinates that do not vary have no correlation and are left out of its mean; nan where none does.
    """
    from isomorph.measure.isotropy import isoscore
    from isomorph.measure.numerics import centred

    moved, mean = centred(vectors, "vectors")
    spread = moved.std(0)
    correlation = torch.corrcoef(moved.T).fill_diagonal_(torch.nan)
    variance = torch.linalg.svdvals(moved).square()
    found = {
        "cls_std_spread": spread.max() / spread.mean(),
        "cls_correlation": correlation.abs().nanmean(),
        "cls_mean_share": mean.norm() / vectors.double().norm(dim=1).mean(),
        "cls_isoscore": isoscore(vectors),
        "cls_top_share": variance[0] / variance.sum(),
    }
    return [{"metric": name + suffix, "value": float(v)} for name, v in found.items()]


def _domains(state: State) -> tuple[list[str], list[str]]:
    """Texts of the task that it was not tuned on, and texts of another domain."""
    if state.world is not None:
        count = min(4 * TEXTS, state.world.test_sentences)
        found = tasks.examples("world_ner", state.language, "test", count, world=state.world)
        own, other = [], []
        for item in found.items:
            (own if item.topic < state.world.topics / 2 else other).append(" ".join(item.words))
        return own[:TEXTS], other[:TEXTS]
    from isomorph.text.corpora import load_corpus

    own = texts_of(state.examples["test"])[:TEXTS]
    # Of the two domains of shipped text the one that the task is not of.
    other = "bible" if state.task.source in ("passage_relation_help", "interface_terms") else "help"
    return own, load_corpus(("en",), (other,)).test["en"][: 4 * TEXTS]


def texts_of(examples: Examples) -> list[str]:
    """One text of each example: the first of a pair, the words of a sentence, what a question is on."""

    def text(item) -> str:
        for name in ("first", "context"):
            if hasattr(item, name):
                found = getattr(item, name)
                return found if isinstance(found, str) else " ".join(found)
        return " ".join(item.words) if hasattr(item, "words") else item.sentences[0]

    return list(dict.fromkeys(map(text, examples.items)))
