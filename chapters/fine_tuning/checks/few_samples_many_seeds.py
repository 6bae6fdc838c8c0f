"""What is right in the exercises on few samples and many seeds."""

import math

from isomorph.exercises import (
    Feedback,
    equals,
    every,
    exercise,
    function,
    number,
)

CASES = [
    (1, 0.9, 0.999),
    (12, 0.9, 0.999),
    (96, 0.9, 0.999),
    (5000, 0.9, 0.999),
    (7, 0.5, 0.9),
]
SCORES = [
    ([0.4, 0.7, 0.5], 1),
    ([0.4, 0.7, 0.5], 2),
    ([0.9, 0.1, 0.5, 0.6, 0.2], 3),
    ([0.3] * 4, 2),
    ([0.2, 0.8], 2),
]


@exercise("few_samples_many_seeds.1")
def undone(answer: object) -> Feedback:
    """By what the rate must be multiplied so that an uncorrected step is as long as Adam's."""
    from isomorph.models.optimisers import overstep

    def reference(t, b1, b2):
        return 1 / overstep(t, (b1, b2))

    hint = "A step that is three times too long asks for a rate of which size? Steps count from 1."
    return function(answer, CASES, equals(reference), hint=hint)


@exercise("few_samples_many_seeds.2")
def best_of(answer: object) -> Feedback:
    """The expected best of n runs that are drawn, all different."""
    from isomorph.findings.many_seeds import expected_best

    def reference(scores, n):
        return expected_best(scores)[n - 1]

    hint = "Are the n runs all different? Is the mean over draws one of the best, and not of all?"
    return function(answer, SCORES, equals(reference), hint=hint)


def needed(
    condition: str, data_set: str = "mnli", points: float = 1.0
) -> int:
    """Seeds until the mean of a condition of the paper's Table 1 has this standard error."""
    from isomorph.ledger.tables import few_sample

    table = few_sample()
    own = table[(table["table"] == "Table 1") & (table["pair"] == data_set)]
    (spread,) = own.loc[own["condition"] == condition, "std"]
    return math.ceil((spread / points) ** 2 - 1e-9)


@exercise("few_samples_many_seeds.3")
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
