"""Runs on encoders that are there already, or that are trained first: one by name or as a pretraining
leaves it, and two that read the two languages of a text."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from isomorph.config import public_seed
from isomorph.runs.pretraining import Pretraining, trained
from isomorph.runs.run import Run
from isomorph.runs.texts import ShippedText, Text, text_checksum
from isomorph.text.shipped import checksum, read_manifest

if TYPE_CHECKING:
    from isomorph.measure.words import Reader
    from isomorph.models.masked_lm import BilingualMaskedLM
    from isomorph.text.vocab import Vocabulary


class EncoderRun(Run):
    """A run on one encoder: one that ships, one of the hub by its id, or what a pretraining leaves.

    One that has a name has no seed: a run measures parts of its items, the folds. That of a
    pretraining has the pretraining's seed, as have the MultiBERTs, and each record is of all items, or
    their parts' mean.
    """

    encoder: str | Pretraining
    # "random": the first weights of a pretraining, or of a public encoder's shape drawn by the seed.
    weights: Literal["trained", "random"] = "trained"

    def problems(self) -> Iterator[str]:
        if self.weights == "random" and "/" not in str(self.encoder) and self.below is None:
            yield (
                f"weights is 'random', of {self.encoder!r}; allowed is the encoder of a pretraining, "
                "of the hub or of a folder."
            )

    @property
    def below(self) -> Pretraining | None:
        return self.encoder if isinstance(self.encoder, Pretraining) else None

    @property
    def languages(self) -> tuple[str, ...]:
        return ("en",)

    @property
    def tokens(self) -> int:
        return self.below.tokens if self.below and self.weights == "trained" else 0

    def foundations(self) -> tuple[Pretraining, ...]:
        return (self.below,) if self.below and self.weights == "trained" else ()

    @contextmanager
    def placed(self) -> Iterator[list[str]]:
        """What `load_encoder` calls the encoder, and then the other models that the run starts from;
        those of pretrainings are trained now where they have not been."""
        with foundations_trained(self) as below, tempfile.TemporaryDirectory() as aside:
            named = [str(kept.model_folder()) for kept in below.values()]
            if self.below is None:
                drawn = self.weights == "random"
                named.insert(
                    0, fresh_like(self.encoder, self.seed, aside) if drawn else self.encoder
                )
            elif self.weights == "random":
                model, vocabulary = untrained(self.below)
                model.save_pretrained(aside)
                vocabulary.save(Path(aside))
                named.insert(0, aside)
            yield named


class OfVectors(EncoderRun):
    """A run on the vectors of an encoder as it is, which has a seed where a pretraining has one."""

    @property
    def drawn_seed(self) -> int | None:
        """That by which the encoder was pretrained; None where only items of one model vary."""
        return self.below.seed if self.below else public_seed(self.encoder)

    @property
    def seed(self) -> int:
        return self.drawn_seed or 0


class TwoModels(Run):
    """A run on a model of the first language of a text, the source, and one of the second.

    With a text of one language both read it. Raises a validation error, before any work, when a
    model does not read its language.
    """

    text: Annotated[Text, Field(discriminator="kind")] = ShippedText()
    source: Pretraining | None = None
    target: Pretraining | None = None  # None: the source, which reads both

    def problems(self) -> Iterator[str]:
        sides = zip(("source", "target"), self.sides, self.languages, strict=True)
        for name, side, language in sides:
            if side and language not in side.languages:
                yield f"{name} reads {side.languages}; here it has to read {language!r}."

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

    def readers(self, below: dict[str, Pretraining], place) -> list[Reader]:
        """The source and the target, of the models that `foundations_trained` gave."""
        return [
            reader(below[side.digest], language, place)
            for side, language in zip(self.sides, self.languages, strict=True)
        ]


def combined_checksum(checksums: list[str]) -> str:
    """One for several; "" where none of them is of a file."""
    if not any(checksums):
        return ""
    return hashlib.sha256("".join(checksums).encode()).hexdigest()


def files_checksum(encoder: str | Pretraining, *files: str) -> str | None:
    """Of some shipped files and, where the encoder ships, of its own, or of the text of its
    pretraining; "" where none of it ships.
    """
    named = [checksum(file) for file in files]
    if isinstance(encoder, Pretraining):
        text = encoder.checksum()
        return None if text is None else combined_checksum([*named, text])
    own = sorted(f for f in read_manifest()["files"] if f.startswith(f"models/{encoder}/"))
    return combined_checksum([*named, *map(checksum, own)])


@contextmanager
def foundations_trained(run: Run) -> Iterator[dict[str, Pretraining]]:
    """The pretrainings that a run starts from, by digest: trained now where they have not been, and
    kept where the run is, or until the block ends."""
    with tempfile.TemporaryDirectory() as aside:
        folder = None if run.infra.folder else Path(aside)
        below = {each.digest: run.in_same_cache(each, folder) for each in run.foundations()}
        for kept in below.values():
            trained(kept)
        yield below


def untrained(run: Pretraining) -> tuple[BilingualMaskedLM, Vocabulary]:
    """The model of a pretraining as it is before its first step, and its vocabulary."""
    from isomorph.models.pretrain import initialise
    from isomorph.text.packed import vocabulary_of

    vocabulary = vocabulary_of(run.vocabulary, run.text.corpus().train)
    shape = run.encoder.shaped(vocabulary.size, run.languages, run.training.length)
    return initialise(shape, run.seed), vocabulary


def fresh_like(encoder: str, seed: int, folder: str) -> str:
    """A public encoder's shape with weights that the seed alone draws, and its tokeniser, written to a
    folder; the folder."""
    from isomorph.models.judged import ModelRefused
    from isomorph.models.pretrained import drawn_anew, load_encoder

    model, tokenizer = load_encoder(encoder)
    if isinstance(tokenizer, dict):
        raise ModelRefused(
            f"weights is 'random', of {encoder!r}, which is of this project; allowed is a Pretraining."
        )
    drawn_anew(model, seed).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def reader(kept: Pretraining, language: str, place) -> Reader:
    """A trained model, ready to read a language."""
    from isomorph.measure.words import Reader
    from isomorph.models.pretrained import load_masked_lm

    model, vocabulary = load_masked_lm(kept.model_folder())
    return Reader(model.base_model.to(place), vocabulary.tokenizer, language)
