"""Grids of layers to switch between: every value there, readable ink, no script."""

import re

import pandas as pd
import pytest

from isomorph.figures.grids import _shade, grids_html

WORDS = {"rows": "layer of en", "columns": "layer of fr", "provenance": "Made here."}


def table(values):
    return pd.DataFrame(values, index=pd.Index(range(len(values)), name="layer"))


def test_each_grid_is_a_choice_and_the_first_is_chosen():
    tables = {"two <models>": table([[0.91, 0.2], [0.3, 0.55]]), "one": table([[1.0, -0.05]])}
    made = grids_html(tables, caption="CKA, layer by layer.", **WORDS)
    assert made.count('type="radio"') == 2 and made.count(" checked>") == 1
    labels = re.findall(r'<label for="(g\w+-\d)">(.*?)</label>', made)
    assert [name for _, name in labels] == ["two &lt;models&gt;", "one"]
    for own, _ in labels:
        assert f'id="{own}"' in made and f"#{own}:checked ~ .{own}" in made
    assert "<script" not in made and "http" not in made
    assert "layer of en 1, layer of fr 0: 0.300" in made and ">-0.05</td>" in made
    assert made.index(">0.30</td>") < made.index(">0.91</td>"), "the embeddings are at the bottom"
    assert grids_html(tables, caption="CKA, layer by layer.", **WORDS) == made


@pytest.mark.parametrize("value", [-1, 0, 0.25, 0.5, 0.62, 0.75, 1, 2])
def test_ink_stands_out_from_its_shade(value):
    shade, ink = _shade(value)
    channels = [int(shade[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
    other = 1.0 if ink == "#ffffff" else 0.0
    bright, dark = max(luminance, other), min(luminance, other)
    assert (bright + 0.05) / (dark + 0.05) >= 4.5


def test_nothing_to_show_is_refused():
    for tables, caption in (({}, "x"), ({"a": table([])}, "x"), ({"a": table([[1.0]])}, " ")):
        with pytest.raises(ValueError, match="needs a caption, and a table"):
            grids_html(tables, caption=caption, **WORDS)
    assert "–" in grids_html({"a": table([[float("nan"), 1.0]])}, caption="x", **WORDS)
