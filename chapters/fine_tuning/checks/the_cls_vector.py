"""What is right in the exercises on the [CLS] vector."""

from itertools import count

from isomorph.exercises import (
    Feedback,
    choice,
    equals,
    exercise,
    function,
    number,
    satisfies,
)

LONGER = {
    "as long": 1,
    "about three times as long": 10**0.5,
    "about ten times as long": 10,
    "about a hundred times as long": 100,
}
CORRELATION, MOMENTUM = 0.5, 0.05


def _settled(cloud):
    """The cloud, and the cloud scaled by IsoBN with the cloud's own estimates."""
    from isomorph.models.heads import IsoBN

    cloud = cloud.double()
    return cloud, IsoBN(cloud.shape[1], momentum=1.0).double()(cloud)


@exercise("the_cls_vector.1")
def gammas(answer: object) -> Feedback:
    """Gamma of a singer and of a soloist, by the whole table of correlations."""
    import torch

    def reference(d, m, rho):
        table = torch.eye(d, dtype=torch.float64)
        table[:m, :m] = rho
        table.fill_diagonal_(1)
        squares = table.square().mean(1)
        return float(squares[0]), float(squares[-1])

    hint = "Is gamma a mean over all coordinates, the coordinate itself among them? Are correlations squared?"
    cases = [(16, 8, 0.8), (10, 3, -0.5), (5, 1, 0.9)]
    return function(answer, cases, equals(reference), hint=hint)


@exercise("the_cls_vector.2")
def batches_until_believed(answer: object) -> Feedback:
    """The first batch after which a correlation of 0.5 is no longer taken for 1."""

    def seen(batches):
        return 1 - (1 - MOMENTUM) ** batches

    truth = next(t for t in count(1) if CORRELATION / seen(t) < 1)
    return number(
        answer, truth, tolerance=0.01, between=(1, 10_000),
        mistakes={
            "That is the last batch at which it still is.": truth - 1,
            "One batch would do if the momentum were 1; here it is 0.05.": 1,
        },
        hint="The estimate of t batches is the true one over 1 - 0.95^t, and batches come whole.",
    )  # fmt: skip


@exercise("the_cls_vector.3")
def ten_times_as_large(answer: object) -> Feedback:
    """What IsoBN makes of a common scale, tried on a cloud."""
    import torch

    generator = torch.Generator().manual_seed(0)
    cloud = torch.randn(200, 16, generator=generator) + 2
    small, large = (_settled(scale * cloud)[1] for scale in (1, 10))
    times = float(large.norm() / small.norm())
    right = min(LONGER, key=lambda name: abs(times - LONGER[name]))
    hint = "Which step of IsoBN looks at the total variance?"
    return choice(answer, tuple(LONGER), right=right, hint=hint)


@exercise("the_cls_vector.4")
def a_case_against_it(answer: object) -> Feedback:
    """A cloud whose first principal direction IsoBN makes louder."""
    import torch

    def shares(cloud):
        for x in _settled(cloud):
            values = torch.linalg.eigvalsh(x.T.cov())
            yield float(values[-1] / values.sum())

    def louder(cloud):
        before, after = shares(cloud)
        return after > before + 0.05

    return satisfies(
        answer,
        {
            "It has to be a tensor with at least 200 finite rows, 10 wide.": _has_rows,
            "All of its coordinates have to vary.": lambda cloud: bool(
                (cloud.std(0) > 0).all()
            ),
            "The first direction's share does not rise by 0.05. Which coordinates does gamma shrink "
            "most, and which one should then stand out?": louder,
        },
    )


def _has_rows(cloud) -> bool:
    return (
        len(cloud) >= 200
        and cloud.shape[1:] == (10,)
        and bool(cloud.isfinite().all())
    )
