"""The language model, masked or causal, and its batches: which text it sees at each step, and what
of that is hidden or to be foretold.

The batch of a step is a function of the text, the vocabulary, the settings, the seed and the
step's number, and of nothing else. A killed run resumes by asking for the next step.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

import numpy as np
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
from isomorph.models.inputs import IGNORED, moved
from isomorph.text.packed import Blocks, Ids, KeptText, Packed, ids_of, passing
from isomorph.text.vocab import MASK, SPECIAL, START, Vocabulary, code_switch


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
        predicted: Tensor | None = None,
        **ignored,
    ) -> MaskedLMOutput:
        """The loss, or scores for every position when there are no labels.

        labels: (batch, time), IGNORED wherever nothing is to be predicted; of a causal model the next
        subword (`following`). predicted: where something is, in the flattened labels, as
        `predicted_of`; left out, it is looked up, for which a GPU has to be waited for. The loss is the
        mean over the predicted positions, in nats; `logits` then holds their scores only, (positions,
        vocabulary).
        """
        language = self.language(language)
        output = self.encoder(
            input_ids, attention_mask, language, output_hidden_states, position_ids
        )
        hidden, loss = output.last_hidden_state, None
        if labels is not None:
            # Rows are gathered by index, so that the projection never sees the other 85%.
            predicted = predicted_of(labels) if predicted is None else predicted
            hidden = hidden.flatten(0, 1).index_select(0, predicted)  # (positions, width)
            labels = labels.flatten().index_select(0, predicted)
        logits = self.scores(hidden, language)
        if labels is not None:
            # The mean over no position is 0 here, and still a function of the weights.
            loss = F.cross_entropy(logits.float(), labels) if len(labels) else logits.sum() * 0
        return MaskedLMOutput(loss, logits, output.hidden_states)


AutoModelForMaskedLM.register(BilingualConfig, BilingualMaskedLM)


def predicted_of(labels: Tensor) -> Tensor:
    """(positions,) where something is to be predicted, in the flattened labels."""
    return (labels.flatten() != IGNORED).nonzero().squeeze(1)


@dataclass(frozen=True)
class Batch:
    """One language's text and what is to be predicted; every tensor is (batch, time).

    A position sees those of its own segment; with `segments` None it sees its whole row.
    """

    language: str
    input_ids: Tensor
    labels: Tensor
    positions: Tensor | None = None
    segments: Tensor | None = None

    def rows(self, chosen: slice | Tensor) -> "Batch":
        """Some rows of the batch."""
        parts = (self.input_ids, self.labels, self.positions, self.segments)
        return Batch(self.language, *(None if part is None else part[chosen] for part in parts))

    def inputs(self, device) -> dict:
        """What a model's forward takes, on a device."""
        named = {"input_ids": self.input_ids, "labels": self.labels}
        named["predicted"] = predicted_of(self.labels)
        if self.segments is not None:
            named |= {"position_ids": self.positions, "attention_mask": self.segments}
        named = {name: moved(part, device) for name, part in named.items()}
        if self.segments is not None:
            segments = named["attention_mask"]
            named["attention_mask"] = segments[:, :, None] == segments[:, None, :]
        return named | {"language": self.language}


def as_batch(language: str, packed: Packed, inputs: Tensor, labels: Tensor) -> Batch:
    """A batch of packed text, of what is shown of it and what is to be predicted."""
    if not packed.segments.any():  # one segment a row needs no mask
        return Batch(language, inputs, labels)
    positions, segments = torch.from_numpy(packed.positions), torch.from_numpy(packed.segments)
    return Batch(language, inputs, labels, positions, segments)


class Batches:
    """Packed, masked batches of one or two languages, by step number.

    Each batch is in one language, drawn with probability proportional to its number of sentences
    raised to `exponent` (Conneau, Wu et al., section 3.1: 0.7). Sentences are shuffled anew each
    epoch. `continuous` lets a row be one stretch of text; see `pack`. `translations` maps a language
    to its words' translations; given, text is code-switched anew each epoch, within what makes up
    one batch. `random_words` of the masking are of "any" language, of the "same" as the batch, as in
    the paper when embeddings are separate, or "none", where [MASK] takes their place. `neighbours`
    are a share and, by language, the ids (vocabulary, k) that show in the place of [MASK] in so many
    of what is masked. `causal`: nothing is masked, and each position is to predict the next.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        texts: Mapping[str, Sequence[str]],
        *,
        batch: int,
        length: int,
        seed: int,
        masking: float = 0.15,
        exponent: float = 0.7,
        translations: Mapping[str, Mapping[str, list[str]]] | None = None,
        random_words: str = "any",
        neighbours: tuple[float, Mapping[str, Tensor]] = (0.0, {}),
        continuous: bool = False,
        causal: bool = False,
    ):
        self.vocabulary, self.texts = vocabulary, texts
        self.batch, self.length, self.seed, self.masking = batch, length, seed, masking
        self.translations, self.continuous, self.causal = translations, continuous, causal
        self.neighbours = neighbours
        self.languages = list(texts)
        sentences = np.array([len(texts[language]) for language in self.languages], dtype=float)
        self.share = sentences**exponent / (sentences**exponent).sum()
        self.encoded = {
            language: ids_of(vocabulary, language, texts[language]) for language in texts
        }
        every = np.array([MASK])
        if random_words != "none":
            every = np.arange(len(SPECIAL), vocabulary.size)
        self.words = {
            language: torch.from_numpy(
                vocabulary.language_ids(language) if random_words == "same" else every
            )
            for language in texts
        }
        self._drawn = lru_cache(maxsize=4096)(self._draw)
        # A batch may end in the next epoch.
        self._epoch = lru_cache(maxsize=len(texts) + 1)(self._build_epoch)
        # Of every epoch before, or each step would switch all earlier epochs again to count them.
        self._length = lru_cache(maxsize=None)(lambda *epoch: len(self._epoch(*epoch)))

    def __getitem__(self, step: int) -> Batch:
        drawn = self._drawn(step // 1024)
        language = int(drawn[step % 1024])
        before = sum(int((self._drawn(i) == language).sum()) for i in range(step // 1024))
        turn = before + int((drawn[: step % 1024] == language).sum())
        name = self.languages[language]
        packed = self._blocks(name, turn * self.batch)
        ids = torch.from_numpy(packed.ids)
        if self.causal:
            return as_batch(name, packed, ids, following(packed))
        generator = torch.Generator().manual_seed(self._seed("mask", step))
        share, near = self.neighbours
        shown, labels = mask(ids, self.masking, self.words[name], generator, share, near.get(name))
        return as_batch(name, packed, shown, labels)

    def _seed(self, purpose: str, *numbers: int) -> int:
        # SeedSequence spreads small, related numbers into unrelated streams.
        entropy = [self.seed, *purpose.encode(), *numbers]
        return int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0] >> 1)

    def _draw(self, thousand: int) -> np.ndarray:
        """The languages of 1,024 steps, as indices."""
        generator = np.random.default_rng(self._seed("language", thousand))
        return generator.choice(len(self.languages), size=1024, p=self.share)

    def _blocks(self, language: str, start: int) -> Packed:
        """`batch` blocks from the endless stream of epochs."""
        epoch, taken = 0, []
        if not self.translations:  # every epoch has the same number of blocks
            epoch, start = divmod(start, self._length(language, 0))
        while start >= self._length(language, epoch):
            start -= self._length(language, epoch)
            epoch += 1
        while (missing := self.batch - sum(map(len, taken))) > 0:
            taken.append(self._epoch(language, epoch)[start : start + missing])
            epoch, start = epoch + 1, 0
        names = ("ids", "positions", "segments")
        return Packed(*(np.concatenate([getattr(p, name) for p in taken]) for name in names))

    def _build_epoch(self, language: str, epoch: int) -> Blocks:
        index = self.languages.index(language)
        generator = np.random.default_rng(self._seed("epoch", index, epoch))
        ids = self.encoded[language]
        order = generator.permutation(len(ids))
        if not self.translations:
            return Blocks(ids, self.length, order=order, continuous=self.continuous)
        texts, translations = self.texts[language], self.translations[language]
        tokens = np.cumsum(2 + np.diff(ids.starts)[order])
        groups = np.split(order, np.flatnonzero(np.diff(tokens // (self.batch * self.length))) + 1)
        switched = (
            code_switch([texts[i] for i in group], translations, generator) for group in groups
        )
        chunks = (self.vocabulary.encode(language, sentences) for sentences in switched)
        ids = passing(chunks) if isinstance(texts, KeptText) else Ids.of(chain(*chunks))
        return Blocks(ids, self.length, continuous=self.continuous)


def mask(
    ids: Tensor,
    rate: float,
    words: Tensor,
    generator: torch.Generator,
    share: float = 0.0,
    neighbours: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Hide text from a model, as BERT does: input ids and labels, both shaped as `ids`.

    A share `rate` of the subwords is to be predicted; of these 80% become [MASK], 10% stay and
    10% become one of `words` (Devlin et al. 2019; Conneau, Wu et al. 2020, section 3.1). Of the 80%
    a `share` of all becomes one of the subword's `neighbours` (vocabulary, k), of which negative ones
    are none and leave [MASK] (Dufter and Schütze 2020).
    """
    chosen = (torch.rand(ids.shape, generator=generator) < rate) & (ids >= len(SPECIAL))
    action = torch.rand(ids.shape, generator=generator)
    random = words[torch.randint(len(words), ids.shape, generator=generator)]
    inputs = torch.where(chosen & (action < 0.8), MASK, ids)
    inputs = torch.where(chosen & (action >= 0.9), random, inputs)
    if neighbours is not None:
        drawn = torch.randint(neighbours.shape[1], ids.shape, generator=generator)
        near = neighbours[ids, drawn]
        inputs = torch.where(chosen & (action < share) & (near >= 0), near, inputs)
    return inputs, torch.where(chosen, ids, IGNORED)


def following(packed: Packed) -> Tensor:
    """The subword after each position, (blocks, time): the labels of a causal model.

    None after the last of a row or of a sentence, and no sentence's beginning is foretold.
    """
    ids, segments = torch.from_numpy(packed.ids), torch.from_numpy(packed.segments)
    labels = torch.full_like(ids, IGNORED)
    foretold = (segments[:, 1:] == segments[:, :-1]) & (ids[:, 1:] != START)
    labels[:, :-1] = torch.where(foretold, ids[:, 1:], IGNORED)
    return labels
