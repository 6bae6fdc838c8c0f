"""How much two languages share in what a pretraining run reads: counted, nothing is trained.

These are the very subwords of a run's batches, all steps of them: for *extra* anchors the switched
text, in which more is shared.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import model_validator

from isomorph.runs.cache import Cache
from isomorph.runs.pretraining import UsesPretraining, batches
from isomorph.runs.run import device_name
from isomorph.text.vocab import SPECIAL, Vocabulary, learn

if TYPE_CHECKING:
    from isomorph.models.batches import Batches


class AnchorShare(UsesPretraining):
    """The share of anchors in what a pretraining run of two languages reads.

    Raises a validation error, before any work, when the run does not read two languages.
    """

    kind: Literal["anchor_share"] = "anchor_share"
    infra: Cache = Cache(version="1")

    @model_validator(mode="after")
    def _two_languages(self) -> AnchorShare:
        run = self.pretraining
        if len(run.languages) != 2 or run.read != "both":
            raise ValueError(
                f"pretraining reads {run.read!r} of {run.languages}; an anchor share needs a run "
                "that reads two languages."
            )
        return self

    @infra.apply
    def outcome(self) -> dict:
        """Learn the vocabulary and count: {"records", "data", "device", "code"}; cached by exca.

        The records are anchor_types, anchor_tokens and anchor_tokens_letters, as `shares` has them.
        """
        import torch

        code, run, began = self.code, self.pretraining, time.monotonic()
        corpus = run.text.corpus()
        vocabulary = learn(run.vocabulary, corpus.train)
        counts = read_counts(
            batches(run, vocabulary, corpus), run.training.steps, run.languages, vocabulary.size
        )
        spent = time.monotonic() - began
        records = [
            {"metric": f"anchor_{name}", "value": value, "layer": None,
             "tokens": run.training.tokens, "seconds": spent}
            for name, value in shares(counts, vocabulary).items()
        ]  # fmt: skip
        device = device_name(torch.device("cpu"))
        return {
            "records": records, "data": corpus.checksum, "device": device, "code": code,
        }  # fmt: skip


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

    types: distinct subwords read in both languages, over those read in either. tokens: occurrences,
    in either language, of subwords read in both, over all occurrences. tokens_letters: the same of
    those with a letter in them, over all occurrences: what is left without marks and numbers.
    """
    first, second = (own[len(SPECIAL) :] for own in counts.values())
    total, both = first + second, (first > 0) & (second > 0)
    letters = np.zeros(vocabulary.size, dtype=bool)
    for ids in vocabulary.ids.values():
        for piece, i in ids.items():
            letters[i] = any(letter.isalpha() for letter in piece)
    return {
        "types": float(both.sum() / (total > 0).sum()),
        "tokens": float(total[both].sum() / total.sum()),
        "tokens_letters": float(total[both & letters[len(SPECIAL) :]].sum() / total.sum()),
    }
