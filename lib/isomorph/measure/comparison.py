"""Two encoders side by side, layer by layer: what a rotation aligns, and how alike they are.

The measures of Conneau, Wu et al. (2020, section 5) for any two encoders, each of which reads one of
two languages: two models of one language each, one model of both, or anybody's. A rotation is learnt
on some sentences, or on a dictionary's "train" part, after iterative normalisation; it is scored on
others, or on the "test" part. `similarity_by_layer` compares an encoder with itself, before and
after something was done to it.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from isomorph.measure.isotropy import average_cosine, isoscore
from isomorph.measure.represent import represent, tokenizer_of
from isomorph.measure.retrieval import hubness, retrieval, translation_both_ways
from isomorph.measure.similarity import (
    cka_table,
    linear_cka,
    normalise,
    normalising_means,
    procrustes,
    ridge,
    rsa,
)
from isomorph.measure.words import Lexicon, Reader, embedded, in_context, keyed_dictionary
from isomorph.text.tokens import check_texts

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from isomorph.measure.represent import Tokenizers

TOKENS = 2000  # compared by layer; RSA has as many pairs as their square
BIN_WORDS = 5  # wide are the bins of texts that are of like length

Record = dict[str, str | int | float | None]
Sides = tuple[list[str], list[str]]


@dataclass(frozen=True)
class Material:
    """What two readers are compared on; of each two lists the first is the source's.

    learn, test: parallel sentences, for the rotation of sentence vectors and for its score.
    dictionary: "train" and "test" word pairs; empty to leave words out.
    contexts: text in which words are met, not parallel; empty to leave contextual words out.
    others: further parallel sentences, by name, for the score of the same rotation.
    """

    learn: Sides
    test: Sides
    dictionary: Mapping[str, Sequence[tuple[str, str]]]
    contexts: Sides = ([], [])
    others: Mapping[str, Sides] = field(default_factory=dict)


def compare(
    source: Reader, target: Reader, material: Material, *, progress: bool = False
) -> list[Record]:
    """Every measure at every layer, as {metric, layer, value}; layer is the source's.

    Where the two differ in depth, a layer goes with the one as deep in proportion. Scores are means
    of both directions.

    - retrieval_p1: sentence vectors rotated, nearest neighbour by cosine; retrieval_p1_csls;
      retrieval_p1_linear by a ridge map; retrieval_p1_unmapped, each side's mean subtracted, where
      the widths are equal. retrieval_p1_chance, without a layer.
    - <name>_retrieval_p1, _csls, _unmapped and _chance: the same on each of the material's others.
    - cka (debiased, linear), cka_biased, rsa: of the test sentences.
    - cka_to_<j>: debiased CKA of the layer with the target's layer j.
    - average_cosine_source, average_cosine_target, isoscore_source, isoscore_target: of the test
      sentences.
    - translation_p1, translation_p5: input embeddings of single-subword words, rotated, by CSLS,
      layer 0; translation_p1_cosine; translation_p1_unmapped, where the widths are equal;
      translation_p1_random by a random rotation; translation_hubness_cosine, _csls;
      translation_queries, translation_candidates (the mean of both directions), translation_p1_chance.
    - translation_contextual_p1 and so on: the same of words averaged over their contexts, at every
      layer.

    Raises ValueError where the two sides of `learn` or `test` do not pair, or, naming side and number,
    a text is none.
    Source: Conneau, Wu et al. 2020, sections 5.1 and 5.2.
    """
    tests = {"": material.test} | {f"{name}_": sides for name, sides in material.others.items()}
    named = {"learn": material.learn, "test": material.test} | dict(material.others)
    for name, sides in named.items():
        sizes = [len(side) for side in sides]
        if sizes[0] != sizes[1] or not sizes[0]:
            raise ValueError(f"{name} has {sizes[0]} and {sizes[1]} sentences; they are pairs.")
    for name, sides in (named | {"contexts": material.contexts}).items():
        for number, side in enumerate(sides):
            check_texts(side, f"{name}[{number}][{{}}]")
    # Every sentence in one go, since texts of like length are then read together.
    ends = np.cumsum([len(material.learn[0]), *(len(sides[0]) for sides in tests.values())])
    parts = dict(zip(tests, map(slice, ends[:-1], ends[1:]), strict=True))
    every = [itertools.chain(*sides) for sides in zip(material.learn, *tests.values(), strict=True)]
    first, second = (
        represent(
            reader.model, reader.tokenizer, list(texts), language=reader.language, progress=progress
        ).layers
        for reader, texts in zip((source, target), every, strict=True)
    )
    records = []
    for name, sides in tests.items():
        records += _records(None, {f"{name}retrieval_p1_chance": 1 / len(sides[0])})
    for layer, other in layer_pairs(max(first), max(second)):
        metrics = _of_sentences(first[layer], second[other], ends[0], parts)
        records += _records(layer, metrics)
    main = [[side[layer][parts[""]] for layer in sorted(side)] for side in (first, second)]
    for layer, row in enumerate(cka_table(*main).tolist()):
        records += _records(layer, {f"cka_to_{j}": value for j, value in enumerate(row)})
    return [*records, *_of_words((source, target), material, progress)]


def layer_pairs(depth: int, other: int) -> list[tuple[int, int]]:
    """Each layer from 0 to `depth` with that of a model `other` deep which is as deep in proportion."""
    return [(layer, round(layer * other / max(1, depth))) for layer in range(depth + 1)]


def _of_sentences(
    first: Tensor, second: Tensor, learnt_on: int, parts: Mapping[str, slice]
) -> dict[str, float]:
    means = [normalising_means(side[:learnt_on]) for side in (first, second)]
    sides = [normalise(side, of) for side, of in zip((first, second), means, strict=True)]
    learn = [side[:learnt_on] for side in sides]
    rotated, bent = sides[0] @ procrustes(*learn), sides[0] @ ridge(*learn)
    metrics = {}
    for name, part in parts.items():
        at = f"{name}retrieval_p1"
        metrics[at] = retrieval(rotated[part], sides[1][part])["p1"]
        metrics[f"{at}_csls"] = retrieval(rotated[part], sides[1][part], scoring="csls")["p1"]
        if first.shape == second.shape:
            metrics[f"{at}_unmapped"] = retrieval(first[part], second[part], center=True)["p1"]
    test = parts[""]
    pair = first[test], second[test]
    metrics |= {
        "retrieval_p1_linear": retrieval(bent[test], sides[1][test])["p1"],
        "cka": linear_cka(*pair),
        "cka_biased": linear_cka(*pair, debiased=False),
        "rsa": rsa(*pair),
    }
    for side, vectors in zip(("source", "target"), pair, strict=True):
        metrics[f"average_cosine_{side}"] = average_cosine(vectors)
        metrics[f"isoscore_{side}"] = isoscore(vectors)
    return metrics


def _of_words(
    readers: tuple[Reader, Reader], material: Material, progress: bool
) -> Iterator[Record]:
    tokenizers = [tokenizer_of(reader.tokenizer, reader.language) for reader in readers]
    spellings, pairs = keyed_dictionary(tokenizers, material.dictionary)
    if not all(spellings):
        return
    yield from translated("translation", 0, list(map(embedded, readers, spellings)), pairs)
    if not all(material.contexts):
        return
    averages = [
        in_context(reader, texts, words, progress=progress)
        for reader, texts, words in zip(readers, material.contexts, spellings, strict=True)
    ]
    for layer, other in layer_pairs(*map(max, averages)):
        lexicons = averages[0][layer], averages[1][other]
        yield from translated("translation_contextual", layer, lexicons, pairs)


def translated(
    name: str,
    layer: int | None,
    lexicons: Sequence[Lexicon],
    pairs: Mapping[str, Sequence[tuple[str, str]]],
) -> list[Record]:
    """Word translation by a rotation learnt on pairs["train"], as the records of `compare`.

    lexicons: the words of each side and their vectors (n_words, width). Only the number of queries
    where no pair of "train" or "test" has both its words.
    """
    (words, vectors), (other_words, other_vectors) = lexicons
    rows = [{word: row for row, word in enumerate(side)} for side in (words, other_words)]
    train = [(rows[0][a], rows[1][b]) for a, b in pairs["train"] if a in rows[0] and b in rows[1]]
    asked = [(a, b) for a, b in pairs["test"] if a in rows[0] and b in rows[1] and a != b]
    if not train or not asked:
        return _records(layer, {f"{name}_queries": 0})
    sides = [normalise(side, normalising_means(side)) for side in (vectors, other_vectors)]
    places = torch.tensor(train)
    rotation = procrustes(sides[0][places[:, 0]], sides[1][places[:, 1]])

    def scores(source: Tensor, **options) -> dict[str, float]:
        return translation_both_ways(
            source, sides[1], pairs["test"], words, other_words, known=pairs["train"], **options
        )

    rotated = scores(sides[0] @ rotation, scoring="csls")
    metrics = {
        "p1": rotated["p1"], "p5": rotated["p5"],
        "p1_cosine": scores(sides[0] @ rotation)["p1"],
        "p1_random": scores(sides[0] @ _random_rotation(rotation), scoring="csls")["p1"],
        "p1_chance": rotated["chance"], "queries": rotated["queries"],
        "candidates": rotated["candidates"],
    }  # fmt: skip
    if vectors.shape[1] == other_vectors.shape[1]:
        metrics["p1_unmapped"] = scores(sides[0], scoring="csls")["p1"]
    for scoring in ("cosine", "csls"):
        metrics[f"hubness_{scoring}"] = hubness(sides[0] @ rotation, sides[1], scoring=scoring)
    return _records(layer, {f"{name}_{metric}": value for metric, value in metrics.items()})


def _random_rotation(like: Tensor) -> Tensor:
    """An orthogonal matrix of the same shape, the same one every time."""
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randn(like.shape, generator=generator, dtype=torch.float64).to(like)
    left, _, right = torch.linalg.svd(drawn, full_matrices=False)
    return left @ right


def _records(layer: int | None, metrics: Mapping[str, float]) -> list[Record]:
    return [{"metric": name, "layer": layer, "value": value} for name, value in metrics.items()]


def similarity_by_layer(
    before: PreTrainedModel,
    after: PreTrainedModel,
    tokenizer: Tokenizers,
    texts: Sequence[str],
    *,
    language: str | None = None,
    tokens: int = TOKENS,
    seed: int = 0,
    max_length: int | None = None,
) -> dict[str, dict[int, float]]:
    """{"rsa", "cka"} -> layer -> how alike the tokens' states are before and after, at most 1.

    Of all tokens of the texts so many are drawn, the same at each layer. Where the encoder after has
    fewer layers, those it has are compared.
    Raises ValueError when there are fewer than 4 tokens.
    Source: Merchant et al. 2020 compare by RSA; CKA of Kornblith et al. 2019 beside it.
    """
    first, second = (
        represent(model, tokenizer, texts, language=language, level="token", max_length=max_length)
        for model in (before, after)
    )
    count = len(first.texts)
    if count < 4:
        raise ValueError(f"texts has {count} tokens; at least 4 are needed.")
    drawn = torch.randperm(count, generator=torch.Generator().manual_seed(seed))[:tokens]
    similarity: dict[str, dict[int, float]] = {"rsa": {}, "cka": {}}
    for layer in sorted(set(first.layers) & set(second.layers)):
        x, y = first[layer][drawn], second[layer][drawn]
        similarity["rsa"][layer] = rsa(x, y)
        similarity["cka"][layer] = linear_cka(x, y)
    return similarity


def matched_for_length(first: Sequence[str], second: Sequence[str]) -> tuple[list[str], list[str]]:
    """As many texts of each of two sets as can be, of like lengths: of each bin of five words the same
    number, in the order given.

    Raises ValueError when no bin has a text of both.
    """
    bins: list[dict[int, list[str]]] = [defaultdict(list), defaultdict(list)]
    for by_length, texts in zip(bins, (first, second), strict=True):
        for text in texts:
            by_length[len(text.split()) // BIN_WORDS].append(text)
    kept: tuple[list[str], list[str]] = ([], [])
    for length in sorted(bins[0].keys() & bins[1].keys()):
        count = min(len(by_length[length]) for by_length in bins)
        for side, by_length in zip(kept, bins, strict=True):
            side.extend(by_length[length][:count])
    if not kept[0]:
        raise ValueError("first and second have no texts of like length; allowed are sets that do.")
    return kept
