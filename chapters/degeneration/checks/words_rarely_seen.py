"""What is right in the exercises on words that are rare."""

from isomorph.exercises import (
    Feedback,
    choice,
    equals,
    exercise,
    function,
    number,
)

CHANGES = ("it stays", "it halves", "it falls to a quarter")
LOSSES = (
    "square",
    "softplus",
    "softplus with decay",
    "fourth power",
    "length",
)


@exercise("words_rarely_seen.1")
def largest_share(answer: object) -> Feedback:
    mistakes = {
        "That is the ratio of the two. At which share do the two curvatures cancel?": 2
        / 6,
        "That is the share at which the other loss alone would be left over.": 6
        / 8,
    }
    return number(
        answer,
        2 / (2 + 6),
        tolerance=0.002,
        between=(0, 1),
        mistakes=mistakes,
    )


@exercise("words_rarely_seen.2")
def rare_enough(answer: object) -> Feedback:
    """The share at which the bound of theorem 3 has a given value."""
    from scipy.optimize import brentq

    from isomorph.measure.degeneration import rare_word_bound

    cases = [
        (1.0, 0.0, 2.0, 0.1),
        (2.0, 1.0, 5.0, 0.3),
        (0.1, 4.0, 1.0, 10.0),
    ]

    def reference(alpha, beta, largest, most):
        void = alpha / (alpha + beta)
        return brentq(
            lambda share: (
                rare_word_bound(alpha, beta, largest, share) - most
            ),
            1e-12,
            void * (1 - 1e-9),
        )

    hint = "Put the bound equal to the distance, and solve for the share."
    return function(answer, cases, equals(reference), hint=hint)


@exercise("words_rarely_seen.3")
def half_as_often(answer: object) -> Feedback:
    """What the best vector does in a case that can be solved by hand: f = x^2 / 2, g = x."""
    apart = [(share / (1 - share)) ** 2 for share in (2e-4, 1e-4)]
    left = apart[1] / apart[0]
    right = min(
        CHANGES,
        key=lambda name: abs(
            left - {"it stays": 1, "it halves": 0.5}.get(name, 0.25)
        ),
    )
    return choice(
        answer,
        CHANGES,
        right=right,
        hint="Which slope has the lower line, at the left end?",
    )


def strongly_convex(name: str) -> bool:
    """Whether a loss of one number curves upwards everywhere, tried by second differences."""
    import numpy as np

    at = np.array([-40.0, -3.0, 0.0, 0.3, 3.0, 40.0])
    step = 1e-2
    loss = {
        "square": np.square,
        "softplus": lambda x: np.logaddexp(0, x),
        "softplus with decay": lambda x: np.logaddexp(0, x) + 0.05 * x**2,
        "fourth power": lambda x: x**4,
        "length": np.abs,
    }[name]
    curvature = (loss(at + step) - 2 * loss(at) + loss(at - step)) / step**2
    return bool(curvature.min() > 0.01)


@exercise("words_rarely_seen.4")
def curved(answer: object) -> Feedback:
    if not isinstance(answer, list | tuple | set) or not set(
        map(str, answer)
    ) <= set(LOSSES):
        told = ", ".join(f'"{name}"' for name in LOSSES)
        return Feedback(
            "wrong", f"The answer must be a list of some of {told}."
        )
    wrong = len(
        {name for name in LOSSES if strongly_convex(name)}
        ^ set(map(str, answer))
    )
    if not wrong:
        return Feedback("right")
    of = f"{wrong} of the {len(LOSSES)} {'is' if wrong == 1 else 'are'} on the wrong side."
    return Feedback(
        "wrong",
        f"{of} Look for the place where each is flattest, far out included.",
    )
