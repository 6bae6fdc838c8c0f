"""The language-model head: scores over the vocabulary, for the positions that are predicted only."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import AutoModelForMaskedLM
from transformers.modeling_outputs import MaskedLMOutput

from isomorph.models.encoder import (
    ACTIVATIONS,
    BilingualConfig,
    BilingualEncoder,
    BilingualPreTrainedModel,
    PerLanguage,
)


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

        labels: (batch, time), -100 wherever nothing is to be predicted; of a causal model the next
        subword (`isomorph.models.batches.following`). The loss is the mean over
        the predicted positions, in nats; `logits` then holds the scores of those positions only,
        (positions, vocabulary).
        """
        language = self.language(language)
        output = self.encoder(
            input_ids, attention_mask, language, output_hidden_states, position_ids
        )
        hidden, loss = output.last_hidden_state, None
        if labels is not None:
            # Rows are gathered by index, so that the projection never sees the other 85%.
            predicted = (labels.flatten() != -100).nonzero().squeeze(1)
            hidden = hidden.flatten(0, 1).index_select(0, predicted)  # (positions, width)
            labels = labels.flatten().index_select(0, predicted)
        logits = self.scores(hidden, language)
        if labels is not None:
            # The mean over no position is 0 here, and still a function of the weights.
            loss = F.cross_entropy(logits.float(), labels) if len(labels) else logits.sum() * 0
        return MaskedLMOutput(loss, logits, output.hidden_states)


AutoModelForMaskedLM.register(BilingualConfig, BilingualMaskedLM)
