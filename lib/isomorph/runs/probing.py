"""What the layers of an encoder still hold of language: probes, as a fine-tuning run fits them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isomorph.measure import structural_probe
from isomorph.measure.probe_data import edge_spans, entity_spans, tag_spans, tree_sentences
from isomorph.measure.probes import fit_probe, selectivity
from isomorph.measure.represent import represent
from isomorph.text import examples as labelled
from isomorph.text import tasks

if TYPE_CHECKING:
    from isomorph.measure.probe_data import Spans
    from isomorph.measure.represent import Representation
    from isomorph.runs.looks import State
    from isomorph.text.examples import Examples
    from isomorph.text.worlds import World

PROBED = {"train": 800, "dev": 200, "test": 400}  # sentences
RANK = 64  # of a structural probe's map; the width, where that is less

Splits = dict[str, "Examples"]
# What edge probes are asked for, by the name that its scores begin with.
SPANS = {"relation": edge_spans, "pos": tag_spans, "entity": entity_spans}


def probes(state: State) -> list[dict]:
    """Edge probes of the relation of a word to its head, of entities' types, and of parts of speech
    where there are any; and structural probes of trees.

    Of each layer `<what>_accuracy`, `uuas`, `distance_spearman`, `root_accuracy` and
    `depth_spearman`; of the last one `<what>_selectivity`; of the mix of all `<what>_accuracy_mix`
    and `<what>_centre`, in layers.
    """
    records: list[dict] = []
    asked = probed(state)
    read: dict[tuple, Representation] = {}
    for name, splits in asked.items():
        spans = {}
        for split, examples in splits.items():
            words = tuple(item.words for item in examples.items)
            if words not in read:  # several questions are on the same sentences
                read[words] = represent(
                    state.encoder, state.tokenizer, words, language=state.language, level="word"
                )
            spans[split] = SPANS[name](read[words], examples)
        records += _edge(name, spans, state.seed)
    trees = {
        split: tree_sentences(read[tuple(item.words for item in own.items)], own)
        for split, own in asked["relation"].items()
    }
    return records + _structural(trees, state.seed)


def probed(state: State) -> dict[str, Splits]:
    """What is asked, by name and split. In a world all of it is on the same sentences; of real text
    WikiANN has the entities, and its sentences are others than the treebank's."""
    asked: dict[str, Splits] = {}
    for split, most in PROBED.items():
        if state.world is not None:
            found = of_world(state.world, state.language, split, most)
        else:
            found = _of_hub(split, most)
        for name, examples in found.items():
            asked.setdefault(name, {})[split] = examples
    return asked


def of_world(world: World, language: str, split: str, most: int) -> Splits:
    """What probes are asked of a world's sentences; as many as asked for, or as there are."""
    held = {"dev": world.dev_sentences, "test": world.test_sentences}
    count = min(most, held.get(split, most))
    kinds = {"relation": labelled.TREE, "entity": labelled.TAG}
    return {
        name: tasks.examples(f"world_{kind}", language, split, count, world=world)
        for name, kind in kinds.items()
    }


def _of_hub(split: str, count: int) -> Splits:
    return {
        "relation": tasks.examples("universal_dependencies", "en", split, count),
        "pos": tasks.examples("parts_of_speech", "en", split, count),
        "entity": tasks.examples("wikiann", "en", split, count),
    }


def _edge(name: str, spans: dict[str, Spans], seed: int) -> list[dict]:
    train, dev, test = (spans[split] for split in PROBED)
    records, layers = [], sorted(train.layers)
    for layer in layers:
        value = fit_probe(train, dev, layers=layer, seed=seed).accuracy(test)
        records.append({"metric": f"{name}_accuracy", "value": value, "layer": layer})
    mixed = fit_probe(train, dev, seed=seed)
    chosen = selectivity(train, dev, test, layers=layers[-1], seed=seed).selectivity
    return [
        *records,
        {"metric": f"{name}_accuracy_mix", "value": mixed.accuracy(test)},
        {"metric": f"{name}_centre", "value": mixed.centre},
        {"metric": f"{name}_selectivity", "value": chosen, "layer": layers[-1]},
    ]


def _structural(trees: dict, seed: int) -> list[dict]:
    train, dev, test = (trees[split] for split in PROBED)
    records = []
    for layer, vectors in sorted(train.layers.items()):
        settings = {"layer": layer, "rank": min(RANK, vectors.shape[1]), "seed": seed}
        distance = structural_probe.fit_distance_probe(train, dev, **settings)
        depth = structural_probe.fit_depth_probe(train, dev, **settings)
        found = {
            "uuas": distance.uuas(test),
            "distance_spearman": distance.spearman(test),
            "root_accuracy": depth.root_accuracy(test),
            "depth_spearman": depth.spearman(test),
        }
        records += [{"metric": name, "value": v, "layer": layer} for name, v in found.items()]
    return records
