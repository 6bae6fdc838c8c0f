"""What `Cures` measures: at each task a cure, a fold, a metric and a value at a time.

Similarity is always the cosine. Cures are fitted on the very vectors that are then compared, without
any label ("target" in Li et al. 2020), except the weights of weighted removal.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from isomorph.measure.correlation import spearman
from isomorph.measure.cured import (
    CURES,
    FOLDS,
    cone,
    cosines,
    edit_distances,
    folds,
    matching_auc,
)

if TYPE_CHECKING:
    from isomorph.text.similarity_sets import ScoredPairs

Record = tuple[str, int, str, float]  # condition, fold, metric, value


def passages(encoder: str, place: torch.device) -> Iterator[Record]:
    """matching_auc of each cure, and the cone's measures: does a passage follow, or stand elsewhere?"""
    from isomorph.text.tasks import load_passage_relation

    rows = load_passage_relation("en", "test")[:]
    kept = [i for i, label in enumerate(rows["label"]) if label != 1]  # not "on the same page"
    first, second = ([rows[name][i] for i in kept] for name in ("text_a", "text_b"))
    follows = torch.tensor([rows["label"][i] == 0 for i in kept])
    vectors = _sentences(encoder, [*first, *second], place)["two_layer_average"]
    for name, cured in _each_cure(vectors):
        scores = cosines(cured[: len(first)], cured[len(first) :])
        for fold, own in enumerate(folds(len(first))):
            yield name, fold, "matching_auc", matching_auc(scores[own], follows[own])
            yield from _of(name, fold, cone(cured[own]), "sentence_")


def translations(encoder: str, place: torch.device) -> Iterator[Record]:
    """retrieval_p1 of verses (among a fifth of them) and translation_p1 of words (among all), of each
    cure fitted on both languages together, and the cone's measures of both kinds of vectors."""
    from isomorph.measure.comparison import Reader, embedded
    from isomorph.measure.represent import represent
    from isomorph.measure.retrieval import retrieval, translation, two_thirds_layer
    from isomorph.measure.words import keyed_dictionary
    from isomorph.models.pretrained import load_encoder
    from isomorph.runs.texts import ShippedText

    corpus, (model, tokenizers) = ShippedText().corpus(), load_encoder(encoder)
    model = model.to(place)
    layer, sides = two_thirds_layer(model.config.num_hidden_layers), corpus.languages
    read = [
        represent(model, tokenizers, corpus.test[name], language=name, layers=[layer])[layer]
        for name in sides
    ]
    for name, cured in _each_cure(torch.cat(read)):
        source, target = cured.split(len(read[0]))
        for fold, own in enumerate(folds(len(source))):
            found = retrieval(source[own].contiguous(), target[own].contiguous())
            yield name, fold, "retrieval_p1", found["p1"]
            yield name, fold, "retrieval_candidates", len(source[own])
            yield from _of(name, fold, cone(torch.cat([source[own], target[own]])), "sentence_")
    spelt, pairs = keyed_dictionary([tokenizers[name] for name in sides], corpus.dictionary)
    lexicons = [
        embedded(Reader(model, tokenizers, name), own)
        for name, own in zip(sides, spelt, strict=True)
    ]
    (words, vectors), (others, other_vectors) = lexicons
    asked = [pair for part in ("train", "test") for pair in pairs[part]]
    for name, cured in _each_cure(torch.cat([vectors, other_vectors])):
        source, target = cured.split([len(vectors), len(other_vectors)])
        for fold in range(FOLDS):
            queries = set(sorted({word for word, _ in asked})[fold::FOLDS])
            own = [pair for pair in asked if pair[0] in queries]
            found = translation(source, target, own, words, others, k=(1,))
            yield name, fold, "translation_p1", found["p1"]
            yield name, fold, "translation_candidates", found["candidates"]
            yield from _of(name, fold, cone(cured[fold::FOLDS]), "word_")


def sentence_similarity(encoder: str, place: torch.device) -> Iterator[Record]:
    """sts_spearman over the seven sets of Li et al. 2020 (and of each set), of averages of several
    layers, of averaged GloVe vectors, and of every cure fitted on the mean of the last two layers; and
    edit_distance_spearman on STS-B's validation part, of gold scores too."""
    from isomorph.text.similarity_sets import SENTENCES, sentence_pairs

    by_fold: dict[tuple[str, int], dict[str, float]] = {}
    loaded = {name: sentence_pairs(name) for name in (*SENTENCES, "stsb_dev")}  # first: it may fail
    for dataset, pairs in loaded.items():
        for name, scores, shape in _similarities(encoder, pairs, place):
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
    from isomorph.measure.represent import represent
    from isomorph.models.pretrained import load_encoder

    model, tokenizer = load_encoder(encoder)
    deepest = model.config.num_hidden_layers
    layers = sorted({1, deepest - 1, deepest})
    language = "en" if isinstance(tokenizer, dict) else None
    read = represent(
        model.to(place), tokenizer, texts, language=language, layers=layers, max_length=64
    )
    return {
        "last_layer_average": read[deepest],
        "two_layer_average": (read[deepest - 1] + read[deepest]) / 2,
        "first_last_average": (read[1] + read[deepest]) / 2,
    }


def _static(texts: Sequence[str]) -> Tensor:
    """Averaged GloVe vectors, 50 wide; of a text without a known word, zeros."""
    from isomorph.models.glove import glove
    from isomorph.text.tasks import split_words

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


def _of(name: str, fold: int, found: dict[str, float], before: str = "") -> Iterator[Record]:
    for metric, value in found.items():
        yield name, fold, before + metric, value
