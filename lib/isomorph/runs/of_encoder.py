"""What runs on an encoder that is there already have in common: by its name, or as a pretraining leaves
it or would begin with it."""

from __future__ import annotations

import tempfile
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from pydantic import model_validator

from isomorph.runs.cache import Cache
from isomorph.runs.pretraining import Pretraining
from isomorph.runs.run import Run
from isomorph.runs.two_models import combined_checksum, trained_below


class OfEncoder(Run):
    """A run that looks at an encoder.

    One that has a name has no seed: a run measures parts of its items, the folds. That of a
    pretraining has the pretraining's seed, and each record is of all items, or their parts' mean.
    """

    encoder: Literal["trained", "random"] = "trained"  # "random": a pretraining's first weights

    infra: Cache = Cache(version="1")

    @model_validator(mode="after")
    def _has_first_weights(self) -> OfEncoder:
        if self.encoder == "random" and self.below is None:
            raise ValueError(
                f"encoder is 'random', of {self.subject!r}; allowed is that of a pretraining."
            )
        return self

    @property
    @abstractmethod
    def subject(self) -> str | Pretraining:
        """The encoder's name, or the pretraining that leaves it."""

    @property
    def below(self) -> Pretraining | None:
        return self.subject if isinstance(self.subject, Pretraining) else None

    @property
    def languages(self) -> tuple[str, ...]:
        return ("en",)

    @property
    def seed(self) -> int:
        return self.below.seed if self.below else 0

    @property
    def tokens(self) -> int:
        return self.below.tokens if self.below and self.encoder == "trained" else 0

    def foundations(self) -> tuple[Pretraining, ...]:
        return (self.below,) if self.below and self.encoder == "trained" else ()

    @contextmanager
    def placed(self) -> Iterator[str]:
        """What `load_encoder` calls the encoder; it is trained now where it has not been."""
        if self.below is None:
            yield self.subject
            return
        with tempfile.TemporaryDirectory() as aside:
            if self.encoder == "random":
                _write_untrained(self.below, Path(aside))
                yield aside
            else:
                kept = None if self.infra.folder else Path(aside)
                yield str(trained_below(self, kept)[self.below.digest])


def files_checksum(encoder: str | Pretraining, *files: str) -> str | None:
    """Of some shipped files and, where the encoder ships, of its own, or of the text of its
    pretraining; "" where none of it ships.
    """
    from isomorph.text.shipped import checksum, read_manifest

    named = [checksum(file) for file in files]
    if isinstance(encoder, Pretraining):
        text = encoder.checksum()
        return None if text is None else combined_checksum([*named, text])
    own = sorted(f for f in read_manifest()["files"] if f.startswith(f"models/{encoder}/"))
    return combined_checksum([*named, *map(checksum, own)])


def _write_untrained(below: Pretraining, folder: Path) -> None:
    from isomorph.models.pretrain import initialise
    from isomorph.text.vocab import learn

    vocabulary = learn(below.vocabulary, below.text.corpus().train)
    shape = below.encoder.shaped(vocabulary.size, below.languages, below.training.length)
    initialise(shape, below.seed).save_pretrained(folder)
    vocabulary.save(folder)
