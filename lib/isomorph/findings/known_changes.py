"""What RSA and CKA say of changes that are known.

pulled   RSA by hand, on four points
toy      both on a cloud, changed in one way after another
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pandas import DataFrame
    from torch import Tensor


class Pulled(NamedTuple):
    """Four points in the plane, their table of cosines, and the same with one point moved."""

    before: DataFrame
    after: DataFrame
    rsa: dict[str, float]  # of what was done to the points -> RSA with the points as they were


def pulled() -> Pulled:
    """RSA by hand: a turn and a stretch leave the table of cosines alone, one moved point does not."""
    import pandas as pd
    import torch

    from isomorph.measure.similarity import rsa

    names = ["cat", "dog", "run", "walk"]
    points = torch.tensor([[3.0, 1.0], [2.0, 1.0], [-1.0, 2.0], [-1.0, 3.0]], dtype=torch.float64)
    turn = _rotation(2)
    moved = points.clone()
    moved[1] = torch.tensor([-1.0, 1.0])
    done = {
        "all turned": points @ turn, "all three times as long": 3 * points, "dog moved": moved,
    }  # fmt: skip
    tables = [
        pd.DataFrame(_cosines(x).numpy().round(2), columns=names).assign(point=names)
        for x in (points, moved)
    ]
    before, after = (table[["point", *names]] for table in tables)
    return Pulled(before, after, {name: rsa(points, x) for name, x in done.items()})


def toy(count: int = 300, width: int = 64) -> DataFrame:
    """A cloud that is changed in known ways, and what RSA and CKA say of it, a line a way."""
    import pandas as pd
    import torch

    from isomorph.measure.similarity import linear_cka, rsa

    generator = torch.Generator().manual_seed(0)
    draw = {"generator": generator, "dtype": torch.float64}
    cloud = torch.randn(count, width, **draw)
    few = cloud.clone()
    few[: count // 10] = torch.randn(count // 10, width, **draw)
    lengths = torch.rand(count, 1, **draw) * 3 + 0.2
    loud = torch.ones(width, dtype=torch.float64)
    loud[0] = 10.0
    changed = {
        "turned, and three times as large": 3 * cloud @ _rotation(width),
        "a tenth of the vectors drawn anew": few,
        "the same vector added to all": cloud + torch.randn(width, **draw),
        "each vector at a length of its own": cloud * lengths,
        "one coordinate ten times as loud": cloud * loud,
        "unrelated": torch.randn(count, width, **draw),
    }
    lines = [
        {"what was done": name, "RSA": rsa(cloud, x), "CKA, debiased": linear_cka(cloud, x),
         "CKA, biased": linear_cka(cloud, x, debiased=False)}
        for name, x in changed.items()
    ]  # fmt: skip
    return _rounded(pd.DataFrame(lines))


def _cosines(x: Tensor) -> Tensor:
    unit = x / x.norm(dim=1, keepdim=True)
    return unit @ unit.T


def _rotation(width: int) -> Tensor:
    """(width, width) some rotation, always the same."""
    import torch

    generator = torch.Generator().manual_seed(1)
    square = torch.randn(width, width, generator=generator, dtype=torch.float64)
    return torch.linalg.qr(square).Q


def _rounded(table: DataFrame) -> DataFrame:
    """Numbers to two digits, and no -0."""
    numbers = table.select_dtypes("number").columns
    return table.assign(**{name: table[name].round(2) + 0.0 for name in numbers})
