"""What a model reads: which text, in which languages and of which domains."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from isomorph.config import Config, Distinct
from isomorph.text.corpora import Corpus, hub_corpus, judged, judged_languages, load_corpus
from isomorph.text.examples import PAIR, TAG, TREE, Examples
from isomorph.text.own import dictionary_of, lines_of, sides_of
from isomorph.text.parallel import FEWEST_OCCURRENCES, evenly
from isomorph.text.shipped import sha256_of
from isomorph.text.vocab import WORDS
from isomorph.text.worlds import World

Domains = Literal["bible", "help", "bible+help"]
LETTERS = "abcdefghijklmnopqrstuvwxyz"
HELD_OUT = 500  # sentences of a text of one's own, dev or test; a twentieth where that is less
# Armenian, which has case and letters to spare; a letter with an accent stays what it is.
COPIED = "".join(chr(0x561 + i) for i in range(len(LETTERS)))
_TABLE = str.maketrans(LETTERS + LETTERS.upper(), COPIED + COPIED.upper())
_RUN = re.compile(r"[^\W\d_]+")


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


class CopyText(Config):
    """English that ships, and its copy in letters of another script: the fake English of K et al. (ICLR
    2020) and of Dufter and Schütze (EMNLP 2020).

    Two languages of real statistics that are alike in all but their letters. The translation of every
    word is known, held-out sentences are parallel by themselves, and what is labelled in English is
    labelled in the copy.
    """

    kind: Literal["copy"] = "copy"
    domains: tuple[Domains, Domains] = ("bible", "bible")
    # Share of words, as types, that are spelt alike in both. A hash of the word and the seed decides
    # which, so every text of a seed agrees, and any word has its copy.
    anchors: float = Field(default=0.0, ge=0, le=1)
    # Of the copy's words: "reversed" is last word first (Dufter and Schütze 2020).
    order: Literal["same", "reversed"] = "same"
    parallel: bool = False  # the copy is of what English reads
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _of_one_domain(self) -> CopyText:
        if self.parallel and len(set(self.domains)) > 1:
            raise ValueError(f"parallel is True, which needs one domain, and not {self.domains}.")
        return self

    @property
    def languages(self) -> tuple[str, str]:
        return ("en", "copy")

    def word(self, word: str) -> str:
        """Letter for letter, a bijection; numbers and marks stay."""
        return _RUN.sub(lambda run: self._spelt(run[0]), word)

    def text(self, text: str) -> str:
        pieces = WORDS.findall(text) if self.order == "reversed" else [text]
        return "".join(map(self.word, reversed(pieces)))

    def copied(self, english: Examples) -> Examples:
        """Labelled English as labelled copy: pairs, tagged words and trees."""
        items = (self._example(english.task, item) for item in english.items)
        return replace(english, items=tuple(items))

    def _spelt(self, run: str) -> str:
        kept = self.anchors and _share(f"{self.seed} {run.lower()}") < self.anchors
        return run if kept else run.translate(_TABLE)

    def _example(self, task: str, item):
        if task == PAIR:
            second = None if item.second is None else self.text(item.second)
            return replace(item, first=self.text(item.first), second=second)
        parts = {"words": tuple(map(self.word, item.words))}
        if self.order == "reversed":
            parts["words"] = parts["words"][::-1]
            if task == TREE:
                count = len(item.words) + 1
                parts["heads"] = tuple(head and count - head for head in reversed(item.heads))
                parts["relations"] = item.relations[::-1]
            else:
                parts["tags"] = _turned(item.tags) if task == TAG else item.tags[::-1]
        return replace(item, **parts)

    def corpus(self) -> Corpus:
        """English, and the copy of the English that it does not read.

        English has the even half of its domain and the copy the odd half of its own, near copies left
        out; where they are parallel both have the even half. Held-out sentences are those of English's domain. The dictionary has every word that both
        read FEWEST_OCCURRENCES times, half of them in "test", the same words whatever the copy.
        """
        halves = ("even", "even" if self.parallel else "odd")
        english, other = (
            load_corpus(("en",), (domain,), half=half, overlap="dropped")
            for domain, half in zip(self.domains, halves, strict=True)
        )
        counts = [
            Counter(run for text in part.train["en"] for run in _RUN.findall(text.lower()))
            for part in (english, other)
        ]
        dictionary: dict[str, list[tuple[str, str]]] = {"train": [], "test": []}
        for word, count in counts[0].most_common():
            if min(count, counts[1][word]) >= FEWEST_OCCURRENCES:
                part = "test" if _share(word) < 0.5 else "train"
                dictionary[part].append((word, self.word(word)))
        parts = ((english.train, other.train), (english.dev,) * 2, (english.test,) * 2)
        texts = ({"en": a["en"], "copy": [*map(self.text, b["en"])]} for a, b in parts)
        checksum = hashlib.sha256((english.checksum + other.checksum).encode()).hexdigest()
        return Corpus(self.languages, *texts, dictionary, checksum)


class FileText(Config):
    """Text of one's own: a file of each of one or two languages, UTF-8, a sentence a line.

    What a run read is named by the files' SHA-256 and not by where they lie. Of one language, evenly
    spaced sentences are held out. Two files are translations line by line, of which no pair is read:
    of what is not held out the first language has every other sentence and the second the rest.
    With `held_out`, parallel files to measure on, each file is read whole but for what these hold.
    Raises ValueError for a file that is not there, and `corpus` for one that has changed since.
    """

    _exclude_from_cls_uid: ClassVar[tuple[str, ...]] = ("files", "held_out", "dictionary")

    kind: Literal["files"] = "files"
    files: tuple[str, ...]
    languages: Annotated[tuple[str, ...], Distinct]  # any names, such as ("cy",)
    held_out: tuple[str, ...] = ()
    dictionary: str | None = None  # of two languages: a word, a tab and its translation a line
    sha256: tuple[str, ...] = ()  # of all these files in order; where not given, read from them

    @model_validator(mode="before")
    @classmethod
    def _fingerprinted(cls, values: object) -> object:
        if not isinstance(values, dict) or values.get("sha256", ()) != ():
            return values
        lists = values.get("files", ()), values.get("held_out", ())
        if not all(isinstance(each, list | tuple) for each in lists):
            return values  # which is then refused for its type
        named = [*lists[0], *lists[1]]
        named += [values["dictionary"]] if values.get("dictionary") else []
        if missing := [file for file in named if not Path(file).is_file()]:
            raise ValueError(f"there is no file '{missing[0]}'.")
        return values | {"sha256": tuple(sha256_of(Path(file)) for file in named)}

    def problems(self) -> Iterator[str]:
        count = len(self.languages)
        if count not in (1, 2) or len(self.files) != count:
            yield (
                f"languages is {self.languages}, of {len(self.files)} files; allowed is one or two, a "
                "file each."
            )
        if len(self.held_out) not in (0, count):
            yield (
                f"held_out is {self.held_out}; allowed is none, or a file for each of {self.languages}."
            )
        if self.dictionary and count == 1:
            yield f"dictionary is '{self.dictionary}', which needs two languages."
        if len(self.sha256) != len(self._named):
            yield f"sha256 has {len(self.sha256)} entries for {len(self._named)} files."

    @property
    def _named(self) -> list[str]:
        return [*self.files, *self.held_out, *([self.dictionary] if self.dictionary else [])]

    @property
    def checksum(self) -> str:
        return hashlib.sha256("".join(self.sha256).encode()).hexdigest()

    def corpus(self) -> Corpus:
        for file, named in zip(self._named, self.sha256, strict=True):
            if not Path(file).is_file() or sha256_of(Path(file)) != named:
                raise ValueError(
                    f"'{file}' is not the file that was named: its SHA-256 was {named}."
                )
        sides = [lines_of(Path(file)) for file in self.files]
        if self.held_out:
            rows = list(zip(*sides_of(self.held_out), strict=True))
            held = {"dev": rows[::2], "test": rows[1::2]}
            train = [
                [text for text in side if text not in set(kept)]
                for side, kept in zip(sides, zip(*rows, strict=True), strict=True)
            ]
        else:
            rows = list(dict.fromkeys(zip(*sides_of(self.files), strict=True)))
            places = evenly(list(range(len(rows))), min(2 * HELD_OUT, len(rows) // 10))
            held = {
                "dev": [rows[i] for i in places[::2]],
                "test": [rows[i] for i in places[1::2]],
            }
            kept = set(places)
            rest = [row for i, row in enumerate(rows) if i not in kept]
            step = len(sides)
            train = [[row[side] for row in rest[side::step]] for side in range(step)]
        if not all([*train, *held.values()]):
            raise ValueError(f"{', '.join(self.files)}: too few sentences to hold some out of.")
        parts = {name: list(map(list, zip(*part, strict=True))) for name, part in held.items()}
        return Corpus(
            self.languages,
            *(
                dict(zip(self.languages, p, strict=True))
                for p in (train, parts["dev"], parts["test"])
            ),
            dictionary_of(Path(self.dictionary) if self.dictionary else None),
            self.checksum,
        )


def _turned(tags: tuple[str, ...]) -> tuple[str, ...]:
    """BIO tags from the last word to the first: what ended an entity now begins it."""
    turned = []
    for tag, after in zip(tags, (*tags[1:], "O"), strict=True):
        mark, dash, name = tag.partition("-")
        ends = after != f"I-{name}"
        turned.append(tag if mark == "O" else ("B" if ends else "I") + dash + name)
    return tuple(reversed(turned))


@cache
def _share(text: str) -> float:
    """A number from 0 to 1 that depends on the text alone, evenly spread."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) / 2**64


Text = ShippedText | HubText | WorldText | CopyText | FileText


@cache
def text_checksum(text: Text) -> str:
    """The checksum of the files a text comes from; "" where it comes from none."""
    if isinstance(text, FileText):
        return text.checksum
    return text.corpus().checksum if isinstance(text, ShippedText | CopyText) else ""
