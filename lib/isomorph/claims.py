"""The ledger: what each paper claims, what was measured here, and the verdict.

    ledger()              every claim, as data
    verdict(claim, rows)  reproduced, contradicted, inconclusive or not yet measured
    by_part(ids, places)  every prediction of some claims, in worlds and on real text
    table()               one row a claim, from the recorded rows; as_json, as_text and
                          as_markdown print it

A claim's rule is data (`isomorph.ledger.schema`), and the rows alone decide
(`isomorph.ledger.verdicts`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from isomorph import candidates
from isomorph.ledger import schema
from isomorph.ledger.schema import Claim, LedgerError, Rule
from isomorph.ledger.verdicts import Verdict, judge
from isomorph.sizes import SIZES, known

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = [
    "Claim",
    "LedgerError",
    "Verdict",
    "as_json",
    "as_markdown",
    "as_text",
    "landing",
    "ledger",
    "table",
    "verdict",
]

COLUMNS = ("condition", "pair", "layer", "seed", "metric", "value", "tokens", "size")
JSON_KEYS = (
    "id",
    "paper",
    "statement",
    "source",
    "paper_value",
    "quantity",
    "rule",
    "size",
    "value",
    "low",
    "high",
    "n_seeds",
    "verdict",
)

Loader = Callable[[str], "DataFrame"]


def ledger() -> list[Claim]:
    """Every claim, in the order of the sections. Raises LedgerError on a bad entry."""
    return list(schema.load())


def verdict(claim: Claim, rows: "DataFrame | None", size: str | None = None) -> Verdict:
    """What `rows` (the long table of `isomorph.runs`) say of a claim.

    `size` is one of `isomorph.sizes.SIZES`. Left out, it is the largest size at which every part of the rule has
    seeds enough for an interval, else the largest with rows; smoke rows only test the code and
    never decide unless asked for. Raises ValueError for an unknown size or a missing column.
    """
    if size is not None:
        known(size)
    if rows is None or rows.empty:
        return _unmeasured(claim, size)
    missing = [column for column in COLUMNS if column not in rows.columns]
    if missing:
        raise ValueError(f"rows lack the column {missing[0]!r}; they need {', '.join(COLUMNS)}.")
    rows = rows.reset_index(drop=True)  # experiments put together repeat their index
    sizes = [size] if size else [name for name in reversed(SIZES) if name != "smoke"]
    found = [judge(claim.rule, rows[rows["size"] == name], name) for name in sizes]
    complete = [v for v in found if all(part.low is not None for part in v.parts)]
    measured = [v for v in found if any(part.n_seeds for part in v.parts)]
    best = (complete or measured or [_unmeasured(claim, size)])[0]
    among = candidates.told(rows[rows["size"] == best.size], _metrics(claim.rule))
    return replace(best, candidates=among)


def _metrics(rule: Rule) -> set[str]:
    """The metrics that a rule reads."""
    selections = [s for part in rule.parts for s in (part, *part.plus, *part.minus)]
    named = [selection.metric for selection in selections]
    named += [part.beside for part in rule.parts]
    return {name for own in named for name in ((own,) if isinstance(own, str) else own or ())}


def _unmeasured(claim: Claim, size: str | None) -> Verdict:
    reason = "no rows recorded" if claim.rule.rows else "no experiment yet"
    return Verdict(None, None, None, 0, "not yet measured", size, reason)


def measured(rows: Loader | None = None, size: str | None = None) -> list[tuple[Claim, Verdict]]:
    """Every claim with its verdict.

    `rows` maps an experiment's name to its rows; left out, it is
    `isomorph.results.recorded`. Each
    experiment is read once.
    """
    if rows is None:
        from isomorph.results import recorded as rows
    import pandas as pd

    wanted = dict.fromkeys(name for claim in ledger() for name in claim.rule.rows or ())
    tables = {name: rows(name) for name in wanted}
    result = []
    for claim in ledger():
        own = [tables[name] for name in claim.rule.rows or () if not tables[name].empty]
        result.append((claim, verdict(claim, pd.concat(own) if own else None, size)))
    return result


def by_part(
    identifiers: Sequence[str], places: "Mapping[str, tuple[DataFrame, str]]"
) -> "DataFrame":
    """What the rows of several places say of some claims, a row a prediction and place.

    `places` maps a name to rows and their size. Columns claim, prediction, where, seeds, measured
    (a score in percent points, another quantity as it is), 95% interval, verdict; a claim's first
    row of a place is the whole claim's verdict. A last column, candidates, stands where a score of
    retrieval or translation is among them. Raises ValueError for a claim that is not in the ledger.
    """
    import pandas as pd

    known = {claim.id: claim for claim in ledger()}
    lines = []
    for identifier in identifiers:
        if identifier not in known:
            raise ValueError(f"claim is {identifier!r}, but must be one of {', '.join(known)}.")
        for where, (rows, size) in places.items():
            claim = known[identifier]
            found = verdict(claim, rows, size)
            whole = {"claim": identifier, "prediction": "all of the claim", "where": where}
            whole |= {"candidates": found.candidates} if found.candidates else {}
            lines.append(whole | {"seeds": found.n_seeds, "verdict": found.verdict})
            for part in found.parts:
                lines.append({"claim": identifier, "where": where} | _part_cells(part))
    columns = ["claim", "prediction", "where", "seeds", "measured", "95% interval", "verdict"]
    columns += ["candidates"] if any("candidates" in line for line in lines) else []
    return pd.DataFrame(lines, columns=columns).fillna("")


def _part_cells(part: Verdict) -> dict[str, Any]:
    cells = {"prediction": part.prediction, "seeds": part.n_seeds, "verdict": part.verdict}
    # A score is told in percent; a correlation or a depth as the number it is.
    scale, form = (100, "{:+.1f}") if part.quantity == "value" else (1, "{:+.2f}")
    if part.value is not None:
        cells["measured"] = form.format(scale * part.value)
    if part.low is not None:
        ends = (form.format(scale * end) for end in (part.low, part.high))
        cells["95% interval"] = " to ".join(ends)
    return cells


def as_json(rows: Loader | None = None, size: str | None = None) -> list[dict[str, Any]]:
    """One object a claim, with exactly the keys JSON_KEYS; `rule` is the rule as data."""
    return [_entry(claim, found) for claim, found in measured(rows, size)]


def _entry(claim: Claim, found: Verdict) -> dict[str, Any]:
    entry = {
        "id": claim.id,
        "paper": claim.paper.citation,
        "statement": claim.statement,
        "source": str(claim.source),
        "paper_value": claim.model_dump(mode="json")["paper_value"],
        "quantity": claim.quantity,
        "rule": claim.rule.model_dump(mode="json", exclude={"parts"})
        | {"parts": [part.model_dump(mode="json", exclude_none=True) for part in claim.rule.parts]},
    }
    return entry | {key: getattr(found, key) for key in JSON_KEYS[len(entry) :]}


def table(rows: Loader | None = None, size: str | None = None) -> "DataFrame":
    """One row a claim: the columns of `as_json`, then the reason and the chapter."""
    import pandas as pd

    return pd.DataFrame(
        _entry(claim, found) | {"reason": found.reason, "chapter": claim.chapter}
        for claim, found in measured(rows, size)
    )


def landing(rows: Loader | None = None, size: str | None = None) -> list[dict[str, Any]]:
    """One dict a claim for the landing page, all values ready to print.

    Keys: paper, title, key (of the bibliography), id, statement, quantity, theirs, ours, verdict, reason, chapter
    (or None). `ours` is value [low, high] with the number of seeds and the size.
    """
    return [
        {
            "paper": claim.paper.citation,
            "title": claim.paper.title,
            "key": claim.paper.key,
            "id": claim.id,
            "statement": claim.statement,
            "quantity": claim.quantity,
            "theirs": _theirs(claim),
            "ours": _ours(found),
            "verdict": found.verdict,
            "reason": found.reason,
            "chapter": claim.chapter,
        }
        for claim, found in measured(rows, size)
    ]


def _theirs(claim: Claim) -> str:
    def shown(value: float | tuple[float, ...]) -> str:
        values = value if isinstance(value, tuple) else (value,)
        return ", ".join(f"{number:g}" for number in values)

    return "; ".join(f"{label}: {shown(v)}" for label, v in (claim.paper_value or {}).items())


def _ours(found: Verdict) -> str:
    if found.value is None:
        return ""
    bounds = "" if found.low is None else f" [{found.low:.3g}, {found.high:.3g}]"
    seeds = "seed" if found.n_seeds == 1 else "seeds"
    among = f", {found.candidates}" if found.candidates else ""
    return f"{found.value:.3g}{bounds}, {found.n_seeds} {seeds}, {found.size}{among}"


def as_markdown(
    entries: list[dict[str, Any]] | None = None, link: Callable[[str], str] = "{}.html".format
) -> str:
    """The landing page's ledger: a heading and a table for each paper.

    A measured claim says under its statement which quantity was measured, as that gives the unit.
    `entries` as from `landing` (which is called when left out); `link` turns a chapter's name into
    the target of its link.
    """
    entries = landing() if entries is None else entries
    lines, paper = [], None
    for entry in entries:
        if entry["key"] != paper:
            paper = entry["key"]
            lines += ["", f"### {entry['paper']}: *{entry['title']}*", ""]
            lines += ["| Claim | What it says | Paper | Here | Verdict |", "|---|---|---|---|---|"]
        name = f"[{entry['id']}]({link(entry['chapter'])})" if entry["chapter"] else entry["id"]
        said = entry["statement"]
        if entry["ours"]:
            said += f"<br><small>Measured: {entry['quantity']}</small>"
        cells = [name, said, entry["theirs"], entry["ours"], entry["verdict"]]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") or "–" for cell in cells) + " |")
    return "\n".join(lines).strip() + "\n"


def as_text(rows: Loader | None = None, size: str | None = None, width: int | None = None) -> str:
    """The ledger as a printable table: id, statement, paper's number, ours, verdict."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = Table(show_lines=True)
    for heading, ratio in (
        ("claim", 1),
        ("statement", 6),
        ("paper", 3),
        ("here", 2),
        ("verdict", 2),
    ):
        shown.add_column(heading, ratio=ratio, overflow="fold")
    for entry in landing(rows, size):
        cells = [entry[key] for key in ("id", "statement", "theirs", "ours", "verdict")]
        shown.add_row(*map(Text, cells))  # Text, or rich reads [low, high] as a style
    console = Console(width=width)
    with console.capture() as captured:
        console.print(shown)
    return captured.get()
