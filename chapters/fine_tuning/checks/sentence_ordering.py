"""What is right in the exercises on sentence ordering."""

from isomorph.exercises import (
    Feedback,
    equals,
    exercise,
    function,
    number,
    satisfies,
)

TRUE = (0, 1, 2, 3, 4)
SWAPPED = (
    4,
    1,
    2,
    3,
    0,
)  # the first and the last of five have changed places


@exercise("sentence_ordering.1")
def beginning(answer: object) -> Feedback:
    """ListMLE of the first draws of a text, by the chance of each."""
    import torch

    generator = torch.Generator().manual_seed(3)
    cases = [
        (torch.randn(n, generator=generator, dtype=torch.float64), k)
        for n, k in ((2, 1), (5, 3), (5, 5))
    ]

    def reference(scores, k):
        chances = [scores[i:].softmax(0)[0] for i in range(k)]
        return -torch.stack(chances).log().sum()

    hint = "At each place, divide by the sum over the sentences that are still there, that one too."
    return function(answer, cases, equals(reference), hint=hint)


@exercise("sentence_ordering.2")
def first_and_last(answer: object) -> Feedback:
    """Kendall's tau where only two sentences are wrong, but the worst two."""
    from isomorph.measure.scores import order_scores

    found = order_scores([TRUE], [SWAPPED])
    mistakes = {
        "That is the accuracy; tau counts pairs in the wrong order.": found[
            "accuracy"
        ],
        "Not only that one pair is inverted: each also stands wrong to those between.": 1
        - 2 / 10,
        "Each inverted pair counts twice in the formula.": 1 - 7 / 10,
    }
    return number(
        answer,
        found["tau"],
        tolerance=0.005,
        between=(-1, 1),
        mistakes=mistakes,
    )


@exercise("sentence_ordering.3")
def all_wrong(answer: object) -> Feedback:
    """No sentence at its place, and most pairs in the right order."""
    from isomorph.measure.scores import order_scores

    def scores(given) -> dict:
        return order_scores([TRUE], [tuple(int(place) for place in given)])

    return satisfies(
        answer,
        {
            "A list of the places 0 to 4 is asked for, each of them once.": lambda given: (
                isinstance(given, list | tuple)
                and all(isinstance(place, int) for place in given)
                and sorted(given) == list(TRUE)
            ),
            "Some sentence is at its place.": lambda given: (
                scores(given)["accuracy"] == 0
            ),
            "Too many pairs are in the wrong order. Move each sentence as little as you can.": (
                lambda given: scores(given)["tau"] > 0.35
            ),
        },
    )
