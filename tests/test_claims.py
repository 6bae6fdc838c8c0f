"""The ledger: every claim is there, and rows alone decide what it is worth."""

import itertools
import json

import numpy as np
import pandas as pd
import pytest

from isomorph import claims
from isomorph.ledger import schema


def claim_of(*parts, rows="planted", **fields):
    """A claim with one rule; `parts` are as in the YAML."""
    return schema.Claim(
        id="1.1",
        paper={"citation": "Planted (2000)", "title": "A planted paper", "key": "planted2000"},
        statement="A statement made up for a test.",
        source={"where": "Nowhere", "provenance": ["derived here"]},
        quantity="a planted quantity",
        rule={"rows": rows, "parts": parts},
        **fields,
    )


def rows_of(condition, values, **columns):
    """One row a seed, seeds counted from 0 unless given."""
    fixed = {"pair": "en-fr", "layer": pd.NA, "metric": "score", "tokens": 1000, "size": "laptop"}
    seeds = columns.pop("seeds", range(len(values)))
    frame = pd.DataFrame({"seed": list(seeds), "value": list(values)})
    frame = frame.assign(condition=condition, **{**fixed, **columns})
    return frame.astype({"layer": "Int64"})


def contrast(**fields):
    return {"metric": "score", "plus": "a", "minus": "b", "direction": "above", **fields}


def decided(parts, *frames, size=None):
    return claims.verdict(claim_of(*parts), pd.concat(frames, ignore_index=True), size)


@pytest.mark.parametrize(
    ("direction", "effect", "expected"),
    [
        ("above", 0.5, "reproduced"),
        ("above", -0.5, "contradicted"),
        ("above", 0.0, "inconclusive"),
        ("below", -0.5, "reproduced"),
        ("below", 0.5, "contradicted"),
        ("below", 0.0, "inconclusive"),
        ("within", 0.0, "reproduced"),
        ("within", 0.5, "contradicted"),
        ("within", 0.2, "inconclusive"),
    ],
)
def test_the_side_of_the_interval_decides(direction, effect, expected):
    noise = np.array([-0.04, 0.03, 0.0, -0.02, 0.05])
    part = contrast(direction=direction, tolerance=0.2 if direction == "within" else 0.0)
    found = decided([part], rows_of("a", 1 + effect + noise), rows_of("b", np.ones(5)))
    assert found.verdict == expected
    assert found.value == pytest.approx(effect + noise.mean())
    assert found.low <= found.value <= found.high
    assert (found.n_seeds, found.size) == (5, "laptop")


def test_two_seeds_are_inconclusive_and_say_so():
    found = decided([contrast()], rows_of("a", [9.0, 9.1]), rows_of("b", [1.0, 1.0]))
    assert (found.verdict, found.low, found.high, found.n_seeds) == ("inconclusive", None, None, 2)
    assert found.value == pytest.approx(8.05)
    assert found.reason.startswith("2 of the 3 seeds")


def test_no_rows_are_not_yet_measured():
    claim = claim_of(contrast())
    for rows in (None, rows_of("a", []), rows_of("c", [1.0, 2.0, 3.0])):
        found = claims.verdict(claim, rows)
        assert (found.verdict, found.value, found.n_seeds) == ("not yet measured", None, 0)


def test_constant_differences_have_a_point_for_an_interval():
    found = decided([contrast()], rows_of("a", [2.0] * 4), rows_of("b", [1.0] * 4))
    assert (found.low, found.high, found.verdict) == (1.0, 1.0, "reproduced")


def test_what_has_no_layers_is_compared_with_all_layers():
    layers = [rows_of("a", [1.0, 1.1, 1.2], layer=layer) for layer in (0, 1)]
    found = decided([contrast()], *layers, rows_of("b", [0.5, 0.6, 0.7]))
    assert found.verdict == "reproduced" and found.value == pytest.approx(0.5)
    # Of two that have layers, those in common still count alone.
    found = decided([contrast()], *layers, rows_of("b", [0.5, 0.6, 0.7], layer=1))
    assert found.n_seeds == 3 and found.value == pytest.approx(0.5)


def test_seeds_are_paired_where_they_are_shared():
    # Seeds differ a hundred times more than the conditions do: only pairing can see the effect.
    seeds = np.array([10.0, 20.0, 30.0, 40.0, 50.0])
    effect = np.array([0.1, 0.12, 0.08, 0.11, 0.09])
    shuffled = [3, 0, 4, 1, 2]
    same = decided(
        [contrast()], rows_of("a", seeds + effect), rows_of("b", seeds[shuffled], seeds=shuffled)
    )
    assert same.verdict == "reproduced" and " paired" in same.reason
    other = decided(
        [contrast()], rows_of("a", seeds + effect), rows_of("b", seeds, seeds=range(5, 10))
    )
    assert other.verdict == "inconclusive" and "unpaired" in other.reason
    assert other.high - other.low > 10 * (same.high - same.low)


def test_all_parts_must_hold_and_one_can_contradict():
    up, down, flat = [1.0, 1.1, 0.9], [-1.0, -1.1, -0.9], [-1.0, 1.0, 0.1]
    frames = [rows_of("a", v, metric=m) for m, v in {"up": up, "down": down, "flat": flat}.items()]
    verdicts = {}
    for metrics in (
        ["up"],
        ["up", "flat"],
        ["up", "flat", "down"],
        ["up", "gone"],
        ["down", "gone"],
    ):
        parts = [{"metric": m, "condition": "a", "direction": "above"} for m in metrics]
        found = decided(parts, *frames)
        verdicts["+".join(metrics)] = found.verdict
        assert len(found.parts) == len(metrics)
    assert list(verdicts.values()) == [
        "reproduced", "inconclusive", "contradicted", "not yet measured", "contradicted",
    ]  # fmt: skip


def test_each_pair_is_its_own_part():
    good, bad = [1.0, 1.1, 0.9], [-1.0, -1.1, -0.9]
    part = {"metric": "score", "condition": "a", "direction": "above", "each": "pair"}
    frames = [rows_of("a", good, pair="en-fr"), rows_of("a", bad, pair="en-zh")]
    assert decided([part], *frames).verdict == "contradicted"
    assert len(decided([part], *frames).parts) == 2
    assert decided([part | {"pair": "en-fr"}], *frames).verdict == "reproduced"
    assert decided([part | {"pair": ["en-fr", "en-ru"]}], *frames).verdict == "not yet measured"


def test_a_contrast_compares_the_pairs_which_both_conditions_have():
    frames = [rows_of("a", [1.0, 1.0, 1.0]), rows_of("b", [0.0, 0.0, 0.0])]
    frames.append(rows_of("b", [9.0, 9.0, 9.0], pair="en-zh"))
    assert decided([contrast()], *frames).value == 1.0


def test_a_seed_which_lacks_a_pair_is_left_out():
    part = {"metric": "score", "condition": "a", "direction": "above"}
    frames = [rows_of("a", [1.0, 2.0, 3.0, 4.0]), rows_of("a", [1.0, 2.0, 3.0], pair="en-zh")]
    found = decided([part], *frames)
    assert (found.n_seeds, found.value) == (3, 2.0)
    assert "1 left out" in found.reason


def test_a_difference_of_differences():
    gain = {("a", "en-zh"): 0.5, ("b", "en-zh"): 0.1, ("a", "en-fr"): 0.3, ("b", "en-fr"): 0.2}
    frames = [rows_of(c, [v, v, v], pair=p) for (c, p), v in gain.items()]
    part = {
        "metric": "score",
        "plus": [{"condition": "a", "pair": "en-zh"}, {"condition": "b", "pair": "en-fr"}],
        "minus": [{"condition": "b", "pair": "en-zh"}, {"condition": "a", "pair": "en-fr"}],
        "direction": "above",
    }
    assert decided([part], *frames).value == pytest.approx(0.3)


def test_the_spread_over_seeds():
    wide, narrow = np.linspace(-1, 1, 12), np.linspace(-0.1, 0.1, 12)
    part = contrast(over_seeds="std", seeds=10, direction="below")
    found = decided([part], rows_of("a", narrow), rows_of("b", wide))
    assert found.verdict == "reproduced"
    assert found.value == pytest.approx(np.std(narrow, ddof=1) - np.std(wide, ddof=1))
    assert (
        decided([part], rows_of("a", narrow[:9]), rows_of("b", wide[:9])).verdict == "inconclusive"
    )


def test_the_largest_size_with_enough_seeds_speaks():
    part = {"metric": "score", "condition": "a", "direction": "above"}
    frames = [
        rows_of("a", [-1.0, -1.0, -1.0], size="smoke"),
        rows_of("a", [1.0, 1.0, 1.0], size="laptop"),
        rows_of("a", [2.0, 2.0, 2.0], size="reference"),
        rows_of("a", [3.0], size="paper"),
    ]
    assert (decided([part], *frames).size, decided([part], *frames).value) == ("reference", 2.0)
    assert decided([part], frames[3]).size == "paper"
    assert decided([part], frames[0]).verdict == "not yet measured"
    assert decided([part], *frames, size="smoke").verdict == "contradicted"
    with pytest.raises(ValueError, match="size is 'huge', but it must be one of smoke"):
        decided([part], *frames, size="huge")
    with pytest.raises(ValueError, match="rows lack the column 'metric'"):
        decided([part], frames[0].drop(columns="metric"))


def planted_loader(name):
    if name != "learning_curve":
        return pd.DataFrame()
    tokens = np.array([1e5, 2e5, 4e5, 8e5, 16e5])
    curves = {"multilinguality": [0, 0, 0, 0.5, 1], "heldout_loss": [6, 4, 3, 2.5, 2.4]}
    return pd.concat(
        rows_of("middle", values, metric=metric, tokens=tokens, seeds=[seed] * 5, size="reference")
        for (metric, values), seed in itertools.product(curves.items(), range(3))
    )


def test_json_has_exactly_the_promised_keys():
    entries = claims.as_json(planted_loader)
    promised = (
        "id paper statement source paper_value quantity rule size value low high n_seeds verdict"
    )
    assert all(list(entry) == promised.split() for entry in entries)
    assert json.loads(json.dumps(entries, allow_nan=False)) == entries
    by_id = {entry["id"]: entry for entry in entries}
    assert by_id["11.5"]["verdict"] == "reproduced"
    # Loss is half-way (4.2) at 1e5 * 2**0.9, multilinguality (0.5) at 8e5 = 1e5 * 2**3.
    assert by_id["11.5"]["value"] == pytest.approx(np.log(2) * (3 - 0.9))
    assert by_id["1.1"]["verdict"] == "not yet measured"


def test_the_table_the_text_and_the_landing_page_agree():
    table = claims.table(planted_loader).set_index("id")
    assert list(table.index) == [claim.id for claim in claims.ledger()]
    assert table.loc["11.5", "verdict"] == "reproduced" and table.loc["11.5", "n_seeds"] == 3
    entry = next(e for e in claims.landing(planted_loader) if e["id"] == "11.5")
    assert entry["ours"] == "1.46 [1.46, 1.46], 3 seeds, reference"
    text = claims.as_text(planted_loader, width=200)
    assert "1.46 [1.46, 1.46]" in " ".join(text.split()) and "4a.4" in text
    page = claims.as_markdown(claims.landing(planted_loader), link="../{}.html".format)
    assert f"[11.5](../{entry['chapter']}.html)" in page
    assert page.count("\n### ") + 1 == 13
    # A log ratio must not be read as a share; what is not measured has no unit to tell.
    assert page.count("Measured: ") == sum(1 for e in claims.landing(planted_loader) if e["ours"])
    assert f"Measured: {entry['quantity']}</small>" in page
    lines = [line for line in page.splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in lines} == {6}


def test_a_correlation_is_told_as_the_number_it_is_and_a_score_in_points():
    rows = pd.DataFrame(
        [
            {"condition": name, "pair": "a-b", "layer": layer, "seed": seed, "metric": "cka",
             "value": value - layer / 10, "tokens": 1, "size": "laptop"}
            for name, value in (("bilingual", 0.9), ("monolingual", 0.6))
            for layer in range(4)
            for seed in range(5)
        ]
    )  # fmt: skip
    table = claims.by_part(["1.11"], {"here": (rows, "laptop")})
    told = dict(zip(table["prediction"], table["measured"], strict=True))
    assert told["spearman of cka / bilingual below 0"] == "-1.00"
    assert told["cka / bilingual - cka / monolingual above 0"] == "+30.0"
