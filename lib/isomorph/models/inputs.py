"""What an encoder reads: how much of a text, and labelled examples as tensors.

Tags and trees stand on first subwords, as in Conneau, Wu et al. (ACL 2020, section 3.2).
"""

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from isomorph.text.examples import PAIR, SCORE, TREE, Examples
from isomorph.text.tokens import encodings, word_tokens

SIDES = ("first", "second")
IGNORED = -100  # the target of what is not scored or learnt, as in PyTorch's cross entropy


def takes_language(forward: Callable) -> bool:
    return "language" in inspect.signature(forward).parameters


def encoder_of(model: PreTrainedModel) -> PreTrainedModel:
    """The part that computes hidden states, without a head that would score a whole vocabulary."""
    if getattr(model.config, "is_encoder_decoder", False):
        return model.get_encoder()
    base = model.base_model
    return base if isinstance(base, PreTrainedModel) else model


def longest_input(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, most: int | None = None
) -> int | None:
    """The most tokens, special ones included, that both read, and no more than `most`; None when
    there is no limit."""
    limits = [positions(model), tokenizer.model_max_length, most]
    return min((limit for limit in limits if limit and 0 < limit < 10**9), default=None)


def positions(model: PreTrainedModel) -> int | None:
    """How many tokens a model has positions for; None where it counts none."""
    config = model.config
    count = getattr(config, "max_position_embeddings", None) or getattr(config, "length", None)
    if count and any(
        hasattr(module, "create_position_ids_from_input_ids") for module in model.modules()
    ):
        count -= config.pad_token_id + 1  # RoBERTa and its kin count positions from there
    return count


@dataclass(frozen=True)
class Encoded:
    """One example as numbers; its words' places are those the encoder has room for.

    words: the place of each word's first subword. targets: of a pair its label or score, else one a
    word. heads: one a word, 0 the root, IGNORED where the head was cut off; empty unless a tree.
    spans: of phrase pairs (start, end, start, end) in tokens, ends exclusive, zeros of what is not
    read whole; of a question (start, end) in its context `text`, in characters, of each word.
    """

    ids: list[int]
    segments: list[int]
    words: list[int]
    targets: list[int] | list[float]
    heads: list[int] = field(default_factory=list)
    spans: Sequence[tuple[int, ...]] = ()
    text: str = ""


@dataclass(frozen=True)
class Features:
    """A batch. Tensors are (batch, time), (batch, words) or, lengths, (batch,).

    content is False on padding and special tokens. words are places in time, 0 beyond a row's
    length; the narrowest are (batch, 1). targets of pairs are (batch, 1). heads are (batch, 0)
    unless these are trees. rows: what it was made of.
    """

    ids: Tensor
    attention: Tensor
    content: Tensor
    segments: Tensor
    words: Tensor
    lengths: Tensor
    targets: Tensor
    heads: Tensor
    rows: tuple[Encoded, ...] = ()

    def to(self, device) -> "Features":
        named = {name: part for name, part in vars(self).items() if isinstance(part, Tensor)}
        return replace(self, **{name: moved(part, device) for name, part in named.items()})


def moved(part: Tensor, device: torch.device | str) -> Tensor:
    """A tensor on a device; a GPU is not waited for, which takes memory that stays where it is."""
    pinned = torch.device(device).type == "cuda" and part.device.type == "cpu"
    return part.pin_memory().to(device, non_blocking=True) if pinned else part.to(device)


def encode(
    examples: Examples,
    tokenizer: PreTrainedTokenizerFast,
    names: Sequence[str],
    *,
    longest: int | None,
    each: bool = False,
) -> list[Encoded]:
    """Each example as numbers, none longer than `longest` tokens, special ones included.

    names: the labels, tags or relations by number; one that is not among them is IGNORED, so that
    nothing is learnt from it. each: of `encode_pairs`. An empty text is read as nothing.
    Raises ValueError, naming the example, where a text or word is no string.
    """
    number = {name: i for i, name in enumerate(names)}
    if examples.task in (PAIR, SCORE):
        return _pairs(examples, tokenizer, number, longest, each)
    texts = [item.words for item in examples.items]
    read = encodings(tokenizer, texts, longest=longest, names=(named("words"), ""))
    return [
        _words(item, encoding, number, examples.task == TREE)
        for item, encoding in zip(examples.items, read, strict=True)
    ]


def encode_pairs(
    tokenizer: PreTrainedTokenizerFast,
    firsts: Sequence,
    seconds: Sequence,
    *,
    names: tuple[str, str],
    longest: int | None,
    each: bool = False,
    cut: str = "longest_first",
) -> Iterator[tuple[list[int], list[int], list[list[int]], list[tuple[int, int]]]]:
    """Two texts as one input: ids, segments, the places of each side's tokens, and where those of
    the second stand in it, in characters.

    each: they read [CLS] first [SEP] second [SEP], and each is cut as if it were read alone, to
    `longest` tokens with two special ones. Else they read as the tokeniser writes pairs, and are
    cut to `longest` together. names, cut: as of `isomorph.text.tokens.encodings`.
    """
    if not each:
        for read in encodings(tokenizer, firsts, seconds, longest=longest, cut=cut, names=names):
            sides = [[i for i, of in enumerate(read.sequence_ids) if of == side] for side in (0, 1)]
            yield read.ids, read.type_ids, sides, [read.offsets[i] for i in sides[1]]
        return
    start, end = tokenizer.cls_token_id, tokenizer.sep_token_id
    alone = [
        encodings(tokenizer, side, special=False, longest=longest - 2, names=(name, ""))
        for side, name in zip((firsts, seconds), names, strict=True)
    ]
    for first, second in zip(*alone, strict=True):
        before, after = len(first) + 2, len(second) + 1
        sides = [list(range(1, before - 1)), list(range(before, before + after - 1))]
        ids = [start, *first.ids, end, *second.ids, end]
        yield ids, [0] * before + [1] * after, sides, second.offsets


def named(part: str) -> str:
    """What the part of an example is called in errors of `isomorph.text.tokens`."""
    return f"examples.items[{{}}].{part}"


def collate(rows: Sequence[Encoded], pad: int, special: Sequence[int]) -> Features:
    """Some encoded examples as one batch; `special` are the ids that are no text."""
    ids = _padded([row.ids for row in rows], pad)
    attention = _padded([[1] * len(row.ids) for row in rows], 0)
    return Features(
        ids=ids,
        attention=attention,
        content=attention.bool() & ~torch.isin(ids, torch.tensor(special)),
        segments=_padded([row.segments for row in rows], 0),
        words=_padded([row.words or [0] for row in rows], 0),
        lengths=torch.tensor([len(row.words) for row in rows]),
        targets=_padded([row.targets for row in rows], IGNORED),
        heads=_padded([row.heads for row in rows], IGNORED),
        rows=tuple(rows),
    )


def _pairs(examples, tokenizer, number, longest, each: bool) -> list[Encoded]:
    firsts, seconds = ([getattr(item, side) for item in examples.items] for side in SIDES)
    names = tuple(map(named, SIDES))
    if None not in seconds:
        read = encode_pairs(tokenizer, firsts, seconds, names=names, longest=longest, each=each)
    elif any(second is not None for second in seconds):
        raise ValueError(
            "some examples have a second text and some have none; allowed is one of both."
        )
    else:
        alone = encodings(tokenizer, firsts, longest=longest, names=names)
        read = ((encoding.ids, [0] * len(encoding)) for encoding in alone)
    if examples.task == SCORE:
        answers = [item.score for item in examples.items]
    else:
        answers = [number.get(item.label, IGNORED) for item in examples.items]
    return [
        Encoded(ids, segments, [], [answer])
        for (ids, segments, *_), answer in zip(read, answers, strict=True)
    ]


def _words(item, encoding, number, is_tree: bool) -> Encoded:
    places = word_tokens(encoding, item.words)
    first = {word: tokens[0] for word, tokens in enumerate(places) if tokens}
    # A word of which the tokeniser leaves nothing keeps its turn, at the first token of the text.
    count = 1 + max(first, default=-1)
    words = [first.get(word, 0) for word in range(count)]
    targets = [number.get(n, IGNORED) for n in (item.relations if is_tree else item.tags)[:count]]
    heads = [h if h <= count else IGNORED for h in item.heads[:count]] if is_tree else []
    return Encoded(encoding.ids, [0] * len(encoding), words, targets, heads)


def _padded(rows: list[list], value: int) -> Tensor:
    """(rows, longest): float32 where scores are among them, else int64."""
    width = max(map(len, rows))
    padded = torch.tensor([row + [value] * (width - len(row)) for row in rows])
    return padded if width and padded.is_floating_point() else padded.long()
