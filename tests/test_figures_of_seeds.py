"""Figures of seeds: a dial, and every run."""

import pandas as pd
import pytest
from scipy import stats

from isomorph.figures import along_a_dial, every_run


def dialled():
    """Two seeds at three places of a dial, and a floor."""
    return pd.DataFrame(
        {
            "metric": "las", "x": [0.0, 0.5, 1.0] * 2, "seed": [0] * 3 + [1] * 3,
            "value": [0.1, 0.2, 0.3, 0.3, 0.2, 0.5], "condition": ["a", "b", "c"] * 2,
        }
    )  # fmt: skip


def test_a_dial_has_a_line_a_seed_and_the_interval_of_their_mean():
    figure, table = along_a_dial(dialled(), {"las": "parsing"}, levels={"las": 0.05})
    assert len(figure.axes[0].lines) == 2 + 1 + 1  # seeds, mean, level
    assert table["mean"].tolist() == pytest.approx([20, 20, 40])
    half = stats.t.ppf(0.975, 1) * 10  # two values 20 apart have a standard error of 10
    assert table["high"].tolist() == pytest.approx([20 + half, 20, 40 + half])
    with pytest.raises(ValueError, match="the rows lack the column 'x'"):
        along_a_dial(dialled().drop(columns="x"), {"las": "parsing"})


def test_every_run_is_a_dot_and_a_condition_without_runs_no_line():
    rows = dialled().assign(metric="score")
    floor = rows.assign(metric="floor", value=0.25)
    names = {"a": "first", "z": "nobody ran it", "b": "second"}
    places = {"here": pd.concat([rows, floor]), "nowhere": rows.iloc[:0]}
    here, nowhere = every_run(places, names).axes
    assert [label.get_text() for label in here.get_yticklabels()] == ["first", "second"]
    assert here.lines[0].get_xdata().tolist() == [10, 30] and here.lines[1].get_xdata()[0] == 20
    assert not nowhere.lines
    assert (
        every_run({"here": places["here"]}, names, level="floor").axes[0].lines[-1].get_xdata()[0]
        == 25
    )
