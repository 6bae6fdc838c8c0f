"""Word vectors cured, as Liang et al. (2021) measure it: similarity of words, and of sentences as
averages of words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from isomorph.measure.correlation import FOLDS, folds, over_folds, pearson, pearson_score
from isomorph.measure.cures import CURES, learn_removal, removal
from isomorph.measure.isotropy import cone
from isomorph.measure.numerics import cosines
from isomorph.runs.cured_tasks import records_over_items

if TYPE_CHECKING:
    from isomorph.measure.cures import Cure

DIRECTIONS = (1, 2, 3, 5, 10, 20, 50, 100)  # how many are removed
STS = ("stsb", "sts12", "sts13", "sts14", "sts15", "sts16")
PIECES = 100_000  # of the vocabulary, at most; E5's has 250,002


@dataclass(frozen=True)
class Words:
    """A vocabulary's matrix (pieces, width), and texts as the rows whose sum they are.

    first, second: (pairs, width), sums of rows, of the word pairs; scores (pairs,), 0 to 1.
    sentences: the same of sentence pairs, means of rows, and their scores.
    """

    matrix: Tensor
    first: Tensor
    second: Tensor
    scores: Tensor
    sentences: tuple[Tensor, Tensor, Tensor]
    pairs: tuple[list[str], list[str]]  # the words of each pair
    texts: tuple[list[str], list[str]]  # the sentences of each pair


def scored(encoder: str, place: torch.device) -> Iterator[tuple[str, int, str, float]]:
    """See `isomorph.runs.cured_tasks.word_similarity`."""
    words = _read(encoder)
    width = words.matrix.shape[1]
    directions = [d for d in DIRECTIONS if d < width]
    parts: dict[str, dict[str, list]] = {"word_similarity_pearson": {}, "sts_pearson": {}}
    learnt = {"all_but_the_top": _removed, "weighted_removal": _weighted}
    fixed = {name: CURES[name](words.matrix) for name in ("original", "conceptor_negation")}
    fixed["whitening"] = CURES["whitening"](words.matrix)
    for fold, own in enumerate(folds(len(words.scores))):
        train = torch.ones(len(words.scores), dtype=torch.bool)
        train[own] = False
        chosen = dict(fixed)
        for name, make in learnt.items():
            by_count = {d: make(words, train, d, fold) for d in directions}
            tests = []
            for d, cure in by_count.items():
                tests.append(_similarity(words, cure, ~train))
                yield name, fold, f"word_similarity_pearson_{d}", tests[-1]
            best = max(directions, key=lambda d, by=by_count: _similarity(words, by[d], train))
            yield name, fold, "directions", float(best)
            yield name, fold, "spread_over_directions", float(torch.tensor(tests).double().std())
            chosen[name] = by_count[best]
        for name, cure in chosen.items():
            yield name, fold, "word_similarity_pearson", _similarity(words, cure, ~train)
            first, second, scores = (part[fold::FOLDS] for part in words.sentences)
            # A sum's cure is not the sum of cures where there is an offset: a mean's is the mean.
            yield name, fold, "sts_pearson", pearson(cosines(cure(first), cure(second)), scores)
            for metric, value in cone(cure(words.matrix[fold::FOLDS])).items():
                yield name, fold, f"word_{metric}", value
            for metric, (one, other, gold) in zip(
                parts, ((words.first, words.second, words.scores), words.sentences), strict=True
            ):
                own = slice(fold, len(gold), FOLDS)
                score = pearson_score(cosines(cure(one[own]), cure(other[own])), gold[own])
                parts[metric].setdefault(name, []).append((own, score))
    for (metric, by_name), members in zip(parts.items(), (words.pairs, words.texts), strict=True):
        scores = {name: over_folds(own, len(members[0])) for name, own in by_name.items()}
        yield from records_over_items(metric, scores, members, "original")


def _similarity(words: Words, cure: Callable[[Tensor], Tensor], rows: Tensor) -> float:
    """Correlation of cosines and scores over some pairs of words."""
    found = cosines(cure(words.first[rows]), cure(words.second[rows]))
    return pearson(found, words.scores[rows])


def _removed(words: Words, train: Tensor, directions: int, seed: int) -> Cure:
    return removal(words.matrix, torch.ones(directions))


def _weighted(words: Words, train: Tensor, directions: int, seed: int) -> Cure:
    return learn_removal(
        words.matrix, words.first[train], words.second[train], words.scores[train],
        directions=directions, seed=seed,
    )  # fmt: skip


def _read(encoder: str) -> Words:
    from isomorph.measure.words import input_embedding
    from isomorph.models.pretrained import load_encoder
    from isomorph.text.hub_tasks import WORDS, scored_pairs
    from isomorph.text.tokens import encodings

    word_sets = {name: scored_pairs(name) for name in WORDS}
    sentence_sets = {name: scored_pairs(name) for name in STS}
    model, tokenizer = load_encoder(encoder)
    if isinstance(tokenizer, dict):
        tokenizer = tokenizer["en"]
    matrix = input_embedding(model, "en").detach().double()
    special = set(tokenizer.all_special_ids)

    def means(texts: list[str]) -> Tensor:
        encoded = [read.ids for read in encodings(tokenizer, texts, special=False)]
        return torch.stack([matrix[ids].mean(0) if ids else 0 * matrix[0] for ids in encoded])

    def sides(sets) -> tuple[Tensor, Tensor, Tensor]:
        first = means([text for own in sets.values() for text in own.first])
        second = means([text for own in sets.values() for text in own.second])
        # Each set over its own highest score: their scales differ.
        scores = [score / max(own.scores) for own in sets.values() for score in own.scores]
        return first, second, torch.tensor(scores, dtype=torch.float64)

    kept = [i for i in range(len(matrix)) if i not in special][:PIECES]

    def texts(sets) -> tuple[list[str], list[str]]:
        first = [text for own in sets.values() for text in own.first]
        return first, [text for own in sets.values() for text in own.second]

    return Words(
        matrix[kept],
        *sides(word_sets),
        sides(sentence_sets),
        texts(word_sets),
        texts(sentence_sets),
    )
