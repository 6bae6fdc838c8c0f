"""Figures of clouds: what is drawn, and the cloud to turn is whole, safe and reachable."""

import json
import re

import numpy as np
import pandas as pd
import pytest
import torch

from isomorph.figures.space import coordinates, space_html

NAMES = ["the", "a<b", "</script>", "z", "y"]


def cloud(seed=0, away=2.0):
    return torch.randn(5, 4, generator=torch.Generator().manual_seed(seed)) + away


def page(**changes):
    named = {
        "clouds": {"as trained": cloud(), "cured": cloud(1, 0.0)}, "words": NAMES,
        "told": {"as trained": "narrow", "cured": "wide"}, "caption": "Words.", "alt": "A cloud.",
    }  # fmt: skip
    return space_html(**(named | changes))


def test_every_cloud_and_word_is_there_and_nothing_is_loaded():
    made = page()
    data = json.loads(re.search(r"data = (\{.*?\});", made).group(1).replace("<\\/", "</"))
    assert made.count("<circle") == 5 and len(data["at"]) == 2 and len(data["at"][0]) == 5
    assert data["told"] == ["narrow", "wide"] and made.count("<option") == 2
    assert made.count("</script>") == 1 and "a&lt;b" in made and "http" not in made
    assert "<label for=" in made and 'type="range"' in made and "@" not in made.split("<script>")[1]
    assert page() == made
    table = pd.DataFrame({"vectors": ["cured"], "IsoScore": [0.5]})
    assert "<details>" in page(table=table) and "<details>" not in made


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
    [{"words": ["one"]}, {"told": {"as trained": "x"}}, {"clouds": {}}, {"caption": " "}],
)
def test_what_does_not_fit_is_refused(changes):
    with pytest.raises(ValueError, match="each needs as many vectors as words"):
        page(**changes)
