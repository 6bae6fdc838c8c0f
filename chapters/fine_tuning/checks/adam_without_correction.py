"""What is right in the exercises on Adam's bias correction."""

from itertools import count

from isomorph.exercises import Feedback, equals, exercise, function, number

CASES = [
    (1, 0.9, 0.999),
    (12, 0.9, 0.999),
    (96, 0.9, 0.999),
    (5000, 0.9, 0.999),
    (7, 0.5, 0.9),
]


@exercise("adam_without_correction.1")
def undone(answer: object) -> Feedback:
    """By what the rate must be multiplied so that an uncorrected step is as long as Adam's."""
    from isomorph.models.finetune import overstep

    def reference(t, b1, b2):
        return 1 / overstep(t, (b1, b2))

    hint = "A step that is three times too long asks for a rate of which size? Steps count from 1."
    return function(answer, CASES, equals(reference), hint=hint)


@exercise("adam_without_correction.2")
def long_enough(answer: object) -> Feedback:
    """The first step past the hump that is less than one and a half times too long."""
    from isomorph.models.finetune import overstep

    truth = next(t for t in count(100) if overstep(t) < 1.5)
    return number(
        answer,
        truth,
        tolerance=0.01,
        between=(1, 10_000),
        mistakes={"There r is still at least 1.5.": truth - 1},
        hint="Far past the hump only the mean of the squares still lags, and r is one over a root.",
    )
