"""What a fine-tuning run measures of an encoder before and after: how far states moved, what they hold.

Each analysis takes a `BeforeAfter` and yields records.

- `similarity`: RSA and CKA of each layer before and after, on text of the task and of another domain.
- `probes`: what each layer tells of words, entities and trees.
- `reversion`: the score with some blocks put back to what they were.
- `cls`: the shape of the vectors that a classifier reads, and the gradient that reaches them.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import torch

from isomorph.measure.isotropy import isoscore
from isomorph.measure.numerics import centred
from isomorph.measure.probe_data import labelled_spans, tree_sentences
from isomorph.measure.probes import fit_probe, selectivity
from isomorph.measure.represent import represent
from isomorph.measure.similarity import matched_for_length, similarity_by_layer
from isomorph.measure.structural_probe import fit_structural_probe
from isomorph.models.blocks import blocks_of, revert
from isomorph.models.finetune import predict
from isomorph.models.inputs import longest_input
from isomorph.runs.run import records_of
from isomorph.runs.tasks import world_examples
from isomorph.text.corpora import load_corpus
from isomorph.text.tasks import examples

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

    from isomorph.measure.probe_data import Spans
    from isomorph.measure.represent import Representation
    from isomorph.models.heads import Head
    from isomorph.runs.tasks import Task
    from isomorph.text.examples import Examples
    from isomorph.text.worlds import World

TEXTS = 250  # of each domain, before they are matched for length
LONGEST = 64  # tokens of a text that are compared
REVERTED = 300  # test examples; each is answered twice as often as there are blocks
SHAPED = 500  # texts whose [CLS] is measured
PROBED = {"train": 800, "dev": 200, "test": 400}  # sentences
RANK = 64  # of a structural probe's map; the width, where that is less

Splits = dict[str, "Examples"]


@dataclass(frozen=True)
class BeforeAfter:
    """An encoder before and after tuning, and what it was tuned on (None, {}: nothing)."""

    before: PreTrainedModel
    other: PreTrainedModel | None
    after: PreTrainedModel
    head: Head | None
    tokenizer: PreTrainedTokenizerFast
    language: str
    world: World | None
    task: Task | None
    seed: int
    examples: dict[str, Examples]


def similarity(tuned: BeforeAfter) -> Iterator[dict]:
    """`rsa` and `cka` of each layer on texts of the task, as the split "out" on as many of the same
    lengths out of its domain, and `texts`, how many of each; `rsa_other` and `cka_other` of the
    encoder as it was and another one, where there is one that reads the same subwords."""
    inside, outside = matched_for_length(*_domains(tuned))
    yield from records_of({"texts": len(inside)})
    compared = [("", "test", inside, tuned.after), ("", "out", outside, tuned.after)]
    if tuned.other is not None:
        compared.append(("_other", "test", inside, tuned.other))
    for suffix, split, texts, after in compared:
        by_metric = similarity_by_layer(
            tuned.before, after, tuned.tokenizer, texts, language=tuned.language,
            seed=tuned.seed, max_length=longest_input(after, tuned.tokenizer, LONGEST),
        )  # fmt: skip
        for name, by_layer in by_metric.items():
            for layer, value in by_layer.items():
                yield from records_of({name + suffix: value}, layer=layer, split=split)


def reversion(tuned: BeforeAfter) -> Iterator[dict]:
    """`score_bottom_reverted` and `score_top_reverted`: on some test examples, with that many of the
    lowest or highest blocks put back to what they were before tuning; 0 is none."""
    test = tuned.examples["test"]
    few = replace(test, items=test.items[:REVERTED])
    order = range(len(blocks_of(tuned.after)))
    for name, blocks in {"bottom": order, "top": order[::-1]}.items():
        head = copy.deepcopy(tuned.head)
        for reverted, block in enumerate([None, *blocks]):
            if block is not None:
                revert(head.encoder, tuned.before, [block])
            answers = predict(head, few, tuned.tokenizer, language=tuned.language)
            score = tuned.task.main(few, answers)
            yield from records_of({f"score_{name}_reverted": score}, blocks=reverted)


def cls(tuned: BeforeAfter) -> Iterator[dict]:
    """Of the vectors that the classifier of a pair reads: `cls_std_spread`, the largest standard deviation of a coordinate over the mean;
    `cls_correlation`, the mean absolute correlation of two coordinates; `cls_mean_share`, the length
    of the mean over the mean length; `cls_isoscore`; `cls_top_share`, of the variance on the first
    principal direction; and `cls_gradient_norm`, the length of the loss's gradient at such a vector.
    With the suffix `_scaled` after normalisation, where there is one, and `_before` untuned."""
    untuned = tuned.task.head(
        copy.deepcopy(tuned.before), tuned.examples["train"].names, seed=tuned.seed
    ).to(tuned.head.device)
    for suffix, head in (("_before", untuned), ("", tuned.head)):
        vectors, gradient = _classified(tuned, head, untuned=bool(suffix))
        yield from records_of(shape(vectors, suffix) | {f"cls_gradient_norm{suffix}": gradient})
        if isinstance(head.out, torch.nn.Sequential):
            with torch.no_grad():
                scaled = head.out[0](vectors.to(head.device)).cpu()
            yield from records_of(shape(scaled, "_scaled" + suffix))


def _classified(tuned: BeforeAfter, head: Head, *, untuned: bool) -> tuple[torch.Tensor, float]:
    """(texts, width) what the classifier reads, and the mean length of the gradient there."""
    head = copy.deepcopy(head).eval()
    head.out.train(untuned)  # what normalises by statistics has none yet
    train = tuned.examples["train"]
    few = replace(train, items=train.items[:SHAPED])
    encoded = head.encode(few, tuned.tokenizer)
    vectors, lengths = [], []
    for start in range(0, len(encoded), 50):
        batch = head.collate(encoded[start : start + 50], tuned.tokenizer)
        with torch.no_grad():
            pooled = head.pooled(batch, tuned.language).float()
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
    the classifier reads: of a text's own loss, where the step's loss is the mean of its texts'. They
    are there when the block has ended, since no step waits for what a GPU has found."""
    lengths: list[float] = []
    found: list[tuple[int, torch.Tensor]] = []

    def read(_: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        if inputs[0].requires_grad:
            inputs[0].register_hook(keep)

    def keep(slope: torch.Tensor) -> None:
        found.append((len(slope), slope.float().norm(dim=1).mean()))

    handle = head.out.register_forward_pre_hook(read)
    try:
        yield lengths
    finally:
        handle.remove()
        lengths += [texts * float(mean) for texts, mean in found]


def peak(lengths: list[float]) -> float:
    """The largest of the lengths over the steps of a run, over their median."""
    steps = torch.tensor(lengths, dtype=torch.float64)
    return float(steps.max() / steps.quantile(0.5))


def shape(vectors: torch.Tensor, suffix: str = "") -> dict[str, float]:
    """The measures of `cls` that are of vectors (texts, width) alone.

    Coordinates that do not vary have no correlation and are left out of its mean; nan where none does.
    """
    moved, mean = centred(vectors, "vectors")
    spread = moved.std(0)
    correlation = torch.corrcoef(moved.T).fill_diagonal_(torch.nan)
    variance = torch.linalg.svdvals(moved).square()
    measured = {
        "cls_std_spread": spread.max() / spread.mean(),
        "cls_correlation": correlation.abs().nanmean(),
        "cls_mean_share": mean.norm() / vectors.double().norm(dim=1).mean(),
        "cls_isoscore": isoscore(vectors),
        "cls_top_share": variance[0] / variance.sum(),
    }
    return {name + suffix: float(value) for name, value in measured.items()}


def _domains(tuned: BeforeAfter) -> tuple[list[str], list[str]]:
    """Texts of the task that it was not tuned on, and texts of another domain."""
    if tuned.world is not None:
        sentences = world_examples("world_ner", tuned.world, tuned.language, "test", 4 * TEXTS)
        inside, outside = [], []
        for item in sentences.items:
            side = inside if item.topic < tuned.world.topics / 2 else outside
            side.append(" ".join(item.words))
        return inside[:TEXTS], outside[:TEXTS]
    inside = texts_of(tuned.examples["test"])[:TEXTS]
    # Of the two domains of shipped text the one that the task is not of.
    help_text = tuned.task.source in ("passage_relation_help", "interface_terms")
    other = "bible" if help_text else "help"
    return inside, load_corpus(("en",), (other,)).test["en"][: 4 * TEXTS]


def texts_of(examples: Examples) -> list[str]:
    """One text of each example: the first of a pair, the words of a sentence, what a question is on."""

    def text(item) -> str:
        for name in ("first", "context"):
            if hasattr(item, name):
                whole = getattr(item, name)
                return whole if isinstance(whole, str) else " ".join(whole)
        return " ".join(item.words) if hasattr(item, "words") else item.sentences[0]

    return list(dict.fromkeys(map(text, examples.items)))


def probes(tuned: BeforeAfter) -> Iterator[dict]:
    """Edge probes of the relation of a word to its head, of entities' types, and of parts of speech
    where there are any; and structural probes of trees.

    Of each layer `<what>_accuracy`, `uuas`, `distance_spearman`, `root_accuracy` and
    `depth_spearman`; of the last one `<what>_selectivity`; of the mix of all `<what>_accuracy_mix`
    and `<what>_centre`, in layers.
    """
    asked = probed(tuned)
    read: dict[tuple, Representation] = {}
    for name, splits in asked.items():
        spans = {}
        for split, labelled in splits.items():
            words = tuple(item.words for item in labelled.items)
            if words not in read:  # several questions are on the same sentences
                read[words] = represent(
                    tuned.after, tuned.tokenizer, words, language=tuned.language, level="word"
                )
            spans[split] = labelled_spans(read[words], labelled, name)
        yield from _edge(name, spans, tuned.seed)
    trees = {
        split: tree_sentences(read[tuple(item.words for item in labelled.items)], labelled)
        for split, labelled in asked["relation"].items()
    }
    yield from _structural(trees, tuned.seed)


def probed(tuned: BeforeAfter) -> dict[str, Splits]:
    """What is asked, by name and split. In a world all of it is on the same sentences; of real text
    WikiANN has the entities, and its sentences are others than the treebank's."""
    asked = {"relation": "universal_dependencies", "pos": "parts_of_speech", "entity": "wikiann"}
    ask = partial(examples, language=tuned.language)
    if tuned.world is not None:
        asked = {"relation": "world_parsing", "entity": "world_ner"}
        ask = partial(world_examples, world=tuned.world, language=tuned.language)
    return {
        name: {split: ask(each, split=split, count=count) for split, count in PROBED.items()}
        for name, each in asked.items()
    }


def _edge(name: str, spans: dict[str, Spans], seed: int) -> Iterator[dict]:
    train, dev, test = (spans[split] for split in PROBED)
    for layer in sorted(train.layers):
        accuracy = fit_probe(train, dev, layers=layer, seed=seed).accuracy(test)
        yield from records_of({f"{name}_accuracy": accuracy}, layer=layer)
    mixed = fit_probe(train, dev, seed=seed)
    mix = {f"{name}_accuracy_mix": mixed.accuracy(test), f"{name}_centre": mixed.centre}
    yield from records_of(mix)
    selective = selectivity(train, dev, test, layers=layer, seed=seed).selectivity
    yield from records_of({f"{name}_selectivity": selective}, layer=layer)


def _structural(trees: dict, seed: int) -> Iterator[dict]:
    train, dev, test = (trees[split] for split in PROBED)
    for layer, vectors in sorted(train.layers.items()):
        settings = {"layer": layer, "rank": min(RANK, vectors.shape[1]), "seed": seed}
        distance = fit_structural_probe("distance", train, dev, **settings)
        depth = fit_structural_probe("depth", train, dev, **settings)
        scores = {
            "uuas": distance.uuas(test),
            "distance_spearman": distance.spearman(test),
            "root_accuracy": depth.root_accuracy(test),
            "depth_spearman": depth.spearman(test),
        }
        yield from records_of(scores, layer=layer)
