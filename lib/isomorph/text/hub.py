"""Larger public data by name: Wikipedia, mC4, XNLI, WikiANN, Universal Dependencies, Tatoeba.

They come from a mirror or the hub (`isomorph.text.fetch`).  Where neither has one, DataUnavailable
says so in one sentence, within seconds.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from isomorph.text import judged
from isomorph.text.corpora import Corpus, require, word_pairs
from isomorph.text.fetch import DataUnavailable, Place, load_hub, named
from isomorph.text.shipped import LANGUAGES

if TYPE_CHECKING:
    from datasets import Dataset


@dataclass(frozen=True)
class Source:
    """One data set of the hub."""

    id: str
    config: str  # with {} for what the caller chooses
    splits: tuple[str, ...]
    licence: str
    places: tuple[Place, ...] = ()  # on the hub, where it is not under its own id


HUB = {
    "wikipedia": Source("wikimedia/wikipedia", "20231101.{}", ("train",), "CC-BY-SA-3.0 and GFDL"),
    # mC4: pages of Common Crawl, filtered and without repeated lines (Xue et al. 2021).
    "web": Source("allenai/c4", "{}", ("train", "validation"), "ODC-BY-1.0"),
    "xnli": Source("facebook/xnli", "{}", ("train", "validation", "test"), "CC-BY-NC-4.0"),
    "wikiann": Source("unimelb-nlp/wikiann", "{}", ("train", "validation", "test"), "not stated"),
    "universal_dependencies": Source(
        "universal-dependencies/universal_dependencies",
        "{}",
        ("train", "validation", "test"),
        "one for each treebank, mostly CC-BY-SA-4.0",
        # Under the id that mirrors have it was a script, which `datasets` no longer executes. It is
        # kept up elsewhere, with a revision for each release; last comes the old script's output.
        places=(
            Place("commul/universal_dependencies", "2.17"),
            Place("commul/universal_dependencies"),
            Place(
                "universal-dependencies/universal_dependencies",
                "refs/convert/parquet",
                exported=True,
            ),
        ),
    ),
    "tatoeba": Source("mteb/tatoeba-bitext-mining", "{}-eng", ("test",), "CC-BY-2.0-FR"),
}
WEB_CONFIGS = {"en": "en-multi"}  # its "en" is another, English data set
TATOEBA_CODES = {"fr": "fra", "de": "deu", "ru": "rus", "zh": "cmn", "es": "spa"}
PARTS_OF_SPEECH = (
    *("NOUN", "PUNCT", "ADP", "NUM", "SYM", "SCONJ", "ADJ", "PART", "DET"),
    *("CCONJ", "PROPN", "PRON", "X", "_", "ADV", "INTJ", "VERB", "AUX"),
)
TREE_COLUMNS = ("tokens", "upos", "head", "deprel")
NO_HEAD = (None, "None", "_")  # of a multi-word token, and of an elided word
DEV_SENTENCES = 500  # of Tatoeba's 1,000; the rest is for testing


def load_xnli(language: str, split: str) -> "Dataset":
    """Natural language inference: premise, hypothesis, label (entailment, neutral, contradiction).

    Conneau et al. (2018), XNLI.  Raises ValueError for another language or split, DataUnavailable.
    """
    return _of_language("xnli", language, split)


def load_wikiann(language: str, split: str) -> "Dataset":
    """Named entities: tokens, ner_tags (BIO of PER, ORG, LOC), langs, spans.

    Pan et al. (2017), splits of Rahimi et al. (2019).  Chinese mixes both scripts.
    Raises ValueError for another language or split, DataUnavailable.
    """
    return _of_language("wikiann", language, split)


def load_universal_dependencies(treebank: str, split: str) -> "Dataset":
    """Trees by word: tokens, upos (names), head (0 is the root, else a position from 1), deprel.

    treebank: for example "en_ewt", "fr_gsd", "ru_pud".  Nodes that are no words are dropped, so that
    heads count words: multi-word tokens (French "du" before "de" and "le") and elided words.
    Nivre et al. (2020), Universal Dependencies v2.
    Raises DataUnavailable, and ValueError, by the number of the sentence, for one that has no words
    or whose heads make no tree, or whose relations name another root.
    """
    if not re.fullmatch(r"[a-z]{2,3}_[a-z]+", treebank):
        raise ValueError(f"treebank is {treebank!r}; allowed is a name such as 'en_ewt'.")
    from datasets import Dataset

    source = HUB["universal_dependencies"]
    require("split", split, source.splits)
    data, where = _named("universal_dependencies", treebank, split)
    names = judged.declared(data, "upos", PARTS_OF_SPEECH, where)
    # Of the two layouts that there are, the one with this column keeps words alone in the others.
    read = partial(_words_of_tree, names=names, words_alone="mwt" in data.column_names)
    return Dataset.from_list(list(judged.examples_of(data, TREE_COLUMNS, read, where)))


def load_tatoeba(language: str) -> "Dataset":
    """A thousand sentences with their English translations: columns ``language`` code and "en".

    Artetxe and Schwenk (2019), after Tatoeba.  Raises ValueError, DataUnavailable.
    """
    require("language", language, LANGUAGES[1:])
    data, where = _named("tatoeba", TATOEBA_CODES[language], "test")
    columns = ("sentence1", "sentence2")
    judged.examples_of(data, columns, lambda row: [judged.text(row, c) for c in columns], where)
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


def _of_language(name: str, language: str, split: str) -> "Dataset":
    require("language", language, LANGUAGES)
    require("split", split, HUB[name].splits)
    return _named(name, language, split)[0]


def _named(name: str, choice: str, split: str, **options) -> tuple["Dataset", str]:
    """A split of one of HUB, and its name for messages."""
    source = HUB[name]
    config = source.config.format(choice)
    data = load_hub(source.id, config, split, places=source.places, **options)
    return data, named(source.id, config, split)


def _words_of_tree(row: dict, names: Sequence[str], words_alone: bool) -> dict:
    """The words of a sentence as CoNLL-U counts them: those nodes that have a head."""
    count = len(row["tokens"]) if isinstance(row["tokens"], list) else 0
    for column in TREE_COLUMNS:
        if not isinstance(row[column], list) or len(row[column]) != count:
            raise ValueError(
                f"{column} is {row[column]!r}; allowed is a list of one for each of {count} tokens."
            )
    heads = row["head"]
    words = [i for i, head in enumerate(heads) if words_alone or head not in NO_HEAD]
    if not words:
        raise ValueError(f"head is {heads!r}; allowed is one word with a head at least.")
    for i in words:
        if not re.fullmatch(r"[0-9]+", str(heads[i])):
            raise ValueError(f"head[{i}] is {heads[i]!r}; allowed is the place of a word, or 0.")
    kept = {column: [row[column][i] for i in words] for column in TREE_COLUMNS}
    found = {
        "tokens": judged.texts(kept, "tokens"),
        "upos": judged.labels(kept, "upos", names, len(words)),
        "head": [int(head) for head in kept["head"]],
        "deprel": judged.texts(kept, "deprel"),
    }
    judged.tree(found["head"], found["deprel"])
    return found


def _sentences(name: str, language: str, sentences: int, held_out: set[str]) -> list[str]:
    from tqdm import tqdm

    code = WEB_CONFIGS.get(language, language) if name == "web" else language
    pages, where = _named(name, code, "train", streaming=True)
    fewest_characters = 8 if language == "zh" else 25  # shorter lines are headings and list items
    found: list[str] = []
    with tqdm(total=sentences, desc=f"{name} {language}", unit="sentence") as bar:
        for place, page in enumerate(pages):
            with judged.at_row(where, place):
                text = judged.text(page, "text", blank=True)
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
