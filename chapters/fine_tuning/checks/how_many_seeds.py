"""What is right in the exercises on how many seeds are enough."""

import math
from itertools import combinations

from isomorph.exercises import (
    Feedback,
    equals,
    every,
    exercise,
    function,
    number,
)

SCORES = [
    ([0.4, 0.7, 0.5], 1),
    ([0.4, 0.7, 0.5], 2),
    ([0.9, 0.1, 0.5, 0.6, 0.2], 3),
    ([0.3] * 4, 2),
    ([0.2, 0.8], 2),
]


@exercise("how_many_seeds.1")
def best_of(answer: object) -> Feedback:
    """The expected best of n runs that are drawn, all different."""

    def reference(scores, n):
        best = [max(drawn) for drawn in combinations(scores, n)]
        return sum(best) / len(best)

    hint = "Are the n runs all different? Is the mean over draws one of the best, and not of all?"
    return function(answer, SCORES, equals(reference), hint=hint)


def needed(
    condition: str, data_set: str = "mnli", points: float = 1.0
) -> int:
    """Seeds until the mean of a condition of the paper's Table 1 has this standard error."""
    from isomorph.ledger import few_sample

    table = few_sample()
    own = table[(table["table"] == "Table 1") & (table["task"] == data_set)]
    (spread,) = own.loc[own["condition"] == condition, "std"]
    return math.ceil((spread / points) ** 2 - 1e-9)


@exercise("how_many_seeds.2")
def how_many(answer: object) -> Feedback:
    """The seeds of standard fine-tuning and of re-initialisation, on 1,000 examples of MNLI."""
    if not isinstance(answer, list | tuple) or len(answer) != 2:
        return Feedback(
            "wrong",
            "Two numbers are asked for: standard, then re-initialised.",
        )
    parts = []
    for given, condition in zip(
        answer, ("standard_1k", "reinit_1k"), strict=True
    ):
        truth = needed(condition)
        mistakes = {
            "The standard error falls with the root of the number of seeds, and not with it.":
                math.ceil(math.sqrt(truth)),
            "With that many it is just above 1 point.": truth - 1,
        }  # fmt: skip
        wrong = {
            sentence: value
            for sentence, value in mistakes.items()
            if value != truth
        }
        parts.append(
            number(
                given,
                truth,
                tolerance=0.01,
                between=(1, 1000),
                mistakes=wrong,
            )
        )
    return every(*parts)
