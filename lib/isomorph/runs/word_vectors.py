"""Word vectors of two languages, learnt apart and rotated: what contextual models are held against.

The fastText baseline of Conneau, Wu et al. (ACL 2020, section 5.1), on the very text that our
monolingual models read, and of the words that are one subword for them.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from isomorph.runs.cache import Cache
from isomorph.runs.run import Run, device_name
from isomorph.runs.texts import ShippedText, Text, text_checksum
from isomorph.text.vocab import Vocabulary, VocabularyConfig, learn, words_in

if TYPE_CHECKING:
    from isomorph.text.corpora import Corpus


class WordVectors(Run):
    """Skip-gram vectors of two languages, each of its own text, and word translation by a rotation.

    Raises a validation error, before any work, when the text is not of two languages.
    """

    kind: Literal["word_vectors"] = "word_vectors"
    text: Annotated[Text, Field(discriminator="kind")] = ShippedText()
    vocabulary: VocabularyConfig = VocabularyConfig()  # of each language: which words are compared
    width: int = Field(default=128, ge=1)  # of our encoders; the paper's vectors have 300
    words_read: int = Field(default=3_000_000, ge=1)  # of each language, in as many whole epochs
    seed: int = Field(default=0, ge=0)

    infra: Cache = Cache(version="1")

    @model_validator(mode="after")
    def _two_languages(self) -> WordVectors:
        if len(self.text.languages) != 2:
            raise ValueError(f"text is of {self.text.languages}; two languages are needed.")
        return self

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(self.text.languages)

    @property
    def tokens(self) -> int:
        return self.words_read

    def checksum(self) -> str | None:
        return text_checksum(self.text)

    @infra.apply
    def outcome(self) -> dict:
        """Learn, rotate and translate: {"records", "data", "device", "code"}; cached by exca.

        The records are translation_p1 and so on of `isomorph.measure.comparison.translated`.
        """
        import torch

        from isomorph.measure.comparison import translated
        from isomorph.measure.words import keyed_dictionary

        code, corpus, began = self.code, self.text.corpus(), time.monotonic()
        vocabularies = {
            name: learn(self.vocabulary, {name: corpus.train[name]}) for name in corpus.languages
        }
        tokenizers = [own.tokenizer(name) for name, own in vocabularies.items()]
        sides, pairs = keyed_dictionary(tokenizers, corpus.dictionary)
        lexicons = [
            self._lexicon(corpus, name, vocabularies[name], side, self.seed + 1000 * number)
            for number, (name, side) in enumerate(zip(corpus.languages, sides, strict=True))
        ]
        records = translated("translation", None, lexicons, pairs)
        named = {"step": 0, "tokens": self.words_read, "seconds": time.monotonic() - began}
        return {
            "records": [record | named for record in records], "data": corpus.checksum,
            "device": device_name(torch.device("cpu")), "code": code,
        }  # fmt: skip

    def _lexicon(
        self, corpus: Corpus, name: str, vocabulary: Vocabulary, side: dict[str, str], seed: int
    ):
        """The words that are one subword, and their vectors; keyed as `keyed_dictionary` does."""
        import torch

        from isomorph.measure.words import embedding_words
        from isomorph.models.static_embeddings import skipgram_vectors

        tokenizer = vocabulary.tokenizer(name)
        sentences = [words_in(tokenizer.backend_tokenizer, text) for text in corpus.train[name]]
        key_of = {word: key for key, word in side.items()}
        _, kept, _ = embedding_words(tokenizer, torch.zeros(vocabulary.size, 1), list(key_of))
        keys = [key_of[word] for word in kept]
        epochs = max(1, round(self.words_read / sum(map(len, sentences))))
        vectors = skipgram_vectors(sentences, keys, width=self.width, epochs=epochs, seed=seed)
        return keys, vectors
