"""Scores of tasks: known values, bounds, and nothing scored that does not belong together.

SQuAD's scores of extracted answers: known values and what does not count.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isomorph.measure.scores import accuracy, answer_scores, attachment, normal_words, span_scores
from isomorph.text.examples import QUESTION, Examples, QuestionExample


def test_accuracy_known_values():
    assert accuracy(["a", "b", "c", "a"], ["a", "b", "a", "b"]) == 0.5
    assert accuracy(["a"], ["a"]) == 1.0
    assert accuracy(["a", "b"], ["b", "a"]) == 0.0


GOLD = ([[2, 0, 2], [0]], [["nsubj", "root", "punct"], ["root"]])


def test_attachment_known_values():
    assert attachment(*GOLD, *GOLD) == {"uas": 1.0, "las": 1.0}
    relations = [["obj", "root", "punct"], ["root"]]  # one relation is wrong
    assert attachment(*GOLD, GOLD[0], relations) == {"uas": 1.0, "las": 0.75}
    heads = [[0, 1, 2], [0]]  # two heads are wrong; their relations do not count
    assert attachment(*GOLD, heads, relations) == {"uas": 0.5, "las": 0.5}
    nothing = attachment([[0]], [["root"]], [[1]], [["root"]])
    assert nothing == {"uas": 0.0, "las": 0.0}


def test_a_right_relation_to_a_wrong_head_is_wrong():
    scores = attachment([[2, 0]], [["nsubj", "root"]], [[0, 0]], [["nsubj", "root"]])
    assert scores == {"uas": 0.5, "las": 0.5}


def test_punctuation_counts():
    heads = [[2, 0, 1], [0]]  # only the full stop is wrong
    assert attachment(*GOLD, heads, GOLD[1]) == {"uas": 0.75, "las": 0.75}


def test_words_without_an_answer_are_wrong():
    scores = attachment(*GOLD, [[2, 0], []], [["nsubj", "root"], []])
    assert scores == {"uas": 0.5, "las": 0.5}


@st.composite
def two_analyses(draw):
    lengths = draw(st.lists(st.integers(1, 6), min_size=1, max_size=4))
    head, relation = st.integers(0, 6), st.sampled_from(("nsubj", "obj", "root"))
    return [
        [draw(st.lists(values, min_size=n, max_size=n)) for n in lengths]
        for values in (head, relation, head, relation)
    ]


@given(two_analyses())
def test_attachment_is_a_share_and_a_relation_never_helps(analyses):
    scores = attachment(*analyses)
    assert 0 <= scores["las"] <= scores["uas"] <= 1
    # Reversing the order of the sentences changes nothing, nor does swapping gold and prediction.
    assert attachment(*(side[::-1] for side in analyses)) == scores
    assert attachment(*analyses[2:], *analyses[:2]) == scores


def test_span_scores_are_shares_by_type():
    scores = span_scores([["B-PER", "O", "B-LOC"]], [["B-PER", "O", "B-PER"]])
    assert scores == {"f1": 0.5, "f1_LOC": 0.0, "f1_PER": pytest.approx(2 / 3)}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: accuracy([], []), "predicted has 0 labels and gold 0; allowed is the same number"),
        (lambda: accuracy(["a"], ["a", "b"]), "predicted has 2 labels and gold 1"),
        (lambda: attachment([], [], [], []), "gold_relations has 0 sentences and gold 0"),
        (lambda: attachment(*GOLD, GOLD[0], GOLD[1][:1]), "predicted_relations has 1 sentences"),
        (
            lambda: attachment([[0]], [["root"]], [[0, 1]], [["root", "obj"]]),
            "predicted_heads has 2 words and predicted_relations 2; allowed is the same number, at",
        ),
        (lambda: attachment([[0]], [["root"]], [[0]], [[]]), "and predicted_relations 0"),
        (lambda: attachment([[]], [[]], [[]], [[]]), "gold_heads has no words"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()


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
        with pytest.raises(
            ValueError, match=f"answers has {len(answers)} texts and gold {len(examples.items)};"
        ):
            answer_scores(examples, answers)
