"""BERT's weights in our encoder, which then computes the same function."""

import torch
from transformers import BertForMaskedLM

from isomorph.models.masked_lm import BilingualMaskedLM


@torch.no_grad()
def copy_weights(bert: BertForMaskedLM, ours: BilingualMaskedLM) -> None:
    """Copy BERT's weights (Devlin et al. 2019) into a model of ours, in place.

    Afterwards both give the same hidden states and masked-LM loss for text of one segment. `ours`
    must be `norm="post"`, `transform=True`, with nothing language-specific, and otherwise of BERT's
    shape.
    """
    source, encoder = bert.bert.embeddings, ours.encoder
    encoder.embeddings["shared"].weight.copy_(source.word_embeddings.weight)
    # BERT adds the first segment's embedding everywhere; here it is part of the position.
    positions = source.position_embeddings.weight + source.token_type_embeddings.weight[0]
    encoder.positions["shared"].weight.copy_(positions)
    encoder.embedding_norm.load_state_dict(source.LayerNorm.state_dict())
    for theirs, layer in zip(bert.bert.encoder.layer, encoder.layers, strict=True):
        mine, attention = layer["shared"], theirs.attention
        heads = [attention.self.query, attention.self.key, attention.self.value]
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
    ours.softmax["shared"].bias.copy_(head.bias)
