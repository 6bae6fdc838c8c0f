"""What is right in the exercises on models that are swapped layer by layer."""

from isomorph.exercises import (
    Feedback,
    choice,
    equals,
    exercise,
    function,
    number,
)

OPTIONS = (
    "to save time",
    "because tuned states would not be where the rotation was learnt",
    "because the head would forget the first language",
)
HEADS = (2, 0, 2, 5, 2)


@exercise("contextual_alignment.1")
def why_frozen(answer: object) -> Feedback:
    hint = "When is the rotation learnt, and on which states?"
    return choice(answer, OPTIONS, right="f9e84aea15b1a077", hint=hint)


def mutual(scores) -> list[tuple[int, int]]:
    """By looking at every cell: the largest of its row and of its column."""
    rows, columns = scores.shape
    return [
        (i, j)
        for i in range(rows)
        for j in range(columns)
        if scores[i, j] == scores[i].max()
        and scores[i, j] == scores[:, j].max()
    ]


@exercise("contextual_alignment.2")
def error_of_mutual_choices(answer: object) -> Feedback:
    """The error rate of mutual links, of some tables, wide and tall."""
    import torch

    def reference(scores, gold):
        found = set(mutual(scores))
        return 1 - 2 * len(found & gold) / (len(found) + len(gold))

    generator = torch.Generator().manual_seed(0)
    tables = [
        torch.rand(n, m, generator=generator)
        for n, m in ((5, 5), (3, 7), (8, 4))
    ]
    cases = [
        (scores, {*mutual(scores)[1:], (0, 0), (2, 3)}) for scores in tables
    ]
    hint = "Is each pair chosen from both sides? Are both kinds of links counted below the line?"
    return function(answer, cases, equals(reference), hint=hint)


@exercise("contextual_alignment.3")
def the_word_before(answer: object) -> Feedback:
    right = sum(head == place for place, head in enumerate(HEADS)) / len(
        HEADS
    )
    mistakes = {"That counts heads that are the word after.": 1 / 5 + 1 / 5}
    hint = "Write the predicted heads under the true ones. What does the first word predict?"
    return number(
        answer,
        right,
        tolerance=0.005,
        between=(0, 1),
        mistakes=mistakes,
        hint=hint,
    )
