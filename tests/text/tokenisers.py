"""A tiny tokeniser of each kind that encoders have, all learnt on the same few sentences."""

import json
from functools import cache

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from tokenizers.processors import ByteLevel, RobertaProcessing, TemplateProcessing
from transformers import PreTrainedTokenizerFast

from isomorph.text.vocab import VocabularyConfig, learn

TEXTS = [
    "God made the earth, and the house of Paris.",
    "The house is in Paris; the Haus steht in Paris.",
    "the earth, the house, the Haus and God's word.",
    "上帝造天地。 上帝看地是好的, 上帝說。",
    "Дом и земля, и дом. The résumé of the house.",
] * 4
SPECIAL = {"cls_token": "<s>", "sep_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>",
           "mask_token": "<mask>"}  # fmt: skip
SPELT = list(SPECIAL.values())
PIECE = "▁"  # how sentence pieces write a space


def byte_level(prefix: bool = False, normalizer=None, split: str | None = None, trim: bool = True):
    """As of GPT-2 and RoBERTa; with a split of its own as of Llama 3; normalised as ModernBERT."""
    backend = Tokenizer(models.BPE())
    own = pre_tokenizers.ByteLevel(add_prefix_space=prefix, use_regex=split is None)
    backend.pre_tokenizer = own
    if split is not None:
        parts = pre_tokenizers.Split(Regex(split), "isolated")
        backend.pre_tokenizer = pre_tokenizers.Sequence([parts, own])
    if normalizer is not None:
        backend.normalizer = normalizer
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=500, special_tokens=SPELT, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    backend.train_from_iterator(TEXTS, trainer)
    backend.post_processor = RobertaProcessing(
        ("</s>", 1), ("<s>", 0), add_prefix_space=prefix, trim_offsets=trim
    )
    return wrapped(backend)


def gpt2():
    """Without any special token around a text."""
    tokenizer = byte_level()
    tokenizer.backend_tokenizer.post_processor = ByteLevel(trim_offsets=False)
    return tokenizer


def llama():
    """Nothing splits a text: the normaliser writes spaces as pieces' marks. Bytes stand in for
    letters that are not known."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    bytes_ = [f"<0x{number:02X}>" for number in range(256)]
    trainer = trainers.BpeTrainer(
        vocab_size=700, special_tokens=[*SPELT, *bytes_], show_progress=False
    )
    backend.train_from_iterator(TEXTS, trainer)
    record = json.loads(backend.to_str())
    record["model"] |= {"byte_fallback": True, "unk_token": "<unk>", "fuse_unk": True}
    record["added_tokens"] = [own for own in record["added_tokens"] if own["content"] in SPELT]
    record["pre_tokenizer"] = None
    backend = Tokenizer.from_str(json.dumps(record))
    backend.normalizer = normalizers.Sequence(
        [normalizers.Prepend(PIECE), normalizers.Replace(" ", PIECE)]
    )
    backend.post_processor = TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 0)]
    )
    return wrapped(backend)


def unigram(scheme: str = "always"):
    """As of XLM-R and T5: sentence pieces, the special ones among them."""
    backend = Tokenizer(models.Unigram())
    backend.normalizer = normalizers.NFKC()
    backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme)
    trainer = trainers.UnigramTrainer(
        vocab_size=160, special_tokens=SPELT, unk_token="<unk>", show_progress=False
    )
    backend.train_from_iterator(TEXTS, trainer)
    backend.post_processor = TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", 0), ("</s>", 1)],
    )  # fmt: skip
    return wrapped(backend)


def cased():
    """As of a cased BERT."""
    backend = Tokenizer(models.WordPiece(unk_token="<unk>"))
    backend.normalizer = normalizers.BertNormalizer(lowercase=False)
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=300, special_tokens=SPELT, show_progress=False)
    backend.train_from_iterator(TEXTS, trainer)
    backend.post_processor = TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B:1 </s>:1",
        special_tokens=[("<s>", 0), ("</s>", 1)],
    )  # fmt: skip
    return wrapped(backend)


def word_level():
    """Whole words between spaces, so that a special token is a word like others."""
    words = [*SPELT, *sorted({word for text in TEXTS for word in text.split()}), "."]
    backend = Tokenizer(
        models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>")
    )
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return wrapped(backend)


def ours():
    return learn(VocabularyConfig(size=300), {"en": TEXTS}).tokenizer("en")


def wrapped(backend) -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(tokenizer_object=backend, **SPECIAL)


LLAMA3 = r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+|\s+"
MAKERS = {
    "ours": ours,
    "cased": cased,
    "gpt2": gpt2,
    "roberta": byte_level,
    "roberta with a space": lambda: byte_level(prefix=True),
    "modernbert": lambda: byte_level(normalizer=normalizers.NFC(), trim=False),
    "llama": llama,
    "llama3": lambda: byte_level(split=LLAMA3),
    "xlm-r": unigram,
    "t5": lambda: unigram("first"),
    "words": word_level,
}


@cache
def tokeniser(kind: str) -> PreTrainedTokenizerFast:
    return MAKERS[kind]()
