"""Two encoders side by side, layer by layer, as records.

`compare` has the measures of Conneau, Wu et al. (2020, section 5) for any two encoders, each of which
reads one of two languages: a rotation is learnt on some sentences, or on a dictionary's "train" part,
after iterative normalisation, and scored on others, or on the "test" part.

Words are those of the dictionary's test part, to be found among all the dictionary's words of the other
language, train and test, that have a vector; any listed translation is right. A word that is spelt
alike in both languages is not asked (see `retrieval.translation`).
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor

from isomorph.measure.correlation import Score, jackknife, mean_score
from isomorph.measure.isotropy import average_cosine, isoscore
from isomorph.measure.retrieval import (
    hubness,
    retrieval,
    retrieval_by_row,
    translation_both_ways,
)
from isomorph.measure.similarity import (
    linear_cka,
    normalise,
    normalising_means,
    procrustes,
    ridge,
    rsa,
)
from isomorph.measure.words import (
    Lexicon,
    Reader,
    embedded,
    in_context,
    keyed_dictionary,
)
from isomorph.text.tokens import check_texts

Record = dict[str, str | int | float | Score | None]
Sides = tuple[list[str], list[str]]
Pairs = Mapping[str, Sequence[tuple[str, str]]]


def compare(
    source: Reader,
    target: Reader,
    *,
    learn: Sides,
    test: Sides,
    dictionary: Pairs,
    contexts: Sides = ([], []),
    others: Mapping[str, Sides] = MappingProxyType({}),
    scored: bool = False,
    progress: bool = False,
) -> list[Record]:
    """Every measure at every layer, as {metric, layer, value}, scores being means of both directions.

    Of each two lists the first is the source's. learn, test: parallel sentences, for the rotation and
    for its score; others: further such tests, by name. dictionary: "train" and "test" word pairs.
    contexts: text in which words are met, not parallel. Empty leaves words, or words in contexts, out.
    scored: records of what is estimated have a "score" too, `isomorph.measure.correlation.Score`: of
        retrieval over test sentences, of translation over words asked, of the rest over groups of
        test sentences. The two sides' items are in the same order whatever the weights.

    layer: the source's. Where the two differ in depth, it goes with the one as deep in proportion.

    - retrieval_p1: sentence vectors rotated, nearest neighbour by cosine; retrieval_p1_csls;
      retrieval_p1_linear by a ridge map; retrieval_p1_unmapped, each side's mean subtracted, where
      the widths are equal; retrieval_p1_chance, no layer. <name>_retrieval_p1 and so on: of others.
    - cka (debiased, linear), cka_biased, rsa, cka_to_<j> (debiased, with the target's layer j),
      average_cosine_source, average_cosine_target, isoscore_source, isoscore_target: of the test
      sentences.
    - translation_p1, translation_p5: input embeddings of single-subword words, rotated, by CSLS,
      layer 0; translation_p1_cosine; translation_p1_unmapped; translation_p1_random by a random
      rotation; translation_hubness_cosine, _csls; translation_queries, translation_candidates,
      translation_p1_chance. translation_contextual_p1 and so on: averages over contexts, every layer.

    Raises ValueError where the two sides of `learn` or `test` do not pair, or, naming side and number,
    a text is none.
    Source: Conneau, Wu et al. 2020, sections 5.1 and 5.2.
    """
    tests = {"": test} | {f"{name}_": sides for name, sides in others.items()}
    named = {"learn": learn, "test": test, **others}
    for name, sides in named.items():
        sizes = [len(side) for side in sides]
        if sizes[0] != sizes[1] or not sizes[0]:
            raise ValueError(f"{name} has {sizes[0]} and {sizes[1]} sentences; they are pairs.")
    for name, sides in (named | {"contexts": contexts}).items():
        for number, side in enumerate(sides):
            check_texts(side, f"{name}[{number}][{{}}]")
    # Every sentence in one go, since texts of like length are then read together.
    ends = np.cumsum([len(learn[0]), *(len(sides[0]) for sides in tests.values())])
    parts = dict(zip(tests, map(slice, ends[:-1], ends[1:]), strict=True))
    every = [itertools.chain(*sides) for sides in zip(learn, *tests.values(), strict=True)]
    first, second = (
        reader.sentences(list(texts), progress=progress).layers
        for reader, texts in zip((source, target), every, strict=True)
    )
    records = []
    for name, sides in tests.items():
        records += as_records(None, {f"{name}retrieval_p1_chance": 1 / len(sides[0])})
    for layer, other in layer_pairs(max(first), max(second)):
        metrics = _of_sentences(first[layer], second[other], ends[0], parts, scored)
        records += as_records(layer, metrics)
    for layer, vectors in sorted(first.items()):
        x = vectors[parts[""]]
        alike = {j: linear_cka(x, other[parts[""]]) for j, other in sorted(second.items())}
        records += as_records(layer, alike, "cka_to_")
    spellings, pairs = keyed_dictionary([source.splitter, target.splitter], dictionary)
    if not all(spellings):
        return records
    readers = (source, target)
    lexicons = list(map(embedded, readers, spellings))
    records += translated("translation", 0, lexicons, pairs, scored=scored)
    if not all(contexts):
        return records
    averages = [
        in_context(reader, texts, words, progress=progress)
        for reader, texts, words in zip(readers, contexts, spellings, strict=True)
    ]
    for layer, other in layer_pairs(*map(max, averages)):
        lexicons = averages[0][layer], averages[1][other]
        records += translated("translation_contextual", layer, lexicons, pairs, scored=scored)
    return records


def layer_pairs(depth: int, other: int) -> list[tuple[int, int]]:
    """Each layer from 0 to `depth` with that of a model `other` deep which is as deep in proportion."""
    return [(layer, round(layer * other / max(1, depth))) for layer in range(depth + 1)]


def _of_sentences(
    first: Tensor, second: Tensor, learnt_on: int, parts: Mapping[str, slice], scored: bool
) -> dict[str, float | Score]:
    means = [normalising_means(side[:learnt_on]) for side in (first, second)]
    sides = [normalise(side, of) for side, of in zip((first, second), means, strict=True)]
    learn = [side[:learnt_on] for side in sides]
    rotated, bent = sides[0] @ procrustes(*learn), sides[0] @ ridge(*learn)

    def found(source: Tensor, target: Tensor, **options) -> float | Score:
        if not scored:
            return retrieval(source, target, **options)["p1"]
        rows = retrieval_by_row(source, target, **options)
        return mean_score((rows["p1_forward"] + rows["p1_backward"]) / 2)

    def of_all(measure, *sides: Tensor, **options) -> float | Score:
        if not scored:
            return measure(*sides, **options)
        return jackknife(lambda rows: measure(*(s[rows] for s in sides), **options), len(sides[0]))

    metrics = {}
    for name, part in parts.items():
        at = f"{name}retrieval_p1"
        metrics[at] = found(rotated[part], sides[1][part])
        metrics[f"{at}_csls"] = found(rotated[part], sides[1][part], scoring="csls")
        if first.shape == second.shape:
            metrics[f"{at}_unmapped"] = found(first[part], second[part], center=True)
    test = parts[""]
    pair = first[test], second[test]
    metrics |= {
        "retrieval_p1_linear": found(bent[test], sides[1][test]),
        "cka": of_all(linear_cka, *pair),
        "cka_biased": of_all(linear_cka, *pair, debiased=False),
        "rsa": of_all(rsa, *pair),
    }
    for side, vectors in zip(("source", "target"), pair, strict=True):
        metrics[f"average_cosine_{side}"] = of_all(average_cosine, vectors)
        metrics[f"isoscore_{side}"] = of_all(isoscore, vectors)
    return metrics


def translated(
    name: str,
    layer: int | None,
    lexicons: Sequence[Lexicon],
    pairs: Pairs,
    *,
    scored: bool = False,
) -> list[Record]:
    """Word translation by a rotation learnt on pairs["train"], as the records of `compare`; only the
    number of queries where no pair of "train" or "test" has both its words."""
    (words, vectors), (other_words, other_vectors) = lexicons
    rows = [{word: row for row, word in enumerate(side)} for side in (words, other_words)]
    train = [(rows[0][a], rows[1][b]) for a, b in pairs["train"] if a in rows[0] and b in rows[1]]
    asked = [(a, b) for a, b in pairs["test"] if a in rows[0] and b in rows[1] and a != b]
    if not train or not asked:
        return as_records(layer, {f"{name}_queries": 0})
    sides = [normalise(side, normalising_means(side)) for side in (vectors, other_vectors)]
    places = torch.tensor(train)
    rotation = procrustes(sides[0][places[:, 0]], sides[1][places[:, 1]])

    rotated = sides[0] @ rotation

    def scores(source: Tensor, **options) -> dict[str, float]:
        hits: dict[str, float] = {}
        sought = (words, source), (other_words, sides[1])
        found = translate(sought, pairs, by_word=hits, **options)
        if scored and not math.isnan(found["p1"]):
            found["p1"] = _of_words(found["p1"], hits, rows[0])
        return found

    best = scores(rotated, scoring="csls")
    metrics = {
        "p1": best["p1"], "p5": best["p5"], "p1_cosine": scores(rotated)["p1"],
        "p1_random": scores(sides[0] @ _random_rotation(rotation), scoring="csls")["p1"],
        "p1_chance": best["chance"], "queries": best["queries"], "candidates": best["candidates"],
    }  # fmt: skip
    if vectors.shape[1] == other_vectors.shape[1]:
        metrics["p1_unmapped"] = scores(sides[0], scoring="csls")["p1"]
    for scoring in ("cosine", "csls"):
        metrics[f"hubness_{scoring}"] = hubness(rotated, sides[1], scoring=scoring)
    return as_records(layer, metrics, f"{name}_")


def translate(lexicons: Sequence[Lexicon], pairs: Pairs, **options) -> dict[str, float]:
    """`retrieval.translation_both_ways` of two languages' words, asked pairs["test"]."""
    (words, vectors), (other_words, others) = lexicons
    return translation_both_ways(
        vectors, others, pairs["test"], words, other_words, known=pairs["train"], **options
    )


def _of_words(value: float, hits: Mapping[str, float], source: Mapping[str, int]) -> Score:
    """A mean of both directions; no word of one is asked in the other."""
    directions = [
        [hit for word, hit in hits.items() if (word in source) == side] for side in (1, 0)
    ]
    parts = [mean_score(torch.tensor(side)).influence / 2 for side in directions]
    return Score(value, np.concatenate(parts))


def _random_rotation(like: Tensor) -> Tensor:
    """An orthogonal matrix of the same shape, the same one every time."""
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randn(like.shape, generator=generator, dtype=torch.float64).to(like)
    left, _, right = torch.linalg.svd(drawn, full_matrices=False)
    return left @ right


def as_records(layer: int | None, metrics: Mapping[str, float], before: str = "") -> list[Record]:
    """Metrics of a layer, a record each; with its score where it has one."""
    records = []
    for name, value in metrics.items():
        records.append({"metric": f"{before}{name}", "layer": layer, "value": value})
        if isinstance(value, Score):
            records[-1] |= {"value": value.value, "score": value}
    return records
