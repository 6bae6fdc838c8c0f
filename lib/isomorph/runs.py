"""Experiments as values: a config names a run, its digest is the run's identity.

A `Pretraining` names everything that changes its result and nothing that does not. exca caches it
and runs it in this process, in local processes or on Slurm. What a run measured becomes rows of
one long table (`COLUMNS`), and rows recorded earlier by the very same config are found by digest.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import warnings
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import exca
import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from isomorph import __version__
from isomorph.models.settings import Device, EncoderConfig, TrainingConfig
from isomorph.text.anchors import by_word
from isomorph.text.shipped import data_folder
from isomorph.text.vocab import Vocabulary, VocabularyConfig, learn
from isomorph.text.worlds import World

if TYPE_CHECKING:
    from isomorph.models.masked_lm import BilingualMaskedLM
    from isomorph.text.corpora import Corpus

COLUMNS = (
    "experiment", "size", "condition", "pair", "layer", "seed", "metric", "value", "tokens",
    "seconds", "device", "code", "data", "digest", "config",
)  # fmt: skip


class ShippedText(BaseModel):
    """Real text that ships with the project; one domain a language."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["shipped"] = "shipped"
    languages: tuple[str, ...] = ("en", "fr")
    domains: tuple[str, ...] = ("bible", "bible")  # "bible", "help" or "bible+help"
    half: Literal["even", "odd"] = "even"  # of one language; of two the second reads the odd half

    def corpus(self) -> Corpus:
        from isomorph.text.corpora import load_corpus

        return load_corpus(self.languages, self.domains, half=self.half)


class HubText(BaseModel):
    """Wikipedia, from the hub or a mirror: the text of the papers' own size."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["hub"] = "hub"
    languages: tuple[str, ...] = ("en", "fr")
    sentences: int = Field(default=10_000_000, ge=1)  # of each language

    def corpus(self) -> Corpus:
        from isomorph.text.hub import wikipedia_corpus

        return wikipedia_corpus(self.languages, self.sentences)


class WorldText(BaseModel):
    """Text of a controlled world, in its languages "a" and "b"."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["world"] = "world"
    world: World = World()

    @property
    def languages(self) -> tuple[str, ...]:
        return ("a", "b")

    def corpus(self) -> Corpus:
        return self.world.corpus()


Text = ShippedText | HubText | WorldText


class Pretraining(BaseModel):
    """One masked-LM pretraining run and what is measured on the way.

    Raises a validation error, before any work, when two fields contradict each other.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    _exclude_from_cls_uid: ClassVar[tuple[str, ...]] = ("device", "micro_batch", "progress")

    text: Annotated[Text, Field(discriminator="kind")] = ShippedText()
    vocabulary: VocabularyConfig = VocabularyConfig()
    encoder: EncoderConfig = EncoderConfig()
    training: TrainingConfig
    marks: int = Field(default=1, ge=1)  # measurements in training, each sqrt(2) times as late
    seed: int = Field(default=0, ge=0)  # of the weights, the order of text and the masking

    device: Device = "auto"
    micro_batch: int | None = None
    progress: bool = True
    infra: exca.TaskInfra = exca.TaskInfra(version="1")

    @model_validator(mode="after")
    def _consistent(self) -> Pretraining:
        self.encoder.shaped(1, ("a", "b"), 8)  # says what is wrong with the shape
        if self.vocabulary.anchors == "extra" and len(self.languages) != 2:
            raise ValueError("vocabulary.anchors is 'extra', which needs two languages.")
        if self.training.random_words == "same" and self.vocabulary.anchors in ("joint", "extra"):
            raise ValueError(
                "training.random_words is 'same', which needs vocabulary.anchors to be 'none' or "
                "'default': a joint vocabulary does not say whose a word is."
            )
        return self

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(self.text.languages)

    @property
    def pair(self) -> str:
        return "-".join(self.languages)

    @property
    def digest(self) -> str:
        """Twelve hexadecimal digits that name this run; defaults left out, so that a later field
        with a default keeps every earlier name."""
        named = self.infra.config(uid=True, exclude_defaults=True)
        canonical = json.dumps(json.loads(json.dumps(named, default=_plain)), sort_keys=True)
        return hashlib.sha256(canonical.encode()).hexdigest()[:12]

    def model_copy(self, *, update: dict | None = None, deep: bool = False) -> Pretraining:
        """A validated copy with other values, not yet tied to any cache.

        exca ties a run to its cache by object, and a plain copy would answer for the original.
        """
        fields = {name: getattr(self, name) for name in type(self).model_fields if name != "infra"}
        return type(self)(**fields | (update or {}))

    def config_json(self) -> str:
        """Every field that names the run, defaults included."""
        return self.model_dump_json(exclude={"infra", *self._exclude_from_cls_uid})

    def stops(self) -> list[int]:
        """The steps after which the model is measured: before training, and up to the end."""
        steps, halvings = self.training.steps, (self.marks - 1) / 2
        return [
            0,
            *sorted(
                {
                    int(s)
                    for s in np.geomspace(steps / 2**halvings, steps, self.marks).round().clip(1)
                }
            ),
        ]

    @infra.apply
    def outcome(self) -> dict:
        """Train and measure: {"records", "data", "device", "code"}; cached by exca.

        The trained model is left in `model_folder()` when there is a cache.
        """
        return train(self)

    def model_folder(self) -> Path | None:
        folder = self.infra.uid_folder()
        return None if folder is None else folder / "model"


def train(run: Pretraining) -> dict:
    """Train and measure a run here and now, going on from its checkpoint if there is one."""
    from isomorph.measure.multilinguality import measure_multilinguality
    from isomorph.models.pretrain import initialise, perplexity, pretrain

    code = code_version()  # of the start: the source may be edited while a long run goes on
    corpus = run.text.corpus()
    vocabulary = learn(run.vocabulary, corpus.train)
    length = run.training.length
    model = initialise(run.encoder.shaped(vocabulary.size, run.languages, length), run.seed)

    def measure(model: BilingualMaskedLM) -> list[dict]:
        fit = {
            language: perplexity(model, vocabulary, language, corpus.dev[language],
                                 length=length, continuous=run.training.continuous)
            for language in run.languages
        }  # fmt: skip
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
        checkpoint=folder and folder / "checkpoint.pt",
        stamp=corpus.checksum,
        progress=run.progress,
    )
    device = _device_name(model.device)
    if folder and int(os.environ.get("RANK", "0")) == 0:
        model.save_pretrained(folder / "model")
        vocabulary.save(folder / "model")
    return {
        "records": records, "data": corpus.checksum, "device": device, "code": code,
    }  # fmt: skip


def batches(run: Pretraining, vocabulary: Vocabulary, corpus: Corpus):
    """The run's masked batches, code-switched where its anchors are *extra*."""
    from isomorph.models.batches import Batches

    translations = None
    if run.vocabulary.anchors == "extra":
        first, second = run.languages
        # A word that the test asks for must not be shown with its translation, in either direction.
        asked = {word for pair in corpus.dictionary["test"] for word in pair}
        pairs = [pair for pair in corpus.dictionary["train"] if asked.isdisjoint(pair)]
        translations = {first: by_word(pairs), second: by_word((b, a) for a, b in pairs)}
    return Batches(
        vocabulary,
        corpus.train,
        batch=run.training.batch,
        length=run.training.length,
        seed=run.seed,
        masking=run.training.masking,
        exponent=run.training.exponent,
        translations=translations,
        same_language_words=run.training.random_words == "same",
        continuous=run.training.continuous,
    )


def to_rows(run: Pretraining, outcome: dict, *, experiment: str, size: str, condition: str):
    """What a run measured, as rows of the long table."""
    import pandas as pd

    rows = pd.DataFrame(outcome["records"])
    named = {
        "experiment": experiment, "size": size, "condition": condition, "pair": run.pair,
        "seed": run.seed, "device": outcome["device"], "code": outcome["code"],
        "data": outcome["data"], "digest": run.digest, "config": run.config_json(),
    }  # fmt: skip
    rows = rows.assign(**named)
    if "layer" not in rows:
        rows["layer"] = None
    return rows.astype({"layer": "Int64", "value": float, "seed": int})[list(COLUMNS)]


@cache
def code_version() -> str:
    """The package's version and a hash of its source, the same on every machine."""
    root = Path(__file__).parent
    source = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        source.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return f"{__version__}+{source.hexdigest()[:8]}"


@cache
def text_checksum(text: Text) -> str:
    """The checksum of the shipped files a text comes from; "" where none ship."""
    return text.corpus().checksum if isinstance(text, ShippedText) else ""


def cache_folder() -> Path:
    """Where exca keeps finished runs: $ISOMORPH_CACHE, or .cache/runs beside data/."""
    return Path(os.environ.get("ISOMORPH_CACHE") or data_folder().parent / ".cache" / "runs")


def _device_name(device) -> str:
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return "mps" if device.type == "mps" else platform.machine() + " CPU"


def _plain(value):
    if isinstance(value, tuple | set):
        return list(value)
    if isinstance(value, dict):
        return dict(value)
    return str(value)
