"""What is right in the exercises on drawing the top anew and on other methods."""

from isomorph.exercises import Feedback, equals, exercise, function

RUNS = [
    ([0.1, 0.2, 0.1], 0.5),
    ([0.5], 1.0),
    ([0.3] * 5, 0.0),
    ([0.2, 0.4], 2.0),
]
ENTRIES = [
    (1.0, 0.0, 0.5),
    (2.0, 1.0, 0.1),
    (-1.0, 3.0, 0.9),
    (0.5, 0.5, 0.3),
]


@exercise("the_top_drawn_anew.1")
def pulled(answer: object) -> Feedback:
    """The share of a weight that decay takes away over a run."""
    from math import prod

    def reference(rates, decay):
        return 1 - prod(1 - rate * decay for rate in rates)

    hint = "What does a step leave of what the step before has left? And is what is asked for left, or gone?"
    return function(answer, RUNS, equals(reference), hint=hint)


@exercise("the_top_drawn_anew.2")
def moved(answer: object) -> Feedback:
    """Where mixout moves an entry that it does not put back."""

    def reference(w, u, p):
        return (w - p * u) / (1 - p)

    hint = "With the chance p it is u and otherwise your value: is that w on average?"
    return function(answer, ENTRIES, equals(reference), hint=hint)
