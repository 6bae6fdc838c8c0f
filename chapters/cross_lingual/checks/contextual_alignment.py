"""What is right in the exercises on models that are swapped layer by layer."""

from isomorph.exercises import Feedback, choice, exercise, function, number

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
def mutual_choices(answer: object) -> Feedback:
    """Mutual links of some tables, wide and tall."""
    import torch

    generator = torch.Generator().manual_seed(0)
    cases = [
        (torch.rand(n, m, generator=generator),)
        for n, m in ((5, 5), (3, 7), (8, 4))
    ]

    def judge(result: object, scores) -> str:
        try:
            found = [tuple(int(place) for place in pair) for pair in result]
        except (TypeError, ValueError):
            return "A list of pairs (i, j) of whole numbers is asked for."
        if found == mutual(scores):
            return ""
        if len(found) == len(scores):
            return "Every word has a link: is each pair chosen from both sides?"
        return "Some link is missing, or is one too many, or the order is another."

    return function(answer, cases, judge)


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
