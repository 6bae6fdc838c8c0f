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

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from isomorph.candidates import in_words
from isomorph.ledger.estimates import estimate
from isomorph.ledger.intervals import Estimate, holm
from isomorph.ledger.records import Record, records, select
from isomorph.ledger.subjects import Subject
from isomorph.sizes import SIZES

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
    """What the rows of one place say of one prediction."""

    part: Part
    estimate: Estimate
    outcome: str
    reason: str = ""

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


def judge(rule: Rule, rows: DataFrame | list[Record], known: dict | None = None) -> Judgement:
    """The outcome of a rule on the rows of one place; `known` keeps the estimates of its controls.

    The primary prediction decides. Where a secondary one comes out the other way the outcome is
    "mixed". A prediction "does not hold" only if its p value, corrected for the number of predictions
    of the claim (Holm), leaves no doubt.
    """
    rows, known = records(rows), {} if known is None else known
    controls = []
    for control in rule.requires:
        for part in control.single(_values_of(control, rows)):
            if part not in known:
                known[part] = estimate(part, rows)
            controls.append(Finding(part, known[part], outcome_of(part, known[part])))
    parts = [
        (number, single)
        for number, part in enumerate(rule.parts)
        for single in part.single(_values_of(part, rows))
    ]
    estimates = [estimate(part, rows) for _, part in parts]
    against = holm([_against(part, own) for (_, part), own in zip(parts, estimates, strict=True)])
    found = [
        (number, _finding(part, own, chance))
        for (number, part), own, chance in zip(parts, estimates, against, strict=True)
    ]
    failed = next((c for c in controls if c.outcome != "holds"), None)
    if failed is not None:
        found = [(number, _silenced(one, failed)) for number, one in found]
    first = [one for number, one in found if number == 0]
    primary = min(first, key=lambda one: OUTCOMES[::-1].index(one.outcome))
    rest = tuple(one for _, one in found if one is not primary)
    return Judgement(_together(primary, rest), primary, rest, tuple(controls))


def _finding(part: Part, found: Estimate, against: float) -> Finding:
    outcome = outcome_of(part, found, against=against)
    if outcome != "cannot tell" or part.bound_from == "paper" or found.kind != "interval":
        return Finding(part, found, outcome)
    least, most = part.bound - part.tolerance, part.bound + part.tolerance
    missed = {"above": found.high < least, "below": found.low > most}
    outside = missed.get(part.direction, found.high < least or found.low > most)
    reason = "short of our own bound, which no source gives" if outside else ""
    return Finding(part, found, outcome, reason)


def _silenced(finding: Finding, control: Finding) -> Finding:
    """What a prediction comes to where a positive control does not hold."""
    if finding.outcome == "not measured":
        return finding
    untold = (
        control.outcome in ("not measured", "cannot tell") and control.estimate.kind != "interval"
    )
    outcome = "cannot tell" if untold else control.part.otherwise
    what = "this control cannot be told" if untold else "this control does not hold"
    return Finding(finding.part, finding.estimate, outcome, f"{what}: {control.part.says}")


def _together(primary: Finding, rest: tuple[Finding, ...]) -> str:
    opposite = {"holds": "does not hold", "does not hold": "holds"}.get(primary.outcome)
    return "mixed" if any(one.outcome == opposite for one in rest) else primary.outcome


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


@dataclass(frozen=True)
class Place:
    """A body of evidence and what it says: its subject, the model by name, the size, the unit."""

    subject: Subject
    model: str
    size: str
    unit: str
    in_scope: bool
    after_rows: bool
    judgement: Judgement = field(repr=False)
    candidates: str = ""  # among how many a score of retrieval or translation chooses


class Body(NamedTuple):
    """A body of evidence: its rows as `isomorph.ledger.subjects.placed` has them, and as records."""

    table: DataFrame
    rows: list[Record]


def bodies(rows: DataFrame) -> dict[tuple[str, str, str], Body]:
    """Each body of evidence by its name, size and experiment; smoke rows are none."""
    tables = rows[rows["size"] != "smoke"].groupby(["body", "size", "experiment"], sort=False)
    return {key: Body(table, records(table)) for key, table in tables}


def places(
    claim: Claim, found: dict[tuple[str, str, str], Body], known: dict | None = None
) -> list[Place]:
    """What each body of evidence says of a claim, those in scope and the largest size first.

    Vectors without contexts stand beside any body of their size, to be compared with. `known` keeps
    estimates that several claims ask for.
    """
    asked = {name for part in (*claim.rule.parts, *claim.rule.requires) for name in part.metrics()}
    read = {
        key: [row for row in body.rows if row.metric in asked or row.metric == "failed_run"]
        for key, body in found.items()
        if key[2] in (claim.rule.rows or ())
    }
    result = []
    for key, own in read.items():
        _, size, _ = key
        lent = [
            row
            for other, rows in read.items()
            if other != key and other[1] == size
            for row in rows
            if row.subject == "static vectors"
        ]
        plus, minus = claim.rule.primary.terms()
        deciding = [select(own, term, claim.rule.primary.beside) for term in (*plus, *minus)]
        if not deciding[0]:
            continue
        judgement = judge(
            claim.rule, own + lent, {} if known is None else known.setdefault(key, {})
        )
        if judgement.primary.outcome == "not measured":
            continue
        about = deciding[0][0]
        first = min(row.recorded for rows in deciding for row in rows)
        result.append(
            Place(about.subject, about.model, size, about.unit, about.subject in claim.scope.subjects,
                  first < claim.registered.isoformat(), judgement, in_words(found[key].table, asked))
        )  # fmt: skip
    return sorted(result, key=_first)


def _first(place: Place) -> tuple:
    """In scope before others, then larger sizes, younger rows, and more units."""
    units = place.judgement.primary.estimate.units
    return not place.in_scope, -SIZES.index(place.size), place.after_rows, -units


def _values_of(part: Part, rows: list[Record]) -> list[str]:
    """The values of the column named in `each` among the rows which the part selects."""
    if part.each is None:
        return []
    chosen = select(rows, part.terms()[0][0], part.beside)
    return sorted({getattr(row, part.each) for row in chosen} - {None})
