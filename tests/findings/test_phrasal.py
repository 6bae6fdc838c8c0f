"""What the chapter on phrasal paraphrase reads off verses and rows."""

import numpy as np
import pandas as pd
import pytest

from isomorph.findings import Found, phrasal
from isomorph.findings.tables import points
from isomorph.text.examples import PHRASES, Examples, PhraseExample


def found(scores, seeds=5):
    """A row a seed of each condition, test score in shares."""
    lines = [
        {"condition": name, "pair": "phrases", "layer": pd.NA, "seed": seed,
         "metric": "test_score", "value": value + seed / 1000, "tokens": 0, "size": "laptop",
         "provenance": "recorded", "digest": f"{name}{seed}"}
        for name, value in scores.items() for seed in range(seeds)
    ]  # fmt: skip
    columns = [
        "condition", "pair", "layer", "seed", "metric", "value", "tokens", "size", "provenance",
        "digest",
    ]  # fmt: skip
    rows = pd.DataFrame(lines, columns=columns).astype({"layer": "Int64"})
    return Found(rows, "laptop", len(lines), tuple(scores))


ALL = {"plain_250": 0.5, "phrases_250": 0.6, "plain_1000": 0.7, "phrases_1000": 0.73}


def test_cues_of_a_pair():
    one = PhraseExample(("a", "b", "c", "d"), ("a", "x", "c", "y"), True,
                        (((1, 2), (1, 2), True), ((1, 2), (3, 4), False)))  # fmt: skip
    other = PhraseExample(("a", "b"), ("c", "d"), False, (((0, 1), (1, 2), False),))
    cues = phrasal.cues(Examples(PHRASES, (), (one, other), "made up"))
    assert cues.apart.tolist() == [0.0, 0.5, 0.5] and cues.texts.tolist() == [2 / 6, 0.0]
    assert cues.answer.tolist() == [True, False, False]
    assert phrasal.phrase_rules(cues, cues)["accuracy"].iloc[-1] == 1.0
    assert phrasal.verse_rules(cues, cues)["accuracy"].tolist() == [0.5, 1.0]
    assert list(phrasal.listed(Examples(PHRASES, (), (one, other), ""), same=False)["verses"]) == [
        "two"
    ]


def test_the_threshold_that_is_right_most_often():
    values, answers = np.array([0.1, 0.2, 0.3, 0.4]), np.array([False, False, True, True])
    assert phrasal.threshold(values, answers) == 0.3
    assert phrasal.threshold(values, np.ones(4, bool)) == 0.1


def test_place_alone_tells_much_of_the_shipped_phrases():
    from isomorph.text.phrases import phrase_examples

    # Of the two small splits: to align the large one takes seconds.
    train, test = (phrasal.cues(phrase_examples(split, 200)) for split in ("dev", "test"))
    table = phrasal.phrase_rules(train, test).set_index("rule")
    place = next(name for name in table.index if name.startswith("same place in"))
    assert table.loc[place, "accuracy"] > table.loc["always no", "accuracy"] + 0.1


def test_the_dial_reads_names():
    table = phrasal.dial(found(ALL), "accuracy, %")
    assert set(table[phrasal.DIAL]) == {250, 1000} and set(table["metric"]) == {"accuracy, %"}
    assert set(table[phrasal.COMES]) == {"phrases first", "nothing first"}
    assert phrasal.dial(found({}), "x").empty
    assert phrasal.dial(found({"larger_plain_1000": 0.8}), "x").empty


def test_gains_and_how_much_more_at_few():
    table = phrasal.gains({"here": found(ALL), "there": found({})})
    assert table["value"].round(6).tolist() == [10.0, 3.0, 7.0]
    assert points(table, "what")["points"].iloc[0].startswith("+10.0")
    both = found(ALL | {"verses_250": 0.58, "verses_1000": 0.74})
    assert phrasal.gains({"here": both})["value"].round(6).tolist() == [10, 3, 7, 2, -1, 3]
    assert "against verses first (here, 1,000 examples): the score falls by 1.0" in phrasal.told(
        {"here": both}
    )


@pytest.mark.parametrize("names", [(), ("plain_250",), ("plain_250", "phrases_250")])
def test_what_was_not_run_is_left_out(names):
    one = found({name: ALL[name] for name in names})
    table = phrasal.gains({"here": one})
    assert len(table) == (len(names) == 2)
    told = phrasal.told({"here": one})
    assert ("rises" in told) == (len(names) == 2)


def test_the_conditions_by_size():
    assert phrasal.names("laptop") == ("plain_250", "phrases_250", "plain_1000", "phrases_1000")
    assert phrasal.names("smoke") == ("phrases_40",)
    # Verses first are a rival only where the task itself is another one.
    assert {"verses_250", "verses_1000"} < set(phrasal.names("reference"))
