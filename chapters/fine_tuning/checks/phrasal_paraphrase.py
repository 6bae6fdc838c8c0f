"""What is right in the exercises on phrasal paraphrase."""

from isomorph.exercises import (
    Feedback,
    equals,
    exercise,
    function,
    satisfies,
)

WIDTH = 4  # of the vectors of the last exercise


@exercise("phrasal_paraphrase.1")
def features(answer: object) -> Feedback:
    """What the classifier of a pair of phrases reads."""
    import torch

    generator = torch.Generator().manual_seed(7)
    cases = [
        tuple(torch.randn(*shape, generator=generator) for _ in range(2))
        for shape in ((3, 5), (1, 2))
    ]

    def reference(u, v):
        return torch.cat([u, v, (u - v).abs(), u * v], -1)

    hint = "Four blocks side by side, in that order. Is the third one without signs?"
    return function(answer, cases, equals(reference), hint=hint)


@exercise("phrasal_paraphrase.2")
def by_place(answer: object) -> Feedback:
    """The cue of place, which needs no encoder."""
    cases = [
        ((0, 2), (0, 2), 10, 10),
        ((2, 4), (5, 6), 10, 20),
        ((8, 9), (1, 5), 9, 30),
        ((3, 8), (9, 10), 12, 11),
    ]

    def apart(one, other, n, m):
        return abs(sum(one) / 2 / n - sum(other) / 2 / m)

    hint = "Half of start plus end, over the number of words, on both sides; then their distance."
    return function(answer, cases, equals(apart), hint=hint)


@exercise("phrasal_paraphrase.3")
def no_favourite(answer: object) -> Feedback:
    """Weights of a linear layer that cannot tell which phrase is the first."""
    import torch

    def weights(given) -> torch.Tensor:
        return torch.as_tensor(given, dtype=torch.float64).reshape(-1)

    def blocks(given) -> torch.Tensor:
        return weights(given).reshape(4, WIDTH)

    def symmetric(given) -> bool:
        u, v = torch.randn(
            2,
            WIDTH,
            dtype=torch.float64,
            generator=torch.Generator().manual_seed(1),
        )
        w = weights(given)
        one, other = (
            (torch.cat([a, b, (a - b).abs(), a * b]) @ w).item()
            for a, b in ((u, v), (v, u))
        )
        return abs(one - other) < 1e-6

    return satisfies(
        answer,
        {
            f"{4 * WIDTH} numbers are asked for, one a coordinate of the four blocks.": lambda given: (
                len(weights(given)) == 4 * WIDTH
                and bool(weights(given).isfinite().all())
            ),
            "Every block has to be used: none may have zeros alone.": lambda given: (
                bool((blocks(given) != 0).any(1).all())
            ),
            "The score still changes when the two phrases change places. Which blocks change then?": (
                symmetric
            ),
        },
    )
