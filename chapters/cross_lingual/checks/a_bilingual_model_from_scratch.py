"""What is right in the exercises on a bilingual model."""

import math

from isomorph.exercises import Feedback, equals, exercise, function, number


@exercise("a_bilingual_model_from_scratch.1")
def first_loss(answer: object) -> Feedback:
    """The cross entropy of a uniform guess."""
    hint = "What probability has the right word, and what is its negative logarithm?"
    return function(
        answer, [(2,), (1000,)], equals(math.log, tolerance=1e-6), hint=hint
    )


@exercise("a_bilingual_model_from_scratch.2")
def nearest(answer: object) -> Feedback:
    """On clouds that only centring brings together, and on one that nothing does."""
    import torch

    generator = torch.Generator().manual_seed(0)

    def cloud(shift):
        return torch.randn(30, 8, generator=generator) + shift

    def right(x, y):
        x, y = (v - v.mean(0) for v in (x, y))
        best = torch.nn.functional.cosine_similarity(
            x[:, None], y[None], dim=-1
        ).argmax(1)
        return float((best == torch.arange(len(x))).double().mean())

    first = cloud(2.0)
    cases = [
        (first, first + 5.0),
        (cloud(0.0), cloud(1.0)),
        (first, first.flip(0)),
    ]
    hint = "Subtract each side's own mean, and compare by cosine, not by length."
    return function(answer, cases, equals(right, tolerance=1e-6), hint=hint)


@exercise("a_bilingual_model_from_scratch.3")
def half_way(answer: object) -> Feedback:
    mistakes = {
        "That is the middle of the tokens; the line is over their logarithm.": 2500,
        "Half of the way from 0.1 to 0.5 is not half of 0.5.": 1000
        * 4**0.25,
    }
    return number(answer, 2000, tolerance=20, mistakes=mistakes)
