"""The exercises on domain similarity: topics, shared words, and what a drop is a drop of."""

from collections import Counter
from collections.abc import Mapping, Sequence

from isomorph.exercises import (
    Feedback,
    choice,
    equals,
    every,
    exercise,
    function,
    number,
    satisfies,
)

WANTED, NEAR = (
    0.9,
    0.02,
)  # the share of words to reach, and how near to it is near enough
COMPARISONS = (
    "Bible / help against Bible / Bible",
    "Bible / help against help / help",
    "help / help against Bible / Bible",
)


def difference_of_drops(default: Mapping, mismatch: Mapping) -> float:
    """How much more is lost on "lost" than on "kept"; each mapping has a score a seed for both."""
    drops = {
        part: _mean(default[part]) - _mean(mismatch[part])
        for part in ("lost", "kept")
    }
    return drops["lost"] - drops["kept"]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


@exercise("domain_similarity.1")
def on_first_topics(
    answer: object, overlap: float = 0.2, topics: int = 6
) -> Feedback:
    """How much of language b's text is on topics of the first half, and how much of a's."""
    from isomorph.text.worlds import World

    if not isinstance(answer, list | tuple) or len(answer) != 2:
        return Feedback("wrong", "Two numbers are asked for, (of a, of b).")
    world = World(topics=topics, topic_overlap=overlap)
    truth = [
        float(world.topic_mixture(name)[: topics // 2].sum())
        for name in "ab"
    ]
    alike = {"That is as if all topics were common to both.": 0.5}
    apart = {"That is as if no topic were common to both.": 1.0}
    none = {"That is as if no topic were common to both.": 0.0}
    return every(
        number(
            answer[0],
            truth[0],
            tolerance=0.005,
            between=(0, 1),
            mistakes=alike | apart,
        ),
        number(
            answer[1],
            truth[1],
            tolerance=0.005,
            between=(0, 1),
            mistakes=alike | none,
        ),
    )


def shared_in_world(world) -> float:
    """What the training texts of a world's two languages share, both written in language b."""
    p, q = (
        Counter(
            word
            for sentence in world.sentences(f"train_{name}", 2000)
            for word in sentence.tokens["b"]
        )
        for name in "ab"
    )
    return sum(min(p[w] / p.total(), q[w] / q.total()) for w in p)


@exercise("domain_similarity.2")
def a_nearer_world(answer: object) -> Feedback:
    """A world whose two texts have a given share of their words in common, all else default."""
    from isomorph.text.worlds import World

    def only_topics(world) -> bool:
        return world == World(topic_overlap=world.topic_overlap)

    conditions = {
        "The answer must be a World.": lambda world: isinstance(
            world, World
        ),
        "Change topic_overlap alone, and leave everything else as it is.": only_topics,
        "The two texts share fewer words than asked for.": (
            lambda world: shared_in_world(world) >= WANTED - NEAR
        ),
        "The two texts share more words than asked for.": (
            lambda world: shared_in_world(world) <= WANTED + NEAR
        ),
    }
    return satisfies(answer, conditions)


@exercise("domain_similarity.3")
def drops_compared(answer: object) -> Feedback:
    """A function from the scores of two conditions to the difference of two drops."""
    cases = [
        (
            {"lost": [0.8, 0.6], "kept": [0.7, 0.7]},
            {"lost": [0.5, 0.5], "kept": [0.7, 0.5]},
        ),
        ({"lost": [0.4], "kept": [0.9]}, {"lost": [0.4], "kept": [0.3]}),
        (
            {"lost": [0.9] * 3, "kept": [0.9] * 3},
            {"lost": [0.1] * 3, "kept": [0.2] * 3},
        ),
    ]
    hint = "A drop is the score under default less that under the other domain."
    return function(answer, cases, equals(difference_of_drops), hint=hint)


@exercise("domain_similarity.4")
def fair_comparison(answer: object) -> Feedback:
    """Which two conditions differ in nothing that the second language reads."""
    hint = (
        "In which comparison does French read the same text on both sides?"
    )
    return choice(answer, COMPARISONS, right="bc7be1b3d8fa409f", hint=hint)
