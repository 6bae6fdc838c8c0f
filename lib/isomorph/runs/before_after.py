"""What a fine-tuning run measures of an encoder before and after: how far states moved, what they hold.

Each analysis takes a `BeforeAfter` and gives records.

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


def similarity(tuned: BeforeAfter) -> list[dict]:
    """`rsa` and `cka` of each layer on texts of the task, as the split "out" on as many of the same
    lengths out of its domain, and `texts`, how many of each; `rsa_other` and `cka_other` of the
    encoder as it was and another one, where there is one that reads the same subwords."""
    inside, outside = matched_for_length(*_domains(tuned))
    records = [{"metric": "texts", "value": len(inside)}]
    compared = [("", "test", inside, tuned.after), ("", "out", outside, tuned.after)]
    if tuned.other is not None:
        compared.append(("_other", "test", inside, tuned.other))
    for suffix, split, texts, after in compared:
        found = similarity_by_layer(
            tuned.before, after, tuned.tokenizer, texts, language=tuned.language,
            seed=tuned.seed, max_length=longest_input(after, tuned.tokenizer, LONGEST),
        )  # fmt: skip
        for name, by_layer in found.items():
            records += [
                {"metric": name + suffix, "value": value, "layer": layer, "split": split}
                for layer, value in by_layer.items()
            ]
    return records


def reversion(tuned: BeforeAfter) -> list[dict]:
    """`score_bottom_reverted` and `score_top_reverted`: on some test examples, with that many of the
    lowest or highest blocks put back to what they were before tuning; 0 is none."""
    test = tuned.examples["test"]
    few = replace(test, items=test.items[:REVERTED])
    order = range(len(blocks_of(tuned.after)))
    records = []
    for name, blocks in {"bottom": order, "top": order[::-1]}.items():
        head = copy.deepcopy(tuned.head)
        for reverted, block in enumerate([None, *blocks]):
            if block is not None:
                revert(head.encoder, tuned.before, [block])
            value = tuned.task.main(
                few, predict(head, few, tuned.tokenizer, language=tuned.language)
            )
            metric = f"score_{name}_reverted"
            records.append({"metric": metric, "value": value, "blocks": reverted})
    return records


def cls(tuned: BeforeAfter) -> list[dict]:
    """Of the vectors that the classifier of a pair reads: `cls_std_spread`, the largest standard deviation of a coordinate over the mean;
    `cls_correlation`, the mean absolute correlation of two coordinates; `cls_mean_share`, the length
    of the mean over the mean length; `cls_isoscore`; `cls_top_share`, of the variance on the first
    principal direction; and `cls_gradient_norm`, the length of the loss's gradient at such a vector.
    With the suffix `_scaled` after normalisation, where there is one, and `_before` untuned."""
    head = tuned.head
    untuned = tuned.task.head(
        copy.deepcopy(tuned.before), tuned.examples["train"].names, seed=tuned.seed
    ).to(head.device)
    records = []
    for suffix, own in (("_before", untuned), ("", head)):
        vectors, gradient = _classified(tuned, own, untuned=bool(suffix))
        records += shape(vectors, suffix)
        records.append({"metric": f"cls_gradient_norm{suffix}", "value": gradient})
        if isinstance(own.out, torch.nn.Sequential):
            with torch.no_grad():
                scaled = own.out[0](vectors.to(own.device)).cpu()
            records += shape(scaled, "_scaled" + suffix)
    return records


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


def _domains(tuned: BeforeAfter) -> tuple[list[str], list[str]]:
    """Texts of the task that it was not tuned on, and texts of another domain."""
    if tuned.world is not None:
        found = world_examples("world_ner", tuned.world, tuned.language, "test", 4 * TEXTS)
        inside, outside = [], []
        for item in found.items:
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
                found = getattr(item, name)
                return found if isinstance(found, str) else " ".join(found)
        return " ".join(item.words) if hasattr(item, "words") else item.sentences[0]

    return list(dict.fromkeys(map(text, examples.items)))


def probes(tuned: BeforeAfter) -> list[dict]:
    """Edge probes of the relation of a word to its head, of entities' types, and of parts of speech
    where there are any; and structural probes of trees.

    Of each layer `<what>_accuracy`, `uuas`, `distance_spearman`, `root_accuracy` and
    `depth_spearman`; of the last one `<what>_selectivity`; of the mix of all `<what>_accuracy_mix`
    and `<what>_centre`, in layers.
    """
    records: list[dict] = []
    asked = probed(tuned)
    read: dict[tuple, Representation] = {}
    for name, splits in asked.items():
        spans = {}
        for split, own in splits.items():
            words = tuple(item.words for item in own.items)
            if words not in read:  # several questions are on the same sentences
                read[words] = represent(
                    tuned.after, tuned.tokenizer, words, language=tuned.language, level="word"
                )
            spans[split] = labelled_spans(read[words], own, name)
        records += _edge(name, spans, tuned.seed)
    trees = {
        split: tree_sentences(read[tuple(item.words for item in own.items)], own)
        for split, own in asked["relation"].items()
    }
    return records + _structural(trees, tuned.seed)


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


def _edge(name: str, spans: dict[str, Spans], seed: int) -> list[dict]:
    train, dev, test = (spans[split] for split in PROBED)
    records, layers = [], sorted(train.layers)
    for layer in layers:
        value = fit_probe(train, dev, layers=layer, seed=seed).accuracy(test)
        records.append({"metric": f"{name}_accuracy", "value": value, "layer": layer})
    mixed = fit_probe(train, dev, seed=seed)
    selective = selectivity(train, dev, test, layers=layers[-1], seed=seed).selectivity
    return [
        *records,
        {"metric": f"{name}_accuracy_mix", "value": mixed.accuracy(test)},
        {"metric": f"{name}_centre", "value": mixed.centre},
        {"metric": f"{name}_selectivity", "value": selective, "layer": layers[-1]},
    ]


def _structural(trees: dict, seed: int) -> list[dict]:
    train, dev, test = (trees[split] for split in PROBED)
    records = []
    for layer, vectors in sorted(train.layers.items()):
        settings = {"layer": layer, "rank": min(RANK, vectors.shape[1]), "seed": seed}
        distance = fit_structural_probe("distance", train, dev, **settings)
        depth = fit_structural_probe("depth", train, dev, **settings)
        found = {
            "uuas": distance.uuas(test),
            "distance_spearman": distance.spearman(test),
            "root_accuracy": depth.root_accuracy(test),
            "depth_spearman": depth.spearman(test),
        }
        records += [{"metric": name, "value": v, "layer": layer} for name, v in found.items()]
    return records
