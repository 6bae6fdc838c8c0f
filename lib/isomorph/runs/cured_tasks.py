"""What `Cures` measures: at each task a cure, a fold, a metric and a value at a time.

After the folds of a metric come `<metric>_low` and `_high`, the 95% interval of their mean over what
makes items dependent (`isomorph.measure.correlation`), and `_gain`, `_gain_low` and `_gain_high`, what
the condition has above the untreated vectors, paired. They have no fold, since they are of all.

Similarity is always the cosine. Cures are fitted on the very vectors that are then compared, without
any label ("target" in Li et al. 2020), except the weights of weighted removal.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from isomorph.measure.correlation import (
    FOLDS,
    Score,
    auc_score,
    clusters_of_pairs,
    edit_distances,
    folds,
    intervals,
    matching_auc,
    mean_score,
    over_folds,
    spearman,
    spearman_score,
)
from isomorph.measure.cures import CURES
from isomorph.measure.isotropy import cone
from isomorph.measure.numerics import cosines

if TYPE_CHECKING:
    from isomorph.text.hub_tasks import ScoredPairs

Record = tuple[str, int | None, str, float]  # condition, fold, metric, value
OVER_ITEMS = ("_low", "_high", "_gain")  # how metrics end that are of all folds together
UNTREATED = "two_layer_average"  # of sentences that are compared


def passages(encoder: str, place: torch.device) -> Iterator[Record]:
    """matching_auc of each cure, and the cone's measures: does a passage follow, or stand elsewhere?"""
    from isomorph.text.shipped_tasks import passage_chapters, passage_relation

    items = passage_relation("bible", "en", "test").items
    kept = [i for i, item in enumerate(items) if item.label != "same"]
    first, second = ([getattr(items[i], name) for i in kept] for name in ("first", "second"))
    follows = torch.tensor([items[i].label == "follows" for i in kept])
    chapters = [[side[i] for i in kept] for side in passage_chapters("test")]
    vectors = _sentences(encoder, [*first, *second], place)["two_layer_average"]
    matched: dict[str, Score] = {}
    for name, cured in _each_cure(vectors):
        scores = cosines(cured[: len(first)], cured[len(first) :])
        for fold, own in enumerate(folds(len(first))):
            yield name, fold, "matching_auc", matching_auc(scores[own], follows[own])
            yield from _of(name, fold, cone(cured[own]), "sentence_")
        by_fold = [(own, auc_score(scores[own], follows[own])) for own in folds(len(first))]
        matched[name] = over_folds(by_fold, len(first))
    yield from records_over_items("matching_auc", matched, chapters, "original")


def translations(encoder: str, place: torch.device) -> Iterator[Record]:
    """retrieval_p1 of verses (among a fifth of them) and translation_p1 of words (among all), of each
    cure fitted on both languages together, and the cone's measures of both kinds of vectors."""
    from isomorph.measure.multilinguality import two_thirds_layer
    from isomorph.measure.represent import represent
    from isomorph.measure.retrieval import retrieval_by_row, translation
    from isomorph.measure.words import Reader, embedded, keyed_dictionary
    from isomorph.models.pretrained import load_encoder
    from isomorph.runs.texts import ShippedText
    from isomorph.text.corpora import load_parallel

    corpus, (model, tokenizers) = ShippedText().corpus(), load_encoder(encoder)
    model = model.to(place)
    layer, sides = two_thirds_layer(model.config.num_hidden_layers), corpus.languages
    read = [
        represent(model, tokenizers, corpus.test[name], language=name, layers=[layer])[layer]
        for name in sides
    ]
    rows = load_parallel("bible")[:]
    chapters = [g for g, split in zip(rows["group"], rows["split"], strict=True) if split == "test"]
    retrieved: dict[str, Score] = {}
    for name, cured in _each_cure(torch.cat(read)):
        source, target = cured.split(len(read[0]))
        by_fold = []
        for fold, own in enumerate(folds(len(source))):
            found = retrieval_by_row(source[own].contiguous(), target[own].contiguous())
            score = mean_score((found["p1_forward"] + found["p1_backward"]) / 2)
            by_fold.append((own, score))
            yield name, fold, "retrieval_p1", score.value
            yield name, fold, "retrieval_candidates", len(source[own])
            yield from _of(name, fold, cone(torch.cat([source[own], target[own]])), "sentence_")
        retrieved[name] = over_folds(by_fold, len(source))
    yield from records_over_items("retrieval_p1", retrieved, [chapters], "original")
    spelt, pairs = keyed_dictionary([tokenizers[name] for name in sides], corpus.dictionary)
    lexicons = [
        embedded(Reader(model, tokenizers, name), own)
        for name, own in zip(sides, spelt, strict=True)
    ]
    (words, vectors), (others, other_vectors) = lexicons
    asked = [pair for part in ("train", "test") for pair in pairs[part]]
    hit: dict[str, Score] = {}
    for name, cured in _each_cure(torch.cat([vectors, other_vectors])):
        source, target = cured.split([len(vectors), len(other_vectors)])
        by_word: list[dict[str, float]] = [{} for _ in range(FOLDS)]
        for fold in range(FOLDS):
            queries = set(sorted({word for word, _ in asked})[fold::FOLDS])
            own = [pair for pair in asked if pair[0] in queries]
            found = translation(source, target, own, words, others, k=(1,), by_word=by_word[fold])
            yield name, fold, "translation_p1", found["p1"]
            yield name, fold, "translation_candidates", found["candidates"]
            yield from _of(name, fold, cone(cured[fold::FOLDS]), "word_")
        asked_words = [word for own in by_word for word in own]
        place_of = {word: i for i, word in enumerate(asked_words)}
        by_fold = [
            ([place_of[word] for word in own], mean_score(torch.tensor(list(own.values()))))
            for own in by_word
            if own
        ]
        hit[name] = over_folds(by_fold, len(asked_words))
    yield from records_over_items("translation_p1", hit, [asked_words], "original")


def sentence_similarity(encoder: str, place: torch.device) -> Iterator[Record]:
    """sts_spearman over the seven sets of Li et al. 2020 (and of each set), of averages of several
    layers, of averaged GloVe vectors, and of every cure fitted on the mean of the last two layers; and
    edit_distance_spearman on STS-B's validation part, of gold scores too."""
    from isomorph.text.hub_tasks import SENTENCES, scored_pairs

    by_fold: dict[tuple[str, int], dict[str, float]] = {}
    correlated: dict[str, dict[str, Score]] = {}  # by set, then by condition
    loaded = {name: scored_pairs(name) for name in (*SENTENCES, "stsb_dev")}  # first: it may fail
    for dataset, pairs in loaded.items():
        gold = torch.tensor(pairs.scores, dtype=torch.float64)
        if dataset == "stsb_dev":
            gold = edit_distances(pairs.first, pairs.second)
        for name, scores, shape in _similarities(encoder, pairs, place):
            parts = [(own, spearman_score(scores[own], gold[own])) for own in folds(len(gold))]
            correlated.setdefault(dataset, {})[name] = over_folds(parts, len(gold))
            for fold, own in enumerate(folds(len(pairs.scores))):
                if dataset == "stsb_dev":
                    close = edit_distances(pairs.first[own], pairs.second[own])
                    yield name, fold, "edit_distance_spearman", spearman(scores[own], close)
                    continue
                found = spearman(scores[own], pairs.scores[own])
                by_fold.setdefault((name, fold), {})[dataset] = found
                yield name, fold, f"sts_spearman_{dataset}", found
                if dataset == "stsb" and shape:
                    yield from _of(name, fold, shape, "sentence_")
    for (name, fold), found in by_fold.items():
        if len(found) == len(SENTENCES):
            yield name, fold, "sts_spearman", fmean(found.values())
    for dataset, own in correlated.items():
        metric = "edit_distance_spearman" if dataset == "stsb_dev" else f"sts_spearman_{dataset}"
        members = loaded[dataset].first, loaded[dataset].second
        yield from records_over_items(metric, own, members, UNTREATED)
    yield from _mean_of_sets(correlated, loaded)


def _mean_of_sets(
    correlated: Mapping[str, Mapping[str, Score]], loaded: Mapping[str, ScoredPairs]
) -> Iterator[Record]:
    """The intervals of sts_spearman; sets have sentences in common."""
    from isomorph.text.hub_tasks import SENTENCES

    count = sum(len(loaded[name].scores) for name in SENTENCES)
    ends = np.cumsum([len(loaded[name].scores) for name in SENTENCES]).tolist()
    places = [slice(*ends) for ends in zip([0, *ends[:-1]], ends, strict=True)]
    found = {
        name: over_folds(
            [(p, correlated[s][name]) for p, s in zip(places, SENTENCES, strict=True)], count
        )
        for name in correlated["stsb"]
    }
    members = [
        [text for name in SENTENCES for text in getattr(loaded[name], side)]
        for side in ("first", "second")
    ]
    yield from records_over_items("sts_spearman", found, members, UNTREATED)


def word_similarity(encoder: str, place: torch.device) -> Iterator[Record]:
    """word_similarity_pearson of pairs of words and sts_pearson of averaged word vectors, of the
    input embeddings as they are and with their principal directions removed, fully or by learnt
    weights; spread_over_directions, and each number of directions' own score.

    Of each fold weights and the number of directions are chosen on the other four.
    """
    from isomorph.runs.cured_words import scored

    yield from scored(encoder, place)


def _similarities(
    encoder: str, pairs: ScoredPairs, place: torch.device
) -> Iterator[tuple[str, Tensor, dict[str, float]]]:
    """Condition, cosine of each pair, and the cone's measures of its vectors."""
    distinct = list(dict.fromkeys([*pairs.first, *pairs.second]))
    row = {text: i for i, text in enumerate(distinct)}
    first, second = (torch.tensor([row[t] for t in side]) for side in (pairs.first, pairs.second))
    averages = _sentences(encoder, distinct, place) | {"static_average": _static(distinct)}
    yield "gold", torch.tensor(pairs.scores, dtype=torch.float64), {}
    for name, vectors in averages.items():
        yield name, cosines(vectors[first], vectors[second]), cone(vectors)
    for name, cured in _each_cure(averages["two_layer_average"]):
        if name != "original":
            name = "flow_target" if name == "flow" else name
            yield name, cosines(cured[first], cured[second]), cone(cured)


def _sentences(encoder: str, texts: Sequence[str], place: torch.device) -> dict[str, Tensor]:
    """Mean-pooled sentence vectors: of the last layer, of the last two, of the first and the last."""
    from isomorph.measure.represent import represent, tokenizer_of
    from isomorph.models.inputs import longest_input
    from isomorph.models.pretrained import load_encoder

    model, tokenizer = load_encoder(encoder)
    deepest = model.config.num_hidden_layers
    layers = sorted({1, deepest - 1, deepest})
    language = "en" if isinstance(tokenizer, dict) else None
    longest = longest_input(model, tokenizer_of(tokenizer, language), 64)
    read = represent(
        model.to(place), tokenizer, texts, language=language, layers=layers, max_length=longest
    )
    return {
        "last_layer_average": read[deepest],
        "two_layer_average": (read[deepest - 1] + read[deepest]) / 2,
        "first_last_average": (read[1] + read[deepest]) / 2,
    }


def _static(texts: Sequence[str]) -> Tensor:
    """Averaged GloVe vectors, 50 wide; of a text without a known word, zeros."""
    from isomorph.models.static_embeddings import glove
    from isomorph.text.shipped_tasks import split_words

    words, vectors = glove()
    row = {word: i for i, word in enumerate(words)}
    found = []
    for text in texts:
        rows = [row[word] for word in split_words(text.lower(), "en") if word in row]
        found.append(vectors[rows].mean(0) if rows else torch.zeros(vectors.shape[1]))
    return torch.stack(found)


def _each_cure(vectors: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Every cure by name, fitted on the vectors, and the vectors cured."""
    vectors = vectors.cpu()
    for name, fit in CURES.items():
        yield name, fit(vectors)(vectors).cpu()


def records_over_items(
    metric: str,
    scores: Mapping[str, Score],
    members: Sequence[Sequence[Hashable]],
    untreated: str,
) -> Iterator[Record]:
    """The intervals of a metric, as records; of what varies."""
    members = clusters_of_pairs(*members) if len(members) == 2 else members
    known = {name: score for name, score in scores.items() if not math.isnan(score.value)}
    if untreated in known and len(set().union(*members)) > 1:
        for name, found in intervals(known, *members, reference=untreated).items():
            for end, value in found.items():
                yield name, None, f"{metric}_{end}", value


def _of(name: str, fold: int, found: dict[str, float], before: str = "") -> Iterator[Record]:
    for metric, value in found.items():
        yield name, fold, before + metric, value
