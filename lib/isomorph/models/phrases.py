"""Phrasal paraphrase: whether two texts say the same, and which of their phrases do.

After Arase and Tsujii (2019), who train BERT further, between pretraining and fine-tuning, on
paraphrase relations of phrases and of sentences. What follows of the heads and the losses is our
choice. `isomorph.models.finetune` tunes the head and predicts with it; its checks need a `metric`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from isomorph.models.features import IGNORED, SIDES, Encoded, Features, named
from isomorph.models.heads import Head
from isomorph.models.inputs import longest_input
from isomorph.text.corpora import require
from isomorph.text.examples import PHRASES
from isomorph.text.tokens import encodings, word_tokens

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

    from isomorph.text.examples import Examples, Span

LEVELS = ("both", "phrases", "sentences")
NAMES = tuple(map(named, SIDES))
POOLINGS = ("mean", "first")


@dataclass(frozen=True)
class EncodedPhrases(Encoded):
    """Two texts as one input, and the phrase pairs that the encoder has room for.

    words and heads are empty. targets: 1 where the texts say the same, else 0, then the same of
    each phrase pair; IGNORED what is not learnt. phrases: (start, end, start, end) of each pair, in
    tokens, ends exclusive. numbers: which of the example's pairs they are. asked: how many it has.
    """

    phrases: list[tuple[int, int, int, int]]
    numbers: list[int]
    asked: int


@dataclass(frozen=True)
class PhraseFeatures(Features):
    """A batch of them; targets are (batch, 1 + pairs). It is made on the device and stays there."""

    phrases: Tensor  # (batch, pairs, 4), 0 beyond a row's pairs
    numbers: tuple[list[int], ...]
    asked: tuple[int, ...]


class PhraseHead(Head):
    """Two linear layers: on a vector of both texts, and on [u, v, |u - v|, u * v] of a phrase pair.

    The texts read [CLS] first [SEP] second [SEP], or as the encoder's tokeniser writes pairs. u and
    v are the means of the phrases' tokens, so of all that they became in their texts. pooling: the
    vector of both texts is the "mean" of their tokens or the "first". restart: the second text is
    read from position 1, and each is cut to the encoder's length alone (our encoder only).
    level: what the loss has; of "both" it is the sum of the two cross entropies. What is not in the
    loss is answered too, by a layer that has learnt nothing.
    Raises ValueError for another level or pooling.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        *,
        level: str = "both",
        pooling: str = "mean",
        restart: bool = True,
        dropout: float = 0.0,
    ):
        require("level", level, LEVELS)
        require("pooling", pooling, POOLINGS)
        super().__init__(model, (), restart=restart, dropout=dropout)
        self.level, self.pooling = level, pooling
        self.texts = nn.Linear(self.width, 2)
        self.phrases = nn.Linear(4 * self.width, 2)

    def encode(
        self, examples: Examples, tokenizer: PreTrainedTokenizerFast
    ) -> list[EncodedPhrases]:
        """The texts as numbers; phrases that are not read whole are left out.

        Raises ValueError for examples of another task.
        """
        require("examples.task", examples.task, (PHRASES,))
        if not examples.items:
            return []
        longest = longest_input(self.encoder, tokenizer)
        read = _each_cut if self.restart else _together
        sides = [[list(getattr(item, side)) for item in examples.items] for side in SIDES]
        rows = []
        for item, (ids, segments, *places) in zip(
            examples.items, read(tokenizer, *sides, longest), strict=True
        ):
            phrases, numbers, answers = [], [], []
            for number, (first, second, answer) in enumerate(item.spans):
                found = [_tokens(*side) for side in zip(places, (first, second), strict=True)]
                if None not in found:
                    phrases.append((*found[0], *found[1]))
                    numbers.append(number)
                    answers.append(int(answer))
            same = IGNORED if self.level == "phrases" else int(item.same)
            if self.level == "sentences":
                answers = [IGNORED] * len(answers)
            rows.append(
                EncodedPhrases(
                    ids, segments, [], [same, *answers], [], phrases, numbers, len(item.spans)
                )
            )
        return rows

    def collate(self, rows, tokenizer) -> PhraseFeatures:
        batch = super().collate(rows, tokenizer)
        phrases = torch.zeros(len(rows), batch.targets.shape[1] - 1, 4, dtype=torch.long)
        for number, row in enumerate(rows):
            if row.phrases:
                phrases[number, : len(row.phrases)] = torch.tensor(row.phrases)
        return PhraseFeatures(
            **{part.name: getattr(batch, part.name) for part in fields(batch)},
            phrases=phrases.to(self.device),
            numbers=tuple(row.numbers for row in rows),
            asked=tuple(row.asked for row in rows),
        )

    def scores(self, batch: PhraseFeatures, language: str | None) -> tuple[Tensor, Tensor]:
        """(batch, 2) of texts and (batch, pairs, 2) of phrases: of not the same, of the same."""
        hidden = self.hidden(batch, language)
        pooled = hidden[:, 0]
        if self.pooling == "mean":
            content = batch.content[:, :, None]
            pooled = (hidden * content).sum(1) / content.sum(1).clamp(min=1)
        one, other = (means(hidden, batch.phrases[:, :, at : at + 2]) for at in (0, 2))
        pairs = torch.cat([one, other, (one - other).abs(), one * other], -1)
        return self.texts(pooled).float(), self.phrases(pairs).float()

    def loss(self, batch, language):
        """The mean cross entropy of the texts plus that of the phrase pairs, in nats."""
        texts, phrases = self.scores(batch, language)
        targets = batch.targets[:, 1:]
        return _mean_loss(texts, batch.targets[:, 0]) + _mean_loss(
            phrases.flatten(0, 1), targets.flatten()
        )

    def decide(self, batch, language) -> list[tuple[bool, tuple[bool, ...]]]:
        """For each example whether the texts say the same, and whether each phrase pair does; False
        for a pair that was cut off."""
        texts, phrases = (part.argmax(-1).bool().tolist() for part in self.scores(batch, language))
        found = []
        for same, row, numbers, asked in zip(
            texts, phrases, batch.numbers, batch.asked, strict=True
        ):
            answers = dict(zip(numbers, row, strict=False))
            found.append((same, tuple(answers.get(number, False) for number in range(asked))))
        return found


def phrase_head(model: PreTrainedModel, *, seed: int, **settings) -> PhraseHead:
    """A `PhraseHead` on an encoder, with random weights that depend on the seed alone.

    model: as in `isomorph.models.heads.head_for`; it is tuned in place. settings: of the head.
    Raises ValueError as the head does.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return PhraseHead(model, **settings)


def phrase_scores(
    examples: Examples, answers: Sequence[tuple[bool, Sequence[bool]]]
) -> dict[str, float]:
    """How right the answers to examples of phrases are, from 0 to 1, over all examples together.

    "sentence_accuracy": of texts; "phrase_accuracy": of phrase pairs; "phrase_f1": of paraphrases
    among these; "phrase_accuracy_within": of the pairs inside one and the same verse, where half
    are paraphrases. 0.0 where there are no pairs.
    Raises ValueError when there are no examples, or not as many answers, of texts or of pairs.
    """
    if not examples.items or len(answers) != len(examples.items):
        raise ValueError(
            f"answers has {len(answers)} and examples {len(examples.items)}; allowed is the same "
            "number, from 1."
        )
    texts, pairs = [], []
    for item, (same, guessed) in zip(examples.items, answers, strict=True):
        if len(guessed) != len(item.spans):
            raise ValueError(
                f"answers has {len(guessed)} for the phrase pairs of an example; allowed are as "
                f"many as its spans, {len(item.spans)}."
            )
        texts.append(same == item.same)
        pairs += [
            (answer, given, item.same)
            for (*_, answer), given in zip(item.spans, guessed, strict=True)
        ]
    said = sum(answer + given for answer, given, _ in pairs)
    both = sum(answer and given for answer, given, _ in pairs)
    return {
        "sentence_accuracy": _share(texts),
        "phrase_accuracy": _share([answer == given for answer, given, _ in pairs]),
        "phrase_accuracy_within": _share(
            [answer == given for answer, given, same in pairs if same]
        ),
        "phrase_f1": 2 * both / max(1, said),
    }


def means(hidden: Tensor, spans: Tensor) -> Tensor:
    """(batch, spans, width): the mean hidden state of each stretch, 0 of an empty one.

    hidden: (batch, time, width). spans: (batch, spans, 2), start and end, exclusive.
    """
    along = torch.arange(hidden.shape[1], device=hidden.device)
    inside = (along >= spans[:, :, :1]) & (along < spans[:, :, 1:])
    inside = inside.to(hidden.dtype)
    return inside @ hidden / inside.sum(2, keepdim=True).clamp(min=1)


def _mean_loss(scores: Tensor, targets: Tensor) -> Tensor:
    # Of a batch that has none, the mean would be no number.
    total = F.cross_entropy(scores, targets, ignore_index=IGNORED, reduction="sum")
    return total / (targets != IGNORED).sum().clamp(min=1)


def _share(right: Sequence[bool]) -> float:
    return sum(right) / max(1, len(right))


Side = tuple[list[list[int]], list[int]]
"""The tokens of each word of a text, and the places of the tokens that are read."""


def _each_cut(
    tokenizer, firsts: list, seconds: list, longest: int
) -> Iterator[tuple[list[int], list[int], Side, Side]]:
    """(ids, segments, first, second), each text cut as if it were read alone."""
    start, end = tokenizer.cls_token_id, tokenizer.sep_token_id
    for (ids, first), (others, second) in zip(
        *_alone(tokenizer, firsts, seconds, longest), strict=True
    ):
        one, two = ids[: longest - 2], others[: longest - 2]
        before = len(one) + 2
        yield (
            [start, *one, end, *two, end],
            [0] * before + [1] * (len(two) + 1),
            (first, list(range(1, before - 1))),
            (second, list(range(before, before + len(two)))),
        )


def _together(
    tokenizer, firsts: list, seconds: list, longest: int | None
) -> Iterator[tuple[list[int], list[int], Side, Side]]:
    """The same, as the tokeniser writes pairs: of the longer text more is cut."""
    read = encodings(tokenizer, firsts, seconds, longest=longest, names=NAMES)
    alone = _alone(tokenizer, firsts, seconds, longest)
    for encoding, (_, first), (_, second) in zip(read, *alone, strict=True):
        places = [
            [i for i, of in enumerate(encoding.sequence_ids) if of == side] for side in (0, 1)
        ]
        yield (
            encoding.ids,
            encoding.type_ids,
            (first, places[0]),
            (second, places[1]),
        )


def _alone(tokenizer, firsts: list, seconds: list, longest: int | None) -> list[list]:
    """(ids, tokens of each word) of each side without special tokens; longer than what is ever read
    of one, so that they show which word is cut."""
    return [
        [
            (encoding.ids, word_tokens(encoding, words))
            for words, encoding in zip(
                side,
                encodings(tokenizer, side, special=False, longest=longest, names=(name, "")),
                strict=True,
            )
        ]
        for side, name in zip((firsts, seconds), NAMES, strict=True)
    ]


def _tokens(side: Side, span: Span) -> tuple[int, int] | None:
    """Where a phrase's tokens begin and end; None unless all are read and there is one."""
    words, places = side
    inside = [token for own in words[slice(*span)] for token in own]
    last = max((word for word, own in enumerate(words) if own), default=-1)
    if not inside or inside[-1] >= len(places) or last < span[1] - 1:
        return None
    return places[inside[0]], places[inside[-1]] + 1
