"""What is right in the exercises on aligned sentences."""

from isomorph.exercises import (
    Feedback,
    choice,
    equals,
    every,
    exercise,
    function,
    number,
)

WIDTH = 64


@exercise("sentence_alignment.1")
def the_map(answer: object) -> Feedback:
    """Procrustes' map of some clouds of full rank, where it is unique."""
    import torch

    from isomorph.measure.align import procrustes

    generator = torch.Generator().manual_seed(0)

    def cloud(n, d):
        return torch.randn(n, d, generator=generator, dtype=torch.float64)

    cases = [(cloud(30, 4), cloud(30, 4)), (5 * cloud(12, 3), cloud(12, 3))]
    hint = "Which matrix is decomposed, and which of its factors make up the map?"
    return function(
        answer, cases, equals(procrustes, tolerance=1e-5), hint=hint
    )


@exercise("sentence_alignment.2")
def no_common_directions(answer: object) -> Feedback:
    options = ("near 100%", "near one half", "near chance")
    hint = "What decides in which directions a model puts what it learns?"
    return choice(answer, options, right="b1e6dc14d9b47331", hint=hint)


@exercise("sentence_alignment.3")
def free_numbers(answer: object) -> Feedback:
    """Of an orthogonal and of any matrix of width 64."""
    if not isinstance(answer, list | tuple) or len(answer) != 2:
        return Feedback(
            "wrong", "Two numbers are asked for, in round brackets."
        )
    mistakes = {
        "That counts the conditions, not what they leave free.": WIDTH
        * (WIDTH + 1)
        / 2,
        "Lengths alone are not all that is fixed: columns are also at right angles.": (
            WIDTH * (WIDTH - 1)
        ),
    }
    return every(
        number(
            answer[0],
            WIDTH * (WIDTH - 1) / 2,
            tolerance=0.5,
            mistakes=mistakes,
        ),
        number(answer[1], WIDTH**2, tolerance=0.5),
    )
