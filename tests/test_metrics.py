"""The registry of metrics: every recorded metric is known, in the unit that its values have."""

import re

import pandas as pd
import pytest

from isomorph import claims, metrics, results
from isomorph.presets import conditions


def test_every_recorded_metric_and_every_metric_of_a_rule_has_a_line():
    names = {m for e in results.experiments_recorded() for m in results.recorded(e)["metric"]}
    for claim in claims.ledger():
        for part in (*claim.rule.parts, *claim.rule.requires):
            names |= part.metrics()
    for name in names:
        assert metrics.metric(name).label


def test_a_share_lies_between_minus_one_and_one():
    for experiment in results.experiments_recorded():
        for name, values in results.recorded(experiment).groupby("metric")["value"]:
            if metrics.metric(name).unit == "%":
                assert values.dropna().abs().max() <= 1, name


def test_an_ending_is_worded_and_keeps_the_unit():
    assert metrics.label("las_source") == "parsing (first language)"
    assert metrics.metric("las_source").unit == "%"
    assert metrics.axis("ner_f1_lost") == "entities, span F1 (lost topics)"
    assert metrics.metric("cka_to_11").unit == ""
    assert metrics.metric("cls_isoscore_scaled_before").label == (
        "IsoScore (untuned and normalised)"
    )


def test_the_longest_beginning_counts():
    assert metrics.label("retrieval_p1_unmapped").startswith("sentence retrieval, no map")
    assert metrics.label("pair_distance_scaled") == "distance of two words, over their mean length"


def test_an_unknown_metric_is_refused_and_a_label_of_none_is_itself():
    with pytest.raises(ValueError, match="metric is 'no_measure', which isomorph.metrics"):
        metrics.metric("no_measure")
    assert metrics.label("a new measure") == "a new measure"
    assert metrics.axis("layer") == "layer (0: embeddings)"


def test_candidates_stand_behind_a_score():
    rows = pd.DataFrame({"metric": ["retrieval_p1", "las"], "among": ["among 1,000", ""]})
    assert metrics.axis("retrieval_p1", rows, 100) == "sentence retrieval, P@1, among 1,000"
    assert metrics.axis("las", rows) == metrics.axis("las")


def test_a_condition_has_a_line_or_is_named_by_its_parts():
    assert metrics.condition_label("far_sep_l1_6") == "distant pair, separate bottom three quarters"
    assert metrics.condition_label("bert_adam_1k_longer") == "uncorrected Adam, 1k, longer"
    assert metrics.condition_label("no_anchors") == "no anchors"
    for name in ("factors", "elements", "few_samples"):
        for size in ("laptop", "reference"):
            for each in conditions(name, size):
                bare = each.name.replace("_", " ")
                short = re.search(r"[a-z]\d|\b(sep|emb|inv|pos|overparam)\b", bare)
                assert not short or metrics.condition_label(each.name) != bare, each.name
