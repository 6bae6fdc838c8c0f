"""The ledger: what each paper claims, what was measured here, and on what ground.

    ledger()          every claim, as data
    judged()          every claim with what each body of evidence says of it
    select_claims(ids)  some of them
    counts(judged)    how many come to which outcome, by ground
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

from isomorph.config import known as known_size
from isomorph.ledger import schema
from isomorph.ledger.evidence import WORLDS, placed
from isomorph.ledger.intervals import NOTHING
from isomorph.ledger.schema import Claim, LedgerError
from isomorph.ledger.verdicts import Finding, Place, bodies, places
from isomorph.rows import recorded, rows_digest, with_sample

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = [
    "Claim", "Judged", "LedgerError", "as_json", "counts", "judged", "ledger", "select_claims",
]  # fmt: skip

Loader = Callable[[str], "DataFrame"]
# Rows that say nothing of when they were recorded are older than the first rule that asks.
BEFORE = "2026-11-28"
READ = ("experiment", "condition", "languages", "task", "split", "layer", "metric", "value", "tokens",
        "size", "recorded", "seed", "fold", "config")  # fmt: skip
GROUNDS = ("real text", "worlds", "other models")
COUNTED = ("real text", "rule after rows", "worlds", "other models", "proof")
BLIND = ("cannot tell", "at floor", "at ceiling")


@dataclass(frozen=True)
class Judged:
    """A claim and the places that say something of it, those in its scope first."""

    claim: Claim
    places: tuple[Place, ...]

    @property
    def deciding(self) -> Place | None:
        """The place in scope that decides: the first in which something can be seen, else the
        first; rows that came after the rule before rows that were known when it was written."""

        def last(place: Place) -> tuple:
            ranged = place.primary.estimate.kind != "interval"
            return place.after_rows, place.outcome in BLIND, ranged

        return min((place for place in self.places if place.in_scope), key=last, default=None)

    @property
    def late(self) -> bool:
        """Whether the rule that decides was written when its rows were known."""
        return self.deciding is not None and self.deciding.after_rows

    @property
    def outcome(self) -> str:
        if self.claim.proved:
            return "proved"
        return self.deciding.outcome if self.deciding else "not measured"

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

    `rows` maps an experiment's name to its rows; left out, it is `isomorph.rows.recorded`. `size`
    is one of `isomorph.config.SIZES`: only rows of that size are looked at. Raises ValueError for
    another size.
    """
    if size is not None:
        known_size(size)
    if rows is not None:
        return _judge_all(rows, size)
    return _judged(tuple(map(rows_digest, _wanted())), size)


@cache
def _judged(state: tuple[str, ...], size: str | None) -> list[Judged]:
    """Once for each state of the recorded rows, whose checksums are compared each time."""
    return _judge_all(partial(recorded, columns=READ), size)


def _wanted() -> list[str]:
    return list(dict.fromkeys(name for claim in ledger() for name in claim.rule.rows or ()))


def _judge_all(rows: Loader, size: str | None) -> list[Judged]:
    import pandas as pd

    tables = [table for name in _wanted() if len(table := _prepared(rows(name), size))]
    evidence = bodies(pd.concat(tables, ignore_index=True)) if tables else {}
    known: dict = {}
    return [Judged(claim, tuple(places(claim, evidence, known))) for claim in ledger()]


def _prepared(rows: DataFrame, size: str | None) -> DataFrame:
    import pandas as pd

    if size is not None:
        rows = rows[rows["size"] == size]
    if "recorded" not in rows:
        rows = rows.assign(recorded=BEFORE)
    # Of Python's own strings: selecting among them takes a third of the time.
    texts = [c for c in rows if c != "config" and not pd.api.types.is_numeric_dtype(rows[c])]
    rows = rows.astype(dict.fromkeys(texts, object)).fillna({"recorded": BEFORE})
    return with_sample(placed(rows)) if len(rows) else rows


def as_json(rows: Loader | None = None, size: str | None = None) -> list[dict[str, Any]]:
    """One object a claim. Numbers are in `unit`, the paper's own; `n` counts units of `n_of`."""
    return [_entry(each) for each in judged(rows, size)]


def _entry(each: Judged) -> dict[str, Any]:
    claim, rule, place = each.claim, each.claim.rule, each.deciding
    whole = claim.model_dump(mode="json")
    primary, *requires = (
        part.model_dump(mode="json", exclude_defaults=True)
        for part in (rule.primary, *rule.requires)
    )
    finding = place.primary if place else Finding(rule.primary, NOTHING, "not measured")
    return {
        "id": claim.id,
        "paper": claim.paper.citation,
        "statement": claim.statement,
        "source": str(claim.source),
        "chapter": claim.chapter,
        "scope": whole["scope"],
        "primary": primary,
        "outcome": each.outcome,
        "ground": each.ground,
        **_numbers(finding),
        "paper_value": rule.primary.paper,
        "paper_values": whole["paper_value"],
        "requires": requires,
        "no_control": rule.no_control,
        "registered": claim.registered.isoformat(),
        "rule_after_rows": each.late,
        "history": whole["history"],
        "since": whole["since"],
        "places": {name: [_place(place) for place in each.on(name)] for name in GROUNDS},
    }


def _place(place: Place) -> dict[str, Any]:
    def listed(findings: Iterable[Finding]) -> list[dict]:
        return [{"says": one.part.says, "outcome": one.outcome} | _numbers(one) for one in findings]

    return {
        "subject": place.subject,
        "model": place.model,
        "size": place.size,
        "outcome": place.outcome,
        "rule_after_rows": place.after_rows,
        **_numbers(place.primary),
        "secondary": listed(place.secondary),
        "requires": listed(place.controls),
    }


def _numbers(finding: Finding) -> dict[str, Any]:
    estimate, part = finding.estimate, finding.part
    ends = {name: getattr(estimate, name) for name in ("value", "low", "high")}
    return {name: None if end is None else part.printed(end) for name, end in ends.items()} | {
        "unit": part.printed_unit(), "interval": estimate.kind, "n": estimate.units, "n_of": finding.unit,
        "ratio": finding.ratio,
    }  # fmt: skip


def counts(judged: Iterable[Judged]) -> dict[str, Counter]:
    """How many claims come to which outcome, by ground; a claim counts once on each of its grounds.

    Keys are `COUNTED`; "rule after rows" is in scope, but by a rule written when its rows were known.
    """
    counted: dict[str, Counter] = {name: Counter() for name in COUNTED}
    for each in judged:
        if each.claim.proved:
            counted["proof"]["proved"] += 1
            continue
        counted["rule after rows" if each.late else "real text"][each.outcome] += 1
        for name in ("worlds", "other models"):
            # One outcome a ground: of the largest size, which comes first.
            counted[name].update(other.outcome for other in each.on(name)[:1])
    return counted


def select_claims(identifiers: Iterable[str]) -> list[Judged]:
    """Some claims with what the rows say of them. Raises ValueError for one that is not in the ledger."""
    known = {each.claim.id: each for each in judged()}
    for name in identifiers:
        if name not in known:
            raise ValueError(f"claim is {name!r}, but must be one of {', '.join(known)}.")
    return [known[name] for name in identifiers]
