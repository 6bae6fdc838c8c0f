"""A comparison run: two encoders that were trained apart, or one, on the same sentences and words.

The alignment and similarity experiments of Conneau, Wu et al. (ACL 2020, section 5): two models of
one language each, one model of both, another seed of the same language as the ceiling, and an
untrained encoder on the second side as the floor.
"""

from __future__ import annotations

import tempfile
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import model_validator

from isomorph.config import Distinct
from isomorph.runs.cache import Cache
from isomorph.runs.pretraining import Pretraining
from isomorph.runs.run import device_name
from isomorph.runs.texts import ShippedText
from isomorph.runs.two_models import (
    TwoModels,
    both_loaded,
    loaded,
    trained_below,
    untrained,
)
from isomorph.text.fetch import names_reads

if TYPE_CHECKING:
    from isomorph.measure.comparison import Material
    from isomorph.measure.words import Reader
    from isomorph.text.corpora import Corpus

CONTEXTS = 2000  # sentences of each language in which words are met


class Comparison(TwoModels):
    """Two encoders compared layer by layer; see `isomorph.measure.comparison.compare`.

    Raises a validation error, before any work, when two fields contradict each other.
    """

    kind: Literal["comparison"] = "comparison"
    hub: str | None = None  # somebody else's encoder that reads both, by its id, in their place
    encoder: Literal["trained", "random"] = "trained"  # "random": the target before any training
    others: Annotated[
        tuple[Literal["help", "tatoeba"], ...], Distinct
    ] = ()  # further sentences to retrieve

    infra: Cache = Cache(version="1")

    @model_validator(mode="after")
    def _consistent(self) -> Comparison:
        if (self.hub is None) == (self.source is None) or (self.hub and self.target):
            raise ValueError("allowed is either hub, or source and perhaps target.")
        if self.encoder == "random" and self.hub:
            raise ValueError("encoder is 'random', which a model of the hub cannot be.")
        if self.others and not isinstance(self.text, ShippedText):
            raise ValueError(f"others is {self.others}, which goes with shipped text only.")
        return self

    def foundations(self) -> tuple[Pretraining, ...]:
        return (self.source,) if self.encoder == "random" else super().foundations()

    def checksum(self) -> str | None:
        return None if "tatoeba" in self.others else super().checksum()

    @infra.apply
    def outcome(self) -> dict:
        """Pretrain where that has not been done, and compare; cached by exca."""
        return comparison(self)


@names_reads
def comparison(run: Comparison) -> dict:
    """Compare here and now: {"records", "data", "device", "code"}."""
    from isomorph.measure.comparison import compare
    from isomorph.models.settings import device_named

    code, place, corpus = run.code, device_named(run.device), run.text.corpus()
    began = time.monotonic()
    chosen = material(run, corpus)  # first: a data set that is not there must stop it now
    with tempfile.TemporaryDirectory() as aside, warnings.catch_warnings():
        # Of two languages' sentences a few are always longer than a small model reads.
        warnings.filterwarnings("ignore", message=".* were cut")
        readers = _readers(run, None if run.infra.folder else Path(aside), place)
        records = compare(*readers, chosen, progress=run.progress)
    named = {"step": 0, "tokens": run.tokens, "seconds": time.monotonic() - began}
    return {
        "records": [record | named for record in records], "data": run.checksum() or "",
        "device": device_name(place), "code": code,
    }  # fmt: skip


def _readers(run: Comparison, folder: Path | None, place) -> list[Reader]:
    from isomorph.measure.words import Reader
    from isomorph.models.pretrained import load_encoder

    if run.hub:
        model, tokenizer = load_encoder(run.hub)
        return [Reader(model.to(place), tokenizer, language) for language in run.languages]
    folders = trained_below(run, folder)
    if run.encoder == "trained":
        return both_loaded(run, folders, place)
    (source, target), (first, second) = run.sides, run.languages
    return [loaded(folders[source.digest], first, place), untrained(target, second, place)]


def material(run: Comparison, corpus: Corpus) -> Material:
    """What is compared: held-out sentences, dev to learn a rotation on and test to score it on; the
    dictionary; and training sentences in which its words are met."""
    from isomorph.measure.comparison import Material
    from isomorph.text.corpora import evenly

    def sides(texts: dict[str, list[str]]) -> tuple[list[str], list[str]]:
        return tuple(texts[language] for language in run.languages)

    contexts = tuple(evenly(texts, CONTEXTS) for texts in sides(corpus.train))
    others = {name: sides(_other(name, run)) for name in run.others}
    return Material(
        learn=sides(corpus.dev), test=sides(corpus.test), dictionary=corpus.dictionary,
        contexts=contexts, others=others,
    )  # fmt: skip


def _other(name: str, run: Comparison) -> dict[str, list[str]]:
    from isomorph.text.corpora import load_corpus
    from isomorph.text.hub import load_tatoeba

    languages = run.languages
    if name == "help":
        own = tuple(dict.fromkeys(languages))
        return load_corpus(own, ("help",) * len(own), overlap=run.text.overlap).test
    (foreign,) = [language for language in languages if language != "en"]
    rows = load_tatoeba(foreign)[:]
    return {language: list(rows[language]) for language in languages}
