"""Trees as probes see them: drawn, and listed edge by edge."""

import pandas as pd
import pytest

from isomorph.findings import probed_trees


@pytest.fixture
def seen():
    gold, other = {(0, 1), (1, 2), (1, 3)}, {(0, 1), (1, 2), (2, 3)}
    guessed = {"before tuning": gold, "after inference": other}
    return probed_trees.Structure(pd.DataFrame(), ("a", "b", "c", "d"), gold, guessed, 6)


def test_trees_are_drawn_with_what_is_wrong_dashed(seen):
    axes = probed_trees.tree_figure(seen).axes
    assert [len(axis.lines) for axis in axes] == [3, 3, 3]
    dashed = [[line.get_linestyle() for line in axis.lines].count("--") for axis in axes]
    assert dashed == [0, 0, 1]
    assert axes[2].get_title(loc="left") == "after inference: 2 of 3 edges"


def test_edges_are_listed_with_the_trees_they_stand_in(seen):
    table = probed_trees.edge_table(seen).set_index("words")
    assert list(table.loc["b – d"]) == ["yes", "yes", "–"]
    assert list(table.loc["c – d"]) == ["–", "–", "yes"]
