"""Two encoders side by side, layer by layer: what a rotation aligns, and how alike they are.

The measures of Conneau, Wu et al. (2020, section 5) for any two encoders, each of which reads one of
two languages: two models of one language each, one model of both, or anybody's. A rotation is learnt
on some sentences, or on a dictionary's "train" part, after iterative normalisation; it is scored on
others, or on the "test" part.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from isomorph.measure.align import normalise, normalising_means, procrustes, ridge
from isomorph.measure.isotropy import average_cosine, isoscore
from isomorph.measure.represent import represent
from isomorph.measure.retrieval import hubness, retrieval, translation_both_ways
from isomorph.measure.similarity import cka_table, linear_cka, rsa
from isomorph.measure.stream import tokenizer_of
from isomorph.measure.words import (
    embedding_words,
    input_embedding,
    keyed_dictionary,
    word_averages,
)
from isomorph.text.tokens import check_texts

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from isomorph.measure.stream import Tokenizers

    Record = dict[str, str | int | float | None]
    Sides = tuple[list[str], list[str]]
    Learn = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Reader:
    """An encoder, what splits its text, and the language that it reads here."""

    model: PreTrainedModel
    tokenizer: Tokenizers
    language: str | None


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
    source: Reader, target: Reader, material: Material, *, batch_size: int = 64, progress=False
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
    tests = {"": material.test} | {f"{name}_": own for name, own in material.others.items()}
    for name, own in ({"learn": material.learn, "test": material.test} | material.others).items():
        sizes = [len(side) for side in own]
        if sizes[0] != sizes[1] or not sizes[0]:
            raise ValueError(f"{name} has {sizes[0]} and {sizes[1]} sentences; they are pairs.")
        _check_sides(name, own)
    _check_sides("contexts", material.contexts)
    options = {"batch_size": batch_size, "progress": progress}
    # Every sentence in one go, since texts of like length are then read together.
    ends = np.cumsum([len(material.learn[0]), *(len(own[0]) for own in tests.values())])
    parts = dict(zip(tests, map(slice, ends[:-1], ends[1:]), strict=True))
    every = [
        list(itertools.chain(*sides)) for sides in zip(material.learn, *tests.values(), strict=True)
    ]
    first, second = (
        represent(reader.model, reader.tokenizer, own, language=reader.language, **options).layers
        for reader, own in zip((source, target), every, strict=True)
    )
    records = [
        _record(f"{name}retrieval_p1_chance", None, 1 / len(own[0])) for name, own in tests.items()
    ]
    for layer, other in layer_pairs(max(first), max(second)):
        records += _of_sentences(layer, first[layer], second[other], ends[0], parts)
    main = [[side[layer][parts[""]] for layer in sorted(side)] for side in (first, second)]
    for layer, row in enumerate(cka_table(*main).tolist()):
        records += [_record(f"cka_to_{j}", layer, value) for j, value in enumerate(row)]
    return records + _of_words((source, target), material, options)


def _check_sides(name: str, sides: Sides) -> None:
    for number, side in enumerate(sides):
        check_texts(side, f"{name}[{number}][{{}}]")


def layer_pairs(depth: int, other: int) -> list[tuple[int, int]]:
    """Each layer from 0 to `depth` with that of a model `other` deep which is as deep in proportion."""
    return [(layer, round(layer * other / max(1, depth))) for layer in range(depth + 1)]


def _of_sentences(
    layer: int, first: Tensor, second: Tensor, learnt_on: int, parts: Mapping[str, slice]
) -> list[Record]:
    means = [normalising_means(side[:learnt_on]) for side in (first, second)]
    sides = [normalise(side, own) for side, own in zip((first, second), means, strict=True)]
    learn = [side[:learnt_on] for side in sides]
    rotated, bent = sides[0] @ procrustes(*learn), sides[0] @ ridge(*learn)
    found = {}
    for name, part in parts.items():
        found |= {
            f"{name}retrieval_p1": retrieval(rotated[part], sides[1][part])["p1"],
            f"{name}retrieval_p1_csls": retrieval(rotated[part], sides[1][part], scoring="csls")["p1"],
        }  # fmt: skip
        if first.shape == second.shape:
            plain = retrieval(first[part], second[part], center=True)
            found[f"{name}retrieval_p1_unmapped"] = plain["p1"]
    own = first[parts[""]], second[parts[""]]
    found |= {
        "retrieval_p1_linear": retrieval(bent[parts[""]], sides[1][parts[""]])["p1"],
        "cka": linear_cka(*own),
        "cka_biased": linear_cka(*own, debiased=False),
        "rsa": rsa(*own),
    }
    for side, vectors in zip(("source", "target"), own, strict=True):
        found[f"average_cosine_{side}"] = average_cosine(vectors)
        found[f"isoscore_{side}"] = isoscore(vectors)
    return [_record(metric, layer, value) for metric, value in found.items()]


def _of_words(readers: tuple[Reader, Reader], material: Material, options: dict) -> list[Record]:
    tokenizers = [tokenizer_of(reader.tokenizer, reader.language) for reader in readers]
    spellings, pairs = keyed_dictionary(tokenizers, material.dictionary)
    if not all(spellings):
        return []
    lexicons = [embedded(reader, own) for reader, own in zip(readers, spellings, strict=True)]
    records = translated("translation", 0, lexicons, pairs)
    if not all(material.contexts):
        return records
    averages = [
        word_averages(reader.model, reader.tokenizer, texts, list(own.values()),
                      language=reader.language, **options)
        for reader, texts, own in zip(readers, material.contexts, spellings, strict=True)
    ]  # fmt: skip
    met = [own.counts > 0 for own in averages]
    keys = [
        [key for key, there in zip(own, mask.tolist(), strict=True) if there]
        for own, mask in zip(spellings, met, strict=True)
    ]
    for layer, other in layer_pairs(*(max(own.layers) for own in averages)):
        vectors = averages[0][layer][met[0]], averages[1][other][met[1]]
        lexicons = list(zip(keys, vectors, strict=True))
        records += translated("translation_contextual", layer, lexicons, pairs)
    return records


def embedded(reader: Reader, spellings: Mapping[str, str]) -> tuple[list[str], Tensor]:
    """Which words are one subword, and their input embeddings, (n_words, width) in float32.

    spellings: the words as the tokeniser tells them apart -> as written, of `keyed_dictionary`.
    """
    key_of = {word: key for key, word in spellings.items()}
    matrix = input_embedding(reader.model, reader.language)
    tokenizer = tokenizer_of(reader.tokenizer, reader.language)
    rows, kept, _ = embedding_words(tokenizer, matrix, list(key_of))
    return [key_of[word] for word in kept], rows


def translated(
    name: str,
    layer: int | None,
    lexicons: Sequence[tuple[list[str], Tensor]],
    pairs: Mapping[str, Sequence[tuple[str, str]]],
) -> list[Record]:
    """Word translation by a rotation learnt on pairs["train"], as the records of `compare`.

    lexicons: the words of each side and their vectors (n_words, width). Only the number of queries
    where no pair of "train" or "test" has both its words.
    """
    (words, vectors), (other_words, other_vectors) = lexicons
    rows = [{word: row for row, word in enumerate(own)} for own in (words, other_words)]
    train = [(rows[0][a], rows[1][b]) for a, b in pairs["train"] if a in rows[0] and b in rows[1]]
    asked = [(a, b) for a, b in pairs["test"] if a in rows[0] and b in rows[1] and a != b]
    if not train or not asked:
        return [_record(f"{name}_queries", layer, 0)]
    sides = [normalise(side, normalising_means(side)) for side in (vectors, other_vectors)]
    places = torch.tensor(train)
    rotation = procrustes(sides[0][places[:, 0]], sides[1][places[:, 1]])

    def scores(source: Tensor, **options) -> dict[str, float]:
        return translation_both_ways(
            source, sides[1], pairs["test"], words, other_words, known=pairs["train"], **options
        )

    rotated = scores(sides[0] @ rotation, scoring="csls")
    found = {
        "p1": rotated["p1"], "p5": rotated["p5"],
        "p1_cosine": scores(sides[0] @ rotation)["p1"],
        "p1_random": scores(sides[0] @ _random_rotation(rotation), scoring="csls")["p1"],
        "p1_chance": rotated["chance"], "queries": rotated["queries"],
        "candidates": rotated["candidates"],
    }  # fmt: skip
    if vectors.shape[1] == other_vectors.shape[1]:
        found["p1_unmapped"] = scores(sides[0], scoring="csls")["p1"]
    for scoring in ("cosine", "csls"):
        found[f"hubness_{scoring}"] = hubness(sides[0] @ rotation, sides[1], scoring=scoring)
    return [_record(f"{name}_{metric}", layer, value) for metric, value in found.items()]


def _random_rotation(like: Tensor) -> Tensor:
    """An orthogonal matrix of the same shape, the same one every time."""
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randn(like.shape, generator=generator, dtype=torch.float64).to(like)
    left, _, right = torch.linalg.svd(drawn, full_matrices=False)
    return left @ right


def _record(metric: str, layer: int | None, value: float) -> Record:
    return {"metric": metric, "layer": layer, "value": value}
