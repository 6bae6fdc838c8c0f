"""The ledger: what each paper claims, what was measured here, and on what ground.

    ledger()          every claim, as data
    judged()          every claim with what each body of evidence says of it
    as_json, as_text  the ledger, a claim an entry
    predictions(ids)  every prediction of some claims, in every place: the table of a chapter
    answer(ids)       the box with which a chapter opens

A claim's rule is data (`isomorph.ledger.schema`), and recorded rows alone decide
(`isomorph.ledger.verdicts`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from isomorph.ledger import schema
from isomorph.ledger.schema import Claim, LedgerError
from isomorph.ledger.subjects import WORLDS, placed
from isomorph.ledger.verdicts import Finding, Place, bodies, places
from isomorph.sizes import known as known_size

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["Claim", "Judged", "LedgerError", "answer", "as_json", "as_text", "counts", "judged",
           "ledger", "predictions"]  # fmt: skip

Loader = Callable[[str], "DataFrame"]
# Rows that say nothing of when they were recorded are older than the first rule that asks.
BEFORE = "2026-11-28"
JUDGED = ("experiment", "condition", "pair", "layer", "seed", "metric", "value", "tokens", "size", "recorded",
          "subject", "model", "unit", "body")  # fmt: skip
GROUNDS = ("real text", "worlds", "other models")
COUNTED = ("real text", "rule after rows", "worlds", "other models", "proof")


# What an outcome means for a claim, in a sentence; "its kind" is the scope.
MEANINGS = {
    "proved": "A proof settles it; what runs here checks our code.",
    "holds": "Models of its kind do what it says.",
    "does not hold": "Models of its kind do the opposite.",
    "other size": "Models of its kind go the way it says, at another size.",
    "no meaningful effect": "In models of its kind there is no effect to speak of.",
    "mixed": "Models of its kind do part of what it says and the opposite of another part.",
    "cannot tell": "The runs of models of its kind are too few or too unlike to tell.",
    "at floor": "Models of its kind have learnt too little here for anything to be seen.",
    "at ceiling": "Models of its kind leave no room here for anything to be seen.",
    "not measured": "No model of its kind was run here.",
}


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


def on_ground(found: Judged) -> str:
    """The ground of a claim's outcome, in words: the model and whether its rows were known."""
    if found.claim.proved:
        return "what runs checks our code"
    place = found.deciding
    if place is None:
        return "no subject in its scope has rows"
    return place.model + (", by a rule written after their rows" if place.after_rows else "")


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

    return _judge_all(recorded, size)


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
    rows = rows.assign(recorded=rows["recorded"].fillna(BEFORE))
    if rows.empty:
        return rows
    rows = placed(rows)[list(JUDGED)]
    # Of Python's own strings: selecting among them takes a third of the time.
    return rows.astype({c: object for c in rows if not pd.api.types.is_numeric_dtype(rows[c])})


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


def significant(value: float) -> str:
    """Two significant digits, without an exponent; what is left of rounding is 0."""
    rounded = float(f"{value:.2g}") if abs(value) > 1e-9 else 0.0
    return f"{rounded:.0f}" if abs(rounded) >= 10 or rounded == 0 else f"{rounded:.2g}"


def written(finding: Finding, unit: str) -> str:
    """A number in its unit with its interval and units: "-35 points [-47, -16], 5 pretraining seeds"."""
    own, part = finding.estimate, finding.part
    if own.value is None:
        return "not measured"
    value, low, high = (significant(part.printed(x)) for x in (own.value, own.low, own.high))
    sign = "+" if part.minus and own.value > 0 and part.over_seeds == "mean" else ""
    number = f"{sign}{value} {part.printed_unit()}".rstrip()
    units = {"items of one model": "fifths of one model's items"}.get(unit, f"{unit}s")
    if own.kind == "interval":
        return f"{number} [{low}, {high}], {own.units} {units}"
    if own.units == 1:
        return f"{number}, one {unit}"
    if own.low == own.high:
        return f"{number}, the same in {own.units} {units}"
    return f"{number}, from {low} to {high} in {own.units} {units}"


def told(place: Place) -> str:
    """A place's primary number and outcome, and what so few units could have found."""
    primary = place.judgement.primary
    text = f"{place.judgement.outcome}: {written(primary, place.unit)}"
    if primary.ratio is not None and primary.part.minus and primary.part.direction != "within":
        text += f", {significant(primary.ratio)} times the paper's"
    if primary.reason:
        text += f" ({primary.reason})"
    elif primary.outcome == "cannot tell" and primary.estimate.kind == "interval":
        least = primary.part.printed(primary.estimate.findable())
        factor = "a factor of " if primary.estimate.logarithmic else ""
        text += f"; {factor}{significant(least)} would have been found"
    return f"{text}; {place.candidates}" if place.candidates else text


def predictions(
    identifiers: Iterable[str], rows: Loader | None = None, size: str | None = None
) -> DataFrame:
    """Every prediction of some claims in every place that has rows, in the order of the ledger.

    Columns claim, prediction, where, here, the paper, outcome. Raises ValueError for a claim that is
    not in the ledger.
    """
    import pandas as pd

    lines = []
    for found in _chosen(identifiers, rows, size):
        for place in found.places:
            where = f"{place.model} ({place.size})"
            for one in place.judgement.findings:
                paper = "" if one.part.paper is None else significant(one.part.paper)
                lines.append(
                    {"claim": found.claim.id, "prediction": one.part.says,
                     "where": where, "here": written(one, place.unit), "the paper": paper,
                     "outcome": one.outcome}
                )  # fmt: skip
    columns = ["claim", "prediction", "where", "here", "the paper", "outcome"]
    return pd.DataFrame(lines, columns=columns)


def _chosen(identifiers: Iterable[str], rows: Loader | None, size: str | None) -> list[Judged]:
    known = {found.claim.id: found for found in judged(rows, size)}
    wanted = [identifiers] if isinstance(identifiers, str) else list(identifiers)
    for name in wanted:
        if name not in known:
            raise ValueError(f"claim is {name!r}, but must be one of {', '.join(known)}.")
    return [known[name] for name in wanted]


class Answer:
    """The box with which a chapter opens: each claim, the paper's number, ours by ground, the outcome."""

    def __init__(self, found: list[Judged]) -> None:
        self.found = found

    def _repr_html_(self) -> str:
        from html import escape

        parts = []
        for each in self.found:
            claim, number = each.claim, each.claim.rule.primary.paper
            kind = each.outcome.replace(" ", "-")
            late = each.deciding is not None and each.deciding.after_rows
            parts.append(
                f'<p><strong>{claim.id}</strong> <span class="outcome outcome-{kind}">{each.outcome}'
                f"</span>{' (rule after rows)' if late else ''} {escape(claim.statement)} "
                f"<em>{MEANINGS[each.outcome]}</em></p><ul>"
            )
            if number is not None:
                unit = claim.rule.primary.printed_unit()
                parts.append(f"<li><em>The paper:</em> {significant(number)} {escape(unit)}</li>")
            parts += [
                f"<li><em>{escape(_where(place))}:</em> {escape(told(place))}</li>"
                for place in each.places
            ]
            parts.append("</ul>")
        return (
            '<div class="answer" role="region" aria-label="The answer"><p class="answer-title">The '
            f"answer</p>{''.join(parts)}</div>"
        )

    def __repr__(self) -> str:
        return "\n".join(
            f"{each.claim.id} {each.outcome}: {each.claim.statement}"
            + "".join(f"\n  {_where(place)}: {told(place)}" for place in each.places)
            for each in self.found
        )


def _where(place: Place) -> str:
    scope = "" if place.in_scope or place.subject in WORLDS else ", another kind of model"
    late = "; rule after rows" if place.in_scope and place.after_rows else ""
    return f"{place.model} at {place.size}{scope}{late}"


def answer(*identifiers: str) -> Answer:
    """The answer box of some claims. Raises ValueError for a claim that is not in the ledger."""
    return Answer(_chosen(identifiers, None, None))


def as_text(rows: Loader | None = None, size: str | None = None, width: int | None = None) -> str:
    """The ledger as a printable table: id, statement, paper's number, and ours by ground."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = Table(show_lines=True)
    headings = {"claim": 1, "what it says": 5, "paper": 1, "outcome": 2, "in scope": 3, "in worlds": 3,
                "other models": 3}  # fmt: skip
    for heading, ratio in headings.items():
        shown.add_column(heading, ratio=ratio, overflow="fold")
    found = judged(rows, size)
    for each in found:
        paper = each.claim.rule.primary.paper
        cells = [each.claim.id, each.claim.statement, "" if paper is None else significant(paper)]
        late = " (rule after rows)" if each.deciding and each.deciding.after_rows else ""
        cells += [each.outcome + late]
        cells += ["\n".join(f"{p.model}: {told(p)}" for p in each.on(name)) for name in GROUNDS]
        shown.add_row(*map(Text, cells))  # Text, or rich reads [low, high] as a style
    console = Console(width=width)
    with console.capture() as captured:
        console.print(shown)
        for name, number in counts(found).items():
            if number:
                listed = ", ".join(f"{count} {outcome}" for outcome, count in number.most_common())
                console.print(f"{name}: {listed}")
    return captured.get()
