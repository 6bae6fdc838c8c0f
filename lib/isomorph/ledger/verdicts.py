"""From a number and its interval to an outcome: a side of the bound, on a ground.

`isomorph.ledger.estimates` reduces the rows of one place to a number. `outcome_of` says what a prediction comes to:

    holds                  the whole interval is on the predicted side of the bound, by more than
                           the smallest effect of interest
    does not hold          all of it is as far on the other side, of a bound that the paper gives
    no meaningful effect   the interval lies within the smallest effect of interest
    other size             the predicted sign, at less than a third or over three times the size
    cannot tell            neither; or there are fewer than five units
    at floor, at ceiling   a positive control does not hold here, so nothing can be seen
    not measured           no rows

A place is a body of evidence that belongs together: worlds, our models on real text, or one encoder
by its name, of one experiment at one size. Only places whose subject is in the claim's scope decide.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from isomorph.config import SIZES
from isomorph.ledger.estimates import estimate
from isomorph.ledger.evidence import Record, Subject, records, select
from isomorph.ledger.intervals import Estimate, holm
from isomorph.rows import among_in_words

if TYPE_CHECKING:
    from pandas import DataFrame

    from isomorph.ledger.schema import Claim, Part, Rule

OUTCOMES = (
    "holds", "other size", "no meaningful effect", "cannot tell", "does not hold", "at floor",
    "at ceiling", "not measured",
)  # fmt: skip
SIDE = 0.025  # the chance of an interval to miss the truth on one side
BAND = 3.0  # an effect of a third to three times the paper's is of its size


@dataclass(frozen=True)
class Finding:
    """What the rows of one place say of one prediction; the estimate counts units of `unit`."""

    part: Part
    estimate: Estimate
    outcome: str
    unit: str | None = None
    reason: str = ""
    fresh: bool = False  # by rows that are younger than the rule, and by them alone

    @property
    def ratio(self) -> float | None:
        """Ours as a multiple of the paper's; None where either is unknown."""
        if not self.part.paper or self.estimate.value is None:
            return None
        return self.part.printed(self.estimate.value) / self.part.paper


@dataclass(frozen=True)
class Judgement:
    """What one place says of a rule; `controls` are its positive controls there."""

    outcome: str
    primary: Finding
    secondary: tuple[Finding, ...] = ()
    controls: tuple[Finding, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        return (self.primary, *self.secondary)


def judge(
    rule: Rule,
    rows: DataFrame | list[Record],
    known: dict | None = None,
    unit: str | None = None,
    fresh: list[Record] | None = None,
) -> Judgement:
    """The outcome of a rule on the rows of one place; `known` keeps the estimates of its controls.

    The primary prediction decides. Where a secondary one comes out the other way the outcome is
    "mixed". A prediction "does not hold" only if its p value, corrected for the number of predictions
    of the claim (Holm), leaves no doubt. `fresh` are the rows that are younger than the rule, where
    some are older: of what they give an interval, older ones do not count.
    """
    rows, known = records(rows), {} if known is None else known

    def estimated(part: Part) -> tuple[Estimate, bool]:
        young = estimate(part, fresh) if fresh else None
        if young is not None and young.kind == "interval":
            return young, True
        return estimate(part, rows), False

    controls = []
    for control in rule.requires:
        for part in control.single(rows):
            if part not in known:
                known[part] = estimated(part)
            controls.append(_finding(part, *known[part], unit))
    primaries = rule.primary.single(rows)
    parts = [*primaries, *(single for part in rule.secondary for single in part.single(rows))]
    estimates = [estimated(part) for part in parts]
    against = holm([_against(part, own) for part, (own, _) in zip(parts, estimates, strict=True)])
    findings = [
        _finding(part, *own, unit, chance)
        for part, own, chance in zip(parts, estimates, against, strict=True)
    ]
    failed = next((c for c in controls if c.outcome != "holds"), None)
    if failed is not None:
        findings = [_silenced(one, failed) for one in findings]
    primary = min(findings[: len(primaries)], key=lambda one: OUTCOMES[::-1].index(one.outcome))
    rest = tuple(one for one in findings if one is not primary)
    opposite = {"holds": "does not hold", "does not hold": "holds"}.get(primary.outcome)
    mixed = any(one.outcome == opposite for one in rest)
    return Judgement("mixed" if mixed else primary.outcome, primary, rest, tuple(controls))


def _finding(
    part: Part, found: Estimate, fresh: bool, unit: str | None, against: float | None = None
) -> Finding:
    outcome, reason = outcome_of(part, found, against=against), ""
    if outcome == "cannot tell" and part.bound_from != "paper" and found.kind == "interval":
        below = found.high < part.bound - part.tolerance and part.direction != "below"
        above = found.low > part.bound + part.tolerance and part.direction != "above"
        reason = "short of our own bound, which no source gives" if below or above else ""
    return Finding(part, found, outcome, unit, reason, fresh)


def _silenced(finding: Finding, control: Finding) -> Finding:
    """What a prediction comes to where a positive control does not hold."""
    if finding.outcome == "not measured":
        return finding
    unseen = control.outcome in ("not measured", "cannot tell")
    if unseen and control.estimate.kind != "interval":
        outcome, what = "cannot tell", "cannot be told"
    else:
        outcome, what = control.part.otherwise, "does not hold"
    return replace(finding, outcome=outcome, reason=f"this control {what}: {control.part.says}")


def outcome_of(part: Part, found: Estimate, *, against: float | None = None) -> str:
    """What one estimate comes to; `against` is the corrected chance that it opposes the part."""
    if found.value is None:
        return "not measured"
    if found.kind != "interval":
        return "cannot tell"
    low, high = found.low, found.high
    if part.direction == "within":
        held = part.bound - part.tolerance <= low and high <= part.bound + part.tolerance
    elif part.direction == "outside":
        held = low > part.bound + part.tolerance or high < part.bound - part.tolerance
    else:
        if part.smallest and max(abs(low), abs(high)) <= part.smallest:
            return "no meaningful effect"
        held = low > part.edge(1) if part.direction == "above" else high < part.edge(1)
    if held:
        return "other size" if _other_size(part, found) else "holds"
    chance = _against(part, found) if against is None else against
    return "does not hold" if chance < SIDE else "cannot tell"


def _against(part: Part, found: Estimate) -> float:
    """One-sided p of lying beyond the bound on the side that is not predicted; 1 where a bound that
    no source gives would have to say so."""
    if found.kind != "interval" or part.direction == "outside":
        return 1.0
    edge = part.edge(-1)
    if part.bound_from == "ours":
        # Of a contrast the sign is the paper's, whoever set a bound that asks for more than that.
        asks = part.bound > 0 if part.direction == "above" else part.bound < 0
        if part.direction == "within" or not part.minus or not asks:
            return 1.0
        edge = 0.0
    if part.direction == "above":
        return found.chance(edge, "below")
    if part.direction == "below":
        return found.chance(edge, "above")
    above = found.chance(part.bound + part.tolerance, "above")
    return min(1.0, 2 * min(above, found.chance(part.bound - part.tolerance, "below")))


def _other_size(part: Part, found: Estimate) -> bool:
    """Whether the whole interval is off the paper's size by more than the band."""
    if not part.paper or part.direction == "within" or not part.minus:
        return False
    ends = sorted(abs(part.printed(end)) for end in (found.low, found.high))
    return ends[0] > BAND * abs(part.paper) or ends[1] < abs(part.paper) / BAND


@dataclass(frozen=True, kw_only=True)
class Place(Judgement):
    """A body of evidence and what it says: its subject, the model by name, the size."""

    subject: Subject
    model: str
    size: str
    in_scope: bool
    after_rows: bool
    candidates: str = ""  # among how many a score of retrieval or translation chooses


class Body(NamedTuple):
    """A body of evidence: its rows as `isomorph.ledger.evidence.placed` has them, and as records."""

    table: DataFrame
    rows: list[Record]


def bodies(rows: DataFrame) -> dict[tuple[str, str, str], Body]:
    """Each body of evidence by its name, size and experiment; smoke rows are none."""
    tables = rows[rows["size"] != "smoke"].groupby(["body", "size", "experiment"], sort=False)
    return {key: Body(table, records(table)) for key, table in tables}


def places(
    claim: Claim, evidence: dict[tuple[str, str, str], Body], known: dict | None = None
) -> list[Place]:
    """What each body of evidence says of a claim, those in scope and the largest size first.

    Vectors without contexts stand beside any body of their size, to be compared with. `known` keeps
    estimates that several claims ask for.
    """
    rule, known = claim.rule, {} if known is None else known
    asked = {name for part in (*rule.parts, *rule.requires) for name in part.metrics()}
    read = {
        key: [row for row in body.rows if row.metric in asked or row.metric == "failed_run"]
        for key, body in evidence.items()
        if key[2] in (rule.rows or ())
    }
    result = []
    for key, rows in read.items():
        deciding = [
            select(rows, term, rule.primary.beside)
            for side in rule.primary.terms()
            for term in side
        ]
        if not deciding[0]:
            continue
        size = key[1]
        others = [
            r for other, lent in read.items() if other != key and other[1] == size for r in lent
        ]
        lent = [row for row in others if row.subject == "static vectors"]
        about, fixed = deciding[0][0], claim.registered.isoformat()
        fresh = [row for row in rows if row.recorded >= fixed]
        mixed = 0 < len(fresh) < len(rows)
        judgement = judge(
            rule, rows + lent, known.setdefault((key, fixed if mixed else None), {}), about.unit,
            fresh + lent if mixed else None,
        )  # fmt: skip
        if judgement.primary.outcome == "not measured":
            continue
        young = all(row.recorded >= fixed for chosen in deciding for row in chosen)
        decided = (judgement.primary, *judgement.controls)
        result.append(
            Place(**vars(judgement), subject=about.subject, model=about.model, size=size,
                  in_scope=about.subject in claim.scope.subjects,
                  after_rows=not young and not all(found.fresh for found in decided),
                  candidates=among_in_words(evidence[key].table, asked))
        )  # fmt: skip
    return sorted(result, key=_first)


def _first(place: Place) -> tuple:
    """In scope before others, then larger sizes, younger rows, and more units."""
    units = place.primary.estimate.units
    return not place.in_scope, -SIZES.index(place.size), place.after_rows, -units
