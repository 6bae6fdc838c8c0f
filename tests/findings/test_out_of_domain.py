"""States in and out of a task's domain: rows, the differences, and the controls."""

import pandas as pd
import pytest

from isomorph import figures
from isomorph.findings import Found, out_of_domain

GAP = 0.04


def found(pairs=("nli",), seeds=5, gap=GAP):
    lines = []
    for pair in pairs:
        for seed in range(seeds):
            own = {"condition": "tuned", "pair": pair, "seed": seed, "digest": f"{pair}{seed}"}
            lines.append(own | {"metric": "texts", "layer": None, "value": 200 + seed})
            for layer in range(3):
                value = 1 - layer / 10 + seed / 1000
                for metric in ("rsa", "cka"):
                    lines += [
                        own | {"metric": metric, "layer": layer, "value": value},
                        own | {"metric": f"{metric}_out", "layer": layer, "value": value + gap * layer + (seed - 2) / 1000},
                    ]  # fmt: skip
    columns = ["condition", "pair", "seed", "digest", "metric", "layer", "value"]
    rows = pd.DataFrame(lines, columns=columns).assign(
        size="laptop", tokens=0, provenance="recorded"
    )
    return Found(rows.astype({"layer": "Int64", "value": float}), "laptop", 5, ("tuned",))


NOTHING = found(())
PAIRS = ("nli", "parsing")


def test_the_difference_by_layer_and_in_all():
    table = out_of_domain.gaps(found(), PAIRS)
    assert table["label"].tolist() == ["embeddings", "layer 1", "layer 2"]
    assert table["value"].tolist() == pytest.approx([0, 100 * GAP, 200 * GAP])
    assert set(table["heading"]) == {"inference"} and set(table["seeds"]) == {5}
    assert len(figures.forest(table).axes) == 1
    total = out_of_domain.in_total(found(), PAIRS).set_index(["tuned for", "similarity"])
    assert total.loc[("inference", "RSA"), "out less in, hundredths"] == "+4.0 [+3.8, +4.2]"
    assert total.loc[("inference", "RSA"), "in domain"].startswith("0.90 [")
    assert set(total.loc["parsing", "out of domain"]) == {"not run"}
    assert out_of_domain.gaps(NOTHING, PAIRS).empty


@pytest.mark.parametrize(
    ("gap", "seeds", "word"),
    [
        (GAP, 5, "less**"),
        (-GAP, 5, "more**"),
        (0.0, 5, "not told apart"),
        (GAP, 4, "too few seeds"),
    ],
)
def test_the_reading_is_by_the_interval(gap, seeds, word):
    told = out_of_domain.reading(found(gap=gap, seeds=seeds), PAIRS, "Here")
    assert word in told and told.endswith("Here, tuned for parsing: not run.")


def test_curves_have_a_line_a_side():
    rows = out_of_domain.curves(found(), "nli")
    assert set(rows["text"]) == {"in domain", "out of domain"}
    assert set(rows["metric"]) == set(out_of_domain.MEASURES.values())
    drawn = figures.dose_response(
        rows, x="layer", metrics=list(out_of_domain.MEASURES.values()), group="text"
    )
    assert len(drawn.axes) == 2
    assert out_of_domain.curves(found(), "parsing").empty
    assert out_of_domain.curves(NOTHING, "nli").empty
    table = out_of_domain.by_layer(found().rows).set_index("layer")
    assert table.loc["layer 2", "RSA, out of domain"] == pytest.approx(0.882)


def test_texts_are_counted():
    table = out_of_domain.compared(found(), PAIRS).set_index("tuned for")
    assert table.loc["inference", "texts of each domain"] == "200 to 204"
    assert table.loc["parsing", "texts of each domain"] == "not run"
