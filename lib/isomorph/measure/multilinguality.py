"""How multilingual one encoder of two languages is, layer by layer, with nothing rotated: for corpora
whose test sentences are parallel. Words are asked as in `isomorph.measure.comparison`.
"""

from collections.abc import Mapping

from transformers import PreTrainedModel

from isomorph.measure.comparison import Pairs, Record, as_records, translate
from isomorph.measure.represent import Tokenizers
from isomorph.measure.retrieval import retrieval
from isomorph.measure.words import Lexicon, Reader, embedded, in_context, keyed_dictionary
from isomorph.text.corpora import Corpus
from isomorph.text.parallel import evenly

CONTEXTS = 1000  # training sentences a language, evenly spaced, in which words are met


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
        records += as_records(layer, metrics, "retrieval_")
    records += as_records(None, {"retrieval_p1_chance": 1 / len(first[0])})
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
        as_records(None, {"multilinguality": sum(parts) / 4}) if len(parts) == 4 else []
    )


def two_thirds_layer(layers: int) -> int:
    """The layer two thirds of the way up, as 8 of 12: where Dufter and Schütze 2020 measure."""
    return max(1, round(2 * layers / 3))


def _of_embeddings(readers, spellings, pairs: Pairs, upper: int) -> list[Record]:
    lexicons = list(map(embedded, readers, spellings))
    if not all(words for words, _ in lexicons):
        return as_records(0, {"translation_queries": 0})
    plain = translate(lexicons, pairs)
    metrics = {name: plain[name] for name in ("queries", "coverage", "candidates")}
    if not plain["queries_forward"] or not plain["queries_backward"]:
        return as_records(0, metrics, "translation_")
    metrics |= {"p1": plain["p1"], "p5": plain["p5"], "p1_chance": plain["chance"]}
    metrics["p1_centred"] = translate(lexicons, pairs, center=True)["p1"]
    metrics["p1_csls"] = translate(lexicons, pairs, scoring="csls")["p1"]
    records = as_records(0, metrics, "translation_")
    alone = [
        reader.represent([[spelt[word]] for word in words], batch_size=256, layers=(0, upper))
        for reader, spelt, (words, _) in zip(readers, spellings, lexicons, strict=True)
    ]
    for layer in (0, upper):
        sides = [(words, by[layer]) for (words, _), by in zip(lexicons, alone, strict=True)]
        records += as_records(layer, {"translation_isolated_p1": translate(sides, pairs)["p1"]})
    return records


def _of_contexts(
    first: Mapping[int, Lexicon], second: Mapping[int, Lexicon], pairs: Pairs
) -> list[Record]:
    name, records = "translation_contextual_", []
    if not first[0][0] or not second[0][0]:
        return as_records(None, {f"{name}queries": 0})
    for layer in first:
        sides = first[layer], second[layer]
        plain = translate(sides, pairs)
        if layer == 0:
            records += as_records(None, {f"{name}queries": plain["queries"]})
            if not plain["queries_forward"] or not plain["queries_backward"]:
                return records
            counts = {"p1_chance": plain["chance"], "candidates": plain["candidates"]}
            records += as_records(None, counts, name)
        csls = translate(sides, pairs, scoring="csls")["p1"]
        records += as_records(layer, {"p1": plain["p1"], "p1_csls": csls}, name)
    return records
