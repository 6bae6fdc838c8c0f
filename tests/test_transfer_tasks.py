"""Tasks of a transfer: their examples, scores, checksums, and those that cannot be."""

import pytest
from pydantic import ValidationError

from isomorph.presets.ablations import smoke_default
from isomorph.runs import HubText, ShippedText, Task, Transfer, WorldText
from isomorph.runs import transfer as module
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
from isomorph.text.tasks import world_examples
from isomorph.text.worlds import World

WORLD_TASKS = tuple(Task(name=name, train=30, test=40) for name in (PAIR, TAG, TREE))
TERMS = Task(name=TAG, source="interface_terms")
PASSAGES = Task(name=PAIR, source="passage_relation")


def test_development_examples_are_all_there_are():
    text = smoke_default(0).text
    for name, count in ((PAIR, 40), (TAG, 50), (TREE, 50)):  # a world's pairs have no end
        task = Task(name=name, train=10, test=40)
        assert len(task.development(text, "a").items) == count
    terms = Task(name=TAG, source="interface_terms", test=10)
    assert len(terms.development(None, "en").items) > 10


def test_a_score_over_some_of_the_examples_and_over_missing_words():
    trees = Examples(TREE, ("root", "obj"), (
        TreeExample(("x", "y"), (0, 1), ("root", "obj")), TreeExample(("x",), (0,), ("root",)),
    ), "by hand")  # fmt: skip
    answers = [((0,), ("root",)), ((0,), ("obj",))]  # of the first the second word was cut off
    assert module.score(trees, answers) == {"uas": 2 / 3, "las": 1 / 3}
    assert module.score(trees, answers, [0]) == {"uas": 0.5, "las": 0.5}
    tags = Examples(TAG, (), (TaggedExample(("x", "y"), ("B-PER", "B-LOC")),), "by hand")
    assert module.score(tags, [("B-PER",)])["f1"] == pytest.approx(2 / 3)
    spoken = Examples(SPEECH, (), (TaggedExample(("x", "y", "z"), ("X", "X", "O")),), "by hand")
    assert module.score(spoken, [("X", "NOUN")]) == {"accuracy": 1 / 3}
    pairs = Examples(PAIR, (), tuple(PairExample("", "", label) for label in "xyx"), "by hand")
    assert module.score(pairs, ["x", "x", "x"], [1, 2]) == {"accuracy": 0.5}


def test_lost_topics_are_those_that_the_second_language_never_reads():
    world = World(seed=0, lexemes=64, training_sentences=300, topic_overlap=0.0)
    test = world_examples(TAG, world, "b", "test", 50)
    parts = module._parts(test, WorldText(world=world))
    assert parts[""] is None
    assert sorted(parts["lost"] + parts["kept"]) == list(range(50))
    read = {sentence.topic for sentence in world.sentences("train_b")}
    assert {test.items[i].topic for i in parts["kept"]} == read
    assert not {test.items[i].topic for i in parts["lost"]} & read
    odd = World(seed=0, lexemes=64, topics=3)
    assert module._parts(test, WorldText(world=odd)) == {"": None}
    assert module._parts(test, ShippedText()) == {"": None}


def shipped(*tasks: Task, **text) -> Transfer:
    below = smoke_default(0).model_copy(update={"text": ShippedText(**text)})
    return Transfer(pretraining=below, tasks=tasks)


def test_the_checksum_is_of_all_shipped_files_that_are_read(monkeypatch):
    assert Transfer(pretraining=smoke_default(0), tasks=WORLD_TASKS).checksum() == ""
    every = [shipped(Task(name=PAIR, source="xnli")), shipped(TERMS), shipped(PASSAGES),
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
    names = {"passage_relation": (PAIR, "passage_"), "xnli": (PAIR, "nli_"),
             "passage_relation_help": (PAIR, "passage_help_"), "wikiann": (TAG, "ner_"),
             "interface_terms": (TAG, "terms_"), "universal_dependencies": (TREE, ""),
             "parts_of_speech": (SPEECH, "tags_")}  # fmt: skip
    for source, (name, prefix) in names.items():
        assert Task(name=name, source=source).prefix == prefix


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"name": "qa"}, "name"),
        ({"name": PAIR, "source": "imdb"}, "source"),
        ({"name": PAIR}, "train and test must be numbers where the source is 'world'"),
        ({"name": PAIR, "train": 10, "test": None}, "train and test must be numbers"),
        ({"name": PAIR, "train": 0}, "train"),
        ({"name": TAG, "source": "xnli"}, "source is 'xnli', which is of the task 'nli'"),
        ({"name": SPEECH, "source": "universal_dependencies"}, "which is of the task 'parsing'"),
        ({"name": TREE, "source": "interface_terms"}, "which is of the task 'ner'"),
        ({"name": TAG, "source": "wikiann", "tuning": ()}, "tuning is empty"),
        ({"name": TAG, "source": "wikiann", "epochs": 3}, "epochs"),
    ],
)
def test_impossible_tasks_are_refused(fields, named):
    with pytest.raises(ValidationError, match=named):
        Task(**fields)


def test_impossible_transfers_are_refused():
    world = smoke_default(0)
    text = ShippedText(languages=("en",), domains=("bible",))
    one = world.model_copy(update={"text": text})
    with pytest.raises(ValidationError, match=r"source of task 'nli' is 'world', .*'shipped'"):
        shipped(*WORLD_TASKS)
    with pytest.raises(ValidationError, match=r"source of task 'ner' is 'interface_terms', .*'wo"):
        Transfer(pretraining=world, tasks=(TERMS,))
    with pytest.raises(ValidationError, match=r"languages \('en',\); transfer needs two"):
        Transfer(pretraining=one, tasks=(TERMS,))
    with pytest.raises(ValidationError, match="tasks is empty"):
        Transfer(pretraining=world, tasks=())
    with pytest.raises(ValidationError, match="encoder"):
        Transfer(pretraining=world, tasks=WORLD_TASKS, encoder="frozen")


def test_a_causal_encoder_is_not_asked_at_its_first_token():
    causal = smoke_default(0).encoder.model_copy(update={"causal": True})
    pretraining = smoke_default(0).model_copy(update={"encoder": causal})
    with pytest.raises(ValidationError, match="tuning.pooling is 'first', where a causal encoder"):
        Transfer(pretraining=pretraining, tasks=WORLD_TASKS)
    Transfer(pretraining=pretraining, tasks=WORLD_TASKS[1:])  # these read every word
