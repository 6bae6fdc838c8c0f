"""What is right in the exercises on text outside the task's domain."""

from isomorph.exercises import (
    Feedback,
    choice,
    equals,
    exercise,
    function,
    number,
)

INSIDE, OUTSIDE = (3, 4, 7, 8, 12), (2, 6, 9, 9, 9, 21)
LEANS = ("towards the claim", "against the claim", "to neither side")


def after_one_step(gradients, inputs, new):
    """(width,) how far the answer to a new input moves, by one step at rate 1."""
    return -gradients.T @ (inputs @ new)


def _steps():
    import torch

    generator = torch.Generator().manual_seed(5)
    draw = {"generator": generator, "dtype": torch.float64}
    for count, width, out in ((1, 3, 2), (4, 3, 5), (20, 8, 8)):
        yield (
            torch.randn(count, out, **draw),
            torch.randn(count, width, **draw),
            torch.randn(width, **draw),
        )


@exercise("out_of_domain.1")
def one_step(answer: object) -> Feedback:
    """How far the answer of a linear layer moves at an input that it was not stepped on."""
    hint = "Each gradient counts by the product of its input with the new one; descent goes down."
    return function(
        answer, list(_steps()), equals(after_one_step), hint=hint
    )


@exercise("out_of_domain.2")
def matched(answer: object) -> Feedback:
    """How many texts of each set are left when bins of five words hold as many of both."""
    from isomorph.measure.similarity import matched_for_length

    sets = [
        [" ".join(["word"] * words) for words in own]
        for own in (INSIDE, OUTSIDE)
    ]
    truth = len(matched_for_length(*sets)[0])
    mistakes = {
        "That is as many as the smaller set has: does each bin have a partner?": len(
            INSIDE
        ),
        "That counts both sets together; how many of each?": 2 * truth,
        "Two bins are shared, but a bin may keep more than one text.": 2,
    }
    return number(
        answer,
        truth,
        tolerance=0.01,
        between=(0, len(INSIDE)),
        mistakes=mistakes,
    )


@exercise("out_of_domain.3")
def which_way_it_leans(answer: object) -> Feedback:
    """Which way unmatched lengths push the difference, where longer texts look less alike."""
    hint = "Which of the two sets would look more alike, though nothing about domains had changed?"
    return choice(answer, LEANS, right="4474455f10e86890", hint=hint)
