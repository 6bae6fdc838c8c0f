"""A comparison run: two encoders that were trained apart, or one, on the same sentences and words.

The alignment and similarity experiments of Conneau, Wu et al. (ACL 2020, section 5): two models of
one language each, one model of both, another seed of the same language as the ceiling, and an
untrained encoder on the second side as the floor.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import exca
from pydantic import Field, model_validator

from isomorph.runs.pretraining import Pretraining, trained
from isomorph.runs.run import Run, code_version, device_name
from isomorph.runs.texts import ShippedText, Text, text_checksum
from isomorph.text.vocab import Vocabulary, learn

if TYPE_CHECKING:
    from isomorph.measure.comparison import Material, Reader
    from isomorph.text.corpora import Corpus

CONTEXTS = 2000  # sentences of each language in which words are met


class Comparison(Run):
    """Two encoders compared layer by layer; see `isomorph.measure.comparison.compare`.

    The source reads the first language of the text, the target the second; with one language both
    read it. Raises a validation error, before any work, when a model does not read its language.
    """

    text: Annotated[Text, Field(discriminator="kind")] = ShippedText()
    source: Pretraining | None = None
    target: Pretraining | None = None  # None: the source, which reads both
    hub: str | None = None  # somebody else's encoder that reads both, by its id, in their place
    encoder: Literal["trained", "random"] = "trained"  # "random": the target before any training
    others: tuple[Literal["help", "tatoeba"], ...] = ()  # further sentences to retrieve

    infra: exca.TaskInfra = exca.TaskInfra(version="1")

    @model_validator(mode="after")
    def _consistent(self) -> Comparison:
        if (self.hub is None) == (self.source is None) or (self.hub and self.target):
            raise ValueError("allowed is either hub, or source and perhaps target.")
        for name, side, language in zip(
            ("source", "target"), self.sides, self.languages, strict=True
        ):
            if side and language not in side.languages:
                raise ValueError(
                    f"{name} reads {side.languages}; here it has to read {language!r}."
                )
        if self.encoder == "random" and self.hub:
            raise ValueError("encoder is 'random', which a model of the hub cannot be.")
        if self.others and not isinstance(self.text, ShippedText):
            raise ValueError(f"others is {self.others}, which goes with shipped text only.")
        return self

    @property
    def sides(self) -> tuple[Pretraining | None, Pretraining | None]:
        return self.source, self.target or self.source

    @property
    def languages(self) -> tuple[str, str]:
        return self.text.languages[0], self.text.languages[-1]

    @property
    def pair(self) -> str:
        return "-".join(self.languages)

    @property
    def seed(self) -> int:
        return self.source.seed if self.source else 0

    @property
    def tokens(self) -> int:
        return self.source.tokens if self.source else 0

    def foundations(self) -> tuple[Pretraining, ...]:
        sides = self.sides if self.encoder == "trained" else self.sides[:1]
        found = {side.digest: side for side in sides if side}
        return tuple(found.values())

    def checksum(self) -> str | None:
        read = [side.checksum() for side in self.sides if side]
        if None in read or "tatoeba" in self.others:
            return None
        return combined_checksum([text_checksum(self.text), *read])

    @infra.apply
    def outcome(self) -> dict:
        """Pretrain where that has not been done, and compare; cached by exca."""
        return comparison(self)


def combined_checksum(checksums: list[str]) -> str:
    """One for several; "" where none of them is of a file."""
    if not any(checksums):
        return ""
    return hashlib.sha256("".join(checksums).encode()).hexdigest()


def comparison(run: Comparison) -> dict:
    """Compare here and now: {"records", "data", "device", "code"}."""
    from isomorph.measure.comparison import compare
    from isomorph.models.inputs import device_named

    code, place, corpus = code_version(), device_named(run.device), run.text.corpus()
    began = time.monotonic()
    chosen = material(run, corpus)  # first: a data set that is not there must stop it now
    with tempfile.TemporaryDirectory() as aside, warnings.catch_warnings():
        # Of two languages' sentences a few are always longer than a small model reads.
        warnings.filterwarnings("ignore", message=".* were cut")
        folder = None if run.infra.folder else Path(aside)
        readers = [
            reader(run, number, language, folder, place)
            for number, language in enumerate(run.languages)
        ]
        records = compare(*readers, chosen, progress=run.progress)
    named = {"step": 0, "tokens": run.tokens, "seconds": time.monotonic() - began}
    return {
        "records": [record | named for record in records], "data": run.checksum() or "",
        "device": device_name(place), "code": code,
    }  # fmt: skip


def reader(run: Comparison, number: int, language: str, folder: Path | None, place) -> Reader:
    """The run's source (0) or target (1), trained or not, ready to read its language."""
    from isomorph.measure.comparison import Reader
    from isomorph.models.masked_lm import BilingualMaskedLM
    from isomorph.models.pretrain import initialise
    from isomorph.models.pretrained import load_encoder

    if run.hub:
        model, tokenizer = load_encoder(run.hub)
        return Reader(model.to(place), tokenizer, language)
    side = run.sides[number]
    if number == 1 and run.encoder == "random":
        vocabulary = learn(side.vocabulary, side.text.corpus().train)
        shape = side.encoder.shaped(vocabulary.size, side.languages, side.training.length)
        model = initialise(shape, side.seed)
    else:
        kept = run.beside(side, folder)
        trained(kept)
        model = BilingualMaskedLM.from_pretrained(kept.model_folder())
        vocabulary = Vocabulary.load(kept.model_folder())
    return Reader(model.base_model.eval().to(place), vocabulary.tokenizer, language)


def material(run: Comparison, corpus: Corpus) -> Material:
    """What is compared: held-out sentences, dev to learn a rotation on and test to score it on; the
    dictionary; and training sentences in which its words are met."""
    from isomorph.measure.comparison import Material
    from isomorph.text.corpora import evenly

    def sides(texts: dict[str, list[str]]) -> tuple[list[str], list[str]]:
        return tuple(texts[language] for language in run.languages)

    contexts = tuple(evenly(texts, CONTEXTS) for texts in sides(corpus.train))
    others = {name: sides(_other(name, run.languages)) for name in run.others}
    return Material(
        learn=sides(corpus.dev), test=sides(corpus.test), dictionary=corpus.dictionary,
        contexts=contexts, others=others,
    )  # fmt: skip


def _other(name: str, languages: tuple[str, str]) -> dict[str, list[str]]:
    from isomorph.text.corpora import load_corpus
    from isomorph.text.hub import load_tatoeba

    if name == "help":
        own = tuple(dict.fromkeys(languages))
        return load_corpus(own, ("help",) * len(own)).test
    (foreign,) = [language for language in languages if language != "en"]
    rows = load_tatoeba(foreign)[:]
    return {language: list(rows[language]) for language in languages}
