"""How multilingual an encoder is: every measure of `retrieval`, at every layer, as records.

Sentences: the held-out parallel ones, as means of their token vectors. Words: those of the
dictionary's test part, to be found among all the dictionary's words of the other language, train
and test, that have a vector; any listed translation is right. A word that is spelt alike in both
languages is not asked (see `retrieval.translation`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from isomorph.measure.represent import represent, tokenizer_of
from isomorph.measure.retrieval import retrieval, translation_both_ways
from isomorph.measure.words import (
    Lexicon,
    Reader,
    embedded,
    in_context,
    isolated_word_vectors,
    keyed_dictionary,
)
from isomorph.text.corpora import evenly

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from isomorph.measure.represent import Tokenizers
    from isomorph.text.corpora import Corpus

    Record = dict[str, str | int | float | None]
    Pairs = Mapping[str, list[tuple[str, str]]]

CONTEXTS = 1000  # training sentences a language, evenly spaced, in which words are met


def measure_multilinguality(
    model: PreTrainedModel, tokenizer: Tokenizers, corpus: Corpus
) -> list[Record]:
    """Retrieval, word translation and the multilinguality score, as {metric, layer, value}.

    tokenizer: one for both languages, or a mapping or function from language to tokeniser.

    All values are means of both directions.

    - retrieval_p1, retrieval_mrr (cosine), retrieval_p1_centred (each language's mean subtracted),
      retrieval_p1_csls: every layer.
    - translation_p1, translation_p5 (cosine), translation_p1_centred, translation_p1_csls: rows of
      the input embedding, of words that are one subword, layer 0.
    - translation_isolated_p1: the same words alone in a sentence, cosine, layers 0 and two thirds.
    - translation_contextual_p1, translation_contextual_p1_csls: words averaged over their contexts,
      several subwords allowed, every layer. Contexts are of training text, because no sentence is
      there together with its translation: the parallel test sentences would hand a rare word and
      its translation the very same context.
    - multilinguality, no layer: the mean of retrieval P@1 and isolated word translation P@1 over
      layer 0 and the one two thirds up. Dufter and Schütze 2020 take layers 0 and 8 of 12 and
      translate every item of the vocabulary.
    - <metric>_chance: P@1 of a random answer. translation_queries, translation_coverage,
      translation_contextual_queries: how many words were asked, and their share of the test words.
      translation_candidates, translation_contextual_candidates: among how many words; of sentences
      chance says it.

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
    source, target = (
        represent(model, tokenizer, corpus.test[language], language=language).layers
        for language in corpus.languages
    )
    records = []
    for layer in sorted(source):
        records += _of_sentences(source[layer], target[layer], layer)
    records.append(_record("retrieval_p1_chance", None, 1 / len(source[0])))
    tokenizers = [tokenizer_of(tokenizer, language) for language in corpus.languages]
    spellings, pairs = keyed_dictionary(tokenizers, corpus.dictionary)
    upper = two_thirds_layer(model.config.num_hidden_layers)
    records += _of_embeddings(readers, spellings, pairs, upper)
    if all(spellings):
        contexts = (evenly(corpus.train[language], CONTEXTS) for language in corpus.languages)
        records += _of_contexts(map(in_context, readers, contexts, spellings), pairs)
    parts = [
        record["value"]
        for record in records
        if record["metric"] in ("retrieval_p1", "translation_isolated_p1")
        and record["layer"] in (0, upper)
    ]
    return records + ([_record("multilinguality", None, sum(parts) / 4)] if len(parts) == 4 else [])


def two_thirds_layer(layers: int) -> int:
    """The layer two thirds of the way up, as 8 of 12: where Dufter and Schütze 2020 measure.

    layers: how many the model has, without the embeddings.
    """
    if layers < 1:
        raise ValueError(f"layers is {layers}; a model has at least 1.")
    return max(1, round(2 * layers / 3))


def _of_sentences(source, target, layer: int) -> Iterator[Record]:
    plain = retrieval(source, target)
    yield _record("retrieval_p1", layer, plain["p1"])
    yield _record("retrieval_mrr", layer, plain["mrr"])
    yield _record("retrieval_p1_centred", layer, retrieval(source, target, center=True)["p1"])
    yield _record("retrieval_p1_csls", layer, retrieval(source, target, scoring="csls")["p1"])


def _of_embeddings(readers, spellings, pairs: Pairs, upper: int) -> Iterator[Record]:
    lexicons = list(map(embedded, readers, spellings))
    if not all(words for words, _ in lexicons):
        yield _record("translation_queries", 0, 0)
        return
    plain = _translate(*lexicons, pairs, k=(1, 5))
    for name in ("queries", "coverage", "candidates"):
        yield _record(f"translation_{name}", 0, plain[name])
    if not plain["queries_forward"] or not plain["queries_backward"]:
        return
    yield _record("translation_p1", 0, plain["p1"])
    yield _record("translation_p5", 0, plain["p5"])
    yield _record("translation_p1_chance", 0, plain["chance"])
    centred = _translate(*lexicons, pairs, center=True)
    yield _record("translation_p1_centred", 0, centred["p1"])
    corrected = _translate(*lexicons, pairs, scoring="csls")
    yield _record("translation_p1_csls", 0, corrected["p1"])
    alone = [
        isolated_word_vectors(
            reader.model, reader.tokenizer, [own[word] for word in words],
            language=reader.language, layers=(0, upper),
        )
        for reader, own, (words, _) in zip(readers, spellings, lexicons, strict=True)
    ]  # fmt: skip
    for layer in (0, upper):
        sides = [(words, own[layer]) for (words, _), own in zip(lexicons, alone, strict=True)]
        yield _record("translation_isolated_p1", layer, _translate(*sides, pairs)["p1"])


def _of_contexts(averages: Iterator[dict[int, Lexicon]], pairs: Pairs) -> Iterator[Record]:
    source, target = averages
    name = "translation_contextual"
    if not all(words for words, _ in (source[0], target[0])):
        yield _record(f"{name}_queries", None, 0)
        return
    for layer in source:
        plain = _translate(source[layer], target[layer], pairs)
        if layer == 0:
            yield _record(f"{name}_queries", None, plain["queries"])
            if not plain["queries_forward"] or not plain["queries_backward"]:
                return
            yield _record(f"{name}_p1_chance", None, plain["chance"])
            yield _record(f"{name}_candidates", None, plain["candidates"])
        corrected = _translate(source[layer], target[layer], pairs, scoring="csls")
        yield _record(f"{name}_p1", layer, plain["p1"])
        yield _record(f"{name}_p1_csls", layer, corrected["p1"])


def _translate(source: Lexicon, target: Lexicon, pairs: Pairs, **options) -> dict[str, float]:
    options = {"k": (1,), "known": pairs["train"]} | options
    return translation_both_ways(
        source[1], target[1], pairs["test"], source[0], target[0], **options
    )


def _record(metric: str, layer: int | None, value: float) -> Record:
    return {"metric": metric, "layer": layer, "value": value}
