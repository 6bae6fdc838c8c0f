"""What a check says of an answer: right, wrong and in what way, or not answered yet."""

import math
import shutil

import numpy as np
import pytest
import torch
from book import build as book
from book.build.chapters import Layout

from isomorph import exercises
from isomorph.exercises import (
    Feedback,
    check,
    checks,
    choice,
    equals,
    every,
    function,
    number,
    ranking,
    satisfies,
    seal,
)
from isomorph.text.worlds import World

LAYOUT = Layout(book.ROOT)
EXAMPLE = book.ROOT / "tests" / "checks" / "example.py"
FILES = sorted(LAYOUT.chapters.glob("*/checks/*.py"))
EVERY_EXERCISE = [name for path in FILES for name in checks(path)]
OPTIONS = ("rises", "falls", "stays")
MEAN = ([([1.0, 2.0],), ([4.0, 4.0, -2.0],)], equals(np.mean))


@pytest.fixture
def example(tmp_path, monkeypatch):
    """Within a checkout whose one chapter is the example."""
    folder = tmp_path / "chapters" / "part" / "checks"
    folder.mkdir(parents=True)
    shutil.copy(EXAMPLE, folder)
    monkeypatch.chdir(folder.parent)


def mean(values):
    return sum(values) / len(values)


def wrong(feedback, *words):
    """Assert that an answer is told wrong, with a hint that holds the words."""
    assert feedback.state == "wrong"
    assert all(word in feedback.hint for word in words), feedback.hint


@pytest.mark.parametrize("answer", [0.25, 0.2549, 1 / 4, np.float32(0.25)])
def test_a_number_within_the_tolerance_is_right(answer):
    assert number(answer, 0.25, tolerance=0.005) == Feedback("right")


def test_a_number_may_be_a_tensor_or_an_array_of_no_dimension():
    for answer in (torch.tensor(0.25), np.array(0.25)):
        assert number(answer, 0.25, tolerance=0.005).state == "right"


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        ("0.25", "one number"),
        (True, "one number"),
        ([0.25], "type list"),
        (np.array([0.25, 0.5]), "type ndarray"),
        (torch.ones(2), "type Tensor"),
        (math.nan, "not finite"),
        (math.inf, "not finite"),
        (-0.25, "sign"),
        (25.0, "hundred times"),
        (0.0025, "hundred times"),
        (3.0, "lies between 0 and 1"),
        (0.26, "close"),
        (0.75, "source language"),
        (0.9, "another one. Read the axis."),
    ],
)
def test_a_wrong_number_is_told_in_what_way(answer, word):
    mistakes = {"That is the source language.": 0.75}
    said = number(
        answer, 0.25, tolerance=0.005, between=(0, 1), mistakes=mistakes, hint="Read the axis."
    )
    wrong(said, word)
    assert "0.25" not in said.hint.replace(repr(answer), "")


def test_about_zero_neither_sign_nor_percent_is_guessed():
    wrong(number(0.02, 0.0, tolerance=0.001), "another one")
    wrong(number(-0.02, 0.0, tolerance=0.001), "another one")


def test_a_choice_is_computed_or_sealed():
    for right in ("falls", seal("falls", OPTIONS)):
        assert choice(" Falls ", OPTIONS, right).state == "right"
        wrong(choice("rises", OPTIONS, right, hint="Look again."), "Look again.")
        wrong(choice("sinks", OPTIONS, right), "'sinks'", '"rises", "falls", "stays"')
        wrong(choice(3, OPTIONS, right), "must be one of")


def test_a_seal_hides_the_option_and_depends_on_all_of_them():
    seals = {seal(option, OPTIONS) for option in OPTIONS}
    assert len(seals) == 3
    assert not any(option in one for option in OPTIONS for one in seals)
    assert seal("rises", OPTIONS) != seal("rises", OPTIONS[:2])
    with pytest.raises(ValueError, match="option is 'sinks', but it must be one of"):
        seal("sinks", OPTIONS)


def test_a_choice_without_a_right_option_is_a_mistake_of_its_author():
    with pytest.raises(ValueError, match="right is 'sinks', but it must be one of"):
        choice("rises", OPTIONS, "sinks")


def test_a_ranking_goes_from_the_largest_value_down():
    values = {"domain": 0.3, "anchors": 0.02, "sharing": 0.5}
    assert ranking(["sharing", "domain", "anchors"], values).state == "right"
    wrong(ranking(["domain", "sharing", "anchors"], values), "Of 3 pairs, 2")
    wrong(ranking(["anchors", "domain", "sharing"], values), "Of 3 pairs, 0")
    for answer in ("sharing", ["sharing", "domain"], ["sharing"] * 3, [1, 2, 3], 7):
        wrong(ranking(answer, values), "a list of domain, anchors, sharing")


def test_a_function_is_tried_on_hidden_input():
    assert function(mean, *MEAN).state == "right"
    assert function(lambda values: torch.tensor(mean(values)), *MEAN).state == "right"
    wrong(
        function(lambda values: 1.5, *MEAN, hint="How many are there?"), "another value", "How many"
    )
    wrong(function(lambda values: values, *MEAN), "shape (2,)", "()")
    wrong(function(lambda values: "1.5", *MEAN), "another type")
    wrong(function(lambda values: math.nan, *MEAN), "not finite")
    wrong(function(lambda values: 1 / 0, *MEAN), "raised ZeroDivisionError")
    wrong(function(lambda: 1.5, *MEAN), "raised TypeError")
    wrong(function(1.5, *MEAN), "a function is asked for")


def test_a_function_that_is_not_written_yet_is_not_answered():
    for stub in (lambda values: ..., lambda values: None):
        assert function(stub, *MEAN).state == "unanswered"


def test_a_function_that_changes_its_input_misleads_nobody():
    def emptying(values):
        result = mean(values)
        values.clear()
        return result

    cases = [([1.0, 2.0],)]
    assert function(emptying, cases, equals(np.mean)).state == "right"
    assert cases == [([1.0, 2.0],)]


def test_words_and_ragged_results_are_compared_too():
    judge = equals(lambda text: text.split())
    assert function(str.split, [("a b",)], judge).state == "right"
    wrong(function(lambda text: ["a", "c"], [("a b",)], judge), "another one")
    wrong(function(lambda text: [["a"], ["b", "c"]], [("a b",)], judge), "no array")


def test_a_function_needs_a_case():
    with pytest.raises(ValueError, match="cases is empty"):
        function(mean, [], equals(np.mean))


def test_conditions_are_told_in_order():
    conditions = {
        "Make it a world.": lambda world: isinstance(world, World),
        "Make it larger.": lambda world: world.lexemes > 100,
        "Give it anchors.": lambda world: world.anchors > 0,
    }
    assert satisfies(World(anchors=0.5), conditions).state == "right"
    wrong(satisfies(World(lexemes=64), conditions), "Make it larger.")
    wrong(satisfies(World(), conditions), "Give it anchors.")
    wrong(satisfies("a world", conditions), "Make it a world.")
    wrong(satisfies(3, {"Give it anchors.": lambda world: world.anchors > 0}), "Give it anchors.")


def test_parts_are_right_when_all_are():
    right, no, later = Feedback("right"), Feedback("wrong", "No."), Feedback("unanswered", "Later.")
    assert every(right, right).state == "right"
    assert every(right, no, later) == Feedback("wrong", "Part 2 of 3: No.")
    assert every(later, no) == Feedback("unanswered", "Part 1 of 2: Later.")


def test_feedback_is_told_in_words():
    assert repr(Feedback("right")) == "Right."
    assert repr(Feedback("wrong", "Too many.")) == "Not right. Too many."
    assert Feedback("wrong", "Too many.")._repr_markdown_() == "**Not right.** Too many."


@pytest.mark.parametrize("blank", [..., None, [..., 1], (2, ...), {"share": ...}, [[...]]])
def test_three_dots_are_not_answered(blank, example):
    said = check("example.2", blank)
    assert said.state == "unanswered"
    assert repr(said).startswith("Not answered yet. Put your answer")


def test_an_answer_that_is_zero_or_empty_is_an_answer(example):
    for answer in (0, 0.0, "", [], np.zeros(2)):
        assert check("example.2", answer).state == "wrong"


def test_what_the_chapter_has_at_hand_reaches_the_checker(example):
    assert check("example.2", 19 / 64).state == "right"
    assert check("example.2", 0.0, anchors=0.0).state == "right"
    assert check("example.2", 0.0).state == "wrong"


def test_an_exercise_that_does_not_exist_is_told_with_those_that_do(example):
    for name in ("example", "example.0", "example.one", "Example.1", "../kinds.1", ""):
        with pytest.raises(ValueError, match=f"exercise is '{name}', but it must be <chapter>"):
            check(name, 1)
    with pytest.raises(ValueError, match="there are example.1, example.2, example.3"):
        check("example.9", 1)


def test_the_checks_of_the_book_are_found_from_any_folder(example):
    assert check("the_cone.2", "nonsense").state == "wrong"


def test_where_there_are_no_checks_one_sentence_says_where_they_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(exercises, "CHECKOUT", tmp_path)
    said = repr(check("the_cone.2", 1))
    assert said.startswith("Not checked. The checks are in chapters/*/checks/the_cone.py of")
    assert said.count(". ") == 1


def test_an_exercise_belongs_to_the_chapter_beside_whose_checks_it_lies(tmp_path):
    text = "from isomorph.exercises import exercise\n@exercise('{}')\ndef one({}): ...\n"
    path = tmp_path / "example.py"
    for name in ("other.1", "example", "example.0", "example.one", "Example.1"):
        path.write_text(text.format(name, "answer"))
        with pytest.raises(ValueError, match=f"'{name}', but it must be example.<number>"):
            checks(path)
    path.write_text(text.format("example.1", "answer, rows"))
    with pytest.raises(ValueError, match="every argument after 'answer' needs a default"):
        checks(path)


def test_an_exercise_has_one_checker(tmp_path):
    path = tmp_path / "example.py"
    marked = "@exercise('example.{}')\ndef {}(answer): ...\n"
    text = "from isomorph.exercises import exercise\n"
    path.write_text(text + marked.format(10, "ten") + marked.format(9, "nine"))
    assert list(checks(path)) == ["example.9", "example.10"]
    path = path.with_name("twice").with_suffix(".py")
    text += marked.format(1, "first") + marked.format(1, "second")
    path.write_text(text.replace("example", "twice"))
    with pytest.raises(ValueError, match="'twice.1' is checked by first and second"):
        checks(path)


def test_all_checks_belong_to_a_chapter():
    assert FILES and all(path.parents[1].joinpath(path.name).is_file() for path in FILES)


ODD = ["", "nonsense", -1e300, math.nan, object(), [], [1, 2], {"a": 1}, lambda *_: None, World]


@pytest.mark.parametrize("name", EVERY_EXERCISE)
def test_no_odd_answer_is_right_or_raises(name):
    assert check(name, ...).state == "unanswered"
    for answer in ODD:
        said = check(name, answer)
        assert said.state == "wrong" or (callable(answer) and said.state == "unanswered"), answer
        assert said.hint
