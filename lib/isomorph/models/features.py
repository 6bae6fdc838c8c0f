"""Labelled examples as tensors: subwords, the first subword of each word, and what is to be found.

Tags and trees stand on first subwords, as in Conneau, Wu et al. (ACL 2020, section 3.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from isomorph.text.examples import PAIR, SCORE, TREE
from isomorph.text.tokens import encodings, word_tokens

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from isomorph.text.examples import Examples

SIDES = ("first", "second")
IGNORED = -100  # the target of a position that is not scored, as in PyTorch's cross entropy


@dataclass(frozen=True)
class Encoded:
    """One example as numbers; its words' places are those the encoder has room for.

    words: the place of each word's first subword. targets: of a pair its label or score, else one a
    word.
    heads: one a word, 0 the root, IGNORED where the head was cut off; empty unless a tree.
    """

    ids: list[int]
    segments: list[int]
    words: list[int]
    targets: list[int] | list[float]
    heads: list[int]


@dataclass(frozen=True)
class Features:
    """A batch. Tensors are (batch, time), (batch, words) or, lengths, (batch,).

    content is False on padding and special tokens. words are places in time, 0 beyond a row's
    length; the narrowest are (batch, 1). targets of pairs are (batch, 1). heads are (batch, 0)
    unless these are trees.
    """

    ids: Tensor
    attention: Tensor
    content: Tensor
    segments: Tensor
    words: Tensor
    lengths: Tensor
    targets: Tensor
    heads: Tensor

    def to(self, device) -> Features:
        return Features(**{part.name: getattr(self, part.name).to(device) for part in fields(self)})


def encode(
    examples: Examples,
    tokenizer: PreTrainedTokenizerFast,
    names: Sequence[str],
    *,
    longest: int | None,
    longest_sentence: int | None = None,
) -> list[Encoded]:
    """Each example as numbers, none longer than `longest` tokens, special ones included.

    names: the labels, tags or relations by number; one that is not among them is IGNORED, so that
    nothing is learnt from it. longest_sentence: cut each sentence of a pair to so many tokens, its
    [CLS] or [SEP] included, in place of the two together. An empty text is read as nothing.
    Raises ValueError, naming the example, where a text or word is no string.
    """
    number = {name: i for i, name in enumerate(names)}
    if examples.task in (PAIR, SCORE):
        return _pairs(examples, tokenizer, number, longest, longest_sentence)
    texts = [item.words for item in examples.items]
    read = encodings(tokenizer, texts, longest=longest, names=(named("words"), ""))
    return [
        _words(item, encoding, number, examples.task == TREE)
        for item, encoding in zip(examples.items, read, strict=True)
    ]


def named(part: str) -> str:
    """What the part of an example is called in errors of `isomorph.text.tokens`."""
    return f"examples.items[{{}}].{part}"


def collate(rows: Sequence[Encoded], pad: int, special: Sequence[int]) -> Features:
    """Some encoded examples as one batch; `special` are the ids that are no text."""
    ids = _padded([row.ids for row in rows], pad)
    attention = _padded([[1] * len(row.ids) for row in rows], 0)
    return Features(
        ids=ids,
        attention=attention,
        content=attention.bool() & ~torch.isin(ids, torch.tensor(special)),
        segments=_padded([row.segments for row in rows], 0),
        words=_padded([row.words or [0] for row in rows], 0),
        lengths=torch.tensor([len(row.words) for row in rows]),
        targets=_padded([row.targets for row in rows], IGNORED),
        heads=_padded([row.heads for row in rows], IGNORED),
    )


def _pairs(examples, tokenizer, number, longest, longest_sentence) -> list[Encoded]:
    firsts, seconds = ([getattr(item, side) for item in examples.items] for side in SIDES)
    names = tuple(map(named, SIDES))
    if None in seconds:
        if any(second is not None for second in seconds):
            raise ValueError(
                "some examples have a second text and some have none; allowed is one of both."
            )
        single = longest if longest_sentence is None else longest_sentence
        found = encodings(tokenizer, firsts, longest=single, names=names)
        read = [(encoding.ids, [0] * len(encoding.ids)) for encoding in found]
    elif longest_sentence is None:
        found = encodings(tokenizer, firsts, seconds, longest=longest, names=names)
        read = [(encoding.ids, encoding.type_ids) for encoding in found]
    else:
        alone = [
            encodings(
                tokenizer, side, special=False, longest=longest_sentence - 2, names=(name, "")
            )
            for side, name in zip((firsts, seconds), names, strict=True)
        ]
        start, end = tokenizer.cls_token_id, tokenizer.sep_token_id
        read = [
            ([start, *a.ids, end, *b.ids, end], [0] * (len(a) + 2) + [1] * (len(b) + 1))
            for a, b in zip(*alone, strict=True)
        ]
    if examples.task == SCORE:
        answers = [item.score for item in examples.items]
    else:
        answers = [number.get(item.label, IGNORED) for item in examples.items]
    return [
        Encoded(ids, segments, [], [answer], [])
        for (ids, segments), answer in zip(read, answers, strict=True)
    ]


def _words(item, encoding, number, is_tree: bool) -> Encoded:
    first = {word: own[0] for word, own in enumerate(word_tokens(encoding, item.words)) if own}
    # A word of which the tokeniser leaves nothing keeps its turn, at the first token of the text.
    count = 1 + max(first, default=-1)
    places = [first.get(word, 0) for word in range(count)]
    targets = [number.get(n, IGNORED) for n in (item.relations if is_tree else item.tags)[:count]]
    heads = [h if h <= count else IGNORED for h in item.heads[:count]] if is_tree else []
    return Encoded(encoding.ids, [0] * len(encoding.ids), places, targets, heads)


def _padded(rows: list[list], value: int) -> Tensor:
    """(rows, longest): float32 where scores are among them, else int64."""
    width = max(map(len, rows))
    padded = torch.tensor([row + [value] * (width - len(row)) for row in rows])
    return padded if width and padded.is_floating_point() else padded.long()
