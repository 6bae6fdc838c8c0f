"""Two encoders side by side, or one encoder's two languages, layer by layer, as records.

`compare` has the measures of Conneau, Wu et al. (2020, section 5) for any two encoders, each of which
reads one of two languages: a rotation is learnt on some sentences, or on a dictionary's "train" part,
after iterative normalisation, and scored on others, or on the "test" part. `measure_multilinguality`
rotates nothing.

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
from transformers import PreTrainedModel

from isomorph.measure.correlation import Score, jackknife, mean_score
from isomorph.measure.isotropy import average_cosine, isoscore
from isomorph.measure.represent import Tokenizers
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
from isomorph.text.corpora import Corpus
from isomorph.text.parallel import evenly
from isomorph.text.tokens import check_texts

CONTEXTS = 1000  # training sentences a language, evenly spaced, in which words are met

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
        records += _records(None, {f"{name}retrieval_p1_chance": 1 / len(sides[0])})
    for layer, other in layer_pairs(max(first), max(second)):
        metrics = _of_sentences(first[layer], second[other], ends[0], parts, scored)
        records += _records(layer, metrics)
    for layer, vectors in sorted(first.items()):
        x = vectors[parts[""]]
        alike = {j: linear_cka(x, other[parts[""]]) for j, other in sorted(second.items())}
        records += _records(layer, alike, "cka_to_")
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
        return _records(layer, {f"{name}_queries": 0})
    sides = [normalise(side, normalising_means(side)) for side in (vectors, other_vectors)]
    places = torch.tensor(train)
    rotation = procrustes(sides[0][places[:, 0]], sides[1][places[:, 1]])

    rotated = sides[0] @ rotation

    def scores(source: Tensor, **options) -> dict[str, float]:
        hits: dict[str, float] = {}
        sought = (words, source), (other_words, sides[1])
        found = _translate(sought, pairs, by_word=hits, **options)
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
    return _records(layer, metrics, f"{name}_")


def _translate(lexicons: Sequence[Lexicon], pairs: Pairs, **options) -> dict[str, float]:
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


def _records(layer: int | None, metrics: Mapping[str, float], before: str = "") -> list[Record]:
    records = []
    for name, value in metrics.items():
        records.append({"metric": f"{before}{name}", "layer": layer, "value": value})
        if isinstance(value, Score):
            records[-1] |= {"value": value.value, "score": value}
    return records


def measure_multilinguality(
    model: PreTrainedModel, tokenizer: Tokenizers, corpus: Corpus
) -> list[Record]:
    """How multilingual an encoder is, as {metric, layer, value}; all are means of both directions.

    - retrieval_p1, retrieval_mrr (cosine), retrieval_p1_centred (each language's mean subtracted),
      retrieval_p1_csls: of the held-out parallel sentences, every layer; retrieval_p1_chance.
    - translation_p1, translation_p5 (cosine), translation_p1_centred, translation_p1_csls: rows of
      the input embedding, of words that are one subword, layer 0; translation_isolated_p1: the same
      words alone in a sentence, layers 0 and two thirds. translation_p1_chance, translation_queries
      (words asked), translation_coverage (their share), translation_candidates (among how many).
    - translation_contextual_p1, _p1_csls: averages over contexts of training text, every layer: test
      sentences would hand a rare word and its translation the very same context. The same counts.
    - multilinguality, no layer: the mean of retrieval P@1 and isolated word translation P@1 over
      layer 0 and the one two thirds up. Dufter and Schütze 2020 take layers 0 and 8 of 12 and
      translate every item of the vocabulary.

    A measure for which no word is left has no record.
    Raises ValueError when the corpus is not bilingual or its test sentences are not parallel.
    Source: Conneau, Wu et al. 2020, section 5.1; Dufter and Schütze 2020.
    """
    if len(corpus.languages) != 2:
        raise ValueError(f"corpus.languages is {corpus.languages}; this measure takes two.")
    sizes = {language: len(corpus.test[language]) for language in corpus.languages}
    if len(set(sizes.values())) != 1 or 0 in sizes.values():
        raise ValueError(f"corpus.test has {sizes} sentences; they must be parallel.")
    readers = [Reader(model, tokenizer, language) for language in corpus.languages]
    first, second = (reader.represent(corpus.test[reader.language]).layers for reader in readers)
    records = []
    for layer in sorted(first):
        pair = first[layer], second[layer]
        plain = retrieval(*pair)
        metrics = {"p1": plain["p1"], "mrr": plain["mrr"]}
        metrics["p1_centred"] = retrieval(*pair, center=True)["p1"]
        metrics["p1_csls"] = retrieval(*pair, scoring="csls")["p1"]
        records += _records(layer, metrics, "retrieval_")
    records += _records(None, {"retrieval_p1_chance": 1 / len(first[0])})
    spellings, pairs = keyed_dictionary([r.splitter for r in readers], corpus.dictionary)
    upper = two_thirds_layer(model.config.num_hidden_layers)
    records += _of_embeddings(readers, spellings, pairs, upper)
    if all(spellings):
        texts = (evenly(corpus.train[language], CONTEXTS) for language in corpus.languages)
        records += _of_contexts(*map(in_context, readers, texts, spellings), pairs)
    parts = [
        record["value"]
        for record in records
        if record["metric"] in ("retrieval_p1", "translation_isolated_p1")
        and record["layer"] in (0, upper)
    ]
    return records + (
        _records(None, {"multilinguality": sum(parts) / 4}) if len(parts) == 4 else []
    )


def two_thirds_layer(layers: int) -> int:
    """The layer two thirds of the way up, as 8 of 12: where Dufter and Schütze 2020 measure."""
    return max(1, round(2 * layers / 3))


def _of_embeddings(readers, spellings, pairs: Pairs, upper: int) -> list[Record]:
    lexicons = list(map(embedded, readers, spellings))
    if not all(words for words, _ in lexicons):
        return _records(0, {"translation_queries": 0})
    plain = _translate(lexicons, pairs)
    metrics = {name: plain[name] for name in ("queries", "coverage", "candidates")}
    if not plain["queries_forward"] or not plain["queries_backward"]:
        return _records(0, metrics, "translation_")
    metrics |= {"p1": plain["p1"], "p5": plain["p5"], "p1_chance": plain["chance"]}
    metrics["p1_centred"] = _translate(lexicons, pairs, center=True)["p1"]
    metrics["p1_csls"] = _translate(lexicons, pairs, scoring="csls")["p1"]
    records = _records(0, metrics, "translation_")
    alone = [
        reader.represent([[spelt[word]] for word in words], batch_size=256, layers=(0, upper))
        for reader, spelt, (words, _) in zip(readers, spellings, lexicons, strict=True)
    ]
    for layer in (0, upper):
        sides = [(words, by[layer]) for (words, _), by in zip(lexicons, alone, strict=True)]
        records += _records(layer, {"translation_isolated_p1": _translate(sides, pairs)["p1"]})
    return records


def _of_contexts(
    first: Mapping[int, Lexicon], second: Mapping[int, Lexicon], pairs: Pairs
) -> list[Record]:
    name, records = "translation_contextual_", []
    if not first[0][0] or not second[0][0]:
        return _records(None, {f"{name}queries": 0})
    for layer in first:
        sides = first[layer], second[layer]
        plain = _translate(sides, pairs)
        if layer == 0:
            records += _records(None, {f"{name}queries": plain["queries"]})
            if not plain["queries_forward"] or not plain["queries_backward"]:
                return records
            counts = {"p1_chance": plain["chance"], "candidates": plain["candidates"]}
            records += _records(None, counts, name)
        csls = _translate(sides, pairs, scoring="csls")["p1"]
        records += _records(layer, {"p1": plain["p1"], "p1_csls": csls}, name)
    return records
