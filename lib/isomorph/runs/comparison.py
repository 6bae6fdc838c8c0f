"""Two languages compared: by encoders that were trained apart, or by one, on the same sentences and
words; by word vectors; and by what they share in the text that is read.

The alignment and similarity experiments of Conneau, Wu et al. (ACL 2020, section 5): two models of
one language each, one model of both, another seed of the same language as the ceiling, an untrained
encoder on the second side as the floor, and fastText's vectors as the baseline.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from isomorph.config import Distinct
from isomorph.runs.encoders import TwoModels, foundations_trained, reader, untrained
from isomorph.runs.pretraining import Pretraining, UsesPretraining, batches
from isomorph.runs.run import Run, records_of
from isomorph.runs.texts import ShippedText, Text, text_checksum
from isomorph.text.corpora import load_corpus
from isomorph.text.packed import vocabulary_of
from isomorph.text.parallel import evenly
from isomorph.text.vocab import SPECIAL, Vocabulary, VocabularyConfig, words_in

if TYPE_CHECKING:
    import torch

    from isomorph.measure.words import Reader
    from isomorph.models.masked_lm import Batches
    from isomorph.text.corpora import Corpus

CONTEXTS = 2000  # sentences of each language in which words are met


class Comparison(TwoModels):
    """Two encoders compared layer by layer; see `isomorph.measure.comparison.compare`."""

    kind: Literal["comparison"] = "comparison"
    hub: str | None = None  # somebody else's encoder that reads both, by its id, in their place
    weights: Literal["trained", "random"] = "trained"  # "random": the target's before any training
    others: Annotated[
        tuple[Literal["help", "tatoeba"], ...], Distinct
    ] = ()  # further sentences to retrieve

    def problems(self) -> Iterator[str]:
        yield from super().problems()
        if (self.hub is None) == (self.source is None) or (self.hub and self.target):
            yield "allowed is either hub, or source and perhaps target."
        if self.weights == "random" and self.hub:
            yield "weights is 'random', which those of a model of the hub cannot be."
        if self.others and not isinstance(self.text, ShippedText):
            yield f"others is {self.others}, which goes with shipped text only."

    def foundations(self) -> tuple[Pretraining, ...]:
        return (self.source,) if self.weights == "random" else super().foundations()

    def checksum(self) -> str | None:
        return None if "tatoeba" in self.others else super().checksum()

    def measure(self, place: torch.device) -> Iterator[dict]:
        from isomorph.measure.comparison import compare

        chosen = material(self, self.text.corpus())  # first: what is not there must stop it now
        with foundations_trained(self) as below:
            readers = self.readers(below, place)
        yield from compare(*readers, **chosen, progress=self.progress)

    def readers(self, below: dict[str, Pretraining], place) -> list[Reader]:
        from isomorph.measure.words import Reader
        from isomorph.models.pretrained import load_encoder

        if self.hub:
            model, tokenizer = load_encoder(self.hub)
            return [Reader(model.to(place), tokenizer, language) for language in self.languages]
        if self.weights == "trained":
            return super().readers(below, place)
        (source, target), (first, second) = self.sides, self.languages
        model, vocabulary = untrained(target)
        beginning = Reader(model.base_model.eval().to(place), vocabulary.tokenizer, second)
        return [reader(below[source.digest], first, place), beginning]


def material(run: Comparison, corpus: Corpus) -> dict:
    """What is compared: held-out sentences, dev to learn a rotation on and test to score it on; the
    dictionary; and training sentences in which its words are met."""

    def sides(texts: dict[str, list[str]]) -> tuple[list[str], list[str]]:
        return tuple(texts[language] for language in run.languages)

    contexts = tuple(evenly(texts, CONTEXTS) for texts in sides(corpus.train))
    others = {name: sides(_other(name, run)) for name in run.others}
    parts = {"learn": sides(corpus.dev), "test": sides(corpus.test), "others": others}
    return parts | {"dictionary": corpus.dictionary, "contexts": contexts}


def _other(name: str, run: Comparison) -> dict[str, list[str]]:
    from isomorph.text.corpora import tatoeba

    languages = run.languages
    if name == "help":
        own = tuple(dict.fromkeys(languages))
        return load_corpus(own, ("help",) * len(own), overlap=run.text.overlap).test
    (foreign,) = [language for language in languages if language != "en"]
    rows = tatoeba(foreign)
    return {language: rows[language] for language in languages}


class WordVectors(Run):
    """Skip-gram vectors of two languages, each of its own text, and word translation by a rotation:
    of the very text that our monolingual models read, and of the words that are one subword for them.

    Raises a validation error, before any work, when the text is not of two languages.
    """

    on_processor: ClassVar[bool] = True

    kind: Literal["word_vectors"] = "word_vectors"
    text: Annotated[Text, Field(discriminator="kind")] = ShippedText()
    vocabulary: VocabularyConfig = VocabularyConfig()  # of each language: which words are compared
    width: int = Field(default=128, ge=1)  # of our encoders; the paper's vectors have 300
    words_read: int = Field(default=3_000_000, ge=1)  # of each language, in as many whole epochs
    seed: int = Field(default=0, ge=0)

    def problems(self) -> Iterator[str]:
        if len(self.text.languages) != 2:
            yield f"text is of {self.text.languages}; two languages are needed."

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(self.text.languages)

    @property
    def tokens(self) -> int:
        return self.words_read

    def checksum(self) -> str | None:
        return text_checksum(self.text)

    def measure(self, place: torch.device) -> Iterator[dict]:
        """translation_p1 and so on of `isomorph.measure.comparison.translated`."""
        from isomorph.measure.comparison import translated
        from isomorph.measure.words import keyed_dictionary

        corpus = self.text.corpus()
        vocabularies = {
            name: vocabulary_of(self.vocabulary, {name: corpus.train[name]})
            for name in corpus.languages
        }
        tokenizers = [own.tokenizer(name) for name, own in vocabularies.items()]
        sides, pairs = keyed_dictionary(tokenizers, corpus.dictionary)
        lexicons = [
            self._lexicon(corpus, name, vocabularies[name], side, self.seed + 1000 * number)
            for number, (name, side) in enumerate(zip(corpus.languages, sides, strict=True))
        ]
        yield from translated("translation", None, lexicons, pairs)

    def _lexicon(
        self, corpus: Corpus, name: str, vocabulary: Vocabulary, side: dict[str, str], seed: int
    ):
        """The words that are one subword, and their vectors; keyed as `keyed_dictionary` does."""
        import torch

        from isomorph.measure.static import skipgram_vectors
        from isomorph.measure.words import embedding_words

        tokenizer = vocabulary.tokenizer(name)
        sentences = [words_in(tokenizer.backend_tokenizer, text) for text in corpus.train[name]]
        key_of = {word: key for key, word in side.items()}
        _, kept = embedding_words(tokenizer, torch.zeros(vocabulary.size, 1), list(key_of))
        keys = [key_of[word] for word in kept]
        epochs = max(1, round(self.words_read / sum(map(len, sentences))))
        vectors = skipgram_vectors(sentences, keys, width=self.width, epochs=epochs, seed=seed)
        return keys, vectors


class AnchorShare(UsesPretraining):
    """The share of anchors in what a pretraining run of two languages reads: counted, nothing is
    trained.

    These are the very subwords of a run's batches, all steps of them: for *extra* anchors the switched
    text, in which more is shared.
    Raises a validation error, before any work, when the run does not read two languages.
    """

    on_processor: ClassVar[bool] = True

    kind: Literal["anchor_share"] = "anchor_share"

    def problems(self) -> Iterator[str]:
        run = self.pretraining
        if len(run.languages) != 2 or run.read != "both":
            yield (
                f"pretraining reads {run.read!r} of {run.languages}; an anchor share needs a run "
                "that reads two languages."
            )

    def measure(self, place: torch.device) -> Iterator[dict]:
        """Those of `shares`."""
        run, corpus = self.pretraining, self.pretraining.text.corpus()
        vocabulary = vocabulary_of(run.vocabulary, corpus.train)
        counts = read_counts(
            batches(run, vocabulary, corpus), run.training.steps, run.languages, vocabulary.size
        )
        yield from records_of(shares(counts, vocabulary))


def read_counts(
    source: Batches, steps: int, languages: tuple[str, ...], size: int
) -> dict[str, np.ndarray]:
    """(size,) how often each subword is read in each language, before anything is hidden."""
    import torch

    counts = {language: np.zeros(size, dtype=np.int64) for language in languages}
    for step in range(steps):
        batch = source[step]
        # A label is there where a subword was hidden, and is that subword.
        ids = torch.where(batch.labels >= 0, batch.labels, batch.input_ids)
        counts[batch.language] += np.bincount(ids.numpy().ravel(), minlength=size)
    return counts


def shares(counts: dict[str, np.ndarray], vocabulary: Vocabulary) -> dict[str, float]:
    """What two languages share, of subwords that were read; special tokens do not count.

    anchor_types: distinct subwords read in both languages, over those read in either.
    anchor_tokens: occurrences, in either language, of subwords read in both, over all occurrences.
    anchor_tokens_letters: the same of those with a letter in them, over all occurrences: what is left
    without marks and numbers.
    """
    first, second = (own[len(SPECIAL) :] for own in counts.values())
    total, both = first + second, (first > 0) & (second > 0)
    letters = np.zeros(vocabulary.size, dtype=bool)
    for ids in vocabulary.ids.values():
        for piece, i in ids.items():
            letters[i] = any(letter.isalpha() for letter in piece)
    return {
        "anchor_types": float(both.sum() / (total > 0).sum()),
        "anchor_tokens": float(total[both].sum() / total.sum()),
        "anchor_tokens_letters": float(total[both & letters[len(SPECIAL) :]].sum() / total.sum()),
    }
