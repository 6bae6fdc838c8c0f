"""`isomorph isotropy` and `isomorph probe`: one encoder, layer by layer, beside itself with fresh weights.

How evenly its word vectors fill their space, by the measures of the chapters on the cone
(`isomorph.measure.isotropy`), in context and, from frequent words to rare ones, as embedded; and what
its layers hold, by the probes of the chapters on fine-tuning (`isomorph.measure.probes`,
`isomorph.measure.structural_probe`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from isomorph import figures, report
from isomorph.processes import limited

if TYPE_CHECKING:
    from pandas import DataFrame

    from isomorph.measure.words import Reader
    from isomorph.models.settings import Device
    from isomorph.text.examples import Examples

SENTENCES = 300  # whose words are met in context
WORDS = 4000  # of these, evenly spaced: each is compared with all others, again and again
PARTS = 5  # of the embedded words: each an independent sample of ranks
FEWEST = 25 * PARTS  # words
PROBED = {"train": 800, "dev": 200, "test": 400}  # sentences at most
RANK = 64  # of a structural probe's map; the width, where that is less
COLUMNS = ("model", "text", "fingerprint", "layer", "metric", "value", *report.ESTIMATED)
BY_LAYER = {
    "cosine": "average_cosine", "IsoScore": "isoscore", "evenness": "variance_evenness",
    "dimension": "intrinsic_dimension_share", "entities": "entity_accuracy",
    "parts of speech": "pos_accuracy", "relations": "relation_accuracy", "tree edges": "uuas",
    "roots": "root_accuracy",
}  # fmt: skip
DRAWINGS = (
    report.Drawing(
        "The cone", "The average cosine of two words in context, by layer.", "average_cosine",
        {"average cosine": "average_cosine"}, {"average_cosine": "The average cosine"}, "",
    ),
    report.Drawing(
        "Isotropy", "IsoScore, and how even the variance is, of words in context, by layer.",
        "isotropy", {"IsoScore": "isoscore", "variance evenness": "variance_evenness"},
        {"isoscore": "IsoScore", "variance_evenness": "Variance evenness"}, lowest=True,
    ),
    report.Drawing(
        "Intrinsic dimension", "The intrinsic dimension of words in context over the width, by layer.",
        "intrinsic_dimension_share", {"intrinsic dimension": "intrinsic_dimension_share"},
        {"intrinsic_dimension_share": "The intrinsic dimension, as a share of the width,"},
    ),
    *(report.Drawing(
        title, f"How often a linear probe of a layer is right about {what}.", f"{name}_accuracy",
        {f"probe of {what}": f"{name}_accuracy"}, {f"{name}_accuracy": f"The probe of {what}"},
        f"{name}_accuracy_majority",
      ) for name, title, what in (
          ("entity", "Entities", "the kind of a span"), ("pos", "Parts of speech", "a word's class"),
          ("relation", "Relations", "the relation of a word to its head"))),
    report.Drawing(
        "Trees", "The share of tree edges, and of roots, that a linear map of a layer finds.", "uuas",
        {"edges": "uuas", "roots": "root_accuracy"},
        {"uuas": "The share of edges found", "root_accuracy": "The share of roots found"},
    ),
)  # fmt: skip


@limited()
def isotropy(
    model: str,
    *,
    text: str = "en",
    language: str | None = None,
    sentences: int = SENTENCES,
    device: Device = "auto",
    progress: bool = True,
) -> DataFrame:
    """The geometry of a model's words, with the columns COLUMNS: of each layer average_cosine, isoscore,
    variance_evenness and intrinsic_dimension_share of words in context, over sentences; without a layer
    those of `isomorph.measure.isotropy.of_words` of embedded words, over five parts of them.

    text: a language that ships, or a text of one's own (`isomorph.text.own.sides_of`), in whose order of
    frequency words are ranked. language: of a model of ours that reads several; that of shipped text.
    Raises ValueError, before the model is loaded, for other text; and ModelRefused.
    """
    from isomorph.text.own import single, words_of
    from isomorph.text.parallel import evenly

    if sentences < 20:
        raise ValueError(f"sentences is {sentences}; at least 20 are needed.")
    read, spoken = single(text)
    met = evenly(read, sentences)
    ranked = [word for word, _ in Counter(words_of(read)).most_common()]

    def measured(reader: Reader) -> Iterator[dict]:
        yield from _in_context(reader, met, progress)
        yield from _embedded(reader, ranked)

    return _beside_its_floor(model, text, language or spoken, device, measured)


def _in_context(reader: Reader, texts: list[str], progress: bool) -> Iterator[dict]:
    import torch

    from isomorph.measure import isotropy
    from isomorph.measure.correlation import jackknife
    from isomorph.text.parallel import evenly

    found = reader.represent(texts, level="word", progress=progress)
    width = found[0].shape[1]
    chosen = torch.tensor(evenly(range(len(found.texts)), WORDS))
    of_text = found.texts[chosen]
    measures: dict[str, Callable] = {
        "average_cosine": isotropy.average_cosine,
        "isoscore": isotropy.isoscore,
        "variance_evenness": isotropy.variance_evenness,
        "intrinsic_dimension_share": lambda words: isotropy.intrinsic_dimension(words) / width,
    }
    for layer, vectors in found.layers.items():
        for name, measure in measures.items():

            def of(places, vectors=vectors[chosen], measure=measure) -> float:
                return measure(vectors[torch.isin(of_text, places)])

            yield _record(name, jackknife(of, len(texts)), layer)


def _embedded(reader: Reader, ranked: list[str]) -> Iterator[dict]:
    """Of words that are one subword; nothing where there are too few."""
    import torch

    from isomorph.measure.correlation import mean_score
    from isomorph.measure.isotropy import of_words
    from isomorph.measure.words import embedding_words, input_embedding

    matrix = input_embedding(reader.model, reader.language)
    vectors, words = embedding_words(reader.splitter, matrix, ranked)
    yield {"metric": "words", "layer": None, "value": float(len(words))}
    if len(words) < FEWEST:
        return
    parts = [of_words(vectors.cpu(), part=(part, PARTS)) for part in range(PARTS)]
    for name in parts[0]:
        if all(name in part for part in parts):
            yield _record(name, mean_score(torch.tensor([part[name] for part in parts])))


def _record(metric: str, score, layer: int | None = None) -> dict:
    return {"metric": metric, "layer": layer, "value": score.value, "score": score}


def _beside_its_floor(
    name: str, text: str, language: str | None, device: Device, measured: Callable
) -> DataFrame:
    from isomorph.models.judged import ModelRefused, one_line
    from isomorph.models.pretrained import drawn_anew, fingerprint
    from isomorph.models.settings import device_named

    reader, _ = report.reader(name, language, device_named(device))
    fresh = replace(reader, model=drawn_anew(reader.model, report.SEED))
    try:
        rows = report.with_floor(*(list(measured(each)) for each in (reader, fresh)))
    except ValueError:
        raise
    except Exception as problem:
        raise ModelRefused(
            f"model {name!r} cannot be looked into: {one_line(problem)}."
        ) from problem
    return rows.assign(model=name, text=text, fingerprint=fingerprint(name))[list(COLUMNS)]


@limited()
def probe(
    model: str,
    *,
    text: str | None = None,
    language: str = "en",
    device: Device = "auto",
    progress: bool = True,
) -> DataFrame:
    """What the layers of a model hold, with the columns COLUMNS, over test sentences: the accuracy of
    linear probes, by `<what>_accuracy`, beside that of always answering the most frequent label, and of
    the last layer `<what>_selectivity`; of trees uuas and root_accuracy, by structural probes.

    text: None are the interface terms that ship, of which the kind is asked; "universal_dependencies" of
    the hub, or a file in CoNLL-U, of which trees and parts of speech are. language: of the text.
    Raises ValueError, before the model is loaded, for other text; DataUnavailable; ModelRefused.
    """
    asked = _asked(text, language)

    def measured(reader: Reader) -> Iterator[dict]:
        read = {}
        for name, splits in asked.items():
            yield from _probed(reader, name, splits, read, progress)

    return _beside_its_floor(model, text or "interface_terms", language, device, measured)


def _asked(text: str | None, language: str) -> dict[str, dict[str, Examples]]:
    """By what is asked and split."""
    from isomorph.text.own import treebank_of
    from isomorph.text.tasks import examples

    if text is None:
        splits = {split: None if split != "train" else PROBED[split] for split in PROBED}
        named = {"entity": "interface_terms"}
    elif text == "universal_dependencies":
        splits, named = PROBED, {"relation": text, "pos": "parts_of_speech"}
    elif Path(text).is_file():
        return treebank_of(Path(text), PROBED)
    else:
        raise ValueError(
            f"text is {text!r}; allowed is none, 'universal_dependencies', or a file in CoNLL-U."
        )
    return {
        name: {split: examples(each, language, split, count) for split, count in splits.items()}
        for name, each in named.items()
    }


def _probed(
    reader: Reader, name: str, splits: Mapping[str, Examples], read: dict, progress: bool
) -> Iterator[dict]:
    from isomorph.measure.correlation import Score, mean_score
    from isomorph.measure.probe_data import labelled_spans, tree_sentences
    from isomorph.measure.probes import fit_probe, selectivity

    for labelled in splits.values():
        words = tuple(item.words for item in labelled.items)
        if words not in read:  # parts of speech and trees are of the same sentences
            read[words] = reader.represent(words, level="word", progress=progress)
    found = {split: read[tuple(i.words for i in each.items)] for split, each in splits.items()}
    train, dev, test = (labelled_spans(found[split], splits[split], name) for split in PROBED)
    majority = float((test.labels == train.shares.argmax()).double().mean())
    yield {"metric": f"{name}_accuracy_majority", "layer": None, "value": majority}
    sentence = found["test"].texts[test.first[:, 0]].numpy()
    for layer in sorted(train.layers):
        right = (fit_probe(train, dev, layers=layer).predict(test) == test.labels).double()
        score = mean_score(right)  # of spans, of which those of a sentence go together
        score = Score(score.value, np.bincount(sentence, score.influence))
        yield _record(f"{name}_accuracy", score, layer)
    selective = selectivity(train, dev, test, layers=layer).selectivity
    yield {"metric": f"{name}_selectivity", "layer": layer, "value": selective}
    if name == "relation":
        yield from _trees(*(tree_sentences(found[split], splits[split]) for split in PROBED))


def _trees(train, dev, test) -> Iterator[dict]:
    from isomorph.measure import structural_probe
    from isomorph.measure.correlation import jackknife

    def some(places):
        parts = ("bounds", "heads", "counted")
        return replace(test, **{n: tuple(getattr(test, n)[i] for i in places) for n in parts})

    gold = list(map(structural_probe.tree_edges, test.heads, test.counted))
    for layer, vectors in sorted(train.layers.items()):
        settings = {"layer": layer, "rank": min(RANK, vectors.shape[1])}
        distance, depth = (
            structural_probe.fit_structural_probe(kind, train, dev, **settings)
            for kind in ("distance", "depth")
        )
        guessed = list(map(structural_probe.spanning_edges, distance.values(test), test.counted))

        def edges(places, guessed=guessed) -> float:
            return structural_probe.uuas(*([side[i] for i in places] for side in (gold, guessed)))

        yield _record("uuas", jackknife(edges, len(test)), layer)
        roots = jackknife(lambda places, depth=depth: depth.root_accuracy(some(places)), len(test))
        yield _record("root_accuracy", roots, layer)


def report_of(rows: DataFrame) -> report.Report:
    """The rows of `isotropy` or `probe` as a page."""
    one = rows.iloc[0]
    facts = {"Model": f"{one['model']}, {one['fingerprint'][:12]}", "Text": one["text"]}
    made = report.sections(rows, DRAWINGS)
    ranks, selective = rows["metric"].str.fullmatch(r"(cosine|norm)_\d"), []
    if ranks.any():
        made.append(_frequency(rows))
    if (rows["metric"] == "words").any():
        facts["Embedded words"] = f"{_value(rows, 'words'):,.0f} are one subword"
    for row in rows[rows["metric"].str.endswith("_selectivity")].itertuples():
        known = row.metric.removesuffix("_selectivity")
        selective.append(f"{known} {100 * row.value:.1f} (fresh weights {100 * row.floor:.1f})")
    if selective:
        facts["Selectivity at the last layer, in points"] = (
            f"{', '.join(selective)}: the accuracy less that on labels which mean nothing"
        )
    names = {name: metric for name, metric in BY_LAYER.items() if metric in set(rows["metric"])}
    what = "sentences" if not ranks.any() else "sentences, or parts of the words,"
    return report.Report(rows, f"Inside {one['model']}", facts, what, made,
                         report.by_layer(rows, names))  # fmt: skip


def _value(rows: DataFrame, metric: str, column: str = "value") -> float:
    return rows.loc[(rows["metric"] == metric) & rows["layer"].isna(), column].item()


def _frequency(rows: DataFrame) -> report.Section:
    """The cosine of embedded words by rank, and their length."""
    from isomorph.measure.isotropy import RANKS

    there = [i for i in range(len(RANKS)) if (rows["metric"] == f"cosine_{i}").any()]
    bins = [f"from {RANKS[i] + 1:,}" for i in there]
    figure, (axis,) = figures.blank(report.WIDTH, 3.6)
    low, value, high, floor = (
        [_value(rows, f"cosine_{i}", column) for i in there]
        for column in ("low", "value", "high", "floor")
    )
    with figures.theme():
        axis.fill_between(bins, low, high, alpha=0.2)
        axis.plot(bins, value, "o-", label="the model")
        axis.plot(bins, floor, ":", label="fresh weights")
        axis.set(xlabel="rank of the word by frequency in the text", ylabel="cosine to others")
        axis.legend()
    lengths = [_value(rows, f"norm_{i}") for i in (there[0], there[-1])]
    found = (
        f"The {RANKS[1]} most frequent words have an average cosine of {value[0]:.3f} to all others, and "
        f"the rarest ({bins[-1]}) of {value[-1]:.3f}; with fresh weights {floor[0]:.3f} and "
        f"{floor[-1]:.3f}. Their lengths are {lengths[0]:.3g} and {lengths[1]:.3g}."
    )
    table = rows[rows["metric"].str.fullmatch(r"(cosine|norm)_\d")]
    table = table[["metric", "value", *report.ESTIMATED[:3]]]
    return report.section(
        "Frequent and rare words", found, (figure, table),
        "The average cosine of embedded words to all others, by rank among those that are one subword.",
        "Two lines over ranges of ranks, the model and fresh weights.",
    )  # fmt: skip
