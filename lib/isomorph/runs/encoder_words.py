"""The geometry of the words of somebody else's encoder, or of vectors that no encoder made.

The observations of Li et al. (2020, table 1) and Liang et al. (2021) on input embeddings.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from isomorph.runs.cache import Cache
from isomorph.runs.of_encoder import OfEncoder, files_checksum
from isomorph.runs.pretraining import Pretraining
from isomorph.runs.run import device_name
from isomorph.text.fetch import names_reads

if TYPE_CHECKING:
    from torch import Tensor

PARTS = 5  # of the words: as many folds, each an independent sample of ranks
FREQUENT = 100_000  # words of the ranking that are looked up


class EncoderWords(OfEncoder):
    """What the input embeddings of an encoder look like, from frequent words to rare ones.

    The words are those English words that are one subword for the encoder, in the order of GloVe's
    vocabulary, which is that of Wikipedia and newswire. Of an encoder that has a name each fifth of
    the words, every fifth one, is a fold; of a pretraining all words are measured together.
    """

    kind: Literal["encoder_words"] = "encoder_words"
    # "glove", an encoder that ships, an encoder's id on the hub, or a pretraining
    words_of: str | Pretraining = "glove"
    most: int = Field(default=100_000, ge=25 * PARTS)  # words, the most frequent first

    infra: Cache = Cache(version="1")

    @property
    def subject(self) -> str | Pretraining:
        return self.words_of

    def checksum(self) -> str | None:
        return files_checksum(self.words_of)

    @infra.apply
    @names_reads
    def outcome(self) -> dict:
        """Measure: {"records", "data", "device", "code"}; cached by exca.

        The records are those of `isomorph.measure.isotropy.of_words` and words, their number, with
        a fold for each part.
        """
        import torch

        from isomorph.measure.isotropy import of_words

        code, began = self.code, time.monotonic()
        with self.placed() as name:
            _, vectors = ranked_words(name)
        vectors = vectors[: self.most]
        parts = {None: (0, 1)} if self.below else {k: (k, PARTS) for k in range(PARTS)}
        records = []
        for fold, part in parts.items():
            found = of_words(vectors, part=part) | {"words": float(len(vectors))}
            named = {"step": 0, "tokens": 0, "seconds": time.monotonic() - began, "fold": fold}
            records += [
                {"metric": name, "value": value} | named
                for name, value in found.items()
                if not math.isnan(value)
            ]
        device = device_name(torch.device("cpu"))
        return {"records": records, "data": self.checksum() or "", "device": device, "code": code}


def ranked_words(words_of: str) -> tuple[list[str], Tensor]:
    """Words, the most frequent first, and their vectors, as `EncoderWords` takes them."""
    from isomorph.measure.words import embedding_words, input_embedding
    from isomorph.models.pretrained import load_encoder
    from isomorph.models.static_embeddings import glove

    words, vectors = glove(FREQUENT)
    if words_of == "glove":
        return words, vectors
    model, tokenizer = load_encoder(words_of)
    if isinstance(tokenizer, dict):
        tokenizer = tokenizer["en"]
    rows, kept, _ = embedding_words(tokenizer, input_embedding(model, "en"), words)
    return kept, rows
