"""Vectors of tokens, words and sentences: against one text at a time, without any padding."""

import warnings
import weakref

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import BertForMaskedLM, GPT2Config, GPT2Model, RobertaConfig, RobertaModel

from isomorph.measure.represent import longest_input, represent, stream
from isomorph.models.encoder import BilingualConfig
from isomorph.models.masked_lm import BilingualMaskedLM

TEXTS = [
    "the cat sat on a mat .",
    "under trees",
    "a dog",
    "the dogs sat under the trees on a mat .",
    "cats .",
    "undersun the",
]


def reference(model, tokenizer, texts, level):
    """One text at a time, no padding, explicit loops."""
    model.eval()
    layers = model.config.num_hidden_layers + 1
    out = {layer: [] for layer in range(layers)}
    for text in texts:
        encoding = tokenizer(text, return_tensors="pt")
        ids = encoding["input_ids"]
        with torch.no_grad():
            states = model(input_ids=ids, output_hidden_states=True).hidden_states
        groups = {}
        for token, word in enumerate(encoding.word_ids()):
            if ids[0, token] in (tokenizer.cls_token_id, tokenizer.sep_token_id):
                continue
            key = {"sentence": 0, "word": word, "token": token}[level]
            groups.setdefault(key, []).append(token)
        for layer in range(layers):
            for tokens in groups.values():
                total = torch.zeros(states[0].shape[2])
                for token in tokens:
                    total += states[layer][0, token]
                out[layer].append(total / len(tokens))
    return {layer: torch.stack(vectors) for layer, vectors in out.items()}


def close(left, right, tolerance=1e-5):
    return left.shape == right.shape and (left - right).abs().max() < tolerance


@pytest.mark.parametrize("level", ["sentence", "word", "token"])
@pytest.mark.parametrize("batch_size", [1, 2, 64])
def test_agrees_with_the_slow_reference(model, tokenizer, level, batch_size):
    fast = represent(model, tokenizer, TEXTS, level=level, batch_size=batch_size)
    slow = reference(model, tokenizer, TEXTS, level)
    assert sorted(fast.layers) == [0, 1, 2, 3]
    for layer, vectors in slow.items():
        assert fast[layer].dtype == torch.float32
        assert close(fast[layer], vectors)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(order=st.permutations(range(len(TEXTS))), batch_size=st.integers(1, 7))
def test_order_and_batches_change_nothing(model, tokenizer, order, batch_size):
    straight = represent(model, tokenizer, TEXTS)
    shuffled = represent(model, tokenizer, [TEXTS[i] for i in order], batch_size=batch_size)
    for layer in straight.layers:
        assert close(shuffled[layer], straight[layer][list(order)])


def test_a_long_neighbour_changes_nothing(model, tokenizer):
    alone = represent(model, tokenizer, ["a dog"], level="token")
    beside = represent(model, tokenizer, ["a dog", "the cat sat on a mat . " * 3], level="token")
    for layer in alone.layers:
        assert close(beside[layer][:2], alone[layer])


def test_tokens_and_words_know_their_place(model, tokenizer):
    words = [["under", "trees", "dogs"], ["a"]]
    by_word = represent(model, tokenizer, words, level="word")
    assert by_word.texts.tolist() == [0, 0, 0, 1]
    assert by_word.positions.tolist() == [0, 1, 2, 0]
    by_token = represent(model, tokenizer, words, level="token")
    assert by_token.texts.tolist() == [0, 0, 0, 0, 0, 1]  # un ##der trees dog ##s | a
    assert by_token.positions.tolist() == [0, 1, 2, 3, 4, 0]
    for layer in by_word.layers:
        assert close(by_word[layer][0], by_token[layer][:2].mean(0))
        assert close(by_word[layer][1], by_token[layer][2])
    sentences = represent(model, tokenizer, words)
    assert (sentences.texts.tolist(), sentences.positions.tolist()) == ([0, 1], [0, 0])


def test_a_given_word_of_several_parts_is_one_word(model, tokenizer):
    whole = represent(model, tokenizer, [["cat.", "", "mat"]], level="word")
    assert whole.positions.tolist() == [0, 2]
    parts = represent(model, tokenizer, ["cat. mat"], level="token")
    for layer in whole.layers:
        assert close(whole[layer][0], parts[layer][:2].mean(0))


def test_special_tokens_are_gone(model, tokenizer):
    counted = represent(model, tokenizer, ["the cat"], level="token")
    assert counted[0].shape == (2, 16)
    first = represent(model, tokenizer, ["the cat", "a dog sat"], pooling="first")
    ids = torch.tensor([[2, 5, 6, 3]])
    states = model.eval()(input_ids=ids, output_hidden_states=True).hidden_states
    assert close(first[3][0], states[3][0, 0].detach())
    assert not close(first[3][0], represent(model, tokenizer, ["the cat"])[3][0], 1e-2)


def test_only_the_layers_asked_for(model, tokenizer):
    some = represent(model, tokenizer, TEXTS, layers=[3, 0])
    everything = represent(model, tokenizer, TEXTS)
    assert sorted(some.layers) == [0, 3]
    assert close(some[3], everything[3], 1e-7)


def test_the_model_is_left_as_it_was(model, tokenizer):
    model.train()
    model.encoder.layer[1].eval()
    before = [module.training for module in model.modules()]
    represent(model, tokenizer, TEXTS)
    assert [module.training for module in model.modules()] == before
    again = represent(model, tokenizer, TEXTS)
    assert torch.equal(again[3], represent(model, tokenizer, TEXTS)[3])  # no dropout
    assert torch.is_grad_enabled() and not torch.is_inference(again[3])


def test_the_tokenizer_is_left_as_it_was(model, tokenizer):
    represent(model, tokenizer, TEXTS, max_length=24)
    assert tokenizer.backend_tokenizer.truncation is None
    tokenizer.backend_tokenizer.enable_truncation(7)
    represent(model, tokenizer, TEXTS)
    assert tokenizer.backend_tokenizer.truncation["max_length"] == 7


def test_long_texts_are_cut_and_counted(model, tokenizer):
    texts = ["the cat sat on a mat . " * 9, "a dog"]
    with pytest.warns(UserWarning, match="1 texts were longer than 24 tokens"):
        cut = represent(model, tokenizer, texts, level="token")
    assert cut.truncated == 1
    assert (cut.texts == 0).sum() == 22
    with pytest.warns(UserWarning):
        halved = represent(model, tokenizer, ["the under"], level="word", max_length=4)
    assert halved.positions.tolist() == [0]  # "un" alone would not be the word "under"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert represent(model, tokenizer, TEXTS).truncated == 0


def test_other_encoders(tokenizer):
    torch.manual_seed(1)
    shape = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2}
    roberta = RobertaModel(
        RobertaConfig(
            vocab_size=40, intermediate_size=8, max_position_embeddings=12, pad_token_id=0, **shape
        )
    )
    assert longest_input(roberta, tokenizer) == 11
    # RoBERTa counts positions from the pad token's id on, so 12 of them hold 11 tokens.
    with pytest.warns(UserWarning, match="11 tokens"):
        represent(roberta, tokenizer, ["the cat sat on a mat . " * 9])
    gpt = GPT2Model(GPT2Config(vocab_size=40, n_embd=8, n_layer=2, n_head=2, n_positions=24))
    for model in (roberta, gpt):
        fast = represent(model, tokenizer, TEXTS[:3], level="word")
        slow = reference(model, tokenizer, TEXTS[:3], "word")
        assert all(close(fast[layer], slow[layer]) for layer in slow)


def test_a_head_is_not_run_and_changes_nothing(model, tokenizer):
    torch.manual_seed(2)
    whole = BertForMaskedLM(model.config)

    def refuse(*_):
        raise AssertionError("the vocabulary was scored")

    whole.cls.register_forward_pre_hook(refuse)
    inside = represent(whole.bert, tokenizer, TEXTS)
    assert torch.equal(represent(whole, tokenizer, TEXTS)[3], inside[3])


def test_our_encoder_reads_one_language_a_batch(tokenizer):
    torch.manual_seed(3)
    config = BilingualConfig(
        vocabulary=40, languages=("en", "fr"), layers=2, width=8, heads=2, length=24,
        specific=("embeddings", "layer.0"),
    )  # fmt: skip
    model = BilingualMaskedLM(config)
    tokenizers = {"en": tokenizer, "fr": tokenizer}
    english = represent(model, tokenizers, TEXTS, language="en")
    french = represent(model, tokenizers.get, TEXTS, language="fr")
    assert sorted(english.layers) == [0, 1, 2]
    assert not close(english[0], french[0], 1e-3)
    assert close(english[1][:1], represent(model, tokenizer, TEXTS[:1], language="en")[1])
    with pytest.raises(ValueError, match="'de'.*'en', 'fr'"):
        represent(model, tokenizers, TEXTS, language="de")
    with pytest.raises(ValueError, match="language is None"):
        represent(model, tokenizer, TEXTS)


def test_low_precision_comes_out_in_float32(model, tokenizer):
    exact = represent(model, tokenizer, TEXTS)
    coarse = represent(model.to(torch.bfloat16), tokenizer, TEXTS)
    assert coarse[3].dtype == torch.float32
    assert close(coarse[3], exact[3], 0.1)


def test_a_stream_holds_two_batches_at_most(model, tokenizer):
    read, seen, held = [], 0, []

    def texts():
        for number in range(640):
            read.append(number)
            yield TEXTS[number % len(TEXTS)]

    for batch in stream(model, tokenizer, texts(), batch_size=4):
        seen += len(batch.indices)
        held.append(weakref.ref(batch.hidden_states[3]))
        assert sum(state() is not None for state in held) <= 2  # this batch and the last
        assert len(read) <= seen + 4 * 32  # an endless text would do as well
    assert seen == 640


def test_a_generator_gives_what_a_list_gives(model, tokenizer):
    texts = TEXTS * 30  # more than one stretch of 32 batches of 4
    listed = represent(model, tokenizer, texts, batch_size=4)
    lazy = represent(model, tokenizer, iter(texts), batch_size=4)
    assert torch.equal(listed[3], lazy[3])
    assert close(listed[3], reference(model, tokenizer, TEXTS, "sentence")[3].repeat(30, 1))


@pytest.mark.parametrize(
    ("texts", "options", "message"),
    [
        (["a cat", "  "], {}, r"texts\[1\] is '  '"),
        ([["a"], ["", " "]], {}, r"texts\[1\]"),
        (["a cat", "\x00"], {}, r"texts\[1\].*left nothing"),
        ([], {}, "texts is empty"),
        (iter([]), {}, "texts is empty"),
        (["a cat", ["a", "cat"]], {}, "mixes strings and lists"),
        (["a cat"], {"level": "character"}, "level is 'character'.*'sentence', 'word', 'token'"),
        (["a cat"], {"pooling": "max"}, "pooling is 'max'.*'mean', 'all', 'first', 'last'"),
        (["a cat"], {"pooling": "first", "level": "word"}, "level is 'word'"),
        (["a cat"], {"layers": [4]}, "layers names 4.*0 .embeddings. to 3"),
        (["a cat"], {"layers": "all"}, "layers names 'a'"),
        (["a cat"], {"layers": [0.5]}, "layers names 0.5"),
        (["a cat"], {"max_length": 2}, "max_length is 2; .* allowed is 3 up"),
        (
            ["a cat"],
            {"max_length": 999},
            "max_length is 999; this model has positions for 24 tokens",
        ),
        (["a cat"], {"batch_size": 0}, "batch_size is 0"),
    ],
)
def test_bad_input_is_named(model, tokenizer, texts, options, message):
    with pytest.raises(ValueError, match=message):
        represent(model, tokenizer, texts, **options)


def test_one_string_is_not_a_list_of_texts(model, tokenizer):
    with pytest.raises(TypeError, match="one string"):
        represent(model, tokenizer, "the cat")
    with pytest.raises(TypeError, match="texts is None"):
        represent(model, tokenizer, None)
