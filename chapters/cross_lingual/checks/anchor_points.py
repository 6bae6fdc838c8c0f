"""What is right in the exercises on anchors: computed from counts, worlds and the live run's rows."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from isomorph.exercises import (
    Feedback,
    choice,
    equals,
    exercise,
    function,
    number,
    satisfies,
)

if TYPE_CHECKING:
    from pandas import DataFrame

    from isomorph.text.worlds import World

MARGIN = 0.10  # of a share: what counts as well above the majority
HALF = 0.5  # of the lexicon, in the third exercise


@exercise("anchor_points.1")
def without_anchors(
    answer: object, rows: DataFrame | None = None
) -> Feedback:
    """A prediction, judged by the rows of the run made live; without rows nothing is right yet."""
    if rows is None:
        return Feedback(
            "wrong", "Hand over the rows of the run that was made above."
        )
    return choice(
        answer, ("yes", "no"), "yes" if clears_majority(rows) else "no",
        hint="Look at what else than strings the two languages have in common.",
    )  # fmt: skip


def clears_majority(rows: DataFrame, margin: float = MARGIN) -> bool:
    """Whether a run's entity score in the second language is above the majority by a margin."""
    score = dict(zip(rows["metric"], rows["value"], strict=True))
    return score["ner_f1"] > score["ner_f1_majority"] + margin


@exercise("anchor_points.2")
def share_of_anchors(answer: object) -> Feedback:
    """A function from two counts to the share of anchors, in types and in tokens."""
    cases = [
        ({"le": 3, "paris": 1, ".": 4}, {"the": 5, "paris": 1, ".": 2}),
        ({"a": 10, "b": 1}, {"b": 1, "c": 5, "d": 3}),
        ({"x": 1}, {"y": 2}),
        ({"x": 2, "y": 1}, {"y": 7, "x": 1}),
    ]
    return function(
        answer, cases, equals(shares),
        hint="Types are counted once each; tokens as often as they occur, in both languages.",
    )  # fmt: skip


def shares(
    first: Mapping[str, int], second: Mapping[str, int]
) -> tuple[float, float]:
    """The shares of types and of tokens that two languages have in common, from their counts."""
    types, tokens = [0, 0], [0, 0]
    for word in set(first) | set(second):
        occurrences = first.get(word, 0) + second.get(word, 0)
        types[1] += 1
        tokens[1] += occurrences
        if word in first and word in second:
            types[0] += 1
            tokens[0] += occurrences
    return types[0] / types[1], tokens[0] / tokens[1]


@exercise("anchor_points.3")
def half_of_the_lexicon(answer: object, seed: int = 0) -> Feedback:
    """The share of running words that is shared where half of the lexicon is."""
    lexicon = {
        "That is the share of the lexicon: common words count more often in a text.": HALF
    }
    return number(
        answer, word_rate(HALF, seed), tolerance=0.005, between=(0, 1), mistakes=lexicon,
        hint="Count running words of both languages together, and leave out the full stop.",
    )  # fmt: skip


@cache
def word_rate(anchors: float, seed: int = 0) -> float:
    """The share of a world's running words, full stops left out, that both languages have."""
    from collections import Counter

    from isomorph.text.worlds import World

    world = World(
        seed=seed,
        anchors=anchors,
        training_sentences=1000,
        dev_sentences=1,
        test_sentences=1,
    )
    text = world.corpus().train
    counts = [
        Counter(
            word
            for sentence in text[name]
            for word in sentence.split()
            if word.isalpha()
        )
        for name in ("a", "b")
    ]
    return shares(*counts)[1]


@exercise("anchor_points.4")
def order_alone(answer: object, near: World | None = None) -> Feedback:
    """A world which differs from the near one in word order and in nothing else."""
    from isomorph.text.worlds import World

    near = near or World(anchors=0.3)
    return satisfies(
        answer,
        {
            "The answer must be a World.": lambda world: isinstance(
                world, World
            ),
            "Its word order should be that of the distant world.": (
                lambda world: world.order == "verb-final"
            ),
            "Its share of common strings should be that of the near world.": (
                lambda world: world.anchors == near.anchors
            ),
            "Something else than the order differs from the near world.": (
                lambda world: (
                    World(**world.model_dump() | {"order": near.order})
                    == near
                )
            ),
        },
    )
