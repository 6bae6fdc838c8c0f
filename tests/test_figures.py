"""Figures: what they show, and what a reader who does not see them is told."""

import base64
import re

import matplotlib
import numpy as np
import pandas as pd
import pytest

from isomorph import figures
from isomorph.figures.display import TABLE_ROWS, figure_html, provenance_note, table_html

ROWS = pd.DataFrame(
    {
        "metric": ["loss"] * 8,
        "condition": ["a"] * 4 + ["b"] * 4,
        "tokens": [1, 1, 2, 2] * 2,
        "seed": [0, 1] * 4,
        "value": [3.0, 5.0, 1.0, 3.0, 6.0, 6.0, 6.0, 6.0],
        "provenance": ["live", "recorded"] * 4,
    }
)


def test_a_learning_curve_is_the_mean_over_seeds():
    axis = figures.learning_curve(ROWS, metric="loss", chance=9.0).axes[0]
    lines = {line.get_label(): line for line in axis.lines}
    assert lines["a"].get_xydata().tolist() == [[1, 4], [2, 2]]
    assert lines["b"].get_ydata().tolist() == [6, 6]
    assert set(lines["chance"].get_ydata()) == {9.0}
    assert axis.get_ylabel() == "masked LM loss (nats)"


def test_a_legend_covers_neither_lines_nor_the_longest_name():
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    named = {"metric": "translation_contextual_p1", "condition": ROWS["condition"] + " and more"}
    figure = figures.learning_curve(ROWS.assign(**named), metric="translation_contextual_p1")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    legend, axis = figure.legends[0].get_window_extent(), figure.axes[0]
    assert not legend.overlaps(axis.get_window_extent())
    assert not legend.overlaps(axis.yaxis.label.get_window_extent())
    assert figure.bbox.containsx(axis.yaxis.label.get_window_extent().x0)


def test_recorded_points_are_hollow_and_live_ones_filled():
    axis = figures.learning_curve(ROWS, metric="loss").axes[0]
    live, recorded = axis.collections[:2]
    assert recorded.get_facecolor()[0].tolist() == [1, 1, 1, 1]
    assert live.get_facecolor()[0].tolist() == live.get_edgecolor()[0].tolist()
    assert live.get_offsets()[:, 1].tolist() == [3.0, 1.0]


def test_groups_differ_in_more_than_colour():
    axis = figures.learning_curve(ROWS, metric="loss").axes[0]
    assert len({line.get_linestyle() for line in axis.lines}) == 2


def test_a_missing_metric_or_column_is_named():
    with pytest.raises(ValueError, match=r"metric is 'accuracy', but the rows hold \['loss'\]"):
        figures.learning_curve(ROWS, metric="accuracy")
    with pytest.raises(ValueError, match="lack the column 'tokens'"):
        figures.learning_curve(ROWS.drop(columns="tokens"), metric="loss")
    with pytest.raises(ValueError, match="count is 9"):
        figures.palette(9)


def test_a_lexicon_scatter_joins_translations():
    points = np.arange(8.0).reshape(4, 2)
    figure = figures.lexicon_scatter(points, ["a", "a", "b", "b"], pairs=[(0, 2), (1, 3)])
    axis = figure.axes[0]
    assert [len(c.get_offsets()) for c in axis.collections] == [2, 2]
    assert axis.lines[0].get_xydata().tolist() == [[0, 1], [4, 5]]
    with pytest.raises(ValueError, match=r"points have shape \(4, 2\) for 1 languages"):
        figures.lexicon_scatter(points, ["a"])


def test_the_theme_is_left_behind():
    before = dict(matplotlib.rcParams)
    figures.learning_curve(ROWS, metric="loss")
    assert dict(matplotlib.rcParams) == before


def test_a_shown_figure_carries_its_words_and_its_data():
    figure = figures.learning_curve(ROWS, metric="loss")
    text = figure_html(figure, "Loss < 7.", 'Both "lines" fall.', ROWS, provenance_note(ROWS))
    assert 'alt="Both &quot;lines&quot; fall."' in text
    assert "Loss &lt; 7." in text
    assert "4 run live in this execution (filled), 4 recorded earlier" in text
    assert "<details>" in text
    assert "<td>recorded</td>" in text
    picture = re.search(r"base64,([^\"]+)", text).group(1)
    assert b"<svg" in base64.b64decode(picture)


def test_the_same_figure_gives_the_same_bytes():
    first, second = (
        figure_html(figures.learning_curve(ROWS, metric="loss"), "c", "a", None, "")
        for _ in range(2)
    )
    assert first == second


def test_words_are_demanded():
    figure = figures.learning_curve(ROWS, metric="loss")
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
