"""Boxes over seeds: every run is a dot, and a box is what it says."""

import numpy as np
import pandas as pd
import pytest

from isomorph import figures
from isomorph.figures.boxes import TALL, apart


def runs(of=None, **columns):
    """A row a run: eleven of "many", from 0 to 10, and three of "few"."""
    of = of or {"many": range(11), "few": (4, 5, 6)}
    lines = [{"condition": name, "value": float(v)} for name, own in of.items() for v in own]
    return pd.DataFrame(lines).assign(provenance="recorded", **columns)


def dots(axis, up):
    """The dots of a line, from left to right: their places, and whether each is filled."""
    found = []
    for drawn in axis.collections:
        if hasattr(drawn, "get_segments"):
            continue
        white = len(drawn.get_facecolor()) and drawn.get_facecolor()[0].tolist() == [1, 1, 1, 1]
        found += [(x, not white) for x, y in drawn.get_offsets() if round(y) == up]
    return sorted(found)


def test_a_box_holds_the_middle_half_and_every_run_is_a_dot():
    (axis,) = figures.box_dots(runs()).axes
    (box,) = axis.patches
    assert (box.get_x(), box.get_x() + box.get_width()) == (2.5, 7.5)
    segments = [s for c in axis.collections if hasattr(c, "get_segments") for s in c.get_segments()]
    whiskers = sorted(s[:, 0].tolist() for s in segments if s[0, 1] == s[1, 1])
    assert whiskers == [[0, 2.5], [7.5, 10]]
    (median,) = [s[0, 0] for s in segments if s[0, 0] == s[1, 0]]
    assert median == 5
    assert [x for x, _ in dots(axis, 0)] == list(range(11))
    assert [x for x, _ in dots(axis, 1)] == [4, 5, 6], "too few for a box, and not for dots"
    assert [text.get_text() for text in axis.get_yticklabels()] == ["many", "few"]


def test_what_was_run_here_is_filled():
    table = runs({"one": (1, 2, 3)})
    table.loc[1, "provenance"] = "live"
    (axis,) = figures.box_dots(table).axes
    assert dots(axis, 0) == [(1, False), (2, True), (3, False)]
    (axis,) = figures.box_dots(table.drop(columns="provenance")).axes
    assert all(filled for _, filled in dots(axis, 0))


def test_groups_and_levels_are_named_in_the_legend():
    table = runs(group=["a"] * 11 + ["b"] * 3)
    figure = figures.box_dots(table, group="group", levels={"majority": 3.0}, quantity="las")
    (axis,), (legend,) = figure.axes, figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["a", "b", "majority"]
    assert [list(line.get_xdata()) for line in axis.lines if line.get_label() == "majority"] == [
        [3, 3]
    ]
    assert axis.get_xlabel() == "parsing, LAS"
    shapes = {
        drawn.get_paths()[0].vertices.tobytes()
        for drawn in axis.collections
        if not hasattr(drawn, "get_segments")
    }
    assert len(shapes) == 2, "groups differ in mark as well as in colour"


def test_equal_values_do_not_hide_each_other_and_stay_in_their_line():
    shift = apart(np.array([1.0, 1.0, 1.0, 5.0]), 0.1)
    assert shift[3] == 0 and len(set(shift[:3])) == 3 and shift[:3].sum() == pytest.approx(0)
    many = apart(np.ones(50), 0.0)
    assert len(set(many)) == 50 and np.abs(many).max() <= TALL + 1e-9


def test_a_condition_that_nobody_ran_has_no_line():
    table = pd.concat([runs(), pd.DataFrame({"condition": ["none"], "value": [np.nan]})])
    (axis,) = figures.box_dots(table).axes
    assert [text.get_text() for text in axis.get_yticklabels()] == ["many", "few"]


@pytest.mark.parametrize(
    ("table", "named", "told"),
    [
        (runs().drop(columns="value"), {}, "lack the column 'value'"),
        (runs(), {"group": "kind"}, "lack the column 'kind'"),
        (runs().assign(value=np.nan), {}, "no value to draw"),
        (runs(group=["a", "b"] * 7), {"group": "group"}, "'many' has runs of 2 groups"),
        (runs(), {"levels": dict.fromkeys("abcde", 1.0)}, "there are 5 levels"),
    ],
)
def test_what_cannot_be_drawn_is_refused(table, named, told):
    with pytest.raises(ValueError, match=told):
        figures.box_dots(table, **named)
