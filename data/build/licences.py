"""The licences and notices of the sources, written beside the data."""

from pathlib import Path

from . import office_help
from .dictionaries import READERS
from .packages import Fetched, SourceUnavailable
from .word_lists import read_dictd

FULL_TEXTS = ("GPL-2", "GPL-3", "MPL-2.0")
SYSTEM_FOLDER = Path("/usr/share/common-licenses")  # on every Debian system
NOTICES = "NOTICES.txt"

BIBLES = """\
text/bible.parquet
==================
Bible in Basic English (1949), Louis Segond (1910), Elberfelder (1932), Russian Synodal (1876),
Reina-Valera (1909), Chinese Union Version (1919): public domain.

tasks/paraphrases.parquet
=========================
Bible in Basic English (1949), World English Bible: public domain.
"""
CEDICT = """\
dictionaries/en-zh.parquet
==========================
CC-CEDICT, a Chinese-English dictionary published by MDBG, under the licence Creative Commons
Attribution-ShareAlike 4.0 International (https://creativecommons.org/licenses/by-sa/4.0/legalcode).
Changed: turned round, single words only, ordered and counted.  The file is under the same licence.
"""
FREQUENCIES = """\
all dictionaries
================
Which words are kept depends on wordfreq (Robyn Speer), whose data is under the same licence.
"""


def write(folder: Path, packages: dict[str, Fetched]) -> list[str]:
    """Write the notices and the full licence texts; returns the names of the files."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = [BIBLES, _help_notice(packages)]
    parts += [_dictionary_notice(language, packages) for language in ("fr", "de")]
    parts += [_dictionary_notice(language, packages) for language in ("ru", "es")]
    (folder / NOTICES).write_text("\n\n".join([*parts, CEDICT, FREQUENCIES]), encoding="utf-8")
    for name in FULL_TEXTS:
        if not (SYSTEM_FOLDER / name).exists():
            raise SourceUnavailable(f"{SYSTEM_FOLDER / name} is missing: build on a Debian system.")
        text = (SYSTEM_FOLDER / name).read_text(encoding="utf-8")
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")
    return [NOTICES, *(f"{name}.txt" for name in FULL_TEXTS)]


def _help_notice(packages: dict[str, Fetched]) -> str:
    path = f"usr/share/doc/{office_help.PACKAGE['en']}/copyright"
    statement = packages[office_help.PACKAGE["en"]].member(path).decode("utf-8")
    stanza = next(part for part in statement.split("\n\n") if part.startswith("Files: *"))
    title = "text/help.parquet, tasks/interface_terms.parquet"
    return (
        f"{title}\n{'=' * len(title)}\nLibreOffice help (licence text: MPL-2.0.txt)\n\n{stanza}\n"
    )


def _dictionary_notice(language: str, packages: dict[str, Fetched]) -> str:
    """What each dictionary says of itself, up to its list of changes."""
    title = f"dictionaries/en-{language}.parquet"
    parts = [f"{title}\n{'=' * len(title)}"]
    for package, inside, _, name in READERS[language]:
        entries = read_dictd(packages[package].members(inside), name)
        about = next(
            text for word, text in entries if word in ("00databaseinfo", "00-database-info")
        )
        parts.append(about.split("Changelog:")[0].strip())
    return "\n\n".join([*parts, "Changed: single words only, ordered and counted.\n"])
