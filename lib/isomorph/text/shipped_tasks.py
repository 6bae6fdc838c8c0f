"""Labelled examples made of the shipped text, with the same gold labels in all its languages.

*Passage relation* (the shape of natural language inference): B follows A, stands elsewhere in the
same chapter or help page, or in another document.  *Interface terms* (the shape of named entity
recognition): menu, key and input terms in help paragraphs, marked by their authors.  *Orders*:
passages whose sentences are shuffled, alike in every language.

*Phrases* that say the same: two English translations of a verse, aligned by what differs, in place
of the phrase and sentence paraphrases of Arase and Tsujii (2019).  Words that both have, in the same
order, hold the two together, and what stands between two such words in one is taken to say what
stands there in the other: "took the measure of" and "measured", "waste land" and "wilderness", "say
to" and "tell".  Some are loose ("the Lord had said", "Yahweh commanded him"), and some are chance
("cause", "Redeemer").  Samples of them were read, and nothing was corrected.

Training items come from training text, development and test items from held-out text only.  Each
reader is of a source, a line of `isomorph.text.tasks.SOURCES`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from isomorph.text import examples as kinds
from isomorph.text.examples import Examples, Span, drawn, shuffled, taken
from isomorph.text.shipped import read_table

if TYPE_CHECKING:
    from isomorph.text.tasks import Source

RELATIONS = ("follows", "same", "elsewhere")
KINDS = ("MENU", "KEY", "INPUT")
TAGS = ("O", *(f"{mark}-{kind}" for kind in KINDS for mark in "BI"))

_WORDS = re.compile(r"[^\W_]+(?:[-'’][^\W_]+)*|[^\w\s]|_")
_WORDS_OR_HAN = re.compile(r"[\u3400-\u9fff]|(?:(?![\u3400-\u9fff])[^\W_])+|[^\w\s]|_")

SENTENCES = 5  # a passage, as many as a story has
# Of identifiers, as in the task of passage relation: in the help, headings and untranslated lines
# stand between.
LONGEST_GAP = {"bible": 1, "help": 3}
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


def split_words(text: str, language: str) -> list[str]:
    """Words and single punctuation marks; in Chinese single characters, other letters as words."""
    return (_WORDS_OR_HAN if language == "zh" else _WORDS).findall(text)


def relation(source: Source, language: str, split: str, count: int | None) -> Examples:
    """Pairs of passages.  The classes are balanced, and every passage is A, or B, as often in each
    class as in the others."""
    parallel = read_table(f"text/{source.config}.parquet", ["id", language])[:]
    text = dict(zip(parallel["id"], parallel[language], strict=True))
    name = f"{source.key} {language} {split}"
    items = (
        kinds.PairExample(text[row["id_a"]], text[row["id_b"]], RELATIONS[row["label"]])
        for row in taken(_relations(source.config, split), count, name)
    )
    return Examples(source.kind, source.labels, tuple(items), name)


def passage_chapters(split: str) -> tuple[list[str], list[str]]:
    """The chapters of the first and of the second text of all of the Bible's pairs, one by one."""
    parallel = read_table("text/bible.parquet", ["id", "group"])[:]
    chapter = dict(zip(parallel["id"], parallel["group"], strict=True))
    rows = _relations("bible", split)
    return [chapter[row["id_a"]] for row in rows], [chapter[row["id_b"]] for row in rows]


def _relations(domain: str, split: str) -> list[dict]:
    rows = read_table("tasks/passage_relation.parquet").to_list()
    return [row for row in rows if row["split"] == split and row["domain"] == domain]


def terms(source: Source, language: str, split: str, count: int | None) -> Examples:
    """Help paragraphs as words with BIO tags."""
    columns = ["split", f"tokens_{language}", f"tags_{language}"]
    rows = read_table("tasks/interface_terms.parquet", columns).to_list()
    name = f"{source.key} {language} {split}"
    items = (
        kinds.TaggedExample(tuple(row[columns[1]]), tuple(TAGS[tag] for tag in row[columns[2]]))
        for row in taken([row for row in rows if row["split"] == split], count, name)
    )
    return Examples(source.kind, source.labels, tuple(items), name)


def orders(source: Source, language: str, split: str, count: int | None) -> Examples:
    """Passages of SENTENCES rows that follow each other in one chapter or help page, shuffled.

    Passages share no row; what is left at the end of a chapter is dropped.  Examples are
    translations of each other by position: the same passages in the same order.
    """
    domain = source.config
    columns = ["id", "group", "split", language]
    rows = zip(*read_table(f"text/{domain}.parquet", columns)[:].values(), strict=True)
    chapters = groupby((row for row in rows if row[2] == split), key=lambda row: row[1])
    passages = [
        passage
        for _, chapter in chapters
        for passage in _passages([(i, text) for i, _, _, text in chapter], LONGEST_GAP[domain])
    ]
    return shuffled(passages, count, f"ordering {domain} {language} {split}")


def _passages(rows: list[tuple[int, str]], gap: int) -> Iterator[tuple[int, list[str]]]:
    """(identifier of the first row, texts) of each passage of one chapter's (identifier, text)."""
    run: list[tuple[int, str]] = []
    for row in rows:
        if run and row[0] - run[-1][0] > gap:
            run = []
        run.append(row)
        if len(run) == SENTENCES:
            yield run[0][0], [text for _, text in run]
            run = []


def phrases(source: Source, language: str, split: str, count: int | None) -> Examples:
    """Two texts each, whether one verse, and pairs of their phrases, from the shipped paraphrases.

    The first text is a verse in the Bible in Basic English. Of
    every two examples, the second text of one is the same verse in the World English Bible. Its
    `aligned` phrases are paraphrases, and paired with the next phrase's they are as many that are
    not, so a phrase alone, or its length, tells nothing. Of the other example, the second text is a
    verse NEAREST or less away, and the phrases of both, paired at random, are no paraphrases. So of
    all phrase pairs some third are paraphrases, and half of those inside one verse. A pair of words
    that are aligned anywhere in the split is never a wrong one. Verses with fewer than FEWEST pairs
    are left out.
    """
    name = f"phrases bible en {split}"
    verses = _verses(split)
    paraphrases = {
        _worded(first, second, pair) for _, first, second, phrases in verses for pair in phrases
    }
    items = []
    order = drawn(len(verses), count, name).tolist()
    for place, rank in sorted((place, rank) for rank, place in enumerate(order)):
        number, first, second, phrases = verses[place]
        same = rank % 2 == 0
        if same:
            wrong = re_paired(phrases)
        else:
            generator = np.random.default_rng([0, number])
            away = int(generator.integers(1, NEAREST + 1)) * int(generator.choice([-1, 1]))
            _, _, second, others = verses[(place + away) % len(verses)]
            # As many as the verse that has fewer allows.
            ones, twos = (generator.permutation(len(side)) for side in (phrases, others))
            wrong = [(phrases[a][0], others[b][1]) for a, b in zip(ones, twos, strict=False)]
        spans = [(*pair, True) for pair in phrases] if same else []
        spans += [
            (*pair, False) for pair in wrong if _worded(first, second, pair) not in paraphrases
        ]
        items.append(kinds.PhraseExample(first, second, same, tuple(sorted(spans))))
    return Examples(kinds.PHRASES, (), tuple(items), name)


@cache  # seconds, and a run asks for its split more than once
def _verses(split: str) -> list[tuple[int, tuple[str, ...], tuple[str, ...], list]]:
    """(id, first words, second words, aligned phrases) of each verse that has enough of these."""
    verses = []
    for row in read_table("tasks/paraphrases.parquet").to_list():
        if row["split"] == split:
            first, second = (tuple(split_words(row[side], "en")) for side in ("first", "second"))
            phrases = aligned(first, second)
            if len(phrases) >= FEWEST:
                verses.append((row["id"], first, second, phrases))
    return verses


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


def _worded(first: Sequence[str], second: Sequence[str], pair: tuple[Span, Span]):
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
