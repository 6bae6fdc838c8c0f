"""Phrases that say the same: two English translations of a verse, aligned by what differs.

In place of the phrase and sentence paraphrases of Arase and Tsujii (2019). Words that both have, in
the same order, hold the two together, and what stands between two such words in one is taken to say
what stands there in the other: "took the measure of" and "measured", "waste land" and "wilderness",
"say to" and "tell". Some are loose ("the Lord had said", "Yahweh commanded him"), and some are
chance ("cause", "Redeemer"). They are stretches that differ, never words that both texts have.
Samples of them were read, and nothing was corrected.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher
from functools import cache

import numpy as np

from isomorph.text.corpora import require
from isomorph.text.examples import (
    PHRASES,
    SPLITS,
    Examples,
    PhraseExample,
    Span,
)
from isomorph.text.shipped_tasks import split_words
from isomorph.text.tables import drawn, read_table

LONGEST = 6  # words a phrase
HELD_BY = 3  # equal words or marks on both sides together: one on each is often a chance match
EDGE = 2  # so many of them the beginning or end of a text is worth
FEWEST = 2  # phrase pairs a verse, so that each has another to be confused with
NEAREST = 5  # places in the file to another verse at most, so that it speaks of the same things
_FUNCTION_WORDS = (
    "a about after all am an and are as at be because been but by can did do does for from had has "
    "have he her him his i if in into is it its let may me my no not now of off on one or our out "
    "over shall she so that the their them then there these they this those till to up upon us was "
    "we were what when which who will with would you your"
)
FUNCTION_WORDS = frozenset(_FUNCTION_WORDS.split())


def phrase_examples(split: str, count: int | None = None, *, seed: int = 0) -> Examples:
    """Two texts each, whether one verse, and pairs of their phrases, from the shipped paraphrases.

    split: "train", "dev" or "test". The first text is a verse in the Bible in Basic English. Of
    every two examples, the second text of one is the same verse in the World English Bible. Its
    `aligned` phrases are paraphrases, and paired with the next phrase's they are as many that are
    not, so a phrase alone, or its length, tells nothing. Of the other example, the second text is a
    verse NEAREST or less away, and the phrases of both, paired at random, are no paraphrases. So of
    all phrase pairs some third are paraphrases, and half of those inside one verse. A pair of words
    that are aligned anywhere in the split is never a wrong one. Verses with fewer than FEWEST pairs
    are left out.
    count: how many to take; they are chosen at random, and fewer are among more. None takes all.
    seed: of which have another verse, which one, and how its phrases are paired.
    Raises ValueError for anything else or more than there are.
    """
    require("split", split, SPLITS)
    source = f"phrases bible en {split}"
    verses = _verses(split)
    order = drawn(len(verses), count, source).tolist()
    paraphrases = {
        _texts(first, second, pair) for _, first, second, phrases in verses for pair in phrases
    }
    items = []
    for place, rank in sorted((place, rank) for rank, place in enumerate(order)):
        number, first, second, phrases = verses[place]
        same = (rank + seed) % 2 == 0
        if same:
            wrong = re_paired(phrases)
        else:
            generator = np.random.default_rng([seed, number])
            away = int(generator.integers(1, NEAREST + 1)) * int(generator.choice([-1, 1]))
            _, _, second, others = verses[(place + away) % len(verses)]
            wrong = _across(phrases, others, generator)
        spans = [(*pair, True) for pair in phrases] if same else []
        spans += [
            (*pair, False) for pair in wrong if _texts(first, second, pair) not in paraphrases
        ]
        items.append(PhraseExample(first, second, same, tuple(sorted(spans))))
    return Examples(PHRASES, (), tuple(items), source)


def aligned(first: Sequence[str], second: Sequence[str]) -> list[tuple[Span, Span]]:
    """Phrases of two texts that stand for each other, as (start, end exclusive), in order.

    first, second: words. The longest equal runs of words in the same order, letter case aside, are
    matched. A stretch between two runs that have HELD_BY words or more together is a phrase where
    the other text has another stretch there. Punctuation marks at its ends are cut off. Then it
    has 1 to LONGEST words, no mark, and one word at least that is not of FUNCTION_WORDS. No two
    phrases of a text are the same words.
    """
    words = [[word.casefold() for word in side] for side in (first, second)]
    blocks = SequenceMatcher(None, *words, autojunk=False).get_opcodes()
    found, seen = [], (set(), set())
    for place, (kind, *bounds) in enumerate(blocks):
        around = [*blocks[max(0, place - 1) : place], *blocks[place + 1 : place + 2]]
        held = EDGE * (2 - len(around)) + sum(end - start for _, start, end, *_ in around)
        if kind != "replace" or held < HELD_BY:
            continue
        spans = [
            _trimmed(side, start, end)
            for side, start, end in zip(words, bounds[::2], bounds[1::2], strict=True)
        ]
        texts = [tuple(side[slice(*span)]) for side, span in zip(words, spans, strict=True)]
        fresh = all(text not in known for text, known in zip(texts, seen, strict=True))
        if fresh and texts[0] != texts[1] and all(map(_is_phrase, texts)):
            found.append(tuple(spans))
            for text, known in zip(texts, seen, strict=True):
                known.add(text)
    return found


def re_paired(phrases: Sequence[tuple[Span, Span]]) -> list[tuple[Span, Span]]:
    """The same phrases, each with another's counterpart: two neighbours swap, or three in turn.

    Neighbours, for that a phrase stands at about the same place in both texts tells much.
    Raises ValueError for one phrase pair alone.
    """
    if len(phrases) == 1:
        raise ValueError("phrases has 1 pair; allowed are none or at least 2.")
    starts = list(range(0, len(phrases) - 1, 2))
    groups = [list(phrases[a:b]) for a, b in zip(starts, [*starts[1:], None], strict=True)]
    return [
        (own, other)
        for group in groups
        for (own, _), (_, other) in zip(group, [*group[1:], group[0]], strict=True)
    ]


def _across(phrases, others, generator) -> list[tuple[Span, Span]]:
    """As many pairs of phrases of two verses as the one that has fewer allows."""
    ones, twos = generator.permutation(len(phrases)), generator.permutation(len(others))
    return [(phrases[a][0], others[b][1]) for a, b in zip(ones, twos, strict=False)]


@cache  # seconds, and a run asks for its split more than once
def _verses(split: str) -> list[tuple[int, tuple[str, ...], tuple[str, ...], list]]:
    """(id, first words, second words, aligned phrases) of each verse that has enough of these."""
    found = []
    for row in read_table("tasks/paraphrases.parquet").to_list():
        if row["split"] == split:
            first, second = (tuple(split_words(row[side], "en")) for side in ("first", "second"))
            phrases = aligned(first, second)
            if len(phrases) >= FEWEST:
                found.append((row["id"], first, second, phrases))
    return found


def _texts(first: Sequence[str], second: Sequence[str], pair: tuple[Span, Span]):
    """The words of a pair of phrases, letter case aside."""
    return tuple(
        tuple(word.casefold() for word in side[slice(*span)])
        for side, span in zip((first, second), pair, strict=True)
    )


def _trimmed(words: Sequence[str], start: int, end: int) -> Span:
    while start < end and not _is_word(words[start]):
        start += 1
    while start < end and not _is_word(words[end - 1]):
        end -= 1
    return start, end


def _is_word(word: str) -> bool:
    return any(map(str.isalnum, word))


def _is_phrase(words: Sequence[str]) -> bool:
    content = any(word not in FUNCTION_WORDS for word in words)
    return 1 <= len(words) <= LONGEST and content and all(map(_is_word, words))
