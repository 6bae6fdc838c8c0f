"""What is right in the exercises on re-initialising the top and on other methods."""

from isomorph.exercises import Feedback, equals, exercise, function

RUNS = [(0.1, 3, 0.5), (0.5, 1, 0.25), (1e-3, 96, 0.01), (0.2, 10, 0.0)]
ENTRIES = [
    (1.0, 0.0, 0.5),
    (2.0, 1.0, 0.1),
    (-1.0, 3.0, 0.9),
    (0.5, 0.5, 0.3),
]


@exercise("the_top_drawn_anew.1")
def strength(answer: object) -> Feedback:
    """The decay that takes away a given share of a weight over a run at one rate."""

    def judge(found: object, rate, steps, share) -> str:
        left = 1.0
        for _ in range(steps):
            left *= 1 - rate * float(found)
        return (
            "" if abs(1 - left - share) < 1e-6 else "Another share is gone."
        )

    hint = "What does a step leave of what the step before has left? How much is left after all of them?"
    return function(answer, RUNS, judge, hint=hint)


@exercise("the_top_drawn_anew.2")
def moved(answer: object) -> Feedback:
    """Where mixout moves an entry that it does not put back."""

    def reference(w, u, p):
        return (w - p * u) / (1 - p)

    hint = "With the chance p it is u and otherwise your value: is that w on average?"
    return function(answer, ENTRIES, equals(reference), hint=hint)
