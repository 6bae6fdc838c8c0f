"""What is right in the exercises on aligned words."""

from isomorph.exercises import Feedback, choice, equals, exercise, function

OPTIONS = (
    "the nearest neighbours within a",
    "the nearest neighbours in b",
    "both",
    "neither",
)


@exercise("word_alignment.1")
def kept_by_rotation(answer: object) -> Feedback:
    """Which neighbours a random rotation of one side keeps, tried on two clouds."""
    import torch

    from isomorph.measure.retrieval import nearest

    generator = torch.Generator().manual_seed(0)
    a, b, drawn = (
        torch.randn(40, 6, generator=generator) for _ in range(3)
    )
    turn = torch.linalg.qr(drawn[:6]).Q
    within, across = (
        torch.equal(
            nearest(a, other, k=3)[1], nearest(a @ turn, after, k=3)[1]
        )
        for other, after in ((a, a @ turn), (b, b))
    )
    right = {
        (True, False): 0,
        (False, True): 1,
        (True, True): 2,
        (False, False): 3,
    }
    hint = "Which distances does a rotation change, and which not?"
    return choice(
        answer, OPTIONS, right=OPTIONS[right[within, across]], hint=hint
    )


@exercise("word_alignment.2")
def cosines_over_crowds(answer: object) -> Feedback:
    """Cosines over the mean of both surroundings, of some tables, wide and tall."""
    import torch

    def reference(cosines, k):
        by_row = cosines.sort(dim=1, descending=True).values[:, :k].mean(1)
        by_column = cosines.sort(dim=0, descending=True).values[:k].mean(0)
        return cosines / ((by_row[:, None] + by_column) / 2)

    generator = torch.Generator().manual_seed(0)
    cases = [
        (torch.rand(n, m, generator=generator, dtype=torch.float64), k)
        for n, m, k in ((6, 9, 3), (8, 5, 2), (4, 4, 4))
    ]
    hint = "Which of the two surroundings belongs to rows, and which to columns? Is it their mean?"
    return function(answer, cases, equals(reference), hint=hint)


@exercise("word_alignment.3")
def directions_left_open(answer: object) -> Feedback:
    """The width less the rank of so many vectors."""

    def reference(n, d):
        import torch

        drawn = torch.randn(
            n, d, generator=torch.Generator().manual_seed(0)
        )
        return d - int(torch.linalg.matrix_rank(drawn))

    cases = [(5, 64), (30, 64), (63, 64), (64, 64), (200, 64), (1, 3)]
    hint = (
        "How many directions do the vectors of so many words span at most?"
    )
    return function(answer, cases, equals(reference), hint=hint)
