"""Figures: what they show, and what a reader who does not see them is told."""

import base64
import re

import matplotlib
import numpy as np
import pandas as pd
import pytest
from seaborn.utils import relative_luminance

from isomorph import figures
from isomorph.figures.display import TABLE_ROWS, figure_html, table_figure, table_html

NAN = float("nan")

ROWS = pd.DataFrame(
    {
        "metric": ["loss"] * 8,
        "line": ["a"] * 4 + ["b"] * 4,
        "layer": [1, 1, 2, 2] * 2,
        "seed": [0, 1] * 4,
        "value": [3.0, 5.0, 1.0, 3.0, 6.0, 6.0, 6.0, 6.0],
        "provenance": ["live", "recorded"] * 4,
    }
)


def test_lines_over_layers_are_means_and_differ_in_more_than_colour():
    axis = figures.layer_lines(ROWS, "loss").axes[0]
    lines = {line.get_label(): line for line in axis.lines}
    assert lines["a"].get_xydata().tolist() == [[1, 4], [2, 2]]
    assert lines["b"].get_ydata().tolist() == [6, 6]
    assert axis.get_ylabel() == "masked LM loss (nats)"
    assert len({line.get_linestyle() for line in axis.lines}) == 2


def test_a_legend_covers_neither_lines_nor_the_longest_name():
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    named = {"metric": "translation_contextual_p1", "line": ROWS["line"] + " and more"}
    figure = figures.layer_lines(ROWS.assign(**named), "translation_contextual_p1")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    legend, axis = figure.legends[0].get_window_extent(), figure.axes[0]
    assert not legend.overlaps(axis.get_window_extent())
    assert not legend.overlaps(axis.yaxis.label.get_window_extent())
    assert figure.bbox.containsx(axis.yaxis.label.get_window_extent().x0)


def test_a_missing_metric_or_column_is_named():
    with pytest.raises(ValueError, match=r"metric is 'accuracy', but the rows hold \['loss'\]"):
        figures.layer_lines(ROWS, "accuracy")
    with pytest.raises(ValueError, match="lack the column 'layer'"):
        figures.layer_lines(ROWS.drop(columns="layer"), "loss")
    with pytest.raises(ValueError, match="count is 9"):
        figures.palette(9)


def contrast(text, axis):
    """Of a number and its shade: the lighter luminance over the darker one."""
    shade = axis.collections[0].cmap(float(text.get_text()))
    both = [relative_luminance(colour) + 0.05 for colour in (text.get_color(), shade)]
    return max(both) / min(both)


def test_a_grid_a_table_has_the_embeddings_below():
    tables = {"one": pd.DataFrame([[0.9, 0.2], [0.3, 0.5]]), "two": pd.DataFrame([[1.0]])}
    first, second, *_ = figures.layer_grid(tables, "CKA").axes
    assert [text.get_text() for text in first.texts] == ["0.90", "0.20", "0.30", "0.50"]
    assert all(contrast(text, first) >= 4.5 for text in first.texts)
    assert first.get_ylim() == (0, 2) and (first.get_title(), second.get_title()) == ("one", "two")
    for nothing in ({}, {"a": pd.DataFrame()}):
        with pytest.raises(ValueError, match="a table is empty"):
            figures.layer_grid(nothing, "CKA")


def test_the_theme_is_left_behind():
    before = dict(matplotlib.rcParams)
    figures.layer_lines(ROWS, "loss")
    figures.forest(EFFECTS)
    assert dict(matplotlib.rcParams) == before


def test_a_shown_figure_carries_its_words_and_its_data():
    figure = figures.layer_lines(ROWS, "loss")
    text = figure_html(figure, "Loss < 7.", 'Both "lines" fall.', ROWS)
    assert 'alt="Both &quot;lines&quot; fall."' in text
    assert "Loss &lt; 7." in text
    assert "Points: 4 run live in this execution, 4 recorded earlier and shipped." in text
    assert "<details>" in text
    assert "<td>recorded</td>" in text
    picture = re.search(r"base64,([^\"]+)", text).group(1)
    assert b"<svg" in base64.b64decode(picture)


def test_the_same_figure_gives_the_same_bytes():
    first, second = (figure_html(figures.layer_lines(ROWS, "loss"), "c", "a") for _ in range(2))
    assert first == second


def test_words_are_demanded():
    figure = figures.layer_lines(ROWS, "loss")
    with pytest.raises(ValueError, match="alt is empty"):
        figures.show(figure, caption="A caption.", alt=" ")
    with pytest.raises(ValueError, match="caption is empty"):
        figures.show(figure, caption="", alt="A description.")


def test_a_long_table_is_cut_and_says_so():
    table = pd.DataFrame({"value": range(TABLE_ROWS + 5)})
    text = table_html(table)
    assert f"the first {TABLE_ROWS} of {TABLE_ROWS + 5} rows" in text
    assert text.count("<td>") == TABLE_ROWS


def test_a_table_has_a_name_and_a_plain_form(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda bundle, raw: shown.append(bundle))
    table = pd.DataFrame({"word": ["a<b"], "right": ["no"]})
    figures.show_table(table, name="Words & more")
    assert 'aria-label="Words &amp; more"' in shown[0]["text/html"]
    assert "a&lt;b" in shown[0]["text/html"] and 'class="dataframe"' in shown[0]["text/html"]
    assert "a<b" in shown[0]["text/plain"]
    with pytest.raises(ValueError, match="name is empty"):
        figures.show_table(table, name=" ")


def test_a_table_has_a_caption_and_an_index_only_where_it_has_a_name(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda bundle, raw: shown.append(bundle))
    table = pd.DataFrame({"a": [1]}, index=pd.Index(["x"], name="layer"))
    figures.show_table(table, "Scores <all>")
    figures.show_table(table.reset_index(drop=True), "Scores <all>")
    named, counted = (bundle["text/html"] for bundle in shown)
    assert ">Scores &lt;all&gt;</figcaption>" in named and ">layer</th>" in named
    assert "<th></th>" not in named + counted and ">layer" not in counted
    assert shown[1]["text/plain"].startswith("Scores <all>\n")


OURS = "ours, 95% interval"
EFFECTS = pd.DataFrame(
    [
        ("Anchors", "none", "las", -1.0, -2.0, 0.5, -0.8),
        ("Anchors", "few", "las", -3.0, NAN, NAN, NAN),
        ("Sharing", "embeddings", "las", -5.0, -6.0, -4.0, NAN),
        ("Anchors", "extra", "las", NAN, NAN, NAN, 2.0),
        ("Sharing", "embeddings", "ner_f1", -40.0, -44.0, -30.0, NAN),
    ],
    columns=["heading", "label", "metric", "value", "low", "high", "paper"],
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
        "Anchors", "none", "few", "extra", "Sharing", "embeddings",
    ]  # fmt: skip
    bold = [text.get_text() for text in labels if text.get_fontweight() == "bold"]
    assert bold == ["Anchors", "Sharing"]
    assert axis.get_ylim() == (5.5, -0.5)


def test_a_forest_draws_each_effect_on_its_line_with_its_interval():
    las, ner = figures.forest(EFFECTS).axes
    marks = scatters(las)
    x, y = marks[OURS].get_offsets().T
    assert x.tolist() == [-1, -5]
    assert np.round(y).tolist() == [1, 5]
    assert spans(las) == [[-6, -4], [-2, 0.5]]
    assert spans(ner) == [[-44, -30]]
    assert las.get_title() == "parsing, LAS"


def test_panels_stand_below_each_other_each_with_its_own_scale_and_labels():
    figure = figures.forest(EFFECTS)
    figure.draw_without_rendering()
    las, ner = figure.axes
    assert las.get_position().y0 > ner.get_position().y1
    assert ner.get_xlim()[0] < -44 < -10 < las.get_xlim()[0]
    assert all(len(axis.get_yticklabels()) == 6 for axis in (las, ner))
    assert all(text.get_visible() for text in ner.get_yticklabels())


def test_a_forest_has_a_line_at_no_effect():
    for axis in figures.forest(EFFECTS).axes:
        assert [set(line.get_xdata()) for line in axis.lines] == [{0}]


def test_an_effect_without_an_interval_is_hollow():
    marks = scatters(figures.forest(EFFECTS).axes[0])
    (hollow,) = [label for label in marks if "no interval" in label]
    assert hollow.startswith(OURS)
    assert marks[hollow].get_offsets().tolist()[0][0] == -3
    assert marks[hollow].get_facecolor()[0].tolist() == [1, 1, 1, 1]
    assert marks[OURS].get_facecolor()[0].tolist() != [1, 1, 1, 1]


def test_the_paper_s_effect_is_a_cross_drawn_once_a_line():
    las, ner = figures.forest(EFFECTS).axes
    cross = scatters(las)["the paper"]
    # One for "none", and one for "extra", which we have not measured.
    assert cross.get_offsets()[:, 0].tolist() == [-0.8, 2.0]
    assert np.round(cross.get_offsets()[:, 1]).tolist() == [1, 3]
    assert len(scatters(ner)["the paper"].get_offsets()) == 0


def test_marks_of_one_line_do_not_cover_each_other_and_differ_in_shape():
    marks = scatters(figures.forest(EFFECTS).axes[0]).values()
    ours, _, paper = marks
    heights = [next(up for _, up in m.get_offsets() if round(up) == 1) for m in (ours, paper)]
    assert len(set(heights)) == 2
    assert len({m.get_paths()[0].vertices.tobytes() for m in (ours, paper)}) == 2


def test_the_legend_names_every_mark_once():
    (legend,) = figures.forest(EFFECTS).legends
    names = [text.get_text() for text in legend.get_texts()]
    assert names == [OURS, f"{OURS}: hollow, no interval over seeds", "the paper"]


def test_a_plain_table_is_enough_for_a_forest():
    table = pd.DataFrame({"label": ["x"], "value": [1.0], "low": [0.0], "high": [2.0]})
    (axis,) = figures.forest(table).axes
    assert list(scatters(axis)) == [OURS]
    assert [text.get_text() for text in axis.get_yticklabels()] == ["x"]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (EFFECTS.drop(columns="low"), "lack the column 'low'"),
        (EFFECTS.assign(low=0.0), r"the interval \[0.0, 0.5\] of 'none' does not hold"),
        (pd.concat([EFFECTS, EFFECTS.iloc[:1]]), "'none' stands twice under 'las'"),
    ],
)
def test_a_table_that_cannot_be_drawn_is_refused(table, message):
    with pytest.raises(ValueError, match=message):
        figures.forest(table)


def test_many_lines_get_the_room_they_need():
    def drawn(count):
        table = pd.DataFrame({"label": range(count), "value": 0.0, "low": -1.0, "high": 1.0})
        return figures.forest(table)

    few, many = drawn(5).get_figheight(), drawn(25).get_figheight()
    assert (many - few) / 20 > 0.2  # inches a line


@pytest.mark.parametrize("columns", ["task", ["task", "at"]])
def test_the_name_of_the_columns_is_no_column(columns):
    rows = pd.DataFrame({"seed": [0, 1], "task": ["las", "las"], "at": ["a", "a"], "value": [1, 2]})
    shown = table_figure(rows.pivot(index="seed", columns=columns, values="value"), "Scores")
    assert "task" not in shown and "las" in shown
    assert shown.count("<td>") == 4 and "text-align: right" not in shown
