"""What pages show of recorded rows and of the ledger, in the place of the marks that they hold.

A mark is a comment, `<!-- ledger -->`. Every number is an estimate as the ledger would print it. The
sentences around it are fixed: what may turn out either way stands in the ledger, a row a claim that can
be filtered and sorted.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from isomorph import claims
from isomorph.claims import GROUNDS, Claim, Judged
from isomorph.figures import blank, theme
from isomorph.figures.display import figure_html
from isomorph.ledger.estimates import estimate
from isomorph.ledger.schema import Part
from isomorph.outcomes import badge, finding_text, paper_number, place_text
from isomorph.results import recorded

from .chapters import BookError

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame, Series

    from .chapters import Chapter

MARK = re.compile(r"<!-- ([^:>]+) -->")  # with a colon it is one of another's
HEADINGS = ("Claim", "Paper", "In scope", "In worlds", "Other models", "Since then")
KINDS = {
    "real text": "In its scope, by a rule fixed before the rows",
    "rule after rows": "In its scope, by a rule written when the rows were known",
    "worlds": "In invented languages",
    "other models": "On models that the claim is not about",
    "proof": "Proved",
}
EXAMPLE = "1.2"  # the claim that the page on how to read works through
LAG = {"metric": "multilinguality", "beside": "heldout_loss", "quantity": "half_rise_lag",
       "condition": "middle"}  # fmt: skip
LEXICON = {"languages": "a-b", "layer": 0, "condition": "monolingual"}
# The numbers of the first page: experiment, size, form, and the part of a rule that gives each.
NUMBERS = {
    "lag in worlds": ("learning_curve", "laptop", "{:z.1f}", LAG),
    "lag in Bibles": ("learning_curve", "reference", "{:z.1f}", LAG),
    "as they are": ("alignment", "laptop", "{:z.1f}", LEXICON | {"metric": "retrieval_p1_unmapped"}),
    "after a rotation": ("alignment", "laptop", "{:z.0f}", LEXICON | {"metric": "retrieval_p1"}),
    "separate layers": ("factors", "laptop", "{:z.0f}", {
        "metric": "las", "languages": "a-b", "plus": "default_anchors", "minus": "sep_l1_6"}),
    "no common word": ("factors", "laptop", "{:z.1f}", {
        "metric": "las", "languages": "a-b", "plus": "default_anchors", "minus": "no_anchors"}),
    "separate softmax": ("factors", "laptop", "{:z.0f}", {
        "metric": "ner_f1", "languages": "a-b", "plus": "sep_softmax", "minus": "default_anchors"}),
    "rare words": ("language_models", "laptop", "{:z.2f}", {"metric": "cosine_2", "condition": "mle"}),
    "frequent words": ("language_models", "laptop", "{:z.2f}", {
        "metric": "cosine_0", "condition": "mle"}),
    "perplexity": ("language_models", "laptop", "{:z.1f}", {
        "metric": "perplexity", "plus": "cosreg", "minus": "mle"}),
}  # fmt: skip


def filled(text: str, stage: Path, chapters: Sequence[Chapter]) -> str:
    """A page with what is computed in the place of its marks (`MARKS`).

    `stage` holds the bibliography, `chapters` are those that there are: a link to another is its text.
    Raises BookError for a mark that nothing fills.
    """
    known = [chapter.page for chapter in chapters]

    def fill(mark: re.Match) -> str:
        if mark[1] not in MARKS:
            raise BookError(f"the mark is '{mark[0]}', but it must be one of {', '.join(MARKS)}")
        return MARKS[mark[1]](stage, known)

    absent = (
        rf"\[([^\]]*)\]\((?!(?:{'|'.join(map(re.escape, known)) or '$^'})\.ipynb\))[\w/]+\.ipynb\)"
    )
    return re.sub(absent, r"\1", MARK.sub(fill, text))


def _rows(experiment: str, size: str) -> DataFrame:
    """The recorded rows of an experiment at one size."""
    every_size = recorded(experiment)
    return every_size[every_size["size"] == size].reset_index(drop=True)


def _number(name: str, stage: Path, chapters: Sequence[str]) -> str:
    """One of `NUMBERS` with its interval, or with the range of so few units."""
    experiment, size, form, fields = NUMBERS[name]
    part = Part(direction="above", **fields)
    own = estimate(part, _rows(experiment, size))
    if own.value is None:
        return "(not measured)"
    printed = np.exp if part.quantity == "half_rise_lag" else part.printed
    value, low, high = (form.format(printed(end)) for end in (own.value, own.low, own.high))
    if value == low == high:
        return value
    return f"{value} [{low}, {high}]" if own.kind == "interval" else f"{value} ({low} to {high})"


def _failures(condition: str) -> Series:
    """For each run on a few reviews, in a condition, 1 where it learnt nothing and 0 where it did."""
    rows = _rows("few_samples", "reference")
    rows = rows[(rows["task"] == "sst2") & (rows["metric"] == "failed_run")]
    return rows[rows["condition"] == condition]["value"]


def _failed(condition: str, stage: Path, chapters: Sequence[str]) -> str:
    runs = _failures(condition)
    return f"{runs.sum():.0f} of {len(runs)}"


CAPTION = (
    "Four findings. Top left: the shared space of two invented languages appears after the model's fit "
    "(five seeds, mean). Top right: sentences whose translation is found across two models trained "
    "apart, as they are and after a rotation, by layer. Bottom left: the average cosine of word vectors "
    "in small language models, from frequent to rare words. Bottom right: runs of a small BERT on "
    "1,000 reviews that learnt nothing, without and with Adam's bias correction."
)
ALT = (
    "Four panels. The fit rises early and the multilinguality score late. Without a rotation almost no "
    "sentence is found, with it nearly all. Rare words have high cosines, frequent words low ones. Most "
    "runs without the correction fail, none with it."
)


def picture() -> Figure:
    """The four panels of the first page, from recorded rows."""
    with theme():
        figure, (late, rotated, cone, failed) = blank(6.4, 5.2, columns=2, rows=2)
        rows = _rows("learning_curve", "laptop")
        rows = rows[(rows["condition"] == "middle") & (rows["tokens"] > 0)]
        for metric, label, style in (
            ("heldout_loss", "fit", "--"), ("multilinguality", "shared space", "-"),
        ):  # fmt: skip
            curve = rows[rows["metric"] == metric].groupby("tokens")["value"].mean()
            way = (curve - curve.iloc[0]) / (curve.iloc[-1] - curve.iloc[0])
            late.plot(way.index, 100 * way, style, label=label)
        late.set(xscale="log", xlabel="tokens read", ylabel="% of its way")
        rows = _rows("alignment", "laptop")
        rows = rows[(rows["condition"] == "monolingual") & (rows["languages"] == "a-b")]
        for metric, label, style in (
            ("retrieval_p1_unmapped", "as they are", "--"), ("retrieval_p1", "after a rotation", "-"),
        ):  # fmt: skip
            curve = 100 * rows[rows["metric"] == metric].groupby("layer")["value"].mean()
            rotated.plot(curve.index, curve, style, marker="o", label=label)
        rotated.set(xlabel="layer", ylabel="% of sentences found", ylim=(-3, 103))
        rows = _rows("language_models", "laptop")
        rows = rows[(rows["condition"] == "mle") & rows["metric"].str.fullmatch(r"cosine_\d+")]
        means = rows.groupby("metric")["value"].mean()
        cone.bar(range(len(means)), means, color="#2171b5")
        cone.set_xticks(range(len(means)), ["frequent", *[""] * (len(means) - 2), "rare"])
        cone.set(ylabel="average cosine")
        shares = [100 * _failures(name).mean() for name in ("bert_adam_1k", "standard_1k")]
        failed.bar(range(2), shares, color=["#e6550d", "#2171b5"])
        failed.set_xticks(range(2), ["not corrected", "corrected"])
        failed.set(ylabel="% of runs that fail", ylim=(0, 100))
        titles = ("Two languages meet late", "One shape, up to a turn", "The cone is made of rare words",
                  "One line of Adam decides")  # fmt: skip
        for axis, title in zip((late, rotated, cone, failed), titles, strict=True):
            axis.set(title=title)
        late.legend(fontsize="small")
        rotated.legend(fontsize="small")
    return figure


def _picture(stage: Path, chapters: Sequence[str]) -> str:
    return figure_html(picture(), CAPTION, ALT)


def _counts(stage: Path, chapters: Sequence[str]) -> str:
    """How many claims come to which outcome, a line a ground, as a Markdown table."""
    lines = ["| Ground | Outcomes |", "|:--|:--|"]
    for name, number in claims.counts(claims.judged()).items():
        outcomes = ", ".join(f"{badge(outcome)} {count}" for outcome, count in number.most_common())
        lines.append(f"| {KINDS[name]} | {outcomes or 'none yet'} |")
    return "\n".join(lines)


def _example(stage: Path, chapters: Sequence[str]) -> str:
    """What the ledger holds of one claim, a place a line: the controls, then the prediction."""
    (example,) = claims.select_claims([EXAMPLE])
    primary = example.claim.rule.primary
    lines = [f"> {example.claim.statement}", "", f"What decides: *{primary.says}*.", ""]
    for place in example.places:
        controls = "; ".join(
            f"*{control.part.says}*: {control.outcome}, {finding_text(control)}"
            for control in place.controls
        )
        lines.append(
            f"- **{place.model}**, {place.size}. Controls: {controls}. Outcome: {place_text(place)}."
        )
    return "\n".join(lines)


def _ledger(stage: Path, chapters: Sequence[str]) -> str:
    """The counts, and the table as HTML, with links to the pages of `chapters`."""
    judged, cite = claims.judged(), _citations(stage / "references.bib")
    head = "".join(f'<th scope="col">{name}</th>' for name in HEADINGS)
    rows = "\n".join(_row(each, chapters, cite) for each in judged)
    outcomes = sorted({each.outcome for each in judged})
    papers = dict.fromkeys(each.claim.paper.citation for each in judged)
    return (
        f'{_counts(stage, chapters)}\n\n<div class="ledger-filters">'
        '<label>Find <input type="search" id="ledger-find"></label> '
        f'<label>Outcome <select id="ledger-outcome">{_options(outcomes)}</select></label> '
        f'<label>Paper <select id="ledger-paper">{_options(papers)}</select></label> '
        '<span id="ledger-count" role="status"></span></div>\n'
        f'<table class="ledger" id="ledger"><caption>Every claim, what its paper says and what was '
        f"measured here</caption><thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody></table>"
    )


def _citations(path: Path) -> Callable[[str], str]:
    """How a key of a bibliography is named in running text: "Kallini et al. 2025"."""
    from pybtex.database import parse_file

    entries = parse_file(path).entries

    def cite(key: str) -> str:
        authors = entries[key].persons["author"]
        names = [" ".join(map(str, person.rich_last_names)) for person in authors]
        several = " and ".join(names) if len(names) < 3 else f"{names[0]} et al."
        return html.escape(f"{several} {entries[key].fields['year']}")

    return cite


def _options(names: Iterable[str]) -> str:
    every = '<option value="">all</option>'
    return every + "".join(f"<option>{html.escape(name)}</option>" for name in names)


def _row(each: Judged, chapters: Sequence[str], cite: Callable[[str], str]) -> str:
    claim = each.claim
    number = html.escape(claim.id)
    if claim.chapter in chapters:
        number = f'<a href="{claim.chapter}.html">{number}</a>'
    statement = (
        f"<strong>{number}</strong> {html.escape(claim.statement)} "
        f"<small>Decided by: {html.escape(claim.rule.primary.says)}. About: "
        f"{html.escape(claim.scope.says)}. {html.escape(_control(claim))}</small>"
    )
    late = " <small>rule after rows</small>" if each.late else ""
    first, *others = (
        "".join(
            f"<p><em>{html.escape(place.model)}</em>: {html.escape(place_text(place))}</p>"
            for place in each.on(ground)
        )
        for ground in GROUNDS
    )
    since = "<br>".join(f"{html.escape(s.says)} ({cite(s.key)})" for s in claim.since)
    cells = [statement, html.escape(paper_number(each)), badge(each.outcome) + late + first, *others,
             since]  # fmt: skip
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


MARKS: dict[str, Callable[[Path, Sequence[str]], str]] = {
    "ledger": _ledger, "counts": _counts, "example": _example, "picture": _picture,
    "failed without correction": partial(_failed, "bert_adam_1k"),
    "failed with correction": partial(_failed, "standard_1k"),
    **{name: partial(_number, name) for name in NUMBERS},
}  # fmt: skip
