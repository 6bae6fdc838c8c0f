"""What is right in the exercises on the cone."""

from isomorph.exercises import (
    Feedback,
    choice,
    equals,
    exercise,
    function,
    satisfies,
)


def _clouds():
    import torch

    generator = torch.Generator().manual_seed(3)
    for n, width, away in ((5, 3, 0.0), (40, 8, 1.0), (300, 4, -2.0)):
        yield (
            torch.randn(n, width, generator=generator, dtype=torch.float64)
            + away,
        )


@exercise("the_cone.1")
def across_in_linear_time(answer: object) -> Feedback:
    """The average cosine of the rows of two clouds, against a table of all pairs."""
    from torch.nn.functional import normalize

    def reference(x, y):
        return float((normalize(x) @ normalize(y).T).mean())

    pairs = [(x, x[: len(x) // 2].flip(1) + 0.5) for (x,) in _clouds()]
    hint = "Are the rows of length 1 before anything is averaged?"
    return function(answer, pairs, equals(reference), hint=hint)


@exercise("the_cone.2")
def blind_to_length(answer: object) -> Feedback:
    """Which measure does not change with the lengths of vectors, tried on a cloud."""
    from isomorph.measure.isotropy import (
        average_cosine,
        isoscore,
        partition_ratio,
    )

    measures = {
        "average cosine": average_cosine, "IsoScore": isoscore, "partition ratio": partition_ratio,
    }  # fmt: skip
    ((cloud,), *_) = list(_clouds())[1:]
    even = cloud / cloud.norm(dim=1, keepdim=True)
    still = [
        name
        for name, f in measures.items()
        if abs(f(cloud) - f(even)) < 1e-6
    ]
    return choice(answer, tuple(measures), right=still[0])


@exercise("the_cone.3")
def round_and_away(answer: object) -> Feedback:
    """A cloud in a cone that is round about its mean."""
    from isomorph.measure.isotropy import average_cosine, isoscore

    return satisfies(
        answer,
        {
            "It has to be a tensor with at least 200 finite rows, 16 wide.": _has_rows,
            "Its average cosine is not above 0.8: do all vectors point to one side?": lambda cloud: (
                average_cosine(cloud) > 0.8
            ),
            "Its IsoScore is not above 0.9: is the variance alike in all directions?": lambda cloud: (
                isoscore(cloud) > 0.9
            ),
        },
    )


def _has_rows(cloud) -> bool:
    return (
        len(cloud) >= 200
        and cloud.shape[1:] == (16,)
        and bool(cloud.isfinite().all())
    )
