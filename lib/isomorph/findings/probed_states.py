"""What probes find in an encoder before and after fine-tuning: rows of `changes`, and one pair of
encoders that a chapter tunes and probes itself.

curves        one score by layer, a line before tuning and one after each task, for a figure
changed       each score before, and what each task changed in it
once          scores that are no curve: of the mix of all layers, and selectivity
verdicts      the ledger's predictions, in this chapter's words; so `behind`, of how many runs
told          a sentence on what a score lost, and where
both          an encoder as it is and tuned, made now
structure     structural probes of a layer of each, and the trees of one sentence
tree_figure   these trees, drawn as arcs over the words
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from isomorph.effects import PERCENT, Estimate
from isomorph.findings.tables import verdicts as plain_verdicts
from isomorph.findings.tables import written
from isomorph.findings.tuned_states import TASKS
from isomorph.findings.words import condition_name, score_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

    from isomorph.findings import Found
    from isomorph.measure.probe_sentences import Sentences
    from isomorph.measure.trees import Edges
    from isomorph.results import Condition
    from isomorph.text.worlds import World

BEFORE = "before tuning"
COLUMNS = ["encoder", "layer", "seed", "metric", "value", "provenance"]
ONCE = {
    "relation_accuracy_mix": "relation, from the mix of all layers",
    "relation_selectivity": "relation, selectivity at the last layer",
    "relation_centre": "relation, centre of the mix (in layers)",
    "pos_accuracy_mix": "part of speech, from the mix of all layers",
    "pos_selectivity": "part of speech, selectivity at the last layer",
    "pos_centre": "part of speech, centre of the mix (in layers)",
}
WORDS = (12, 15)  # of the sentence that is drawn: long enough for a clause within another
CHAIN = "none: a chain of neighbours"


def curves(found: Found, metric: str, *, name: str) -> DataFrame:
    """A score of every layer and seed, before tuning and after each task: the columns of COLUMNS.

    name: what the score is called on a figure's axis.
    """
    rows = found.rows[(found.rows["metric"] == metric) & found.rows["layer"].notna()]
    order = [BEFORE, *(_after(pair) for pair in TASKS)]
    rows = rows.assign(encoder=[_encoder(*key) for key in _keys(rows)])
    rows = rows[rows["encoder"].isin(order)]
    rows = rows.assign(place=rows["encoder"].map(order.index))
    rows = rows.sort_values(["place", "layer", "seed"])
    own = rows.assign(metric=name, layer=rows["layer"].astype(int))
    return own[COLUMNS].reset_index(drop=True)


def changed(found: Found, metrics: Sequence[str]) -> DataFrame:
    """A line a score: its mean over layers before tuning, and the change after each task.

    Shares are in percent and their changes in points; correlations in hundredths as well.
    """
    import pandas as pd

    lines = []
    for metric in found.has(*metrics):
        line = {"score": score_name(metric), BEFORE: written(_less(found, metric))}
        for pair in TASKS:
            line[_after(pair)] = written(_less(found, metric, pair), sign=True)
        lines.append(line | {"seeds": _less(found, metric).seeds})
    return pd.DataFrame(lines, columns=["score", BEFORE, *map(_after, TASKS), "seeds"])


def once(found: Found) -> DataFrame:
    """A line a score of ONCE that was measured: before tuning and after each task, as they are."""
    import pandas as pd

    lines = []
    for metric, name in ONCE.items():
        if not found.has(metric):
            continue
        line = {"score": name, BEFORE: written(_level(found, metric), percent=False)}
        for pair in TASKS:
            line[_after(pair)] = written(_level(found, metric, pair), percent=False)
        lines.append(line)
    return pd.DataFrame(lines, columns=["score", BEFORE, *map(_after, TASKS)])


def told(found: Found, metric: str) -> str:
    """A sentence: the largest loss of a score that a task brought, averaged over layers; and at the
    one layer where most was lost. Empty where no task was run."""
    losses = {pair: _less(found, metric, pair) for pair in TASKS}
    losses = {pair: own for pair, own in losses.items() if not math.isnan(own.value)}
    if not losses:
        return ""
    worst = min(losses, key=lambda pair: losses[pair].value)
    own = losses[worst]
    interval = "" if math.isnan(own.low) else f" [{own.low:+.1f}, {own.high:+.1f}]"
    gap = _gap_by_layer(found, metric, worst)
    layer = int(gap.idxmin())
    return (
        f"{score_name(metric).capitalize()}: the task that costs most, or gives least, is "
        f"*{TASKS[worst]}*, {own.value:+.1f} points{interval} over all layers, and at layer {layer} "
        f"{PERCENT * gap[layer]:+.1f}."
    )


def verdicts(identifiers: Sequence[str], places: Mapping[str, Found | None]) -> DataFrame:
    """As `isomorph.findings.verdicts`; the encoder that was not tuned is called so."""
    table = plain_verdicts(identifiers, places)
    # Elsewhere "pretrained" is the name of one encoder, and "none" of one normalisation.
    usual = ", ".join(map(condition_name, _BEFORE))
    said = table["prediction"].str.replace(usual, BEFORE, regex=False)
    return table.assign(prediction=said)


def behind(found: Found) -> str:
    """As `isomorph.findings.behind`; the encoder that was not tuned is called so."""
    from isomorph.findings import behind as counted

    return counted(found).replace(condition_name(_BEFORE[0]), BEFORE)


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


_BEFORE = ("pretrained", "none")  # condition and pair of an encoder that was not tuned


def _less(found: Found, metric: str, pair: str | None = None) -> Estimate:
    """A score over all layers before tuning; or with a task what it changed in it, seed by seed."""
    from isomorph.ledger.schema import Selection

    before = Selection(condition=_BEFORE[0], pair=_BEFORE[1])
    if pair is None:
        return _judged(found, metric, (before,), ())
    return _judged(found, metric, (Selection(condition="probed", pair=pair),), (before,))


def _level(found: Found, metric: str, pair: str | None = None) -> Estimate:
    from isomorph.ledger.schema import Selection

    condition, pair = ("probed", pair) if pair else _BEFORE
    return _judged(found, metric, (Selection(condition=condition, pair=pair),), ())


def _judged(found: Found, metric: str, plus: tuple, minus: tuple) -> Estimate:
    from isomorph.ledger.schema import Part, Rule
    from isomorph.ledger.verdicts import judge

    part = Part(metric=metric, plus=plus, minus=minus, direction="above")
    (one,) = judge(Rule(parts=(part,)), found.rows.reset_index(drop=True), None).parts
    points = [math.nan if x is None else PERCENT * x for x in (one.value, one.low, one.high)]
    return Estimate(*points, one.n_seeds, one.paired, ())


def _gap_by_layer(found: Found, metric: str, pair: str):
    """What a task changed in a score at each layer, the mean over the seeds that have both."""
    own = found.rows[found.rows["metric"] == metric]
    sides = [
        own[(own["condition"] == condition) & (own["pair"] == of)].set_index(["seed", "layer"])
        for condition, of in (("probed", pair), _BEFORE)
    ]
    after, before = (side["value"] for side in sides)
    return (after - before).dropna().groupby("layer").mean()


def _keys(rows: DataFrame):
    return zip(rows["condition"], rows["pair"], strict=True)


def _encoder(condition: str, pair: str) -> str:
    if (condition, pair) == _BEFORE:
        return BEFORE
    return _after(pair) if condition == "probed" else ""


def _after(pair: str) -> str:
    return f"after {TASKS.get(pair, pair)}"


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
