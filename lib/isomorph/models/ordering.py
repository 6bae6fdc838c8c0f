"""Sentence ordering: which of some shuffled sentences comes first, which next.

After BERT4SO (Zhu et al. 2021, arXiv 2103.13584, abstract): all sentences of a text are one input,
several special tokens and interval segments mark its sentences, and the loss is a listwise one,
built on ListMLE. What the abstract leaves open is our choice.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from isomorph.models.heads import Head, at_words, mean_inside
from isomorph.models.inputs import IGNORED, Encoded, Features, longest_input, named
from isomorph.text.examples import ORDER, Examples, require
from isomorph.text.tokens import check_texts, encodings

POOLINGS = ("first", "mean")


class OrderingHead(Head):
    """A score for each sentence of a text, from its own [CLS]: linear. The highest comes first.

    A text reads [CLS] A [SEP] [CLS] B [SEP] and so on, its segments 0 and 1 in turns (in our
    encoder, a vector that tuning learns is added to the second, fourth ...; RoBERTa has none).
    Positions run on through the whole text, or nothing would tell which words a [CLS] stands
    before.

    pooling: "first" takes the [CLS]; "mean", our addition, the mean of the sentence's words, for
    encoders as all-MiniLM-L6-v2, in which the [CLS]s of one text are nearly one vector.
    interaction: False reads the very same tokens, but each sentence alone, from position 0 and in
    segment 0. margin: of `margin_loss`; 0 is `list_mle` alone. Raises ValueError for another
    pooling or a margin below 0.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        names=(),
        *,
        pooling: str = "first",
        interaction: bool = True,
        margin: float = 0.0,
        **settings,
    ):
        require("pooling", pooling, POOLINGS)
        if not margin >= 0:
            raise ValueError(f"margin is {margin}; allowed is a number from 0.")
        super().__init__(model, names, restart=False, **settings)
        self.pooling, self.interaction, self.margin = pooling, interaction, margin
        # The losses see differences only, so a bias would learn nothing.
        self.out = nn.Linear(self.width, 1, bias=False)

    def encode(self, examples: Examples, tokenizer: PreTrainedTokenizerFast) -> list[Encoded]:
        """The texts as numbers; words are the places of the [CLS]s, targets the true places.

        Where a text is longer than the encoder reads, its long sentences are cut to a common length.
        Raises ValueError for examples of another task, a tokeniser without [CLS] or [SEP], or more
        sentences than there is room for: each needs three tokens.
        """
        require("examples.task", examples.task, (ORDER,))
        start, end = tokenizer.cls_token_id, tokenizer.sep_token_id
        if start is None or end is None:
            raise ValueError(
                f"tokenizer has the special tokens {tokenizer.all_special_tokens}; needed are one "
                "before (cls_token) and one after each sentence (sep_token)."
            )
        longest = longest_input(self.encoder, tokenizer)
        flat = [sentence for item in examples.items for sentence in item.sentences]
        for number, item in enumerate(examples.items):
            check_texts(item.sentences, named("sentences[{}]").format(number, "{}"), empty=True)
        read = iter(encodings(tokenizer, flat, special=False, longest=longest))
        rows = []
        for item in examples.items:
            texts = [next(read).ids for _ in item.sentences]
            if longest is not None:
                if 3 * len(texts) > longest:
                    raise ValueError(
                        f"a text has {len(texts)} sentences; the {longest} tokens that the encoder "
                        f"reads allow at most {longest // 3}."
                    )
                room = common_length(list(map(len, texts)), longest - 2 * len(texts))
                texts = [text[:room] for text in texts]
            ids, segments, places = [], [], []
            for number, text in enumerate(texts):
                places.append(len(ids))
                ids += [start, *text, end]
                segments += [number % 2] * (len(text) + 2)
            rows.append(Encoded(ids, segments, places, list(item.order)))
        return rows

    def scores(self, batch: Features, language: str | None) -> Tensor:
        """(batch, sentences), of no meaning beyond a row's length."""
        if self.interaction:
            return self._scored(batch, language)
        scores = self._scored(sentences_apart(batch), language)[:, 0]
        places = _real(batch).nonzero(as_tuple=True)
        return scores.new_zeros(batch.words.shape).index_put(places, scores)

    def _scored(self, batch: Features, language: str | None) -> Tensor:
        hidden = self.hidden(batch, language)
        if self.pooling == "first":
            return self.out(at_words(hidden, batch.words))[:, :, 0]
        return self.out(mean_inside(hidden, sentence_tokens(batch)))[:, :, 0]

    def loss(self, batch, language):
        return margin_loss(self.scores(batch, language).float(), batch.targets, self.margin)

    def decide(self, batch, language) -> list[tuple[int, ...]]:
        """For each text the place of each of its sentences, from 0; of equals the earlier first."""
        scores, lengths = self.scores(batch, language).float().cpu().numpy(), batch.lengths.tolist()
        return [
            tuple(np.argsort(np.argsort(-row[:length], kind="stable")).tolist())
            for row, length in zip(scores, lengths, strict=True)
        ]


def list_mle(scores: Tensor, places: Tensor) -> Tensor:
    """ListMLE, in nats: the mean over texts of -log of the true order's probability.

    scores, places: (batch, sentences), the true place of each sentence from 0, IGNORED where there
    is none. The probability is that of drawing the sentences one after another without return,
    each in proportion to exp(score): -log prod_i exp(s_i) / sum_{k not before i} exp(s_k). Equal
    scores of n sentences give log n!.
    """
    real = places != IGNORED
    later = (places[:, None, :] >= places[:, :, None]) & real[:, None, :] & real[:, :, None]
    # What stands for no sentence is drawn from itself alone, which costs nothing.
    left = later | torch.eye(places.shape[1], dtype=torch.bool, device=places.device)
    drawn = scores[:, None, :].masked_fill(~left, -torch.inf).logsumexp(2)
    return (drawn - scores).sum(1).mean()


def margin_loss(scores: Tensor, places: Tensor, margin: float) -> Tensor:
    """`list_mle` plus a hinge on each pair of sentences: max(0, margin - (s_i - s_j)) where i
    comes before j, summed over a text's pairs; the mean over texts. A margin of 0 is no hinge.

    Our own choice: the form of BERT4SO's margin is not in its abstract, all we could read of it.
    """
    if not margin:
        return list_mle(scores, places)
    real = places != IGNORED
    before = (places[:, :, None] < places[:, None, :]) & real[:, None, :] & real[:, :, None]
    lacking = (margin - (scores[:, :, None] - scores[:, None, :])).clamp(min=0)
    return list_mle(scores, places) + (lacking * before).sum((1, 2)).mean()


def common_length(lengths: Sequence[int], room: int) -> int:
    """The greatest length such that sentences cut to it have at most `room` tokens together; the
    longest sentence's where no cut is needed."""
    for done, length in enumerate(sorted(lengths)):
        share = room // (len(lengths) - done)
        if length > share:
            return share
        room -= length
    return max(lengths)


def sentences_apart(batch: Features) -> Features:
    """The sentences of a batch of texts as a batch of their own, one a row: text after text."""
    real = _real(batch)
    texts, sentences = real.nonzero(as_tuple=True)
    whole = batch.attention.sum(1, keepdim=True)
    following = torch.cat([batch.words[:, 1:], whole], 1)  # (batch, sentences)
    following = torch.where(batch.lengths[:, None] - 1 == _along(batch.words), whole, following)
    starts, sizes = batch.words[real], (following - batch.words)[real]
    along = torch.arange(int(sizes.max()), device=sizes.device)
    inside = along < sizes[:, None]  # (rows, time)
    places = (starts[:, None] + along).clamp(max=batch.ids.shape[1] - 1)
    ids, content = (part[texts[:, None], places] * inside for part in (batch.ids, batch.content))
    return Features(
        ids=ids,
        attention=inside.long(),
        content=content,
        segments=torch.zeros_like(ids),
        words=torch.zeros_like(ids[:, :1]),
        lengths=torch.ones_like(sizes),
        targets=batch.targets[texts, sentences][:, None],
        heads=batch.heads[texts],
    )


def sentence_tokens(batch: Features) -> Tensor:
    """(batch, sentences, time), True where a token of text is the sentence's."""
    begun = (_along(batch.ids) >= batch.words[:, :, None]) & _real(batch)[:, :, None]
    number = begun.sum(1) - 1  # (batch, time), of the sentence that a token stands in
    return (number[:, None] == _along(batch.words)[:, None]) & batch.content[:, None]


def _real(batch: Features) -> Tensor:
    """(batch, sentences), False beyond a row's length."""
    return _along(batch.words) < batch.lengths[:, None]


def _along(rows: Tensor) -> Tensor:
    return torch.arange(rows.shape[1], device=rows.device)
