"""What a model reads: which text, in which languages and of which domains."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from isomorph.config import Config, Distinct
from isomorph.text.anchors import CopyText
from isomorph.text.corpora import judged, judged_languages
from isomorph.text.worlds import World

if TYPE_CHECKING:
    from isomorph.text.corpora import Corpus


class ShippedText(Config):
    """Real text that ships with the project; one domain a language."""

    kind: Literal["shipped"] = "shipped"
    languages: tuple[str, ...] = ("en", "fr")
    domains: tuple[str, ...] = ("bible", "bible")  # "bible", "help" or "bible+help"
    half: Literal["even", "odd", "both"] = (
        "even"  # of one language; of two the second reads the odd half
    )
    # Near copies across splits and test words linked with training ones: rows recorded before they
    # were listed keep them, newer runs drop them.
    overlap: Literal["kept", "dropped"] = "kept"

    @model_validator(mode="after")
    def _consistent(self) -> ShippedText:
        judged(self.languages, self.domains, self.half)
        return self

    def corpus(self) -> Corpus:
        from isomorph.text.corpora import load_corpus

        return load_corpus(self.languages, self.domains, half=self.half, overlap=self.overlap)


class HubText(Config):
    """Wikipedia or web text, from the hub or a mirror: the text of the papers' own size."""

    kind: Literal["hub"] = "hub"
    languages: tuple[str, ...] = ("en", "fr")
    sentences: int = Field(default=10_000_000, ge=1)  # of each language
    # The languages read from Common Crawl (mC4), not from Wikipedia.
    web: Annotated[tuple[str, ...], Distinct] = ()

    @model_validator(mode="after")
    def _consistent(self) -> HubText:
        judged_languages(self.languages, self.web)
        return self

    def corpus(self) -> Corpus:
        from isomorph.text.corpora import hub_corpus

        return hub_corpus(self.languages, self.sentences, self.web)


class WorldText(Config):
    """Text of a controlled world, in its languages "a" and "b" or in one of them."""

    kind: Literal["world"] = "world"
    world: World = World()
    only: Literal["a", "b"] | None = None  # one language's text, for a monolingual model

    @property
    def languages(self) -> tuple[str, ...]:
        return (self.only,) if self.only else ("a", "b")

    def corpus(self) -> Corpus:
        whole = self.world.corpus()
        if self.only is None:
            return whole
        parts = {
            name: {self.only: getattr(whole, name)[self.only]} for name in ("train", "dev", "test")
        }
        return replace(whole, languages=self.languages, dictionary={}, **parts)


Text = ShippedText | HubText | WorldText | CopyText


@cache
def text_checksum(text: Text) -> str:
    """The checksum of the shipped files a text comes from; "" where none ship."""
    return text.corpus().checksum if isinstance(text, ShippedText | CopyText) else ""
