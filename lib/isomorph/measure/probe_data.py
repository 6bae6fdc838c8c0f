"""What probes of hidden states are asked about: spans of words with a label, sentences with a tree.

Tenney et al. (2019) bring many tasks into the form of labelled spans. A part of speech is a label of
one word, an entity's type that of a few words, and a relation that of two spans.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from isomorph.text.examples import SPEECH, TAG, TREE

if TYPE_CHECKING:
    from isomorph.measure.represent import Representation
    from isomorph.text.examples import Examples

PUNCTUATION = ("punct",)  # the relations whose words do not count where trees are scored
# First span, second span or None, label, and the words of the first; spans are (start, end) in words.
Labelled = tuple[tuple[int, int], tuple[int, int] | None, str, str]


@dataclass(frozen=True)
class Spans:
    """Labelled spans, or pairs of spans, and the vectors of all words at each layer.

    The vectors may be on any device; everything else is on the CPU.

    layers: layer -> (n_words, width); not copied, so many tasks share one representation.
    first: (n, 2) rows of the vectors where each span starts and ends; the end is the first row
        behind it.
    second: the same of the other span; None where the label is of one span.
    labels: (n,) numbers of the labels in `names`.
    types: (n,) the words of the first span, by which control tasks tell word types apart.
    left_out: how many labelled spans have no vector, since the encoder has not read all of them.
    """

    layers: dict[int, Tensor]
    first: Tensor
    second: Tensor | None
    labels: Tensor
    names: tuple[str, ...]
    types: tuple[str, ...]
    left_out: int = 0

    def __post_init__(self):
        n, shapes = len(self.labels), {tuple(vectors.shape) for vectors in self.layers.values()}
        if not n or not self.names:
            raise ValueError("labels or names is empty; at least one of each is needed.")
        if len(shapes) != 1 or len(rows := shapes.pop()) != 2:
            raise ValueError("layers has no vectors of one shape; allowed is one (n_words, width).")
        for name, spans in {"first": self.first, "second": self.second}.items():
            if spans is not None and (
                spans.shape != (n, 2)
                or not (spans[:, 0] >= 0).all()
                or not (spans[:, 0] < spans[:, 1]).all()
                or not (spans[:, 1] <= rows[0]).all()
            ):
                raise ValueError(
                    f"{name} is {tuple(spans.shape)}; for {n} labels allowed is ({n}, 2), each span "
                    f"with 0 <= start < end <= {rows[0]}, the rows of vectors."
                )
        if self.labels.min() < 0 or self.labels.max() >= len(self.names) or len(self.types) != n:
            raise ValueError(
                f"labels has {int(self.labels.min())} to {int(self.labels.max())} and types "
                f"{len(self.types)} entries; allowed is 0 to {len(self.names) - 1} and {n}."
            )

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def shares(self) -> Tensor:
        """How frequent each label is, (names,) in float64, the sum being 1."""
        counts = torch.bincount(self.labels, minlength=len(self.names)).double()
        return counts / counts.sum()


def tag_spans(representation: Representation, examples: Examples) -> Spans:
    """Each word by itself and its tag, in the order of the texts.

    representation: of `[item.words for item in examples.items]` at level "word".
    examples: with tags. Parts of speech are such tags too.
    Raises ValueError for other examples, and when the representation does not belong to them.
    """
    _require(examples, TAG, SPEECH)
    spans = [
        [
            ((place, place + 1), None, tag, word)
            for place, (word, tag) in enumerate(zip(item.words, item.tags, strict=True))
        ]
        for item in examples.items
    ]
    return _gathered(representation, examples, spans, examples.names)


def entity_spans(representation: Representation, examples: Examples) -> Spans:
    """Each entity and its type ("PER" of "B-PER", "I-PER"), in the order of the texts.

    An "I" that continues nothing opens an entity, as in `isomorph.text.examples.span_scores`.
    Arguments and errors as of `tag_spans`; also raises ValueError where no entity is.
    """
    _require(examples, TAG)
    names = tuple(dict.fromkeys(tag[2:] for tag in examples.names if tag != "O"))
    spans = [
        [((i, j), None, kind, " ".join(item.words[i:j])) for i, j, kind in entities(item.tags)]
        for item in examples.items
    ]
    return _gathered(representation, examples, spans, names)


def edge_spans(representation: Representation, examples: Examples) -> Spans:
    """Each word and its head as two spans, and the relation between them.

    The root of a sentence has no head, so it is not among them, nor is its relation in what is
    asked. `types` has the word and not its head.
    Arguments and errors as of `tag_spans`, with trees for tags.
    """
    _require(examples, TREE)
    spans = [
        [
            ((place, place + 1), (head - 1, head), relation, word)
            for place, (word, head, relation) in enumerate(
                zip(item.words, item.heads, item.relations, strict=True)
            )
            if head
        ]
        for item in examples.items
    ]
    return _gathered(representation, examples, spans, examples.names)


def entities(tags: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    """Start, end (the first word behind it) and type of each entity in BIO tags of a sentence."""
    start, kind = 0, None
    for place, tag in enumerate([*tags, "O"]):
        continues = tag.startswith("I-") and tag[2:] == kind
        if kind is not None and not continues:
            yield start, place, kind
            kind = None
        if tag != "O" and not continues:
            start, kind = place, tag[2:]


@dataclass(frozen=True)
class Sentences:
    """Sentences, each with the vectors of all its words at each layer, and its tree.

    layers: layer -> (n_words of all, width); not copied.
    bounds: for each sentence its first row of the vectors, and the first behind it.
    heads: for each sentence and word, 0 for the root, else a position from 1.
    counted: for each sentence and word, whether it counts where trees are scored: no punctuation.
    left_out: how many sentences have words without a vector.
    """

    layers: dict[int, Tensor]
    bounds: tuple[tuple[int, int], ...]
    heads: tuple[tuple[int, ...], ...]
    counted: tuple[tuple[bool, ...], ...]
    left_out: int = 0

    def __post_init__(self):
        if not self.bounds:
            raise ValueError("bounds is empty; at least one sentence is needed.")
        rows = min((len(vectors) for vectors in self.layers.values()), default=0)
        sentences = zip(self.bounds, self.heads, self.counted, strict=True)
        for number, ((start, end), heads, counted) in enumerate(sentences):
            if not 0 <= start < end <= rows or not end - start == len(heads) == len(counted):
                raise ValueError(
                    f"sentence {number} has rows {start} to {end} of {rows}, {len(heads)} heads and "
                    f"{len(counted)} marks in counted; allowed is one of each a word."
                )

    def __len__(self) -> int:
        return len(self.bounds)


def tree_sentences(representation: Representation, examples: Examples) -> Sentences:
    """Sentences with their trees; one of which a word has no vector is left out.

    representation: of `[item.words for item in examples.items]` at level "word".
    Raises ValueError for examples without trees, when the representation does not belong to them,
    and when no sentence is left.
    """
    _require(examples, TREE)
    rows = _rows_of_words(representation, examples)
    whole = [
        (at, item)
        for at, item in zip(rows, examples.items, strict=True)
        if len(at) == len(item.words)
    ]
    return Sentences(
        layers=representation.layers,
        bounds=tuple((at[0], at[0] + len(at)) for at, _ in whole),
        heads=tuple(item.heads for _, item in whole),
        counted=tuple(
            tuple(name not in PUNCTUATION for name in item.relations) for _, item in whole
        ),
        left_out=len(rows) - len(whole),
    )


def _rows_of_words(representation: Representation, examples: Examples) -> list[dict[int, int]]:
    """For each text, the row of vectors of each of its words that has one.

    Raises ValueError when the representation has other texts, or vectors of something else than
    their words.
    """
    counts = [len(item.words) for item in examples.items]
    rows: list[dict[int, int]] = [{} for _ in counts]
    places = zip(representation.texts.tolist(), representation.positions.tolist(), strict=True)
    for row, (text, position) in enumerate(places):
        if text >= len(counts) or position >= counts[text] or position in rows[text]:
            raise ValueError(
                f"representation has a vector of word {position} of text {text}, which examples has "
                'not; allowed is one of their words at level "word".'
            )
        rows[text][position] = row
    # Vectors of whole sentences all stand at position 0.
    if max(counts, default=0) > 1 and not representation.positions.any():
        raise ValueError(
            'representation has one vector a text; allowed is one a word, so level "word".'
        )
    return rows


def _gathered(
    representation: Representation,
    examples: Examples,
    spans: list[list[Labelled]],
    names: tuple[str, ...],
) -> Spans:
    number = {name: i for i, name in enumerate(names)}
    first, second, labels, types, left_out = [], [], [], [], 0
    for at, items in zip(_rows_of_words(representation, examples), spans, strict=True):
        for one, other, label, words in items:
            if any(place not in at for span in (one, other) if span for place in range(*span)):
                left_out += 1
                continue
            if label not in number:
                raise ValueError(f"examples has the label {label!r}; allowed are its {names}.")
            # Words of a text have consecutive rows, and all words of the span have one.
            first.append((at[one[0]], at[one[1] - 1] + 1))
            if other:
                second.append((at[other[0]], at[other[1] - 1] + 1))
            labels.append(number[label])
            types.append(words)
    if not labels:
        raise ValueError(f"examples ({examples.source}) has no labelled span with a vector.")
    return Spans(
        layers=representation.layers,
        first=torch.tensor(first),
        second=torch.tensor(second) if second else None,
        labels=torch.tensor(labels),
        names=names,
        types=tuple(types),
        left_out=left_out,
    )


def _require(examples: Examples, *tasks: str) -> None:
    if examples.task not in tasks:
        allowed = " or ".join(map(repr, tasks))
        raise ValueError(f"examples has the task {examples.task!r}; allowed is {allowed}.")
