"""Figures of effects: what they draw is what the tables say."""

import matplotlib
import numpy as np
import pandas as pd
import pytest

from isomorph import figures
from isomorph.figures.display import provenance_note

NAN = float("nan")
EFFECTS = pd.DataFrame(
    [
        ("Anchors", "none", "worlds", "las", -1.0, -2.0, 0.5, -0.8),
        ("Anchors", "none", "real text", "las", -3.0, NAN, NAN, -0.8),
        ("Sharing", "embeddings", "worlds", "las", -5.0, -6.0, -4.0, NAN),
        ("Anchors", "extra", "worlds", "las", NAN, NAN, NAN, 2.0),
        ("Sharing", "embeddings", "worlds", "ner_f1", -40.0, -44.0, -30.0, NAN),
    ],
    columns=["heading", "label", "source", "metric", "value", "low", "high", "paper"],
)


def scatters(axis):
    """The marks of an axis, by their label in the legend."""
    return {c.get_label(): c for c in axis.collections if not c.get_label().startswith("_")}


def spans(axis):
    """The intervals on an axis, from left to right ends."""
    lines = [c for c in axis.collections if hasattr(c, "get_segments")]
    return sorted(segment[:, 0].tolist() for c in lines for segment in c.get_segments())


def test_a_forest_groups_its_lines_under_headings():
    axis = figures.forest(EFFECTS).axes[0]
    labels = axis.get_yticklabels()
    assert [text.get_text() for text in labels] == [
        "Anchors", "none", "extra", "Sharing", "embeddings",
    ]  # fmt: skip
    bold = [text.get_text() for text in labels if text.get_fontweight() == "bold"]
    assert bold == ["Anchors", "Sharing"]
    assert axis.get_ylim() == (4.5, -0.5)


def test_a_forest_draws_each_effect_on_its_line_with_its_interval():
    las, ner = figures.forest(EFFECTS).axes
    marks = scatters(las)
    x, y = marks["worlds"].get_offsets().T
    assert x.tolist() == [-1, -5]
    assert np.round(y).tolist() == [1, 4]
    assert spans(las) == [[-6, -4], [-2, 0.5]]
    assert spans(ner) == [[-44, -30]]
    assert las.get_title() == "parsing, LAS"


def test_panels_stand_below_each_other_each_with_its_own_scale_and_labels():
    figure = figures.forest(EFFECTS)
    figure.draw_without_rendering()
    las, ner = figure.axes
    assert las.get_position().y0 > ner.get_position().y1
    assert ner.get_xlim()[0] < -44 < -10 < las.get_xlim()[0]
    assert all(len(axis.get_yticklabels()) == 5 for axis in (las, ner))
    assert all(text.get_visible() for text in ner.get_yticklabels())


def test_a_forest_has_a_line_at_no_effect():
    for axis in figures.forest(EFFECTS).axes:
        assert [set(line.get_xdata()) for line in axis.lines] == [{0}]


def test_an_effect_without_an_interval_is_hollow():
    marks = scatters(figures.forest(EFFECTS).axes[0])
    (hollow,) = [label for label in marks if "no interval" in label]
    assert hollow.startswith("real text")
    assert marks[hollow].get_offsets().tolist()[0][0] == -3
    assert marks[hollow].get_facecolor()[0].tolist() == [1, 1, 1, 1]
    assert marks["worlds"].get_facecolor()[0].tolist() != [1, 1, 1, 1]


def test_the_paper_s_effect_is_a_cross_drawn_once_a_line():
    las, ner = figures.forest(EFFECTS, paper_name="Conneau et al.").axes
    cross = scatters(las)["Conneau et al."]
    # One for "none", which has two sources, and one for "extra", which we have not measured.
    assert cross.get_offsets()[:, 0].tolist() == [-0.8, 2.0]
    assert np.round(cross.get_offsets()[:, 1]).tolist() == [1, 2]
    assert len(scatters(ner)["Conneau et al."].get_offsets()) == 0


def test_marks_of_one_line_do_not_cover_each_other_and_differ_in_shape():
    marks = scatters(figures.forest(EFFECTS).axes[0]).values()
    heights = [next(up for _, up in m.get_offsets() if round(up) == 1) for m in marks]
    assert len(set(heights)) == 3
    assert len({m.get_paths()[0].vertices.tobytes() for m in marks}) == 3


def test_the_legend_names_every_mark_once():
    (legend,) = figures.forest(EFFECTS).legends
    names = [text.get_text() for text in legend.get_texts()]
    assert names == ["worlds", "real text: hollow, no interval over seeds", "the paper"]


def test_a_plain_table_is_enough_for_a_forest():
    table = pd.DataFrame({"label": ["x"], "value": [1.0], "low": [0.0], "high": [2.0]})
    (axis,) = figures.forest(table).axes
    assert list(scatters(axis)) == ["ours, 95% interval"]
    assert [text.get_text() for text in axis.get_yticklabels()] == ["x"]


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (EFFECTS.drop(columns="low"), "lack the column 'low'"),
        (EFFECTS.assign(low=0.0), r"the interval \[0.0, 0.5\] of 'none' does not hold"),
        (pd.concat([EFFECTS, EFFECTS.iloc[:1]]), "'none' stands twice with source 'worlds'"),
        (EFFECTS.assign(paper=[-0.8, -0.9, NAN, 2, NAN]), "the paper has two numbers for 'none'"),
    ],
)
def test_a_table_that_cannot_be_drawn_is_refused(table, told):
    with pytest.raises(ValueError, match=told):
        figures.forest(table)


def test_many_lines_get_the_room_they_need():
    def drawn(count):
        table = pd.DataFrame({"label": range(count), "value": 0.0, "low": -1.0, "high": 1.0})
        return figures.forest(table)

    few, many = drawn(5).get_figheight(), drawn(25).get_figheight()
    assert (many - few) / 20 > 0.2  # inches a line


def test_the_theme_is_left_behind():
    before = dict(matplotlib.rcParams)
    figures.forest(EFFECTS)
    assert dict(matplotlib.rcParams) == before


def test_the_origin_of_rows_is_told_without_marks():
    table = pd.DataFrame({"provenance": ["live", "recorded", "recorded"]})
    assert provenance_note(table, marks=False) == (
        "Rows: 1 run live in this execution, 2 recorded earlier by the same configs."
    )
    assert "(hollow)" in provenance_note(table)
