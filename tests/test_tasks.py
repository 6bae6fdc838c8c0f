"""Tasks: their examples, scores and checksums, and those that cannot be, alone or in a transfer."""

import pytest
from pydantic import ValidationError

from isomorph.presets.recipes import smoke_default
from isomorph.runs import HubText, ShippedText, Task, Transfer, WorldText
from isomorph.runs import tuning as module
from isomorph.runs.tasks import KINDS, chosen
from isomorph.text.examples import (
    PAIR,
    SPEECH,
    TAG,
    TREE,
    Examples,
    PairExample,
    TaggedExample,
    TreeExample,
)
from isomorph.text.worlds import World, world_examples

WORLD_TASKS = tuple(
    Task(source=source, train=30, test=40) for source in ("world_nli", "world_ner", "world_parsing")
)
TERMS = Task(source="interface_terms")
PASSAGES = Task(source="passage_relation")
XNLI = Task(source="xnli")


def test_of_development_there_are_as_many_as_asked_for_or_as_there_are():
    text = smoke_default(0).text
    for task, count in zip(WORLD_TASKS, (60, 50, 50), strict=True):  # a world's pairs have no end
        asked = task.model_copy(update={"development": 60})
        assert len(asked.examples("dev", "a", text).items) == count
    few, every, all_named = (
        Task(source="interface_terms", development=count).examples("dev", "en")
        for count in (10, 10**6, None)
    )
    assert len(few.items) == 10 < len(every.items) and every == all_named


def test_the_first_half_of_the_topics_is_half_of_them():
    text = smoke_default(0).text
    for task in WORLD_TASKS:
        half = task.model_copy(update={"topics": "first half"}).examples("train", "a", text)
        topics = {item.topic for item in half.items}
        assert len(half.items) == 30 and max(topics) < text.world.topics / 2
        every = task.model_copy(update={"train": 300}).examples("train", "a", text)
        assert max(item.topic for item in every.items) >= text.world.topics / 2


def test_no_task_is_of_another_kind_than_its_examples():
    text = smoke_default(0).text
    for task in (*WORLD_TASKS, TERMS, PASSAGES, Task(source="help_order"), Task(source="phrases")):
        language = "a" if task.of_world else "en"
        assert task.examples("dev", language, text).task == task.kind in KINDS


def test_a_score_over_some_of_the_examples_and_over_missing_words():
    trees = Examples(TREE, ("root", "obj"), (
        TreeExample(("x", "y"), (0, 1), ("root", "obj")), TreeExample(("x",), (0,), ("root",)),
    ), "by hand")  # fmt: skip
    answers = [((0,), ("root",)), ((0,), ("obj",))]  # of the first the second word was cut off
    parsing, words = WORLD_TASKS[2], WORLD_TASKS[1]
    assert parsing.scores(trees, answers) == {"uas": 2 / 3, "las": 1 / 3}
    assert parsing.scores(*chosen(trees, answers, [0])) == {"uas": 0.5, "las": 0.5}
    tags = Examples(TAG, (), (TaggedExample(("x", "y"), ("B-PER", "B-LOC")),), "by hand")
    assert words.scores(tags, [("B-PER",)])["f1"] == pytest.approx(2 / 3)
    spoken = Examples(SPEECH, (), (TaggedExample(("x", "y", "z"), ("X", "X", "O")),), "by hand")
    assert Task(source="parts_of_speech").scores(spoken, [("X", "NOUN")]) == {"accuracy": 1 / 3}
    pairs = Examples(PAIR, (), tuple(PairExample("", "", label) for label in "xyx"), "by hand")
    assert XNLI.scores(*chosen(pairs, ["x", "x", "x"], [1, 2])) == {"accuracy": 0.5}


def test_lost_topics_are_those_that_the_second_language_never_reads():
    world = World(seed=0, lexemes=64, training_sentences=300, topic_overlap=0.0)
    test = world_examples(TAG, world, "b", "test", 50)
    parts = module.topic_parts(test, WorldText(world=world))
    assert parts[""] == list(range(50))
    assert sorted(parts["lost"] + parts["kept"]) == list(range(50))
    read = {sentence.topic for sentence in world.sentences("train_b")}
    assert {test.items[i].topic for i in parts["kept"]} == read
    assert not {test.items[i].topic for i in parts["lost"]} & read
    odd = World(seed=0, lexemes=64, topics=3)
    assert set(module.topic_parts(test, WorldText(world=odd))) == {""}
    assert set(module.topic_parts(test, ShippedText())) == {""}


def shipped(*tasks: Task, **text) -> Transfer:
    below = smoke_default(0).model_copy(update={"text": ShippedText(**text)})
    return Transfer(pretraining=below, tasks=tasks)


def test_the_checksum_is_of_all_shipped_files_that_are_read(monkeypatch):
    assert Transfer(pretraining=smoke_default(0), tasks=WORLD_TASKS).checksum() == ""
    every = [shipped(XNLI), shipped(TERMS), shipped(PASSAGES),
             shipped(TERMS, PASSAGES)]  # fmt: skip
    sums = [run.checksum() for run in every]
    assert len(set(sums)) == 4 and sums[0] == every[0].pretraining.checksum()
    real = module.checksum

    def changed(path: str) -> str:
        return "0" * 64 if path == "tasks/interface_terms.parquet" else real(path)

    monkeypatch.setattr(module, "checksum", changed)
    after = [run.checksum() for run in every]
    assert [a == b for a, b in zip(sums, after, strict=True)] == [True, False, True, False]
    hub = smoke_default(0).model_copy(update={"text": HubText()})
    assert Transfer(pretraining=hub, tasks=(TERMS,)).checksum() is None


def test_scores_are_named_after_their_task():
    names = {"passage_relation": "passage_", "xnli": "nli_", "passage_relation_help": "passage_help_",
             "wikiann": "ner_", "interface_terms": "terms_", "universal_dependencies": "",
             "parts_of_speech": "tags_", "rte": None, "help_order": None, "tydiqa": None}  # fmt: skip
    for source, prefix in names.items():
        assert Task(source=source).prefix == prefix


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({}, "source"),
        ({"source": "imdb"}, "source"),
        ({"source": "world_nli"}, "train, test and development must be numbers where a world"),
        ({"source": "world_nli", "train": 10, "test": None}, "must be numbers"),
        ({"source": "world_nli", "train": 0}, "train"),
        ({"source": "wikiann", "tuning": ()}, "tuning"),
        ({"source": "wikiann", "epochs": 3}, "epochs"),
    ],
)
def test_impossible_tasks_are_refused(fields, named):
    with pytest.raises(ValidationError, match=named):
        Task(**fields)


def test_impossible_transfers_are_refused():
    world = smoke_default(0)
    text = ShippedText(languages=("en",), domains=("bible",))
    one = world.model_copy(update={"text": text})
    with pytest.raises(ValidationError, match=r"source is 'world_nli', .*'shipped'"):
        shipped(*WORLD_TASKS)
    with pytest.raises(ValidationError, match=r"source is 'interface_terms', .*'wo"):
        Transfer(pretraining=world, tasks=(TERMS,))
    with pytest.raises(ValidationError, match=r"languages \('en',\); transfer needs two"):
        Transfer(pretraining=one, tasks=(TERMS,))
    with pytest.raises(ValidationError, match="tasks is empty"):
        Transfer(pretraining=world, tasks=())
    with pytest.raises(ValidationError, match="weights"):
        Transfer(pretraining=world, tasks=WORLD_TASKS, weights="frozen")
    with pytest.raises(ValidationError, match="source is 'rte', which is no task of two languages"):
        shipped(Task(source="rte"))


def test_a_causal_encoder_is_not_asked_at_its_first_token():
    causal = smoke_default(0).encoder.model_copy(update={"causal": True})
    pretraining = smoke_default(0).model_copy(update={"encoder": causal})
    with pytest.raises(ValidationError, match="tuning.pooling is 'first', where a causal encoder"):
        Transfer(pretraining=pretraining, tasks=WORLD_TASKS)
    Transfer(pretraining=pretraining, tasks=WORLD_TASKS[1:])  # these read every word
