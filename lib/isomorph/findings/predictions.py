"""Predictions of the ledger in plain words."""

import re

from isomorph.findings.words import condition_name, score_name
from isomorph.ledger.quantities import is_number

PAIR = re.compile(r"[a-z]{1,2}-[a-z]{1,2}")
# A quantity other than the score itself, as the ledger names it, in plain words.
QUANTITIES = {
    "spearman": "rank correlation with the layer of ",
    "spearman over tokens": "rank correlation with the tokens read of ",
    "pearson": "correlation of ",
    "peak depth": "depth of the peak, from 0 to 1, of ",
}
SPREAD = "standard deviation over seeds of "
PREDICTION = re.compile(
    r"(?:(?P<quantity>[a-z -]+) of )?(?P<terms>.+?)(?: beside (?P<beside>\w+))?"
    r" (?P<direction>above|below|within) (?P<bound>-?[\d.]+)"
    r"(?: ± (?P<tolerance>[\d.]+))?(?P<each>, for each \w+)?"
)


def prediction_words(prediction: str) -> str:
    """A prediction as the ledger prints it (`str(Part)`), in plain words and percent points.

    Scores are in brackets: "[entities: other domain - default] below 0 points". What has
    another form, or is of a quantity without a name here, comes back as it is.
    """
    if prediction.startswith(SPREAD):
        told = prediction_words(prediction.removeprefix(SPREAD)).replace("%", " points")
        return f"spread over seeds of {told}"
    found = PREDICTION.fullmatch(prediction)
    if not found or found["quantity"] and found["quantity"] not in QUANTITIES:
        return prediction
    signs, groups = _signed(found["terms"]), {}
    for sign, metric, rest in signs:
        groups.setdefault(metric, []).append((sign, rest))
    told = "".join(_group(metric, terms) for metric, terms in groups.items()).removeprefix(" + ")
    raw = [term.split(" / ")[0] for term in re.split(r" [+-] ", found["terms"])]
    if found["quantity"] or is_number(name for names in raw for name in names.split(", ")):
        beside = f" with [{score_name(found['beside'])}]" if found["beside"] else ""
        spread = f" ± {found['tolerance']}" if found["tolerance"] else ""
        place = f"{found['direction']} {found['bound']}{spread}{found['each'] or ''}"
        return f"{QUANTITIES.get(found['quantity'], '')}{told}{beside} {place}"
    unit = " points" if len(signs) > 1 else "%"
    bound = f"{100 * float(found['bound']):g}"
    if found["direction"] != "within":
        place = f"{found['direction']} {bound}{unit}"
    else:
        width = 100 * float(found["tolerance"] or 0)
        place = f"within {width:g} points of {bound}{unit.removesuffix(' points')}"
    return f"{told} {place}{found['each'] or ''}"


def _signed(terms: str) -> list[tuple[str, str, str]]:
    """(sign, metric, condition and pair) of every selection, in plain words."""
    pieces = re.split(r" ([+-]) ", terms)
    found = []
    for sign, term in zip(["+", *pieces[1::2]], pieces[::2], strict=True):
        metric, *rest = term.split(" / ")
        metric = " and ".join(score_name(name) for name in metric.split(", "))
        found.append((sign, metric, ", ".join(map(_named, rest))))
    return found


def _named(words: str) -> str:
    """Conditions, pairs or a layer, several of them put with "and"."""
    return " and ".join(
        word if PAIR.fullmatch(word) else condition_name(word) for word in words.split(", ")
    )


def _group(metric: str, terms: list[tuple[str, str]]) -> str:
    """Selections of one metric in brackets, with the sign before these if it is that of all."""
    sign = "-" if all(own == "-" for own, _ in terms) else "+"
    turned = [("+" if own == sign else "-", rest) for own, rest in terms]
    told = "".join(f" {own} {rest}" for own, rest in turned if rest).removeprefix(" + ")
    return f" {sign} [{metric}: {told.strip()}]" if told else f" {sign} [{metric}]"
