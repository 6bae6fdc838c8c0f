"""The entries of the ledger: complete, traceable, and refused when wrong."""

from pathlib import Path

import numpy as np
import pytest

from isomorph import claims
from isomorph import ledger as tables
from isomorph.ledger import schema
from isomorph.ledger.intervals import Estimate
from isomorph.ledger.verdicts import outcome_of

CLAIMS_OF_SECTION = {
    "1": 14,
    "2": 7,
    "3": 5,
    "4a": 4,
    "4b": 1,
    "4c": 2,
    "5": 6,
    "6": 7,
    "7": 3,
    "8": 3,
    "9": 3,
    "10": 2,
    "11": 6,
}
EXPECTED = [
    f"{section}.{n + 1}" for section, count in CLAIMS_OF_SECTION.items() for n in range(count)
]

TASKS = {"XNLI": "nli_accuracy", "NER": "ner_f1", "LAS": "las"}
TABLE_1 = {  # (fr, ru, zh) of each condition and metric: what the derived numbers come from
    cell: values.tolist()
    for cell, values in tables.table_one().groupby(["condition", "metric"])["value"]
}


def test_every_claim_is_there_once_and_in_order():
    assert [claim.id for claim in claims.ledger()] == EXPECTED


def test_every_entry_can_be_followed_to_its_paper():
    from pybtex.database import parse_file

    bibliography = parse_file(Path(__file__).parents[2] / "book" / "references.bib")
    assert {claim.paper.key for claim in claims.ledger()} <= set(bibliography.entries)
    for claim in claims.ledger():
        if claim.paper_value is not None:
            # A number needs a place and a reading of that place; papers 5 and 1.8 have none.
            assert claim.source.where and claim.source.provenance, claim.id
            assert claim.id.split(".")[0] != "5", claim.id


def test_only_the_learning_curve_is_claimed_to_be_measured():
    named = {claim.id: claim.rule.rows for claim in claims.ledger() if claim.rule.rows}
    assert named["11.5"] == ("learning_curve",)


@pytest.mark.parametrize(
    ("claim_id", "condition", "against", "label"),
    [
        ("1.1", "domain_mismatch", "default", "change of the three-language mean"),
        ("1.2", "no_anchors", "default_anchors", "change of the three-language mean"),
        ("1.4", "sep_emb", "no_anchors", "change of the three-language mean"),
        ("1.3", "extra_anchors", "default", "change for Chinese"),
        ("1.3", "extra_anchors", "default", "change for French"),
        ("1.5", "sep_l1_6", "default_anchors", "change for French"),
        ("1.5", "sep_l1_6", "default_anchors", "change for Chinese"),
    ],
)
def test_derived_numbers_follow_from_the_paper_s_table(claim_id, condition, against, label):
    claim = next(claim for claim in claims.ledger() if claim.id == claim_id)
    found = {name: value for name, value in claim.paper_value.items() if label in name}
    assert found
    for name, value in found.items():
        task = TASKS[name.split()[0].rstrip(",")]
        change = np.subtract(TABLE_1[condition, task], TABLE_1[against, task])
        expected = {"mean": change.mean(), "French": change[0], "Chinese": change[2]}
        which = next(key for key in expected if key in label)
        assert value == pytest.approx(expected[which], abs=0.1), name


def of_the_table(part):
    """What Table 1 gives for a part, as a fraction; None where the table lacks a term."""

    def score(term):
        (condition,), (metric,) = term.condition or ("",), term.metric
        cells = TABLE_1.get((condition, metric))
        if cells is None:
            return None
        pairs = {"close": [0], "distant": [2]}.get((term.languages or ("",))[0], [0, 1, 2])
        return np.mean([cells[pair] for pair in pairs]) / 100

    plus, minus = ([score(term) for term in side] for side in part.terms())
    return None if None in (*plus, *minus) else sum(plus) - sum(minus)


FIRST = [claim for claim in claims.ledger() if claim.id.startswith("1.")]


@pytest.mark.parametrize("claim", FIRST, ids=lambda claim: claim.id)
def test_the_paper_s_own_table_meets_the_rule_and_gives_its_number(claim):
    """A rule that the numbers behind the claim do not meet would test another claim."""
    met = 0
    for part in claim.rule.parts:
        value = of_the_table(part) if part.quantity == "value" else None
        if value is None:
            continue
        seen = Estimate(value, value, value, 5, "interval", error=0.0, freedom=4.0)
        assert outcome_of(part, seen) == "holds", (part.says, value)
        if part.paper is not None:
            assert part.paper == pytest.approx(100 * value, abs=0.1), part.says
        met += 1
    assert met or claim.id in ("1.8", "1.9", "1.10", "1.11", "1.14")


ENTRY = """
section: "9"
paper: {citation: Planted (2000), title: A planted paper, key: planted2000}
claims:
  - id: "9.1"
    statement: A statement made up for a test.
    source: {where: Table 1, provenance: [full text]}
    quantity: a planted quantity
    scope: {says: planted models, subjects: [masked model]}
    rule:
      rows: null
      primary: {says: A is above b, metric: score, plus: a, minus: b, direction: above}
      no_control: A planted reason why it can do without.
    registered: 2026-01-01T00:00:00Z
    fingerprint: "6e2a7d10d3f1"
"""


def test_a_good_entry_is_read():
    (claim,) = schema.parse(ENTRY, "planted.yaml")
    assert claim.rule.primary.minus[0].condition == ("b",)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("direction: above", "direction: upwards", "direction is 'upwards'"),
        ("[full text]", "[from memory]", "provenance.0 is 'from memory'"),
        ("metric: score, ", "", "metric is missing"),
        ("direction: above", "direction: above, tolerance: 0.1", "needs direction within"),
        ("direction: above", "direction: above, quantity: half_rise_lag", "needs second metric"),
        ("direction: above", "direction: above, beside: loss", "takes no second metric"),
        ("direction: above", "direction: above, least: 2", "least is 2"),
        ("says: A is above b, ", "", "needs says"),
        ("[masked model]", "[a model]", "subjects.0 is 'a model'"),
        ("direction: above", "direction: below", "a changed rule takes it"),
        ("direction: above", "direction: above, bounds: 0", "bounds is 0"),
        ("direction: above", "direction: outside", "direction is 'outside'"),
        (
            "      no_control: A planted reason why it can do without.\n",
            "",
            "a rule needs requires",
        ),
        ("A planted reason why it can do without.", "Why not", "no_control is 'Why not'"),
        ('id: "9.1"', 'id: "9.2"', "with id '9.1'"),
        ("quantity: a planted quantity", "", "quantity is"),
        ("claims:", "claim:", "exactly the keys"),
        ("section:", "section: [", "is not YAML"),
    ],
)
def test_a_bad_entry_is_refused_in_one_sentence(old, new, told):
    assert old in ENTRY
    with pytest.raises(claims.LedgerError, match=r"^planted\.yaml[^\n]*\.$") as refusal:
        schema.parse(ENTRY.replace(old, new), "planted.yaml")
    assert told in str(refusal.value)
