"""The ledger as a page: counts by ground, and a row a claim that can be filtered and sorted."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from isomorph import claims
from isomorph.book import front
from isomorph.claims import GROUNDS, Claim, Judged
from isomorph.figures.display import figure_html
from isomorph.outcomes import finding_text, place_text, significant

if TYPE_CHECKING:
    from isomorph.book.chapters import Chapter

HEADINGS = ("Claim", "Paper", "In scope", "In worlds", "Other models", "Since then")
KINDS = {
    "real text": "In its scope, by a rule fixed before the rows",
    "rule after rows": "In its scope, by a rule written when the rows were known",
    "worlds": "In invented languages",
    "other models": "On models that the claim is not about",
    "proof": "Proved",
}


def filled(text: str, stage: Path, chapters: Sequence[Chapter]) -> str:
    """A page with what is computed in the place of its marks (`MARKS`); `stage` holds the bibliography, `chapters` are those that there are."""
    known = [chapter.page for chapter in chapters]
    for mark, make in MARKS.items():
        if mark in text:
            text = text.replace(mark, make(stage, known))
    # Without its chapter a link is its text.
    absent = (
        rf"\[([^\]]*)\]\((?!(?:{'|'.join(map(re.escape, known)) or '$^'})\.ipynb\))[\w/]+\.ipynb\)"
    )
    return re.sub(absent, r"\1", text)


def _ledger(stage: Path, chapters: Sequence[str]) -> str:
    judged = claims.judged()
    return f"{counted(judged)}\n\n{page(chapters, citations(stage / 'references.bib'), judged)}"


def _counts(stage: Path, chapters: Sequence[str]) -> str:
    return counted(claims.judged())


def _findings(stage: Path, chapters: Sequence[str]) -> str:
    picture = figure_html(front.picture(), front.CAPTION, front.ALT)
    return f"{front.findings()}\n\n{picture}"


def _example(stage: Path, chapters: Sequence[str]) -> str:
    """What the ledger holds of one claim, a place a line: the controls, then the prediction."""
    example = next(each for each in claims.judged() if each.claim.id == EXAMPLE)
    primary = example.claim.rule.primary
    lines = [f"> {example.claim.statement}", "", f"What decides: *{primary.says}*.", ""]
    for place in example.places:
        controls = "; ".join(
            f"*{control.part.says}*: {control.outcome}, {finding_text(control, place.unit)}"
            for control in place.judgement.controls
        )
        lines.append(
            f"- **{place.model}**, {place.size}. Controls: {controls}. Outcome: {place_text(place)}."
        )
    return "\n".join(lines)


EXAMPLE = "1.2"
MARKS = {"<!-- ledger -->": _ledger, "<!-- counts -->": _counts, "<!-- found -->": _findings,
         "<!-- example -->": _example}  # fmt: skip


def citations(path: Path) -> Callable[[str], str]:
    """How a key of a bibliography is named in running text: "Kallini et al. 2025"."""
    from pybtex.database import parse_file

    entries = parse_file(path).entries

    def cite(key: str) -> str:
        authors = entries[key].persons["author"]
        names = [" ".join(map(str, person.rich_last_names)) for person in authors]
        several = " and ".join(names) if len(names) < 3 else f"{names[0]} et al."
        return html.escape(f"{several} {entries[key].fields['year']}")

    return cite


def counted(judged: list[Judged]) -> str:
    """How many claims come to which outcome, a line a ground, as a Markdown table."""
    lines = ["| Ground | Outcomes |", "|:--|:--|"]
    for name, number in claims.counts(judged).items():
        outcomes = ", ".join(f"{badge(outcome)} {count}" for outcome, count in number.most_common())
        lines.append(f"| {KINDS[name]} | {outcomes or 'none yet'} |")
    return "\n".join(lines)


def badge(outcome: str) -> str:
    kind = outcome.replace(" ", "-")
    return f'<span class="outcome outcome-{kind}">{html.escape(outcome)}</span>'


def page(chapters: Sequence[str], cite: Callable[[str], str], judged: list[Judged]) -> str:
    """The table as HTML, with links to the pages of `chapters`; `cite` names a key of the
    bibliography."""
    head = "".join(f'<th scope="col">{name}</th>' for name in HEADINGS)
    rows = "\n".join(row(each, chapters, cite) for each in judged)
    outcomes = sorted({each.outcome for each in judged})
    papers = dict.fromkeys(each.claim.paper.citation for each in judged)
    return (
        '<div class="ledger-filters">'
        '<label>Find <input type="search" id="ledger-find"></label> '
        f'<label>Outcome <select id="ledger-outcome">{_options(outcomes)}</select></label> '
        f'<label>Paper <select id="ledger-paper">{_options(papers)}</select></label> '
        '<span id="ledger-count" role="status"></span></div>\n'
        f'<table class="ledger" id="ledger"><caption>Every claim, what its paper says and what was '
        f"measured here</caption><thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody></table>"
    )


def _options(names) -> str:
    every = '<option value="">all</option>'
    return every + "".join(f"<option>{html.escape(name)}</option>" for name in names)


def row(each: Judged, chapters: Sequence[str], cite: Callable[[str], str]) -> str:
    claim, primary = each.claim, each.claim.rule.primary
    number = html.escape(claim.id)
    if claim.chapter in chapters:
        number = f'<a href="{claim.chapter}.html">{number}</a>'
    statement = (
        f"<strong>{number}</strong> {html.escape(claim.statement)} "
        f"<small>Decided by: {html.escape(primary.says)}. About: "
        f"{html.escape(claim.scope.says)}. {html.escape(_control(claim))}</small>"
    )
    paper = (
        "" if primary.paper is None else f"{significant(primary.paper)} {primary.printed_unit()}"
    )
    late = " <small>rule after rows</small>" if each.deciding and each.deciding.after_rows else ""
    scope = badge(each.outcome) + late + _places(each, GROUNDS[0])
    since = "<br>".join(f"{html.escape(s.says)} ({cite(s.key)})" for s in claim.since)
    others = (_places(each, ground) for ground in GROUNDS[1:])
    cells = [statement, html.escape(paper), scope, *others, since]
    labelled = zip(HEADINGS, cells, strict=True)
    body = "".join(f'<td data-label="{name}">{cell or "–"}</td>' for name, cell in labelled)
    return (
        f'<tr data-outcome="{html.escape(each.outcome)}" '
        f'data-paper="{html.escape(claim.paper.citation)}">{body}</tr>'
    )


def _control(claim: Claim) -> str:
    """What must hold before the rule speaks, or why it needs no such thing."""
    rule = claim.rule
    if rule.no_control:
        return f"No control: {rule.no_control}"
    required = "; ".join(control.says for control in rule.requires)
    return f"Silent unless: {required}." if required else ""


def _places(each: Judged, name: str) -> str:
    return "".join(
        f"<p><em>{html.escape(place.model)}</em>: {html.escape(place_text(place))}</p>"
        for place in each.on(name)
    )
