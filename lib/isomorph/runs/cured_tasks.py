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
from itertools import accumulate, pairwise
from statistics import fmean
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from isomorph.measure.correlation import (
    FOLDS,
    Score,
    clusters_of_pairs,
    edit_distances,
    folds,
    intervals,
    matching_auc,
    mean_score,
    over_folds,
    pearson,
    spearman,
)
from isomorph.measure.cures import CURES, learn_removal, removal
from isomorph.measure.isotropy import cone
from isomorph.measure.numerics import cosines

if TYPE_CHECKING:
    from isomorph.measure.cures import Cure
    from isomorph.text.examples import ScoredPairs

Record = tuple[str, int | None, str, float]  # condition, fold, metric, value
OVER_ITEMS = ("_low", "_high", "_gain")  # how metrics end that are of all folds together
UNTREATED = "two_layer_average"  # of sentences that are compared
DIRECTIONS = (1, 2, 3, 5, 10, 20, 50, 100)  # how many are removed
STS = ("stsb", "sts12", "sts13", "sts14", "sts15", "sts16")
PIECES = 100_000  # of the vocabulary, at most; E5's has 250,002


class Tally:
    """One metric's scores by condition and fold: a record of each, and intervals of their means."""

    def __init__(self, metric: str) -> None:
        self.metric = metric
        self.parts: dict[str, list[tuple[slice, Score]]] = {}

    def add(self, name: str, fold: int, places: slice, score: Score) -> Record:
        """The record of a condition's score on the items of a fold, which have these places."""
        self.parts.setdefault(name, []).append((places, score))
        return name, fold, self.metric, score.value

    def intervals(
        self, *members: Sequence[Hashable], untreated: str = "original"
    ) -> Iterator[Record]:
        """Of the conditions that vary, over what makes items dependent, or the two texts of pairs."""
        whole = {name: over_folds(own, len(members[0])) for name, own in self.parts.items()}
        known = {name: score for name, score in whole.items() if not math.isnan(score.value)}
        members = clusters_of_pairs(*members) if len(members) == 2 else members
        if untreated in known and len(set().union(*members)) > 1:
            for name, found in intervals(known, *members, reference=untreated).items():
                for end, value in found.items():
                    yield name, None, f"{self.metric}_{end}", value


def passages(encoder: str, place: torch.device) -> Iterator[Record]:
    """matching_auc of each cure, and the cone's measures: does a passage follow, or stand elsewhere?"""
    from isomorph.text.shipped_tasks import passage_chapters
    from isomorph.text.tasks import examples

    items = examples("passage_relation", "en", "test").items
    kept = [i for i, item in enumerate(items) if item.label != "same"]
    first, second = ([getattr(items[i], name) for i in kept] for name in ("first", "second"))
    follows = torch.tensor([items[i].label == "follows" for i in kept])
    chapters = [[side[i] for i in kept] for side in passage_chapters("test")]
    vectors = _sentences(encoder, [*first, *second], place)["two_layer_average"]
    matched = Tally("matching_auc")
    for name, cured in _each_cure(vectors):
        sides = cured.split(len(kept))
        scores = cosines(*sides)
        for fold, own in enumerate(folds(len(kept))):
            yield matched.add(name, fold, own, matching_auc(scores[own], follows[own]))
            yield from _of(name, fold, cone(sides[0][own]), "sentence_")
    yield from matched.intervals(*chapters)


def translations(encoder: str, place: torch.device) -> Iterator[Record]:
    """retrieval_p1 of verses (among a fifth of them) and translation_p1 of words (among all), of each
    cure fitted on both languages together, and the cone's measures of both kinds of vectors."""
    from isomorph.measure.multilinguality import two_thirds_layer
    from isomorph.measure.represent import represent
    from isomorph.measure.retrieval import retrieval_by_row, translation
    from isomorph.measure.words import Reader, embedded, keyed_dictionary
    from isomorph.models.pretrained import load_encoder
    from isomorph.runs.texts import ShippedText
    from isomorph.text.parallel import load_parallel

    corpus, (model, tokenizers) = ShippedText().corpus(), load_encoder(encoder)
    model = model.to(place)
    layer, sides = two_thirds_layer(model.config.num_hidden_layers), corpus.languages
    read = [
        represent(model, tokenizers, corpus.test[name], language=name, layers=[layer])[layer]
        for name in sides
    ]
    rows = load_parallel("bible")[:]
    chapters = [g for g, split in zip(rows["group"], rows["split"], strict=True) if split == "test"]
    retrieved = Tally("retrieval_p1")
    for name, cured in _each_cure(torch.cat(read)):
        halves = cured.split(len(read[0]))
        for fold, own in enumerate(folds(len(read[0]))):
            source, target = (half[own].contiguous() for half in halves)
            found = retrieval_by_row(source, target)
            score = mean_score((found["p1_forward"] + found["p1_backward"]) / 2)
            yield retrieved.add(name, fold, own, score)
            yield name, fold, "retrieval_candidates", len(source)
            yield from _of(name, fold, cone(torch.cat([source, target])), "sentence_")
    yield from retrieved.intervals(chapters)
    spelt, pairs = keyed_dictionary([tokenizers[name] for name in sides], corpus.dictionary)
    (words, vectors), (others, other_vectors) = (
        embedded(Reader(model, tokenizers, name), own)
        for name, own in zip(sides, spelt, strict=True)
    )
    asked = [pair for part in ("train", "test") for pair in pairs[part]]
    distinct, hit = sorted({word for word, _ in asked}), Tally("translation_p1")
    for name, cured in _each_cure(torch.cat([vectors, other_vectors])):
        source, target = cured.split([len(vectors), len(other_vectors)])
        members: list[str] = []
        for fold in range(FOLDS):
            queries, by_word = set(distinct[fold::FOLDS]), {}
            own = [pair for pair in asked if pair[0] in queries]
            found = translation(source, target, own, words, others, k=(1,), by_word=by_word)
            if by_word:
                places = slice(len(members), len(members) + len(by_word))
                score = mean_score(torch.tensor(list(by_word.values())))
                yield hit.add(name, fold, places, score)
            members += by_word
            yield name, fold, "translation_candidates", found["candidates"]
            yield from _of(name, fold, cone(cured[fold::FOLDS]), "word_")
    yield from hit.intervals(members)


def sentence_similarity(encoder: str, place: torch.device) -> Iterator[Record]:
    """sts_spearman over the seven sets of Li et al. 2020 (and of each set), of averages of several
    layers, of averaged GloVe vectors, and of every cure fitted on the mean of the last two layers; and
    edit_distance_spearman on STS-B's validation part, of gold scores too."""
    from isomorph.text.examples import SENTENCES, scored_pairs

    loaded = {name: scored_pairs(name) for name in (*SENTENCES, "stsb_dev")}  # first: it may fail
    tallies = {name: Tally(f"sts_spearman_{name}") for name in SENTENCES}
    tallies["stsb_dev"] = Tally("edit_distance_spearman")
    for dataset, pairs in loaded.items():
        gold = torch.tensor(pairs.scores, dtype=torch.float64)
        if dataset == "stsb_dev":
            gold = edit_distances(pairs.first, pairs.second)
        for name, scores, shape in _similarities(encoder, pairs, place):
            for fold, own in enumerate(folds(len(gold))):
                score = spearman(scores[own], gold[own])
                yield tallies[dataset].add(name, fold, own, score)
                if dataset == "stsb":
                    yield from _of(name, fold, shape, "sentence_")
        yield from tallies[dataset].intervals(pairs.first, pairs.second, untreated=UNTREATED)
    # The mean of the sets, which have sentences in common.
    sets, mean = [tallies[name] for name in SENTENCES], Tally("sts_spearman")
    ends = accumulate((len(loaded[name].scores) for name in SENTENCES), initial=0)
    places = [slice(*both) for both in pairwise(ends)]
    for name in sets[0].parts:
        by_set = [each.parts[name] for each in sets]
        for fold in range(FOLDS):
            yield name, fold, mean.metric, fmean(parts[fold][1].value for parts in by_set)
        for own, parts in zip(places, by_set, strict=True):
            mean.add(name, 0, own, over_folds(parts, own.stop - own.start))
    sides = ([t for n in SENTENCES for t in getattr(loaded[n], s)] for s in ("first", "second"))
    yield from mean.intervals(*sides, untreated=UNTREATED)


def word_similarity(encoder: str, place: torch.device) -> Iterator[Record]:
    """word_similarity_pearson of pairs of words and sts_pearson of averaged word vectors, of the
    input embeddings as they are and with their principal directions removed, fully or by learnt
    weights; spread_over_directions, and each number of directions' own score.

    Of each fold weights and the number of directions are chosen on the other four.
    Source: Liang et al. 2021.
    """
    matrix, words, sentences = _pieces(encoder)
    counts = [count for count in DIRECTIONS if count < matrix.shape[1]]
    fixed = {name: CURES[name](matrix) for name in ("original", "conceptor_negation", "whitening")}
    tallies = {Tally("word_similarity_pearson"): words, Tally("sts_pearson"): sentences}
    for fold, own in enumerate(folds(len(words.scores))):
        train = torch.ones(len(words.scores), dtype=torch.bool)
        train[own] = False
        learnt, chosen = words.of(train), dict(fixed)
        for name, cures in {
            "all_but_the_top": {n: removal(matrix, torch.ones(n)) for n in counts},
            "weighted_removal": {
                n: learn_removal(matrix, *learnt[:3], directions=n, seed=fold) for n in counts
            },
        }.items():
            tests = [words.of(own).correlation(cure) for cure in cures.values()]
            for count, value in zip(counts, tests, strict=True):
                yield name, fold, f"word_similarity_pearson_{count}", value
            best = max(counts, key=lambda n, cures=cures: learnt.correlation(cures[n]))
            yield name, fold, "directions", float(best)
            yield name, fold, "spread_over_directions", float(torch.tensor(tests).double().std())
            chosen[name] = cures[best]
        for name, cure in chosen.items():
            for tally, pairs in tallies.items():
                part = slice(fold, len(pairs.scores), FOLDS)
                yield tally.add(name, fold, part, pearson(*pairs.of(part).compared(cure)))
            yield from _of(name, fold, cone(cure(matrix[fold::FOLDS])), "word_")
    for tally, pairs in tallies.items():
        yield from tally.intervals(*pairs.texts)


class Pairs(NamedTuple):
    """Pairs of texts as vectors (pairs, width), means of their pieces' rows, and scores of 0 to 1."""

    first: Tensor
    second: Tensor
    scores: Tensor
    texts: tuple[list[str], list[str]] = ([], [])

    def of(self, places: slice | Tensor) -> Pairs:
        return Pairs(*(part[places] for part in self[:3]))

    def compared(self, cure: Cure) -> tuple[Tensor, Tensor]:
        # A sum's cure is not the sum of cures where there is an offset: a mean's is the mean.
        return cosines(cure(self.first), cure(self.second)), self.scores

    def correlation(self, cure: Cure) -> float:
        return pearson(*self.compared(cure)).value


def _pieces(encoder: str) -> tuple[Tensor, Pairs, Pairs]:
    """A vocabulary's matrix (pieces, width), the pairs of words and those of sentences."""
    from isomorph.measure.words import input_embedding
    from isomorph.models.pretrained import load_encoder
    from isomorph.text.examples import WORDS, scored_pairs
    from isomorph.text.tokens import encodings

    sets = [[scored_pairs(name) for name in names] for names in (WORDS, STS)]  # first: it may fail
    model, tokenizer = load_encoder(encoder)
    if isinstance(tokenizer, dict):
        tokenizer = tokenizer["en"]
    matrix = input_embedding(model, "en").detach().double()

    def pairs(several: Sequence[ScoredPairs]) -> Pairs:
        texts = tuple([t for own in several for t in getattr(own, s)] for s in ("first", "second"))
        sides = []
        for side in texts:
            ids = [read.ids for read in encodings(tokenizer, side, special=False)]
            sides.append(torch.stack([matrix[i].mean(0) if i else 0 * matrix[0] for i in ids]))
        # Each set over its own highest score: their scales differ.
        scores = [score / max(own.scores) for own in several for score in own.scores]
        return Pairs(*sides, torch.tensor(scores, dtype=torch.float64), texts)

    special = set(tokenizer.all_special_ids)
    kept = [i for i in range(len(matrix)) if i not in special][:PIECES]
    return matrix[kept], *map(pairs, sets)


def _similarities(
    encoder: str, pairs: ScoredPairs, place: torch.device
) -> Iterator[tuple[str, Tensor, dict[str, float]]]:
    """Condition, cosine of each pair, and the cone's measures of its vectors."""
    distinct = list(dict.fromkeys([*pairs.first, *pairs.second]))
    row = {text: i for i, text in enumerate(distinct)}
    first, second = (torch.tensor([row[t] for t in side]) for side in (pairs.first, pairs.second))
    averages = _sentences(encoder, distinct, place) | {"static_average": _static(distinct)}
    yield "gold", torch.tensor(pairs.scores, dtype=torch.float64), {}
    named = {"flow": "flow_target"}
    cured = ((named.get(name, name), made) for name, made in _each_cure(averages[UNTREATED]))
    for name, vectors in (*averages.items(), *(each for each in cured if each[0] != "original")):
        yield name, cosines(vectors[first], vectors[second]), cone(vectors)


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
    from isomorph.measure.static import glove
    from isomorph.text.shipped_tasks import split_words

    words, vectors = glove()
    row = {word: i for i, word in enumerate(words)}
    known = [[row[w] for w in split_words(text.lower(), "en") if w in row] for text in texts]
    zeros = torch.zeros(vectors.shape[1])
    return torch.stack([vectors[rows].mean(0) if rows else zeros for rows in known])


def _each_cure(vectors: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Every cure by name, fitted on the vectors, and the vectors cured."""
    vectors = vectors.cpu()
    for name, fit in CURES.items():
        yield name, fit(vectors)(vectors).cpu()


def _of(name: str, fold: int, shape: Mapping[str, float], before: str) -> Iterator[Record]:
    for metric, value in shape.items():
        yield name, fold, before + metric, value
