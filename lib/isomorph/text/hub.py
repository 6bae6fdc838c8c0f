"""Larger public data by name, and corpora made of it: Wikipedia, mC4 and Tatoeba.

They come from a mirror or the hub (`isomorph.text.fetch`).  Where neither has one, DataUnavailable
says so in one sentence, within seconds.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from isomorph.text import tables
from isomorph.text.corpora import Corpus, require, word_pairs
from isomorph.text.fetch import DataUnavailable, Place, load_hub, named
from isomorph.text.shipped import LANGUAGES

if TYPE_CHECKING:
    from datasets import Dataset


class Source(NamedTuple):
    """One data set of the hub."""

    id: str
    config: str  # with {} for what the caller chooses
    places: tuple[Place, ...] = ()  # on the hub, where it is not under its own id


_TREES = "universal-dependencies/universal_dependencies"
HUB = {
    "wikipedia": Source("wikimedia/wikipedia", "20231101.{}"),  # CC-BY-SA-3.0 and GFDL
    # mC4: pages of Common Crawl, filtered and without repeated lines (Xue et al. 2021). ODC-BY-1.0.
    "web": Source("allenai/c4", "{}"),
    "xnli": Source("facebook/xnli", "{}"),  # CC-BY-NC-4.0
    "wikiann": Source("unimelb-nlp/wikiann", "{}"),  # states no licence; Chinese mixes both scripts
    # A licence for each treebank, mostly CC-BY-SA-4.0. Under the id that mirrors have it was a script,
    # which `datasets` no longer executes. It is kept up elsewhere, with a revision for each release;
    # last comes the old script's output.
    "universal_dependencies": Source(
        _TREES, "{}",
        (
            Place("commul/universal_dependencies", "2.17"), Place("commul/universal_dependencies"),
            Place(_TREES, "refs/convert/parquet", exported=True),
        ),
    ),
    "tatoeba": Source("mteb/tatoeba-bitext-mining", "{}-eng"),  # CC-BY-2.0-FR
}  # fmt: skip
WEB_CONFIGS = {"en": "en-multi"}  # its "en" is another, English data set
TATOEBA_CODES = {"fr": "fra", "de": "deu", "ru": "rus", "zh": "cmn", "es": "spa"}
DEV_SENTENCES = 500  # of Tatoeba's 1,000; the rest is for testing


def load_tatoeba(language: str) -> Dataset:
    """A thousand sentences with their English translations: columns ``language`` code and "en".

    Artetxe and Schwenk (2019), after Tatoeba.  Raises ValueError, DataUnavailable.
    """
    require("language", language, LANGUAGES[1:])
    data, where = load_named("tatoeba", TATOEBA_CODES[language], "test")
    columns = ("sentence1", "sentence2")
    tables.examples_of(data, columns, lambda row: [tables.text(row, c) for c in columns], where)
    renamed = data.rename_columns({"sentence1": language, "sentence2": "en"})
    return renamed.select_columns([language, "en"])


def hub_corpus(languages: tuple[str, ...], sentences: int, web: tuple[str, ...] = ()) -> Corpus:
    """A Corpus of the papers' own kind: Wikipedia or the web to train on, Tatoeba to measure on.

    languages: one code, or English and another one in either order.
    sentences: training sentences of each language, from the first articles or pages.
    web: those of the languages whose text is mC4, filtered pages of Common Crawl; it stands in for
        the random part of Common Crawl of Conneau, Wu et al. (2020, section 4.1).
    Training texts of two languages are of different articles or differently worded ones, not
    translations.  dev and test are 500 Tatoeba sentences each; the dictionary is the shipped one,
    without test words that are linked with training ones (`word_pairs`).
    Raises ValueError for other languages or a number below 1, DataUnavailable.
    """
    languages = judged_languages(tuple(languages), web)
    if sentences < 1:
        raise ValueError(f"sentences is {sentences!r}; allowed is a number from 1.")
    foreign = next((language for language in languages if language != "en"), "fr")
    parallel = load_tatoeba(foreign)[:]
    if len(parallel["en"]) <= DEV_SENTENCES:
        raise DataUnavailable(
            f"{HUB['tatoeba'].id} ({foreign}) holds {len(parallel['en'])} sentences; more than "
            f"{DEV_SENTENCES} are needed."
        )
    held_out = {language: list(parallel[language]) for language in languages}
    train = {
        language: _sentences(
            "web" if language in web else "wikipedia", language, sentences, set(held_out[language])
        )
        for language in languages
    }
    two = len(languages) == 2
    return Corpus(
        languages=languages,
        train=train,
        dev={language: texts[:DEV_SENTENCES] for language, texts in held_out.items()},
        test={language: texts[DEV_SENTENCES:] for language, texts in held_out.items()},
        dictionary=word_pairs(languages, ("bible+help",) * 2, overlap="dropped") if two else {},
        checksum=_checksum([*train.values(), *held_out.values()]),
    )


def judged_languages(languages: tuple[str, ...], web: tuple[str, ...]) -> tuple[str, ...]:
    """The languages. Raises ValueError for what `hub_corpus` cannot read."""
    for language in languages:
        require("language", language, LANGUAGES)
    if len(languages) not in (1, 2) or (len(languages) == 2 and languages.count("en") != 1):
        raise ValueError(
            f"languages is {languages!r}; allowed is one language, or English and another one."
        )
    for language in web:
        require("web", language, languages)
    return languages


def split_sentences(text: str) -> Iterator[str]:
    """Sentences of a plain text: at line ends, and after final punctuation before a space.

    Chinese final punctuation needs no space.  Abbreviations are split too, which does no harm to a
    masked language model.
    """
    for line in text.splitlines():
        for piece in re.split(r"(?<=[.!?…])\s+(?=[^\W\d_a-zа-яё])|(?<=[。！？])", line):
            if piece.strip():
                yield piece.strip()


def loadload_named(name: str, choice: str, split: str, **options) -> tuple[Dataset, str]:
    """A split of one of HUB, and its name for messages."""
    source = HUB[name]
    config = source.config.format(choice)
    data = load_hub(source.id, config, split, places=source.places, **options)
    return data, named(source.id, config, split)


def load_named(name: str, choice: str, split: str, **options) -> tuple[Dataset, str]:
    """A split of one of HUB, and its name for messages."""
    source = HUB[name]
    config = source.config.format(choice)
    data = load_hub(source.id, config, split, places=source.places, **options)
    return data, named(source.id, config, split)


def _sentences(name: str, language: str, sentences: int, held_out: set[str]) -> list[str]:
    from tqdm import tqdm

    code = WEB_CONFIGS.get(language, language) if name == "web" else language
    pages, where = load_named(name, code, "train", streaming=True)
    fewest_characters = 8 if language == "zh" else 25  # shorter lines are headings and list items
    found: list[str] = []
    with tqdm(total=sentences, desc=f"{name} {language}", unit="sentence") as bar:
        for place, page in enumerate(pages):
            with tables.at_row(where, place):
                text = tables.text(page, "text", blank=True)
            for sentence in split_sentences(text):
                if len(sentence) < fewest_characters or sentence in held_out:
                    continue
                found.append(sentence)
                bar.update()
                if len(found) == sentences:
                    return found
    raise DataUnavailable(
        f"{HUB[name].id} ({language}) holds {len(found)} sentences; {sentences} were asked for."
    )


def _checksum(texts: Iterable[list[str]]) -> str:
    digest = hashlib.sha256()
    for sentences in texts:
        digest.update("\n".join(sentences).encode() + b"\0")
    return digest.hexdigest()
