"""Among how many candidates a score is: from the rows, for every name that such a score has."""

import pandas as pd
import pytest

from isomorph import claims, figures, outcomes
from isomorph import rows as table
from isomorph.experiment import Experiment, summary
from isomorph.metrics import axis
from tests.frames import filled


def rows(**metrics):
    """Rows of one run for each value; a metric is a value or one for each run."""
    found = []
    for metric, values in metrics.items():
        for run, value in enumerate(values if isinstance(values, list) else [values]):
            found.append({
                "metric": metric, "value": value, "digest": str(run), "condition": "monolingual",
                "languages": "en-fr", "seed": run, "layer": 0, "tokens": 1, "provenance": "recorded",
            })  # fmt: skip
    return filled(pd.DataFrame(found))


@pytest.mark.parametrize(
    ("metric", "told"),
    [
        ("retrieval_p1", "among 1,000"),
        ("retrieval_p1_csls", "among 1,000"),
        ("retrieval_p1_centred", "among 1,000"),
        ("retrieval_mrr", "among 1,000"),
        ("retrieval", "among 1,000"),
        ("multilinguality", "sentences among 1,000"),
        ("help_retrieval_p1_unmapped", "among 200"),
        ("translation_p1", "chance 1 in 160"),
        ("translation_isolated_p1", "chance 1 in 160"),
        ("translation_p5", "chance 1 in 160"),
        ("translation_contextual_p1_csls", "among 93"),
        ("retrieval_p1_chance", ""),
        ("translation_queries", ""),
        ("translation_hubness_csls", ""),
        ("translation_candidates", ""),
        ("tatoeba_retrieval_p1", ""),
        ("las", ""),
    ],
)
def test_every_score_has_its_own_number(metric, told):
    known = rows(
        retrieval_p1_chance=0.001, help_retrieval_p1_chance=0.005, translation_p1_chance=1 / 160,
        translation_contextual_candidates=93, translation_contextual_p1_chance=0.02, las=0.5,
    )  # fmt: skip
    assert table.among(known, metric) == told
    assert table.among(rows(las=0.5), metric) == ""


def test_a_range_stands_where_runs_differ():
    assert table.among(rows(retrieval_p1_chance=[1 / 40, 1 / 1500]), "retrieval_p1") == (
        "among 40 to 1,500"
    )
    known = rows(translation_candidates=[80, 90], translation_p1_chance=[0.02, 0.01])
    assert table.among(known, "translation_p1") == "among 80 to 90"


def test_a_number_that_one_run_has_is_not_told_of_all():
    known = rows(translation_candidates=80, translation_p1_chance=[0.02, 0.01])
    assert table.among(known, "translation_p1") == "chance 1 in 50 to 100"


def test_the_same_metric_of_two_experiments_is_told_apart():
    """A fifth of the verses is not all of them, though the metric has the same name."""
    axes = []
    for known in (
        rows(retrieval_p1=0.29, retrieval_candidates=200.0),
        rows(retrieval_p1=0.13, retrieval_p1_chance=0.001),
    ):
        shown = table.with_candidates(known).assign(layer=0, line="all")
        drawn = figures.layer_lines(shown, "retrieval_p1")
        axes.append(drawn.axes[0].get_ylabel().replace("\n", " "))
    assert axes == [
        "sentence retrieval, P@1, among 200", "sentence retrieval, P@1, among 1,000",
    ]  # fmt: skip


def test_labels_of_other_metrics_and_rows_are_as_they_were():
    known = table.with_candidates(rows(las=0.5, retrieval_p1_chance=0.1))
    assert axis("las", known) == axis("las") == "parsing, LAS"
    assert axis("retrieval_p1") == "sentence retrieval, P@1"
    empty = table.with_candidates(known.iloc[:0])
    assert list(empty.columns) == list(known.columns) and table.among_in_words(empty) == ""


def test_in_words():
    known = rows(retrieval_p1=0.1, retrieval_p1_chance=0.001, translation_p1=0.2,
                 translation_p1_chance=0.01)  # fmt: skip
    assert table.among_in_words(known) == (
        "sentence retrieval among 1,000, word translation chance 1 in 100"
    )
    assert table.among_in_words(known, ["retrieval_p1"]) == "sentence retrieval among 1,000"
    assert table.among_in_words(known, ["las"]) == ""


def test_what_chapters_show_says_it():
    rows = Experiment("alignment", "laptop").rows("monolingual", "e5", at="reference")
    table = summary(rows, "retrieval_p1", index="condition", columns="layer")
    assert "among 1,000" in table.attrs["note"]
    assert "among" not in summary(rows, "cka").attrs["note"]


def test_the_ledger_says_it_where_a_rule_reads_such_a_score():
    found = {each.claim.id: each for each in claims.judged()}
    place = found["1.10"].deciding
    assert place.candidates.startswith("sentence retrieval among ")
    assert outcomes.place_text(place).endswith(f"; {place.candidates}")
    assert not any(place.candidates for place in found["7.1"].places)
