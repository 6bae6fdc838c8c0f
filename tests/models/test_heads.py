"""What a head reads of an example, and what it says: places, cuts, positions, pooling, batches."""

import pytest
import torch

from isomorph.models.finetune import head_for, predict
from isomorph.models.heads import restarted
from isomorph.models.inputs import IGNORED, encode
from isomorph.text.examples import (
    PAIR,
    TAG,
    TASKS,
    TREE,
    Examples,
    PairExample,
    TaggedExample,
    TreeExample,
)
from isomorph.text.vocab import SEPARATOR, START
from tests.models import toy


def only(task: str, *items) -> Examples:
    return Examples(task, toy.NAMES[task], items, "test")


def encoded(wanted: Examples, longest: int | None = None, **settings):
    tokenizer = toy.vocabulary().tokenizer("a")
    return encode(wanted, tokenizer, wanted.names, longest=longest, **settings)


def batch_of(head, wanted: Examples, kind: str = "ours"):
    tokenizer = toy.tokenizer(kind)
    return head.collate(head.encode(wanted, tokenizer), tokenizer)


def subwords(word: str) -> list[int]:
    return toy.vocabulary().tokenizer("a")(word, add_special_tokens=False)["input_ids"]


@pytest.mark.parametrize("task", [TAG, TREE])
def test_a_words_place_is_that_of_its_first_subword(task):
    wanted = toy.examples(task, count=30)
    assert any(len(subwords(word)) > 1 for item in wanted.items for word in item.words)
    for item, row in zip(wanted.items, encoded(wanted), strict=True):
        ids, places = [START], []
        for word in item.words:  # slowly, each word alone
            places.append(len(ids))
            ids += subwords(word)
        assert row.ids == [*ids, SEPARATOR]
        assert row.words == places
        names = item.tags if task == TAG else item.relations
        assert [wanted.names[i] for i in row.targets] == list(names)
        assert row.heads == (list(item.heads) if task == TREE else [])


def test_words_that_are_cut_off_get_no_answer_and_are_nobodys_head():
    words = ("the", "horse", "sees", "the", "flea", ".")
    tree = only(TREE, TreeExample(words, (2, 3, 0, 5, 3, 3), ("det", "nsubj", "root", "det", "obj",
                                                             "punct")))  # fmt: skip
    (whole,) = encoded(tree)
    place = whole.words[2]  # of "sees", which is the last to have room
    (row,) = encoded(tree, longest=place + 2)
    assert len(row.ids) == place + 2 and row.ids[-1] == SEPARATOR
    assert row.words == whole.words[:3] and row.heads == [2, 3, 0]
    (row,) = encoded(tree, longest=place + 1)
    assert row.words == whole.words[:2] and row.heads == [2, IGNORED]
    assert row.targets == whole.targets[:2]


def test_a_word_cut_within_still_has_its_first_subword():
    assert len(subwords("horse")) == 4
    tagged = only(TAG, TaggedExample(("the", "horse"), ("O", "B-LOC")))
    (row,) = encoded(tagged, longest=4)
    assert row.words == [1, 2] and len(row.targets) == 2


@pytest.mark.parametrize("task", [TAG, TREE])
def test_answers_end_where_the_encoder_does(task):
    wanted = toy.examples(task, count=1)
    (item,) = wanted.items
    longer = (item.words * 9, item.tags * 9) if task == TAG else None
    if task == TREE:
        heads = tuple(range(9 * len(item.words)))
        longer = (item.words * 9, heads, ("root", *["obj"] * (len(heads) - 1)))
    many = only(task, type(item)(*longer), item)
    cut, whole = predict(toy.head(task), many, toy.tokenizer("ours"))
    length = len(cut if task == TAG else cut[0])
    assert len(item.words) < length < len(item.words) * 9
    assert len(whole if task == TAG else whole[0]) == len(item.words)


@pytest.mark.parametrize("task", [TAG, TREE])
def test_a_text_of_which_the_tokeniser_leaves_nothing(task):
    nothing = ("\u200e", "\u200e")
    empty = TaggedExample(nothing, ("O", "O")) if task == TAG else None
    if task == TREE:
        empty = TreeExample(nothing, (0, 1), ("root", "obj"))
    some = toy.examples(task, count=2).items
    head, none = toy.head(task), () if task == TAG else ((), ())
    alone = predict(head, only(task, empty), toy.tokenizer("ours"))
    between = predict(head, only(task, some[0], empty, some[1]), toy.tokenizer("ours"))
    assert alone == [none] and between[1] == none
    assert [between[0], between[2]] == predict(head, only(task, *some), toy.tokenizer("ours"))


def test_a_dropped_word_before_others_keeps_its_turn():
    tagged = only(TAG, TaggedExample(("\u200e", "rome"), ("O", "B-LOC")))
    (row,) = encoded(tagged)
    assert row.words == [0, 1] and [tagged.names[i] for i in row.targets] == ["O", "B-LOC"]


def test_names_that_are_not_known_teach_nothing():
    rows = encode(only(TAG, TaggedExample(("rome", "."), ("B-ORG", "O"))),
                  toy.tokenizer("ours"), ("O", "B-LOC"), longest=None)  # fmt: skip
    assert rows[0].targets == [IGNORED, 0]


def test_each_sentence_of_a_pair_has_the_room_it_was_pretrained_with():
    item = PairExample("the ant sees " * 20, "the flea sees", "grows")
    head = toy.head(PAIR)
    (row,) = head.encode(only(PAIR, item), toy.tokenizer("ours"))
    first, second = subwords(item.first)[: toy.LENGTH - 2], subwords(item.second)
    assert row.ids == [START, *first, SEPARATOR, *second, SEPARATOR]
    assert row.segments == [0] * toy.LENGTH + [1] * (1 + len(second))
    assert predict(head, only(PAIR, item, item), toy.tokenizer("ours")) in (
        ["grows"] * 2, ["shrinks"] * 2,
    )  # fmt: skip
    running = toy.head(PAIR, restart=False)  # pretrained on running text: both in one window
    (row,) = running.encode(only(PAIR, item), toy.tokenizer("ours"))
    assert len(row.ids) == toy.LENGTH and set(row.segments) == {0, 1}


def test_restarted_positions_by_hand():
    segments = torch.tensor([[0, 0, 0, 1, 1, 1], [0, 0, 1, 1, 0, 0]])
    attention = torch.tensor([[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0]])
    assert restarted(segments, attention).tolist() == [[0, 1, 2, 1, 2, 3], [0, 1, 1, 2, 0, 0]]


def test_the_sentences_of_a_pair_are_read_as_each_alone_where_they_do_not_see_each_other():
    head = toy.head(PAIR).eval()
    wanted = toy.examples(PAIR, count=1)
    batch = batch_of(head, wanted)
    second = batch.segments.bool()
    length = int((~second).sum())
    same = second[:, :, None] == second[:, None, :]
    texts = [wanted.items[0].first, wanted.items[0].second]
    with torch.inference_mode():
        blocked = head.encoder(
            batch.ids, same, position_ids=restarted(batch.segments, batch.attention)
        ).last_hidden_state[0]
        alone = [torch.tensor([[START, *subwords(text), SEPARATOR]]) for text in texts]
        torch.testing.assert_close(blocked[:length], head.encoder(alone[0]).last_hidden_state[0])
        # The second has no [CLS] of its own, so nobody may see it here either.
        seen = torch.ones(1, alone[1].shape[1], alone[1].shape[1])
        seen[:, 1:, 0] = 0
        expected = head.encoder(alone[1], seen).last_hidden_state[0, 1:]
    torch.testing.assert_close(blocked[length:], expected)


def test_what_tells_the_sentences_of_a_pair_apart():
    there = toy.examples(PAIR, count=8)
    swapped = only(PAIR, *(PairExample(i.second, i.first, i.label) for i in there.items))
    head = toy.head(PAIR, pooling="mean").eval()
    with torch.inference_mode():
        # With restarted positions and no mark, the order of the two is nowhere to be seen ...
        before = [head.scores(batch_of(head, w), "a") for w in (there, swapped)]
        head.second += torch.randn(head.width, generator=torch.Generator().manual_seed(0))
        after = [head.scores(batch_of(head, w), "a") for w in (there, swapped)]
    torch.testing.assert_close(*before)
    assert (after[0] - after[1]).abs().max() > 0.01  # ... and the mark alone shows it


def test_mean_pooling_leaves_out_padding_and_special_tokens():
    wanted = only(PAIR, PairExample("the ant sees", "the horse", "grows"),
                  PairExample("the", "the ant", "shrinks"))  # fmt: skip
    for kind in ("ours", "roberta"):
        head = toy.head(PAIR, kind, pooling="mean").eval()
        with torch.inference_mode():
            batch = batch_of(head, wanted, kind)
            assert (batch.attention == 0).any(), "one is padded"
            hidden = head.hidden(batch, "a")
            for row, item, scores in zip(
                hidden, wanted.items, head.scores(batch, "a"), strict=True
            ):
                n, m = len(subwords(item.first)), len(subwords(item.second))
                start = 1 + n + (2 if kind == "roberta" else 1)  # </s></s> or [SEP]
                mean = torch.cat([row[1 : 1 + n], row[start : start + m]]).mean(0)
                torch.testing.assert_close(scores, head.out(mean), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["ours", "bert", "roberta"])
@pytest.mark.parametrize("task", TASKS)
def test_a_batch_gives_what_each_example_gives_alone(task, kind):
    head = toy.head(task, kind).eval()
    wanted = toy.examples(task, count=6)
    language = "a" if kind == "ours" else None
    with torch.inference_mode():
        if task == TREE:  # scores start at nothing: with zero weights every tree would do
            for weight in (head.biaffine.arc_weight, head.biaffine.relation_weight):
                weight.normal_(generator=torch.Generator().manual_seed(0))
        together = head.scores(batch_of(head, wanted, kind), language)
        singles = [head.scores(batch_of(head, only(task, i), kind), language) for i in wanted.items]
    for i, single in enumerate(singles):
        pairs = [(together, single)] if task != TREE else zip(together, single, strict=True)
        for many, one in pairs:
            part = many[i][tuple(slice(0, size) for size in one.shape[1:])]
            torch.testing.assert_close(part, one[0], rtol=1e-3, atol=1e-4)
    answers = predict(head, wanted, toy.tokenizer(kind), language=language, batch=4)
    alone = [
        predict(head, only(task, i), toy.tokenizer(kind), language=language)[0]
        for i in wanted.items
    ]
    assert answers == alone and (task == PAIR or len(set(answers)) > 1)


def test_the_seed_alone_decides_a_heads_weights():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    for task in TASKS:
        one, same, other = (toy.head(task, seed=seed).state_dict() for seed in (0, 0, 1))
        assert all(torch.equal(one[name], same[name]) for name in one)
        assert any(not torch.equal(one[name], other[name]) for name in one)
    assert torch.equal(before, torch.get_rng_state())


def test_a_masked_language_model_lends_its_encoder():
    whole = toy.hugging_face("bert-mlm")
    head = head_for(TAG, whole, toy.NAMES[TAG], seed=0)
    assert head.encoder is whole.bert and head.width == 32
    mine = toy.ours()
    assert head_for(TAG, mine, toy.NAMES[TAG], seed=0).encoder is mine.encoder
    assert head_for(TAG, mine.encoder, toy.NAMES[TAG], seed=0).encoder is mine.encoder


def test_a_checkpoint_in_bf16_is_tuned_in_fp32():
    head = head_for(TAG, toy.hugging_face("bert").bfloat16(), toy.NAMES[TAG], seed=0)
    assert {p.dtype for p in head.parameters()} == {torch.float32}


def test_berts_own_mark_of_the_second_sentence_is_used():
    head, wanted = toy.head(PAIR, "bert").eval(), toy.examples(PAIR, count=4)
    with torch.inference_mode():
        before = head.scores(batch_of(head, wanted, "bert"), None)
        head.encoder.embeddings.token_type_embeddings.weight[1] += torch.arange(32.0)
        after = head.scores(batch_of(head, wanted, "bert"), None)
    assert head.second is None and (before - after).abs().max() > 0.01


@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_long_texts_are_cut_to_the_positions_there_are(kind):
    model = toy.hugging_face(kind, max_position_embeddings=12)
    head = head_for(TAG, model, toy.NAMES[TAG], seed=0)
    tagged = only(TAG, TaggedExample(("the",) * 50, ("O",) * 50))
    (tags,) = predict(head, tagged, toy.tokenizer(kind))
    # RoBERTa counts positions from behind that of the padding, here 0.
    assert len(tags) == 12 - 2 - (kind == "roberta")


def test_an_unknown_task_is_named():
    allowed = "allowed are 'nli', 'similarity', 'ner', 'tags', 'parsing', 'ordering', 'phrases', "
    with pytest.raises(ValueError, match=rf"task is 'qa'; {allowed}"):
        head_for("qa", toy.ours(), ("yes", "no"), seed=0)


def test_a_language_must_be_named_where_it_matters():
    head = toy.head_of(TAG, toy.ours(specific=("layer.0",)))
    with pytest.raises(ValueError, match="language is None"):
        predict(head, toy.examples(TAG, count=1), toy.tokenizer("ours"))
