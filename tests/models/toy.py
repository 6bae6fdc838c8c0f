"""Toy text in two languages, on which all three tasks can be learnt by a tiny encoder in seconds.

In language "b" every word of "a" is spelt backwards. Rare letters make some words several subwords.
"""

from functools import cache

import numpy as np
import torch
from tokenizers import processors
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertModel,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaModel,
)

from isomorph.models.encoder import BilingualConfig, seeded
from isomorph.models.finetune import head_for
from isomorph.models.heads import Head
from isomorph.models.pretrain import initialise
from isomorph.text.examples import (
    PAIR,
    SPEECH,
    TAG,
    TREE,
    Examples,
    PairExample,
    TaggedExample,
    TreeExample,
)
from isomorph.text.vocab import Vocabulary, VocabularyConfig, learn

LENGTH = 20
SMALL, LARGE = ("ant", "flea", "mouse"), ("horse", "whale", "mammoth")
NAMES = {
    PAIR: ("grows", "shrinks"),
    TAG: ("O", "B-PER", "I-PER", "B-LOC", "I-LOC"),
    TREE: ("root", "det", "amod", "nsubj", "obj", "flat", "punct"),
    SPEECH: ("VERB", "DET", "ADJ", "NOUN", "PROPN", "PUNCT"),
}
SPEECH_OF = dict(
    zip(NAMES[TREE], ("VERB", "DET", "ADJ", "NOUN", "NOUN", "PROPN", "PUNCT"), strict=True)
)


def sentence(generator) -> list[tuple[str, str, int, str]]:
    """(word, tag, head, relation) of each word; heads are positions from 1, 0 the root."""
    subject, thing = _phrase(generator), _phrase(generator)
    verb = 1 + len(subject)
    words = [
        *_hang(subject, 0, verb, "nsubj"),
        (str(generator.choice(["sees", "hears", "fears"])), "O", 0, "root"),
        *_hang(thing, verb, verb, "obj"),
    ]
    return [*words, (".", "O", verb, "punct")]


def _phrase(generator) -> list[tuple[str, str, int, str]]:
    kind = generator.integers(4)
    if kind == 0:
        return [(str(generator.choice(["rome", "oslo"])), "B-LOC", 0, "")]
    if kind == 1:
        given, family = generator.choice(["ann", "bob"]), generator.choice(["kowalski", "lee"])
        return [(str(given), "B-PER", 0, ""), (str(family), "I-PER", 1, "flat")]
    noun = str(generator.choice(SMALL + LARGE))
    if kind == 2:
        return [("the", "O", 2, "det"), (noun, "O", 0, "")]
    return [("the", "O", 3, "det"), ("old", "O", 3, "amod"), (noun, "O", 0, "")]


def _hang(phrase, before: int, head: int, relation: str):
    """A phrase behind so many words, its own head under another."""
    return [
        (word, tag, before + inner, own) if own else (word, tag, head, relation)
        for word, tag, inner, own in phrase
    ]


def spell(word: str, language: str) -> str:
    return word if language == "a" else word[::-1]


def examples(task: str, language: str = "a", count: int = 120, seed: int = 0) -> Examples:
    """Examples of a task, the same in both languages but for the spelling."""
    generator = np.random.default_rng([seed, 1])
    make = _pair if task == PAIR else _labelled
    items = tuple(make(task, language, generator) for _ in range(count))
    return Examples(task, NAMES[task], items, "toy")


def _pair(task: str, language: str, generator) -> PairExample:
    label = int(generator.integers(2))
    sides = (SMALL, LARGE) if label == 0 else (LARGE, SMALL)
    nouns = [str(generator.choice(side)) for side in sides]
    texts = [" ".join(spell(w, language) for w in ("the", noun, "sees")) for noun in nouns]
    return PairExample(*texts, NAMES[PAIR][label])


def _labelled(task: str, language: str, generator) -> TaggedExample | TreeExample:
    words, tags, heads, relations = zip(*sentence(generator), strict=True)
    words = tuple(spell(word, language) for word in words)
    if task == TAG:
        return TaggedExample(words, tags)
    if task == SPEECH:
        return TaggedExample(words, tuple(SPEECH_OF[name] for name in relations))
    return TreeExample(words, heads, relations)


@cache
def vocabulary() -> Vocabulary:
    generator = np.random.default_rng(7)
    texts = [[word for word, *_ in sentence(generator)] for _ in range(200)]
    return learn(
        VocabularyConfig(size=100),
        {code: [" ".join(spell(w, code) for w in text) for text in texts] for code in ("a", "b")},
    )


def roberta_tokenizer() -> PreTrainedTokenizerFast:
    """The toy vocabulary, written as RoBERTa writes: <s> text </s>, of a pair <s> A </s></s> B </s>."""
    backend = type(vocabulary().tokenizer("a").backend_tokenizer).from_str(
        vocabulary().tokenizer("a").backend_tokenizer.to_str()
    )
    backend.post_processor = processors.RobertaProcessing(("[SEP]", 3), ("[CLS]", 2))
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]",
        sep_token="[SEP]", mask_token="[MASK]",
    )  # fmt: skip


def ours(seed: int = 0, **changes) -> PreTrainedModel:
    """Our own masked language model of the two languages, with random weights."""
    shape = {"width": 32, "heads": 2, "layers": 2, "length": LENGTH, "dropout": 0.0, "norm": "pre"}
    shape |= {"vocabulary": vocabulary().size, "languages": ("a", "b")}
    return initialise(BilingualConfig(**shape | changes), seed)


def hugging_face(kind: str, **changes) -> PreTrainedModel:
    """A Hugging Face encoder of two layers, with random weights."""
    shape = {
        "vocab_size": vocabulary().size, "hidden_size": 32, "num_hidden_layers": 2,
        "num_attention_heads": 2, "intermediate_size": 64, "max_position_embeddings": 2 * LENGTH,
        "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "initializer_range": 0.1,
    } | changes  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        if kind == "roberta":
            return RobertaModel(RobertaConfig(**shape, type_vocab_size=1, pad_token_id=0))
        return {"bert": BertModel, "bert-mlm": BertForMaskedLM}[kind](BertConfig(**shape))


KINDS = ("ours", "bert", "bert-mlm", "roberta")


def model(kind: str) -> PreTrainedModel:
    return ours() if kind == "ours" else hugging_face(kind)


def tokenizer(kind: str) -> PreTrainedTokenizerFast:
    return roberta_tokenizer() if kind == "roberta" else vocabulary().tokenizer("a")


def head(task: str, kind: str = "ours", seed: int = 0, **settings) -> Head:
    return head_of(task, model(kind), seed, **settings)


def head_of(task: str, encoder: PreTrainedModel, seed: int = 0, **settings) -> Head:
    return head_for(task, encoder, NAMES[task], seed=seed, **settings)


def seeded_head(kind: type[Head], encoder: PreTrainedModel, *, seed: int = 0, **settings) -> Head:
    with seeded(seed):
        return kind(encoder, **settings)


def language_of(kind: str) -> str | None:
    """What an encoder of a kind is to be told of the language of "a"."""
    return "a" if kind == "ours" else None


def batch_of(head: Head, wanted: Examples, kind: str = "ours"):
    """Examples as one batch."""
    return head.collate(head.encode(wanted, tokenizer(kind)), tokenizer(kind))


def scores_of(head: Head, wanted: Examples, kind: str = "ours") -> torch.Tensor:
    """A head's scores of examples, without training."""
    with torch.inference_mode():
        return head.eval().scores(batch_of(head, wanted, kind), language_of(kind))


def subwords(text: str) -> list[int]:
    """The numbers of a text's subwords in "a"."""
    return vocabulary().tokenizer("a")(text, add_special_tokens=False)["input_ids"]
