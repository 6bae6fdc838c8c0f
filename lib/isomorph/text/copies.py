"""English and its copy: the same language, word for word, in letters of another script.

The fake English of K et al. (ICLR 2020) and of Dufter and Schütze (EMNLP 2020): two languages of real
statistics that are alike in all but their letters.  The translation of every word is known, held-out
sentences are parallel by themselves, and what is labelled in English is labelled in the copy.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from isomorph.text.anchors import WORDS
from isomorph.text.corpora import FEWEST_OCCURRENCES, Corpus, load_corpus
from isomorph.text.examples import PAIR, TAG, TREE

if TYPE_CHECKING:
    from isomorph.text.examples import Examples

LANGUAGES = ("en", "copy")
ORDERS = ("same", "reversed")
LETTERS = "abcdefghijklmnopqrstuvwxyz"
# Armenian, which has case and letters to spare; a letter with an accent stays what it is.
COPIED = "".join(chr(0x561 + i) for i in range(len(LETTERS)))
_TABLE = str.maketrans(LETTERS + LETTERS.upper(), COPIED + COPIED.upper())
_RUN = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True)
class Copier:
    """Writes English as its copy.

    anchors: the share of words, as types, that stay as they are; which ones a hash of the word and the
        seed decides, so every text of a seed agrees, and any word has its copy.
    order: "same", or "reversed", last word first (Dufter and Schütze 2020).
    """

    anchors: float = 0.0
    order: str = "same"
    seed: int = 0

    def word(self, word: str) -> str:
        """Letter for letter, a bijection; numbers and marks stay."""
        return _RUN.sub(lambda run: self._copied(run[0]), word)

    def text(self, text: str) -> str:
        pieces = WORDS.findall(text) if self.order == "reversed" else [text]
        return "".join(map(self.word, reversed(pieces)))

    def examples(self, found: Examples) -> Examples:
        """Labelled English as labelled copy: pairs, tagged words and trees."""
        return replace(found, items=tuple(self._example(found.task, item) for item in found.items))

    def _copied(self, run: str) -> str:
        kept = self.anchors and _share(f"{self.seed} {run.lower()}") < self.anchors
        return run if kept else run.translate(_TABLE)

    def _example(self, task: str, item):
        if task == PAIR:
            second = None if item.second is None else self.text(item.second)
            return replace(item, first=self.text(item.first), second=second)
        item = replace(item, words=tuple(map(self.word, item.words)))
        if self.order == "same":
            return item
        if task == TREE:
            count = len(item.words) + 1
            heads = tuple(head and count - head for head in reversed(item.heads))
            return replace(
                item, words=item.words[::-1], heads=heads, relations=item.relations[::-1]
            )
        tags = _turned(item.tags) if task == TAG else item.tags[::-1]
        return replace(item, words=item.words[::-1], tags=tags)


def copied_corpus(domains: tuple[str, str], copier: Copier) -> Corpus:
    """English, and the copy of the English that it does not read.

    English has the even half of its domain and the copy the odd half of its own, near copies left out.
    Held-out sentences are those of English's domain.  The dictionary has every word that both read
    FEWEST_OCCURRENCES times, half of them in "test", the same words whatever the copier.
    """
    (first, second), read = LANGUAGES, [
        load_corpus(("en",), (domain,), half=half, overlap="dropped")
        for domain, half in zip(domains, ("even", "odd"), strict=True)
    ]  # fmt: skip
    own, other = (corpus.train["en"] for corpus in read)
    counts = [_counted(texts) for texts in (own, other)]
    dictionary: dict[str, list[tuple[str, str]]] = {"train": [], "test": []}
    for word, count in counts[0].most_common():
        if min(count, counts[1][word]) >= FEWEST_OCCURRENCES:
            part = "test" if _share(word) < 0.5 else "train"
            dictionary[part].append((word, copier.word(word)))

    def copied(texts: list[str]) -> list[str]:
        return [copier.text(text) for text in texts]

    return Corpus(
        languages=LANGUAGES,
        train={first: own, second: copied(other)},
        dev={first: read[0].dev["en"], second: copied(read[0].dev["en"])},
        test={first: read[0].test["en"], second: copied(read[0].test["en"])},
        dictionary=dictionary,
        checksum=hashlib.sha256("".join(part.checksum for part in read).encode()).hexdigest(),
    )


def _counted(texts: Iterable[str]) -> Counter:
    return Counter(run for text in texts for run in _RUN.findall(text.lower()))


def _turned(tags: tuple[str, ...]) -> tuple[str, ...]:
    """BIO tags from the last word to the first: what ended an entity now begins it."""
    turned = []
    for tag, after in zip(tags, (*tags[1:], "O"), strict=True):
        mark, dash, name = tag.partition("-")
        ends = after != f"I-{name}"
        turned.append(tag if mark == "O" else ("B" if ends else "I") + dash + name)
    return tuple(reversed(turned))


@cache
def _share(text: str) -> float:
    """A number from 0 to 1 that depends on the text alone, evenly spread."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) / 2**64
