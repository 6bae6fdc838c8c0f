"""Larger public data by id: Wikipedia, mC4, XNLI, WikiANN, Universal Dependencies, Tatoeba.

``$ISOMORPH_MIRROR`` may name a folder laid out as ``<owner>/<name>/<config>/<split>.parquet``; what
is not there comes from the hub through ``datasets``.  Where neither has it, DataUnavailable says so
in one sentence, within seconds.
"""

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from isomorph.text.corpora import Corpus, require, word_pairs
from isomorph.text.shipped import LANGUAGES

if TYPE_CHECKING:
    from datasets import Dataset, IterableDataset

PATIENCE = 5.0  # seconds to wait for the hub before calling it unreachable


@dataclass(frozen=True)
class Source:
    """One data set of the hub."""

    id: str
    config: str  # with {} for what the caller chooses
    splits: tuple[str, ...]
    licence: str
    revision: str | None = None


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
        # The data set itself is a script, which `datasets` no longer executes; this is its output.
        revision="refs/convert/parquet",
    ),
    "tatoeba": Source("mteb/tatoeba-bitext-mining", "{}-eng", ("test",), "CC-BY-2.0-FR"),
}
WEB_CONFIGS = {"en": "en-multi"}  # its "en" is another, English data set
TATOEBA_CODES = {"fr": "fra", "de": "deu", "ru": "rus", "zh": "cmn", "es": "spa"}
PARTS_OF_SPEECH = (
    *("NOUN", "PUNCT", "ADP", "NUM", "SYM", "SCONJ", "ADJ", "PART", "DET"),
    *("CCONJ", "PROPN", "PRON", "X", "_", "ADV", "INTJ", "VERB", "AUX"),
)
DEV_SENTENCES = 500  # of Tatoeba's 1,000; the rest is for testing


class DataUnavailable(RuntimeError):
    """Neither the local mirror nor the hub can provide a data set."""


def load_hub(
    dataset_id: str,
    config: str,
    split: str,
    *,
    revision: str | None = None,
    streaming: bool = False,
) -> "Dataset | IterableDataset":
    """One split of a data set, from the mirror where it has it, else from the hub.

    dataset_id: "<owner>/<name>".  streaming: rows one after another, without a download of all.
    Raises ValueError for a malformed id and DataUnavailable when it cannot be had.
    """
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", dataset_id):
        raise ValueError(f"dataset_id is {dataset_id!r}; allowed is '<owner>/<name>'.")
    mirror = os.environ.get("ISOMORPH_MIRROR")
    path = Path(mirror, dataset_id, config, f"{split}.parquet") if mirror else None
    if path and path.is_file():
        import pyarrow.parquet
        from datasets import Dataset

        data = Dataset(pyarrow.parquet.read_table(path))
        return data.to_iterable_dataset() if streaming else data
    place = f"ISOMORPH_MIRROR ({mirror}) does not hold it" if path else "ISOMORPH_MIRROR is not set"
    reason = _unreachable(dataset_id)
    if reason is None:
        try:
            from datasets import load_dataset

            options = {"split": split, "revision": revision, "streaming": streaming}
            return load_dataset(dataset_id, config, **options)
        # Errors of the network come from several libraries and share no class of their own.
        except Exception as problem:  # noqa: BLE001
            reason = str(problem).strip().splitlines()[0]
    raise DataUnavailable(
        f"{dataset_id} ({config}, {split}) is not available: {place}, and the hub cannot give it "
        f"({reason})."
    )


def load_xnli(language: str, split: str) -> "Dataset":
    """Natural language inference: premise, hypothesis, label (entailment, neutral, contradiction).

    Conneau et al. (2018), XNLI.  Raises ValueError for another language or split, DataUnavailable.
    """
    return _named("xnli", language, split)


def load_wikiann(language: str, split: str) -> "Dataset":
    """Named entities: tokens, ner_tags (BIO of PER, ORG, LOC), langs, spans.

    Pan et al. (2017), splits of Rahimi et al. (2019).  Chinese mixes both scripts.
    Raises ValueError for another language or split, DataUnavailable.
    """
    return _named("wikiann", language, split)


def load_universal_dependencies(treebank: str, split: str) -> "Dataset":
    """Trees by word: tokens, upos (names), head (0 is the root, else a position from 1), deprel.

    treebank: for example "en_ewt", "fr_gsd", "ru_pud".  Rows that only repeat a multi-word token
    (French "du" before "de" and "le") or stand for an elided word are dropped, so that heads count
    words.
    Nivre et al. (2020), Universal Dependencies v2.  Raises ValueError, DataUnavailable.
    """
    if not re.fullmatch(r"[a-z]{2,3}_[a-z]+", treebank):
        raise ValueError(f"treebank is {treebank!r}; allowed is a name such as 'en_ewt'.")
    from datasets import Dataset

    source = HUB["universal_dependencies"]
    require("split", split, source.splits)
    data = load_hub(source.id, treebank, split, revision=source.revision)
    return Dataset.from_list([_words_of_tree(row) for row in data.to_list()])


def load_tatoeba(language: str) -> "Dataset":
    """A thousand sentences with their English translations: columns ``language`` code and "en".

    Artetxe and Schwenk (2019), after Tatoeba.  Raises ValueError, DataUnavailable.
    """
    require("language", language, LANGUAGES[1:])
    source = HUB["tatoeba"]
    data = load_hub(source.id, source.config.format(TATOEBA_CODES[language]), "test")
    renamed = data.rename_columns({"sentence1": language, "sentence2": "en"})
    return renamed.select_columns([language, "en"])


def hub_corpus(languages: tuple[str, ...], sentences: int, web: tuple[str, ...] = ()) -> Corpus:
    """A Corpus of the papers' own kind: Wikipedia or the web to train on, Tatoeba to measure on.

    languages: one code, or English and another one in either order.
    sentences: training sentences of each language, from the first articles or pages.
    web: those of the languages whose text is mC4, filtered pages of Common Crawl; it stands in for
        the random part of Common Crawl of Conneau, Wu et al. (2020, section 4.1).
    Training texts of two languages are of different articles or differently worded ones, not
    translations.  dev and test are 500 Tatoeba sentences each; the dictionary is the shipped one.
    Raises ValueError for other languages or a number below 1, DataUnavailable.
    """
    languages = tuple(languages)
    for language in languages:
        require("language", language, LANGUAGES)
    if sentences < 1:
        raise ValueError(f"sentences is {sentences!r}; allowed is a number from 1.")
    if len(languages) not in (1, 2) or (len(languages) == 2 and languages.count("en") != 1):
        raise ValueError(
            f"languages is {languages!r}; allowed is one language, or English and another one."
        )
    foreign = next((language for language in languages if language != "en"), "fr")
    for language in web:
        require("web", language, languages)
    parallel = load_tatoeba(foreign)[:]
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
        dictionary=word_pairs(languages, ("bible+help", "bible+help")) if two else {},
        checksum=_checksum([*train.values(), *held_out.values()]),
    )


def split_sentences(text: str) -> Iterator[str]:
    """Sentences of a plain text: at line ends, and after final punctuation before a space.

    Chinese final punctuation needs no space.  Abbreviations are split too, which does no harm to a
    masked language model.
    """
    for line in text.splitlines():
        for piece in re.split(r"(?<=[.!?…])\s+(?=[^\W\d_a-zа-яё])|(?<=[。！？])", line):
            if piece.strip():
                yield piece.strip()


def _named(name: str, language: str, split: str) -> "Dataset":
    source = HUB[name]
    require("language", language, LANGUAGES)
    require("split", split, source.splits)
    return load_hub(source.id, source.config.format(language), split, revision=source.revision)


def _words_of_tree(row: dict) -> dict:
    names = [tag if isinstance(tag, str) else PARTS_OF_SPEECH[tag] for tag in row["upos"]]
    # A multi-word token has no tag, and an elided word of the enhanced trees has no head.
    kept = [i for i, name in enumerate(names) if name != "_" and row["head"][i] != "None"]
    return {
        "tokens": [row["tokens"][i] for i in kept],
        "upos": [names[i] for i in kept],
        "head": [int(row["head"][i]) for i in kept],
        "deprel": [row["deprel"][i] for i in kept],
    }


def _sentences(name: str, language: str, sentences: int, held_out: set[str]) -> list[str]:
    from tqdm import tqdm

    source = HUB[name]
    config = WEB_CONFIGS.get(language, language) if name == "web" else language
    texts = load_hub(source.id, source.config.format(config), "train", streaming=True)
    fewest_characters = 8 if language == "zh" else 25  # shorter lines are headings and list items
    found: list[str] = []
    with tqdm(total=sentences, desc=f"{name} {language}", unit="sentence") as bar:
        for text in texts:
            for sentence in split_sentences(text["text"]):
                if len(sentence) < fewest_characters or sentence in held_out:
                    continue
                found.append(sentence)
                bar.update()
                if len(found) == sentences:
                    return found
    raise DataUnavailable(
        f"{source.id} ({language}) holds {len(found)} sentences; {sentences} were asked for."
    )


@cache
def _unreachable(dataset_id: str) -> str | None:
    """Why the hub cannot be asked for a data set, None when it can.

    ``datasets`` retries for half a minute before it says the same.
    """
    from huggingface_hub import HfApi, constants

    if constants.HF_HUB_OFFLINE:
        return None  # the user wants what is in the cache: `datasets` looks there at once
    try:
        HfApi().dataset_info(dataset_id, timeout=PATIENCE)
    # See load_hub: the classes of network errors differ between versions of the client.
    except Exception as problem:  # noqa: BLE001
        return str(problem).strip().splitlines()[0] if str(problem) else type(problem).__name__
    return None


def _checksum(texts: Iterable[list[str]]) -> str:
    digest = hashlib.sha256()
    for sentences in texts:
        digest.update("\n".join(sentences).encode() + b"\0")
    return digest.hexdigest()
