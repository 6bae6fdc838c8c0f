"""Read bilingual dictionaries: English words, each with single-word translations in order.

Every reader yields (English word, translation) pairs, still unfiltered.
"""

import gzip
import io
import pickle
import re
from collections.abc import Iterable, Iterator

from .packages import SourceUnavailable

_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_VALUE = {digit: value for value, digit in enumerate(_DIGITS)}
_PRONUNCIATION = re.compile(r"/([^/]*)/")

Pair = tuple[str, str]
Files = dict[str, bytes]  # of a package, by name


def read_dictd(files: Files, name: str) -> Iterator[Pair]:
    """(headword, whole entry) of a dictd database: an index of offsets into a compressed file."""
    text = gzip.decompress(files[f"{name}.dict.dz"])
    for line in files[f"{name}.index"].decode("utf-8").splitlines():
        headword, offset, length = line.split("\t")[:3]
        start = _number(offset)
        yield headword, text[start : start + _number(length)].decode("utf-8")


def freedict_numbered(files: Files, name: str) -> Iterator[Pair]:
    """FreeDict with one numbered line a sense (English with French and with Spanish).

    The indexes cut "water-" to "water" and "go astray" to "go", while the entry still shows the
    whole headword, or its pronunciation.  Of several entries only the simplest are read.
    """
    entries: dict[str, list[str]] = {}
    for headword, entry in read_dictd(files, name):
        if entry.startswith(f"{headword} /"):
            entries.setdefault(headword, []).append(entry)
    for headword, found in entries.items():
        simplest = min(map(_pronounced, found))
        for entry in found:
            if _pronounced(entry) == simplest:
                for line in entry.splitlines()[1:]:
                    for item in _items(re.sub(r"^\d+\. ", "", line.strip())):
                        yield headword, item


def freedict_reversed(files: Files, name: str) -> Iterator[Pair]:
    """The same from the other language to English, turned round."""
    return ((item, headword) for headword, item in freedict_numbered(files, name))


def freedict_german(files: Files, name: str) -> Iterator[Pair]:
    """English-German Ding/FreeDict: translations stand on the second line, with grammar marks."""
    for headword, entry in read_dictd(files, name):
        lines = entry.splitlines()
        if len(lines) > 1 and not lines[1].startswith((" see:", "   ", "\t")):
            for item in _items(lines[1]):
                yield headword, item


def mueller(files: Files, name: str) -> Iterator[Pair]:
    """English-Russian Mueller: the first sense up to its first semicolon.

    Later senses are many, rare, and mixed with example phrases.
    """
    for headword, entry in read_dictd(files, name):
        text = " ".join(entry.split("\n")[1:])
        text = re.sub(r"\[[^\]]*\]|\{[^}]*\}", " ", text)
        first = re.search(r"(?<![\w)])1\)(.*?)(?=\s\d+\)|$)", text)
        text = first[1] if first else re.sub(r"^(\s*_I\b)?(\s*1\.)?", " ", text)
        text = re.sub(r"_[^\W\d_]+\.?(-[^\W\d_]+\.?)?", " ", text).split(";")[0]
        for item in _items(text):
            yield headword, item


def cedict(files: Files, name: str) -> Iterator[Pair]:
    """CC-CEDICT inverted: ``TRADITIONAL SIMPLIFIED [pinyin] /gloss/gloss/``, glosses as headwords.

    The file is the pickle of a list of lines. Raises SourceUnavailable when it is of anything else.
    """
    for line in _pickled_lines(files[name], name):
        entry = re.fullmatch(r"\S+ (\S+) \[[^\]]*\] /(.*)/\s*", line)
        if entry is None:
            continue
        for gloss in re.split(r"[/;]| or ", re.sub(r"\([^)]*\)", " ", entry[2])):
            gloss = gloss.strip()
            yield re.sub(r"^(to|a|an|the) ", "", gloss).strip(), entry[1]


class _PlainUnpickler(pickle.Unpickler):
    """Reads what is built into the format, and imports nothing: a pickle can execute anything."""

    def find_class(self, module, name):
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")


def _pickled_lines(content: bytes, name: str) -> list[str]:
    try:
        lines = _PlainUnpickler(io.BytesIO(content)).load()
    # A damaged pickle fails in many ways.
    except Exception as problem:  # noqa: BLE001
        raise SourceUnavailable(f"{name} is no pickle of plain lines: {problem}.") from None
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise SourceUnavailable(f"{name} is a pickle of something else than lines.")
    return lines


def _items(line: str) -> Iterable[str]:
    """Comma-separated translations without grammar, subject and usage marks."""
    line = re.sub(r"<[^>]*>|\[[^\]]*\]|\([^)]*\)", " ", line)
    return (item.strip(" .!") for item in line.split(","))


def _pronounced(entry: str) -> tuple[bool, int]:
    """Orders entries of one headword: stress marks were added later, to entries cut short."""
    found = _PRONUNCIATION.search(entry)
    return ("ˈ" in found[1], len(found[1])) if found else (True, 0)


def _number(digits: str) -> int:
    value = 0
    for digit in digits:
        value = value * 64 + _VALUE[digit]
    return value
