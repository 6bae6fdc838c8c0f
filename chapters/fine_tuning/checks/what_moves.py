"""What is right in the exercises on what fine-tuning moves."""

from isomorph.exercises import Feedback, choice, equals, exercise, function


def _pairs_of_clouds():
    import torch

    generator = torch.Generator().manual_seed(5)
    for n, p, q in ((5, 3, 3), (40, 8, 6), (60, 4, 12)):
        draw = {"generator": generator, "dtype": torch.float64}
        shared = torch.randn(n, p, **draw)
        other = (
            shared @ torch.randn(p, q, **draw)
            + torch.randn(n, q, **draw)
            + 0.5
        )
        yield shared, other


@exercise("what_moves.1")
def by_distance(answer: object) -> Feedback:
    """The correlation of two tables of distances, without their diagonals."""
    import numpy as np
    import torch

    def reference(x, y):
        above = np.triu_indices(len(x), 1)
        tables = [torch.cdist(side, side).numpy()[above] for side in (x, y)]
        return float(np.corrcoef(tables)[0, 1])

    hint = "Is it the distance, and not its square? Is each pair of different rows there, and no row with itself?"
    return function(
        answer, list(_pairs_of_clouds()), equals(reference), hint=hint
    )


@exercise("what_moves.2")
def where_it_falls(answer: object) -> Feedback:
    """The block across which a curve over layers falls the most, counted from 1."""
    import numpy as np

    def reference(curve):
        return int(np.diff(curve).argmin()) + 1

    cases = [
        ([0.99, 0.97, 0.95, 0.6, 0.55],),
        ([1.0, 0.5, 0.45, 0.4],),
        ([0.9, 0.8, 0.95, 0.7, 0.72],),
        ([0.8, 0.9, 0.95],),
    ]
    hint = "Is it the fall to a layer that is compared? Do the blocks count from 1?"
    return function(answer, cases, equals(reference), hint=hint)


@exercise("what_moves.3")
def who_notices(answer: object) -> Feedback:
    """Every second vector turned round, tried on a cloud."""
    import torch

    from isomorph.measure.similarity import linear_cka, rsa

    generator = torch.Generator().manual_seed(6)
    cloud = torch.randn(200, 16, generator=generator, dtype=torch.float64)
    changed = cloud.clone()
    changed[::2] *= -1
    seen = [rsa(cloud, changed) < 0.99, linear_cka(cloud, changed) < 0.99]
    right = {
        (True, False): "RSA",
        (False, True): "CKA",
        (True, True): "both",
    }
    return choice(
        answer,
        ("RSA", "CKA", "both", "neither"),
        right.get(tuple(seen), "neither"),
    )
