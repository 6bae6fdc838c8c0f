"""What probes of hidden states are asked about: spans of words with a label, sentences with a tree.

Tenney et al. (2019) bring many tasks into the form of labelled spans: a part of speech is a label of
one word, an entity's type that of a few, a relation that of two spans.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from isomorph.measure.represent import Representation
from isomorph.text.examples import SPEECH, TAG, TREE, Examples

PUNCTUATION = "punct"  # the relation whose words do not count where trees are scored
# First span, second span or None, label, and the words of the first; spans are (start, end) in words.
Labelled = tuple[tuple[int, int], tuple[int, int] | None, str, str]


@dataclass(frozen=True)
class Spans:
    """Labelled spans, or pairs of spans, and the vectors of all words at each layer.

    The vectors may be on any device; everything else is on the CPU.

    layers: layer -> (n_words, width); not copied, so many tasks share one representation.
    first: (n, 2) rows of the vectors where each span starts and ends, the end exclusive.
    second: the same of the other span; None where the label is of one span.
    labels: (n,) numbers of the labels in `names`.
    types: (n,) the words of the first span, by which control tasks tell word types apart.
    """

    layers: dict[int, Tensor]
    first: Tensor
    second: Tensor | None
    labels: Tensor
    names: tuple[str, ...]
    types: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def shares(self) -> Tensor:
        """How frequent each label is, (names,) in float64, the sum being 1."""
        counts = torch.bincount(self.labels, minlength=len(self.names)).double()
        return counts / counts.sum()


def labelled_spans(representation: Representation, examples: Examples, label: str) -> Spans:
    """Spans of examples with one of the labels of `LABELS`, in the order of the texts, but those that
    the encoder has not read all of.

    representation: of `[item.words for item in examples.items]` at level "word".
    label: "pos", each word and its tag; "entity", each entity and its type, of the tags; "relation",
        of trees, each word and its head, and the relation between them, but of the root.
    Raises ValueError for examples of another task, when the representation does not belong to them,
    and where nothing is labelled.
    """
    tasks, labels_of = LABELS[label]
    rows = rows_of_words(representation, examples, tasks)
    names = examples.names
    if label == "entity":
        names = tuple(dict.fromkeys(tag[2:] for tag in names if tag != "O"))
    number = {name: i for i, name in enumerate(names)}
    sides, labels, types = [], [], []
    for at, item in zip(rows, examples.items, strict=True):
        for first, second, name, words in labels_of(item):
            spans = [first, *([second] if second else [])]
            if any(place not in at for span in spans for place in range(*span)):
                continue
            if name not in number:
                raise ValueError(f"examples has the label {name!r}; allowed are its {names}.")
            # Words of a text have consecutive rows, and all words of the span have one.
            sides.append([(at[start], at[end - 1] + 1) for start, end in spans])
            labels.append(number[name])
            types.append(words)
    if not labels:
        raise ValueError(f"examples ({examples.source}) has no labelled span with a vector.")
    ends = torch.tensor(sides).unbind(1)  # each (n, 2)
    second = ends[1] if len(ends) == 2 else None
    numbers = torch.tensor(labels)
    return Spans(representation.layers, ends[0], second, numbers, names, tuple(types))


def rows_of_words(
    representation: Representation, examples: Examples, tasks: Sequence[str]
) -> list[dict[int, int]]:
    """For each text, the row of vectors of each of its words that has one. Raises ValueError for
    examples of none of the tasks, and when the representation has other texts, or is not of their
    words."""
    if examples.task not in tasks:
        allowed = " or ".join(map(repr, tasks))
        raise ValueError(f"examples has the task {examples.task!r}; allowed is {allowed}.")
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


def _tags(item) -> Iterator[Labelled]:
    for place, (word, tag) in enumerate(zip(item.words, item.tags, strict=True)):
        yield (place, place + 1), None, tag, word


def _entities(item) -> Iterator[Labelled]:
    """An "I" that continues nothing opens an entity, as in `isomorph.measure.scores.span_scores`."""
    start, kind = 0, None
    for place, tag in enumerate([*item.tags, "O"]):
        continues = tag.startswith("I-") and tag[2:] == kind
        if kind is not None and not continues:
            yield (start, place), None, kind, " ".join(item.words[start:place])
            kind = None
        if tag != "O" and not continues:
            start, kind = place, tag[2:]


def _relations(item) -> Iterator[Labelled]:
    words = zip(item.words, item.heads, item.relations, strict=True)
    for place, (word, head, relation) in enumerate(words):
        if head:
            yield (place, place + 1), (head - 1, head), relation, word


# What edge probes are asked for: the tasks whose examples say it, and the labelled spans of one.
LABELS = {"pos": ((TAG, SPEECH), _tags), "entity": ((TAG,), _entities),
          "relation": ((TREE,), _relations)}  # fmt: skip


@dataclass(frozen=True)
class Sentences:
    """Sentences, each with the vectors of all its words at each layer, and its tree.

    layers: layer -> (n_words of all, width). For each sentence, bounds: its first row of the
    vectors, and the first behind it; and for each of its words, heads: 0 for the root, else a
    position from 1; counted: whether it counts where trees are scored, so no punctuation.
    """

    layers: dict[int, Tensor]
    bounds: tuple[tuple[int, int], ...]
    heads: tuple[tuple[int, ...], ...]
    counted: tuple[tuple[bool, ...], ...]

    def __len__(self) -> int:
        return len(self.bounds)


def tree_sentences(representation: Representation, examples: Examples) -> Sentences:
    """Sentences with their trees, but those of which a word has no vector. Arguments and errors as
    of `labelled_spans`; also raises ValueError when no sentence is left."""
    rows = rows_of_words(representation, examples, (TREE,))
    pairs = zip(rows, examples.items, strict=True)
    whole = [(at, item) for at, item in pairs if len(at) == len(item.words)]
    if not whole:
        raise ValueError(
            f"examples ({examples.source}) has no sentence whose words all have vectors."
        )
    return Sentences(
        layers=representation.layers,
        bounds=tuple((at[0], at[0] + len(at)) for at, _ in whole),
        heads=tuple(item.heads for _, item in whole),
        counted=tuple(tuple(name != PUNCTUATION for name in item.relations) for _, item in whole),
    )
