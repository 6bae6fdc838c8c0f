"""Extractive question answering: where in a text the answer to a question begins and ends.

As BERT is tuned on SQuAD (Devlin et al. 2019, section 4.2): question and text are one input, and
two linear scores of every token are softmaxed over the text. `isomorph.models.finetune` tunes the
head and predicts with it; its checks need a `metric`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from isomorph.models.features import IGNORED, Encoded, Features, named
from isomorph.models.heads import Head, at_words
from isomorph.models.inputs import longest_input
from isomorph.text.corpora import require
from isomorph.text.examples import QUESTION
from isomorph.text.tokens import encodings

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

    from isomorph.text.examples import Examples, QuestionExample

LONGEST_ANSWER = 30  # tokens
NAMES = (named("question"), named("context"))


@dataclass(frozen=True)
class EncodedQuestion(Encoded):
    """A question and its context.

    words: the places of the context's tokens. targets: the answer's first and last token, counted
    among them; both IGNORED where the answer is cut off or in no token. offsets: (start, end) of
    each of these tokens in the context, in characters.
    """

    context: str
    offsets: list[tuple[int, int]]


@dataclass(frozen=True)
class QuestionFeatures(Features):
    """A batch of questions; targets are (batch, 2). It is made on the device and stays there."""

    contexts: tuple[str, ...]
    offsets: tuple[list[tuple[int, int]], ...]


class QuestionHead(Head):
    """Two scores for each token of the context, of the answer's start and its end: linear.

    A question reads [CLS] question [SEP] context [SEP], or as the encoder's tokeniser writes pairs;
    the context is segment 1. restart: the context is read from position 1, and has the encoder's
    whole length for itself, as has the question (our encoder only).
    """

    def __init__(self, model: PreTrainedModel, *, restart: bool = True, dropout: float = 0.0):
        super().__init__(model, (), restart=restart, dropout=dropout)
        self.out = nn.Linear(self.width, 2)

    def encode(
        self, examples: Examples, tokenizer: PreTrainedTokenizerFast
    ) -> list[EncodedQuestion]:
        """The questions as numbers; where one is too long for the encoder, its context is cut.

        With `restart`, question and context are each cut to the encoder's length.
        Raises ValueError for examples of another task, or a question that leaves no room for a
        context.
        """
        require("examples.task", examples.task, (QUESTION,))
        longest = longest_input(self.encoder, tokenizer)
        read = _each_cut if self.restart else _together
        questions = [item.question for item in examples.items]
        contexts = [item.context for item in examples.items]
        return [
            EncodedQuestion(
                ids, segments, places, _answer_places(item, offsets), [], item.context, offsets
            )
            for item, (ids, segments, places, offsets) in zip(
                examples.items, read(tokenizer, questions, contexts, longest), strict=True
            )
        ]

    def collate(self, rows, tokenizer) -> QuestionFeatures:
        batch = super().collate(rows, tokenizer)
        tensors = {part.name: getattr(batch, part.name) for part in fields(batch)}
        contexts = tuple(row.context for row in rows)
        return QuestionFeatures(
            **tensors, contexts=contexts, offsets=tuple(row.offsets for row in rows)
        )

    def scores(self, batch: Features, language: str | None) -> Tensor:
        """(batch, tokens of the context, 2), the least number beyond a row's length."""
        scores = self.out(at_words(self.hidden(batch, language), batch.words)).float()
        along = torch.arange(batch.words.shape[1], device=scores.device)
        beyond = along >= batch.lengths[:, None]
        # Not minus infinity: of a row without a context, no gradient would be a number.
        return scores.masked_fill(beyond[:, :, None], torch.finfo(scores.dtype).min)

    def loss(self, batch, language):
        """The mean of both cross entropies, in nats."""
        scores = self.scores(batch, language).transpose(1, 2).flatten(0, 1)
        return F.cross_entropy(scores, batch.targets.flatten(), ignore_index=IGNORED)

    def decide(self, batch: QuestionFeatures, language: str | None) -> list[str]:
        """For each question the best stretch of at most LONGEST_ANSWER tokens, as text: that of the
        highest sum of both scores. It is empty where nothing of the context is read."""
        return [
            context[offsets[start][0] : offsets[end][1]].strip() if offsets else ""
            for context, offsets, (start, end) in zip(
                batch.contexts, batch.offsets, best_spans(self.scores(batch, language)), strict=True
            )
        ]


def question_head(
    model: PreTrainedModel, *, seed: int, restart: bool = True, dropout: float = 0.0
) -> QuestionHead:
    """A `QuestionHead` on an encoder, with random weights that depend on the seed alone.

    model: as in `isomorph.models.heads.head_for`; it is tuned in place. restart: False where
    pretraining read running text.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return QuestionHead(model, restart=restart, dropout=dropout)


def best_spans(scores: Tensor, longest: int = LONGEST_ANSWER) -> list[tuple[int, int]]:
    """The (first, last) token of each row's best span of at most `longest` tokens, the earliest of
    equals.

    scores: (batch, tokens, 2), of starting and of ending at a token.
    """
    size = scores.shape[1]
    allowed = torch.ones(size, size, dtype=torch.bool, device=scores.device)
    allowed = allowed.triu().tril(longest - 1)
    # Halved, for the sum of two least numbers would be minus infinity, as what is not allowed.
    spans = scores[:, :, None, 0] / 2 + scores[:, None, :, 1] / 2
    best = spans.masked_fill(~allowed, -torch.inf).flatten(1).argmax(1)
    return [divmod(place, size) for place in best.tolist()]


def _together(tokenizer, questions: list[str], contexts: list[str], longest: int | None):
    """(ids, segments, places, offsets) of each pair as the tokeniser writes it, the context cut."""
    cut = {}
    if longest is not None:
        room = longest - tokenizer.num_special_tokens_to_add(pair=True) - 1
        sizes = map(len, encodings(tokenizer, questions, special=False, names=NAMES))
        if (size := max(sizes, default=0)) > room:
            raise ValueError(
                f"a question has {size} tokens; the {longest} that the encoder reads allow at most "
                f"{room}, so that there is room for a context."
            )
        cut = {"cut": "only_second", "longest": longest}
    for encoding in encodings(tokenizer, questions, contexts, names=NAMES, **cut):
        places = [i for i, side in enumerate(encoding.sequence_ids) if side == 1]
        yield encoding.ids, encoding.type_ids, places, [encoding.offsets[i] for i in places]


def _each_cut(tokenizer, questions: list[str], contexts: list[str], longest: int):
    """The same, where each side is cut as if it were read alone."""
    sides = [
        encodings(tokenizer, side, special=False, longest=longest - 2, names=(name, ""))
        for side, name in zip((questions, contexts), NAMES, strict=True)
    ]
    start, end = tokenizer.cls_token_id, tokenizer.sep_token_id
    for question, context in zip(*sides, strict=True):
        before = len(question.ids) + 2
        ids = [start, *question.ids, end, *context.ids, end]
        segments = [0] * before + [1] * (len(context.ids) + 1)
        places = list(range(before, before + len(context.ids)))
        yield ids, segments, places, context.offsets


def _answer_places(item: QuestionExample, offsets: Sequence[tuple[int, int]]) -> list[int]:
    """The first and last of the tokens that have a part in the answer, both IGNORED if any is
    missing."""
    end = item.start + len(item.answers[0].rstrip())
    inside = [i for i, (a, b) in enumerate(offsets) if a < end and b > item.start]
    if not inside or offsets[-1][1] < end:
        return [IGNORED, IGNORED]
    return [inside[0], inside[-1]]
