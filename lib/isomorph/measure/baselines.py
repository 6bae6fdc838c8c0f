"""What answers score that use no encoder: the level below which a transfer score means nothing."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from isomorph.text.examples import PAIR, SPEECH, TAG

if TYPE_CHECKING:
    from isomorph.models.heads import Prediction
    from isomorph.text.examples import Examples


def majority(train: Examples, test: Examples) -> list[Prediction]:
    """The most frequent answers of the training examples, for each test example.

    Pairs: the most frequent label. Words: the most frequent tag that the word has in training; for a
    word that is not there "O", or the most frequent part of speech. So in another language it knows
    the shared strings. Trees: every
    word hangs on the same neighbour, the previous or the next one, whichever is right more often,
    by the most frequent relation; the word without that neighbour is the root.
    """
    if train.task == PAIR:
        label = Counter(item.label for item in train.items).most_common(1)[0][0]
        return [label for _ in test.items]
    if train.task in (TAG, SPEECH):
        votes: dict[str, Counter] = {}
        for item in train.items:
            for word, tag in zip(item.words, item.tags, strict=True):
                votes.setdefault(word, Counter())[tag] += 1
        usual = {word: counter.most_common(1)[0][0] for word, counter in votes.items()}
        other = "O"
        if train.task == SPEECH:
            other = sum(votes.values(), Counter()).most_common(1)[0][0]
        return [tuple(usual.get(word, other) for word in item.words) for item in test.items]
    steps = Counter(
        head - place
        for item in train.items
        for place, head in enumerate(item.heads, start=1)
        if head
    )
    relation = Counter(name for item in train.items for name in item.relations if name != "root")
    usual = relation.most_common(1)[0][0] if relation else "root"
    step = -1 if steps[-1] >= steps[1] else 1
    return [_chain(len(item.words), step, usual) for item in test.items]


def premise_alone(train: Examples, test: Examples) -> list[str]:
    """What the first text of each pair says of the label, by itself: a logistic regression on the
    counts of its words, fitted on the training pairs.

    It knows the words of one language: both are examples of that one. Raises ValueError for examples
    that are not pairs, and where training has one label.
    """
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    if train.task != PAIR:
        raise ValueError(f"the task is {train.task!r}; allowed are pairs, {PAIR!r}.")
    words = CountVectorizer(token_pattern=r"\S+", lowercase=False)
    classifier = make_pipeline(words, LogisticRegression(max_iter=1000))
    classifier.fit([item.first for item in train.items], [item.label for item in train.items])
    return classifier.predict([item.first for item in test.items]).tolist()


def _chain(count: int, step: int, relation: str) -> tuple[tuple[int, ...], tuple[str, ...]]:
    heads = tuple(
        place + step if 1 <= place + step <= count else 0 for place in range(1, count + 1)
    )
    return heads, tuple(relation if head else "root" for head in heads)
