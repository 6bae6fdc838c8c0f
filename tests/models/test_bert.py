"""Copying BERT's weights: that what is copied is BERT is tested with the encoder."""

import pytest
import torch
from transformers import BertConfig, BertForMaskedLM

from isomorph.models.bert import copy_weights
from isomorph.models.encoder import BilingualConfig
from isomorph.models.masked_lm import BilingualMaskedLM

BERT = {
    "vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
    "intermediate_size": 64, "max_position_embeddings": 24,
}  # fmt: skip
OURS = {"vocabulary": 50, "width": 16, "layers": 2, "heads": 2, "length": 24, "transform": True}


def test_a_model_with_fewer_positions_takes_the_first():
    bert = BertForMaskedLM(BertConfig(**BERT)).eval()
    ours = BilingualMaskedLM(BilingualConfig(**OURS | {"length": 10})).eval()
    copy_weights(bert, ours)
    ids = torch.arange(5, 15)[None]
    with torch.inference_mode():
        torch.testing.assert_close(bert(ids).logits, ours(ids).logits, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("bert", "ours", "named"),
    [
        ({}, {"norm": "pre"}, "norm is 'pre'; this BERT needs 'post'"),
        ({}, {"transform": False}, "transform is False"),
        ({}, {"specific": ("layer.0",)}, "specific is"),
        ({"hidden_act": "gelu_new"}, {}, "activation is 'gelu'; this BERT needs 'gelu_tanh'"),
        ({"hidden_act": "relu"}, {}, "this BERT needs 'relu'"),
        ({}, {"vocabulary": 60}, "vocabulary is 60; this BERT needs 50"),
        ({}, {"layers": 3}, "layers is 3"),
        ({}, {"heads": 4}, "heads is 4"),
        ({}, {"inner": 32}, "inner is 32"),
        ({}, {"length": 25}, "length is 25; this BERT has 24 positions"),
        ({"tie_word_embeddings": False}, {}, "tie_word_embeddings is False"),
        ({"layer_norm_eps": 1e-5}, {}, "layer_norm_eps is 1e-05"),
    ],
)
def test_a_model_that_is_not_berts_shape_is_left_alone(bert, ours, named):
    theirs = BertForMaskedLM(BertConfig(**BERT | bert))
    mine = BilingualMaskedLM(BilingualConfig(**OURS | ours))
    before = {name: weight.clone() for name, weight in mine.state_dict().items()}
    with pytest.raises(ValueError, match=named):
        copy_weights(theirs, mine)
    assert all(torch.equal(before[name], weight) for name, weight in mine.state_dict().items())
