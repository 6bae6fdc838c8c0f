"""What is right in the exercises on cures."""

from isomorph.exercises import Feedback, choice, equals, exercise, function


def _clouds():
    import torch

    generator = torch.Generator().manual_seed(8)
    for n, width, away in ((30, 4, 2.0), (200, 6, -1.0)):
        stretch = torch.arange(1, width + 1, dtype=torch.float64)
        yield (
            torch.randn(n, width, generator=generator, dtype=torch.float64)
            * stretch
            + away,
        )


@exercise("cures_compared.1")
def a_share_of_the_first(answer: object) -> Feedback:
    """Minus the mean and a share of the first principal direction."""
    from isomorph.measure.cures import all_but_the_top

    def reference(x, share):
        moved = x - x.mean(0)
        return moved - share * (moved - all_but_the_top(x, 1)(x))

    cases = [(x, share) for (x,) in _clouds() for share in (1.0, 0.3)]
    hint = "Is the direction that of the centred vectors? Is the mean gone from what is returned?"
    return function(answer, cases, equals(reference), hint=hint)


@exercise("cures_compared.2")
def what_whitening_forgets(answer: object) -> Feedback:
    """Two clouds that differ in loudness alone are the same when whitened, up to signs."""
    import torch

    from isomorph.measure.cures import whitening
    from isomorph.measure.numerics import principal_axes

    ((cloud,), _) = _clouds()
    centred = cloud - cloud.mean(0)
    axes = principal_axes(centred.T @ centred)[1].flip(1)
    louder = (
        centred
        @ axes
        * torch.tensor([1.0, 2.0, 4.0, 8.0], dtype=torch.float64)
    )
    one, other = whitening(cloud)(cloud), whitening(louder)(louder)
    options = (
        "along which directions words differ", "how loud each direction was", "the number of words",
    )  # fmt: skip
    same = torch.allclose(one.abs(), other.abs(), atol=1e-6)
    return choice(answer, options, right=options[1] if same else options[0])


@exercise("cures_compared.3")
def as_low_as_it_gets(answer: object) -> Feedback:
    """The cosine regulariser of Gao et al. 2019 on vectors that sum to zero."""
    import torch

    from isomorph.models.steps import cosine_regulariser

    def reference(n):  # the corners of a simplex
        corners = torch.eye(n, dtype=torch.float64)
        return float(cosine_regulariser(corners - corners.mean(0)))

    hint = "Write the double sum by the length of the vectors' sum. How short can a sum be?"
    return function(
        answer,
        [(n,) for n in (2, 5, 40)],
        equals(reference, 1e-4),
        hint=hint,
    )
