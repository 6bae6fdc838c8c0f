"""Text whose words are exchanged: for translations, or for themselves in another script.

`code_switch` gives the *extra anchors* of Conneau, Wu et al. (ACL 2020, section 4.2), which switches
languages within a sentence so that the two have more strings in common.

`CopyText` is the fake English of K et al. (ICLR 2020) and of Dufter and Schütze (EMNLP 2020): two
languages of real statistics that are alike in all but their letters.  The translation of every word
is known, held-out sentences are parallel by themselves, and what is labelled in English is labelled
in the copy.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from typing import Literal

import numpy as np
from pydantic import Field

from isomorph.config import Config
from isomorph.text.corpora import FEWEST_OCCURRENCES, Corpus, load_corpus
from isomorph.text.examples import PAIR, TAG, TREE, Examples
from isomorph.text.tokens import check_texts

# A dictionary word is kept with probability 0.7; no more than 15% of a batch's words change.
KEEP, CAP = 0.7, 0.15

# A run of letters, or an apostrophe that ends an elided word (French l'homme is l' and homme).
WORDS = re.compile(r"[^\W\d_]+(?:['’](?![^\W\d_]))?|\s+|[^\w\s]|[\d_]+")
UNSPACED = re.compile(r"[\u3400-\u9fff]")

Domains = Literal["bible", "help", "bible+help"]
LETTERS = "abcdefghijklmnopqrstuvwxyz"
# Armenian, which has case and letters to spare; a letter with an accent stays what it is.
COPIED = "".join(chr(0x561 + i) for i in range(len(LETTERS)))
_TABLE = str.maketrans(LETTERS + LETTERS.upper(), COPIED + COPIED.upper())
_RUN = re.compile(r"[^\W\d_]+")


def by_word(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Each word's translations; words case-folded, as text is compared."""
    translations: dict[str, list[str]] = {}
    for word, translation in pairs:
        translations.setdefault(word.casefold(), []).append(translation)
    return translations


def code_switch(
    sentences: list[str],
    translations: Mapping[str, list[str]],
    generator: np.random.Generator,
    keep: float = KEEP,
    cap: float = CAP,
) -> list[str]:
    """Replace dictionary words of one batch by a translation, of `by_word`'s: the extra anchors.

    Each dictionary word is kept with probability `keep`, else one of its translations is drawn, all
    as likely (the paper weighs them by PanLex's quality score); at most `cap` of the batch's words
    change. Where words are not spaced (Chinese), the longest dictionary word from the left is a word,
    and any other character one of its own.
    Raises ValueError, naming the sentence, where one is no string.
    """
    check_texts(sentences, "sentences[{}]", empty=True)
    pieces = [split_words(sentence, translations) for sentence in sentences]
    words = [
        (s, w) for s, row in enumerate(pieces) for w, piece in enumerate(row) if piece.isalpha()
    ]
    chosen = [
        (s, w)
        for s, w in words
        if pieces[s][w].casefold() in translations and generator.random() >= keep
    ]
    limit = int(cap * len(words))
    if len(chosen) > limit:
        chosen = [chosen[i] for i in generator.choice(len(chosen), limit, replace=False)]
    for s, w in chosen:
        options = translations[pieces[s][w].casefold()]
        drawn = options[generator.integers(len(options))]
        # A word of a spaced language must not run into its unspaced neighbours.
        pieces[s][w] = f" {drawn} " if UNSPACED.search(pieces[s][w]) else drawn
    return ["".join(row) for row in pieces]


def split_words(sentence: str, translations: Mapping[str, list[str]]) -> list[str]:
    """A sentence as words, spaces and marks, which together are the sentence again."""
    pieces = []
    for piece in WORDS.findall(sentence):
        pieces += _longest_first(piece, translations) if UNSPACED.search(piece) else [piece]
    return pieces


def _longest_first(text: str, translations: Mapping[str, list[str]]) -> list[str]:
    at, words = 0, []
    while at < len(text):
        size = next((n for n in range(8, 1, -1) if text[at : at + n] in translations), 1)
        words.append(text[at : at + size])
        at += len(words[-1])
    return words


class CopyText(Config):
    """English that ships, and its copy in letters of another script."""

    kind: Literal["copy"] = "copy"
    domains: tuple[Domains, Domains] = ("bible", "bible")
    # Share of words, as types, that are spelt alike in both. A hash of the word and the seed decides
    # which, so every text of a seed agrees, and any word has its copy.
    anchors: float = Field(default=0.0, ge=0, le=1)
    # Of the copy's words: "reversed" is last word first (Dufter and Schütze 2020).
    order: Literal["same", "reversed"] = "same"
    seed: int = Field(default=0, ge=0)

    @property
    def languages(self) -> tuple[str, str]:
        return ("en", "copy")

    def word(self, word: str) -> str:
        """Letter for letter, a bijection; numbers and marks stay."""
        return _RUN.sub(lambda run: self._spelt(run[0]), word)

    def text(self, text: str) -> str:
        pieces = WORDS.findall(text) if self.order == "reversed" else [text]
        return "".join(map(self.word, reversed(pieces)))

    def copied(self, english: Examples) -> Examples:
        """Labelled English as labelled copy: pairs, tagged words and trees."""
        items = (self._example(english.task, item) for item in english.items)
        return replace(english, items=tuple(items))

    def _spelt(self, run: str) -> str:
        kept = self.anchors and _share(f"{self.seed} {run.lower()}") < self.anchors
        return run if kept else run.translate(_TABLE)

    def _example(self, task: str, item):
        if task == PAIR:
            second = None if item.second is None else self.text(item.second)
            return replace(item, first=self.text(item.first), second=second)
        parts = {"words": tuple(map(self.word, item.words))}
        if self.order == "reversed":
            parts["words"] = parts["words"][::-1]
            if task == TREE:
                count = len(item.words) + 1
                parts["heads"] = tuple(head and count - head for head in reversed(item.heads))
                parts["relations"] = item.relations[::-1]
            else:
                parts["tags"] = _turned(item.tags) if task == TAG else item.tags[::-1]
        return replace(item, **parts)

    def corpus(self) -> Corpus:
        """English, and the copy of the English that it does not read.

        English has the even half of its domain and the copy the odd half of its own, near copies left
        out. Held-out sentences are those of English's domain. The dictionary has every word that both
        read FEWEST_OCCURRENCES times, half of them in "test", the same words whatever the copy.
        """
        english, other = (
            load_corpus(("en",), (domain,), half=half, overlap="dropped")
            for domain, half in zip(self.domains, ("even", "odd"), strict=True)
        )
        counts = [
            Counter(run for text in part.train["en"] for run in _RUN.findall(text.lower()))
            for part in (english, other)
        ]
        dictionary: dict[str, list[tuple[str, str]]] = {"train": [], "test": []}
        for word, count in counts[0].most_common():
            if min(count, counts[1][word]) >= FEWEST_OCCURRENCES:
                part = "test" if _share(word) < 0.5 else "train"
                dictionary[part].append((word, self.word(word)))
        parts = ((english.train, other.train), (english.dev,) * 2, (english.test,) * 2)
        texts = ({"en": a["en"], "copy": [*map(self.text, b["en"])]} for a, b in parts)
        checksum = hashlib.sha256((english.checksum + other.checksum).encode()).hexdigest()
        return Corpus(self.languages, *texts, dictionary, checksum)


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
