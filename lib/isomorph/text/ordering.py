"""Texts to put in order: shuffled sentences, with the place that each had.

Passages of the shipped text, the same ones shuffled alike in every language, and two sets of short
stories, of which no copy on the hub may be named: they come from a mirror, as its "local" sets.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np

from isomorph.text import judged
from isomorph.text.corpora import require
from isomorph.text.examples import ORDER, SPLITS, Examples, OrderExample
from isomorph.text.fetch import DataUnavailable, load_hub, named
from isomorph.text.shipped import DOMAINS, LANGUAGES
from isomorph.text.tables import drawn, read_table

SENTENCES = 5  # a passage, as many as a story has
# Of identifiers, as in the task of passage relation: in the help, headings and untranslated lines
# stand between.
LONGEST_GAP = {"bible": 1, "help": 3}
STORIES = ("rocstories", "sind")
DEV_SHARE = 10  # one story in ten


def shipped_orders(
    domain: str, language: str, split: str, count: int | None = None, *, seed: int = 0
) -> Examples:
    """Passages of SENTENCES rows that follow each other in one chapter or help page, shuffled.

    domain: "bible" or "help".  split: "train", "dev" or "test", of the shipped text, in which no
    chapter or page is in two.  Passages share no row; what is left at the end of a chapter is
    dropped.  seed: of the shuffling.  Examples are translations of each other by position: the same
    passages in the same order, whatever the language.
    count: how many to take; they are chosen at random, and fewer are among more.  None takes all.
    Raises ValueError for anything else or more than there are.
    """
    require("domain", domain, DOMAINS)
    require("language", language, LANGUAGES)
    require("split", split, SPLITS)
    columns = ["id", "group", "split", language]
    table = read_table(f"text/{domain}.parquet", columns)[:]
    rows = zip(*(table[name] for name in columns), strict=True)
    chapters = groupby((row for row in rows if row[2] == split), key=lambda row: row[1])
    passages = [
        passage
        for _, chapter in chapters
        for passage in _passages([(i, text) for i, _, _, text in chapter], LONGEST_GAP[domain])
    ]
    return _examples(passages, count, seed, f"ordering {domain} {language} {split}")


def story_orders(name: str, split: str, count: int | None = None, *, seed: int = 0) -> Examples:
    """English stories of a mirror, shuffled.

    name: "rocstories" or "sind".  split: "train", "dev" (the mirror's "validation") or "test".
    Where a mirror has no "train", its "validation" is parted: a fixed random tenth is "dev" and the
    rest "train", and ``Examples.source`` says so.  seed, count: as in `shipped_orders`.  A story
    that says a sentence twice has no one order and is left out.
    Raises ValueError for anything else or more than there are, hub.DataUnavailable.
    """
    require("name", name, STORIES)
    require("split", split, SPLITS)
    if split == "test":
        return _examples(_stories(name, split), count, seed, f"ordering {name} {split}")
    validation, source = _stories(name, "validation"), f"ordering {name} validation"
    try:
        train = _stories(name, "train")
    except DataUnavailable:
        held_out = -(-len(validation) // DEV_SHARE)
        shuffled = drawn(len(validation), None, source)
        first, last = (0, held_out) if split == "dev" else (held_out, len(validation))
        kept = [validation[i] for i in np.sort(shuffled[first:last])]
        return _examples(kept, count, seed, f"{source}, part {split}")
    if split == "dev":
        return _examples(validation, count, seed, source)
    return _examples(train, count, seed, f"ordering {name} {split}")


def _stories(name: str, split: str) -> list[tuple[int, tuple[str, ...]]]:
    """(number, sentences) of those stories of a split of the mirror which have one order."""
    where = ("local/sentence-ordering", name, split)
    told = judged.examples_of(
        load_hub(*where), ("sentences",), lambda row: judged.texts(row, "sentences"), named(*where)
    )
    return [(i, story) for i, story in enumerate(told) if 1 < len(story) == len(set(story))]


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


def _examples(
    texts: Sequence[tuple[int, Sequence[str]]], count: int | None, seed: int, source: str
) -> Examples:
    """(number, sentences) of each text, shuffled by its number and the seed alone."""
    if not texts:
        raise ValueError(f"{source} has no text to put in order; one at least is needed.")
    if count is not None:
        texts = [texts[i] for i in np.sort(drawn(len(texts), count, source))]
    items = tuple(_shuffled(sentences, [seed, number]) for number, sentences in texts)
    return Examples(ORDER, (), items, source)


def _shuffled(sentences: Sequence[str], seed: list[int]) -> OrderExample:
    # Every order is as likely, the right one too: guessing scores what chance says.
    places = np.random.default_rng(seed).permutation(len(sentences)).tolist()
    return OrderExample(tuple(sentences[place] for place in places), tuple(places))
