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
def weights_of_the_layer(answer: object) -> Feedback:
    """The size of a linear layer on four blocks, with two answers."""
    import torch

    def reference(d):
        layer = torch.nn.Linear(4 * d, 2)
        return sum(weight.numel() for weight in layer.parameters())

    hint = "How wide is x? How many scores does the layer give, and has each a bias?"
    return function(
        answer, [(d,) for d in (1, 4, 128)], equals(reference), hint=hint
    )


@exercise("phrasal_paraphrase.2")
def where_to_look(answer: object) -> Feedback:
    """The place, in words, at which the cue of place finds no difference."""
    cases = [((0, 2), 10, 10), ((2, 4), 10, 20), ((8, 9), 9, 30)]

    def expected(one, n, m):
        start, end = one
        return (start + end) * m / (2 * n)

    hint = "The middle is half of start plus end. Which share of its own text is that?"
    return function(answer, cases, equals(expected), hint=hint)


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
