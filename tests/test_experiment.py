"""What a chapter asks of an experiment, on rows that a test makes and at the size of a test."""

import numpy as np
import pandas as pd
import pytest
import torch

from isomorph import results
from isomorph.experiment import Experiment, change, summary, upper_retrieval, verdict
from isomorph.measure.isotropy import average_cosine
from tests.frames import filled


def rows(values, metric="las", condition="default", languages="a-b", **columns):
    return filled(pd.DataFrame(
        {"experiment": "factors", "size": "laptop", "condition": condition,
         "languages": languages, "seed": range(len(values)),
         "metric": metric, "value": values, "tokens": 1, "digest": list(map(str, range(len(values)))),
         "config": "{}"} | columns
    ))  # fmt: skip


FIVE = [0.5, 0.52, 0.54, 0.56, 0.58]


def test_a_mean_of_seeds_stands_with_its_interval():
    table = summary(rows(FIVE), "las")
    half = 2.776 * np.std(FIVE, ddof=1) / 5**0.5
    assert table.loc["default", "parsing"] == (
        f"54.0 [{100 * (0.54 - half):.1f}, {100 * (0.54 + half):.1f}]"
    )
    assert table.index.name == "condition"
    assert table.attrs["note"] == "In percent: mean of 5 seeds [its 95% interval]."


def test_seeds_are_counted_cell_by_cell():
    known = pd.concat([rows(FIVE), rows([0.74], metric="isoscore")], ignore_index=True)
    (cells,) = summary(known, ["las", "isoscore"]).to_numpy().tolist()
    assert cells[0].startswith("54.0 [") and cells[1] == "0.74 (1 run)"
    few = summary(rows([0.5, 0.6, 0.7]), "las")
    assert few.iloc[0, 0] == "60.0 (3 runs)" and few.attrs["note"] == "In percent."


def test_parts_of_one_model_are_no_runs():
    config = '{"kind":"encoder_words","encoder":"glove","most":20000}'
    assert summary(rows(FIVE, metric="isoscore", config=config), "isoscore").iloc[0, 0] == (
        "0.54 (one model)"
    )


def test_lines_and_columns_may_be_any():
    both = [rows([v] * 5, layer=pd.array([k] * 5, dtype="Int64")) for k, v in enumerate((0.1, 0.2))]
    table = summary(pd.concat(both, ignore_index=True), "las", columns="layer")
    assert list(table.columns) == ["layer 0", "layer 1"]
    assert list(table.iloc[0]) == ["10.0 (5 runs)", "20.0 (5 runs)"]  # nothing varies: no interval
    table = summary(pd.concat(both, ignore_index=True), "las", index="layer", columns="condition")
    assert list(table.index) == ["layer 0", "layer 1"] and list(table.columns) == ["default"]


def test_what_nobody_measured_is_empty_and_an_unknown_metric_is_refused():
    known = pd.concat([rows(FIVE), rows(FIVE, metric="uas", condition="sep_emb")])
    table = summary(known.reset_index(drop=True), ["las", "uas"], names=["sep_emb", "default"])
    assert list(table.index) == ["separate embeddings", "default"]
    assert table.loc["default", "parsing, heads only"] == ""
    with pytest.raises(ValueError, match=r"metric is \['ner_f1'\], but the rows hold \['las'\]"):
        summary(rows(FIVE), "ner_f1")


def test_an_answer_without_an_encoder_is_a_line_of_the_first_condition_that_has_it():
    both = [rows(FIVE), rows([0.2] * 5, "las_majority"), rows([0.4] * 5, condition="far_default"),
            rows([0.1] * 5, "las_majority", "far_default")]  # fmt: skip
    names = ["far_default", "default", "majority", "premise_alone"]
    table = summary(pd.concat(both), "las", names=names)
    assert table["parsing"].tolist()[1:] == [
        summary(rows(FIVE), "las").iloc[0, 0],
        "10.0 (5 runs)",
        "",
    ]


def test_a_score_of_retrieval_says_among_how_many():
    chance = rows([0.001] * 5, metric="retrieval_p1_chance")
    known = pd.concat([rows(FIVE, metric="retrieval_p1"), chance], ignore_index=True)
    note = summary(known, "retrieval_p1").attrs["note"]
    assert note.endswith("[its 95% interval]. Sentence retrieval among 1,000.")
    assert "among" not in summary(rows(FIVE), "las").attrs["note"]


def test_two_metrics_never_share_a_cell():
    known = pd.concat([rows(FIVE), rows(FIVE, metric="uas")], ignore_index=True)
    with pytest.raises(ValueError, match=r"metric is \['las', 'uas'\]; by condition and languages"):
        summary(known, ["las", "uas"], columns="languages")
    assert list(summary(known, ["las", "uas"], index="metric", columns="languages").columns) == [
        "a-b"
    ]


def test_a_change_is_taken_seed_by_seed():
    lower = rows([x - 0.1 for x in FIVE[:4]] + [FIVE[4] - 0.11], condition="sep_emb")
    known = pd.concat([rows(FIVE), lower], ignore_index=True)
    said = change(known, "las", "default", "sep_emb")
    assert said.startswith("+10.2 points [") and change(known, "uas", "default", "sep_emb") == ""


def test_a_configuration_is_found_and_changed():
    experiment = Experiment("language_models", "smoke")
    run = experiment.run("mle")
    changed = run.model_copy(update={"pretraining": run.pretraining.model_copy(update={"seed": 7})})
    assert (run.seed, changed.seed) == (0, 7) and run.digest != changed.digest
    with pytest.raises(ValueError, match="condition is 'mlx' of seed 0; language_models at smoke"):
        experiment.run("mlx")
    with pytest.raises(ValueError, match="size is 'Laptop', but it must be one of"):
        Experiment("language_models", "Laptop")


def test_rows_at_smoke_are_run_and_the_model_is_the_one_measured(tmp_path, monkeypatch):
    monkeypatch.setenv("ISOMORPH_CACHE", str(tmp_path))
    experiment = Experiment("language_models", "smoke")
    measured = experiment.rows("mle")
    assert set(measured["condition"]) == {"mle"} and len(measured["digest"].unique()) == 1
    model = experiment.model(experiment.run("mle"))
    seen = measured.loc[measured["metric"] == "average_cosine", "value"].item()
    assert average_cosine(model.vectors[model.by_frequency[0]]) == pytest.approx(seen, abs=1e-6)
    assert model.represent(["In the beginning"])[0].shape == (1, model.vectors.shape[1])


def test_rows_are_those_of_the_models_asked_for():
    experiment = Experiment("phrases_first", "laptop")
    assert set(experiment.rows(at="reference", of=["E5"])["condition"]) == {"larger_plain_1000"}
    both = set(experiment.rows(at="reference", of=["MiniLM", "E5"])["condition"])
    assert {"larger_plain_1000", "phrases_250"} <= both
    with pytest.raises(ValueError, match=r"of names \['Minilm'\]; allowed are .*'our small BERT'"):
        experiment.rows(at="reference", of=["Minilm"])


def test_a_comparison_has_two_models(tmp_path, monkeypatch):
    monkeypatch.setenv("ISOMORPH_CACHE", str(tmp_path))
    experiment = Experiment("alignment", "smoke")
    run = experiment.run("monolingual")
    one, other = experiment.models(run)
    assert (one.language, other.language) == run.languages
    assert one.vocabulary.size and other.corpus.test[other.language]


def test_a_model_of_a_world_is_tuned_as_its_run_tunes_it(tmp_path, monkeypatch):
    monkeypatch.setenv("ISOMORPH_CACHE", str(tmp_path))
    experiment = Experiment("changes", "smoke")
    run = experiment.run("tuned")
    before = experiment.model(run)
    assert results.cached(run).in_same_cache(run.other).infra.status() == "not submitted"
    _, other = experiment.models(run)
    weights = before.encoder.layers[0].state_dict()
    kept = {name: weight.clone() for name, weight in weights.items()}
    after = before.finetune(run.task, seed=run.seed)
    rows = experiment.measure(run).set_index("metric")["value"]
    assert after.score() == pytest.approx(rows["score"])
    assert after.losses == pytest.approx(rows["loss"].tolist())
    assert all(torch.equal(kept[name], weight) for name, weight in weights.items())
    assert not torch.equal(after.represent(["de ba"])[2], before.represent(["de ba"])[2])
    assert other.run.seed == 1000 and 0 <= after.score(most=10) <= 1


def test_a_verdict_is_that_of_the_ledger():
    said = verdict("2.7")
    assert "Claim 2.7" in str(said) and "<table" in said._repr_html_()
    with pytest.raises(ValueError, match="claim is '99.9', but must be one of"):
        verdict("99.9")


def test_retrieval_is_read_two_thirds_of_the_way_up():
    layers = [rows([layer / 10], "retrieval_p1_centred", digest="one") for layer in range(5)]
    layered = pd.concat([own.assign(layer=layer) for layer, own in enumerate(layers)])
    found = upper_retrieval(layered.astype({"layer": "Int64"})).query("metric == 'retrieval'")
    assert list(found["value"]) == [0.3] and found["layer"].isna().all()
