"""What is right in the exercises on CKA."""

from isomorph.exercises import Feedback, equals, exercise, function

CHANGES = {
    "rotate x": True,
    "stretch one axis of x": False,
    "multiply y by 3": True,
    "add 5 to x": True,
    "shuffle the rows of y": False,
    "shuffle the rows of x and y alike": True,
}
WIDTH = 300


def _clouds(count: int, n: int = 40, p: int = 5, q: int = 3):
    import torch

    generator = torch.Generator().manual_seed(1)
    for _ in range(count):
        x = torch.randn(n, p, generator=generator, dtype=torch.float64) + 2
        y = (
            torch.randn(n, q, generator=generator, dtype=torch.float64)
            + x[:, :q]
        )
        yield x, y


@exercise("similarity_by_cka.1")
def in_feature_space(answer: object) -> Feedback:
    """Biased linear CKA of clouds that are not centred."""
    from isomorph.measure.similarity import linear_cka

    def reference(x, y):
        return linear_cka(x, y, debiased=False)

    hint = "Is each column's mean 0 before anything is multiplied? Which norms are squared?"
    return function(answer, list(_clouds(3)), equals(reference), hint=hint)


def survives(change: str) -> bool:
    """Whether linear CKA is the same after a change of x or y, tried on a cloud."""
    import torch

    from isomorph.measure.similarity import linear_cka

    ((x, y),) = _clouds(1)
    generator = torch.Generator().manual_seed(2)
    order = torch.randperm(len(x), generator=generator)
    drawn = torch.randn(
        x.shape[1], x.shape[1], generator=generator, dtype=torch.float64
    )
    turn = torch.linalg.qr(drawn).Q
    stretch = torch.ones(x.shape[1], dtype=torch.float64)
    stretch[0] = 6
    after = {
        "rotate x": (x @ turn, y),
        "stretch one axis of x": (x * stretch, y),
        "multiply y by 3": (x, 3 * y),
        "add 5 to x": (x + 5, y),
        "shuffle the rows of y": (x, y[order]),
        "shuffle the rows of x and y alike": (x[order], y[order]),
    }[change]
    return abs(linear_cka(*after) - linear_cka(x, y)) < 1e-9


@exercise("similarity_by_cka.2")
def invariances(answer: object) -> Feedback:
    names = list(CHANGES)
    if not isinstance(answer, list | tuple | set) or not set(
        map(str, answer)
    ) <= set(names):
        told = ", ".join(f'"{name}"' for name in names)
        return Feedback(
            "wrong", f"The answer must be a list of some of {told}."
        )
    right = {name for name in names if survives(name)}
    wrong = len(right ^ set(map(str, answer)))
    if not wrong:
        return Feedback("right")
    of = f"{wrong} of the {len(names)} {'is' if wrong == 1 else 'are'} on the wrong side."
    return Feedback(
        "wrong",
        f"{of} Ask of each whether it changes which examples are near.",
    )


@exercise("similarity_by_cka.3")
def half_by_noise(answer: object) -> Feedback:
    """Biased CKA of noise, mean of some draws, near one half."""
    import torch

    from isomorph.measure.similarity import linear_cka

    if (
        isinstance(answer, bool)
        or not isinstance(answer, int)
        or not 4 <= answer <= 20_000
    ):
        return Feedback(
            "wrong",
            "A whole number of examples is asked for, from 4 to 20,000.",
        )
    generator = torch.Generator().manual_seed(3)
    values = []
    for _ in range(5 if answer < 2000 else 2):
        x, y = (
            torch.randn(answer, WIDTH, generator=generator) for _ in "xy"
        )
        values.append(linear_cka(x, y, debiased=False))
    mean = sum(values) / len(values)
    if 0.4 <= mean <= 0.6:
        return Feedback("right")
    less = "more" if mean > 0.6 else "fewer"
    return Feedback(
        "wrong", f"It is outside that range. Try {less} examples."
    )
