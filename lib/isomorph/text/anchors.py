"""Extra anchors: pretraining text in which some words are replaced by a translation.

The *extra anchors* of Conneau, Wu et al. (ACL 2020, section 4.2), which switches languages within a
sentence so that the two have more strings in common.
"""

import re
from collections.abc import Iterable, Mapping

import numpy as np

from isomorph.text.tokens import check_texts

# A dictionary word is kept with probability 0.7; no more than 15% of a batch's words change.
KEEP, CAP = 0.7, 0.15

# A run of letters, or an apostrophe that ends an elided word (French l'homme is l' and homme).
WORDS = re.compile(r"[^\W\d_]+(?:['’](?![^\W\d_]))?|\s+|[^\w\s]|[\d_]+")
UNSPACED = re.compile(r"[\u3400-\u9fff]")


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
    """Replace dictionary words by a translation.

    `sentences` are those of one batch, `translations` as `by_word` gives them. Each dictionary word
    is kept with probability `keep`, else one of its translations is drawn; at most `cap` of the
    batch's words change. The paper weighs translations by PanLex's quality score; our dictionaries
    have none, so each is as likely. Where words are not spaced (Chinese), the longest dictionary
    word from the left is a word, and any other character one of its own.
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
