"""Questions on a text: cloze in a controlled world, and rows of public data sets."""

import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from isomorph.text import fetch
from isomorph.text.examples import QUESTION, QuestionExample
from isomorph.text.grammar import ORDERS
from isomorph.text.tasks import examples
from isomorph.text.worlds import (
    CONTEXT,
    GAP,
    LANGUAGES,
    World,
    _questions,
    noun_phrases,
    world_questions,
)

WORLD = World(seed=3, dev_sentences=60, test_sentences=90, training_sentences=600)


def world_of(order: str) -> World:
    return WORLD.model_copy(update={"order": order})


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_question_fits_one_place_of_its_context(order, language):
    found = world_questions(world_of(order), language, "train", 150)
    assert (found.task, found.names) == (QUESTION, ())
    assert found.source == f"questions world {language} train"
    for item in found.items:
        (answer,) = item.answers
        filled = item.question.replace(GAP, answer)
        assert f" {filled} " in f" {item.context} "
        assert item.context.startswith(answer, item.start)
        assert f" {item.context} ".count(f" {answer} ") == 1
        before = item.question.split(GAP)[0]
        assert item.context[: item.start].endswith(before)
        assert GAP not in item.context


def test_the_context_is_sentences_that_follow_each_other():
    texts = WORLD.corpus().train["a"]
    contexts = {" ".join(texts[i : i + CONTEXT]) for i in range(0, len(texts) - 2, CONTEXT)}
    items = world_questions(WORLD, "a", "train", 100).items
    assert len(items) == 100 and {item.context for item in items} <= contexts


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("order", ORDERS)
def test_noun_phrases_are_whole(order, language):
    world = world_of(order)
    lexicon = world.lexicon()
    nouns = {lexicon.words[language][i] for i in lexicon.concepts["noun"]}
    determiners = {lexicon.words[language][i] for i in lexicon.concepts["determiner"]}
    for sentence in world.sentences("dev", 60):
        tokens, entities = sentence.tokens[language], sentence.entities[language]
        phrases = noun_phrases(sentence, language)
        assert phrases
        for start, end in phrases:
            words = tokens[start:end]
            if not nouns & set(words):  # a name stands alone, and whole
                assert (start, end) in [entity[:2] for entity in entities]
            else:
                assert 2 <= len(words) <= 3 and len(determiners & set(words)) == 1


def test_questions_with_two_answers_are_left_out():
    one, other = WORLD.sentences("dev", 2)
    alone = list(_questions([one], "a"))
    assert alone and not list(_questions([one, one], "a"))
    both = list(_questions([one, other], "a"))
    assert {item.question for item in alone} & {item.question for item in both}


def test_fewer_begin_more_and_the_world_decides():
    five, forty = (world_questions(WORLD, "b", "train", count).items for count in (5, 40))
    assert forty[:5] == five and five == world_questions(WORLD, "b", "train", 5).items
    other = WORLD.model_copy(update={"seed": 4})
    assert world_questions(other, "b", "train", 5).items != five
    contexts = [
        {item.context for item in world_questions(WORLD, "a", split, 15).items}
        for split in ("train", "dev", "test")
    ]
    assert len(set.union(*contexts)) == sum(map(len, contexts))


def test_none_takes_all_that_a_split_has():
    every = world_questions(WORLD, "a", "dev", None)
    assert len(every.items) >= 19
    assert world_questions(WORLD, "a", "dev", 5).items == every.items[:5]


def test_bad_input_is_named():
    for count in (0, 21, True, 2.0):
        with pytest.raises(ValueError, match=rf"count is {count}; .* a dev allows 1 to (19|20)\."):
            world_questions(WORLD, "a", "dev", count)
    with pytest.raises(ValueError, match="split is 'validation'; allowed are 'train'"):
        examples("squad", "en", "validation")


def test_an_answer_stands_where_it_is_said_to():
    QuestionExample("who?", "ann sees bob", 9, ("bob", "ann"))
    for start in (8, -3, 99):
        with pytest.raises(
            ValueError, match=f"start is {start}; allowed is where 'bob', the first"
        ):
            QuestionExample("who?", "ann sees bob", start, ("bob",))
    for answers in ((), ("",)):
        with pytest.raises(ValueError, match="answers is .*; allowed are texts"):
            QuestionExample("who?", "ann sees bob", 0, answers)


def row(number: int | str, context: str = "", answer: str = "Ann", *more: str) -> dict:
    context = context or f"It is {answer}, says {number}."
    starts = [context.find(text) for text in (answer, *more)]
    answers = {"text": [answer, *more], "answer_start": starts}
    return {"id": str(number), "context": context, "question": f"Who {number}?", "answers": answers}


@pytest.fixture
def mirror(no_hub, tmp_path, monkeypatch):
    monkeypatch.setenv("ISOMORPH_MIRROR", str(tmp_path))

    def write(dataset, split, *rows):
        path = tmp_path / dataset / f"{split}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(list(rows)), path)

    return write


TYDI, SQUAD = "google-research-datasets/tydiqa/secondary_task", "rajpurkar/squad/plain_text"


def test_train_and_dev_share_no_context(mirror):
    rows = [row(number, f"Ann and Bob, {number // 2}.") for number in range(80)]
    mirror(SQUAD, "train", *rows)
    train, dev = (examples("squad", "en", split) for split in ("train", "dev"))
    assert (len(train.items), len(dev.items)) == (72, 8)
    assert not {item.context for item in train.items} & {item.context for item in dev.items}
    assert train.source == "questions squad train" and dev == examples("squad", "en", "dev")
    asked = [each["question"] for each in rows]
    assert sorted(item.question for item in (*train.items, *dev.items)) == sorted(asked)
    questions = [item.question for item in train.items]
    assert questions == [each for each in asked if each in questions]


def test_fewer_are_among_more(mirror):
    mirror(SQUAD, "validation", *(row(number) for number in range(30)))
    every = examples("squad", "en", "test").items
    five, ten = (examples("squad", "en", "test", count).items for count in (5, 10))
    assert len(five) == 5 and set(five) < set(ten) < set(every) and len(every) == 30
    assert [item for item in every if item in ten] == list(ten) != list(every[:10])
    for count in (0, 31, True, 2.0):
        with pytest.raises(ValueError, match=f"count is {count}; questions squad test allows 1"):
            examples("squad", "en", "test", count)


def test_of_tydiqa_english_is_taken_and_only_what_has_an_answer(mirror):
    rows = [row("english--1-0"), row("russian-1-0"), row(12), row("english-2-0", "x", "")]
    mirror(TYDI, "validation", *rows)
    items = examples("tydiqa", "en", "test").items
    assert [item.question for item in items] == ["Who english--1-0?", "Who 12?"]
    mirror(TYDI, "validation", row("english-3-0", "x", ""), row("korean-3-0"))
    with pytest.raises(fetch.DataUnavailable, match="holds 1 English questions here, and none has"):
        examples("tydiqa", "en", "test")


def test_all_accepted_answers_are_kept_once(mirror):
    mirror(SQUAD, "validation", row(0, "So Ann Lee sees Ann.", "Ann Lee", "Ann", "Ann Lee"))
    (item,) = examples("squad", "en", "test").items
    assert (item.start, item.answers) == (3, ("Ann Lee", "Ann"))


def test_without_a_mirror_one_sentence_says_so(mirror, monkeypatch):
    monkeypatch.delenv("ISOMORPH_MIRROR")
    with pytest.raises(fetch.DataUnavailable, match="rajpurkar/squad .* is not available"):
        examples("squad", "en", "dev")


@pytest.mark.skipif(
    not os.environ.get("ISOMORPH_MIRROR"), reason="ISOMORPH_MIRROR names no mirror of data sets"
)
def test_the_public_sets_of_a_mirror():
    sizes = {split: len(examples("tydiqa", "en", split).items) for split in ("train", "dev")}
    assert sum(sizes.values()) == 3696 and 340 < sizes["dev"] < 400
