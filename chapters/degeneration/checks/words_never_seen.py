"""What is right in the exercises on words that never occur."""

from isomorph.exercises import (
    Feedback,
    choice,
    equals,
    exercise,
    function,
    number,
    satisfies,
)

CORNERS = ((2.0, 0.0), (-1.0, 1.0), (-1.0, -3.0))
WAYS = (
    "it must still run off",
    "it may come to rest",
    "it must return to the origin",
)


@exercise("words_never_seen.1")
def margin_of_weights(answer: object) -> Feedback:
    """The margin of the direction that a layer normalisation's weights give, on gains of either sign."""
    import torch

    from isomorph.measure.degeneration import layer_norm_direction

    generator = torch.Generator().manual_seed(0)
    draw = {"generator": generator, "dtype": torch.float64}
    cases = [
        tuple(torch.randn(2, 8, **draw) * 0.5 + shift)
        for shift in (1.0, -1.0, 1.5, 0.5)
    ]

    def reference(gain, offset):
        z = torch.randn(50, len(gain), **draw)
        z = z - z.mean(1, keepdim=True)
        states = gain * z / z.std(1, correction=0, keepdim=True) + offset
        return -float(
            (states @ layer_norm_direction(gain, offset)[0]).max()
        )

    hint = "Which product do all outputs have with the direction? And how long is it as it stands?"
    return function(answer, cases, equals(reference), hint=hint)


@exercise("words_never_seen.2")
def sector(answer: object) -> Feedback:
    """The width of a sector, measured on states all along an arc."""
    import numpy as np

    states = np.radians(np.arange(20, 131))
    ways = np.radians(np.arange(0, 360, 0.05))
    negative = (np.cos(ways[:, None] - states) < 0).all(1)
    mistakes = {
        "That is how far the states spread. A direction must be more than a right angle from each.": 110,
        "That is where no state lies. A direction must be more than a right angle from each.": 250,
    }
    return number(
        answer,
        360 * negative.mean(),
        tolerance=0.5,
        between=(0, 180),
        mistakes=mistakes,
    )


@exercise("words_never_seen.3")
def mixture(answer: object) -> Feedback:
    """Weights that mix three states to the origin."""
    import numpy as np

    conditions = {
        "Three numbers are asked for.": lambda a: (
            np.asarray(a, dtype=float).shape == (3,)
        ),
        "No weight may be negative.": lambda a: (
            np.asarray(a, dtype=float) >= 0
        ).all(),
        "The weights must sum to 1.": lambda a: abs(np.sum(a) - 1) < 1e-3,
        "They mix to another point than the origin.": lambda a: (
            np.linalg.norm(np.asarray(a, dtype=float) @ np.array(CORNERS))
            < 0.01
        ),
    }
    return satisfies(answer, conditions)


@exercise("words_never_seen.4")
def one_more_state(answer: object) -> Feedback:
    hint = "Is the origin in the hull now? And is the minimum then at the origin?"
    return choice(answer, WAYS, right="bda1f2aa69d2aae3", hint=hint)
