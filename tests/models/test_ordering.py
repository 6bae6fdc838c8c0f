"""What the ordering head reads, how it scores sentences, and that it learns to order."""

from itertools import chain

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from isomorph.measure.scores import order_scores
from isomorph.models.finetune import finetune, predict
from isomorph.models.heads import at_words
from isomorph.models.ordering import (
    POOLINGS,
    OrderingHead,
    common_length,
    sentence_tokens,
    sentences_apart,
)
from isomorph.models.pretrained import load_encoder
from isomorph.models.settings import TuningConfig
from isomorph.text.examples import ORDER, PAIR, Examples, OrderExample
from isomorph.text.vocab import SEPARATOR, START
from tests.models import toy

KINDS = ("ours", "bert", "roberta")
FAST = TuningConfig(epochs=10, batch=16, learning_rate=5e-3, head_rate=5e-3)


def texts(*items: tuple[tuple[str, ...], tuple[int, ...]]) -> Examples:
    return Examples(ORDER, (), tuple(OrderExample(*item) for item in items), "toy")


def planted(count: int, seed: int = 0) -> Examples:
    """A city comes first. Of rome the small animal is told next, of oslo the large one: only who
    reads the city's sentence together with theirs can know."""
    generator = np.random.default_rng([seed, 2])
    items = []
    for _ in range(count):
        city = str(generator.choice(["rome", "oslo"]))
        animals = [f"the {generator.choice(side)}" for side in (toy.SMALL, toy.LARGE)]
        told = [city, *(animals if city == "rome" else animals[::-1])]
        places = generator.permutation(3).tolist()
        items.append((tuple(told[place] for place in places), tuple(places)))
    return texts(*items)


def model(kind: str, **changes):
    if kind == "ours":
        return toy.ours(length=64, **changes)
    return toy.hugging_face(kind, max_position_embeddings=64, **changes)


def head_of(kind: str = "ours", encoder=None, **given):
    return toy.seeded_head(OrderingHead, encoder or model(kind), **given)


UNEVEN = texts(
    (("the horse sees .", "ann", "rome fears the old whale .", "bob kowalski"), (3, 0, 2, 1)),
    (("rome", "oslo hears bob"), (1, 0)),
)


def test_a_text_is_its_sentences_with_special_tokens_around_each():
    for item, row in zip(
        UNEVEN.items, head_of().encode(UNEVEN, toy.tokenizer("ours")), strict=True
    ):
        ids, segments, places = [], [], []
        for number, sentence in enumerate(item.sentences):
            places.append(len(ids))
            ids += [START, *toy.subwords(sentence), SEPARATOR]
            segments += [number % 2] * (len(ids) - len(segments))
        assert (row.ids, row.segments, row.words) == (ids, segments, places)
        assert row.targets == list(item.order) and row.heads == []


def test_long_texts_are_cut_to_one_common_length():
    head, tokenizer = head_of(encoder=toy.ours(length=30)), toy.tokenizer("ours")
    sentences = ("the horse sees rome .", "ann", "rome fears the old mammoth . " * 3, "the " * 8)
    (row,) = head.encode(texts((sentences, (0, 1, 2, 3))), tokenizer)
    lengths = [len(toy.subwords(sentence)) for sentence in sentences]
    room = common_length(lengths, 30 - 8)
    assert lengths[1] < room < min(lengths[0], lengths[2], lengths[3])
    expected = [[START, *toy.subwords(sentence)[:room], SEPARATOR] for sentence in sentences]
    assert row.ids == list(chain(*expected)) and 30 - 3 < len(row.ids) <= 30
    # The cut is the same in whatever order the sentences are read.
    (other,) = head.encode(texts((sentences[::-1], (3, 2, 1, 0))), tokenizer)
    assert other.ids == list(chain(*expected[::-1]))
    assert predict(head, texts((sentences, (0, 1, 2, 3))), tokenizer, language="a")


@given(st.lists(st.integers(0, 40), min_size=1, max_size=8), st.integers(0, 120))
def test_the_common_length_is_the_greatest_that_fits(lengths, room):
    def together(length):
        return sum(min(own, length) for own in lengths)

    fitting = [length for length in range(max(lengths) + 1) if together(length) <= room]
    assert common_length(lengths, room) == max(fitting)


def test_more_sentences_than_there_is_room_for_are_refused():
    head = head_of(encoder=toy.ours(length=20))
    head.encode(texts((("ann",) * 6, tuple(range(6)))), toy.tokenizer("ours"))
    with pytest.raises(ValueError, match="a text has 7 sentences; the 20 tokens .* at most 6"):
        head.encode(texts((("ann",) * 7, tuple(range(7)))), toy.tokenizer("ours"))


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("interaction", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_gives_what_each_text_gives_alone(kind, interaction, pooling):
    head = head_of(kind, interaction=interaction, pooling=pooling)
    together = toy.scores_of(head, UNEVEN, kind)
    for row, item in zip(together, UNEVEN.items, strict=True):
        (single,) = toy.scores_of(head, Examples(ORDER, (), (item,), "toy"), kind)
        torch.testing.assert_close(row[: len(single)], single, rtol=1e-4, atol=1e-5)
    found = predict(head, UNEVEN, toy.tokenizer(kind), language=toy.language_of(kind))
    for row, item, places in zip(together.tolist(), UNEVEN.items, found, strict=True):
        row = row[: len(item.sentences)]
        assert list(places) == [sum(other > own for other in row) for own in row]


@pytest.mark.parametrize("kind", KINDS)
def test_the_mean_is_that_of_a_sentences_own_words(kind):
    head = head_of(kind, pooling="mean")
    found, batch = toy.scores_of(head, UNEVEN, kind), toy.batch_of(head, UNEVEN, kind)
    with torch.inference_mode():
        hidden = head.hidden(batch, toy.language_of(kind))
        for text, item in enumerate(UNEVEN.items):
            at = 0
            for number, sentence in enumerate(item.sentences):
                end = at + 1 + len(toy.subwords(sentence))
                score = head.out(hidden[text, at + 1 : end].mean(0))[0]
                torch.testing.assert_close(found[text, number], score, rtol=1e-4, atol=1e-5)
                at = end + 1


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("kind", KINDS)
def test_without_interaction_each_sentence_is_read_alone(kind, pooling):
    head = head_of(kind, interaction=False, pooling=pooling)
    found = toy.scores_of(head, UNEVEN, kind)
    language = {"language": "a"} if kind == "ours" else {}
    for item, row in zip(UNEVEN.items, found, strict=True):
        for sentence, score in zip(item.sentences, row, strict=False):
            ids = torch.tensor([[START, *toy.subwords(sentence), SEPARATOR]])  # slowly, one by one
            with torch.inference_mode():
                states = head.encoder(input_ids=ids, **language).last_hidden_state[0]
                state = states[0] if pooling == "first" else states[1:-1].mean(0)
                torch.testing.assert_close(score, head.out(state)[0], rtol=1e-4, atol=1e-5)


def test_only_with_interaction_a_sentence_changes_anothers_score():
    one = texts((("the horse sees .", "ann sees rome ."), (1, 0)))
    other = texts((("the horse sees .", "ann sees oslo ."), (1, 0)))
    for interaction in (True, False):
        head = head_of("bert", interaction=interaction)
        change = (toy.scores_of(head, one, "bert") - toy.scores_of(head, other, "bert")).abs()[0]
        assert (change[0] > 1e-4) == interaction and change[1] > 1e-4


def test_every_sentence_has_a_score_of_its_own_in_our_encoder():
    # With positions that begin anew, every other sentence would have one and the same score.
    (row,) = toy.scores_of(head_of(), texts((("ann", "rome", "oslo", "bob", "lee"), range(5))))
    assert (row[:, None] - row).abs().add(torch.eye(5)).min() > 1e-5


@pytest.mark.parametrize("kind", ["ours", "bert"])
def test_the_segments_are_seen(kind):
    head = head_of(kind)
    before = toy.scores_of(head, UNEVEN, kind)
    with torch.no_grad():
        marks = head.second if kind == "ours" else head.encoder.embeddings.token_type_embeddings
        (marks if kind == "ours" else marks.weight[1]).add_(torch.linspace(-1, 1, 32))
    assert (before - toy.scores_of(head, UNEVEN, kind)).abs().max() > 0.01
    assert toy.batch_of(head, UNEVEN, kind).segments[0].unique().tolist() == [0, 1]


def test_sentences_of_a_batch_as_rows_of_their_own():
    batch = toy.batch_of(head_of(), UNEVEN)
    rows = sentences_apart(batch)
    flat = [sentence for item in UNEVEN.items for sentence in item.sentences]
    for ids, attention, content, sentence in zip(
        rows.ids, rows.attention, rows.content, flat, strict=True
    ):
        expected = [START, *toy.subwords(sentence), SEPARATOR]
        assert ids[attention.bool()].tolist() == expected
        assert ids[content].tolist() == expected[1:-1]
    assert rows.targets[:, 0].tolist() == [place for item in UNEVEN.items for place in item.order]
    assert not rows.segments.any() and rows.lengths.tolist() == [1] * len(flat)


def tuned(kind: str, **given) -> dict[str, float]:
    head, language = head_of(kind, **given), toy.language_of(kind)
    tokenizer = toy.tokenizer(kind)
    losses = finetune(
        head, planted(320), tokenizer, FAST, language=language, device="cpu", progress=False
    )
    assert losses[-1] < losses[0] and not head.training
    held_out = planted(100, seed=1)
    found = predict(head, held_out, tokenizer, language=language)
    return order_scores([item.order for item in held_out.items], found)


@pytest.mark.parametrize("margin", [0.0, 1.0])
@pytest.mark.parametrize("kind", ["ours", "bert"])
def test_it_learns_to_order(kind, margin):
    found = tuned(kind, margin=margin)
    assert found["accuracy"] > 0.9 and found["pmr"] > 0.85 and found["tau"] > 0.9


def test_it_learns_from_the_mean_of_words():
    assert tuned("ours", pooling="mean")["pmr"] > 0.85


@pytest.mark.parametrize("kind", ["ours", "bert"])
def test_without_interaction_it_learns_only_what_a_sentence_tells_alone(kind):
    found = tuned(kind, interaction=False)
    # The city still comes first; which animal is next is a guess.
    assert 0.3 < found["pmr"] < 0.7 and 0.5 < found["tau"] < 0.85


def test_the_seed_alone_decides_the_weights():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    one, same, other = (head_of(seed=seed).out.weight for seed in (0, 0, 1))
    assert torch.equal(one, same) and not torch.equal(one, other)
    assert torch.equal(before, torch.get_rng_state())


def test_a_pretrained_encoder_scores_sentences():
    encoder, tokenizer = load_encoder("sentence-transformers/all-MiniLM-L6-v2")
    told = ("He woke up.", "He had breakfast.", "He went to work.")
    wanted = texts((told, (0, 1, 2)), (told[::-1], (2, 1, 0)))
    head = head_of(encoder=encoder, interaction=False).eval()
    first, second = head.encode(wanted, tokenizer)
    assert first.segments[0] == 0 and tokenizer.decode(first.ids).count("[CLS]") == 3
    with torch.inference_mode():
        rows = head.scores(head.collate([first, second], tokenizer), None)
    torch.testing.assert_close(rows[0], rows[1].flip(0), rtol=1e-4, atol=1e-5)
    # Why the mean of words can be asked for: read together, its [CLS]s are hardly to be told apart.
    batch = head.collate([first], tokenizer)
    inside = sentence_tokens(batch).float()
    with torch.inference_mode():
        hidden = head.hidden(batch, None)
    for vectors, alike in ((at_words(hidden, batch.words), True), (inside @ hidden, False)):
        vectors = torch.nn.functional.normalize(vectors[0], dim=-1)
        assert ((vectors @ vectors.T).min() > 0.999) == alike


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="pooling is 'max'; allowed are 'first', 'mean'"):
        head_of(pooling="max")
    with pytest.raises(ValueError, match="margin is -1; allowed is a number from 0"):
        head_of(margin=-1)
    with pytest.raises(ValueError, match="examples.task is 'nli'; allowed are 'ordering'"):
        head_of().encode(toy.examples(PAIR, count=1), toy.tokenizer("ours"))
    tokenizer = toy.roberta_tokenizer()
    tokenizer.sep_token = None
    with pytest.raises(ValueError, match="sep_token"):
        head_of("roberta").encode(UNEVEN, tokenizer)
