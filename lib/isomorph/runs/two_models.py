"""What runs on two trained models have in common: a text in two languages, and who reads which."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, model_validator

from isomorph.runs.cache import Cache
from isomorph.runs.pretraining import Pretraining, trained
from isomorph.runs.run import Run
from isomorph.runs.texts import ShippedText, Text, text_checksum
from isomorph.text.vocab import learn

if TYPE_CHECKING:
    from isomorph.measure.words import Reader


class TwoModels(Run):
    """A run on a model of the first language of a text, the source, and one of the second.

    With a text of one language both read it. Raises a validation error, before any work, when a
    model does not read its language.
    """

    text: Annotated[Text, Field(discriminator="kind")] = ShippedText()
    source: Pretraining | None = None
    target: Pretraining | None = None  # None: the source, which reads both

    infra: Cache = Cache(version="1")

    @model_validator(mode="after")
    def _languages_read(self) -> TwoModels:
        sides = zip(("source", "target"), self.sides, self.languages, strict=True)
        for name, side, language in sides:
            if side and language not in side.languages:
                raise ValueError(
                    f"{name} reads {side.languages}; here it has to read {language!r}."
                )
        return self

    @property
    def sides(self) -> tuple[Pretraining | None, Pretraining | None]:
        return self.source, self.target or self.source

    @property
    def languages(self) -> tuple[str, str]:
        return self.text.languages[0], self.text.languages[-1]

    @property
    def seed(self) -> int:
        return self.source.seed if self.source else 0

    @property
    def tokens(self) -> int:
        return self.source.tokens if self.source else 0

    def foundations(self) -> tuple[Pretraining, ...]:
        return tuple({side.digest: side for side in self.sides if side}.values())

    def checksum(self) -> str | None:
        read = [side.checksum() for side in self.sides if side]
        return None if None in read else combined_checksum([text_checksum(self.text), *read])


def combined_checksum(checksums: list[str]) -> str:
    """One for several; "" where none of them is of a file."""
    if not any(checksums):
        return ""
    return hashlib.sha256("".join(checksums).encode()).hexdigest()


def trained_below(run: Run, folder: Path | None) -> dict[str, Path]:
    """The folder of each model that a run starts from, by digest; trained now where it has not been.

    Each once, however many sides read it. folder: where to keep them when the run is kept nowhere.
    """
    folders = {}
    for side in run.foundations():
        kept = run.beside(side, folder)
        trained(kept)
        folders[side.digest] = kept.model_folder()
    return folders


def loaded(model_folder: Path, language: str, place) -> Reader:
    """A trained model, ready to read a language."""
    from isomorph.measure.words import Reader
    from isomorph.models.pretrained import load_masked_lm

    model, vocabulary = load_masked_lm(model_folder)
    return Reader(model.base_model.to(place), vocabulary.tokenizer, language)


def both_loaded(run: TwoModels, folders: dict[str, Path], place) -> list[Reader]:
    """The source and the target of a run, of which `trained_below` gave the folders."""
    return [
        loaded(folders[side.digest], language, place)
        for side, language in zip(run.sides, run.languages, strict=True)
    ]


def untrained(side: Pretraining, language: str, place) -> Reader:
    """A model as it is before its training, ready to read a language."""
    from isomorph.measure.words import Reader
    from isomorph.models.pretrain import initialise

    vocabulary = learn(side.vocabulary, side.text.corpus().train)
    shape = side.encoder.shaped(vocabulary.size, side.languages, side.training.length)
    model = initialise(shape, side.seed)
    return Reader(model.base_model.eval().to(place), vocabulary.tokenizer, language)
