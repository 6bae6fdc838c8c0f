"""The language model: the encoder with scores over the vocabulary, and how well it predicts text.

A perplexity is over the subwords of one vocabulary. Models with other vocabularies, and so two
languages, or a model of one language and a model of two, cannot be compared by it.
"""

import math
from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import AutoModelForMaskedLM
from transformers.modeling_outputs import MaskedLMOutput

from isomorph.models.batches import IGNORED, Batch, as_batch, following, mask
from isomorph.models.encoder import (
    ACTIVATIONS,
    BilingualConfig,
    BilingualEncoder,
    BilingualPreTrainedModel,
    PerLanguage,
)
from isomorph.text.vocab import MASK, SPECIAL, Vocabulary, pack

LARGEST = 700.0  # nats: exp of a little more is no number
ROWS = 64  # that are read at a time
FOLDS = 7  # of a pseudo-perplexity


class Softmax(nn.Module):
    """Scores over the vocabulary: perhaps a bias and, unless tied to the embeddings, a matrix."""

    def __init__(self, config: BilingualConfig):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(config.vocabulary)) if config.softmax_bias else None
        self.weight = None
        if not config.tied:
            self.weight = nn.Parameter(torch.randn(config.vocabulary, config.width) * 0.02)

    def forward(self, x: Tensor, embeddings: Tensor) -> Tensor:
        return F.linear(x, embeddings if self.weight is None else self.weight, self.bias)


class BilingualMaskedLM(BilingualPreTrainedModel):
    """The encoder with a head that scores the masked positions only or, if causal, the next subwords.

    XLM's head is the softmax alone; with `transform` it has BERT's extra layer before it.
    """

    def __init__(self, config: BilingualConfig):
        super().__init__(config)
        self.encoder = BilingualEncoder(config)
        self.transform = None
        if config.transform:
            self.transform = nn.Sequential(
                nn.Linear(config.width, config.width),
                nn.GELU(approximate=ACTIVATIONS[config.activation]),
                nn.LayerNorm(config.width, eps=1e-12),
            )
        self.softmax = PerLanguage("softmax", config, lambda: Softmax(config))
        self.post_init()

    def get_input_embeddings(self, language: str | None = None) -> nn.Embedding:
        return self.encoder.get_input_embeddings(language)

    def scores(self, hidden: Tensor, language: str) -> Tensor:
        """Scores over the vocabulary, (..., width) to (..., vocabulary)."""
        hidden = hidden if self.transform is None else self.transform(hidden)
        embeddings = self.encoder.embeddings.of(language).weight
        return self.softmax.of(language)(hidden, embeddings)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        language: str | None = None,
        labels: Tensor | None = None,
        output_hidden_states: bool = False,
        position_ids: Tensor | None = None,
        **ignored,
    ) -> MaskedLMOutput:
        """The loss, or scores for every position when there are no labels.

        labels: (batch, time), IGNORED wherever nothing is to be predicted; of a causal model the next
        subword (`isomorph.models.batches.following`). The loss is the mean over the predicted
        positions, in nats; `logits` then holds their scores only, (positions, vocabulary).
        """
        language = self.language(language)
        output = self.encoder(
            input_ids, attention_mask, language, output_hidden_states, position_ids
        )
        hidden, loss = output.last_hidden_state, None
        if labels is not None:
            # Rows are gathered by index, so that the projection never sees the other 85%.
            predicted = (labels.flatten() != IGNORED).nonzero().squeeze(1)
            hidden = hidden.flatten(0, 1).index_select(0, predicted)  # (positions, width)
            labels = labels.flatten().index_select(0, predicted)
        logits = self.scores(hidden, language)
        if labels is not None:
            # The mean over no position is 0 here, and still a function of the weights.
            loss = F.cross_entropy(logits.float(), labels) if len(labels) else logits.sum() * 0
        return MaskedLMOutput(loss, logits, output.hidden_states)


AutoModelForMaskedLM.register(BilingualConfig, BilingualMaskedLM)


def pseudo_perplexity(
    model: BilingualMaskedLM,
    vocabulary: Vocabulary,
    language: str,
    texts: list[str],
    *,
    length: int,
    continuous: bool = False,
    seed: int = 0,
) -> float:
    """exp of the mean loss over every subword of held-out text, each hidden exactly once.

    Each block's subwords are dealt at random into FOLDS of equal size, give or take one; a fold is
    hidden at a time, all of it by [MASK], and predicted from the rest: near the 15% of training. In
    Salazar et al. (2020, section 2), whose term it is, one subword is, so theirs is lower.

    Raises ValueError for a causal model, whose `perplexity` is exact, and when the text does not
    fill one block of `length`.
    """
    if model.config.causal:
        raise ValueError("model is causal; its perplexity hides nothing, and has no folds.")
    packed = pack(vocabulary.encode(language, texts), length, continuous=continuous)
    ids = torch.from_numpy(packed.ids)
    generator = torch.Generator().manual_seed(seed)
    # Subwords first, in random order, and special tokens after them.
    drawn = torch.rand(ids.shape, generator=generator) + (ids < len(SPECIAL))
    fold = drawn.argsort(1).argsort(1) % FOLDS
    hidden = [(fold == number) & (ids >= len(SPECIAL)) for number in range(FOLDS)]
    return _perplexity(
        model,
        (as_batch(language, packed, ids.masked_fill(at, MASK), ids.masked_fill(~at, IGNORED))
         for at in hidden),
    )  # fmt: skip


def perplexity(
    model: BilingualMaskedLM,
    vocabulary: Vocabulary,
    language: str,
    texts: list[str],
    *,
    length: int,
    masking: float = 0.15,
    continuous: bool = False,
    seed: int = 0,
) -> float:
    """Perplexity of held-out text: exp of the mean loss on a fixed choice of subwords.

    Every chosen subword is masked, none kept or replaced (Dufter & Schütze 2020, their code). Over
    500 verses another `seed` moves it by 4 to 8% (one standard deviation, of the encoders that
    ship): it is to follow a training; for anything else use `pseudo_perplexity`.
    Of a causal model it is exact: of every subword after those before it in its block.

    Raises ValueError when nothing is hidden, and for a model that has diverged.
    """
    packed = pack(vocabulary.encode(language, texts), length, continuous=continuous)
    ids = torch.from_numpy(packed.ids)
    if model.config.causal:
        whole = as_batch(language, packed, ids, following(packed))
    else:
        generator = torch.Generator().manual_seed(seed)
        _, labels = mask(ids, masking, ids.new_tensor([0]), generator)
        whole = as_batch(language, packed, torch.where(labels >= 0, MASK, ids), labels)
    return _perplexity(model, [whole])


def _perplexity(model: BilingualMaskedLM, wholes: Iterable[Batch]) -> float:
    """exp of the mean loss of all that is to be predicted."""
    total, count, training = 0.0, 0, model.training
    model.eval()
    with torch.inference_mode():
        for whole in wholes:
            for start in range(0, len(whole.input_ids), ROWS):
                part = whole.rows(slice(start, start + ROWS))
                predicted = int((part.labels >= 0).sum())
                if predicted:
                    total += model(**part.inputs(model.device)).loss.item() * predicted
                    count += predicted
    model.train(training)
    if not count:
        raise ValueError("no subword of the held-out text is hidden, so none can be foretold.")
    if not total / count < LARGEST:
        raise ValueError(
            f"the loss on held-out text is {total / count:.3g} nats a subword; the model has diverged."
        )
    return math.exp(total / count)
