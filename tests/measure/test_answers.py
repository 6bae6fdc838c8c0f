"""SQuAD's scores of extracted answers: known values and what does not count."""

import pytest

from isomorph.measure.scores import answer_scores, normal_words
from isomorph.text.examples import QUESTION, Examples, QuestionExample


def asked(*accepted: tuple[str, ...]) -> Examples:
    items = (QuestionExample("who?", answers[0], 0, answers) for answers in accepted)
    return Examples(QUESTION, (), tuple(items), "toy")


@pytest.mark.parametrize(
    ("accepted", "given", "exact", "f1"),
    [
        (("the Denver Broncos",), "Denver broncos!", 1, 1),
        (("Denver Broncos",), "the Broncos", 0, 2 / 3),
        (("1920s",), "in the early 1920s", 0, 2 * (1 / 3) / (1 + 1 / 3)),
        (("Rome",), "Oslo", 0, 0),
        (("Rome",), "", 0, 0),
        (("Oslo", "city of Rome"), "Rome", 0, 1 / 2),
        (("Oslo", "Rome"), "rome.", 1, 1),
        (("to be or not to be",), "to be be be", 0, 2 * 3 / (6 + 4)),
        (("The",), "a", 1, 1),
        (("The",), "Rome", 0, 0),
    ],
)
def test_known_values(accepted, given, exact, f1):
    assert answer_scores(asked(accepted), [given]) == {"exact": exact, "f1": pytest.approx(f1)}


def test_it_is_the_mean_over_questions():
    scores = answer_scores(asked(("Rome",), ("Denver Broncos",)), ["Rome", "Broncos"])
    assert scores == {"exact": 0.5, "f1": pytest.approx((1 + 2 / 3) / 2)}


def test_words_that_count():
    assert normal_words("An  apple, a day: the-best theme") == ["apple", "day", "thebest", "theme"]
    # Nothing of a world's language is taken for an article or for punctuation.
    assert normal_words("lobo da babo .") == ["lobo", "da", "babo"]


def test_bad_input_is_named():
    for examples, answers in ((asked(), []), (asked(("Rome",)), ["Rome", "Oslo"])):
        with pytest.raises(ValueError, match=f"answers has {len(answers)} texts for"):
            answer_scores(examples, answers)
