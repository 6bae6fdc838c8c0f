"""Real text to train and measure on: parallel sentences of two domains in six languages.

A corpus has two disjoint pretraining texts, as if each language had been collected alone: the
first language takes the sentences with even identifiers, the second those with odd ones, so that
no model ever sees a sentence and its translation.  Development and test sentences are parallel
and come from chapters and pages that are in no training text.  This is true of sentences as they
stand; what nearly repeats one is left out with ``overlap="dropped"`` (`load_corpus`).
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from isomorph.text import shipped
from isomorph.text.shipped import DOMAINS, LANGUAGES
from isomorph.text.tables import read_table

if TYPE_CHECKING:
    from datasets import Dataset

DOMAIN_CHOICES = ("bible", "help", "bible+help")
OVERLAPS = ("kept", "dropped")  # of what is tested with what is trained on
NEAR_COPIES = "text/near_copies.parquet"
PARITIES = {"even": (0,), "odd": (1,), "both": (0, 1)}  # of identifiers, by the name of the half
FEWEST_OCCURRENCES = 5  # of a dictionary word in the training text: rarer words are hardly learned


@dataclass(frozen=True)
class Corpus:
    """What a model is trained and measured on."""

    languages: tuple[str, ...]
    """One or two language codes, e.g. ("en", "fr"); controlled worlds use ("a", "b")."""
    train: dict[str, list[str]]
    """Pretraining sentences of each language; no sentence is there together with a translation."""
    dev: dict[str, list[str]]
    """Held-out sentences, parallel by position: for perplexity."""
    test: dict[str, list[str]]
    """Held-out sentences, parallel by position: for retrieval."""
    dictionary: dict[str, list[tuple[str, str]]]
    """"train" and "test" word pairs, first language to second; empty for one language."""
    checksum: str
    """SHA-256 over the shipped files it was made from; "" for a generated text."""


def load_parallel(domain: str) -> "Dataset":
    """All sentences of one domain ("bible" or "help") in reading order.

    Columns: id (int), group (chapter or page), document (book or page), split ("train", "dev",
    "test"), and one column of text for each language (en, fr, de, ru, zh, es).
    Raises ValueError for another domain and shipped.DataCorrupted for a damaged file.
    """
    require("domain", domain, DOMAINS)
    return read_table(f"text/{domain}.parquet")


def load_dictionary(language: str) -> "Dataset":
    """English words and their translations into ``language`` (fr, de, ru, zh or es).

    Columns: source, target, split ("train" or "test": every source word is in one of them, the
    same one for every language), rank (position among the translations of the source word, from 1,
    by how regularly the two occur together), and in how many training sentences of the shipped text
    the words occur: count_source, count_target, each also for one domain (count_source_bible,
    count_source_help, ...), and count_together in a sentence and its translation.
    Raises ValueError for another language and shipped.DataCorrupted for a damaged file.
    """
    require("language", language, LANGUAGES[1:])
    return read_table(f"dictionaries/en-{language}.parquet")


def load_corpus(
    languages: tuple[str, ...],
    domains: tuple[str, ...],
    *,
    half: str = "even",
    overlap: str = "kept",
) -> Corpus:
    """The shipped text as a Corpus of one or two languages.

    languages: e.g. ("en",) or ("en", "fr").
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
    parities = ((0,), (1,)) if len(languages) == 2 else (PARITIES[half],)
    train = {
        language: _training_half(language, domain, own, overlap)
        for language, domain, own in zip(languages, domains, parities, strict=True)
    }
    dictionary = word_pairs(languages, domains, overlap) if len(languages) == 2 else {}
    texts = {name for choice in domains for name in _parts(choice)}
    used = {f"text/{name}.parquet" for name in texts} | _dictionary_files(languages)
    used |= {NEAR_COPIES} if overlap == "dropped" else set()
    return Corpus(
        languages=languages,
        train=train,
        dev=_held_out(languages, domains[0], "dev", overlap),
        test=_held_out(languages, domains[0], "test", overlap),
        dictionary=dictionary,
        checksum=_combined_checksum(used),
    )


def evenly(texts: list[str], count: int) -> list[str]:
    """At most `count` of the texts, evenly spaced: no corpus is alike from end to end."""
    if len(texts) <= count:
        return texts
    return [texts[number * len(texts) // count] for number in range(count)]


def require(field: str, value: object, allowed: tuple[str, ...]) -> None:
    """Raise ValueError, naming field, value and what is allowed, unless value is allowed."""
    if value not in allowed:
        raise ValueError(f"{field} is {value!r}; allowed are {', '.join(map(repr, allowed))}.")


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


def _parts(choice: str) -> list[str]:
    return choice.split("+")


def _training_half(
    language: str, choice: str, parities: tuple[int, ...], overlap: str
) -> list[str]:
    texts = []
    for domain in _parts(choice):
        # The even half holds the sentences that those of the odd one copy.
        left_out = near_copies(domain) if overlap == "dropped" and parities == (1,) else ()
        rows = read_table(f"text/{domain}.parquet", ["id", "split", language])[:]
        columns = zip(rows["id"], rows["split"], rows[language], strict=True)
        texts += [
            text
            for i, split, text in columns
            if split == "train" and i % 2 in parities and i not in left_out
        ]
    return texts


def _held_out(
    languages: tuple[str, ...], choice: str, split: str, overlap: str
) -> dict[str, list[str]]:
    texts: dict[str, list[str]] = {language: [] for language in languages}
    for domain in _parts(choice):
        left_out = near_copies(domain) if overlap == "dropped" else ()
        rows = read_table(f"text/{domain}.parquet", ["id", "split", *languages])[:]
        for language in languages:
            columns = zip(rows["id"], rows["split"], rows[language], strict=True)
            texts[language] += [
                text for i, name, text in columns if name == split and i not in left_out
            ]
    return texts


def near_copies(domain: str) -> frozenset[int]:
    """Ids of the rows of a domain that nearly repeat a row across a split.

    Those whose TF-IDF vector, in any of the six languages, has a cosine above 0.8 with a row of the
    split before theirs: test, dev, odd training half, even training half.  In the Bible these are 76
    test, 23 dev and 638 odd rows, in the help 113, 28 and 721.
    Raises ValueError for another domain and shipped.DataCorrupted for a damaged file.
    """
    require("domain", domain, DOMAINS)
    rows = read_table(NEAR_COPIES, ["domain", "id"])[:]
    pairs = zip(rows["domain"], rows["id"], strict=True)
    return frozenset(i for name, i in pairs if name == domain)


def word_pairs(
    languages: tuple[str, ...], domains: tuple[str, ...], overlap: str = "kept"
) -> dict[str, list[tuple[str, str]]]:
    """Word pairs by split, of words that the corpus really uses; best translation first.

    A pair is taken when both words occur at least FEWEST_OCCURRENCES times in the training text of
    their domains and at least once in a sentence and its translation.

    overlap: words were split by the English word, so the translation of a test word may be one of
        a training word too, and a rotation has then been fitted to that very vector.  So it is in
        MUSE (Conneau, Lample et al. 2018).  "dropped" leaves out of "test" every word that is linked
        with such a translation, directly or through other words of "test": whoever is still asked
        keeps all translations that are right.
    """
    pairs: dict[str, dict[tuple[str, str], None]] = {"train": {}, "test": {}}
    for first, second, split in _attested(languages, domains):
        pairs[split][first, second] = None
    testing = {first for first, _ in pairs["test"]}
    # Only English words were split; another first word may translate English words of both splits.
    kept = [pair for pair in pairs["train"] if pair[0] not in testing]
    test = list(pairs["test"])
    return {"train": kept, "test": _unlinked(test, kept) if overlap == "dropped" else test}


def _unlinked(test: list[tuple[str, str]], train: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The test pairs whose words lead, from translation to translation, to no target of "train"."""
    trained_on, left = {target for _, target in train}, test
    while linked := {first for first, second in left if second in trained_on}:
        trained_on |= {second for first, second in left if first in linked}
        left = [pair for pair in left if pair[0] not in linked]
    return left


def _attested(languages, domains) -> Iterator[tuple[str, str, str]]:
    """(first word, second word, split), directly or through the English word of both."""
    first, second = languages
    if "en" in languages:
        other = second if first == "en" else first
        counted = domains if first == "en" else domains[::-1]
        for row in load_dictionary(other).to_list():
            if _occurs(row, "source", counted[0]) and _occurs(row, "target", counted[1]):
                pair = (row["source"], row["target"])
                yield (*(pair if first == "en" else pair[::-1]), row["split"])
        return
    best = {}
    for row in load_dictionary(first).to_list():
        if row["rank"] == 1 and _occurs(row, "target", domains[0]):
            best[row["source"]] = row["target"]
    for row in load_dictionary(second).to_list():
        if row["rank"] == 1 and row["source"] in best and _occurs(row, "target", domains[1]):
            yield best[row["source"]], row["target"], row["split"]


def _occurs(row: dict, side: str, choice: str) -> bool:
    count = sum(row[f"count_{side}_{domain}"] for domain in _parts(choice))
    return count >= FEWEST_OCCURRENCES and row["count_together"] > 0


def _dictionary_files(languages: tuple[str, ...]) -> set[str]:
    if len(languages) == 1:
        return set()
    return {f"dictionaries/en-{language}.parquet" for language in languages if language != "en"}


def _combined_checksum(relative_paths) -> str:
    together = "".join(shipped.checksum(path) for path in sorted(relative_paths))
    return hashlib.sha256(together.encode()).hexdigest()
