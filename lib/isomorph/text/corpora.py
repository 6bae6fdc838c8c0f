"""Text to train and measure on: what ships, parallel in two domains and six languages, or the hub's.

A shipped corpus has two disjoint pretraining texts, as if each language had been collected alone: the
first language takes the sentences with even identifiers, the second those with odd ones, so that
no model ever sees a sentence and its translation.  Development and test sentences are parallel
and come from chapters and pages that are in no training text.  This is true of sentences as they
stand; what nearly repeats one is left out with ``overlap="dropped"`` (`load_corpus`).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from isomorph.text import shipped
from isomorph.text.examples import require
from isomorph.text.fetch import (
    DataUnavailable,
    at_row,
    examples_of,
    load_hub,
    mirrored,
    named,
    note,
    reading,
)
from isomorph.text.fetch import text as text_of
from isomorph.text.packed import KeptText, kept
from isomorph.text.parallel import DOMAIN_CHOICES, NEAR_COPIES, Pairs, near_copies, word_pairs
from isomorph.text.shipped import LANGUAGES, read_table

OVERLAPS = ("kept", "dropped")  # of what is tested with what is trained on
PARITIES = {"even": (0,), "odd": (1,), "both": (0, 1)}  # of identifiers, by the name of the half

# Data sets of text, as the arguments of `fetch.load_hub`, with {} for what is chosen of them.
# and then the commit that it stays at: what takes days to train is to be one text.
WIKIPEDIA = ("wikimedia/wikipedia", "20231101.{}", "train",  # CC-BY-SA-3.0 and GFDL
             "b04c8d1ceb2f5cd4588862100d08de323dccfbaa")  # fmt: skip
# mC4: pages of Common Crawl, filtered and without repeated lines (Xue et al. 2021). ODC-BY-1.0.
WEB = ("allenai/c4", "{}", "train", "1588ec454efa1a09f29cd18ddd04fe05fc8653a2")
WEB_CONFIGS = {"en": "en-multi"}  # its "en" is another, English data set
TATOEBA = ("mteb/tatoeba-bitext-mining", "{}-eng", "test")  # CC-BY-2.0-FR
TATOEBA_CODES = {"fr": "fra", "de": "deu", "ru": "rus", "zh": "cmn", "es": "spa"}
KEPT = 1  # to be counted up when other sentences are made of the same pages
DEV_SENTENCES = 500  # of Tatoeba's 1,000; the rest is for testing


@dataclass(frozen=True)
class Corpus:
    """What a model is trained and measured on; texts by language, held-out ones parallel by position."""

    languages: tuple[str, ...]  # one or two codes, e.g. ("en", "fr"); worlds use ("a", "b")
    # Pretraining sentences; none is there with its translation, unless the text is made parallel.
    train: Mapping[str, Sequence[str]]
    dev: dict[str, list[str]]  # for perplexity
    test: dict[str, list[str]]  # for retrieval
    # "train" and "test" word pairs, first language to second; empty for one language.
    dictionary: dict[str, Pairs]
    checksum: str  # SHA-256 over the shipped files it was made from; "" for a generated text


def load_corpus(
    languages: tuple[str, ...],
    domains: tuple[str, ...],
    *,
    half: str = "even",
    overlap: str = "kept",
) -> Corpus:
    """The shipped text as a Corpus of one or two languages.

    domains: one for each language, each of "bible", "help", "bible+help".
    half: which half of the training sentences a single language takes, "even", "odd" or "both"; of two
        languages the first always takes the even half and the second the odd one.
    overlap: "kept" is the text as it was first published.  "dropped" leaves out near copies (`near_copies`):
        test rows of a training or dev row, dev rows of a training row, and from the odd half rows
        of the even half, where the translation of nearly the same sentence stands.  They are the
        same rows in every language.  It also leaves out test words that are linked with a training
        word (`word_pairs`).  data/README.md counts both.
    Raises ValueError, in one sentence, for anything else; shipped.DataCorrupted for damaged data.
    """
    languages, domains = judged(languages, domains, half)
    require("overlap", overlap, OVERLAPS)
    two, drop = len(languages) == 2, overlap == "dropped"
    halves = ("even", "odd") if two else (half,)
    train = {
        # The even half holds the sentences that those of the odd one copy.
        language: _texts(language, domain, "train", PARITIES[own], drop and own == "odd")
        for language, domain, own in zip(languages, domains, halves, strict=True)
    }
    dev, test = (
        {language: _texts(language, domains[0], split, (0, 1), drop) for language in languages}
        for split in ("dev", "test")
    )
    used = {f"text/{name}.parquet" for domain in domains for name in domain.split("+")}
    used |= {f"dictionaries/en-{name}.parquet" for name in languages if two and name != "en"}
    used |= {NEAR_COPIES} if drop else set()
    return Corpus(
        languages, train, dev, test,
        dictionary=word_pairs(languages, domains, overlap) if two else {},
        checksum=hashlib.sha256("".join(map(shipped.checksum, sorted(used))).encode()).hexdigest(),
    )  # fmt: skip


def judged(languages, domains, half) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Languages and domains as tuples. Raises ValueError for what `load_corpus` cannot read."""
    for field, value in (("languages", languages), ("domains", domains)):
        if isinstance(value, str) or not 1 <= len(value) <= 2:
            raise ValueError(f"{field} is {value!r}; allowed is a tuple of one or two names.")
    languages, domains = tuple(languages), tuple(domains)
    if len(languages) != len(domains):
        raise ValueError(
            f"domains is {domains!r}; allowed is one domain for each of the languages {languages!r}."
        )
    for language in languages:
        require("language", language, LANGUAGES)
    if len(set(languages)) < len(languages):
        raise ValueError(f"languages is {languages!r}; allowed are two different languages.")
    for domain in domains:
        require("domain", domain, DOMAIN_CHOICES)
    require("half", half, tuple(PARITIES))
    if len(languages) == 2 and half != "even":
        raise ValueError(
            f"half is {half!r}, which only one language can have: of two the first reads the even "
            "half and the second the odd one."
        )
    return languages, domains


def _texts(language: str, choice: str, split: str, parities, drop: bool) -> list[str]:
    texts = []
    for domain in choice.split("+"):
        left_out = near_copies(domain) if drop else ()
        rows = read_table(f"text/{domain}.parquet", ["id", "split", language])[:]
        texts += [
            text
            for i, part, text in zip(*rows.values(), strict=True)
            if part == split and i % 2 in parities and i not in left_out
        ]
    return texts


def tatoeba(language: str) -> dict[str, list[str]]:
    """A thousand sentences and their English translations, by language code.

    Artetxe and Schwenk (2019), after Tatoeba.  Raises ValueError, DataUnavailable.
    """
    require("language", language, LANGUAGES[1:])
    where = (TATOEBA[0], TATOEBA[1].format(TATOEBA_CODES[language]), TATOEBA[2])
    columns = ("sentence1", "sentence2")
    read = examples_of(
        load_hub(*where), columns, lambda row: [text_of(row, c) for c in columns],
        named(*where),
    )  # fmt: skip
    return dict(zip((language, "en"), map(list, zip(*read, strict=True)), strict=True))


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
    parallel = _kept_tatoeba(foreign)
    if len(parallel["en"]) <= DEV_SENTENCES:
        raise DataUnavailable(
            f"{TATOEBA[0]} ({foreign}) holds {len(parallel['en'])} sentences; more than "
            f"{DEV_SENTENCES} are needed."
        )
    held_out = {language: parallel[language] for language in languages}
    train = {
        language: _kept_text(language in web, language, sentences, held_out[language])
        for language in languages
    }
    parts = [*(text.sha256 for text in train.values()), *map(_sha256, held_out.values())]
    two = len(languages) == 2
    return Corpus(
        languages=languages,
        train=train,
        dev={language: texts[:DEV_SENTENCES] for language, texts in held_out.items()},
        test={language: texts[DEV_SENTENCES:] for language, texts in held_out.items()},
        dictionary=word_pairs(languages, ("bible+help",) * 2, overlap="dropped") if two else {},
        checksum=_sha256(parts),
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


def _kept_tatoeba(language: str) -> dict[str, list[str]]:
    """As `tatoeba`, read once and kept: what is held out of a kept text stays held out."""
    where = (TATOEBA[0], TATOEBA[1].format(TATOEBA_CODES[language]), TATOEBA[2])

    def make(aside: Path) -> None:
        with reading() as names:
            parallel = tatoeba(language)
        (aside / "pairs.json").write_text(json.dumps([parallel, sorted(names)]))

    folder = kept(f"{where[0]} {where[1]} {_mirror_of(where)}", make)
    parallel, names = json.loads((folder / "pairs.json").read_text())
    _note_again(names)
    return parallel


def _kept_text(web: bool, language: str, sentences: int, held_out: list[str]) -> KeptText:
    """The first sentences of a language, fetched once and kept."""
    dataset, config, split, commit = WEB if web else WIKIPEDIA
    config = config.format(WEB_CONFIGS.get(language, language) if web else language)
    where = (dataset, config, split)

    def make(aside: Path) -> None:
        with reading() as names:
            pages = load_hub(*where, place=(dataset, commit), streaming=True)
        KeptText.write(aside, _sentences(pages, where, language, sentences, set(held_out)), names)

    version, without = _mirror_of(where) or commit[:12], _sha256(held_out)[:8]
    text = KeptText(kept(f"{dataset} {config} {sentences} {version} {without} {KEPT}", make))
    _note_again(text.reads)
    return text


def _mirror_of(where: tuple[str, str, str]) -> str:
    """Which file of a mirror is read; "" where there is none."""
    path = mirrored(*where)
    return shipped.sha256_of(path)[:12] if path else ""


def _note_again(names: Iterable[str]) -> None:
    for name in names:
        note(*name.rsplit("@", 1))


def _sha256(texts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def _sentences(
    pages: Iterable[dict], where: tuple[str, str, str], language: str, sentences: int, held_out: set
) -> Iterator[str]:
    from tqdm import tqdm

    fewest_characters = 8 if language == "zh" else 25  # shorter lines are headings and list items
    count = 0
    with tqdm(total=sentences, desc=f"{where[0]} {language}", unit="sentence") as bar:
        for place, page in enumerate(pages):
            with at_row(named(*where), place):
                text = text_of(page, "text", blank=True)
            for sentence in split_sentences(text):
                if len(sentence) < fewest_characters or sentence in held_out:
                    continue
                yield sentence
                bar.update()
                count += 1
                if count == sentences:
                    return
    raise DataUnavailable(
        f"{where[0]} ({language}) holds {count} sentences; {sentences} were asked for."
    )
