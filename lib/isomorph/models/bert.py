"""Start from BERT: its weights, copied into our encoder, compute the same function."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from transformers import BertForMaskedLM

    from isomorph.models.masked_lm import BilingualMaskedLM

# What `transformers` calls each activation; the last two are one formula.
ACTIVATIONS = {"gelu": "gelu", "gelu_pytorch_tanh": "gelu_tanh", "gelu_new": "gelu_tanh"}


def copy_weights(bert: BertForMaskedLM, ours: BilingualMaskedLM) -> None:
    """Copy BERT's weights (Devlin et al. 2019) into a model of ours, in place.

    Afterwards both give the same hidden states and masked-LM loss for text of one segment. `ours`
    may have fewer positions; the first are taken. `ours` must be `norm="post"`, `transform=True`,
    with nothing language-specific, and otherwise of BERT's shape.

    Raises ValueError, before any weight is changed, when the two compute different functions.
    """
    _require_alike(bert, ours)
    source, encoder = bert.bert.embeddings, ours.encoder
    with torch.no_grad():
        encoder.embeddings["shared"].weight.copy_(source.word_embeddings.weight)
        # BERT adds the first segment's embedding everywhere; here it is part of the position.
        positions = source.position_embeddings.weight + source.token_type_embeddings.weight[0]
        encoder.positions["shared"].weight.copy_(positions[: ours.config.length])
    encoder.embedding_norm.load_state_dict(source.LayerNorm.state_dict())
    for theirs, layer in zip(bert.bert.encoder.layer, encoder.layers, strict=True):
        mine, attention = layer["shared"], theirs.attention
        heads = [attention.self.query, attention.self.key, attention.self.value]
        with torch.no_grad():
            mine.attention.qkv.weight.copy_(torch.cat([head.weight for head in heads]))
            mine.attention.qkv.bias.copy_(torch.cat([head.bias for head in heads]))
        mine.attention.out.load_state_dict(attention.output.dense.state_dict())
        mine.attention_norm.load_state_dict(attention.output.LayerNorm.state_dict())
        mine.up.load_state_dict(theirs.intermediate.dense.state_dict())
        mine.down.load_state_dict(theirs.output.dense.state_dict())
        mine.output_norm.load_state_dict(theirs.output.LayerNorm.state_dict())
    head = bert.cls.predictions
    ours.transform[0].load_state_dict(head.transform.dense.state_dict())
    ours.transform[2].load_state_dict(head.transform.LayerNorm.state_dict())
    with torch.no_grad():
        ours.softmax["shared"].bias.copy_(head.bias)


def _require_alike(bert: BertForMaskedLM, ours: BilingualMaskedLM) -> None:
    theirs, mine = bert.config, ours.config
    wanted = {
        "norm": "post",
        "transform": True,
        "specific": [],
        "activation": ACTIVATIONS.get(theirs.hidden_act, theirs.hidden_act),
        "vocabulary": theirs.vocab_size,
        "layers": theirs.num_hidden_layers,
        "width": theirs.hidden_size,
        "heads": theirs.num_attention_heads,
        "inner": theirs.intermediate_size,
    }
    for field, value in wanted.items():
        if getattr(mine, field) != value:
            raise ValueError(f"{field} is {getattr(mine, field)!r}; this BERT needs {value!r}.")
    if mine.length > theirs.max_position_embeddings:
        raise ValueError(
            f"length is {mine.length}; this BERT has {theirs.max_position_embeddings} positions."
        )
    if not theirs.tie_word_embeddings:
        raise ValueError("tie_word_embeddings is False in this BERT; our softmax is tied.")
    if theirs.layer_norm_eps != ours.encoder.embedding_norm.eps:
        raise ValueError(
            f"layer_norm_eps is {theirs.layer_norm_eps} in this BERT; "
            f"ours is {ours.encoder.embedding_norm.eps}."
        )
