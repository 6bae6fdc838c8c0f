"""What claims come to, for readers: the box that opens a chapter, its table of predictions, the ledger
as text.

    answer(ids)       the box: each claim, the paper's number, ours by ground, the outcome
    verdict(ids)      every prediction in every place, and what the claims come to
    predictions(ids)  the same as a table
    as_text()         the whole ledger, printable
    finding_text, place_text   a number with its interval; a place's number and outcome
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from isomorph.claims import GROUNDS, Judged, counts, judged, select_claims
from isomorph.ledger.evidence import WORLDS
from isomorph.ledger.verdicts import Finding, Place

if TYPE_CHECKING:
    from pandas import DataFrame

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
class Shown:
    """What a notebook shows as HTML, a terminal as text."""

    text: str
    html: str

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return self.html


def significant(value: float) -> str:
    """Two significant digits, without an exponent; what is left of rounding is 0."""
    rounded = float(f"{value:.2g}") if abs(value) > 1e-9 else 0.0
    return f"{rounded:.0f}" if abs(rounded) >= 10 or rounded == 0 else f"{rounded:.2g}"


def paper_number(each: Judged) -> str:
    """The paper's own number for what decides, in its unit; empty where there is none."""
    primary = each.claim.rule.primary
    return "" if primary.paper is None else f"{significant(primary.paper)} {primary.printed_unit()}"


def badge(outcome: str) -> str:
    """An outcome as HTML."""
    kind = outcome.replace(" ", "-")
    return f'<span class="outcome outcome-{kind}">{escape(outcome)}</span>'


def finding_text(finding: Finding) -> str:
    """A number in its unit with its interval and units: "-35 points [-47, -16], 5 pretraining seeds"."""
    own, part, unit = finding.estimate, finding.part, finding.unit
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


def place_text(place: Place) -> str:
    """A place's primary number and outcome, and what so few units could have found."""
    primary = place.primary
    text = f"{place.outcome}: {finding_text(primary)}"
    if primary.ratio is not None and primary.part.minus and primary.part.direction != "within":
        text += f", {significant(primary.ratio)} times the paper's"
    if primary.reason:
        text += f" ({primary.reason})"
    elif primary.outcome == "cannot tell" and primary.estimate.kind == "interval":
        least = primary.part.printed(primary.estimate.findable())
        factor = "a factor of " if primary.estimate.logarithmic else ""
        text += f"; {factor}{significant(least)} would have been found"
    return f"{text}; {place.candidates}" if place.candidates else text


def predictions(identifiers: Iterable[str]) -> DataFrame:
    """Every prediction of some claims in every place that has rows, in the order of the ledger.

    Columns claim, prediction, where, here, the paper, outcome. Raises ValueError for a claim that is
    not in the ledger.
    """
    import pandas as pd

    lines = [
        (each.claim.id, one.part.says, f"{place.model} ({place.size})",
         finding_text(one),
         "" if one.part.paper is None else significant(one.part.paper), one.outcome)
        for each in select_claims(identifiers)
        for place in each.places
        for one in place.findings
    ]  # fmt: skip
    columns = ["claim", "prediction", "where", "here", "the paper", "outcome"]
    return pd.DataFrame(lines, columns=columns)


def answer(*identifiers: str) -> Shown:
    """The box with which a chapter opens: each claim, the paper's number, ours by ground, the outcome.

    Raises ValueError for a claim that is not in the ledger.
    """
    parts, texts = [], []
    for each in select_claims(identifiers):
        claim, outcome = each.claim, each.outcome
        places = [(_where(place), place_text(place)) for place in each.places]
        if number := paper_number(each):
            places.insert(0, ("The paper", number))
        parts.append(
            f"<p><strong>{claim.id}</strong> {badge(outcome)}"
            f"{' (rule after rows)' if each.late else ''} {escape(claim.statement)} "
            f"<em>{MEANINGS[outcome]}</em></p><ul>"
            + "".join(f"<li><em>{escape(name)}:</em> {escape(text)}</li>" for name, text in places)
            + "</ul>"
        )
        said = [f"\n  {name}: {text}" for name, text in places]
        texts.append(f"{claim.id} {outcome}: {claim.statement}{''.join(said)}")
    box = '<div class="answer" role="region" aria-label="The answer"><p class="answer-title">The '
    return Shown("\n".join(texts), f"{box}answer</p>{''.join(parts)}</div>")


def _where(place: Place) -> str:
    scope = "" if place.in_scope or place.subject in WORLDS else ", another kind of model"
    late = "; rule after rows" if place.in_scope and place.after_rows else ""
    return f"{place.model} at {place.size}{scope}{late}"


def verdict(*identifiers: str) -> Shown:
    """Every prediction of some claims in every place that has rows, and what the claims come to.

    Raises ValueError for a claim that is not in the ledger.
    """
    from isomorph.figures.display import table_figure

    table = predictions(identifiers)
    name = f"Claim{'s' if len(identifiers) > 1 else ''} {', '.join(identifiers)}, by prediction"
    said = " ".join(
        f"Claim {each.claim.id}: {each.outcome} ({_ground(each)})."
        for each in select_claims(identifiers)
    )
    text = f"{said}\n{table.to_string(index=False)}"
    return Shown(text, f"{table_figure(table, name)}<p>{escape(said)}</p>")


def _ground(each: Judged) -> str:
    """The ground of a claim's outcome, in words: the model and whether its rows were known."""
    if each.claim.proved:
        return "what runs checks our code"
    if each.deciding is None:
        return "no subject in its scope has rows"
    return each.deciding.model + (", by a rule written after their rows" if each.late else "")


def as_text(size: str | None = None, width: int | None = None) -> str:
    """The ledger as a printable table: id, statement, paper's number, and ours by ground."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = Table(show_lines=True)
    headings = {"claim": 1, "what it says": 5, "paper": 1, "outcome": 2, "in scope": 3, "in worlds": 3,
                "other models": 3}  # fmt: skip
    for heading, ratio in headings.items():
        shown.add_column(heading, ratio=ratio, overflow="fold")
    every = judged(size=size)
    for each in every:
        paper = each.claim.rule.primary.paper
        cells = [
            each.claim.id, each.claim.statement, "" if paper is None else significant(paper),
            each.outcome + (" (rule after rows)" if each.late else ""),
            *("\n".join(f"{p.model}: {place_text(p)}" for p in each.on(name)) for name in GROUNDS),
        ]  # fmt: skip
        shown.add_row(*map(Text, cells))  # Text, or rich reads [low, high] as a style
    console = Console(width=width)
    with console.capture() as captured:
        console.print(shown)
        for name, number in counts(every).items():
            if number:
                listed = ", ".join(f"{count} {outcome}" for outcome, count in number.most_common())
                console.print(f"{name}: {listed}")
    return captured.get()
