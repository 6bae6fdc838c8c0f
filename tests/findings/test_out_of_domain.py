"""States in and out of a task's domain: rows, the differences, and the controls."""

import pandas as pd
import pytest
import torch

from isomorph import figures
from isomorph.findings import Found, out_of_domain

GAP = 0.04


def found(pairs=("nli",), seeds=3, gap=GAP):
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
                        own | {"metric": f"{metric}_out", "layer": layer, "value": value + gap * layer},
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
    assert set(table["heading"]) == {"inference"} and set(table["seeds"]) == {3}
    assert len(figures.forest(table).axes) == 1
    total = out_of_domain.in_total(found(), PAIRS).set_index(["tuned for", "similarity"])
    assert total.loc[("inference", "RSA"), "out less in, hundredths"] == "+4.0 [+4.0, +4.0]"
    assert total.loc[("inference", "RSA"), "in domain"].startswith("0.90 [")
    assert set(total.loc["parsing", "out of domain"]) == {"not run"}
    assert out_of_domain.gaps(NOTHING, PAIRS).empty


@pytest.mark.parametrize(
    ("gap", "seeds", "word"),
    [
        (GAP, 3, "less**"),
        (-GAP, 3, "more**"),
        (0.0, 3, "not told apart"),
        (GAP, 2, "too few seeds"),
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
    assert table.loc["layer 2", "RSA, out of domain"] == pytest.approx(0.881)


def test_texts_are_counted():
    table = out_of_domain.compared(found(), PAIRS).set_index("tuned for")
    assert table.loc["inference", "texts of each domain"] == "200 to 202"
    assert table.loc["parsing", "texts of each domain"] == "not run"


def test_lengths_are_alike_once_matched():
    lengths = out_of_domain.matching(60, 240)
    bins = [sorted(words // 5 for words in own) for own in lengths.after.values()]
    assert bins[0] == bins[1]
    assert len(lengths.before["help"]) == 240 and len(lengths.table) == 4
    assert len(out_of_domain.histograms(lengths).axes) == 2


def test_an_encoder_is_shaken_by_a_seed_and_left_alone():
    encoder = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.LayerNorm(8))
    before = encoder[0].weight.detach().clone()
    one, same, other = (out_of_domain.shaken(encoder, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(encoder[0].weight, before)
    assert torch.equal(one[0].weight, same[0].weight)
    assert not torch.equal(one[0].weight, other[0].weight)
    assert torch.equal(one[1].weight, encoder[1].weight), "a norm is no matrix"
    assert torch.equal(out_of_domain.shaken(encoder, share=0)[0].weight, before)
    with pytest.raises(ValueError, match="share is -1"):
        out_of_domain.shaken(encoder, share=-1)


def test_controls_compare_a_shaken_encoder_with_itself():
    rows = out_of_domain.by_length(texts=12, seeds=1, bins=(6, 12, 18))
    assert set(rows["text"]) == {"Bible", "help"} and set(rows["words in a text"]) == {9.0, 15.0}
    assert rows["value"].between(0.5, 1).all()
    for metric in out_of_domain.MEASURES.values():
        assert out_of_domain.longer_less_shorter(rows, metric).seeds == 1
    table = out_of_domain.blind({"ours": "en"}, texts=12, seeds=1)
    assert table["similarity"].tolist() == ["RSA", "CKA"]


def test_a_step_leaves_alone_what_it_has_nothing_in_common_with():
    moved = out_of_domain.steps([1, 0.25, 0])["moved, against these"].str.rstrip("%").astype(int)
    assert moved[2] == 0 and moved[1] == pytest.approx(moved[0] / 2, abs=4)
