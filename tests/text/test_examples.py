"""Labelled examples: worlds, shipped tasks and the hub give the same three shapes."""

from collections import Counter

import pytest

from isomorph.text import fetch
from isomorph.text.examples import (
    SPLITS,
    TASKS,
    UNIVERSAL_RELATIONS,
    UPOS,
    ScoredExample,
    TaggedExample,
    TreeExample,
    universal_relation,
)
from isomorph.text.tasks import SOURCES, evaluation_split, examples
from isomorph.text.worlds import World, world_examples
from tests.text.test_shipped_tasks import spans

WORLD = World(training_sentences=1500, dev_sentences=60, test_sentences=200, topic_overlap=0.0)


def sentences_of(found) -> set[str]:
    if found.task == "nli":
        return {item.second for item in found.items}
    return {" ".join(item.words) for item in found.items}


@pytest.mark.parametrize("task", TASKS)
def test_nothing_tested_in_a_world_is_trained_on(task):
    """Nor is its translation: the training sentences of both languages are looked up."""
    for language in "ab":
        test = sentences_of(world_examples(task, WORLD, language, "test", 200))
        dev = sentences_of(world_examples(task, WORLD, language, "dev", 60))
        train = sentences_of(world_examples(task, WORLD, language, "train", 1500))
        assert not (test & train or test & dev or dev & train)


@pytest.mark.parametrize("task", TASKS)
def test_world_test_items_are_translations_by_position(task):
    one, other = (world_examples(task, WORLD, language, "test", 100) for language in "ab")
    assert one.names == other.names
    assert [item.topic for item in one.items] == [item.topic for item in other.items]
    if task == "nli":
        assert [item.label for item in one.items] == [item.label for item in other.items]
    else:  # words have the same order in both languages of this world
        gold = [
            [
                (item.heads, item.relations) if task == "parsing" else item.tags
                for item in side.items
            ]
            for side in (one, other)
        ]
        assert gold[0] == gold[1]


@pytest.mark.parametrize("task", ["ner", "parsing", "tags"])
def test_training_sentences_are_of_the_pretraining_text_of_their_language(task):
    corpus = WORLD.corpus()
    for language in "ab":
        train = sentences_of(world_examples(task, WORLD, language, "train", 300))
        assert train <= set(corpus.train[language])


@pytest.mark.parametrize("order", ["same", "reversed"])
def test_parts_of_speech_of_a_world_are_those_of_its_words(order):
    world = World(training_sentences=1500, order=order)
    lexicon = world.lexicon()
    wanted = {
        "noun": "NOUN", "verb": "VERB", "adjective": "ADJ", "adverb": "ADV", "preposition": "ADP",
        "determiner": "DET", "conjunction": "CCONJ", "relative": "PRON", "negation": "ADV",
        "given": "PROPN",
    }  # fmt: skip
    for language in "ab":
        kinds = {}
        for item in world_examples("tags", world, language, "train", 1500).items:
            for word, tag in zip(item.words, item.tags, strict=True):
                kinds.setdefault(word, set()).add(tag)
        spelt = lexicon.words[language]
        for concept, tag in wanted.items():
            for word in {spelt[number] for number in lexicon.concepts[concept]} & set(kinds):
                assert kinds[word] == {tag}, (concept, word)
        assert kinds[spelt[lexicon.full_stop]] == {"PUNCT"}


def test_topics_follow_the_dial_in_training_and_are_all_there_elsewhere():
    topics = {
        split: {
            item.topic
            for item in world_examples("ner", WORLD, "a", split, 60).items
        }
        for split in SPLITS
    }  # fmt: skip
    assert topics == {"train": {0, 1}, "dev": {0, 1, 2, 3}, "test": {0, 1, 2, 3}}


def test_world_trees_count_from_one_and_end_in_a_full_stop():
    found = world_examples("parsing", WORLD, "b", "test", 200)
    for tree, sentence in zip(found.items, WORLD.sentences("test", 200), strict=True):
        assert tree.heads.count(0) == 1 and tree.relations[tree.heads.index(0)] == "root"
        assert tree.words == sentence.tokens["b"] and tree.words[-1] == "."
        for word, head in enumerate(tree.heads):
            assert head - 1 == sentence.heads["b"][word]
    assert {name for tree in found.items for name in tree.relations} <= set(found.names)
    assert "acl" in found.names and "acl:relcl" not in found.names


def test_world_tags_spell_the_entities_out():
    found = world_examples("ner", WORLD, "a", "test", 200)
    kinds = Counter(kind for item in found.items for _, _, kind in spans(item.tags))
    assert set(kinds) == {"PER", "ORG", "LOC"}
    for item, sentence in zip(found.items, WORLD.sentences("test", 200), strict=True):
        assert spans(item.tags) == set(sentence.entities["a"])
    assert any(set(item.tags) == {"O"} for item in found.items)


def test_world_labels_are_balanced():
    found = world_examples("nli", WORLD, "a", "dev", 30)
    assert Counter(item.label for item in found.items) == dict.fromkeys(found.names, 10)


@pytest.mark.parametrize("name", ["passage_relation", "passage_relation_help", "interface_terms"])
def test_shipped_rows_are_the_same_in_every_language(name):
    english = examples(name, "en", "test", 40)
    russian = examples(name, "ru", "test", 40)
    assert english.task == SOURCES[name].kind and english.names == russian.names
    assert len(english.items) == 40 and english.source == f"{name} en test"
    if english.task == "nli":
        assert [item.label for item in english.items] == [item.label for item in russian.items]
    else:
        kinds = [
            [[kind for *_, kind in sorted(spans(item.tags))] for item in found.items]
            for found in (english, russian)
        ]
        assert kinds[0] == kinds[1]


def test_fewer_are_among_more_and_none_is_all():
    every = examples("interface_terms", "fr", "dev")
    some = examples("interface_terms", "fr", "dev", 50)
    few = examples("interface_terms", "fr", "dev", 10)
    assert set(few.items) < set(some.items) < set(every.items)
    assert few == examples("interface_terms", "fr", "dev", 10)
    assert few.items != every.items[:10]  # the file is in reading order
    assert len(every.items) > 50


def test_bible_and_help_are_told_apart():
    bible, of_help = (
        examples(name, "en", "test", 5) for name in ("passage_relation", "passage_relation_help")
    )
    assert {item.first for item in bible.items}.isdisjoint(item.first for item in of_help.items)


def test_xnli_labels_get_their_names(mirror):
    mirror(
        "facebook/xnli",
        "fr",
        "validation",
        {"premise": ["a", "c", "e"], "hypothesis": ["b", "d", "f"], "label": [2, 0, 1]},
    )
    found = examples("xnli", "fr", "dev")
    assert [(item.first, item.second, item.label) for item in found.items] == [
        ("a", "b", "contradiction"),
        ("c", "d", "entailment"),
        ("e", "f", "neutral"),
    ]
    assert found.source == "xnli fr validation"


def test_wikiann_tags_get_their_names(mirror):
    columns = {"tokens": [["Anna", "de", "Rome"]], "ner_tags": [[1, 0, 5]]}
    mirror("unimelb-nlp/wikiann", "fr", "train", columns)
    (item,) = examples("wikiann", "fr", "train").items
    assert item.words == ("Anna", "de", "Rome") and item.tags == ("B-PER", "O", "B-LOC")


def tree_columns(word: str, relation: str) -> dict:
    noun, verb = (UPOS.index(name) for name in ("NOUN", "VERB"))
    return {
        "tokens": [[word, "x"]],
        "upos": [[noun, verb]],
        "head": [["2", "0"]],
        "deprel": [[relation, "root"]],
    }


UD = "universal-dependencies/universal_dependencies"


def test_relations_lose_their_subtype(mirror):
    mirror(UD, "fr_gsd", "test", tree_columns("roi", "nsubj:pass"))
    found = examples("universal_dependencies", "fr", "test")
    assert found.items[0].relations == ("nsubj", "root") and found.items[0].heads == (2, 0)
    assert found.names == UNIVERSAL_RELATIONS and len(set(found.names)) == 37


def test_parts_of_speech_are_of_the_same_sentences(mirror):
    mirror(UD, "fr_gsd", "test", tree_columns("roi", "nsubj"))
    (tagged,) = examples("parts_of_speech", "fr", "test").items
    (tree,) = examples("universal_dependencies", "fr", "test").items
    assert tagged.words == tree.words and tagged.tags == ("NOUN", "VERB")


def test_simplified_chinese_is_preferred_and_the_source_says_which(mirror):
    mirror(UD, "zh_gsd", "train", tree_columns("後", "nsubj"))
    mirror(UD, "zh_gsd", "test", tree_columns("後", "nsubj"))
    mirror(UD, "zh_gsdsimp", "test", tree_columns("后", "nsubj"))
    simplified = examples("universal_dependencies", "zh", "test")
    assert simplified.items[0].words[0] == "后"
    assert simplified.source == "universal_dependencies zh_gsdsimp test"
    traditional = examples("universal_dependencies", "zh", "train")
    assert traditional.source == "universal_dependencies zh_gsd train"
    with pytest.raises(fetch.DataUnavailable, match="zh_gsd, validation"):
        examples("universal_dependencies", "zh", "dev")


def test_the_test_split_is_preferred_and_development_stands_in(mirror):
    columns = {"tokens": [["Rome"]], "ner_tags": [[5]]}
    mirror("unimelb-nlp/wikiann", "ru", "test", columns)
    mirror("unimelb-nlp/wikiann", "ru", "validation", columns)
    mirror("unimelb-nlp/wikiann", "zh", "validation", columns)
    assert evaluation_split("wikiann", "ru") == "test"
    assert evaluation_split("wikiann", "zh") == "dev"
    with pytest.raises(fetch.DataUnavailable):
        evaluation_split("wikiann", "fr")


def test_rows_are_taken_from_all_over_the_file(mirror):
    count = 3000
    columns = {"tokens": [[str(n)] for n in range(count)], "ner_tags": [[0]] * count}
    mirror("unimelb-nlp/wikiann", "en", "test", columns)
    places = [int(item.words[0]) for item in examples("wikiann", "en", "test", 300).items]
    assert len(set(places)) == 300 and places == sorted(places)
    fifths = Counter(place // 600 for place in places)
    assert len(fifths) == 5 and min(fifths.values()) > 35  # 60 on average, 7 the deviation


def test_unknown_relations_are_refused():
    assert universal_relation("acl:relcl") == "acl"
    with pytest.raises(ValueError, match="relation is 'subject'; allowed are 'acl'"):
        universal_relation("subject:x")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: examples("interface_terms", "it", "test"), "language is 'it'"),
        (
            lambda: examples("interface_terms", "fr", "test", 0),
            "count is 0; interface_terms",
        ),
        (lambda: examples("xnli", "fr", "validation"), "split is 'validation'; allowed"),
        (lambda: examples("universal_dependencies", "it", "test"), "language is 'it'"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    "make, said",
    [
        (
            lambda: TreeExample(("a", "b"), (2,), ("obj", "root")),
            r"heads is \(2,\); allowed is one",
        ),
        (lambda: TreeExample(("a", "b"), (2, 0), ("root",)), r"relations is .* each of 2 words"),
        (lambda: TreeExample(("a", "b"), (0, 0), ("root", "root")), "the roots are"),
        (lambda: TreeExample(("a", "b"), (2, 3), ("obj", "obj")), "the head of word 2 is 3"),
        (lambda: TreeExample(("a", "b"), (2, 0), ("obj", "obj")), "allowed is word 2 alone"),
        (lambda: TreeExample((), (), ()), r"the roots are \[\]"),
        (lambda: TaggedExample(("a", "b"), ("O",)), r"tags is \('O',\); allowed is one for each"),
        (lambda: ScoredExample("a", "b", float("nan")), "score is nan; allowed is a number"),
        (lambda: ScoredExample("a", "b", None), "score is None; allowed is a number"),
    ],
)
def test_examples_that_do_not_fit_together_are_refused(make, said):
    with pytest.raises(ValueError, match=said):
        make()
