"""Which rows a prediction reads."""

import pandas as pd

from isomorph.ledger.evidence import records, select
from isomorph.ledger.schema import Selection
from tests.frames import filled


def rows():
    frame = pd.DataFrame(
        [
            ("cka", "a", "en-fr", 0), ("cka", "a", "en-fr", 4), ("cka", "b", "en-zh", 2),
            ("loss", "a", None, None), ("loss", "b", "en-zh", None),
        ],
        columns=["metric", "condition", "languages", "layer"],
    )  # fmt: skip
    return filled(frame.assign(value=0.5, seed=range(len(frame))))


def chosen(beside=None, table=None, **fields):
    table = rows() if table is None else table
    return [row.sample for row in select(records(table), Selection(**fields), beside)]


def test_a_selection_filters_by_the_fields_it_names():
    assert chosen(metric="cka") == [0, 1, 2]
    assert chosen(metric="cka", condition="a") == [0, 1]
    assert chosen(metric="cka", languages=["en-zh", "en-ru"]) == [2]
    assert chosen(metric="cka", layer=0) == [0]
    assert chosen(metric="cka", layer=-1) == [1, 2]  # the deepest layer of each condition
    assert chosen(metric="gone") == []


def test_the_deepest_layer_is_that_of_the_metric():
    epochs = rows().iloc[[0]].assign(metric="epoch_loss", layer=9)
    whole = pd.concat([rows(), epochs], ignore_index=True)
    assert chosen(table=whole, metric="cka", layer=-1) == [1, 2]


def test_a_second_metric_comes_along_only_beside_the_first():
    assert chosen(metric="cka", beside="loss") == [0, 1, 2, 3, 4]
    assert chosen(metric="cka", languages="en-fr", layer=4, beside="loss") == [1, 3]
    assert chosen(metric="gone", beside="loss") == []
