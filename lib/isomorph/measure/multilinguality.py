"""How multilingual an encoder is: every measure of `retrieval`, at every layer, as records.

Sentences: the held-out parallel ones, as means of their token vectors. Words: those of the
dictionary's test part, to be found among all the dictionary's words of the other language, train
and test, that have a vector; any listed translation is right. A word that is spelt alike in both
languages is not asked (see `retrieval.translation`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from isomorph.measure.represent import represent
from isomorph.measure.retrieval import (
    multilinguality,
    retrieval,
    translation_both_ways,
    two_thirds_layer,
)
from isomorph.measure.stream import tokenizer_of
from isomorph.measure.words import (
    embedding_words,
    input_embedding,
    isolated_word_vectors,
    keyed_dictionary,
    word_averages,
)
from isomorph.text.corpora import evenly

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from isomorph.measure.stream import Tokenizers
    from isomorph.text.corpora import Corpus

    Record = dict[str, str | int | float | None]
    # One language's words and their vectors, (n_words, width).
    Lexicon = tuple[list[str], Tensor]


def measure_multilinguality(
    model: PreTrainedModel,
    tokenizer: Tokenizers,
    corpus: Corpus,
    *,
    layers: Sequence[int] | None = None,
    limit: int | None = None,
    context_sentences: int = 1000,
    batch_size: int = 64,
    progress: bool = False,
) -> list[Record]:
    """Retrieval, word translation and the multilinguality score, as {metric, layer, value}.

    tokenizer: one for both languages, or a mapping or function from language to tokeniser.
    layers: None for all; 0 and the layer two thirds up are always among them.
    limit: at most so many of the parallel test sentences; None for all.
    context_sentences: so many training sentences a language, evenly spaced, give the contexts of
        words; 0 leaves that measure out. Training text, because no sentence is there together with
        its translation: the parallel test sentences would hand a rare word and its translation the
        very same context.

    All values are means of both directions.

    - retrieval_p1, retrieval_mrr (cosine), retrieval_p1_centred (each language's mean subtracted),
      retrieval_p1_csls: every layer.
    - translation_p1, translation_p5 (cosine), translation_p1_centred, translation_p1_csls: rows of
      the input embedding, of words that are one subword, layer 0.
    - translation_isolated_p1: the same words alone in a sentence, cosine, layers 0 and two thirds.
    - translation_contextual_p1, translation_contextual_p1_csls: words averaged over their contexts,
      several subwords allowed, every layer.
    - multilinguality, no layer: as `retrieval.multilinguality`.
    - <metric>_chance: P@1 of a random answer. translation_queries, translation_coverage,
      translation_contextual_queries: how many words were asked, and their share of the test words.
      translation_candidates, translation_contextual_candidates: among how many words; of sentences
      chance says it.

    A measure for which no word is left has no record.
    Raises ValueError when the corpus is not bilingual or its test sentences are not parallel.
    Source: Conneau, Wu et al. 2020, section 5.1; Dufter and Schütze 2020.
    """
    sentences = _parallel(corpus, limit)
    upper = two_thirds_layer(model.config.num_hidden_layers)
    wanted = None if layers is None else sorted({0, upper, *layers})
    both = {"batch_size": batch_size, "progress": progress}
    source, target = (
        represent(model, tokenizer, texts, language=language, layers=wanted, **both).layers
        for language, texts in sentences.items()
    )
    records = []
    for layer in sorted(source):
        records += _retrieval_records(source[layer], target[layer], layer)
    records.append(_record("retrieval_p1_chance", None, 1 / len(source[0])))
    words, pairs = _dictionary(tokenizer, corpus)
    records += _embedding_records(model, tokenizer, words, pairs, upper)
    if context_sentences and all(words.values()):
        contexts = {
            language: evenly(corpus.train[language], context_sentences) for language in words
        }
        vectors = {
            language: word_averages(
                model,
                tokenizer,
                contexts[language],
                list(words[language].values()),
                language=language,
                layers=wanted,
                **both,
            )
            for language in words
        }
        records += _contextual_records(vectors, words, pairs)
    return records + _score(records, upper)


def _parallel(corpus: Corpus, limit: int | None) -> dict[str, list[str]]:
    if len(corpus.languages) != 2:
        raise ValueError(f"corpus.languages is {corpus.languages}; this measure takes two.")
    if limit is not None and limit < 1:
        raise ValueError(f"limit is {limit}; it must be at least 1.")
    sentences = {language: corpus.test[language][:limit] for language in corpus.languages}
    lengths = {language: len(texts) for language, texts in sentences.items()}
    if len(set(lengths.values())) != 1 or 0 in lengths.values():
        raise ValueError(f"corpus.test has {lengths} sentences; they must be parallel.")
    return sentences


def _dictionary(
    tokenizer: Tokenizers, corpus: Corpus
) -> tuple[dict[str, dict[str, str]], dict[str, list[tuple[str, str]]]]:
    """The words of each language, as the tokeniser tells them apart -> as written, and the pairs."""
    tokenizers = [tokenizer_of(tokenizer, language) for language in corpus.languages]
    sides, pairs = keyed_dictionary(tokenizers, corpus.dictionary)
    return dict(zip(corpus.languages, sides, strict=True)), pairs


def _retrieval_records(source: Tensor, target: Tensor, layer: int) -> list[Record]:
    plain = retrieval(source, target)
    return [
        _record("retrieval_p1", layer, plain["p1"]),
        _record("retrieval_mrr", layer, plain["mrr"]),
        _record("retrieval_p1_centred", layer, retrieval(source, target, center=True)["p1"]),
        _record("retrieval_p1_csls", layer, retrieval(source, target, scoring="csls")["p1"]),
    ]


def _embedding_records(model, tokenizer, words, pairs, upper) -> list[Record]:
    lexicons, isolated = [], []
    for language, spellings in words.items():
        own = tokenizer_of(tokenizer, language)
        key_of = {word: key for key, word in spellings.items()}
        rows, kept, _ = embedding_words(own, input_embedding(model, language), list(key_of))
        if not kept:
            return [_record("translation_queries", 0, 0)]
        keys = [key_of[word] for word in kept]
        lexicons.append((keys, rows))
        alone = isolated_word_vectors(model, own, kept, language=language, layers=(0, upper))
        isolated.append({layer: (keys, vectors) for layer, vectors in alone.items()})
    plain = _translate(*lexicons, pairs, k=(1, 5))
    records = [
        _record("translation_queries", 0, plain["queries"]),
        _record("translation_coverage", 0, plain["coverage"]),
        _record("translation_candidates", 0, plain["candidates"]),
    ]
    if not plain["queries_forward"] or not plain["queries_backward"]:
        return records
    records += [
        _record("translation_p1", 0, plain["p1"]),
        _record("translation_p5", 0, plain["p5"]),
        _record("translation_p1_chance", 0, plain["chance"]),
        _record("translation_p1_centred", 0, _translate(*lexicons, pairs, center=True)["p1"]),
        _record("translation_p1_csls", 0, _translate(*lexicons, pairs, scoring="csls")["p1"]),
    ]
    for layer in (0, upper):
        value = _translate(isolated[0][layer], isolated[1][layer], pairs)["p1"]
        records.append(_record("translation_isolated_p1", layer, value))
    return records


def _contextual_records(vectors, words, pairs) -> list[Record]:
    met = [vectors[language].counts > 0 for language in words]
    keys = [
        [key for key, there in zip(words[language], mask.tolist(), strict=True) if there]
        for language, mask in zip(words, met, strict=True)
    ]
    if not all(keys):
        return [_record("translation_contextual_queries", None, 0)]
    source, target = (vectors[language] for language in words)
    records = []
    for layer in source.layers:
        lexicons = (keys[0], source[layer][met[0]]), (keys[1], target[layer][met[1]])
        plain = _translate(*lexicons, pairs)
        if not records:
            records.append(_record("translation_contextual_queries", None, plain["queries"]))
            if not plain["queries_forward"] or not plain["queries_backward"]:
                return records
            records.append(_record("translation_contextual_p1_chance", None, plain["chance"]))
            count = plain["candidates"]
            records.append(_record("translation_contextual_candidates", None, count))
        corrected = _translate(*lexicons, pairs, scoring="csls")
        records.append(_record("translation_contextual_p1", layer, plain["p1"]))
        records.append(_record("translation_contextual_p1_csls", layer, corrected["p1"]))
    return records


def _score(records: list[Record], upper: int) -> list[Record]:
    value = {(record["metric"], record["layer"]): record["value"] for record in records}
    parts = [
        value.get((metric, layer))
        for metric in ("retrieval_p1", "translation_isolated_p1")
        for layer in (0, upper)
    ]
    return [] if None in parts else [_record("multilinguality", None, multilinguality(*parts))]


def _translate(source: Lexicon, target: Lexicon, pairs, **options) -> dict[str, float]:
    options = {"k": (1,), "known": pairs["train"]} | options
    return translation_both_ways(
        source[1], target[1], pairs["test"], source[0], target[0], **options
    )


def _record(metric: str, layer: int | None, value: float) -> Record:
    return {"metric": metric, "layer": layer, "value": value}
