"""Figures that a reader moves: all is there, safe and reachable, and lengths have to fit."""

import json
import re

import numpy as np
import pandas as pd
import pytest
import torch

from isomorph.figures import moving
from isomorph.figures.moving import coordinates, show_space, show_turning

NAMES = ["the", "a<b", "</script>", "z", "y"]


def cloud(seed=0, away=2.0):
    return torch.randn(5, 4, generator=torch.Generator().manual_seed(seed)) + away


SHOWN = []


@pytest.fixture(autouse=True)
def shown(monkeypatch):
    monkeypatch.setattr(moving, "display_html", lambda body, text: SHOWN.append(body))


def page(**changes):
    named = {
        "clouds": {"as trained": cloud(), "cured": cloud(1, 0.0)}, "words": NAMES,
        "notes": {"as trained": "narrow", "cured": "wide"}, "caption": "Words.", "alt": "A cloud.",
        "table": pd.DataFrame({"vectors": ["cured"], "IsoScore": [0.5]}),
    }  # fmt: skip
    show_space(**(named | changes))
    return SHOWN.pop()


def test_every_cloud_and_word_is_there_and_nothing_is_loaded():
    text = page()
    data = json.loads(re.search(r"data = (\{.*?\});", text).group(1).replace("<\\/", "</"))
    assert text.count("<circle") == 5 and len(data["at"]) == 2 and len(data["at"][0]) == 5
    assert data["notes"] == ["narrow", "wide"] and text.count("<option") == 2
    assert text.count("</script>") == 1 and "a&lt;b" in text and "http" not in text
    assert "<label for=" in text and 'type="range"' in text and "@" not in text.split("<script>")[1]
    assert page() == text
    assert "<details>" in text


def test_coordinates_keep_the_origin_and_the_shape():
    vectors = torch.tensor([[3.0, 0, 0, 0], [0, 2, 0, 0], [0, 0, 1, 0]])
    at = coordinates(vectors)
    assert np.abs(at).max() == 1 and at.shape == (3, 3)
    lengths = np.linalg.norm(at, axis=1)
    np.testing.assert_allclose(lengths, [1, 2 / 3, 1 / 3], atol=2e-3)
    assert (coordinates(cloud()).mean(0) >= 0).all()
    assert coordinates(vectors[:, :2]).shape == (3, 3), "two dimensions are filled up"


@pytest.mark.parametrize(
    "changes",
    [{"words": ["one"]}, {"notes": {"as trained": "x"}}, {"clouds": {}}, {"caption": " "}],
)
def test_a_cloud_that_does_not_fit_is_refused(changes):
    with pytest.raises(ValueError, match="each needs as many vectors as words"):
        page(**changes)


WORDS = {
    "labels": ("words of a", "words of b"),
    "caption": "Words turn.",
    "alt": "Two clouds.",
    "notes": ["first", "last"],
}


def turning(**changes):
    named = {
        "frames": np.array([[[0.0, 0], [1, 1]], [[1, 0], [0, 1]]]), "still": np.array([[0.5, 0.5]]),
        "names": ["a<b", "</script>"], "still_names": ["x"], "nearest": [["x", "x"], ["x", "&x"]],
    }  # fmt: skip
    show_turning(**(named | WORDS | changes))
    return SHOWN.pop()


def test_positions_and_neighbours_are_there_and_nothing_is_loaded():
    page = turning()
    assert page.count("<circle") == 2 and page.count("<rect") == 1
    data = json.loads(re.search(r"data = (\{.*?\});", page).group(1).replace("<\\/", "</"))
    assert data["at"][0] != data["at"][1] and data["near"][1] == ["x", "&x"]
    assert data["names"] == ["a<b", "</script>"]
    assert page.count("</script>") == 1, "a name must not end the script"
    assert "a&lt;b: nearest x" in page and "http" not in page
    assert 'type="range"' in page and 'max="1"' in page and "<label for=" in page
    assert turning() == page


def test_a_line_joins_a_moving_point_to_its_partner():
    page = turning(pairs=[(1, 0)])
    (line,) = re.findall("<line [^>]*>", page)
    ends = {end: float(at) for end, at in re.findall(r'([xy][12])="([^"]+)"', line)}
    assert ends["x1"] > ends["x2"] and ends["y1"] > ends["y2"], "from (1, 1) to (0.5, 0.5)"
    assert json.loads(re.search(r'"moving": (\[.*?\])', page).group(1)) == [1]
    assert "<line" not in turning()


@pytest.mark.parametrize(
    "changes",
    [
        {"names": ["one"]},
        {"still_names": []},
        {"nearest": [["x", "x"]]},
        {"nearest": [["x"], ["x"]]},
        {"notes": ["only one"]},
        {"pairs": [(0, 1)]},
        {"caption": " "},
        {"alt": ""},
    ],
)
def test_a_turning_that_does_not_fit_is_refused(changes):
    with pytest.raises(ValueError, match=r"they must be \(steps, names, 2\)"):
        turning(**changes)
