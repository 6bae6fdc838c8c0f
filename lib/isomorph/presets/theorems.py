"""Planted cases of the theorems of Gao et al. (2019); nothing is trained, a run takes seconds."""

from isomorph.results import Condition
from isomorph.runs import Theorem
from isomorph.sizes import Size, sized

NAMES = ("absent_word", "point_clouds", "strongly_convex")


@sized
def theorems(size: Size) -> list[Condition]:
    """Do the theorems hold where all their constants are known? (claims 2.1, 2.2 and 2.4)"""
    if size == "smoke":
        few = {"width": 3, "states": 20, "cases": 10, "steps": 300}
        return [Condition(name, Theorem(theorem=name, **few)) for name in NAMES]
    if size != "laptop":
        return []
    return [
        Condition(name, Theorem(theorem=name, seed=seed)) for seed in range(5) for name in NAMES
    ]
