"""A pretraining run: a language model of one or two languages, measured on the way."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from isomorph.models.settings import EncoderConfig, TrainingConfig
from isomorph.processes import threads
from isomorph.runs.cache import code_version
from isomorph.runs.run import Run, device_name, names_reads
from isomorph.runs.texts import HubText, ShippedText, Text, text_checksum
from isomorph.text.packed import vocabulary_of
from isomorph.text.vocab import SPECIAL, Vocabulary, VocabularyConfig, by_word

if TYPE_CHECKING:
    from torch import Tensor

    from isomorph.models.masked_lm import BilingualMaskedLM
    from isomorph.text.corpora import Corpus

NEAREST = 5  # words of the other language that may stand for one
FEWEST_PAIRS = 20


class Pretraining(Run):
    """One pretraining run, masked or causal, and what is measured on the way."""

    _exclude_from_cls_uid: ClassVar[tuple[str, ...]] = ("device", "micro_batch", "progress")

    kind: Literal["pretraining"] = "pretraining"
    text: Annotated[Text, Field(discriminator="kind")] = ShippedText()
    vocabulary: VocabularyConfig = VocabularyConfig()
    encoder: EncoderConfig = EncoderConfig()
    training: TrainingConfig
    # Measurements in training, each sqrt(2) times as late as the one before.
    marks: int = Field(default=1, ge=1, le=100)
    seed: int = Field(default=0, ge=0)  # of the weights, the order of text and the masking

    read: Literal["both", "first"] = "both"  # "first": one language's text, two's vocabulary

    micro_batch: int | None = Field(default=None, ge=1)  # rows at a time, to save memory

    def problems(self) -> Iterator[str]:
        self.encoder.judge()
        if self.vocabulary.anchors == "extra" and len(self.languages) != 2:
            yield "vocabulary.anchors is 'extra', which needs two languages."
        if self.training.random_words == "same" and self.vocabulary.anchors in ("joint", "extra"):
            yield (
                "training.random_words is 'same', which needs vocabulary.anchors to be 'none' or "
                "'default': a joint vocabulary does not say whose a word is."
            )
        if self.training.neighbours and (len(self.languages) != 2 or self.encoder.causal):
            yield "training.neighbours is above 0, which needs a masked model of two languages."
        if self.training.neighbours and self.vocabulary.anchors != "none":
            yield (
                "training.neighbours is above 0, which needs vocabulary.anchors to be 'none': what both "
                "languages share would be its own neighbour."
            )

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(self.text.languages)

    @property
    def tokens(self) -> int:
        return self.training.tokens

    def checksum(self) -> str | None:
        """Of the shipped files that the run reads; None where what it reads does not ship."""
        return None if isinstance(self.text, HubText) else text_checksum(self.text)

    def stops(self) -> list[int]:
        """The steps after which the model is measured: before training, and up to the end."""
        steps, halvings = self.training.steps, (self.marks - 1) / 2
        marks = np.geomspace(steps / 2**halvings, steps, self.marks).round().clip(1)
        return [0, *sorted(set(map(int, marks)))]

    def execute(self) -> dict:
        """Train and measure: {"records", "data", "device", "code", "trained_by"}.

        The trained model is left in `model_folder()` when there is a cache.
        """
        return train(self)

    @property
    def training_code(self) -> str:
        """A name for the code that the model depends on, and not what is measured of it."""
        return code_version(type(self).__module__, rooms=("text", "models", "runs"))

    def model_folder(self) -> Path | None:
        folder = self.infra.uid_folder()
        return None if folder is None else folder / "model"

    def checkpoint(self) -> Path | None:
        """Where an interrupted training lies; there is one only until it has ended."""
        folder = self.infra.uid_folder()
        return None if folder is None else folder / "checkpoint.pt"


class UsesPretraining(Run):
    """A run that starts from a pretraining run: of the same languages, seed and text."""

    pretraining: Pretraining

    @property
    def languages(self) -> tuple[str, ...]:
        return self.pretraining.languages

    @property
    def seed(self) -> int:
        return self.pretraining.seed

    @property
    def tokens(self) -> int:
        return self.pretraining.tokens

    def checksum(self) -> str | None:
        return self.pretraining.checksum()


def trained(run: Pretraining) -> dict:
    """The outcome of a run in its cache, which is executed where it has not been on this text."""
    outcome = run.outcome()
    if not run.is_of(outcome["data"]):  # its text has changed since
        run.infra.clear_job()
        outcome = run.outcome()
    return outcome


@names_reads
def train(run: Pretraining) -> dict:
    """Train and measure a run here and now, going on from its checkpoint if there is one."""
    from isomorph.measure.multilinguality import measure_multilinguality
    from isomorph.models.pretrain import initialise, perplexity, pretrain, pseudo_perplexity

    # Of the start: the source may be edited while a long run goes on.
    code, trained_by = run.code, run.training_code
    corpus = run.text.corpus()
    vocabulary = vocabulary_of(run.vocabulary, corpus.train)
    length = run.training.length
    model = initialise(run.encoder.shaped(vocabulary.size, run.languages, length), run.seed)
    read = {"length": length, "continuous": run.training.continuous}

    def measure(model: BilingualMaskedLM) -> list[dict]:
        fit = {
            language: perplexity(model, vocabulary, language, corpus.dev[language], **read)
            for language in run.languages
        }
        records = [{"metric": f"perplexity_{name}", "value": value} for name, value in fit.items()]
        # Before training there is no training loss; this one is there at every mark.
        loss = float(np.mean(np.log(list(fit.values()))))
        records.append({"metric": "heldout_loss", "value": loss})
        if len(run.languages) == 2:
            with warnings.catch_warnings():
                # It would say at each mark that the same few long sentences were cut.
                warnings.filterwarnings("ignore", message=".* were cut")
                records += measure_multilinguality(model, vocabulary.tokenizer, corpus)
        return records

    folder = run.infra.uid_folder(create=True) if run.infra.folder else None
    records = pretrain(
        model,
        batches(run, vocabulary, corpus),
        run.training,
        seed=run.seed,
        device=run.device,
        micro_batch=run.micro_batch,
        marks=run.stops(),
        measure=measure,
        checkpoint=run.checkpoint(),
        same={"text": corpus.checksum, "code": code, "number of threads": threads()},
        every=float(os.environ.get("ISOMORPH_CHECKPOINT") or 60),
        progress=run.progress,
    )
    if not run.encoder.causal:  # once, at the end: each costs as much as seven of the others
        ended = {key: records[-1][key] for key in ("step", "tokens", "seconds")}
        for language in run.languages:
            value = pseudo_perplexity(model, vocabulary, language, corpus.dev[language], **read)
            records.append({"metric": f"pseudo_perplexity_{language}", "value": value} | ended)
    device = device_name(model.device)
    if folder and int(os.environ.get("RANK", "0")) == 0:
        model.save_pretrained(folder / "model")
        vocabulary.save(folder / "model")
    return {
        "records": records, "data": corpus.checksum, "device": device, "code": code,
        "trained_by": trained_by,
    }  # fmt: skip


def batches(run: Pretraining, vocabulary: Vocabulary, corpus: Corpus):
    """The run's masked batches, code-switched where its anchors are *extra*."""
    from isomorph.models.masked_lm import Batches

    translations = None
    if run.vocabulary.anchors == "extra":
        first, second = run.languages
        # A word that the test asks for must not be shown with its translation, in either direction.
        # Letter case aside: to most of our vocabularies German "mal" and "Mal" are one word.
        asked = {word.casefold() for pair in corpus.dictionary["test"] for word in pair}
        pairs = [
            pair for pair in corpus.dictionary["train"] if asked.isdisjoint(map(str.casefold, pair))
        ]
        translations = {first: by_word(pairs), second: by_word((b, a) for a, b in pairs)}
    read = run.languages if run.read == "both" else run.languages[:1]
    share = run.training.neighbours
    return Batches(
        vocabulary,
        {language: corpus.train[language] for language in read},
        batch=run.training.batch,
        length=run.training.length,
        seed=run.seed,
        masking=run.training.masking,
        exponent=run.training.exponent,
        translations=translations,
        random_words=run.training.random_words,
        neighbours=(share, neighbours(run, vocabulary, corpus) if share else {}),
        continuous=run.training.continuous,
        causal=run.encoder.causal,
    )


def neighbours(run: Pretraining, vocabulary: Vocabulary, corpus: Corpus) -> dict[str, Tensor]:
    """By language, the NEAREST subwords of the other language to each: ids (vocabulary, NEAREST), -1
    where the text has no such subword.

    Nearest by CSLS among skip-gram vectors of the very subwords that are read, turned onto each other
    by the training half of the dictionary; no word of the half that the test asks for is used. Dufter
    and Schütze (2020) turn fastText's vectors with no dictionary (VecMap).
    Raises ValueError when fewer than FEWEST_PAIRS pairs of the dictionary are one subword in both.
    """
    import torch
    import torch.nn.functional as F

    from isomorph.measure.retrieval import nearest
    from isomorph.measure.similarity import procrustes
    from isomorph.measure.static import skipgram_vectors

    read, seen = {}, {}
    for language in run.languages:
        encoded = vocabulary.encode(language, corpus.train[language])
        read[language] = [list(map(str, ids)) for ids in encoded]
        seen[language] = sorted({i for ids in encoded for i in ids if i >= len(SPECIAL)})
    sides = zip(*corpus.dictionary["train"], strict=True)
    ids = [vocabulary.encode(name, side) for name, side in zip(run.languages, sides, strict=True)]
    places = [{i: place for place, i in enumerate(seen[name])} for name in run.languages]
    pairs = [
        (places[0][a[0]], places[1][b[0]])
        for a, b in zip(*ids, strict=True)
        if len(a) == len(b) == 1 and a[0] in places[0] and b[0] in places[1]
    ]
    if len(pairs) < FEWEST_PAIRS:
        raise ValueError(
            f"training.neighbours needs {FEWEST_PAIRS} pairs of the dictionary that are one subword in "
            f"both languages; there are {len(pairs)}."
        )
    width = min(run.encoder.width, len(pairs) // 2)  # a rotation needs more pairs than dimensions
    first, second = (
        skipgram_vectors(
            read[name], list(map(str, seen[name])), width=width, epochs=5, seed=run.seed,
            subwords=False,
        ).double()
        for name in run.languages
    )  # fmt: skip
    one, other = torch.tensor(pairs).T
    turned = F.normalize(first) @ procrustes(F.normalize(first[one]), F.normalize(second[other]))
    tables = {}
    for name, queries, theirs, candidates in (
        (run.languages[0], turned, run.languages[1], second),
        (run.languages[1], second, run.languages[0], turned),
    ):
        _, rows = nearest(queries, candidates, k=NEAREST, scoring="csls")
        tables[name] = torch.full((vocabulary.size, NEAREST), -1)
        tables[name][seen[name]] = torch.tensor(seen[theirs])[rows]
    return tables
