"""The encoder against `BertModel`, and what sharing or not sharing a part must mean."""

import pytest
import torch
from benchmarks.bert import copy_weights
from transformers import AutoModel, AutoModelForMaskedLM, BertConfig, BertForMaskedLM

from isomorph.models.encoder import BilingualConfig
from isomorph.models.masked_lm import BilingualMaskedLM
from isomorph.text.vocab import MASK, SEPARATOR, SPECIAL, START

SMALL = {"vocabulary": 97, "width": 32, "heads": 4, "layers": 3, "length": 20, "dropout": 0.0}
PARTS = ["embeddings", "special", "positions", "softmax", "layer.0", "layer.1", "layer.2"]


def small(**changes) -> BilingualMaskedLM:
    torch.manual_seed(0)
    return BilingualMaskedLM(BilingualConfig(**SMALL | changes)).eval()


def text(rows: int = 3, time: int = 12) -> torch.Tensor:
    return torch.randint(5, 97, (rows, time), generator=torch.Generator().manual_seed(1))


def copy_of_bert(activation: str) -> tuple[BertForMaskedLM, BilingualMaskedLM]:
    bert = BertForMaskedLM(
        BertConfig(
            vocab_size=97, hidden_size=32, num_hidden_layers=3, num_attention_heads=4,
            intermediate_size=128, max_position_embeddings=20, hidden_act=activation,
        )
    ).eval()  # fmt: skip
    # Biases and norms too, so that a wrong one shows; with norms near 0 no attention would.
    for name, parameter in bert.named_parameters():
        torch.nn.init.normal_(parameter, mean=float(name.endswith("LayerNorm.weight")), std=0.2)
    ours = small(transform=True, activation="gelu" if activation == "gelu" else "gelu_tanh")
    copy_weights(bert, ours)
    return bert, ours


@pytest.mark.parametrize("activation", ["gelu", "gelu_pytorch_tanh"])
def test_post_norm_with_everything_shared_is_bert(activation):
    bert, ours = copy_of_bert(activation)
    ids = text()
    mask = torch.ones_like(ids)
    mask[0, 7:] = 0
    with torch.inference_mode():
        theirs = bert.bert(ids, attention_mask=mask, output_hidden_states=True).hidden_states
        mine = ours.encoder(ids, mask, output_hidden_states=True).hidden_states
    assert len(theirs) == len(mine)
    for a, b in zip(theirs, mine, strict=True):
        torch.testing.assert_close(a[mask.bool()], b[mask.bool()], rtol=1e-4, atol=1e-5)


def test_masked_lm_loss_and_gradients_are_berts():
    bert, ours = copy_of_bert("gelu")
    ids = text()
    labels = torch.where(torch.arange(12) % 3 == 0, ids, -100)
    theirs, mine = bert(ids, labels=labels), ours(ids, labels=labels)
    torch.testing.assert_close(theirs.loss, mine.loss, rtol=1e-5, atol=1e-6)
    theirs.loss.backward()
    mine.loss.backward()
    torch.testing.assert_close(
        bert.bert.embeddings.word_embeddings.weight.grad,
        ours.encoder.embeddings["shared"].weight.grad,
        rtol=1e-3,
        atol=1e-6,
    )


def test_scores_of_masked_positions_are_those_of_every_position():
    model, ids = small(), text()
    labels = torch.where(torch.arange(12) % 4 == 1, ids, -100)
    every = model(ids, language="en").logits
    torch.testing.assert_close(model(ids, language="en", labels=labels).logits, every[labels >= 0])


def test_both_attention_kernels_agree(monkeypatch):
    model, ids = small(), text()
    mask = torch.ones_like(ids)
    mask[1, 5:] = 0

    class Elsewhere:  # the fused kernel is chosen by the device's name alone
        type = "cuda"

    with torch.inference_mode(), monkeypatch.context() as patch:
        attention = model.encoder.layers[0]["shared"].attention
        x = torch.randn(3, 12, 32, generator=torch.Generator().manual_seed(0))
        plain = attention(x, mask[:, None, None, :].bool())
        patch.setattr(torch.Tensor, "device", property(lambda self: Elsewhere))
        fused = attention(x, mask[:, None, None, :].bool())
    torch.testing.assert_close(plain, fused, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("part", PARTS)
def test_a_specific_part_belongs_to_one_language(part):
    model, ids = small(specific=(part,)), text()
    ids[:, 0] = START
    labels = torch.where(torch.arange(12) % 3 == 0, ids, -100)
    model(ids, language="en", labels=labels).loss.backward()
    touched = {n for n, p in model.named_parameters() if p.grad is not None}
    everything = {n for n, _ in model.named_parameters()}
    untouched = everything - touched
    assert untouched, "the other language must have weights of its own"
    assert all(".fr." in name for name in untouched)
    assert any(".en." in name for name in touched)


@pytest.mark.parametrize("specific", [(), *((part,) for part in PARTS), ("special", "layer.1")])
def test_specific_parts_are_all_that_an_encoder_has_for_one_language(specific):
    encoder = small(specific=specific).encoder
    listed = {id(p) for part in encoder.specific_parts() for p in part.parameters()}
    own = {id(p) for name, p in encoder.named_parameters() if ".en." in name or ".fr." in name}
    assert listed == own
    assert bool(own) == bool(set(specific) - {"softmax"})  # that is no part of the encoder


def test_each_language_has_its_own_special_tokens_and_shares_the_words():
    model = small(specific=("special",)).encoder
    words, ids = text(), text()
    ids[:, 0], ids[:, 5], ids[:, -1] = START, MASK, SEPARATOR
    torch.testing.assert_close(model(words, language="en")[0], model(words, language="fr")[0])
    assert not torch.equal(model(ids, language="en")[0], model(ids, language="fr")[0])
    with torch.no_grad():
        for language in ("en", "fr"):
            model.special[language].weight.copy_(model.embeddings["shared"].weight[: len(SPECIAL)])
    shared = small().encoder
    shared.load_state_dict({k: v for k, v in model.state_dict().items() if "special" not in k})
    expected = shared(ids)[0]
    with torch.no_grad():  # the rows of the words' matrix for them are not read
        model.embeddings["shared"].weight[: len(SPECIAL)] += 1
    for language in ("en", "fr"):  # with the same vectors for them, it is the shared encoder
        torch.testing.assert_close(model(ids, language=language)[0], expected)


def test_positions_that_are_given_are_those_that_are_read():
    model, ids = small().encoder, text()
    counted = torch.arange(12).expand_as(ids)
    torch.testing.assert_close(model(ids, position_ids=counted)[0], model(ids)[0])
    # Without positions to tell words apart, their order makes no difference.
    still = torch.zeros_like(ids)
    backwards = model(ids.flip(1), position_ids=still)[0].flip(1)
    torch.testing.assert_close(model(ids, position_ids=still)[0], backwards)
    assert (model(ids.flip(1))[0].flip(1) - backwards).abs().max() > 0.01
    longer = text(1, 30)  # than the positions, of which each may be read again
    assert model(longer, position_ids=torch.arange(30)[None] % 20)[0].shape == (1, 30, 32)


def test_what_is_added_is_added_to_the_embeddings():
    model, ids = small().encoder, text()
    added = torch.zeros(3, 12, 32)
    torch.testing.assert_close(model(ids, added=added)[0], model(ids)[0])
    added[:, 4:] = torch.randn(32, generator=torch.Generator().manual_seed(2))
    found = model(ids, added=added)[0]
    with torch.no_grad():  # the same, by way of the positions
        model.positions["shared"].weight[4:] += added[0, 4]
    torch.testing.assert_close(found, model(ids)[0])


def test_with_everything_shared_the_language_makes_no_difference():
    model, ids = small(), text()
    assert torch.equal(model(ids, language="en").logits, model(ids, language="fr").logits)
    assert torch.equal(model(ids).logits, model(ids, language="fr").logits)


def test_embeddings_and_softmax_are_tied_when_they_are_shared_alike():
    assert small().num_parameters() == small(specific=("positions",)).num_parameters() - 20 * 32
    both = small(specific=("embeddings", "softmax"))
    softmax_only = small(specific=("softmax",))
    assert both.softmax["en"].weight is None
    assert softmax_only.softmax["en"].weight.shape == (97, 32)


@pytest.mark.parametrize(
    "specific", [(), ("embeddings", "softmax", "positions"), ("layer.1",), ("special",)]
)
@pytest.mark.parametrize("norm", ["post", "pre"])
def test_save_and_load_through_auto_classes(tmp_path, specific, norm):
    model, ids = small(specific=specific, norm=norm), text()
    model.save_pretrained(tmp_path)
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".safetensors"}
    again = AutoModelForMaskedLM.from_pretrained(tmp_path).eval()
    encoder = AutoModel.from_pretrained(tmp_path).eval()
    assert torch.equal(again(ids, language="fr").logits, model(ids, language="fr").logits)
    expected = model.encoder(ids, language="fr").last_hidden_state
    assert torch.equal(encoder(ids, language="fr").last_hidden_state, expected)


@pytest.mark.parametrize("norm", ["post", "pre"])
def test_padding_changes_nothing(norm):
    model, ids = small(norm=norm), text(1, 8)
    padded = torch.cat([ids, torch.zeros(1, 6, dtype=torch.long)], 1)
    mask = (torch.arange(14) < 8).long()[None]
    torch.testing.assert_close(
        model.encoder(ids).last_hidden_state,
        model.encoder(padded, mask).last_hidden_state[:, :8],
        rtol=1e-4,
        atol=1e-5,
    )


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"specific": ("layer.3",)}, "layer.3"),
        ({"norm": "rms"}, "norm is 'rms'"),
        ({"activation": "relu"}, "activation is 'relu'"),
        ({"heads": 5}, "heads"),
    ],
)
def test_impossible_shapes_are_named(change, named):
    with pytest.raises(ValueError, match=named):
        BilingualConfig(**SMALL | change)


def test_a_language_must_be_known_where_it_matters():
    with pytest.raises(ValueError, match=r"language is 'de'; this model reads \['en', 'fr'\]"):
        small()(text(), language="de")
    with pytest.raises(ValueError, match="language is None"):
        small(specific=("layer.0",))(text())
    with pytest.raises(ValueError, match="21 tokens long"):
        small()(text(1, 21))
