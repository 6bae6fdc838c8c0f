"""What rules read of runs that a laptop can make is run on seeds that were not known to them."""

import pytest

from isomorph.claims import ledger
from isomorph.ledger.evidence import FAR
from isomorph.presets import conditions
from isomorph.presets.recipes import FRESH

MADE = (
    "factors",
    "alignment",
    "layer_transfer",
    "language_models",
    "changes",
    "orders",
)


@pytest.mark.parametrize("name", MADE)
def test_what_decides_has_fresh_seeds(name):
    seeds: dict[str, set[int]] = {}
    for condition in conditions(name, "laptop"):
        seeds.setdefault(condition.name.removeprefix(FAR), set()).add(condition.run.seed)
    fresh = {each for each, own in seeds.items() if own >= set(FRESH)}
    asked = {
        each
        for claim in ledger()
        if name in (claim.rule.rows or ())
        for part in (claim.rule.primary, *claim.rule.requires)
        for side in part.terms()
        for term in side
        for each in term.condition or ()
    }
    assert asked & set(seeds)
    assert fresh >= asked & set(seeds)
