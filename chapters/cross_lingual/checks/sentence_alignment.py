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

WIDTH, PAIRS = 64, 20
WAYS = (
    "the same rotation",
    "its transpose",
    "another one, which has to be learnt",
)


@exercise("sentence_alignment.1")
def best_stretch(answer: object) -> Feedback:
    """The factor of a rotation and a stretch, by least squares on the rotated cloud."""
    import torch

    from isomorph.measure.similarity import procrustes

    def reference(x, y):
        turned = (x @ procrustes(x, y)).flatten()
        return float(turned @ y.flatten() / (turned @ turned))

    generator = torch.Generator().manual_seed(0)

    def cloud(n, d):
        return torch.randn(n, d, generator=generator, dtype=torch.float64)

    cases = [(cloud(30, 4), cloud(30, 4)), (5 * cloud(12, 3), cloud(12, 3))]
    hint = "With the rotation in place, which number times its answers comes nearest to y?"
    return function(
        answer, cases, equals(reference, tolerance=1e-5), hint=hint
    )


@exercise("sentence_alignment.2")
def the_way_back(answer: object) -> Feedback:
    """Which map carries the second side to the first, tried on two clouds."""
    import torch

    from isomorph.measure.similarity import procrustes

    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(2, 40, 5, generator=generator).double()
    there, back = procrustes(x, y), procrustes(y, x)
    right = next(
        (
            name
            for name, w in zip(WAYS, (there, there.T), strict=False)
            if torch.allclose(w, back, atol=1e-6)
        ),
        WAYS[-1],
    )
    hint = "What undoes an orthogonal map?"
    return choice(answer, WAYS, right=right, hint=hint)


@exercise("sentence_alignment.3")
def left_free(answer: object) -> Feedback:
    """Of an orthogonal and of any matrix, once some pairs are fitted exactly."""
    if not isinstance(answer, list | tuple) or len(answer) != 2:
        return Feedback(
            "wrong", "Two numbers are asked for, in round brackets."
        )
    rest = WIDTH - PAIRS
    mistakes = {
        "That is what a rotation has before any pair is known.": WIDTH
        * (WIDTH - 1)
        / 2,
        "That counts the conditions on what is left, not what they leave free.": rest
        * (rest + 1)
        / 2,
    }
    return every(
        number(
            answer[0],
            rest * (rest - 1) / 2,
            tolerance=0.5,
            mistakes=mistakes,
        ),
        number(answer[1], WIDTH * rest, tolerance=0.5),
    )
