"""Geometry of words and states: planted shapes are told, parts are fair, and bad input is named."""

import math
from itertools import pairwise

import pytest
import torch

from isomorph.measure.degeneration import hull, of_states
from isomorph.measure.isotropy import nearest_distances, of_group, of_words
from tests.measure.clouds import gaussian


def ranked(n=1000, width=8):
    """Vectors whose length grows with the rank, and which crowd on one side the more."""
    ranks = torch.arange(n, dtype=torch.float64)[:, None] / n
    return (gaussian(n, width, 0) + 4 * ranks) * (1 + ranks)


def test_a_trend_with_frequency_is_seen():
    found = of_words(ranked())
    assert found["rank_norm_spearman"] > 0.9 and found["rank_cosine_spearman"] > 0.6
    assert found["norm_0"] < found["norm_1"] < found["norm_2"] and "norm_3" not in found
    backwards = of_words(ranked().flip(0))
    assert backwards["rank_norm_spearman"] == pytest.approx(-found["rank_norm_spearman"])
    assert backwards["average_cosine"] == pytest.approx(found["average_cosine"])


def test_a_ball_has_no_cone_and_moved_away_it_has():
    ball = gaussian(800, 16, 1)
    here, away = of_words(ball), of_words(ball + 3)
    assert abs(here["average_cosine"]) < 0.01 and 0.45 < here["positive_cosine_share"] < 0.55
    assert away["positive_cosine_share"] == 1 and away["negative_cosine_share"] == 0
    assert away["mean_vector_share"] > 0.9 and here["mean_vector_share"] < 0.1
    assert away["isoscore"] == pytest.approx(here["isoscore"]) and here["isoscore"] > 0.9


def test_bins_are_those_of_the_table():
    vectors = ranked(700)
    found = of_words(vectors)
    distances = torch.cdist(vectors, vectors).fill_diagonal_(torch.inf).sort(1).values[:, :3]
    cosines = torch.cosine_similarity(vectors[:, None], vectors[None], dim=-1).fill_diagonal_(0)
    for place, (start, end) in enumerate(pairwise([0, 100, 500, 700])):
        assert found[f"norm_{place}"] == pytest.approx(float(vectors[start:end].norm(dim=1).mean()))
        assert found[f"cosine_{place}"] == pytest.approx(
            float(cosines[start:end].sum(1).mean() / 699)
        )
        assert found[f"distance_{place}"] == pytest.approx(float(distances[start:end].mean()))
    assert "norm_3" not in found


def test_parts_are_samples_and_neighbours_are_among_all():
    vectors = ranked(1000)
    parts = [of_words(vectors, part=(k, 5)) for k in range(5)]
    whole = of_words(vectors)
    mean = sum(part["norm"] for part in parts) / 5
    assert mean == pytest.approx(whole["norm"])
    assert len({part["norm"] for part in parts}) == 5
    # Among a fifth of the words the nearest would be further away.
    near = sum(part["distance_2"] for part in parts) / 5
    alone = sum(of_words(vectors[k::5])["distance_1"] for k in range(5)) / 5
    assert near == pytest.approx(whole["distance_2"], rel=0.01) and alone > 1.1 * near


def test_distances_of_named_rows():
    vectors = gaussian(30, 4, 2)
    table = torch.cdist(vectors, vectors).fill_diagonal_(torch.inf).sort(1).values
    rows = torch.tensor([0, 7, 29])
    torch.testing.assert_close(nearest_distances(vectors, rows, 2), table[rows, :2])


def test_a_group_against_all_its_pairs():
    vectors = gaussian(40, 5, 3) + 1
    found = of_group(vectors)
    pairs = [(vectors[i] - vectors[j]).norm() for i in range(40) for j in range(i)]
    assert found["pair_distance"] == pytest.approx(float(sum(pairs) / len(pairs)))
    scaled = of_group(3 * vectors)
    assert scaled["pair_distance"] == pytest.approx(3 * found["pair_distance"])
    assert scaled["pair_distance_scaled"] == pytest.approx(found["pair_distance_scaled"])


def test_states_of_a_layer_normalisation():
    gain, offset = gaussian(1, 6, 4)[0].abs() + 0.5, gaussian(1, 6, 5)[0]
    raw = gaussian(500, 6, 6)
    states = torch.nn.functional.layer_norm(raw, (6,), gain, offset)
    absent = -(1 / gain)[None] * torch.sign((offset / gain).sum())
    found = of_states(states, absent, gain=gain, offset=offset)
    assert found["negative_product_share"] == 1 and found["origin_outside"] == 1
    assert found["absent_negative_share"] == 1
    assert found["absent_direction_cosine"] == pytest.approx(1)
    assert found["offset_size"] == pytest.approx(abs(float((offset / gain).sum())))
    widest = hull(states, widest=True).margin(states) / float(states.norm(dim=1).mean())
    assert found["hull_margin"] == pytest.approx(widest)


def test_states_all_round_the_origin():
    found = of_states(gaussian(500, 4, 7), torch.ones(1, 4))
    assert found["origin_outside"] == 0 and found["hull_margin"] == 0
    assert "offset_size" not in found and 0.3 < found["absent_negative_share"] < 0.7


def test_bad_requests_are_one_sentence():
    with pytest.raises(ValueError, match="needs? 25|hold 25"):
        of_words(gaussian(20, 4, 0))
    with pytest.raises(ValueError, match=r"part is \(5, 5\)"):
        of_words(gaussian(200, 4, 0), part=(5, 5))
    with pytest.raises(ValueError, match="a pair needs two"):
        of_group(torch.ones(1, 3))
    with pytest.raises(ValueError, match="neighbours is 9"):
        nearest_distances(gaussian(9, 3, 0), torch.tensor([0]), 9)
    assert math.isnan(of_words(torch.ones(30, 4) + 0 * gaussian(30, 4, 0))["rank_norm_spearman"])
