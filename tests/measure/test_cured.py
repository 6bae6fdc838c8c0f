"""What cures are scored by: folds do not meet, scores against slow ones, every cure by name."""

import math

import pytest
import torch

from isomorph.measure.correlation import edit_distances, folds, matching_auc, pearson, spearman
from isomorph.measure.cures import CURES
from isomorph.measure.isotropy import cone
from isomorph.measure.numerics import cosines
from tests.measure.clouds import gaussian


def test_folds_part_the_items():
    rows = [row for own in folds(23) for row in range(23)[own]]
    assert sorted(rows) == list(range(23))


@pytest.mark.parametrize("name", list(CURES))
def test_every_cure_takes_the_cone_away_or_leaves_it(name):
    vectors = gaussian(300, 12, 0) * torch.linspace(0.5, 3, 12) + 4
    fitted = CURES[name](vectors)
    cured = fitted(vectors)
    before, after = cone(vectors), cone(cured)
    assert cured.dtype == torch.float64 and len(cured) == 300 and cured.isfinite().all()
    assert before["average_cosine"] > 0.6
    if name == "original":
        assert after == before
    else:
        assert abs(after["average_cosine"]) < 0.2
    torch.testing.assert_close(fitted(vectors[:7]), cured[:7], rtol=1e-5, atol=1e-6)


def test_a_third_of_the_directions_is_kept():
    assert CURES["whitening_third"](gaussian(100, 9, 1))(gaussian(4, 9, 2)).shape == (4, 3)


def test_cosines_row_by_row():
    found = cosines(torch.eye(3), torch.tensor([[2.0, 0, 0], [0, -1, 0], [1, 0, 0]]))
    assert found.tolist() == pytest.approx([1, -1, 0])


def test_correlations_and_what_does_not_vary():
    assert spearman([1, 2, 3, 4], [1, 4, 9, 16]) == pytest.approx(1)
    assert pearson([1, 2, 3, 4], [1, 4, 9, 16]) < 1
    assert math.isnan(spearman([1, 1, 1], [1, 2, 3])) and math.isnan(pearson([1.0, 2], [1, 2]))


def test_matching_counts_pairs():
    scores, matches = torch.tensor([0.9, 0.2, 0.4, 0.1]), torch.tensor([1, 0, 1, 0]).bool()
    assert matching_auc(scores, matches) == 1
    slow = [a > b for a in scores[~matches] for b in scores[matches]]
    assert matching_auc(scores, ~matches) == sum(map(float, slow)) / len(slow)
    with pytest.raises(ValueError, match="all of one class"):
        matching_auc(scores, torch.ones(4).bool())


def test_edit_distance_of_known_words():
    found = edit_distances(["kitten", "Flaw", "same"], ["sitting", "lawn", "SAME"])
    assert found.tolist() == [3, 2, 0]
