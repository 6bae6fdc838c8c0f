"""Words of texts and of lists, with every kind of tokeniser that encoders have."""

import unicodedata

import pytest
import torch
from transformers import BertConfig, BertModel

from isomorph.measure.comparison import compare
from isomorph.measure.represent import represent, stream
from isomorph.measure.words import (
    Reader,
    embedding_words,
    keyed_dictionary,
    word_averages,
)
from isomorph.models.inputs import encode
from isomorph.models.spans import PhraseHead
from isomorph.text.examples import (
    PAIR,
    PHRASES,
    TAG,
    Examples,
    PairExample,
    PhraseExample,
    TaggedExample,
)
from tests.text.tokenisers import MAKERS, tokeniser

KINDS = tuple(MAKERS)
SENTENCE = ["God", "made", "the", "earth"]


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return BertModel(
        BertConfig(
            vocab_size=700, hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
            intermediate_size=32, max_position_embeddings=64, initializer_range=0.5,
        )
    )  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_vectors_of_a_list_of_words_are_those_of_the_sentence(model, kind):
    words = [SENTENCE, ["the", "house", "of", "Paris"]]
    listed = represent(model, tokeniser(kind), words, level="word")
    whole = represent(model, tokeniser(kind), [" ".join(own) for own in words], level="word")
    assert listed.positions.tolist() == whole.positions.tolist() == [0, 1, 2, 3] * 2
    for layer in listed.layers:
        torch.testing.assert_close(listed[layer], whole[layer])


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "words"])
def test_words_are_met_whatever_their_case_encoding_and_neighbours(model, kind):
    accents = unicodedata.normalize("NFD", "résumé")
    texts = ["God made the earth! And PARIS!", f"Paris's {accents} of the House", "The résumé."]
    words = ["god", "earth", "paris", "house", "résumé", "haus"]
    found = word_averages(Reader(model, tokeniser(kind), "en"), texts, words)
    expected = [1, 1, 2, 1, 2, 0]
    # An occurrence with an unknown piece is passed over: capitals are, where none was learnt.
    unknown = tokeniser(kind).unk_token_id
    if all(unknown not in tokeniser(kind)(text)["input_ids"] for text in texts):
        assert found[1].tolist() == expected
    assert found[1][:2].tolist() == [1, 1] and found[1][5] == 0
    plain = represent(model, tokeniser(kind), texts[:1], level="word")
    torch.testing.assert_close(found[0][2][0], plain[2][0])


@pytest.mark.parametrize("kind", ["ours", "cased", "roberta", "llama", "xlm-r"])
def test_chinese_words_are_met_without_spaces(model, kind):
    # In an order that no piece covers two of.
    text, words = "地上天帝造上", ["天帝", "上", "天", "帝"]
    found = word_averages(Reader(model, tokeniser(kind), "zh"), [text], words)
    if tokeniser(kind).unk_token_id not in tokeniser(kind)(text)["input_ids"]:
        assert found[1].tolist() == [1, 2, 0, 0]
    listed = word_averages(Reader(model, tokeniser(kind), "zh"), [list(text)], words)
    assert listed[1].tolist() == [0, 2, 1, 1]


def test_a_dictionary_in_lower_case_finds_the_words_of_a_cased_model(model):
    tokenizer = tokeniser("cased")
    dictionary = {"train": [("paris", "paris"), ("Paris", "haus")], "test": [("god", "Haus")]}
    sides, pairs = keyed_dictionary([tokenizer, tokenizer], dictionary)
    assert sides == [{"paris": "Paris", "god": "God"}, {"paris": "Paris", "haus": "Haus"}]
    assert pairs == {"train": [("paris", "paris"), ("paris", "haus")], "test": [("god", "haus")]}
    rows, kept = embedding_words(tokenizer, torch.eye(700), list(sides[0].values()))
    assert kept == ["Paris", "God"]
    vocabulary = tokenizer.get_vocab()
    assert rows.argmax(1).tolist() == [vocabulary["Paris"], vocabulary["God"]]


def test_tags_and_phrases_stand_on_the_pieces_of_the_running_text(model):
    tokenizer = tokeniser("roberta")
    tagged = TaggedExample(tuple(SENTENCE), ("B", "O", "O", "I"))
    (row,) = encode(Examples(TAG, ("O",), (tagged,), "x"), tokenizer, ("O", "B", "I"), longest=None)
    assert row.ids == tokenizer(" ".join(SENTENCE))["input_ids"]
    firsts = [tokenizer.convert_ids_to_tokens(row.ids[place]) for place in row.words]
    assert [piece[:2] for piece in firsts] == ["Go", "Ġm", "Ġt", "Ġe"]
    span = ((0, 1), (3, 4), True)
    phrase = PhraseExample(tuple(SENTENCE), tuple(SENTENCE), True, (span,))
    head = PhraseHead(model)
    head.restart = False
    (row,) = head.encode(Examples(PHRASES, (), (phrase,), "x"), tokenizer)
    text = " ".join(SENTENCE)
    assert row.ids == tokenizer(text, text)["input_ids"]
    start, end, other, last = row.spans[0]
    assert tokenizer.decode(row.ids[start:end]) == "God"
    assert tokenizer.decode(row.ids[other:last]) == " earth"


MISSING = (None, float("nan"), 7, b"a")


@pytest.mark.parametrize("missing", MISSING)
def test_what_is_no_text_is_named_by_its_number_before_any_work(model, missing):
    tokenizer = tokeniser("ours")

    def refuse(*_):
        raise AssertionError("the model ran")

    handle = model.register_forward_pre_hook(refuse)
    try:
        for texts in (["a", missing], [["a"], ["b", missing]], iter(["a", missing])):
            with pytest.raises(ValueError, match=r"^texts\[1\](\[1\])? is "):
                represent(model, tokenizer, texts)
        with pytest.raises(ValueError, match=r"^texts\[1\] is "):
            list(stream(model, tokenizer, iter(["a", missing])))
        with pytest.raises(ValueError, match=r"^texts\[1\] is "):
            word_averages(Reader(model, tokenizer, None), ["a", missing], ["a"])
        for measure in (
            lambda words: word_averages(Reader(model, tokenizer, None), ["a"], words),
            lambda words: embedding_words(tokenizer, torch.eye(700), words),
        ):
            with pytest.raises(ValueError, match=r"^words\[1\] is "):
                measure(["a", missing])
            with pytest.raises(TypeError, match="^words is read once only"):
                measure(word for word in ["a"])
            with pytest.raises(TypeError, match="^words is one string"):
                measure("ab")
        for pair in (("a",), ("a", "b", "c"), "ab"):
            with pytest.raises(
                ValueError, match=r"^dictionary\['test'\]\[0\] is .*a pair of words"
            ):
                keyed_dictionary([tokenizer] * 2, {"test": [pair]})
        with pytest.raises(ValueError, match=r"^dictionary\['test'\]\[1\]\[0\] is "):
            keyed_dictionary([tokenizer] * 2, {"test": [("a", "b"), (missing, "b")]})
    finally:
        handle.remove()


@pytest.mark.parametrize("missing", MISSING)
def test_a_comparison_names_the_side_and_the_number_of_what_is_no_text(model, missing):
    reader = Reader(model, tokeniser("ours"), None)
    good = (["a", "b"], ["c", "d"])
    for name in ("learn", "test", "contexts", "others"):
        bad = (["a", "b"], ["c", missing])
        sides = {"learn": good, "test": good, "contexts": good, "others": {"more": good}}
        sides[name] = {"more": bad} if name == "others" else bad
        place = "more" if name == "others" else name
        with pytest.raises(ValueError, match=rf"^{place}\[1\]\[1\] is "):
            compare(reader, reader, dictionary={}, **sides)


@pytest.mark.parametrize("missing", MISSING)
def test_an_example_without_a_text_is_named(missing):
    tokenizer = tokeniser("ours")
    whole = PairExample("a", "b", "yes")
    for broken in (PairExample(missing, "b", "yes"), PairExample("a", missing, "yes")):
        if broken.second is None:
            continue  # one text alone may have the label
        with pytest.raises(ValueError, match=r"^examples.items\[1\].(first|second) is "):
            encode(
                Examples(PAIR, ("yes",), (whole, broken), "x"), tokenizer, ("yes",), longest=None
            )
    tagged = (TaggedExample(("a",), ("O",)), TaggedExample(("a", missing), ("O", "O")))
    with pytest.raises(ValueError, match=r"^examples.items\[1\].words\[1\] is "):
        encode(Examples(TAG, ("O",), tagged, "x"), tokenizer, ("O",), longest=None)
