"""The entries of the ledger: complete, traceable, and refused when wrong."""

from pathlib import Path

import numpy as np
import pytest

from isomorph import claims
from isomorph.ledger import schema
from isomorph.ledger.verdicts import side

CLAIMS_OF_SECTION = {"1": 11, "2": 6, "3": 5, "4a": 4, "5": 6, "6": 7, "11": 6}
EXPECTED = [
    f"{section}.{n + 1}" for section, count in CLAIMS_OF_SECTION.items() for n in range(count)
]

# Table 1 of Conneau et al. 2020, (fr, ru, zh): what the ledger's derived numbers come from.
TABLE_1 = {
    "default": {"XNLI": (73.6, 68.7, 68.3), "NER": (79.8, 60.9, 63.6), "LAS": (73.2, 56.6, 28.8)},
    "wiki_cc": {"XNLI": (74.2, 65.8, 66.5), "NER": (74.0, 49.6, 61.9), "LAS": (71.3, 54.8, 25.2)},
    "no": {"XNLI": (72.1, 67.5, 67.7), "NER": (74.0, 57.9, 65.0), "LAS": (72.3, 56.2, 27.4)},
    "anchors": {"XNLI": (74.0, 68.1, 68.9), "NER": (76.8, 56.3, 61.2), "LAS": (73.0, 57.0, 28.3)},
    "extra": {"XNLI": (74.0, 69.8, 72.1), "NER": (76.1, 59.7, 66.8), "LAS": (73.3, 56.9, 29.2)},
    "sep_emb": {"XNLI": (72.7, 63.6, 60.8), "NER": (75.5, 57.5, 59.0), "LAS": (71.7, 54.0, 27.5)},
    "sep_3": {"XNLI": (72.4, 65.0, 63.1)},
    "sep_6": {"XNLI": (61.9, 43.6, 37.4)},
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
        ("1.1", "wiki_cc", "default", "change of the three-language mean"),
        ("1.2", "no", "anchors", "change of the three-language mean"),
        ("1.4", "sep_emb", "no", "change of the three-language mean"),
        ("1.3", "extra", "default", "change for Chinese"),
        ("1.3", "extra", "default", "change for French"),
        ("1.5", "sep_6", "anchors", "change for French"),
        ("1.5", "sep_6", "anchors", "change for Chinese"),
    ],
)
def test_derived_numbers_follow_from_the_paper_s_table(claim_id, condition, against, label):
    claim = next(claim for claim in claims.ledger() if claim.id == claim_id)
    found = {name: value for name, value in claim.paper_value.items() if label in name}
    assert found
    for name, value in found.items():
        task = name.split()[0].rstrip(",")
        change = np.subtract(TABLE_1[condition][task], TABLE_1[against][task])
        expected = {"mean": change.mean(), "French": change[0], "Chinese": change[2]}
        which = next(key for key in expected if key in label)
        assert value == pytest.approx(expected[which], abs=0.1), name


@pytest.mark.parametrize("claim_id", ["1.2", "1.4", "1.7"])
def test_the_paper_s_own_table_satisfies_the_rule_of_the_claim(claim_id):
    """A rule that the numbers behind the claim do not meet would test another claim."""
    names = {
        "default": "default", "domain_mismatch": "wiki_cc", "no_anchors": "no",
        "default_anchors": "anchors", "extra_anchors": "extra", "sep_emb": "sep_emb",
        "sep_l1_6": "sep_6",
    }  # fmt: skip
    tasks = {"nli_accuracy": "XNLI", "ner_f1": "NER", "las": "LAS"}

    def score(term):
        (condition,), (metric,) = term.condition, term.metric
        return np.mean(TABLE_1[names[condition]][tasks[metric]]) / 100

    claim = next(claim for claim in claims.ledger() if claim.id == claim_id)
    for part in claim.rule.parts:
        plus, minus = part.terms()
        value = sum(map(score, plus)) - sum(map(score, minus))
        assert side(part, value, value) == "reproduced", part


ENTRY = """
section: "9"
paper: {citation: Planted (2000), title: A planted paper, key: planted2000}
claims:
  - id: "9.1"
    statement: A statement made up for a test.
    source: {where: Table 1, provenance: [full text]}
    quantity: a planted quantity
    rule: {rows: null, parts: [{metric: score, plus: a, minus: b, direction: above}]}
"""


def test_a_good_entry_is_read():
    (claim,) = schema.parse(ENTRY, "planted.yaml")
    assert claim.rule.parts[0].minus[0].condition == ("b",)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("direction: above", "direction: upwards", "direction is 'upwards'"),
        ("[full text]", "[from memory]", "provenance.0 is 'from memory'"),
        ("metric: score, ", "", "metric is missing"),
        ("direction: above", "direction: above, tolerance: 0.1", "needs direction within"),
        ("direction: above", "direction: above, quantity: half_rise_lag", "needs second metric"),
        ("direction: above", "direction: above, beside: loss", "takes no second metric"),
        ("direction: above", "direction: above, seeds: 2", "seeds is 2"),
        ("direction: above", "direction: above, bounds: 0", "bounds is 0"),
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
