"""The exercises on anchors: what they take as right, and what they say of mistakes."""

import pandas as pd
import pytest
from chapters.cross_lingual.checks.anchor_points import MARGIN, clears_majority, shares, word_rate

from isomorph.exercises import check
from isomorph.text.worlds import World


def rows(f1: float, majority: float) -> pd.DataFrame:
    return pd.DataFrame({"metric": ["ner_f1", "ner_f1_majority"], "value": [f1, majority]})


def test_a_prediction_is_judged_by_the_rows():
    for f1, right, wrong in ((0.5, "yes", "no"), (0.1, "no", "yes")):
        assert check("anchor_points.1", right, rows(f1, 0.2)).state == "right"
        assert check("anchor_points.1", wrong, rows(f1, 0.2)).state == "wrong"
    assert "Hand over" in check("anchor_points.1", "yes").hint
    assert not clears_majority(rows(0.2 + MARGIN - 0.01, 0.2))


def test_shares_of_anchors_by_hand():
    assert shares({"le": 3, "paris": 1}, {"the": 5, "paris": 1}) == (1 / 3, 0.2)
    assert shares({"a": 1}, {"a": 1}) == (1.0, 1.0)


def right_function(first, second):
    both = set(first) & set(second)
    tokens = sum(first[word] + second[word] for word in both)
    every = sum(first.values()) + sum(second.values())
    return len(both) / len(set(first) | set(second)), tokens / every


@pytest.mark.parametrize(
    "mistaken",
    [
        lambda first, second: right_function(first, second)[::-1],
        lambda first, second: (len(set(first) & set(second)) / len(first), 0.0),
        lambda first, second: (0.5, 0.5),
    ],
)
def test_a_function_that_counts_otherwise_is_wrong(mistaken):
    assert check("anchor_points.2", right_function).state == "right"
    assert check("anchor_points.2", mistaken).state == "wrong"


def test_the_share_of_the_lexicon_is_told_from_that_of_the_text():
    truth = word_rate(0.5)
    assert abs(truth - 0.5) > 0.05, "else the share of the lexicon would pass for an answer"
    assert check("anchor_points.3", round(truth, 3)).state == "right"
    assert "lexicon" in check("anchor_points.3", 0.5).hint
    assert "percent" in check("anchor_points.3", 100 * truth).hint
    assert check("anchor_points.3", word_rate(0.5, seed=1)).state == "wrong"


def test_words_alike_are_none_or_all_at_the_ends_of_the_dial():
    assert (word_rate(0.0), word_rate(1.0)) == (0.0, 1.0)


def test_only_the_order_may_differ():
    near = World(anchors=0.3, lexemes=64, seed=2)
    right = near.model_copy(update={"order": "verb-final"})
    assert check("anchor_points.4", right, near).state == "right"
    assert check("anchor_points.4", World(anchors=0.3, order="verb-final")).state == "right"
    for change, hint in (
        ({"order": "reversed"}, "order"),
        ({"anchors": 0.0}, "strings"),
        ({"topic_overlap": 0.5}, "Something else"),
        ({"seed": 3}, "Something else"),
    ):
        said = check("anchor_points.4", right.model_copy(update=change), near)
        assert said.state == "wrong" and hint in said.hint, said
