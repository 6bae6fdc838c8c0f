"""The ledger: what each paper claims, what was measured here, and on what ground.

    ledger()          every claim, as data
    judged()          every claim with what each body of evidence says of it
    select_claims(ids)  some of them
    counts(found)     how many come to which outcome, by ground
    as_json()         one object a claim

`isomorph.outcomes` words them for readers. A claim's rule is data (`isomorph.ledger.schema`), and recorded rows alone decide
(`isomorph.ledger.verdicts`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from isomorph.ledger import schema
from isomorph.ledger.schema import Claim, LedgerError
from isomorph.ledger.subjects import WORLDS, placed
from isomorph.ledger.verdicts import Finding, Place, bodies, places
from isomorph.rows import with_sample
from isomorph.sizes import known as known_size

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = [
    "Claim",
    "Judged",
    "LedgerError",
    "as_json",
    "counts",
    "judged",
    "ledger",
    "select_claims",
]

Loader = Callable[[str], "DataFrame"]
# Rows that say nothing of when they were recorded are older than the first rule that asks.
BEFORE = "2026-11-28"
KEPT = ("experiment", "condition", "languages", "task", "split", "layer", "metric", "value", "tokens",
        "size", "recorded")  # fmt: skip
READ = (*KEPT, "seed", "fold", "config")
JUDGED = (*KEPT, "sample", "subject", "model", "unit", "body")
GROUNDS = ("real text", "worlds", "other models")
COUNTED = ("real text", "rule after rows", "worlds", "other models", "proof")


@dataclass(frozen=True)
class Judged:
    """A claim and the places that say something of it, those in its scope first."""

    claim: Claim
    places: tuple[Place, ...]

    @property
    def deciding(self) -> Place | None:
        """The place in scope that decides: the first in which something can be told, else the
        first; rows that came after the rule before rows that were known when it was written."""
        own = [place for place in self.places if place.in_scope]
        blind = ("cannot tell", "at floor", "at ceiling")
        own.sort(
            key=lambda place: (
                place.after_rows,
                place.judgement.outcome in blind,
                place.judgement.primary.estimate.kind != "interval",
            )
        )
        return own[0] if own else None

    @property
    def outcome(self) -> str:
        if self.claim.proved:
            return "proved"
        return self.deciding.judgement.outcome if self.deciding else "not measured"

    @property
    def ground(self) -> str:
        if self.claim.proved:
            return "proof"
        return ground(self.deciding) if self.deciding else "none"

    def on(self, name: str) -> tuple[Place, ...]:
        """The places of one of `GROUNDS`."""
        return tuple(place for place in self.places if ground(place) == name)


def ground(place: Place) -> str:
    """One of `GROUNDS`: what is in scope, invented languages, or a model that the claim is not about."""
    if place.subject in WORLDS:
        return "worlds"
    return "real text" if place.in_scope else "other models"


def ledger() -> list[Claim]:
    """Every claim, in the order of the sections. Raises LedgerError on a bad entry."""
    return list(schema.load())


def judged(rows: Loader | None = None, size: str | None = None) -> list[Judged]:
    """Every claim with what the rows say of it.

    `rows` maps an experiment's name to its rows; left out, it is `isomorph.results.recorded`. `size`
    is one of `isomorph.sizes.SIZES`: only rows of that size are looked at. Raises ValueError for
    another size.
    """
    if size is not None:
        known_size(size)
    if rows is not None:
        return _judge_all(rows, size)
    from isomorph.results import rows_digest

    return _judged(tuple(map(rows_digest, _wanted())), size)


@cache
def _judged(state: tuple[str, ...], size: str | None) -> list[Judged]:
    """Once for each state of the recorded rows, whose checksums are compared each time."""
    from isomorph.results import recorded

    return _judge_all(partial(recorded, columns=READ), size)


def _wanted() -> list[str]:
    return list(dict.fromkeys(name for claim in ledger() for name in claim.rule.rows or ()))


def _judge_all(rows: Loader, size: str | None) -> list[Judged]:
    import pandas as pd

    tables = [table for name in _wanted() if not (table := _prepared(rows(name), size)).empty]
    found = bodies(pd.concat(tables, ignore_index=True)) if tables else {}
    known: dict = {}
    return [Judged(claim, tuple(places(claim, found, known))) for claim in ledger()]


def _prepared(rows: DataFrame, size: str | None) -> DataFrame:
    import pandas as pd

    if size is not None:
        rows = rows[rows["size"] == size]
    if "recorded" not in rows:
        rows = rows.assign(recorded=BEFORE)
    # Of Python's own strings: selecting among them takes a third of the time.
    texts = [c for c in rows if c != "config" and not pd.api.types.is_numeric_dtype(rows[c])]
    rows = rows.astype(dict.fromkeys(texts, object)).fillna({"recorded": BEFORE})
    return with_sample(placed(rows))[list(JUDGED)] if len(rows) else rows


def as_json(rows: Loader | None = None, size: str | None = None) -> list[dict[str, Any]]:
    """One object a claim. Numbers are in `unit`, the paper's own; `n` counts units of `n_of`."""
    return [_entry(found) for found in judged(rows, size)]


def _entry(found: Judged) -> dict[str, Any]:
    claim, rule = found.claim, found.claim.rule
    named = {
        "id": claim.id,
        "paper": claim.paper.citation,
        "statement": claim.statement,
        "source": str(claim.source),
        "chapter": claim.chapter,
        "scope": claim.scope.model_dump(mode="json"),
        "primary": rule.primary.model_dump(mode="json", exclude_defaults=True),
        "outcome": found.outcome,
        "ground": found.ground,
    }
    rest = {
        "paper_value": rule.primary.paper,
        "paper_values": claim.model_dump(mode="json")["paper_value"],
        "requires": [
            control.model_dump(mode="json", exclude_defaults=True) for control in rule.requires
        ],
        "no_control": rule.no_control,
        "registered": claim.registered.isoformat(),
        "rule_after_rows": bool(found.deciding and found.deciding.after_rows),
        "history": [each.model_dump(mode="json") for each in claim.history],
        "since": [each.model_dump(mode="json") for each in claim.since],
        "places": {name: [_place(place) for place in found.on(name)] for name in GROUNDS},
    }
    return named | _numbers(found.deciding, claim) | rest


def _place(place: Place) -> dict[str, Any]:
    return {
        "subject": place.subject,
        "model": place.model,
        "size": place.size,
        "outcome": place.judgement.outcome,
        "rule_after_rows": place.after_rows,
        **_finding(place.judgement.primary, place.unit),
        "secondary": [
            {"says": one.part.says, "outcome": one.outcome} | _finding(one, place.unit)
            for one in place.judgement.secondary
        ],
        "requires": [
            {"says": one.part.says, "outcome": one.outcome} | _finding(one, place.unit)
            for one in place.judgement.controls
        ],
    }


def _numbers(place: Place | None, claim: Claim) -> dict[str, Any]:
    if place is not None:
        return _finding(place.judgement.primary, place.unit)
    nothing = dict.fromkeys(("value", "low", "high"))
    unit = claim.rule.primary.printed_unit()
    return nothing | {"unit": unit, "interval": "none", "n": 0, "n_of": None, "ratio": None}


def _finding(finding: Finding, unit: str) -> dict[str, Any]:
    own, part = finding.estimate, finding.part
    return {
        "value": _printed(part, own.value),
        "low": _printed(part, own.low),
        "high": _printed(part, own.high),
        "unit": part.printed_unit(),
        "interval": own.kind,
        "n": own.units,
        "n_of": unit,
        "ratio": finding.ratio,
    }


def _printed(part: schema.Part, value: float | None) -> float | None:
    return None if value is None else part.printed(value)


def counts(found: Iterable[Judged]) -> dict[str, Counter]:
    """How many claims come to which outcome, by ground; a claim counts once on each of its grounds.

    Keys are `COUNTED`; "rule after rows" is in scope, but by a rule written when its rows were known.
    """
    told: dict[str, Counter] = {name: Counter() for name in COUNTED}
    for each in found:
        if each.claim.proved:
            told["proof"]["proved"] += 1
            continue
        place = each.deciding
        late = place is not None and place.after_rows
        told["rule after rows" if late else "real text"][each.outcome] += 1
        for name in ("worlds", "other models"):
            # One outcome a ground: of the largest size, which comes first.
            told[name].update(other.judgement.outcome for other in each.on(name)[:1])
    return told


def select_claims(
    identifiers: Iterable[str], rows: Loader | None = None, size: str | None = None
) -> list[Judged]:
    """Some claims with what the rows say of them. Raises ValueError for one that is not in the ledger."""
    known = {found.claim.id: found for found in judged(rows, size)}
    wanted = [identifiers] if isinstance(identifiers, str) else list(identifiers)
    for name in wanted:
        if name not in known:
            raise ValueError(f"claim is {name!r}, but must be one of {', '.join(known)}.")
    return [known[name] for name in wanted]
