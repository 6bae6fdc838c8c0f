"""What is right in the exercises on frequency and geometry."""

from isomorph.exercises import (
    Feedback,
    choice,
    equals,
    exercise,
    function,
    number,
)


def _by_rank(vectors, starts):
    lengths = vectors.norm(dim=1)
    ends = [*starts[1:], len(vectors)]
    bins = [
        lengths[start:end] for start, end in zip(starts, ends, strict=True)
    ]
    return [float(own.mean()) for own in bins if len(own)]


@exercise("frequency_and_geometry.1")
def lengths(answer: object) -> Feedback:
    """Mean lengths in bins of ranks; the last bins of one case are empty."""
    import torch

    generator = torch.Generator().manual_seed(4)
    cases = [
        (
            torch.randn(n, 6, generator=generator, dtype=torch.float64),
            starts,
        )
        for n, starts in ((40, [0, 5, 20]), (12, [0, 5, 20, 30]), (9, [0]))
    ]
    hint = "Where does the last bin end? Is there a bin without a word?"
    return function(answer, cases, equals(_by_rank), hint=hint)


@exercise("frequency_and_geometry.2")
def trend(answer: object, vectors=None) -> Feedback:
    """The rank correlation of the order of some vectors with their lengths."""
    import torch
    from scipy import stats

    if vectors is None:
        vectors = torch.randn(
            30, 4, generator=torch.Generator().manual_seed(5)
        )
    truth = float(
        stats.spearmanr(
            range(len(vectors)), vectors.norm(dim=1).numpy()
        ).statistic
    )
    hint = "Is the first row the most frequent word? Are ranks correlated, or values?"
    return number(answer, truth, tolerance=0.01, between=(-1, 1), hint=hint)


@exercise("frequency_and_geometry.3")
def what_is_left(answer: object) -> Feedback:
    """What unit length leaves, tried on a cloud in which frequent words are long and spread."""
    import torch

    generator = torch.Generator().manual_seed(6)
    spread = torch.randn(50, 8, generator=generator)
    crowded = 0.3 * torch.randn(50, 8, generator=generator) + 1
    unit = torch.nn.functional.normalize(
        torch.cat([3 * spread, crowded]), dim=1
    )
    length = float(
        (unit[:50].norm(dim=1) - unit[50:].norm(dim=1)).abs().max()
    )
    cosines = unit @ unit.mean(0)
    parts = abs(float(cosines[:50].mean() - cosines[50:].mean()))
    right = "average cosine" if length < 1e-5 < parts else "neither"
    return choice(
        answer, ("length", "average cosine", "neither"), right=right
    )
