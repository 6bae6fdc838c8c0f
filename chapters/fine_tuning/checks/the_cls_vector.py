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

STAYS = (
    "the cosine of two vectors",
    "the correlation of two coordinates",
    "the first direction's share of the variance",
)
CORRELATION, MOMENTUM = 0.5, 0.05


def _settled(cloud):
    """The cloud, and the cloud scaled by IsoBN with the cloud's own estimates."""
    from isomorph.models.heads import IsoBN

    cloud = cloud.double()
    return cloud, IsoBN(cloud.shape[1], momentum=1.0).double()(cloud)


def _estimates():
    """Standard deviations (d,) and covariances (d, d) of some clouds."""
    import torch

    generator = torch.Generator().manual_seed(5)
    for width in (2, 5, 9):
        cloud = torch.randn(
            60, width, generator=generator, dtype=torch.float64
        )
        cloud = (cloud + cloud[:, :1]) * torch.arange(1, width + 1)
        yield cloud.std(0, correction=0), cloud.T.cov(correction=0)


def _factors(std, covariance):
    from isomorph.models.heads import IsoBN

    module = IsoBN(len(std)).double()
    module.std.copy_(std)
    module.covariance.copy_(covariance)
    return module.scale()


@exercise("the_cls_vector.1")
def factors(answer: object) -> Feedback:
    """The factors of IsoBN from its estimates, to a tenth of a percent: eps may be left out."""
    hint = (
        "Is gamma a mean over all coordinates, the coordinate itself among them? Does the sum of "
        "the variances, each times its factor squared, stay what it was?"
    )
    return function(
        answer, list(_estimates()), equals(_factors, 2e-3), hint=hint
    )


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
def what_stays(answer: object) -> Feedback:
    """What a scaling of coordinates leaves alone, tried on a cloud."""
    import torch
    import torch.nn.functional as F

    def share(x):
        values = torch.linalg.eigvalsh(x.T.cov())
        return values[-1] / values.sum()

    measures = (
        lambda x: F.cosine_similarity(x[:-1], x[1:]), lambda x: torch.corrcoef(x.T), share,
    )  # fmt: skip
    generator = torch.Generator().manual_seed(0)
    cloud = torch.randn(200, 16, generator=generator)
    loud = torch.linspace(0.3, 3, 16)
    before, after = _settled((cloud + cloud[:, :1]) * loud + 2)
    still = [
        name
        for name, measure in zip(STAYS, measures, strict=True)
        if torch.allclose(measure(before), measure(after), atol=1e-6)
    ]
    return choice(answer, STAYS, right=still[0])


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
