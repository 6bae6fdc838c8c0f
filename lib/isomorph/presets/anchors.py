"""How much two languages share under each anchor policy: counted in what the runs of `factors` read."""

from isomorph.presets.ablations import factors
from isomorph.results import Condition
from isomorph.runs import AnchorShare
from isomorph.sizes import Size, sized

POLICIES = ("no_anchors", "default_anchors", "default", "extra_anchors")
DIAL = ("anchors_00", "anchors_15", "anchors_45", "anchors_60")
DISTANT = ("far_default_anchors", "far_default", "far_extra_anchors")


@sized
def anchor_shares(size: Size) -> list[Condition]:
    """What do the languages share in their text? Of one seed: another hardly changes it."""
    if size == "paper":  # its text is fetched, and too long to count for a figure in the margin
        return []
    return [
        Condition(condition.name, AnchorShare(pretraining=condition.run.pretraining))
        for condition in factors(size)
        if condition.name in (*POLICIES, *DIAL, *DISTANT) and condition.run.seed == 0
    ]
