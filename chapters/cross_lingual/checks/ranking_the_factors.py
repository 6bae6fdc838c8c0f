"""What is right in the exercises of `cross_lingual/ranking_the_factors`."""

from itertools import product

from isomorph.exercises import (
    Feedback,
    equals,
    every,
    exercise,
    function,
    number,
    ranking,
)

# With the factor, and without it.
STEPS = {
    "sharing": ("default_anchors", "sep_l1_3"),
    "strings": ("default_anchors", "no_anchors"),
    "dictionary": ("extra_anchors", "default"),
    "joint vocabulary": ("default", "default_anchors"),
    "domain": ("default", "domain_mismatch"),
}
ORDERS = ("adjective-after-noun", "verb-final", "reversed")


@exercise("ranking_the_factors.1")
def smaller_step(answer: object) -> Feedback:
    """The factors by the paper's own entities, with the smallest step of sharing."""
    hint = "Is each weight the score with the factor less the score without it?"
    return ranking(answer, entity_weights(), hint=hint)


def entity_weights() -> dict[str, float]:
    """Points of entity F1 that each factor is worth, the mean over the paper's languages."""
    from isomorph.ledger import table_one

    own = table_one().query("metric == 'ner_f1'")
    mean = own.groupby("condition")["value"].mean()
    return {
        factor: float(mean[plus] - mean[minus])
        for factor, (plus, minus) in STEPS.items()
    }


@exercise("ranking_the_factors.2")
def stability_function(answer: object) -> Feedback:
    """A function, tried on weights that the learner does not see, ties among them."""
    cases = [
        ([3.0, 1.0, 2.0], [1.0, 2.0, 2.0]),
        ([1.0, 1.0], [1.0, 1.0]),
        ([5.0], [4.0]),
        ([0.5, -2.0, 1.0, 0.25], [0.0, 0.0, 0.0, 0.0]),
    ]
    hint = "Draw the same seeds for both, and count a tie as not larger."
    return function(answer, cases, equals(share_larger), hint=hint)


def share_larger(first: list[float], second: list[float]) -> float:
    """The share of draws of seeds, with replacement, in which the first has the larger mean."""
    seeds = range(len(first))
    draws = list(product(seeds, repeat=len(first)))
    larger = sum(
        sum(first[i] for i in drawn) > sum(second[i] for i in drawn)
        for drawn in draws
    )
    return larger / len(draws)


@exercise("ranking_the_factors.3")
def kept_neighbours(answer: object) -> Feedback:
    """The share of neighbours that each word order keeps, in a world of its own."""
    if not isinstance(answer, dict) or set(answer) != set(ORDERS):
        return Feedback(
            "wrong",
            f"The answer must be a dictionary of {', '.join(ORDERS)}.",
        )
    truth = {order: share_kept(order) for order in ORDERS}
    mirrored = "Mirrored neighbours do not count: the order of the two has to be the same."
    parts = []
    for order in ORDERS:
        mistakes = {mirrored: truth[order] + share_mirrored(order)}
        parts.append(
            number(
                answer[order],
                truth[order],
                tolerance=0.005,
                between=(0, 1),
                mistakes=mistakes,
            )
        )
    return every(*parts)


def share_kept(order: str) -> float:
    """Of neighbours in "a", the share whose translations are neighbours in the same order."""
    return _share(order, 1)


def share_mirrored(order: str) -> float:
    """Of neighbours in "a", the share whose translations are neighbours the other way round."""
    return _share(order, -1)


def _share(order: str, step: int) -> float:
    from isomorph.text.worlds import World

    kept = []
    for sentence in World(seed=0, order=order).sentences("test", 200):
        place = dict(sentence.alignment)
        kept += [
            place[i + 1] - place[i] == step for i in range(len(place) - 1)
        ]
    return sum(kept) / len(kept)
