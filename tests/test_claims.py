"""The ledger: rows alone decide, on the ground that they stand on."""

import itertools
import json

import numpy as np
import pandas as pd
import pytest

from isomorph import claims, outcomes
from isomorph.ledger import schema
from isomorph.ledger.verdicts import OUTCOMES, bodies, judge, places
from tests.frames import filled

NOISE = np.array([-0.04, 0.03, 0.0, -0.02, 0.05])
BEFORE, AFTER = "2026-01-01", "2026-12-31"


def rule_of(primary, *secondary, requires=()):
    told = [{"says": "A planted prediction", **part} for part in (primary, *secondary)]
    controls = [{"says": "A planted control", **part} for part in requires]
    reason = None if controls else "A planted reason why it needs none."
    return schema.Rule(rows="planted", primary=told[0], secondary=told[1:], requires=controls,
                       no_control=reason)  # fmt: skip


def claim_of(rule, *subjects):
    fields = {
        "id": "1.1",
        "paper": {"citation": "Planted (2000)", "title": "A planted paper", "key": "planted2000"},
        "statement": "A statement made up for a test.",
        "source": {"where": "Nowhere", "provenance": ["derived here"]},
        "quantity": "a planted quantity",
        "scope": {"says": "planted models", "subjects": subjects},
        "rule": rule,
        "registered": "2026-06-01T00:00:00Z",
    }
    unchecked = schema.Claim.model_construct(**fields | {"scope": schema.Scope(**fields["scope"])})
    return schema.Claim(**fields, fingerprint=unchecked.computed_fingerprint())


def rows_of(condition, values, **columns):
    """One row a seed, seeds counted from 0 unless given."""
    fixed = {
        "languages": "en-fr", "metric": "accuracy", "tokens": 1000, "size": "reference",
        "subject": "bilingual model", "model": "our bilingual models", "unit": "pretraining seed",
        "body": "ours", "recorded": AFTER, "experiment": "planted",
    }  # fmt: skip
    seeds = columns.pop("seeds", range(len(values)))
    frame = pd.DataFrame({"seed": list(seeds), "value": list(values)})
    frame = frame.assign(condition=condition, **{**fixed, **columns})
    return filled(frame)


def contrast(**fields):
    return {"metric": "accuracy", "plus": "a", "minus": "b", "direction": "above", **fields}


def judged(parts, *frames, requires=()):
    return judge(rule_of(*parts, requires=requires), pd.concat(frames, ignore_index=True))


@pytest.mark.parametrize(
    ("fields", "effect", "expected"),
    [
        ({}, 0.5, "holds"),
        ({}, -0.5, "does not hold"),
        ({}, 0.0, "cannot tell"),
        ({"direction": "below"}, -0.5, "holds"),
        ({"direction": "below"}, 0.5, "does not hold"),
        ({"direction": "below"}, 0.0, "cannot tell"),  # the interval holds the bound
        ({"direction": "within", "tolerance": 0.2}, 0.0, "holds"),
        ({"direction": "within", "tolerance": 0.2}, 0.5, "does not hold"),
        ({"direction": "within", "tolerance": 0.2}, 0.2, "cannot tell"),
        # An interval inside the smallest effect of interest is nothing to speak of.
        ({"smallest": 0.2}, 0.05, "no meaningful effect"),
        ({"smallest": 0.2}, 0.2, "cannot tell"),
        ({"smallest": 0.2}, 0.5, "holds"),
        ({"smallest": 0.2}, -0.5, "does not hold"),
        # A bound of ours cannot contradict; the sign of a contrast is the paper's.
        ({"bound": 0.3, "bound_from": "ours"}, 0.1, "cannot tell"),
        ({"bound": 0.3, "bound_from": "ours"}, -0.5, "does not hold"),
        ({"bound": -0.3, "bound_from": "ours"}, -0.9, "cannot tell"),
        ({"direction": "within", "tolerance": 0.2, "bound_from": "ours"}, 0.9, "cannot tell"),
        # The paper's effect is 50 points.
        ({"paper": 50.0}, 0.5, "holds"),
        ({"paper": 50.0}, 0.1, "other size"),
        ({"paper": 5.0}, 0.9, "other size"),
    ],
)
def test_the_side_and_the_size_of_the_interval_decide(fields, effect, expected):
    found = judged([contrast(**fields)], rows_of("a", 1 + effect + NOISE), rows_of("b", np.ones(5)))
    assert found.outcome == expected
    own = found.primary.estimate
    assert own.value == pytest.approx(effect + NOISE.mean()) and own.units == 5


@pytest.mark.parametrize("seeds", [1, 2, 3, 4])
def test_fewer_than_five_units_decide_nothing(seeds):
    found = judged([contrast()], rows_of("a", 9 + NOISE[:seeds]), rows_of("b", np.ones(seeds)))
    assert (found.outcome, found.primary.estimate.kind) == ("cannot tell", "range")


def test_items_of_one_model_have_no_interval():
    unit = {"unit": "items of one model"}
    frames = rows_of("a", 9 + NOISE, **unit), rows_of("b", 2 * NOISE, **unit)
    found = judged([contrast()], *frames)
    assert (found.outcome, found.primary.estimate.kind) == ("cannot tell", "range")
    own = found.primary.estimate
    assert (own.low, own.high) == pytest.approx((9 - NOISE.max(), 9 - NOISE.min())), "what was seen"


def test_no_rows_are_not_measured():
    assert judged([contrast()], rows_of("a", NOISE)).outcome == "not measured"


@pytest.mark.parametrize("otherwise", ["at floor", "at ceiling"])
def test_a_rule_is_silent_where_its_control_fails(otherwise):
    frames = [rows_of("a", 1 + NOISE), rows_of("b", NOISE[::-1])]
    frames.append(rows_of("random", 1 + NOISE[::-1]))
    control = contrast(minus="random", bound=0.1, otherwise=otherwise)
    assert judged([contrast()], *frames).outcome == "holds"
    found = judged([contrast()], *frames, requires=[control])
    assert found.outcome == otherwise and found.controls[0].outcome != "holds"
    # What was never measured, or of too few seeds, says nothing of a floor.
    assert judged([contrast()], *frames[:2], requires=[control]).outcome == "cannot tell"


@pytest.mark.parametrize(("moved", "held"), [(0.5, True), (-0.5, True), (0.0, False), (0.1, False)])
def test_a_control_may_ask_for_a_difference_either_way(moved, held):
    frames = [
        rows_of("a", 1 + NOISE / 10),
        rows_of("b", NOISE[::-1] / 10),
        rows_of("c", moved + NOISE),
    ]
    control = contrast(plus="c", minus="b", direction="outside", tolerance=0.1, bound_from="ours")
    found = judged([contrast()], *frames, requires=[control])
    assert found.outcome == ("holds" if held else "at floor")


def test_the_primary_prediction_decides_and_a_disagreement_is_mixed():
    frames = [
        rows_of("a", sign + NOISE, metric=name) for name, sign in (("up", 1), ("down", -1), ("flat", 0))
    ]  # fmt: skip
    up, down, flat = (
        {"metric": m, "condition": "a", "direction": "above"} for m in ("up", "down", "flat")
    )
    assert judged([up, flat], *frames).outcome == "holds"
    assert judged([up, down], *frames).outcome == "mixed"
    assert judged([down, flat], *frames).outcome == "does not hold"
    assert judged([up, up | {"metric": "gone"}], *frames).outcome == "holds"


def test_what_could_contradict_is_corrected_for_its_number():
    # Alone p is 0.02 on one side; among twenty predictions such a thing is expected.
    values = -0.03 + np.array([-0.02, 0.03, 0.0, -0.01, 0.0])
    frames = [rows_of("a", values)] + [
        rows_of("a", 1 + NOISE, metric=f"other_{n}") for n in range(19)
    ]
    one = {"metric": "accuracy", "condition": "a", "direction": "above"}
    assert judged([one], *frames).outcome == "does not hold"
    more = [one | {"metric": f"other_{n}"} for n in range(19)]
    assert judged([one, *more], *frames).outcome == "cannot tell"


def test_seeds_are_paired_where_they_are_shared():
    # Seeds differ a hundred times more than the conditions do: only pairing can see the effect.
    seeds = np.array([10.0, 20.0, 30.0, 40.0, 50.0])
    effect = np.array([0.1, 0.12, 0.08, 0.11, 0.09])
    order = [3, 0, 4, 1, 2]
    same = judged(
        [contrast()], rows_of("a", seeds + effect), rows_of("b", seeds[order], seeds=order)
    )
    assert same.outcome == "holds" and same.primary.estimate.paired
    other = judged(
        [contrast()], rows_of("a", seeds + effect), rows_of("b", seeds, seeds=range(5, 10))
    )
    assert other.outcome == "cannot tell" and not other.primary.estimate.paired


def test_each_pair_is_a_prediction_and_the_worst_of_the_primary_decides():
    part = {"metric": "accuracy", "condition": "a", "direction": "above", "each": "languages"}
    frames = [
        rows_of("a", 1 + NOISE, languages="en-fr"),
        rows_of("a", NOISE - 1, languages="en-zh"),
    ]
    found = judged([part], *frames)
    assert found.primary.outcome == "does not hold" and len(found.findings) == 2
    assert judged([part | {"languages": "en-fr"}], *frames).outcome == "holds"


def test_a_contrast_compares_the_pairs_which_both_conditions_have():
    frames = [
        rows_of("a", 1 + NOISE),
        rows_of("b", NOISE),
        rows_of("b", 9 + NOISE, languages="en-zh"),
    ]
    assert judged([contrast()], *frames).primary.estimate.value == pytest.approx(1.0)


def test_a_seed_which_lacks_a_pair_is_left_out():
    part = {"metric": "accuracy", "condition": "a", "direction": "above"}
    frames = [rows_of("a", range(6)), rows_of("a", range(5), languages="en-zh")]
    own = judged([part], *frames).primary.estimate
    assert (own.units, own.value) == (5, 2.0)


@pytest.mark.parametrize(("close", "distant"), [("en-fr", "en-zh"), ("a-b", "far")])
def test_close_and_distant_are_roles(close, distant):
    gain = {("a", distant): 0.5, ("b", distant): 0.1, ("a", close): 0.3, ("b", close): 0.2}
    frames = [rows_of(c, v + NOISE, languages=p) for (c, p), v in gain.items()]
    part = {
        "metric": "accuracy",
        "plus": [
            {"condition": "a", "languages": "distant"},
            {"condition": "b", "languages": "close"},
        ],
        "minus": [
            {"condition": "b", "languages": "distant"},
            {"condition": "a", "languages": "close"},
        ],
        "direction": "above",
    }
    assert judged([part], *frames).primary.estimate.value == pytest.approx(0.3)
    # The far world counts only where it is asked for.
    alone = judged([contrast()], *frames).primary.estimate.value
    assert alone == pytest.approx(0.1 if distant == "far" else (0.4 + 0.1) / 2)


def test_a_spread_is_read_over_runs_that_learnt():
    wide, narrow = np.linspace(-1, 1, 12), np.linspace(-0.1, 0.1, 12)
    failed = [rows_of(name, [0.0] * 12, metric="failed_run") for name in ("a", "b")]
    part = contrast(over_seeds="std", direction="below", bound=1, learnt=True)
    found = judged([part], rows_of("a", narrow), rows_of("b", wide), *failed)
    assert found.outcome == "holds" and found.primary.estimate.value == pytest.approx(0.1)
    # Failed runs stand close together, and that is no stability.
    failed[1] = rows_of("b", [1.0] * 12, metric="failed_run")
    assert (
        judged([part], rows_of("a", narrow), rows_of("b", wide), *failed).outcome == "not measured"
    )


def test_each_task_has_its_own_spread():
    """That of the mean of two tasks is smaller than either, and a rule must not read it."""
    first, second = np.linspace(-1, 1, 12), np.tile([-1.0, 1.0], 6)
    frames = [
        rows_of("a", first, task="similarity"),
        rows_of("a", second, task="sentiment"),
        rows_of("a", [0.0] * 12, task="similarity", metric="failed_run"),
        rows_of("a", [0.0] * 12, task="sentiment", metric="failed_run"),
    ]
    part = {"metric": "accuracy", "condition": "a", "over_seeds": "std", "learnt": True,
            "direction": "below", "bound": 0.9}  # fmt: skip
    with pytest.raises(ValueError, match="each of them has its own"):
        judged([part], *frames)
    own = judged([part | {"each": "task"}], *frames).findings
    assert {found.part.task: found.estimate.value for found in own} == pytest.approx(
        {("similarity",): first.std(ddof=1), ("sentiment",): second.std(ddof=1)}
    )


def test_one_condition_does_not_speak_for_all_that_a_rule_names():
    part = contrast(plus={"condition": ["a", "c"]}, direction="within", tolerance=0.5)
    half = [rows_of(name, NOISE) for name in ("a", "b")]
    assert judged([part], *half).outcome == "not measured"
    assert judged([part], *half, rows_of("c", 2 * NOISE)).outcome == "holds"


def test_the_fast_path_is_the_mean_at_the_last_checkpoint():
    frames = [
        rows_of("a", NOISE + tokens, tokens=tokens, languages=languages, layer=layer)
        for tokens, languages, layer in itertools.product((1, 2, 3), ("en-fr", "en-ru"), (0, 1))
    ]
    part = {"metric": "accuracy", "condition": "a", "direction": "above"}
    own = judged([part], *frames).primary.estimate
    assert own.value == pytest.approx(3 + NOISE.mean()) and own.units == 5


def planted(subject, model, body, value, **columns):
    named = {"subject": subject, "model": model, "body": body} | columns
    return rows_of("a", value + NOISE, **named)


def test_only_subjects_in_scope_decide():
    part = {"metric": "accuracy", "condition": "a", "direction": "above"}
    claim = claim_of(rule_of(part), "masked model")
    frames = [
        planted("masked model", "our masked models", "ours", 1),
        planted("sentence encoder", "MiniLM", "MiniLM", -1),
        planted("controlled world", "worlds", "controlled world", -2, size="laptop"),
    ]
    found = claims.Judged(claim, tuple(places(claim, bodies(pd.concat(frames, ignore_index=True)))))
    assert (found.outcome, found.ground) == ("holds", "real text")
    assert [place.model for place in found.on("other models")] == ["MiniLM"]
    assert [place.outcome for place in found.on("worlds")] == ["does not hold"]
    # Without a subject in scope nothing decides, whatever the others do.
    rest = claims.Judged(
        claim, tuple(places(claim, bodies(pd.concat(frames[1:], ignore_index=True))))
    )
    assert (rest.outcome, rest.ground) == ("not measured", "none")


def test_few_seeds_of_a_larger_size_hide_no_interval():
    part = {"metric": "accuracy", "condition": "a", "direction": "above"}
    claim = claim_of(rule_of(part), "bilingual model")
    frames = [rows_of("a", [5.0]), rows_of("a", 1 + NOISE, size="laptop")]
    found = claims.Judged(claim, tuple(places(claim, bodies(pd.concat(frames, ignore_index=True)))))
    assert (found.outcome, found.deciding.size) == ("holds", "laptop")


@pytest.mark.parametrize(("recorded", "late"), [(BEFORE, True), (AFTER, False)])
def test_a_rule_written_after_its_rows_says_so(recorded, late):
    claim = claim_of(
        rule_of({"metric": "accuracy", "condition": "a", "direction": "above"}), "bilingual model"
    )
    (place,) = places(claim, bodies(rows_of("a", 1 + NOISE, recorded=recorded)))
    assert place.after_rows is late
    count = claims.counts([claims.Judged(claim, (place,))])
    assert count["rule after rows" if late else "real text"] == {"holds": 1}


def test_rows_younger_than_the_rule_decide_alone_where_they_can():
    part, older = (
        {"metric": "accuracy", "condition": "a", "direction": "above"},
        {"recorded": BEFORE},
    )
    never = contrast(minus="b", plus="c")  # of older rows alone
    others = [rows_of("b", NOISE, **older), rows_of("c", -NOISE, **older)]
    claim = claim_of(rule_of(part, never), "bilingual model")

    def place_of(*frames):
        (place,) = places(claim, bodies(pd.concat([*frames, *others], ignore_index=True)))
        return place

    known = rows_of("a", NOISE - 1, **older)
    assert (place_of(known).outcome, place_of(known).after_rows) == ("does not hold", True)
    few = rows_of("a", [1.0, 1.1, 1.2], seeds=(5, 6, 7))  # too few to tell: all count, and are late
    assert (place_of(known, few).outcome, place_of(known, few).after_rows) == ("cannot tell", True)
    place = place_of(known, rows_of("a", NOISE + 1, seeds=range(5, 5 + len(NOISE))))
    assert (place.outcome, place.after_rows) == ("holds", False)
    assert (place.primary.estimate.units, place.primary.fresh) == (len(NOISE), True)
    (second,) = place.secondary
    assert (second.estimate.units, second.fresh) == (len(NOISE), False)


def test_a_claim_that_is_proved_is_counted_apart():
    claim = claim_of(rule_of({"metric": "accuracy", "condition": "a", "direction": "within"}))
    found = claims.Judged(claim, ())
    assert (found.outcome, found.ground) == ("proved", "proof")
    assert claims.counts([found])["proof"] == {"proved": 1}


@pytest.mark.parametrize("value", [0.0123, -0.876, 34.56, -88.04, 0.0, 1234.0, 99.6])
def test_two_significant_digits(value):
    told = outcomes.significant(value)
    assert "e" not in told and float(told) == pytest.approx(value, rel=0.05, abs=1e-9)


def test_json_has_the_promised_keys_and_numbers_in_the_papers_unit():
    entries = claims.as_json()
    promised = (
        "id statement scope primary outcome ground value low high unit n paper_value ratio requires "
        "registered history since places"
    )
    for entry in entries:
        assert set(promised.split()) <= set(entry)
        assert set(entry["places"]) == {"real text", "worlds", "other models"}
    assert json.loads(json.dumps(entries, allow_nan=False)) == entries
    (world,) = next(e for e in entries if e["id"] == "1.4")["places"]["worlds"]
    assert world["outcome"] == "other size" and world["unit"] == "points"
    assert world["ratio"] == pytest.approx(world["value"] / -0.9)
    with pytest.raises(ValueError, match="size is 'huge'"):
        claims.as_json(size="huge")


def test_the_text_the_tables_and_the_box_tell_the_same():
    (found,) = [each for each in claims.judged() if each.claim.id == "1.3"]
    (place,) = found.on("worlds")
    told = outcomes.finding_text(place.primary)
    assert told in " ".join(outcomes.as_text(width=400).split())
    assert told in set(outcomes.predictions(["1.3"])["here"])
    assert told in outcomes.answer("1.3")._repr_html_()
    with pytest.raises(ValueError, match="claim is '99.1'"):
        outcomes.answer("99.1")


def test_every_outcome_has_a_meaning():
    assert set(OUTCOMES) | {"proved", "mixed"} == set(outcomes.MEANINGS)
