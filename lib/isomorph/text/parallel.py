"""Parallel text in six languages and two domains, its dictionaries, and what two encoders are compared
on of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from isomorph.text.examples import require
from isomorph.text.shipped import DOMAINS, LANGUAGES, read_table

if TYPE_CHECKING:
    from datasets import Dataset

DOMAIN_CHOICES = ("bible", "help", "bible+help")
NEAR_COPIES = "text/near_copies.parquet"
FEWEST_OCCURRENCES = 5  # of a dictionary word in the training text: rarer words are hardly learned
LEARN, TEST, CONTEXTS = 2000, 500, 1000  # sentences: a few minutes of one core for small models

Pairs = list[tuple[str, str]]


def load_parallel(domain: str) -> Dataset:
    """All sentences of one domain ("bible" or "help") in reading order, a column a language.

    Its other columns: id, group (chapter or page), document (book or page), split ("train", "dev",
    "test").  Raises ValueError for another domain and shipped.DataCorrupted for a damaged file.
    """
    require("domain", domain, DOMAINS)
    return read_table(f"text/{domain}.parquet")


def load_dictionary(language: str) -> Dataset:
    """English words ("source") and their translations into another language ("target").

    split: "train" or "test", of a source word the same for every language.  rank: from 1, among the
    translations of a word, by how regularly the two occur together.  count_source, count_target, each
    also of one domain (count_source_bible), and count_together, in a sentence and its translation:
    in how many training sentences.
    Raises ValueError for another language and shipped.DataCorrupted for a damaged file.
    """
    require("language", language, LANGUAGES[1:])
    return read_table(f"dictionaries/en-{language}.parquet")


def evenly(texts: list[str], count: int) -> list[str]:
    """At most `count` of the texts, evenly spaced: no corpus is alike from end to end."""
    if len(texts) <= count:
        return texts
    return [texts[number * len(texts) // count] for number in range(count)]


def near_copies(domain: str) -> frozenset[int]:
    """Ids of the rows of a domain that nearly repeat a row across a split.

    Those whose TF-IDF vector, in any of the six languages, has a cosine above 0.8 with a row of the
    split before theirs: test, dev, odd training half, even training half.
    Raises ValueError for another domain and shipped.DataCorrupted for a damaged file.
    """
    require("domain", domain, DOMAINS)
    rows = read_table(NEAR_COPIES, ["domain", "id"])[:]
    return frozenset(i for name, i in zip(*rows.values(), strict=True) if name == domain)


def word_pairs(
    languages: tuple[str, ...], domains: tuple[str, ...], overlap: str = "kept"
) -> dict[str, Pairs]:
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
    train = [pair for pair in pairs["train"] if pair[0] not in testing]
    test, trained_on = list(pairs["test"]), {target for _, target in train}
    while overlap == "dropped" and (
        linked := {first for first, second in test if second in trained_on}
    ):
        trained_on |= {second for first, second in test if first in linked}
        test = [pair for pair in test if pair[0] not in linked]
    return {"train": train, "test": test}


def _attested(languages, domains) -> Iterator[tuple[str, str, str]]:
    """(first word, second word, split), directly or through the English word of both."""

    def rows(language: str, **sides: str) -> Iterator[tuple[str, str, str, int]]:
        """(English word, its translation, split, rank), where each side occurs in its domain."""
        for row in load_dictionary(language).to_list():
            counts = [
                sum(row[f"count_{side}_{domain}"] for domain in choice.split("+"))
                for side, choice in sides.items()
            ]
            if min(counts) >= FEWEST_OCCURRENCES and row["count_together"] > 0:
                yield row["source"], row["target"], row["split"], row["rank"]

    first, second = languages
    if first == "en":
        for word, other, split, _ in rows(second, source=domains[0], target=domains[1]):
            yield word, other, split
    elif second == "en":
        for word, other, split, _ in rows(first, source=domains[1], target=domains[0]):
            yield other, word, split
    else:
        best = {word: other for word, other, _, rank in rows(first, target=domains[0]) if rank == 1}
        for word, other, split, rank in rows(second, target=domains[1]):
            if rank == 1 and word in best:
                yield best[word], other, split


def languages_of(text: str) -> tuple[str, str]:
    """The two languages of "en-fr". Raises ValueError when they are not two that ship."""
    languages = tuple(text.split("-"))
    if len(languages) != 2 or len(set(languages) & set(LANGUAGES)) != 2:
        raise ValueError(
            f"text is {text!r}; allowed are two of {', '.join(LANGUAGES)}, such as 'en-fr', or a file "
            "that is there."
        )
    return languages


def material(
    text: str, *, domain: str = "bible+help", learn: int = LEARN, test: int = TEST
) -> dict:
    """What the two models read, each in its language: arguments of `isomorph.measure.comparison.compare`.

    learn: how many parallel sentences a rotation is learnt on, from the training part.
    test: how many it is scored on, from the held-out part. Both evenly spaced over the domain.
    The dictionary is the shipped one, of words that occur in the domain. Words are met in sentences
    of the training part, none of which both models read. Near copies across these parts are left
    out, and test words linked with those that the rotation is learnt on.
    Raises ValueError for other languages, another domain, or fewer than 4 sentences.
    """
    languages = languages_of(text)
    require("domain", domain, DOMAIN_CHOICES)
    for name, count in (("learn", learn), ("test", test)):
        if count < 4:
            raise ValueError(f"{name} is {count}; at least 4 sentences are needed.")
    rows = []
    for part in domain.split("+"):
        left_out = near_copies(part)
        rows += [row for row in load_parallel(part).to_list() if row["id"] not in left_out]
    split = {name: [row for row in rows if row["split"] == name] for name in ("train", "test")}

    def sides(chosen: list[dict]) -> tuple[list[str], list[str]]:
        return tuple([row[language] for row in chosen] for language in languages)

    halves = [[row for row in split["train"] if row["id"] % 2 == parity] for parity in (0, 1)]
    contexts = tuple(
        [row[language] for row in evenly(half, CONTEXTS)]
        for language, half in zip(languages, halves, strict=True)
    )
    return {
        "learn": sides(evenly(split["train"], learn)),
        "test": sides(evenly(split["test"], test)),
        "dictionary": word_pairs(languages, (domain, domain), overlap="dropped"),
        "contexts": contexts,
    }
