"""The help pages of the LibreOffice office suite, aligned by (page, paragraph identifier).

A paragraph that nobody has translated stands in English in every language; only those translated
in all six are kept.
"""

import re
from dataclasses import dataclass
from html.parser import HTMLParser

from tqdm import tqdm

from isomorph.text.shipped import LANGUAGES

from .packages import Fetched
from .rows import hold_out, letters, tidy, without_repetitions

SEED = 2100  # one that puts some of the few marked keys into every split (terms.py)
FOLDERS = {"en": "en-US", "fr": "fr", "de": "de", "ru": "ru", "zh": "zh-CN", "es": "es"}
PACKAGE = {name: f"libreoffice-help-{folder.lower()}" for name, folder in FOLDERS.items()}
PACKAGES = tuple(PACKAGE.values())
FEWEST_WORDS = 4  # shorter English paragraphs are labels of buttons, not sentences

# The pages mark what a reader sees, presses or types.  Older pages mark menus with "emph" and
# newer ones with "menuitem", so these are one kind here.
KIND_OF_CLASS = {
    "menuitem": "MENU",
    "emph": "MENU",
    "widget": "MENU",
    "keycode": "KEY",
    "input": "INPUT",
    "literal": "INPUT",
}

_PARAGRAPH = re.compile(r'<(p|h[1-6]) id="((?:par|hd)_[^"]*)"([^>]*)>(.*?)</\1>', re.DOTALL)
_SCRIPT = {"ru": re.compile(r"[а-яё]", re.IGNORECASE), "zh": re.compile(r"[\u4e00-\u9fff]")}

Key = tuple[str, str]  # page, paragraph identifier
Segment = tuple[str, str | None]  # text, kind of interface term


@dataclass(frozen=True)
class Paragraph:
    text: str
    segments: tuple[Segment, ...]


def build(packages: dict[str, Fetched]) -> tuple[list[dict], dict[int, dict[str, Paragraph]]]:
    """Rows with their splits, and the paragraphs with their mark-up by (row id, language).

    Identifiers are positions among all paragraphs of the English pages, pages in alphabetical
    order, so that a gap shows where paragraphs were dropped.
    """
    pages = {
        language: read(packages[PACKAGE[language]].members(_text_folder(language)), language)
        for language in tqdm(LANGUAGES, desc="help pages", unit="language")
    }
    rows, marked = [], {}
    for position, key in enumerate(pages["en"]):
        paragraphs = {language: pages[language].get(key) for language in LANGUAGES}
        if all(paragraphs.values()) and is_translated(paragraphs):
            page = key[0].removesuffix(".html")
            row = {"id": position, "group": page, "document": page}
            rows.append(row | {name: paragraphs[name].text for name in LANGUAGES})
            marked[position] = paragraphs
    rows = hold_out(without_repetitions(rows), _parts_of(rows), SEED)
    return rows, {row["id"]: marked[row["id"]] for row in rows}


def read(pages: dict[str, bytes], language: str) -> dict[Key, Paragraph]:
    """All paragraphs and headings with an identifier, in reading order.

    pages: path -> HTML; folder by folder in alphabetical order.
    """
    paragraphs: dict[Key, Paragraph] = {}
    for page in sorted((name for name in pages if name.endswith(".html")), key=_by_folder):
        for _, name, attributes, content in _PARAGRAPH.findall(pages[page].decode("utf-8")):
            key = (page, name)
            if key not in paragraphs:
                is_code = "code" in attributes
                paragraphs[key] = None if is_code else paragraph(content, language)
    return paragraphs


def _by_folder(page: str) -> list[str]:
    return page.split("/")


def paragraph(content: str, language: str) -> Paragraph | None:
    """The text of one paragraph and its interface terms; None where it depends on the program."""
    parser = _Markup()
    parser.feed(content)
    parser.close()
    if parser.ambiguous:
        return None
    text = tidy("".join(text for text, _ in parser.segments), language)
    return Paragraph(text, tuple(parser.segments))


def is_translated(paragraphs: dict[str, Paragraph]) -> bool:
    """Whether the English is a sentence and each other language is not simply the English."""
    english = paragraphs["en"].text
    if len(re.findall(r"[^\W\d_]+", english)) < FEWEST_WORDS:
        return False
    others = [name for name in LANGUAGES if name != "en"]
    differs = all(letters(paragraphs[name].text) != letters(english) for name in others)
    return differs and all(script.search(paragraphs[name].text) for name, script in _SCRIPT.items())


class _Markup(HTMLParser):
    """Collects text with the innermost kind of interface term around it.

    Some words have one form for each system ("Command" or "Ctrl"): the default form is taken.
    """

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.segments: list[Segment] = []
        self.ambiguous = False
        self._open: list[tuple[str, str | None, bool]] = []  # tag, kind, dropped

    def handle_starttag(self, tag, attributes):
        if tag == "br":
            self.handle_data(" ")
        if tag != "span":
            return
        named = dict(attributes)
        _, kind, dropped = self._open[-1] if self._open else ("", None, False)
        if "hidden" in named:
            is_default = (named.get("id") or "").startswith("default")
            self.ambiguous |= not is_default and named.get("class") not in ("MAC", "WIN", "UNIX")
            dropped |= not is_default
        self._open.append((tag, KIND_OF_CLASS.get(named.get("class"), kind), dropped))

    def handle_endtag(self, tag):
        if tag == "span" and self._open:
            self._open.pop()

    def handle_data(self, text):
        _, kind, dropped = self._open[-1] if self._open else ("", None, False)
        if not dropped:
            self.segments.append((text, kind))


def _text_folder(language: str) -> str:
    return f"usr/share/libreoffice/help/{FOLDERS[language]}/text"


def _parts_of(rows: list[dict]) -> dict[str, str]:
    """Page -> part of the help (swriter/guide, shared/01...), over which held-out pages spread."""
    return {row["group"]: row["group"].rpartition("/")[0] for row in rows}
