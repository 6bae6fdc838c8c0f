"""Text of one's own: files with a sentence a line, columns of a data set of the hub, a dictionary; and what
two encoders are compared on of these.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from isomorph.text.examples import SPEECH, TREE, Examples, TaggedExample, TreeExample
from isomorph.text.fetch import NAME, examples_of, load_hub, named, text
from isomorph.text.parallel import CONTEXTS, LEARN, TEST, Pairs, evenly, load_parallel
from isomorph.text.shipped import LANGUAGES
from isomorph.text.tokens import word_places

COLUMNS = re.compile(
    rf"(?P<id>{NAME}/{NAME}):(?P<config>{NAME}):(?P<split>{NAME}):(?P<columns>[^:]+)"
)
HUB = "'<owner>/<name>:<config>:<split>:<column>[,<column>]' of the hub"


def is_own(given: str | Path) -> bool:
    """Whether this names columns of a data set, or a file that is there."""
    return bool(COLUMNS.fullmatch(str(given))) or Path(given).is_file()


def sides_of(texts: Sequence[str | Path]) -> list[list[str]]:
    """The sentences of each side: of one file or column, or of two that are translations line by line.

    A text is a file, UTF-8, a sentence a line, or columns of a data set, as HUB has it; a column within
    another is "translation.en". Raises ValueError, in one sentence that names the text, for what is no
    such text; DataUnavailable.
    """
    sides = [side for given in texts for side in _read(given)]
    if len(sides) not in (1, 2):
        raise ValueError(f"text names {len(sides)} files or columns; allowed are one and two.")
    if len(sides[0]) != len(sides[-1]):
        raise ValueError(
            f"{texts[0]} has {len(sides[0])} lines and {texts[-1]} has {len(sides[1])}; allowed are two "
            "files that are translations of each other line by line."
        )
    return sides


def dictionary_of(file: Path | None) -> dict[str, Pairs]:
    """Word pairs of a file with a word, a tab and its translation in every line, as "train" and "test":
    a hash of the word decides, so that all translations of a word are on one side. Without a file none.
    Raises ValueError, naming the line, for another."""
    parts: dict[str, Pairs] = {"train": [], "test": []}
    for number, line in enumerate(lines_of(Path(file)) if file else (), 1):
        pair = tuple(word.strip() for word in line.split("\t"))
        if len(pair) != 2 or not all(pair):
            raise ValueError(
                f"{file} has {line!r} in line {number}; allowed is a word, a tab and its translation."
            )
        half = hashlib.blake2b(pair[0].encode(), digest_size=1).digest()[0] % 2
        parts["test" if half else "train"].append(pair)
    return parts


def own_material(
    texts: Sequence[str | Path],
    *,
    dictionary: Path | None = None,
    learn: int = LEARN,
    test: int = TEST,
) -> dict:
    """What two encoders are compared on, of `sides_of` these texts; of one text both read it.

    A sentence that stands twice is taken once, on either side. Test sentences are evenly spaced, and a
    rotation is learnt on others. Without a dictionary words are left out; with one they are met in what
    the rotation is learnt on, every other sentence for the first and the rest for the second.
    Raises ValueError as `sides_of` and `dictionary_of` do, or when there are fewer sentences than are
    asked for.
    """
    words, sides = dictionary_of(dictionary), sides_of(texts)
    pairs, seen = [], [set(), set()]
    for pair in zip(sides[0], sides[-1], strict=True):
        if not any(sentence in side for sentence, side in zip(pair, seen, strict=True)):
            pairs.append(pair)
        for sentence, side in zip(pair, seen, strict=True):
            side.add(sentence)
    if min(learn, test) < 4 or len(pairs) < learn + test:
        raise ValueError(
            f"learn is {learn} and test {test}; allowed are 4 or more of each and, of this text, "
            f"{len(pairs)} together, which is how many different sentences it has."
        )
    pairs = evenly(pairs, learn + test)
    held = set(evenly(range(learn + test), test))
    parts = {"learn": set(range(learn + test)) - held, "test": held}
    chosen = {
        name: tuple([pairs[i][side] for i in sorted(places)] for side in (0, 1))
        for name, places in parts.items()
    }
    contexts = tuple(evenly(chosen["learn"][side][side::2], CONTEXTS) for side in (0, 1))
    return chosen | {"dictionary": words} | ({"contexts": contexts} if dictionary else {})


def single(text: str) -> tuple[list[str], str | None]:
    """The sentences of one text, and its language where it ships: its training part, by "en" and so on.
    Raises ValueError for what is neither that nor one side of `sides_of`."""
    if not is_own(text):
        if text not in LANGUAGES:
            raise ValueError(
                f"text is {text!r}; allowed are {', '.join(LANGUAGES)}, a file that is there, or {HUB}."
            )
        rows = (row for name in ("bible", "help") for row in load_parallel(name).to_list())
        return [row[text] for row in rows if row["split"] == "train"], text
    (side, *more) = sides_of([text])
    if more:
        raise ValueError(f"text is {text!r}, which is two columns; allowed is one.")
    return side, None


def words_of(texts: list[str]) -> Iterator[str]:
    """The words of some texts, one after the other, as `isomorph.text.tokens.word_places` finds them."""
    for each in texts:
        yield from (each[place[0] : place[1]] for place in word_places(each))


def _read(given: str | Path) -> list[list[str]]:
    found = COLUMNS.fullmatch(str(given))
    if not found:
        if not Path(given).is_file():
            raise ValueError(f"text is '{given}'; allowed is a file that is there, or {HUB}.")
        return [lines_of(Path(given))]
    where, columns = found.group("id", "config", "split"), found["columns"].split(",")
    rows = load_hub(*where).flatten()

    def make(row: dict) -> tuple[str, ...]:  # a sentence a column, spaces made one
        return tuple(" ".join(text(row, column).split()) for column in columns)

    return list(map(list, zip(*examples_of(rows, columns, make, named(*where)), strict=True)))


def lines_of(file: Path) -> list[str]:
    """The lines of a file. Raises ValueError, naming it, for what is not UTF-8 or has an empty line."""
    lines = [line.strip() for line in _text_lines(file)]
    if "" in lines or not lines:
        empty = lines.index("") + 1 if lines else 1
        raise ValueError(f"{file} has nothing in line {empty}; allowed is text in every line.")
    return lines


def _text_lines(file: Path) -> list[str]:
    try:
        return file.read_text("utf-8-sig").rstrip().splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{file} is not UTF-8 (at byte {error.start}); allowed is UTF-8."
        ) from None
    except OSError as error:
        raise ValueError(f"'{file}' cannot be read ({error.strerror}).") from None


def treebank_of(file: Path, most: Mapping[str, int]) -> dict[str, dict[str, Examples]]:
    """Trees ("relation") and parts of speech ("pos") of a file in CoNLL-U, by split: of ten sentences one
    is "dev", two are "test" and the rest "train"; of each at most so many, evenly spaced.

    Multi-word tokens and elided words are left out; a relation loses its subtype. Raises ValueError,
    naming the line where the sentence ends, for what is no tree, and for fewer than ten sentences.
    """
    sentences, rows = [], []
    for number, line in enumerate([*_text_lines(file), ""], 1):
        if line.strip() and not line.startswith("#"):
            rows.append(line.split("\t"))
        if line.strip() or not rows:
            continue
        try:
            words = [row for row in rows if row[0].isdecimal()]
            forms, tags, heads, relations = zip(
                *((row[1], row[3], int(row[6]), row[7].partition(":")[0]) for row in words),
                strict=True,
            )
            sentences.append((TreeExample(forms, heads, relations), TaggedExample(forms, tags)))
        except (ValueError, IndexError) as problem:
            raise ValueError(f"{file}, line {number}, where a sentence ends: {problem}") from None
        rows = []
    if len(sentences) < 10:
        raise ValueError(f"{file} has {len(sentences)} sentences; at least 10 are needed.")
    names = (
        tuple(sorted({name for tree, _ in sentences for name in tree.relations})),
        tuple(sorted({name for _, tagged in sentences for name in tagged.tags})),
    )
    places = {"train": (0, 1, 2, 4, 5, 6, 8), "dev": (9,), "test": (3, 7)}
    asked = {}
    for side, (name, task) in enumerate((("relation", TREE), ("pos", SPEECH))):
        asked[name] = {
            split: Examples(task, names[side], tuple(
                evenly([s[side] for i, s in enumerate(sentences) if i % 10 in own], most[split])
            ), f"{file} {split}")
            for split, own in places.items()
        }  # fmt: skip
    return asked
