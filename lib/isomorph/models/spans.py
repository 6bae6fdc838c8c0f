"""Heads that read stretches of texts: paraphrases of phrases, and answers to questions.

Phrasal paraphrase is after Arase and Tsujii (2019), who train BERT further on paraphrases of phrases
and of sentences; the head and its losses are our choice. Questions are answered as BERT is tuned on
SQuAD (Devlin et al. 2019, section 4.2).
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from isomorph.models.heads import Head, at_words, mean_inside, mean_of_text
from isomorph.models.inputs import (
    IGNORED,
    SIDES,
    Encoded,
    Features,
    encode_pairs,
    longest_input,
    named,
)
from isomorph.text.examples import PHRASES, QUESTION, Examples, QuestionExample, Span, require
from isomorph.text.tokens import encodings, word_tokens

LEVELS = ("both", "phrases", "sentences")
LONGEST_ANSWER = 30  # tokens


class PhraseHead(Head):
    """Two linear layers: on the mean of both texts' tokens, and on [u, v, |u - v|, u * v] of a
    phrase pair, u and v the means of the phrases' tokens, so of all that they became in their
    texts.

    level: what the loss has; of "both" it is the sum of the two cross entropies. What is not in
    the loss is answered too, by a layer that has learnt nothing. Raises ValueError for another
    level.
    """

    def __init__(self, model: PreTrainedModel, names=(), *, level: str = "both", **settings):
        require("level", level, LEVELS)
        super().__init__(model, names, **settings)
        self.level = level
        self.texts = nn.Linear(self.width, 2)
        self.phrases = nn.Linear(4 * self.width, 2)

    def encode(self, examples: Examples, tokenizer: PreTrainedTokenizerFast) -> list[Encoded]:
        """The texts as numbers. targets: 1 where they say the same, else 0, then the same of each
        phrase pair; IGNORED what is not learnt or not read whole.

        Raises ValueError for examples of another task.
        """
        require("examples.task", examples.task, (PHRASES,))
        if not examples.items:
            return []
        longest, names = longest_input(self.encoder, tokenizer), tuple(map(named, SIDES))
        sides = [[list(getattr(item, side)) for item in examples.items] for side in SIDES]
        read = encode_pairs(tokenizer, *sides, names=names, longest=longest, each=self.restart)
        # More of each side than is ever read of it, so as to see which word is cut.
        words = []
        for side, name in zip(sides, names, strict=True):
            alone = encodings(tokenizer, side, special=False, longest=longest, names=(name, ""))
            words.append([word_tokens(*each) for each in zip(alone, side, strict=True)])
        rows = []
        for item, (ids, segments, places, _), *tokens in zip(
            examples.items, read, *words, strict=True
        ):
            targets = [IGNORED if self.level == "phrases" else int(item.same)]
            phrases = []
            for first, second, answer in item.spans:
                ends = [_ends(*each) for each in zip(tokens, places, (first, second), strict=True)]
                phrases.append((0, 0, 0, 0) if None in ends else (*ends[0], *ends[1]))
                learnt = None not in ends and self.level != "sentences"
                targets.append(int(answer) if learnt else IGNORED)
            rows.append(Encoded(ids, segments, [], targets, spans=phrases))
        return rows

    def scores(self, batch: Features, language: str | None) -> tuple[Tensor, Tensor]:
        """(batch, 2) of texts and (batch, pairs, 2) of phrases: of not the same, of the same."""
        hidden = self.hidden(batch, language)
        spans = torch.zeros(*batch.targets[:, 1:].shape, 4, dtype=torch.long)
        for row, into in zip(batch.rows, spans, strict=True):
            if row.spans:
                into[: len(row.spans)] = torch.tensor(row.spans)
        spans = spans.to(hidden.device)
        one, other = (span_means(hidden, spans[:, :, at : at + 2]) for at in (0, 2))
        pairs = torch.cat([one, other, (one - other).abs(), one * other], -1)
        texts = self.texts(mean_of_text(hidden, batch.content))
        return texts.float(), self.phrases(pairs).float()

    def loss(self, batch, language):
        """The mean cross entropy of the texts plus that of the phrase pairs, in nats."""
        texts, phrases = self.scores(batch, language)
        targets = batch.targets[:, 1:]
        return _mean_loss(texts, batch.targets[:, 0]) + _mean_loss(
            phrases.flatten(0, 1), targets.flatten()
        )

    def decide(self, batch, language) -> list[tuple[bool, tuple[bool, ...]]]:
        """For each example whether the texts say the same, and whether each phrase pair does;
        False for a pair that was cut off."""
        texts, phrases = (part.argmax(-1).bool().tolist() for part in self.scores(batch, language))
        return [
            (
                same,
                tuple(
                    answer and span[1] > 0 for answer, span in zip(answers, row.spans, strict=False)
                ),
            )
            for same, answers, row in zip(texts, phrases, batch.rows, strict=True)
        ]


def span_means(hidden: Tensor, spans: Tensor) -> Tensor:
    """(batch, spans, width): the mean hidden state of each stretch (batch, spans, 2), start and
    end, exclusive, 0 of an empty one. hidden: (batch, time, width)."""
    along = torch.arange(hidden.shape[1], device=hidden.device)
    return mean_inside(hidden, (along >= spans[:, :, :1]) & (along < spans[:, :, 1:]))


def _mean_loss(scores: Tensor, targets: Tensor) -> Tensor:
    # Of a batch that has none, the mean would be no number.
    total = F.cross_entropy(scores, targets, ignore_index=IGNORED, reduction="sum")
    return total / (targets != IGNORED).sum().clamp(min=1)


def _ends(words: list[list[int]], places: list[int], span: Span) -> tuple[int, int] | None:
    """Where a phrase's tokens begin and end; None unless all are read and there is one.

    words: the tokens of each word of its text. places: of those that are read, in the input.
    """
    inside = [token for tokens in words[slice(*span)] for token in tokens]
    last = max((word for word, tokens in enumerate(words) if tokens), default=-1)
    if not inside or inside[-1] >= len(places) or last < span[1] - 1:
        return None
    return places[inside[0]], places[inside[-1]] + 1


class QuestionHead(Head):
    """Two scores for each token of the context, of the answer's start and its end: linear,
    softmaxed.

    The question comes first, and the context is segment 1; our encoder has its whole length for
    each.
    """

    def __init__(self, model: PreTrainedModel, names=(), **settings):
        super().__init__(model, names, **settings)
        self.out = nn.Linear(self.width, 2)

    def encode(self, examples: Examples, tokenizer: PreTrainedTokenizerFast) -> list[Encoded]:
        """The questions as numbers; where one is too long for the encoder, its context is cut.

        words: the places of the context's tokens. targets: the answer's first and last token, counted
        among them; both IGNORED where the answer is cut off or in no token.
        Raises ValueError for examples of another task, or a question that leaves no room for a
        context.
        """
        require("examples.task", examples.task, (QUESTION,))
        longest = longest_input(self.encoder, tokenizer)
        names = named("question"), named("context")
        questions = [item.question for item in examples.items]
        contexts = [item.context for item in examples.items]
        if not self.restart and longest is not None:
            room = longest - tokenizer.num_special_tokens_to_add(pair=True) - 1
            sizes = map(len, encodings(tokenizer, questions, special=False, names=names))
            if (size := max(sizes, default=0)) > room:
                raise ValueError(
                    f"a question has {size} tokens; the {longest} that the encoder reads allow at "
                    f"most {room}, so that there is room for a context."
                )
        read = encode_pairs(
            tokenizer, questions, contexts, names=names, longest=longest, each=self.restart,
            cut="only_second",
        )  # fmt: skip
        return [
            Encoded(ids, segments, words, _answer_places(item, spans), [], spans, item.context)
            for item, (ids, segments, (_, words), spans) in zip(examples.items, read, strict=True)
        ]

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

    def decide(self, batch: Features, language: str | None) -> list[str]:
        """For each question the best stretch of at most LONGEST_ANSWER tokens, as text: that of
        the highest sum of both scores. It is empty where nothing of the context is read."""
        spans = best_spans(self.scores(batch, language))
        return [
            row.text[row.spans[start][0] : row.spans[end][1]].strip() if row.spans else ""
            for row, (start, end) in zip(batch.rows, spans, strict=True)
        ]


def best_spans(scores: Tensor, longest: int = LONGEST_ANSWER) -> list[tuple[int, int]]:
    """The (first, last) token of each row's best span of at most `longest` tokens, the earliest of
    equals. scores: (batch, tokens, 2), of starting and of ending at a token."""
    size = scores.shape[1]
    allowed = torch.ones(size, size, dtype=torch.bool, device=scores.device)
    allowed = allowed.triu().tril(longest - 1)
    # Halved, for the sum of two least numbers would be minus infinity, as what is not allowed.
    spans = scores[:, :, None, 0] / 2 + scores[:, None, :, 1] / 2
    best = spans.masked_fill(~allowed, -torch.inf).flatten(1).argmax(1)
    return [divmod(place, size) for place in best.tolist()]


def _answer_places(item: QuestionExample, offsets: Sequence[tuple[int, int]]) -> list[int]:
    """The first and last of the tokens that have a part in the answer, both IGNORED if any is
    missing."""
    end = item.start + len(item.answers[0].rstrip())
    inside = [i for i, (a, b) in enumerate(offsets) if a < end and b > item.start]
    if not inside or offsets[-1][1] < end:
        return [IGNORED, IGNORED]
    return [inside[0], inside[-1]]
