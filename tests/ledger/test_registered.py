"""Rules against the rows that they decide on: which came first, and what each row is about."""

from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pandas as pd
import pytest
from book import build as book
from pybtex.database import parse_file

from isomorph import claims, results
from isomorph.ledger.evidence import ROLES, SUBJECTS, Unit, placed
from isomorph.ledger.schema import Claim
from isomorph.ledger.verdicts import bodies, places

LEDGER = claims.ledger()
EXPERIMENTS = sorted(path.stem for path in results.results_path("any").parent.glob("*.parquet"))


@pytest.fixture(scope="module")
def recorded():
    """What is recorded of every experiment, each row with its subject, model and unit."""
    rows = pd.concat([results.recorded(name) for name in EXPERIMENTS], ignore_index=True)
    rows = placed(rows)
    return rows.assign(recorded=rows["recorded"].fillna(claims.BEFORE))


@pytest.fixture(scope="module")
def evidence(recorded):
    return bodies(recorded)


def when(text):
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def deciding(claim, rows):
    """The rows that a claim's primary prediction names by metric, condition, place and split."""
    chosen = pd.Series(False, index=rows.index)
    for term in [term for side in claim.rule.primary.terms() for term in side]:
        own = rows["metric"].isin(term.metric)
        own &= rows["condition"].isin(term.condition) | (term.condition is None)
        named = [each for name in term.languages or () for each in ROLES.get(name, (name,))]
        own &= rows["languages"].isin(named) if named else rows["languages"].ne("far")
        own &= rows["task"].isin(term.task or ()) | (term.task is None)
        chosen |= own & rows["split"].fillna("test").isin(term.split or ("test",))
    return rows[chosen]


@pytest.mark.parametrize("claim", LEDGER, ids=lambda claim: claim.id)
def test_a_rule_is_marked_where_rows_that_decide_are_older(claim, evidence):
    for key, body in evidence.items():
        for place in places(claim, {key: body}):
            first = min(map(when, deciding(claim, body.table)["recorded"].unique()))
            older = first < claim.registered
            fresh = all(found.fresh for found in (place.primary, *place.controls))
            assert place.after_rows is (older and not fresh), (key, first)


def test_dates_are_in_utc_and_in_order():
    for claim in LEDGER:
        dates = [*(earlier.until for earlier in claim.history), claim.registered]
        assert all(date.utcoffset().total_seconds() == 0 for date in dates), claim.id
        assert dates == sorted(dates), claim.id
        # What stood there before stood until the present rule was fixed.
        assert not claim.history or claim.history[-1].until == claim.registered, claim.id


PINNED = Path(__file__).with_name("registered.txt")


def unpinned(rules, lines):
    """What is wrong with rules beside the pinned lines, each "claim fingerprint date", in their order;
    empty when all is well."""
    pinned, wrong = {}, []
    for line in lines:
        name, fingerprint, date = line.split()
        pinned.setdefault(name, []).append((fingerprint, datetime.fromisoformat(date)))
    for claim in rules:
        dates = [date for _, date in pinned.get(claim.id, [])]
        if pinned.get(claim.id, [None])[-1] != (claim.fingerprint, claim.registered):
            wrong.append(f"{claim.id} {claim.fingerprint} {claim.registered:%Y-%m-%dT%H:%M:%SZ}")
        if dates != sorted(set(dates)):
            wrong.append(f"{claim.id}: a changed rule has a later date")
        if not {*dates[1:]} <= {earlier.until for earlier in claim.history}:
            wrong.append(f"{claim.id}: what stood there until a date is in no history")
    return wrong


def pins():
    return [line for line in PINNED.read_text().splitlines() if not line.startswith("#")]


def test_every_rule_is_pinned_with_its_date():
    """A rule that was changed adds its line at the end, and no line goes."""
    assert not unpinned(LEDGER, pins())


@pytest.mark.parametrize(
    ("changed", "added", "said"),
    [
        ({"fingerprint": "0" * 12}, [], "11.3 000000000000 2026"),
        ({"fingerprint": "0" * 12}, ["11.3 000000000000 {then}"], "has a later date"),
        ({"registered": datetime(2030, 1, 1, tzinfo=UTC)}, [], "2030-01-01T00:00:00Z"),
        (
            {"registered": datetime(2030, 1, 1, tzinfo=UTC)},
            ["11.3 {now} 2030-01-01T00:00:00Z"],
            "is in no history",
        ),
    ],
)
def test_a_rule_that_changes_without_a_new_date_and_history_is_caught(changed, added, said):
    (claim,) = [claim for claim in LEDGER if claim.id == "11.3"]
    then = f"{claim.registered:%Y-%m-%dT%H:%M:%SZ}"
    lines = [line.format(then=then, now=claim.fingerprint) for line in added]
    wrong = unpinned([claim.model_copy(update=changed)], [*pins(), *lines])
    assert any(said in each for each in wrong), wrong


@pytest.mark.parametrize(
    ("changed", "decides"),
    [
        ({"bound": 0.25}, True),
        ({"smallest": 0.25}, True),
        ({"direction": "within", "tolerance": 0.2}, True),
        ({"bound_from": "ours"}, True),
        ({"says": "Another sentence for the same prediction"}, False),
        ({"paper": 12.0}, False),
    ],
)
def test_what_decides_is_in_the_fingerprint_and_words_are_not(changed, decides):
    (claim,) = [claim for claim in LEDGER if claim.id == "11.3"]
    entry = claim.model_dump()
    entry["rule"]["primary"] |= changed
    if decides:
        with pytest.raises(ValueError, match="a changed rule takes it"):
            Claim.model_validate(entry)
    else:
        assert Claim.model_validate(entry).fingerprint == claim.fingerprint


def test_a_scope_and_the_experiments_are_in_the_fingerprint_too():
    (claim,) = [claim for claim in LEDGER if claim.id == "11.3"]
    for field, value in (("scope", {"says": "anything at all", "subjects": ["masked model"]}),
                         ("rule", claim.rule.model_dump() | {"rows": ["factors"]})):  # fmt: skip
        with pytest.raises(ValueError, match="a changed rule takes it"):
            Claim.model_validate(claim.model_dump() | {field: value})


def test_every_work_that_is_cited_is_in_the_bibliography():
    entries = parse_file(book.ROOT / "book" / "references.bib").entries
    cited = {claim.paper.key for claim in LEDGER}
    cited |= {since.key for claim in LEDGER for since in claim.since}
    assert cited <= set(entries), cited - set(entries)


def test_subjects_of_scopes_are_of_the_closed_list():
    named = {subject for claim in LEDGER for subject in claim.scope.subjects}
    assert named <= set(SUBJECTS)


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_recorded_condition_has_a_subject_a_model_and_a_unit(experiment, recorded):
    own = recorded[recorded["experiment"] == experiment]
    about = own[["subject", "model", "unit", "body"]].drop_duplicates()
    assert not about.isna().any(axis=None) and (about != "").all(axis=None)
    assert set(about["subject"]) <= set(SUBJECTS) and set(about["unit"]) <= set(get_args(Unit))
    # A name to be read, and neither a path nor an id.
    assert not about["model"].str.contains("/").any()
    # What is drawn anew is told apart by its seed, so a cell holds one number a seed.
    cell = [
        "size",
        "body",
        "condition",
        "languages",
        "task",
        "split",
        "layer",
        "epoch",
        "blocks",
        "metric",
        "seed",
        "fold",
        "tokens",
    ]
    repeated = own[own.duplicated(cell)]
    assert repeated.empty, repeated[[*cell, "value"]].head().to_string()
