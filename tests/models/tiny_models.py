"""Tiny models of several kinds, written as transformers writes them."""

from pathlib import Path

import torch
from transformers import (
    BertConfig,
    BertForMaskedLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForMaskedLM,
)

from isomorph.models.encoder import BilingualConfig
from isomorph.models.masked_lm import BilingualMaskedLM
from isomorph.text.vocab import Vocabulary, VocabularyConfig, learn

TEXTS = ["the house is red and the tree is green", "a man sees the small house", "trees and men"]
WIDTH = 16
SHAPE = {"hidden_size": WIDTH, "num_hidden_layers": 2, "num_attention_heads": 4,
         "intermediate_size": 24}  # fmt: skip


def vocabulary() -> Vocabulary:
    return learn(VocabularyConfig(size=60), {"en": TEXTS * 3})


def byte_level() -> PreTrainedTokenizerFast:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=special, show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())  # fmt: skip
    tokenizer.train_from_iterator(TEXTS * 3, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>",
        pad_token="<pad>", mask_token="<mask>", cls_token="<s>", sep_token="</s>",
    )  # fmt: skip


def write(kind: str, folder: Path) -> Path:
    """A tiny model of a kind, with weights that are not those of a fresh one."""
    words, read = vocabulary(), byte_level()
    torch.manual_seed(0)
    if kind == "ours":
        config = BilingualConfig(
            vocabulary=words.size,
            languages=("en",),
            layers=2,
            width=WIDTH,
            heads=4,
            length=20,
            activation="gelu_tanh",
        )
        model = BilingualMaskedLM(config)
        words.save(folder)
    elif kind == "bert":
        config = BertConfig(vocab_size=words.size, max_position_embeddings=20, **SHAPE)
        model = BertForMaskedLM(config)
        words.tokenizer("en").save_pretrained(folder)
    elif kind == "roberta":
        config = RobertaConfig(vocab_size=len(read), max_position_embeddings=60, type_vocab_size=1,
                               pad_token_id=1, **SHAPE)  # fmt: skip
        model = RobertaForMaskedLM(config)
    elif kind == "gpt2":
        config = GPT2Config(vocab_size=len(read), n_positions=60, n_embd=WIDTH, n_layer=2, n_head=4,
                            bos_token_id=0, eos_token_id=2)  # fmt: skip
        model = GPT2LMHeadModel(config)
    else:
        config = LlamaConfig(vocab_size=len(read), max_position_embeddings=60, **SHAPE)
        model = LlamaForCausalLM(config)
    if kind not in ("ours", "bert"):
        read.save_pretrained(folder)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, mean=0.1, std=0.3)
    model.save_pretrained(folder)
    return folder
