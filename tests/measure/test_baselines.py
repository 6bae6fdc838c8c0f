"""What can be answered without an encoder."""

from dataclasses import replace

import pytest

from isomorph.measure.scores import attachment, majority, premise_alone
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


def made(task: str, *items) -> Examples:
    return Examples(task, (), items, "by hand")


def tree(*heads: int, relation: str = "obj") -> TreeExample:
    relations = tuple(relation if head else "root" for head in heads)
    return TreeExample(("w",) * len(heads), heads, relations)


def test_pairs_get_the_most_frequent_label_of_training():
    train = made(PAIR, *(PairExample("", "", label) for label in ("x", "y", "y")))
    test = made(PAIR, *(PairExample("", "", label) for label in "xxxx"))
    assert majority(train, test) == ["y"] * 4


def test_a_word_gets_its_own_most_frequent_tag_and_an_unseen_one_none():
    train = made(TAG, TaggedExample(("ann", "sees", "ann"), ("B-PER", "O", "B-LOC")),
                 TaggedExample(("ann", "lee"), ("B-PER", "I-PER")))  # fmt: skip
    test = made(TAG, TaggedExample(("lee", "ann", "voit"), ("O", "O", "O")),
                TaggedExample(("sees",), ("B-PER",)))  # fmt: skip
    assert majority(train, test) == [("I-PER", "B-PER", "O"), ("O",)]


def test_an_unseen_word_has_the_most_frequent_part_of_speech():
    train = made(SPEECH, TaggedExample(("he", "sees", "tea"), ("PRON", "VERB", "NOUN")),
                 TaggedExample(("tea", "sees"), ("NOUN", "NOUN")))  # fmt: skip
    test = made(SPEECH, TaggedExample(("he", "boit"), ("PRON", "VERB")))
    assert majority(train, test) == [("PRON", "NOUN")]


@pytest.mark.parametrize(
    ("train", "wanted"),
    [
        # Most heads stand just behind their word ...
        (made(TREE, tree(2, 3, 0), tree(0, 1)), (2, 3, 4, 0)),
        # ... or just before it, and then the first word is the root.
        (made(TREE, tree(0, 1, 2), tree(2, 0)), (0, 1, 2, 3)),
        # The root's own arc hangs on no neighbour, however it is counted.
        (made(TREE, tree(0), tree(0), tree(0), tree(2, 0)), (2, 3, 4, 0)),
    ],
)
def test_trees_are_chains_to_the_neighbour_that_is_right_more_often(train, wanted):
    ((heads, relations),) = majority(train, made(TREE, tree(0, 1, 2, 3)))
    assert heads == wanted
    assert relations == tuple("obj" if head else "root" for head in wanted)


def test_a_chain_has_the_most_frequent_relation_and_one_root():
    train = made(TREE, tree(0, 1, 1, relation="det"), tree(0, 1, relation="obj"))
    found = majority(train, made(TREE, tree(0), tree(0, 1)))
    assert found == [((0,), ("root",)), ((0, 1), ("root", "det"))]
    alone = majority(made(TREE, tree(0)), made(TREE, tree(0, 1)))
    assert [heads.count(0) for heads, _ in alone] == [1]


def test_the_test_examples_answers_are_never_looked_at():
    world = World(seed=0, lexemes=64, training_sentences=300)
    for task in (PAIR, TAG, TREE):
        train = world_examples(task, world, "a", "train", 60)
        test = world_examples(task, world, "b", "test", 20)
        blank = {
            PAIR: lambda i: PairExample(i.first, i.second, ""),
            TAG: lambda i: TaggedExample(i.words, ("O",) * len(i.words)),
            TREE: lambda i: replace(tree(*range(len(i.words))), words=i.words),
        }[task]
        assert majority(train, test) == majority(train, made(task, *map(blank, test.items)))


def test_in_a_world_the_neighbour_is_better_than_a_wrong_one():
    world = World(seed=0, lexemes=64, training_sentences=300)
    train = world_examples(TREE, world, "a", "train", 100)
    test = world_examples(TREE, world, "a", "test", 50)
    chains = {step: [chain(len(item.words), step) for item in test.items] for step in (-1, 1)}
    scores = {step: uas(test, heads) for step, heads in chains.items()}
    found = uas(test, [heads for heads, _ in majority(train, test)])
    assert found == max(scores.values()) > min(scores.values())


def chain(count: int, step: int) -> tuple[int, ...]:
    return tuple((i + step) % (count + 1) for i in range(1, count + 1))


def uas(test: Examples, heads) -> float:
    relations = [("x",) * len(item.words) for item in test.items]
    return attachment([i.heads for i in test.items], relations, heads, relations)["uas"]


def test_what_the_first_text_alone_says_of_the_label():
    train = made(PAIR, *(PairExample(f"{word} .", "z", word) for word in ("yes", "no") * 5))
    test = made(PAIR, PairExample("no .", "yes", "?"), PairExample("yes .", "no", "?"))
    assert premise_alone(train, test) == ["no", "yes"], "the second text is not read"
    with pytest.raises(ValueError, match="allowed are pairs"):
        premise_alone(made(TREE, tree(0)), made(TREE, tree(0)))
