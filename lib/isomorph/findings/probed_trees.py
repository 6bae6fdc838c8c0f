"""Trees as structural probes see them, in an encoder that a chapter tunes and probes itself.

both          an encoder as it is and tuned, made now
structure     structural probes of a layer of each, and the trees of one sentence
edge_table    the edges of these trees, and in which each is
tree_figure   these trees, drawn as arcs over the words
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from isomorph.findings.probed_states import BEFORE
from isomorph.findings.words import TUNED_FOR as TASKS

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

    from isomorph.measure.probe_sentences import Sentences
    from isomorph.measure.trees import Edges
    from isomorph.results import Condition
    from isomorph.text.worlds import World

WORDS = (12, 15)  # of the sentence that is drawn: long enough for a clause within another
CHAIN = "none: a chain of neighbours"


class Both(NamedTuple):
    """An encoder as it was pretrained, and a copy that was tuned; what they read, and the task."""

    before: PreTrainedModel
    after: PreTrainedModel
    tokenizer: PreTrainedTokenizerFast
    language: str
    world: World
    task: str
    loss: float  # of the last epoch, in nats
    seed: int


def both(condition: Condition) -> Both:
    """The encoder that a condition of a world starts from and what its task makes of it; pretrained
    now where that has not been done here, and tuned now."""
    import copy

    from isomorph import results
    from isomorph.models.finetune import finetune
    from isomorph.models.inputs import device_named
    from isomorph.models.pretrained import load_encoder
    from isomorph.runs.two_models import trained_below

    run = results.cached(condition.run.model_copy(update={"other": None, "looks": ()}))
    results.train_below(run)
    folder = trained_below(run, None)[run.pretraining.digest]
    encoder, tokenizer = load_encoder(str(folder))
    place, language = device_named("auto"), run.pretraining.languages[0]
    tokenizer = tokenizer if callable(tokenizer) else tokenizer[language]
    world, task = run.pretraining.text.world, run.downstream
    before = copy.deepcopy(encoder).to(place).eval()
    train = task.examples("train", world, language)
    head = task.head(encoder, train.names, seed=run.seed)
    losses = finetune(
        head, train, tokenizer, task.tuning, language=language, seed=run.seed, progress=False
    )
    after = head.encoder.to(place).eval()
    name = TASKS.get(run.pair, run.pair)
    return Both(before, after, tokenizer, language, world, name, losses[-1], run.seed)


class Structure(NamedTuple):
    """What structural probes of a layer make of two encoders.

    scores: a line an encoder, with UUAS and the correlation of distances on test sentences, and
        one that joins each word to the next, without an encoder.
    words, gold, guessed: one test sentence, the edges of its tree from 0, full stop left out, and
    those that each encoder's probe draws.
    """

    scores: DataFrame
    words: tuple[str, ...]
    gold: Edges
    guessed: dict[str, Edges]
    layer: int


def structure(pair: Both, *, layer: int | None = None) -> Structure:
    """A distance probe of one layer of each encoder, fitted and tested as the recorded ones are.

    layer: None for the last. The sentence drawn is the first of test of as many words as WORDS says,
    else the first.
    """
    import pandas as pd

    from isomorph.measure.probe_sentences import tree_sentences
    from isomorph.measure.probe_spans import rows_of
    from isomorph.measure.represent import represent
    from isomorph.measure.structural_probe import fit_distance_probe
    from isomorph.measure.trees import spanning_edges, tree_edges
    from isomorph.models.blocks import blocks_of

    layer = len(blocks_of(pair.before)) if layer is None else layer
    examples = _trees(pair)
    lines, guessed = [], {}
    for name, model in ((BEFORE, pair.before), (f"after {pair.task}", pair.after)):
        parts = {}
        for split, own in examples.items():
            words = [item.words for item in own.items]
            with warnings.catch_warnings():
                # One that is cut is left out.
                warnings.filterwarnings("ignore", message=".* were cut")
                read = represent(
                    model, pair.tokenizer, words, language=pair.language, level="word",
                    layers=[layer],
                )  # fmt: skip
            parts[split] = tree_sentences(read, own)
        probe = fit_distance_probe(
            parts["train"], parts["dev"], layer=layer, rank=min(64, _width(parts)), seed=pair.seed
        )
        test = parts["test"]
        lines.append(
            {"encoder": name, "layer": layer, "edges found": probe.uuas(test),
             "correlation of distances": probe.spearman(test), "sentences": len(test)}
        )  # fmt: skip
        drawn = _drawn(test.heads)
        guessed[name] = spanning_edges(probe.distances(test)[drawn], test.counted[drawn])
    lines.append(_chain(test))
    gold = tree_edges(test.heads[drawn], test.counted[drawn])
    # `read` is of test by now, whose sentences all stand in it, those that were cut too.
    rows = rows_of(read, [len(item.words) for item in examples["test"].items])
    whole = [
        item
        for item, at in zip(examples["test"].items, rows, strict=True)
        if len(at) == len(item.words)
    ]
    words = whole[drawn].words[: sum(test.counted[drawn])]  # the full stop is the last
    return Structure(pd.DataFrame(lines), tuple(words), gold, guessed, layer)


def edge_table(seen: Structure) -> DataFrame:
    """A line an edge that stands in any of the trees: its two words, and in which it is."""
    import pandas as pd

    edges = sorted(seen.gold.union(*seen.guessed.values()))
    lines = [
        {"words": f"{seen.words[i]} – {seen.words[j]}", "the tree": _mark((i, j) in seen.gold)}
        | {name: _mark((i, j) in own) for name, own in seen.guessed.items()}
        for i, j in edges
    ]
    return pd.DataFrame(lines)


def tree_figure(seen: Structure) -> Figure:
    """The true tree and those that the probes draw, one below the other, as arcs over the words.

    Edges that the true tree has are full, others dashed.
    """
    from isomorph.figures.theme import INK, WIDTH, blank, palette, theme

    right, wrong = palette(2)
    rows = {"the tree": seen.gold} | seen.guessed
    figure, (whole,) = blank(WIDTH, 1.5 * len(rows) + 0.3)
    whole.remove()
    with theme():
        axes = figure.subplots(len(rows), 1, squeeze=False)[:, 0]
        for axis, (name, edges) in zip(axes, rows.items(), strict=True):
            for i, j in sorted(edges):
                found = (i, j) in seen.gold
                colour = INK if name == "the tree" else right if found else wrong
                x, y = _arc(i, j)
                axis.plot(x, y, color=colour, linestyle="-" if found else "--", linewidth=1.6)
            share = len(edges & seen.gold)
            told = "" if name == "the tree" else f": {share} of {len(seen.gold)} edges"
            axis.set_title(name + told, fontsize="medium", loc="left")
            axis.set_xticks(range(len(seen.words)), seen.words, fontsize="small", rotation=30)
            axis.margins(y=0.1)
            axis.set(yticks=[], ylim=(0, None), xlim=(-0.5, len(seen.words) - 0.5))
            axis.grid(False)
            axis.spines["left"].set_visible(False)
            axis.tick_params(length=0)
    return figure


def _trees(pair: Both) -> dict[str, Any]:
    """Sentences with their trees, as many as the recorded probes have."""
    from isomorph.runs.probing import PROBED, of_world

    return {
        split: of_world(pair.world, pair.language, split, most)["relation"]
        for split, most in PROBED.items()
    }


def _chain(test: Sentences) -> dict[str, Any]:
    """The scores of a chain of neighbours, which knows of no word."""
    import numpy as np

    from isomorph.measure.trees import (
        spanning_edges,
        spearman_by_length,
        tree_distances,
        tree_edges,
        uuas,
    )

    places = [np.arange(len(heads)) for heads in test.heads]
    apart = [np.abs(at[:, None] - at) for at in places]
    gold = map(tree_edges, test.heads, test.counted)
    return {
        "encoder": CHAIN, "layer": "", "edges found": uuas(gold, map(spanning_edges, apart, test.counted)),
        "correlation of distances": spearman_by_length(map(tree_distances, test.heads), apart),
        "sentences": len(test),
    }  # fmt: skip


def _width(parts: Mapping) -> int:
    return next(iter(parts["train"].layers.values())).shape[1]


def _drawn(heads: Sequence[Sequence[int]]) -> int:
    low, high = WORDS
    fits = (i for i, own in enumerate(heads) if low <= len(own) - 1 <= high)
    return next(fits, 0)


def _arc(i: int, j: int):
    """(x, y) of half an ellipse from word i to word j."""
    import numpy as np

    turn = np.linspace(0, np.pi, 40)
    return (i + j) / 2 + (j - i) / 2 * np.cos(turn), (j - i) ** 0.7 * np.sin(turn)


def _mark(there: bool) -> str:
    return "yes" if there else "–"
