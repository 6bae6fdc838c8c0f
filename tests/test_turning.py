"""The slider: every position there, text made safe, and lengths that have to fit."""

import json
import re

import numpy as np
import pytest

from isomorph.figures.turning import turning_html

WORDS = {"labels": ("words of a", "words of b"), "caption": "Words turn.", "alt": "Two clouds."}


def made(**changes):
    named = {
        "frames": np.array([[[0.0, 0], [1, 1]], [[1, 0], [0, 1]]]), "still": np.array([[0.5, 0.5]]),
        "names": ["a<b", "</script>"], "still_names": ["x"], "nearest": [["x", "x"], ["x", "&x"]],
    }  # fmt: skip
    return turning_html(**(named | WORDS | changes))


def test_positions_and_neighbours_are_there_and_nothing_is_loaded():
    page = made(told=["first", "last"])
    assert page.count("<circle") == 2 and page.count("<rect") == 1
    data = json.loads(re.search(r"data = (\{.*?\});", page).group(1).replace("<\\/", "</"))
    assert data["at"][0] != data["at"][1] and data["near"][1] == ["x", "&x"]
    assert data["names"] == ["a<b", "</script>"]
    assert page.count("</script>") == 1, "a name must not end the script"
    assert "a&lt;b: nearest x" in page and "http" not in page
    assert 'type="range"' in page and 'max="1"' in page and "<label for=" in page
    assert made(told=["first", "last"]) == page


def test_a_line_joins_a_moving_point_to_its_partner():
    page = made(pairs=[(1, 0)])
    (line,) = re.findall("<line [^>]*>", page)
    ends = {end: float(at) for end, at in re.findall(r'([xy][12])="([^"]+)"', line)}
    assert ends["x1"] > ends["x2"] and ends["y1"] > ends["y2"], "from (1, 1) to (0.5, 0.5)"
    assert json.loads(re.search(r'"moving": (\[.*?\])', page).group(1)) == [1]
    assert "<line" not in made()


@pytest.mark.parametrize(
    "changes",
    [
        {"names": ["one"]},
        {"still_names": []},
        {"nearest": [["x", "x"]]},
        {"nearest": [["x"], ["x"]]},
        {"told": ["only one"]},
        {"pairs": [(0, 1)]},
        {"caption": " "},
        {"alt": ""},
    ],
)
def test_what_does_not_fit_is_refused(changes):
    with pytest.raises(ValueError, match=r"they must be \(steps, names, 2\)"):
        made(**changes)
