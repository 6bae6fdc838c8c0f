"""What the head of phrases reads, how it scores texts and phrase pairs, and that it learns both."""

import math

import numpy as np
import pytest
import torch

from isomorph.measure.scores import phrase_scores
from isomorph.models.finetune import finetune, predict
from isomorph.models.inputs import IGNORED
from isomorph.models.settings import TuningConfig
from isomorph.models.spans import LEVELS, PhraseHead, span_means
from isomorph.text.examples import PAIR, PHRASES, Examples, PhraseExample
from isomorph.text.vocab import SEPARATOR, START
from tests.models import toy

KINDS = ("ours", "bert", "roberta")
FAST = TuningConfig(epochs=10, batch=16, learning_rate=5e-3, head_rate=5e-3)

TWO = PhraseExample(
    ("the", "horse", "sees", "kowalski", "."),
    ("ann", "kowalski", "fears", "rome"),
    True,
    (((0, 2), (0, 2), True), ((3, 4), (3, 4), False), ((1, 4), (0, 4), False)),
)
SHORT = PhraseExample(("rome",), ("oslo", "hears"), False, ())
UNEVEN = Examples(PHRASES, (), (TWO, SHORT), "toy")


def planted(count: int, seed: int = 0) -> Examples:
    """Small animals are paraphrases of each other, as are large ones. The texts say the same when
    the second is about seeing."""
    generator = np.random.default_rng([seed, 3])
    items, places = [], ((0, 2), (3, 5))
    for _ in range(count):
        animals = generator.choice(toy.SMALL + toy.LARGE, size=(2, 2)).tolist()
        verb = str(generator.choice(["sees", "fears"]))
        first, second = (
            ("the", one, between, "the", other)
            for (one, other), between in zip(animals, ("hears", verb), strict=True)
        )
        spans = tuple(
            (places[i], places[j], (animals[0][i] in toy.SMALL) == (animals[1][j] in toy.SMALL))
            for i in range(2)
            for j in range(2)
        )
        items.append(PhraseExample(first, second, verb == "sees", spans))
    return Examples(PHRASES, (), tuple(items), "toy")


def model(kind: str, **changes):
    if kind == "ours":
        return toy.ours(**changes)
    return toy.hugging_face(kind, **changes)


def head_of(kind: str = "ours", encoder=None, **given):
    return toy.seeded_head(PhraseHead, encoder or model(kind), **given)


def subwords(words) -> list[int]:
    return [
        number
        for word in words
        for number in toy.vocabulary().tokenizer("a")(word, add_special_tokens=False)["input_ids"]
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_the_phrases_are_found_among_the_tokens(kind):
    row, short = head_of(kind).encode(UNEVEN, toy.tokenizer(kind))
    assert row.words == row.heads == [] and len(row.spans) == 3
    assert row.targets == [1, 1, 0, 0] and short.targets == [0] and short.spans == []
    for (first, second, _), (start, end, other, last) in zip(TWO.spans, row.spans, strict=True):
        assert row.ids[start:end] == subwords(TWO.first[slice(*first)])
        assert row.ids[other:last] == subwords(TWO.second[slice(*second)])
    if kind != "roberta":
        first, second = subwords(TWO.first), subwords(TWO.second)
        assert len(first) > len(TWO.first)
        assert row.ids == [START, *first, SEPARATOR, *second, SEPARATOR]
        assert row.segments == [0] * (len(first) + 2) + [1] * (len(second) + 1)


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_gives_what_each_example_gives_alone(kind):
    head = head_of(kind)
    texts, phrases = toy.scores_of(head, UNEVEN, kind)
    assert texts.shape == (2, 2) and phrases.shape == (2, 3, 2)
    for number, item in enumerate(UNEVEN.items):
        alone = Examples(PHRASES, (), (item,), "toy")
        text, pairs = toy.scores_of(head, alone, kind)
        torch.testing.assert_close(text[0], texts[number], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(
            pairs[0], phrases[number, : len(item.spans)], rtol=1e-4, atol=1e-5
        )
    found = predict(head, UNEVEN, toy.tokenizer(kind), language=toy.language_of(kind))
    (same, pairs), (_, none) = found
    assert same == bool(texts[0].argmax()) and none == ()
    assert list(pairs) == phrases[0].argmax(-1).bool().tolist()


def test_the_mean_of_a_stretch():
    hidden = torch.arange(12.0).view(1, 4, 3)
    found = span_means(hidden, torch.tensor([[[1, 3], [0, 4], [0, 0]]]))
    torch.testing.assert_close(found[0, 0], hidden[0, 1:3].mean(0))
    torch.testing.assert_close(found[0, 1], hidden[0].mean(0))
    assert not found[0, 2].any()


@pytest.mark.parametrize("kind", KINDS)
def test_phrases_that_are_cut_off_are_left_out_and_denied(kind):
    words = ("the", "ant") * 8 + ("kowalski",)
    item = PhraseExample(
        words, words, True, tuple(((a, a + 1), (a, a + 1), True) for a in (0, 15, 16))
    )
    changes = {"length": 20} if kind == "ours" else {"max_position_embeddings": 38}
    head, tokenizer = head_of(kind, model(kind, **changes)), toy.tokenizer(kind)
    wanted = Examples(PHRASES, (), (item,), "toy")
    (row,) = head.encode(wanted, tokenizer)
    assert subwords(words[:1]) == row.ids[slice(*row.spans[0][:2])]
    # Of the name, which is several subwords, some may be read: that is not the phrase.
    assert len(row.spans) == 3 and row.spans[2] == (0, 0, 0, 0) and row.targets[3] == IGNORED
    with torch.no_grad():
        head.phrases.weight.zero_()
        head.phrases.bias.copy_(torch.tensor([0.0, 1.0]))
    ((_, pairs),) = predict(head, wanted, tokenizer, language=toy.language_of(kind))
    assert pairs == tuple(any(span) for span in row.spans) and pairs[0]


def test_our_encoder_reads_the_second_text_from_position_one():
    both = Examples(PHRASES, (), (PhraseExample(("the",) * 15, ("the",) * 15, True, ()),), "toy")
    (row,) = head_of().encode(both, toy.tokenizer("ours"))
    assert len(row.ids) == 33 > toy.LENGTH
    head = head_of()
    head.restart = False
    (row,) = head.encode(both, toy.tokenizer("ours"))
    assert len(row.ids) == toy.LENGTH
    assert predict(head_of(), both, toy.tokenizer("ours"), language="a")[0][1] == ()


@pytest.mark.parametrize("level", LEVELS)
def test_the_loss_is_of_the_levels_that_are_asked_for(level):
    head, tokenizer = head_of(level=level), toy.tokenizer("ours")
    rows = head.encode(UNEVEN, tokenizer)
    with torch.no_grad():
        for layer in (head.texts, head.phrases):
            layer.weight.zero_()
            layer.bias.zero_()
    loss = head.loss(head.collate(rows, tokenizer), "a")
    expected = math.log(2) * (2 if level == "both" else 1)
    torch.testing.assert_close(loss.item(), expected)
    assert any(target != IGNORED for target in rows[1].targets) == (level != "phrases")
    loss.backward()
    for layer, name in ((head.texts, "sentences"), (head.phrases, "phrases")):
        learns = layer.bias.grad is not None and bool(layer.bias.grad.any())
        # Of one text that is the same and one that is not, the two gradients cancel out.
        assert learns == (name == "phrases" and level != "sentences")
    # A batch without any phrase pair still has a loss.
    assert head.loss(head.collate(rows[1:], tokenizer), "a").isfinite()


@pytest.mark.parametrize("kind", ["ours", "bert"])
def test_it_learns_both_levels(kind):
    head, tokenizer, wanted = head_of(kind), toy.tokenizer(kind), planted(200)
    losses = finetune(
        head, wanted, tokenizer, FAST, language=toy.language_of(kind), device="cpu", progress=False
    )
    assert losses[-1] < losses[0] and not head.training
    held_out = planted(100, seed=1)
    found = phrase_scores(
        held_out, predict(head, held_out, tokenizer, language=toy.language_of(kind))
    )
    assert found["phrase_accuracy"] > 0.95 and found["phrase_f1"] > 0.95
    assert found["sentence_accuracy"] > 0.9


@pytest.mark.parametrize("level", ["phrases", "sentences"])
def test_it_learns_one_level(level):
    head, tokenizer, wanted = head_of(level=level), toy.tokenizer("ours"), planted(200)
    finetune(head, wanted, tokenizer, FAST, language="a", device="cpu", progress=False)
    found = phrase_scores(wanted, predict(head, wanted, tokenizer, language="a"))
    right, other = found["phrase_accuracy"], found["sentence_accuracy"]
    right, other = (right, other) if level == "phrases" else (other, right)
    assert right > 0.95 and other < 0.9


def test_examples_without_phrases_teach_no_phrases():
    alone = Examples(PHRASES, (), (SHORT,), "toy")
    settings = {"language": "a", "device": "cpu", "progress": False}
    finetune(head_of(), alone, toy.tokenizer("ours"), FAST, **settings)
    with pytest.raises(ValueError, match="none of the 1 examples has an answer"):
        finetune(head_of(level="phrases"), alone, toy.tokenizer("ours"), FAST, **settings)
    assert head_of().encode(Examples(PHRASES, (), (), "toy"), toy.tokenizer("ours")) == []


def test_the_scores():
    found = phrase_scores(UNEVEN, [(True, (True, True, False)), (True, ())])
    assert found == {
        "sentence_accuracy": 1 / 2,
        "phrase_accuracy": 2 / 3,
        "phrase_accuracy_within": 2 / 3,
        "phrase_f1": 2 / 3,
    }
    other = PhraseExample(("a",), ("b",), False, (((0, 1), (0, 1), False),))
    found = phrase_scores(Examples(PHRASES, (), (other,), "toy"), [(False, (False,))])
    assert found["phrase_accuracy"] == 1 and found["phrase_accuracy_within"] == 0


def test_the_seed_alone_decides_the_weights():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    one, same, other = (head_of(seed=seed).phrases.weight for seed in (0, 0, 1))
    assert torch.equal(one, same) and not torch.equal(one, other)
    assert torch.equal(before, torch.get_rng_state())


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="level is 'words'; allowed are 'both', 'phrases'"):
        head_of(level="words")
    with pytest.raises(ValueError, match="examples.task is 'nli'; allowed are 'phrases'"):
        head_of().encode(toy.examples(PAIR, count=1), toy.tokenizer("ours"))
    with pytest.raises(
        ValueError, match="answers has 1 texts and gold 2; allowed is the same number"
    ):
        phrase_scores(UNEVEN, [(True, (True,) * 3)])
    with pytest.raises(ValueError, match="answers has 1 for the phrase pairs .* its spans, 3"):
        phrase_scores(UNEVEN, [(True, (True,)), (True, ())])
